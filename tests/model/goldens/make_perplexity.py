#!/usr/bin/env python3
"""Scores perplexity_64k.txt with llama.cpp: perplexity, and the KL divergence from exact weights.

Usage: make_perplexity.py NAME=MODEL.gguf[,MODEL.f32.gguf] ...

Adds NAME to perplexity.json and, where the F32 twin made by dequantize_gguf.py is given, to
kl_reference.json. The method is that of llama-perplexity: the text's tokens (with BOS in front if
the model wants one) are cut into windows of 512, an incomplete last window is dropped; each window
is run afresh, its first token replaced by BOS if the model wants one; the logits at positions 256
to 510 score the tokens at 257 to 511. Perplexity is exp of the mean negative log-probability.
The divergence is the mean of KL(exact || quantized) in nats over the same positions of every fourth
window, beginning with the first (an exact run of all of them takes long and tells little more).
"""

import json
import math
import pathlib
import sys

import numpy as np

import llama_reference

HERE = pathlib.Path(__file__).resolve().parent
WINDOW = 512
EXACT_EVERY = 4
ROWS = 32  # rows of the vocabulary's width held in f64 at a time


def windows(model, ids):
    for start in range(0, len(ids) - WINDOW + 1, WINDOW):
        window = list(ids[start:start + WINDOW])
        if model.bos() is not None:
            window[0] = model.bos()
        yield window


class Sums:
    def __init__(self):
        self.scored = 0
        self.surprise = 0.0
        self.divergences = []
        self.same_best = 0

    def add(self, targets, logits):
        """logits: name -> (time, vocabulary) f32 for the scored positions."""
        for row in range(0, len(targets), ROWS):
            part = targets[row:row + ROWS]
            logprobs = {name: llama_reference.log_softmax(values[row:row + ROWS])
                        for name, values in logits.items()}
            q = logprobs["quantized"]
            self.surprise -= q[np.arange(len(part)), part].sum()
            if "exact" in logprobs:
                p = logprobs["exact"]
                self.divergences.extend((np.exp(p) * (p - q)).sum(-1))
                self.same_best += int((p.argmax(-1) == q.argmax(-1)).sum())
        self.scored += len(targets)

    def perplexity(self):
        return round(math.exp(self.surprise / self.scored), 4)


def score(path, exact_path, text):
    models = {"quantized": llama_reference.Reference(path)}
    if exact_path:
        models["exact"] = llama_reference.Reference(exact_path)
    ids = models["quantized"].tokenize(text)
    sums, count = Sums(), 0
    for window in windows(models["quantized"], ids):
        logits = {}
        for name, model in models.items():
            if name == "exact" and count % EXACT_EVERY:
                continue
            model.reset()
            logits[name] = model.decode(window, all_rows=True)[WINDOW // 2:-1]
        sums.add(np.array(window[WINDOW // 2 + 1:]), logits)
        count += 1
        print(f"\r{count} windows", end="", file=sys.stderr, flush=True)
    for model in models.values():
        model.close()
    return len(ids), count, sums


def store(path, name, entry):
    content = json.loads(path.read_text()) if path.exists() else {}
    content[name] = entry
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def main():
    text = (HERE / "perplexity_64k.txt").read_text()
    for argument in sys.argv[1:]:
        name, _, paths = argument.partition("=")
        path, _, exact_path = paths.partition(",")
        tokens, count, sums = score(path, exact_path, text)
        common = {"model": pathlib.Path(path).name, "tokens": tokens, "windows": count,
                  "system": llama_reference.describe()}
        entry = {"scored": sums.scored, "perplexity": sums.perplexity()}
        if exact_path:
            kl = np.array(sums.divergences)
            store(HERE / "kl_reference.json", name, common | {
                "scored": len(kl), "mean_kl": float(f"{kl.mean():.4e}"),
                "median_kl": float(f"{np.median(kl):.4e}"),
                "p99_kl": float(f"{np.quantile(kl, 0.99):.4e}"), "max_kl": float(f"{kl.max():.4e}"),
                "standard_error": float(f"{kl.std() / len(kl)**0.5:.2e}"),
                "same_best": round(sums.same_best / len(kl), 4)})
            print(f"{name}: mean KL {kl.mean():.4e}")
        store(HERE / "perplexity.json", name, common | entry)
        print(name, entry)


if __name__ == "__main__":
    main()
