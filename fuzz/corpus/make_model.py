#!/usr/bin/env python3
"""Makes the seeds of fuzz/model_fuzz.cpp: whole models of one layer in a few kilobytes of GGUF.

Usage: make_model.py [FOLDER]   (default: model/ beside this script)

Small, so that a fuzzer runs thousands a second and hits what describes the model more often than
its weights. Values are a fixed sequence; what the models say does not matter.
"""

import pathlib
import struct
import sys

CHANNELS, HEADS, KV_HEADS, HIDDEN, VOCABULARY, CONTEXT, EXPERTS = 8, 2, 1, 8, 8, 16, 2
F32, Q8_0 = 0, 8
U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, content):
    if kind == STRING:
        return string(content)
    return struct.pack({U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?"}[kind], content)


def entry(key, kind, content):
    head = string(key)
    if isinstance(content, list):
        body = b"".join(value(kind, item) for item in content)
        return head + struct.pack("<IIQ", ARRAY, kind, len(content)) + body
    return head + struct.pack("<I", kind) + value(kind, content)


def tensor_bytes(name, shape, kind):
    count = 1
    for size in shape:
        count *= size
    if name.startswith("rope"):  # divisors
        return struct.pack(f"<{count}f", *(1 + i / 4 for i in range(count)))
    if kind == Q8_0:
        block = struct.pack("<e32b", 0.01, *range(-16, 16))
        return block * (count // 32)
    return struct.pack(f"<{count}f", *(((i * 37) % 101 - 50) / 100 for i in range(count)))


def write(path, metadata, tensors):
    info, data = b"", b""
    for name, shape, kind in tensors:
        info += string(name) + struct.pack("<I", len(shape))
        info += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        info += struct.pack("<IQ", kind, len(data))
        data += tensor_bytes(name, shape, kind)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + info
    path.write_bytes(head + bytes(-len(head) % 32) + data)


def vocabulary(kind):
    tokens = {"llama": ["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "<0x0A>"],
              "gpt2": ["<|end|>", "a", "b", "Ġ", "c", "ab", "Ġa", "d"],
              "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁a", "b", "▁b", "a"]}[kind]
    types = {"llama": [2, 3, 3, 1, 1, 1, 1, 6], "gpt2": [3] + [1] * 7,
             "bert": [3] * 4 + [1] * 4}[kind]
    result = [entry("tokenizer.ggml.model", STRING, kind),
              entry("tokenizer.ggml.tokens", STRING, tokens),
              entry("tokenizer.ggml.token_type", I32, types)]
    if kind == "llama":
        result.append(entry("tokenizer.ggml.scores", FLOAT, [-float(i) for i in range(8)]))
        result.append(entry("tokenizer.ggml.eos_token_id", U32, 2))
    if kind == "gpt2":
        result.append(entry("tokenizer.ggml.pre", STRING, "gpt-2"))
        result.append(entry("tokenizer.ggml.merges", STRING, ["a b", "Ġ a"]))
    return result


def metadata(family, channels, hidden, extra):
    result = [entry("general.architecture", STRING, family)]
    numbers = {"block_count": 1, "context_length": CONTEXT, "embedding_length": channels,
               "feed_forward_length": hidden, "attention.head_count": HEADS}
    numbers.update(extra)
    for key, number in numbers.items():
        kind = {float: FLOAT, bool: BOOL, str: STRING}.get(type(number), U32)
        result.append(entry(f"{family}.{key}", kind, number))
    return result


def decoder(family, vocabulary_kind, channels=CHANNELS, hidden=HIDDEN, kind=F32, bias=False,
            norms=(), head=False, fused=False, experts=False, extra=None, tensors=()):
    size = channels // HEADS
    q, k = HEADS * size, KV_HEADS * size
    layer = {"attn_output": (channels, q), "ffn_down": (channels, hidden)}
    if fused:
        layer.update({"attn_qkv": (q + 2 * k, channels), "ffn_up": (2 * hidden, channels)})
    else:
        layer.update({"attn_q": (q, channels), "attn_k": (k, channels), "attn_v": (k, channels),
                      "ffn_up": (hidden, channels), "ffn_gate": (hidden, channels)})
    if experts:
        for part in ("ffn_up", "ffn_gate", "ffn_down"):
            layer[part + "_exps"] = (EXPERTS, *layer.pop(part))
        layer["ffn_gate_inp"] = (EXPERTS, channels)
    result = [("token_embd.weight", (VOCABULARY, channels), kind),
              ("output_norm.weight", (channels,), F32)]
    if head:
        result.append(("output.weight", (VOCABULARY, channels), kind))
    for name, shape in layer.items():
        result.append((f"blk.0.{name}.weight", shape, F32 if name == "ffn_gate_inp" else kind))
        if bias and name in ("attn_q", "attn_k", "attn_v"):
            result.append((f"blk.0.{name}.bias", shape[:1], F32))
    for name in ("attn_norm", "ffn_norm", *norms):
        width = size if name in ("attn_q_norm", "attn_k_norm") else channels
        result.append((f"blk.0.{name}.weight", (width,), F32))
    keys = {"attention.head_count_kv": KV_HEADS, "attention.layer_norm_rms_epsilon": 1e-5}
    keys.update(extra or {})
    return metadata(family, channels, hidden, keys) + vocabulary(vocabulary_kind), \
        result + list(tensors)


def gpt2():
    layer = [("attn_qkv", (3 * CHANNELS, CHANNELS)), ("attn_output", (CHANNELS, CHANNELS)),
             ("ffn_up", (HIDDEN, CHANNELS)), ("ffn_down", (CHANNELS, HIDDEN))]
    tensors = [("token_embd.weight", (VOCABULARY, CHANNELS), F32),
               ("position_embd.weight", (CONTEXT, CHANNELS), F32)]
    for stem in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        tensors += [(stem + ".weight", (CHANNELS,), F32), (stem + ".bias", (CHANNELS,), F32)]
    for name, shape in layer:
        tensors += [(f"blk.0.{name}.weight", shape, F32), (f"blk.0.{name}.bias", shape[:1], F32)]
    keys = {"attention.layer_norm_epsilon": 1e-5}
    return metadata("gpt2", CHANNELS, HIDDEN, keys) + vocabulary("gpt2"), tensors


def bert():
    layer = [("attn_q", (CHANNELS, CHANNELS)), ("attn_k", (CHANNELS, CHANNELS)),
             ("attn_v", (CHANNELS, CHANNELS)), ("attn_output", (CHANNELS, CHANNELS)),
             ("ffn_up", (HIDDEN, CHANNELS)), ("ffn_down", (CHANNELS, HIDDEN))]
    tensors = [("token_embd.weight", (VOCABULARY, CHANNELS), F32),
               ("position_embd.weight", (CONTEXT, CHANNELS), F32),
               ("token_types.weight", (2, CHANNELS), F32)]
    for stem in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors += [(stem + ".weight", (CHANNELS,), F32), (stem + ".bias", (CHANNELS,), F32)]
    for name, shape in layer:
        tensors += [(f"blk.0.{name}.weight", shape, F32), (f"blk.0.{name}.bias", shape[:1], F32)]
    keys = {"attention.layer_norm_epsilon": 1e-5, "attention.causal": False, "pooling_type": 1}
    return metadata("bert", CHANNELS, HIDDEN, keys) + vocabulary("bert"), tensors


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "model"
    folder.mkdir(exist_ok=True)
    qk = ("attn_q_norm", "attn_k_norm")
    post = ("post_attention_norm", "post_ffw_norm")
    half = CHANNELS // HEADS // 2
    seeds = {
        "llama": decoder("llama", "llama", tensors=[("rope_freqs.weight", (half,), F32)]),
        "llama_q8_0": decoder("llama", "llama", channels=32, hidden=32, kind=Q8_0, head=True),
        "qwen2": decoder("qwen2", "gpt2", bias=True, head=True, extra={
            "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 8}),
        "qwen3moe": decoder("qwen3moe", "gpt2", norms=qk, experts=True, extra={
            "expert_count": EXPERTS, "expert_used_count": 1,
            "expert_feed_forward_length": HIDDEN}),
        "gemma2": decoder("gemma2", "llama", norms=post, extra={
            "attention.sliding_window": 4, "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0}),
        "gemma3": decoder("gemma3", "llama", norms=qk + post, extra={
            "attention.sliding_window": 4}),
        "phi3": decoder("phi3", "llama", fused=True, head=True, extra={
            "rope.scaling.original_context_length": 8}, tensors=[
                ("rope_factors_short.weight", (half,), F32),
                ("rope_factors_long.weight", (half,), F32)]),
        "gpt2": gpt2(),
        "bert": bert(),
    }
    for name, (values, tensors) in seeds.items():
        write(folder / name, values, tensors)


if __name__ == "__main__":
    main()
