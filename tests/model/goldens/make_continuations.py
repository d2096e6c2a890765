#!/usr/bin/env python3
"""Makes continuations_<model>.json: what llama.cpp says greedily after prompts.json.

Usage: make_continuations.py NAME=MODEL.gguf ...

64 steps a prompt, END tokens included as any other token, so that every list has the same length.
Each step gives the token chosen, the runner-up and the log-probabilities of both (natural
logarithm, rounded to 4 digits), which tells a reader whether a different choice was a close call.
"""

import json
import pathlib
import sys

import numpy as np

import llama_reference

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 64


def continuation(model, text):
    model.reset()
    prompt = model.tokenize(text)
    print(".", end="", file=sys.stderr, flush=True)
    result = {"prompt": prompt, "ids": [], "second_ids": [], "logprobs": [], "second_logprobs": []}
    logits = model.decode(prompt)[0]
    for _ in range(STEPS):
        first, second = np.argsort(-logits, kind="stable")[:2]
        logprobs = llama_reference.log_softmax(logits)
        result["ids"].append(int(first))
        result["second_ids"].append(int(second))
        result["logprobs"].append(round(float(logprobs[first]), 4))
        result["second_logprobs"].append(round(float(logprobs[second]), 4))
        logits = model.decode([first])[0]
    return result


def main():
    prompts = json.loads((HERE / "prompts.json").read_text())
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        model = llama_reference.Reference(path)
        rows = [continuation(model, p["text"]) for p in prompts]
        model.close()
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        system = json.dumps(llama_reference.describe())
        file = json.dumps(pathlib.Path(path).name)
        (HERE / f"continuations_{name}.json").write_text(
            f'{{"model":{file},\n"system":{system},\n"continuations":[\n{lines}\n]}}\n')
        close = sum(a - b < 0.1 for r in rows
                    for a, b in zip(r["logprobs"], r["second_logprobs"]))
        print(f"{name}: {len(rows)} prompts, {close} of {len(rows) * STEPS} steps are close calls")


if __name__ == "__main__":
    main()
