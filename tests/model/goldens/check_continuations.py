#!/usr/bin/env python3
"""Says how far another llama.cpp run of the same weights agrees with continuations_<model>.json.

Usage: check_continuations.py NAME=MODEL.gguf ...

Follows each stored continuation (teacher-forced, one batch a prompt) and reports the first step of
every prompt where MODEL would choose another token, with the margin in log-probability that the
stored run had there. With the F32 twin of dequantize_gguf.py this shows which margins quantized
activations alone can overturn, and so what a test may ask of an engine.
"""

import json
import pathlib
import sys

import llama_reference

HERE = pathlib.Path(__file__).resolve().parent


def first_difference(model, row):
    """(step, margin in the stored run, log-probability lost in this one) or None."""
    model.reset()
    ids = row["prompt"] + row["ids"][:-1]
    logits = model.decode(ids, all_rows=True)[len(row["prompt"]) - 1:]
    for step, (token, values) in enumerate(zip(row["ids"], logits)):
        if values.argmax() != token:
            margin = row["logprobs"][step] - row["second_logprobs"][step]
            return step, margin, float(values.max() - values[token])
    return None


def main():
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        rows = json.loads((HERE / f"continuations_{name}.json").read_text())["continuations"]
        model = llama_reference.Reference(path)
        found = [(i, first_difference(model, row)) for i, row in enumerate(rows)]
        model.close()
        different = [(i, *d) for i, d in found if d]
        print(f"{name}: {len(rows) - len(different)} of {len(rows)} prompts identical")
        for prompt, step, margin, lost in sorted(different, key=lambda d: -d[2]):
            print(f"  prompt {prompt} step {step}: margin {margin:.4f} there, {lost:.4f} here")


if __name__ == "__main__":
    main()
