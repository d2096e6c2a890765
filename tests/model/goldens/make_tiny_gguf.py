#!/usr/bin/env python3
"""Makes the GGUF F32 twin of tiny models, as llama.cpp's converter would lay them out.

Usage: make_tiny_gguf.py [--out DIR] [--all | FAMILY ...]

Reads <family>/config.json and model.safetensors beside this script and writes <family>.gguf into
DIR (default: <family>/model.gguf). Needs numpy, safetensors and gguf (development time only).
Without arguments it makes those that are stored; --all makes every family that GGUF can express, to
check against llama.cpp with check_tiny_gguf.py.

What differs from the Hugging Face files, and why a twin is worth a test:
- llama: the rows of q and k are permuted from half-split to interleaved rotary pairs;
- gemma: norms carry 1 + weight; gpt2: linear layers are transposed, the mask tensor is dropped;
- qwen3_moe: the experts of a layer are one tensor (expert, out, in);
- llama3 rope scaling becomes the tensor rope_freqs, longrope the tensors rope_factors_{long,short};
- mamba and its hybrids: A instead of log(-A), convolutions without their middle dimension;
  Qwen3-Next's queries, keys, values and gates are sorted by kind instead of by head;
- bert: no pooler; the token types are a tensor of their own.
The vocabulary is a stand-in: single characters after the special tokens, enough for a loader that
insists on one.
"""

import argparse
import json
import math
import pathlib
import sys

import gguf
import numpy as np
import safetensors.numpy

HERE = pathlib.Path(__file__).resolve().parent
STORED = ("llama", "qwen2", "gemma3", "gpt2", "phi3_partial", "bert", "mamba", "mamba2", "jamba",
          "falcon_h1", "qwen3_next")
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
                 "qwen3_moe": "qwen3moe", "gemma2": "gemma2", "gemma3_text": "gemma3",
                 "gpt2": "gpt2", "phi3": "phi3", "bert": "bert", "mamba": "mamba",
                 "mamba2": "mamba2", "jamba": "jamba", "falcon_h1": "falcon-h1",
                 "qwen3_next": "qwen3next"}
# llama.cpp has no sliding window for Mistral, a fixed pattern of six layers for Gemma 3, and takes
# the attention scale from the head size.
INEXPRESSIBLE = {"mistral", "gemma3_rope_linear", "qwen2_sharded"}


def permute_rotary(weight, heads):
    """(head * size, …) from pairs (i, i + size/2) to pairs (2i, 2i + 1)."""
    rows = weight.shape[0]
    split = weight.reshape(heads, 2, rows // heads // 2, *weight.shape[1:])
    return split.swapaxes(1, 2).reshape(weight.shape)


def llama3_factors(scaling, theta, size):
    """What each frequency is divided by."""
    base = theta ** (np.arange(0, size, 2, dtype=np.float64) / size)
    wave = 2 * math.pi * base
    factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
    original = scaling["original_max_position_embeddings"]
    smooth = np.clip((original / wave - low) / (high - low), 0.0, 1.0)
    return (1.0 / ((1.0 - smooth) / factor + smooth)).astype(np.float32)


def recurrent_metadata(writer, c, architecture):
    if architecture in ("mamba", "jamba"):
        sizes = (c["hidden_size"] * 2, c.get("state_size") or c["mamba_d_state"],
                 c.get("time_step_rank") or c["mamba_dt_rank"], None)
    elif architecture == "mamba2":
        sizes = (c["num_heads"] * c["head_dim"], c["state_size"], c["num_heads"], c["n_groups"])
    elif architecture == "falcon-h1":
        sizes = (c["mamba_d_ssm"], c["mamba_d_state"], c["mamba_n_heads"], c["mamba_n_groups"])
    elif architecture == "qwen3next":
        sizes = (c["linear_num_value_heads"] * c["linear_value_head_dim"],
                 c["linear_key_head_dim"], c["linear_num_value_heads"], c["linear_num_key_heads"])
        writer.add_array("qwen3next.attention.recurrent_layers",
                         [t == "linear_attention" for t in c["layer_types"]])
        writer.add_expert_shared_feed_forward_length(c["shared_expert_intermediate_size"])
    else:
        return
    inner, states, rank, groups = sizes
    writer.add_ssm_conv_kernel(4)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(states)
    writer.add_ssm_time_step_rank(rank)
    if groups is not None:
        writer.add_ssm_group_count(groups)


def pure_metadata(writer, c):
    """Models of recurrent layers alone."""
    writer.add_context_length(2**20)
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_vocab_size(c["vocab_size"])
    writer.add_layer_norm_rms_eps(c["layer_norm_epsilon"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def metadata(writer, c, architecture):
    recurrent_metadata(writer, c, architecture)
    if architecture in ("mamba", "mamba2"):
        return pure_metadata(writer, c)
    heads = c.get("num_attention_heads") or c["n_head"]
    hidden = c.get("hidden_size") or c["n_embd"]
    head = c.get("head_dim") or hidden // heads
    writer.add_context_length(c.get("max_position_embeddings") or c["n_positions"])
    writer.add_embedding_length(hidden)
    writer.add_block_count(c.get("num_hidden_layers") or c["n_layer"])
    writer.add_feed_forward_length(c.get("intermediate_size") or 4 * hidden)
    writer.add_head_count(heads)
    writer.add_vocab_size(c["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if architecture == "gpt2":
        writer.add_layer_norm_eps(c["layer_norm_epsilon"])
        return
    if architecture == "bert":
        writer.add_layer_norm_eps(c["layer_norm_eps"])
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        writer.add_token_type_count(c["type_vocab_size"])
        return
    if architecture == "jamba":
        writer.add_head_count_kv([
            c["num_key_value_heads"] if i % c["attn_layer_period"] == c["attn_layer_offset"] else 0
            for i in range(c["num_hidden_layers"])])
    else:
        writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_freq_base(c.get("rope_theta", 10000.0))
    rotary = int(head * c.get("partial_rotary_factor", 1.0))
    writer.add_rope_dimension_count(rotary)
    if architecture in ("gemma2", "gemma3", "phi3"):
        writer.add_sliding_window(c.get("sliding_window") or 0)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(c["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(c["final_logit_softcapping"])
    if architecture == "jamba":
        writer.add_expert_count(c["num_experts"])
        writer.add_expert_used_count(c["num_experts_per_tok"])
    if architecture in ("qwen3moe", "qwen3next"):
        writer.add_expert_count(c["num_experts"])
        writer.add_expert_used_count(c["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(c["moe_intermediate_size"])
    if architecture == "phi3":
        original = c.get("original_max_position_embeddings", c["max_position_embeddings"])
        writer.add_rope_scaling_orig_ctx_len(original)
    scaling = c.get("rope_scaling")
    kind = scaling and (scaling.get("rope_type") or scaling["type"])
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    elif kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(scaling["factor"])
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    elif kind == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(scaling, c["rope_theta"], rotary))
    elif kind == "longrope":
        scale = c["max_position_embeddings"] / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        for length in ("long", "short"):
            writer.add_tensor(f"rope_factors_{length}.weight",
                              np.asarray(scaling[f"{length}_factor"], np.float32))


def vocabulary(writer, c, architecture):
    size = c["vocab_size"]
    letters = [chr(ord("!") + i) for i in range(size)]
    if architecture == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        writer.add_tokenizer_model("bert")
        tokens = special + ["\u2581" + t for t in letters[:size - len(special)]]
        writer.add_unk_token_id(1)
        writer.add_bos_token_id(2)
        writer.add_sep_token_id(3)
        writer.add_pad_token_id(0)
    elif architecture in ("gpt2", "qwen2", "qwen3", "qwen3moe", "qwen3next", "falcon-h1", "mamba",
                          "mamba2"):
        special = ["<|pad|>", "<|start|>", "<|end|>"]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2" if architecture == "gpt2" else "qwen2")
        merges = ["t h", "th e", "a n", "an d"]
        words = ["th", "the", "an", "and"]
        tokens = special + letters[:size - len(special) - len(words)] + words
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    else:
        special = ["<unk>", "<s>", "</s>"]
        if architecture == "phi3":
            special.append("<|endoftext|>")  # llama.cpp looks it up
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        tokens = special + ["\u2581"] + letters[:size - len(special) - 1]
        writer.add_token_scores([-float(i) for i in range(size)])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
    kinds = [gguf.TokenType.CONTROL] * len(special) + [gguf.TokenType.NORMAL] * size
    writer.add_token_list(tokens)
    writer.add_token_types(kinds[:size])


def sorted_by_kind(c, value):
    """in_proj_qkvz (heads, [q, k, v, z]) as attn_qkv ([q, k, v], heads) and attn_gate."""
    heads, each = c["linear_num_key_heads"], c["linear_key_head_dim"]
    values = c["linear_num_value_heads"] // heads * c["linear_value_head_dim"]
    grouped = value.reshape(heads, 2 * each + 2 * values, -1)
    parts = np.split(grouped, [each, 2 * each, 2 * each + values], axis=1)
    parts = [p.reshape(-1, value.shape[1]) for p in parts]
    return np.concatenate(parts[:3]), parts[3]


def recurrent_tensor(c, name, value, architecture):
    """Yields the (GGUF name, array) of a recurrent layer's tensor; nothing for others."""
    layer = next((p for p in name.split(".") if p.isdigit()), "")
    per_head = architecture in ("mamba2", "falcon-h1")
    block = f"blk.{layer}."
    if name.endswith("A_log"):
        value = -np.exp(value)
        yield block + "ssm_a", value[:, None] if per_head else value
    elif name.endswith(".D"):
        yield block + "ssm_d", value[:, None] if per_head else value
    elif name.endswith("dt_bias"):
        yield block + "ssm_dt.bias", value
    elif name.endswith("conv1d.weight"):
        yield block + "ssm_conv1d.weight", value[:, 0]
    elif name.endswith("mixer.norm.weight"):
        yield block + "ssm_norm.weight", value.reshape(c["n_groups"], -1)
    elif name.endswith("linear_attn.norm.weight"):
        yield block + "ssm_norm.weight", value
    elif architecture == "falcon-h1" and name.endswith("pre_ff_layernorm.weight"):
        yield block + "ffn_norm", value
    elif name.endswith("in_proj_qkvz.weight"):
        qkv, gate = sorted_by_kind(c, value)
        yield block + "attn_qkv.weight", qkv
        yield block + "attn_gate.weight", gate
    elif name.endswith("shared_expert_gate.weight"):
        yield block + "ffn_gate_inp_shexp.weight", value[0]


def tensors(c, source, architecture):
    """Yields (GGUF name, array) in the source's order."""
    layers = c.get("num_hidden_layers") or c["n_layer"]
    arch = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture)
    names = gguf.get_tensor_name_map(arch, layers)
    experts = {}
    for name, value in source.items():
        if name.startswith("pooler.") or (architecture == "gpt2" and name.endswith(".attn.bias")):
            continue
        if architecture == "gpt2" and value.ndim == 2 and ".c_" in name:
            value = value.T
        own = list(recurrent_tensor(c, name, value, architecture))
        if own:
            yield from own
            continue
        if architecture == "jamba" and ".feed_forward.experts." in name:
            name = name.replace(".feed_forward.", ".mlp.")
        if (architecture.startswith("gemma") or architecture == "qwen3next") and name.endswith(
                "norm.weight"):
            value = value + np.float32(1)
        if architecture == "llama" and ".q_proj." in name:
            value = permute_rotary(value, c["num_attention_heads"])
        if architecture == "llama" and ".k_proj." in name:
            value = permute_rotary(value, c["num_key_value_heads"])
        if ".experts." in name:
            prefix, _, rest = name.partition(".experts.")
            number, _, part = rest.partition(".")
            experts.setdefault(f"{prefix}.experts.{part}", {})[int(number)] = value
            continue
        yield names.get_name(name, try_suffixes=(".weight", ".bias")), value
    for name, parts in experts.items():
        stacked = np.stack([parts[i] for i in sorted(parts)])
        yield names.get_name(name, try_suffixes=(".weight",)), stacked


def make(family, path):
    c = json.loads((HERE / family / "config.json").read_text())
    architecture = ARCHITECTURES[c["model_type"]]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"tiny random {family}")
    metadata(writer, c, architecture)
    vocabulary(writer, c, architecture)
    source = safetensors.numpy.load_file(HERE / family / "model.safetensors")
    for name, value in tensors(c, source, architecture):
        if name is None:
            sys.exit(f"{family}: a tensor has no GGUF name")
        writer.add_tensor(name, np.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(path, path.stat().st_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    families = arguments.families or STORED
    if arguments.all:
        families = sorted(p.parent.name for p in HERE.glob("*/config.json"))
        families = [f for f in families if f not in INEXPRESSIBLE]
    for family in families:
        out = arguments.out
        make(family, out / f"{family}.gguf" if out else HERE / family / "model.gguf")


if __name__ == "__main__":
    main()
