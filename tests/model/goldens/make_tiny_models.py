#!/usr/bin/env python3
"""Makes the tiny random models of every family and their expected logits.

Usage: make_tiny_models.py [--out DIR] [FAMILY ...]

Needs numpy, torch, transformers and safetensors (development time only). Each family becomes a
folder in Hugging Face layout (config.json, model.safetensors in f32, hub tensor names) plus
config_v5.json (the same as transformers 5 writes it) and expected.safetensors, computed by
transformers on the CPU in f32 with eager attention. The weights
depend on the family and the tensor's name only (PCG64 seeded by their CRC-32), so they are the same
on every machine and with every version of the packages. README.md beside this file states the
layout.

transformers reads the very files that are stored: a missing, unexpected or misshapen tensor ends
the script, and so does a model whose own f32 and f64 runs differ by more than 2e-5 (then 1e-4 would
be too tight a bound for somebody else's f32).
"""

import argparse
import json
import pathlib
import shutil
import sys
import zlib

import numpy as np
import safetensors
import safetensors.numpy
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY = 80
PROMPT = 32


class Weights:
    """Named f32 tensors of one model, drawn so that logits, attention and gates are not flat."""

    def __init__(self, family):
        self.family = family
        self.tensors = {}

    def normal(self, name, shape, std, mean=0.0):
        rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{self.family}/{name}".encode())))
        self.tensors[name] = (mean + std * rng.standard_normal(shape)).astype(np.float32)

    def linear(self, name, outputs, inputs, gain=1.3, bias=False):
        """A torch Linear: weight (out, in)."""
        self.normal(f"{name}.weight", (outputs, inputs), gain / inputs**0.5)
        if bias:
            self.normal(f"{name}.bias", (outputs,), 0.3)

    def conv1d(self, name, inputs, outputs, gain=1.3):
        """GPT-2's transposed linear layer: weight (in, out)."""
        self.normal(f"{name}.weight", (inputs, outputs), gain / inputs**0.5)
        self.normal(f"{name}.bias", (outputs,), 0.3)

    def rms_norm(self, name, size, mean=1.0):
        self.normal(f"{name}.weight", (size,), 0.3, mean)

    def layer_norm(self, name, size):
        self.normal(f"{name}.weight", (size,), 0.3, 1.0)
        self.normal(f"{name}.bias", (size,), 0.3)


def head_size(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def decoder(w, c, qkv_bias=False, qk_norm=False, norm_mean=1.0, norms=("input_layernorm",
            "post_attention_layernorm"), mlp=None, attention=None):
    """The llama lineage: pre-norm blocks with gated feed-forward under the `model.` prefix."""
    hidden, head = c["hidden_size"], head_size(c)
    query = c["num_attention_heads"] * head
    key = c["num_key_value_heads"] * head
    w.normal("model.embed_tokens.weight", (c["vocab_size"], hidden),
             0.5 if c["tie_word_embeddings"] else 1.0)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for norm in norms:
            w.rms_norm(p + norm, hidden, norm_mean)
        if attention:
            attention(w, c, p)
        else:
            w.linear(p + "self_attn.q_proj", query, hidden, bias=qkv_bias)
            w.linear(p + "self_attn.k_proj", key, hidden, bias=qkv_bias)
            w.linear(p + "self_attn.v_proj", key, hidden, bias=qkv_bias)
            w.linear(p + "self_attn.o_proj", hidden, query)
        if qk_norm:
            w.rms_norm(p + "self_attn.q_norm", head, norm_mean)
            w.rms_norm(p + "self_attn.k_norm", head, norm_mean)
        (mlp or gated_mlp)(w, c, p)
    w.rms_norm("model.norm", hidden, norm_mean)
    if not c["tie_word_embeddings"]:
        w.linear("lm_head", c["vocab_size"], hidden, gain=3.0)


def gated_mlp(w, c, p):
    w.linear(p + "mlp.gate_proj", c["intermediate_size"], c["hidden_size"])
    w.linear(p + "mlp.up_proj", c["intermediate_size"], c["hidden_size"])
    w.linear(p + "mlp.down_proj", c["hidden_size"], c["intermediate_size"])


def expert_mlp(w, c, p):
    w.linear(p + "mlp.gate", c["num_experts"], c["hidden_size"], gain=2.5)
    for e in range(c["num_experts"]):
        q = f"{p}mlp.experts.{e}."
        w.linear(q + "gate_proj", c["moe_intermediate_size"], c["hidden_size"])
        w.linear(q + "up_proj", c["moe_intermediate_size"], c["hidden_size"])
        w.linear(q + "down_proj", c["hidden_size"], c["moe_intermediate_size"])


def phi3_attention(w, c, p):
    head = head_size(c)
    rows = (c["num_attention_heads"] + 2 * c["num_key_value_heads"]) * head
    w.linear(p + "self_attn.qkv_proj", rows, c["hidden_size"])
    w.linear(p + "self_attn.o_proj", c["hidden_size"], c["num_attention_heads"] * head)


def phi3_mlp(w, c, p):
    w.linear(p + "mlp.gate_up_proj", 2 * c["intermediate_size"], c["hidden_size"])
    w.linear(p + "mlp.down_proj", c["hidden_size"], c["intermediate_size"])


def gpt2(w, c):
    hidden, positions = c["n_embd"], c["n_positions"]
    w.normal("wte.weight", (c["vocab_size"], hidden), 0.6)
    w.normal("wpe.weight", (positions, hidden), 0.3)
    for i in range(c["n_layer"]):
        p = f"h.{i}."
        w.layer_norm(p + "ln_1", hidden)
        w.layer_norm(p + "ln_2", hidden)
        # The published files carry the causal mask as a tensor; readers must know to skip it.
        mask = np.tril(np.ones((1, 1, positions, positions), np.float32))
        w.tensors[p + "attn.bias"] = mask
        w.conv1d(p + "attn.c_attn", hidden, 3 * hidden)
        w.conv1d(p + "attn.c_proj", hidden, hidden)
        w.conv1d(p + "mlp.c_fc", hidden, 4 * hidden)
        w.conv1d(p + "mlp.c_proj", 4 * hidden, hidden)
    w.layer_norm("ln_f", hidden)


def bert(w, c):
    hidden = c["hidden_size"]
    w.normal("embeddings.word_embeddings.weight", (c["vocab_size"], hidden), 1.0)
    w.normal("embeddings.position_embeddings.weight", (c["max_position_embeddings"], hidden), 0.5)
    w.normal("embeddings.token_type_embeddings.weight", (c["type_vocab_size"], hidden), 0.5)
    w.layer_norm("embeddings.LayerNorm", hidden)
    for i in range(c["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        w.linear(p + "attention.self.query", hidden, hidden, bias=True)
        w.linear(p + "attention.self.key", hidden, hidden, bias=True)
        w.linear(p + "attention.self.value", hidden, hidden, bias=True)
        w.linear(p + "attention.output.dense", hidden, hidden, bias=True)
        w.layer_norm(p + "attention.output.LayerNorm", hidden)
        w.linear(p + "intermediate.dense", c["intermediate_size"], hidden, bias=True)
        w.linear(p + "output.dense", hidden, c["intermediate_size"], bias=True)
        w.layer_norm(p + "output.LayerNorm", hidden)
    w.linear("pooler.dense", hidden, hidden, bias=True)


def taps(w, name, channels, bias=True):
    """A causal depthwise convolution of four taps: weight (channels, 1, 4)."""
    w.normal(f"{name}.weight", (channels, 1, 4), 0.5)
    if bias:
        w.normal(f"{name}.bias", (channels,), 0.3)


def mamba_mixer(w, p, hidden, inner, states, rank, norms=False):
    w.linear(p + "in_proj", 2 * inner, hidden)
    taps(w, p + "conv1d", inner)
    w.linear(p + "x_proj", rank + 2 * states, inner, gain=0.7)
    w.linear(p + "dt_proj", inner, rank, bias=True)
    w.normal(p + "A_log", (inner, states), 0.5, 0.5)
    w.normal(p + "D", (inner,), 0.5, 1.0)
    if norms:
        w.rms_norm(p + "dt_layernorm", rank)
        w.rms_norm(p + "b_layernorm", states)
        w.rms_norm(p + "c_layernorm", states)
    w.linear(p + "out_proj", hidden, inner)


def mamba2_mixer(w, p, hidden, inner, heads, states, groups, norm):
    w.linear(p + "in_proj", 2 * inner + 2 * groups * states + heads, hidden)
    taps(w, p + "conv1d", inner + 2 * groups * states)
    w.normal(p + "dt_bias", (heads,), 0.7, -0.5)
    w.normal(p + "A_log", (heads,), 0.7, 0.3)
    w.normal(p + "D", (heads,), 0.5, 1.0)
    if norm:
        w.rms_norm(p + "norm", inner)
    w.linear(p + "out_proj", hidden, inner)


def mamba(w, c):
    hidden = c["hidden_size"]
    w.normal("backbone.embeddings.weight", (c["vocab_size"], hidden), 0.5)
    for i in range(c["num_hidden_layers"]):
        p = f"backbone.layers.{i}."
        w.rms_norm(p + "norm", hidden)
        if c["model_type"] == "mamba":
            mamba_mixer(w, p + "mixer.", hidden, 2 * hidden, c["state_size"], c["time_step_rank"])
        else:
            mamba2_mixer(w, p + "mixer.", hidden, 2 * hidden, c["num_heads"], c["state_size"],
                         c["n_groups"], norm=True)
    w.rms_norm("backbone.norm_f", hidden)
    if not c["tie_word_embeddings"]:
        w.linear("lm_head", c["vocab_size"], hidden, gain=3.0)


def jamba_mlp(w, c, p):
    w.rms_norm(p + "pre_ff_layernorm", c["hidden_size"])
    layer = int(p.split(".")[2])
    if layer % c["expert_layer_period"] != c["expert_layer_offset"]:
        names = [p + "feed_forward."]
    else:
        w.linear(p + "feed_forward.router", c["num_experts"], c["hidden_size"], gain=2.5)
        names = [f"{p}feed_forward.experts.{e}." for e in range(c["num_experts"])]
    for name in names:
        w.linear(name + "gate_proj", c["intermediate_size"], c["hidden_size"])
        w.linear(name + "up_proj", c["intermediate_size"], c["hidden_size"])
        w.linear(name + "down_proj", c["hidden_size"], c["intermediate_size"])


def plain_attention(w, c, p, opened=False):
    head, hidden = head_size(c), c["hidden_size"]
    query, key = c["num_attention_heads"] * head, c["num_key_value_heads"] * head
    w.linear(p + "self_attn.q_proj", 2 * query if opened else query, hidden)
    w.linear(p + "self_attn.k_proj", key, hidden)
    w.linear(p + "self_attn.v_proj", key, hidden)
    w.linear(p + "self_attn.o_proj", hidden, query)


def jamba_mixer(w, c, p):
    if int(p.split(".")[2]) % c["attn_layer_period"] == c["attn_layer_offset"]:
        plain_attention(w, c, p)
    else:
        mamba_mixer(w, p + "mamba.", c["hidden_size"], 2 * c["hidden_size"], c["mamba_d_state"],
                    c["mamba_dt_rank"], norms=True)


def renamed(w, old, new):
    w.tensors[new] = w.tensors.pop(old)


def jamba(w, c):
    decoder(w, c, norms=("input_layernorm",), mlp=jamba_mlp, attention=jamba_mixer)
    renamed(w, "model.norm.weight", "model.final_layernorm.weight")


def falcon_h1_mixer(w, c, p):
    plain_attention(w, c, p)
    mamba2_mixer(w, p + "mamba.", c["hidden_size"], c["mamba_d_ssm"], c["mamba_n_heads"],
                 c["mamba_d_state"], c["mamba_n_groups"], norm=False)


def falcon_h1_mlp(w, c, p):
    w.rms_norm(p + "pre_ff_layernorm", c["hidden_size"])
    gated_mlp(w, c, p)
    for part in ("gate_proj", "up_proj", "down_proj"):
        renamed(w, f"{p}mlp.{part}.weight", f"{p}feed_forward.{part}.weight")


def falcon_h1(w, c):
    decoder(w, c, norms=("input_layernorm",), mlp=falcon_h1_mlp, attention=falcon_h1_mixer)
    renamed(w, "model.norm.weight", "model.final_layernorm.weight")


def qwen3_next_mixer(w, c, p):
    if c["layer_types"][int(p.split(".")[2])] == "full_attention":
        plain_attention(w, c, p, opened=True)
        w.rms_norm(p + "self_attn.q_norm", head_size(c), 0.0)
        w.rms_norm(p + "self_attn.k_norm", head_size(c), 0.0)
        return
    hidden, heads = c["hidden_size"], c["linear_num_value_heads"]
    keys = c["linear_num_key_heads"] * c["linear_key_head_dim"]
    values = heads * c["linear_value_head_dim"]
    q = p + "linear_attn."
    w.linear(q + "in_proj_qkvz", 2 * keys + 2 * values, hidden, gain=1.0)
    w.linear(q + "in_proj_ba", 2 * heads, hidden)
    taps(w, q + "conv1d", 2 * keys + values, bias=False)
    w.normal(q + "dt_bias", (heads,), 0.7, -0.5)
    w.normal(q + "A_log", (heads,), 0.7, 0.3)
    w.rms_norm(q + "norm", c["linear_value_head_dim"])
    w.linear(q + "out_proj", hidden, values, gain=0.7)


def qwen3_next_mlp(w, c, p):
    expert_mlp(w, c, p)
    w.linear(p + "mlp.shared_expert_gate", 1, c["hidden_size"])
    size = c["shared_expert_intermediate_size"]
    w.linear(p + "mlp.shared_expert.gate_proj", size, c["hidden_size"])
    w.linear(p + "mlp.shared_expert.up_proj", size, c["hidden_size"])
    w.linear(p + "mlp.shared_expert.down_proj", c["hidden_size"], size)


def qwen3_next(w, c):
    decoder(w, c, norm_mean=0.0, mlp=qwen3_next_mlp, attention=qwen3_next_mixer)


def config(model_type, architecture, **fields):
    base = dict(architectures=[architecture], model_type=model_type, vocab_size=VOCABULARY,
                torch_dtype="float32")
    shape = dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1,
                 eos_token_id=2, tie_word_embeddings=False)
    return base | shape | fields


def llama(**fields):
    return config("llama", "LlamaForCausalLM", hidden_act="silu", rms_norm_eps=1e-5,
                  rope_theta=10000.0, attention_bias=False, mlp_bias=False, **fields)


def qwen2(**fields):
    return config("qwen2", "Qwen2ForCausalLM", hidden_act="silu", rms_norm_eps=1e-6,
                  rope_theta=1000000.0, use_sliding_window=False, sliding_window=32,
                  max_window_layers=2, **fields)


def qwen3(model_type, architecture, **fields):
    return config(model_type, architecture, hidden_act="silu", rms_norm_eps=1e-6, head_dim=16,
                  rope_theta=1000000.0, attention_bias=False, use_sliding_window=False,
                  sliding_window=None, **fields)


def gemma(model_type, architecture, **fields):
    return config(model_type, architecture, hidden_activation="gelu_pytorch_tanh",
                  rms_norm_eps=1e-6, head_dim=16, sliding_window=8, attention_bias=False,
                  pad_token_id=0, **(dict(tie_word_embeddings=True) | fields))


def phi3(**fields):
    return config("phi3", "Phi3ForCausalLM", hidden_act="silu", rms_norm_eps=1e-5,
                  rope_theta=10000.0, pad_token_id=0, **fields)


GEMMA_NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
               "post_feedforward_layernorm")


def gemma_weights(qk_norm):
    # Gemma's norms multiply by 1 + weight, hence the mean of 0.
    return lambda w, c: decoder(w, c, qk_norm=qk_norm, norm_mean=0.0, norms=GEMMA_NORMS)


def phi3_weights(w, c):
    decoder(w, c, mlp=phi3_mlp, attention=phi3_attention)


# family -> (config, weights, {expected file's suffix: prompt length})
FAMILIES = {
    "llama": (llama(), decoder, {"": PROMPT}),
    # 8 frequencies: one kept, two blended, five divided by 8.
    "llama_rope_llama3": (
        llama(num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True,
              rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0,
                                high_freq_factor=4.0, original_max_position_embeddings=64)),
        decoder, {"": PROMPT}),
    # The older spelling of the key ("type" instead of "rope_type").
    "llama_rope_linear": (
        llama(num_key_value_heads=4, rope_scaling=dict(type="linear", factor=4.0)),
        decoder, {"": PROMPT}),
    "llama_bias": (
        llama() | dict(attention_bias=True, mlp_bias=True, num_hidden_layers=1),
        lambda w, c: llama_bias(w, c), {"": PROMPT}),
    "mistral": (
        config("mistral", "MistralForCausalLM", hidden_act="silu", rms_norm_eps=1e-5,
               rope_theta=10000.0, head_dim=16, sliding_window=8),
        decoder, {"": PROMPT}),
    "qwen2": (
        qwen2(tie_word_embeddings=True),
        lambda w, c: decoder(w, c, qkv_bias=True), {"": PROMPT}),
    "qwen2_yarn": (
        qwen2(num_attention_heads=2, num_key_value_heads=1,
              rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=32)),
        lambda w, c: decoder(w, c, qkv_bias=True), {"": PROMPT}),
    "qwen3": (
        qwen3("qwen3", "Qwen3ForCausalLM", tie_word_embeddings=True, max_window_layers=2),
        lambda w, c: decoder(w, c, qk_norm=True), {"": PROMPT}),
    "qwen3_moe": (
        qwen3("qwen3_moe", "Qwen3MoeForCausalLM", num_experts=6, num_experts_per_tok=2,
              moe_intermediate_size=24, norm_topk_prob=True, decoder_sparse_step=1,
              mlp_only_layers=[]),
        lambda w, c: decoder(w, c, qk_norm=True, mlp=expert_mlp), {"": PROMPT}),
    # Caps low enough to bend these small scores.
    "gemma2": (
        gemma("gemma2", "Gemma2ForCausalLM", num_hidden_layers=3, rope_theta=10000.0,
              query_pre_attn_scalar=16, attn_logit_softcapping=3.0, final_logit_softcapping=6.0),
        gemma_weights(False), {"": PROMPT}),
    "gemma3": (
        gemma("gemma3_text", "Gemma3ForCausalLM", num_hidden_layers=6, num_attention_heads=2,
              num_key_value_heads=1, rope_theta=1000000.0, rope_local_base_freq=10000.0,
              query_pre_attn_scalar=16, rope_scaling=None, _sliding_window_pattern=6,
              layer_types=["sliding_attention"] * 5 + ["full_attention"]),
        gemma_weights(True), {"": PROMPT}),
    # As the 4B and larger: linear scaling, which concerns the global layers only.
    "gemma3_rope_linear": (
        gemma("gemma3_text", "Gemma3ForCausalLM", num_hidden_layers=2, num_attention_heads=2,
              num_key_value_heads=1, rope_theta=1000000.0, rope_local_base_freq=10000.0,
              query_pre_attn_scalar=24, rope_scaling=dict(rope_type="linear", factor=8.0),
              layer_types=["sliding_attention", "full_attention"]),
        gemma_weights(True), {"": PROMPT}),
    "gpt2": (
        dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", vocab_size=VOCABULARY,
             activation_function="gelu_new", n_ctx=48, n_embd=32, n_head=4, n_layer=2,
             n_positions=48, layer_norm_epsilon=1e-5, bos_token_id=1, eos_token_id=1),
        gpt2, {"": PROMPT}),
    "phi3": (phi3(), phi3_weights, {"": PROMPT}),
    # Prompts on both sides of original_max_position_embeddings, which picks the factors.
    "phi3_longrope": (
        phi3(num_attention_heads=2, num_key_value_heads=1, original_max_position_embeddings=32,
             sliding_window=262144,
             rope_scaling=dict(type="longrope",
                               short_factor=[1.0, 1.02, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4],
                               long_factor=[1.05, 1.2, 1.5, 2.0, 2.8, 4.0, 6.0, 9.0])),
        phi3_weights, {"": 24, "_long": 40}),
    # As Phi-4-mini: only three quarters of each head rotate; tied embeddings.
    "phi3_partial": (
        phi3(num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
             original_max_position_embeddings=32, partial_rotary_factor=0.75,
             tie_word_embeddings=True, sliding_window=262144,
             rope_scaling=dict(type="longrope", short_factor=[1.0, 1.0, 1.1, 1.2, 1.4, 1.5],
                               long_factor=[1.1, 1.3, 1.8, 2.5, 4.0, 7.0])),
        phi3_weights, {"": 24, "_long": 40}),
    "mamba": (
        dict(architectures=["MambaForCausalLM"], model_type="mamba", vocab_size=VOCABULARY,
             torch_dtype="float32", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
             state_size=6, time_step_rank=4, conv_kernel=4, expand=2, hidden_act="silu",
             layer_norm_epsilon=1e-5, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
             pad_token_id=0),
        mamba, {"": PROMPT}),
    # Heads whose channels fill no vector, groups of heads that share B and C.
    "mamba2": (
        dict(architectures=["Mamba2ForCausalLM"], model_type="mamba2", vocab_size=VOCABULARY,
             torch_dtype="float32", hidden_size=36, num_hidden_layers=2, num_heads=4, head_dim=18,
             state_size=8, n_groups=2, conv_kernel=4, expand=2, hidden_act="silu", chunk_size=8,
             layer_norm_epsilon=1e-5, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
             pad_token_id=0),
        mamba, {"": PROMPT}),
    "jamba": (
        config("jamba", "JambaForCausalLM", hidden_act="silu", rms_norm_eps=1e-6, pad_token_id=0,
               num_hidden_layers=3, attn_layer_period=3, attn_layer_offset=1, num_experts=4,
               num_experts_per_tok=2, expert_layer_period=2, expert_layer_offset=1,
               mamba_d_state=6, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=4,
               use_mamba_kernels=False),
        jamba, {"": PROMPT}),
    "falcon_h1": (
        config("falcon_h1", "FalconH1ForCausalLM", hidden_act="silu", rms_norm_eps=1e-5,
               rope_theta=100000.0, head_dim=16, pad_token_id=0, mamba_d_ssm=48, mamba_n_heads=4,
               mamba_d_head=12, mamba_n_groups=1, mamba_d_state=8, mamba_d_conv=4,
               mamba_chunk_size=8, mamba_rms_norm=False, mamba_norm_before_gate=False),
        falcon_h1, {"": PROMPT}),
    "qwen3_next": (
        config("qwen3_next", "Qwen3NextForCausalLM", hidden_act="silu", rms_norm_eps=1e-6,
               rope_theta=10000000.0, partial_rotary_factor=0.5, head_dim=16, attention_bias=False,
               num_hidden_layers=2, layer_types=["linear_attention", "full_attention"],
               linear_conv_kernel_dim=4, linear_key_head_dim=8, linear_value_head_dim=8,
               linear_num_key_heads=2, linear_num_value_heads=4, num_experts=6,
               num_experts_per_tok=2, moe_intermediate_size=24,
               shared_expert_intermediate_size=20, norm_topk_prob=True, decoder_sparse_step=1,
               mlp_only_layers=[]),
        qwen3_next, {"": PROMPT}),
    "bert": (
        dict(architectures=["BertModel"], model_type="bert", vocab_size=VOCABULARY,
             hidden_act="gelu", hidden_size=32, intermediate_size=40, num_hidden_layers=2,
             num_attention_heads=4, max_position_embeddings=64, type_vocab_size=2,
             layer_norm_eps=1e-12, position_embedding_type="absolute", pad_token_id=0),
        bert, {"": PROMPT, "_pair": PROMPT}),
}


def llama_bias(w, c):
    decoder(w, c)
    for name, value in list(w.tensors.items()):
        if "_proj.weight" in name:
            w.normal(name.replace(".weight", ".bias"), (value.shape[0],), 0.3)


def prompt(family, suffix, length):
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{family}/prompt{suffix}".encode())))
    return rng.integers(3, VOCABULARY, (length,), dtype=np.int64)


def save(path, tensors):
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})


def load(folder, architecture, dtype):
    cls = getattr(transformers, architecture)
    model, info = cls.from_pretrained(folder, dtype=dtype, attn_implementation="eager",
                                      experts_implementation="eager",
                                      output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if info.get(kind):
            sys.exit(f"{folder}: {kind}: {info[kind]}")
    return model.eval()


def smallest_routing_margin(model, ids, experts):
    """Least gap between the last expert chosen and the first left out, in router logits."""
    gaps = []

    def hook(module, inputs, _):
        scores = torch.nn.functional.linear(inputs[0].reshape(-1, module.weight.shape[1]),
                                            module.weight)
        top = scores.topk(experts + 1, dim=-1).values
        gaps.append(float((top[:, experts - 1] - top[:, experts]).min()))

    handles = [m.register_forward_hook(hook) for n, m in model.named_modules()
               if n.endswith(("mlp.gate", "feed_forward.router"))]
    with torch.no_grad():
        model(ids)
    for handle in handles:
        handle.remove()
    return min(gaps)


def run(model, ids, types=None):
    """All that one forward pass gives, without the batch dimension."""
    arguments = dict(input_ids=ids, output_hidden_states=True)
    if types is not None:
        arguments["token_type_ids"] = types
    with torch.no_grad():
        out = model(**arguments)
    tensors = {f"hidden.{i}": h[0] for i, h in enumerate(out.hidden_states)}
    if "logits" in out:
        tensors["logits"] = out.logits[0]
    else:
        last = out.last_hidden_state[0]
        tensors["pooler_output"] = out.pooler_output[0]
        tensors["embedding_mean"] = torch.nn.functional.normalize(last.mean(0), dim=0)
        tensors["embedding_cls"] = torch.nn.functional.normalize(last[0], dim=0)
    return {name: t.to(torch.float64).numpy() for name, t in tensors.items()}


def make(family, out):
    fields, weights, prompts = FAMILIES[family]
    folder = out / family
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    w = Weights(family)
    weights(w, fields)
    save(folder / "model.safetensors", w.tensors)
    architecture = fields["architectures"][0]
    model, exact_model = (load(folder, architecture, t) for t in (torch.float32, torch.float64))
    (folder / "config_v5.json").write_text(model.config.to_json_string(use_diff=True))
    for suffix, length in prompts.items():
        ids = prompt(family, suffix, length)
        stored = {"input_ids": ids.astype(np.int32)}
        types = None
        if suffix == "_pair":
            types = torch.from_numpy((np.arange(length) >= length // 2).astype(np.int64))[None]
            stored["token_type_ids"] = types[0].numpy().astype(np.int32)
        batch = torch.from_numpy(ids)[None]
        got, exact = run(model, batch, types), run(exact_model, batch, types)
        drift = max(float(np.abs(got[n] - exact[n]).max()) for n in got)
        line = f"{family}{suffix}: {length} ids, f32 against f64 {drift:.1e}"
        if "logits" in got:
            line += f", logits std {got['logits'].std():.2f}"
        if drift > 2e-5:
            sys.exit(line + ": too badly conditioned to be a golden")
        if "num_experts" in fields:
            margin = smallest_routing_margin(model, batch, fields["num_experts_per_tok"])
            line += f", smallest routing margin {margin:.4f}"
            if margin < 1e-4:
                sys.exit(line + ": an expert is chosen by a hair")
        save(folder / f"expected{suffix}.safetensors",
             stored | {n: t.astype(np.float32) for n, t in got.items()})
        print(line)


def shard(out):
    """qwen2 once more, in two shards with an index, as larger models are published."""
    source, folder = out / "qwen2", out / "qwen2_sharded"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(source / "config.json", folder)
    tensors = safetensors.numpy.load_file(source / "model.safetensors")
    names = sorted(tensors)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": {}}
    for i, part in enumerate((names[:len(names) // 2], names[len(names) // 2:])):
        file = f"model-{i + 1:05}-of-00002.safetensors"
        save(folder / file, {n: tensors[n] for n in part})
        index["weight_map"] |= {n: file for n in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    load(folder, "Qwen2ForCausalLM", torch.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="default: all")
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for package in (np, torch, transformers, safetensors):
        print(package.__name__, package.__version__)
    for family in arguments.families or FAMILIES:
        make(family, arguments.out)
    if not arguments.families or "qwen2" in arguments.families:
        shard(arguments.out)


if __name__ == "__main__":
    main()
