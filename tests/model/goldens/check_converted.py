#!/usr/bin/env python3
"""Converts tiny models to GGUF and back and holds the folders against transformers.

Usage: check_converted.py JIELONG [FAMILY ...]

transformers must load what `jielong convert` wrote and give the logits in expected*.safetensors (for
BERT, the last hidden states). Development time only; needs torch, transformers, numpy, safetensors.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.numpy
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = ("llama llama_rope_llama3 llama_rope_linear qwen2 qwen2_yarn qwen3 qwen3_moe gemma2 gemma3 "
            "gpt2 phi3 phi3_longrope phi3_partial bert").split()
BOUND = 1e-4


def difference(folder, expected, encoder):
    kind = transformers.AutoModel if encoder else transformers.AutoModelForCausalLM
    model = kind.from_pretrained(folder, attn_implementation="eager").float().eval()
    ids = torch.tensor(expected["input_ids"].astype(np.int64))[None]
    with torch.no_grad():
        output = model(ids)
    got, wanted = (output.last_hidden_state, "hidden.2") if encoder else (output.logits, "logits")
    return np.abs(got[0].numpy() - expected[wanted]).max()


def main():
    jielong, *families = sys.argv[1:]
    failed = False
    for family in families or FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            gguf, back = pathlib.Path(folder) / "model.gguf", pathlib.Path(folder) / "back"
            for source, output in ((HERE / family, gguf), (gguf, back)):
                subprocess.run([jielong, "convert", "--quiet", source, output], check=True,
                               stdout=subprocess.DEVNULL)
            for name in ("expected", "expected_long"):
                path = HERE / family / f"{name}.safetensors"
                if path.exists():
                    expected = safetensors.numpy.load_file(path)
                    worst = difference(back, expected, family == "bert")
                    failed |= not worst < BOUND
                    print(f"{family}/{name}: max abs difference {worst:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
