#!/usr/bin/env python3
"""Makes dequantize/<TYPE>.bin: random blocks of every quantized format with the values that the
`gguf` Python package reads from them.

Needs numpy and gguf (development time only). A file is 512 values' worth of blocks followed by the
512 values as little-endian f32. Scales are drawn as ordinary numbers, the first one of each file as
a subnormal; all other bytes are uniform.
"""

import pathlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parent / "dequantize"
VALUES = 512
# Byte offsets of the binary16 fields in each block.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0],
          "IQ4_XS": [0]}

OUT.mkdir(exist_ok=True)
for seed, (name, halves) in enumerate(HALVES.items()):
    rng = np.random.Generator(np.random.PCG64(seed))
    kind = gguf.GGMLQuantizationType[name]
    block_values, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    count = VALUES // block_values
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for offset in halves:
        scale = rng.normal(0, 0.1, count).astype(np.float16)
        scale[0] = np.float16(3e-6)
        blocks[:, offset:offset + 2] = scale.view(np.uint8).reshape(count, 2)
    values = gguf.quants.dequantize(blocks.reshape(1, -1), kind).astype("<f4")
    (OUT / f"{name}.bin").write_bytes(blocks.tobytes() + values.tobytes())
