#!/usr/bin/env python3
"""Checks GGUF twins against expected.safetensors by running them through llama.cpp in f32.

Usage: make_tiny_gguf.py --all --out DIR && check_tiny_gguf.py DIR

Needs numpy, safetensors and an importable llama_cpp (README.md says how); development time only.
It is the proof that the twins mean what the safetensors mean, in a third implementation. Families
with SiLU come out near 1e-5; those with tanh-GELU at 2e-3 to 5e-3, because llama.cpp looks GELU up
in an f16 table, hence the bound.
"""

import json
import pathlib
import sys

import numpy as np
import safetensors.numpy

import llama_reference

HERE = pathlib.Path(__file__).resolve().parent
BOUND = 1e-2


def evaluate(path, ids, embedding):
    """(time, vocabulary) logits, or the (channel) embedding of BERT scaled to length 1."""
    model = llama_reference.Reference(path, len(ids), embedding=embedding)
    if embedding:
        got = model.embed(ids)
        got /= np.linalg.norm(got)
    else:
        got = model.decode(ids, all_rows=True)
    model.close()
    return got


def main():
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
            worst = np.abs(got - want).max()
            failed |= not worst < BOUND
            print(f"{path.stem}/{expected_path.stem}: max abs difference {worst:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
