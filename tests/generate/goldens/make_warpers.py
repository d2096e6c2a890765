#!/usr/bin/env python3
"""Writes warpers.json: what transformers' logits warpers make of small random logits.

Run at development time only: python3 make_warpers.py (made with transformers 5.24).
The definitions coincide with ours except where two cumulative sums tie, which random
logits avoid. Top-n-sigma, XTC, DRY and Mirostat have no twin there.
"""
import json
import pathlib

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

torch.manual_seed(7)
VOCABULARY = 48
CASES = [
    {"temperature": 0.7},
    {"temperature": 1.9},
    {"top_k": 1},
    {"top_k": 7},
    {"top_p": 0.3},
    {"top_p": 0.95},
    {"min_p": 0.02},
    {"min_p": 0.3},
    {"typical_p": 0.2},
    {"typical_p": 0.9},
    {"repeat_penalty": 1.3},
    {"repeat_penalty": 0.8},
    {"repeat_penalty": 1.2, "top_k": 20, "typical_p": 0.95, "top_p": 0.9, "min_p": 0.05,
     "temperature": 0.6},
]


def warpers(case):
    """In the order of SamplerSettings::default_order()."""
    made = LogitsProcessorList()
    if "repeat_penalty" in case:
        made.append(RepetitionPenaltyLogitsProcessor(case["repeat_penalty"]))
    if "top_k" in case:
        made.append(TopKLogitsWarper(case["top_k"]))
    if "typical_p" in case:
        made.append(TypicalLogitsWarper(case["typical_p"]))
    if "top_p" in case:
        made.append(TopPLogitsWarper(case["top_p"]))
    if "min_p" in case:
        made.append(MinPLogitsWarper(case["min_p"]))
    if "temperature" in case:
        made.append(TemperatureLogitsWarper(case["temperature"]))
    return made


goldens = []
for case in CASES:
    for sharpness in (0.5, 3.0):
        logits = torch.round(torch.randn(1, VOCABULARY) * sharpness * 1000) / 1000
        history = torch.randint(0, VOCABULARY, (1, 12))
        probabilities = torch.softmax(warpers(case)(history, logits.clone()).double(), -1)[0]
        kept = [[i, round(p, 9)] for i, p in enumerate(probabilities.tolist()) if p > 0]
        goldens.append({
            "settings": case,
            "history": history[0].tolist(),
            "logits": [round(x, 3) for x in logits[0].tolist()],
            "probabilities": kept,
        })
lines = ",\n".join(json.dumps(g, separators=(",", ":")) for g in goldens)
pathlib.Path(__file__).with_name("warpers.json").write_text(f"[\n{lines}\n]\n")
