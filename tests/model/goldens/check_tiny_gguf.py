#!/usr/bin/env python3
"""Checks GGUF twins against expected.safetensors by running them through llama.cpp in f32.

Usage: make_tiny_gguf.py --all --out DIR && check_tiny_gguf.py DIR

Needs numpy, safetensors and an importable llama_cpp (README.md says how); development time only.
It is the proof that the twins mean what the safetensors mean, in a third implementation. Families
with SiLU come out near 1e-5; those with tanh-GELU at 2e-3 to 5e-3, because llama.cpp looks GELU up
in an f16 table, hence the bound.
"""

import ctypes
import json
import pathlib
import sys

import llama_cpp
import numpy as np
import safetensors.numpy

HERE = pathlib.Path(__file__).resolve().parent
BOUND = 1e-2


def evaluate(path, ids, embedding):
    """(time, vocabulary) logits, or the (channel) embedding of BERT."""
    parameters = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        sys.exit(f"{path}: llama.cpp cannot load it")
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = len(ids)
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
    parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.embeddings = embedding
    context = llama_cpp.llama_init_from_model(model, parameters)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i] = int(token), i
        batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, True
    run = llama_cpp.llama_encode if embedding else llama_cpp.llama_decode
    if run(context, batch):
        sys.exit(f"{path}: llama.cpp cannot run it")
    if embedding:
        size = llama_cpp.llama_model_n_embd(model)
        return np.array(llama_cpp.llama_get_embeddings_seq(context, 0)[:size])
    size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = llama_cpp.llama_get_logits(context)
    return np.array(rows[:len(ids) * size]).reshape(len(ids), size)


@llama_cpp.llama_log_callback
def quiet(level, text, data):
    if level == 4:
        sys.stderr.write(text.decode())


def main():
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    failed = False
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.gguf")):
        config = json.loads((HERE / path.stem / "config.json").read_text())
        for expected_path in sorted((HERE / path.stem).glob("expected*.safetensors")):
            expected = safetensors.numpy.load_file(expected_path)
            if "token_type_ids" in expected:
                continue  # llama.cpp knows one token type a sequence
            if len(expected["input_ids"]) <= config.get("original_max_position_embeddings", 0):
                continue  # it picks longrope factors by the context's size, at least 256
            got = evaluate(path, expected["input_ids"], "logits" not in expected)
            want = expected["logits" if "logits" in expected else "embedding_mean"]
            if "logits" not in expected:
                got = got / np.linalg.norm(got)
            worst = np.abs(got - want).max()
            failed |= not worst < BOUND
            print(f"{path.stem}/{expected_path.stem}: max abs difference {worst:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
