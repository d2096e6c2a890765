#!/usr/bin/env python3
"""Makes quantize/<TYPE>.bin from values.bin, with ggml's reference quantizers.

Usage: make_quantize.py LIBGGML_BASE

LIBGGML_BASE is libggml-base.so of llama.cpp built for plain x86-64 (GGML_NATIVE=OFF): compiled for
processors with fused multiply-add, some compilers contract a·b + c, which rounds differently and
gives other blocks now and then.

values.bin holds ROWS rows of 512 little-endian f32 values, chosen to reach the corners: ordinary
weights, heavy tails, one sign only, few distinct values, outliers, zeros, tiny and large magnitudes.
Needs numpy (development time only).
"""

import ctypes
import pathlib
import sys

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent / "quantize"
COLUMNS = 512
TYPES = {"Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11,
         "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "IQ4_XS": 23}

rng = np.random.Generator(np.random.PCG64(3))
mixed = rng.normal(0, 1, COLUMNS)
mixed[rng.integers(0, COLUMNS, 6)] *= 30
blocky = rng.normal(0, 1, COLUMNS)
blocky[:48] = 0
blocky[96:128] = 0.25
blocky[256:512] = 0
blocky[300] = -1e-3
rows = [rng.normal(0, 0.02, COLUMNS), rng.normal(0, 0.02, COLUMNS), rng.standard_t(3, COLUMNS) * 0.05,
        np.abs(rng.normal(0, 0.1, COLUMNS)), -np.abs(rng.normal(3, 0.1, COLUMNS)),
        rng.integers(-2, 3, COLUMNS) * 0.5, mixed, blocky, rng.normal(0, 1e-6, COLUMNS),
        rng.normal(0, 900, COLUMNS), rng.normal(1, 1e-3, COLUMNS), np.linspace(-1, 1, COLUMNS)]
values = np.ascontiguousarray(np.stack(rows), dtype="<f4")
OUT.mkdir(exist_ok=True)
(OUT / "values.bin").write_bytes(values.tobytes())

ggml = ctypes.CDLL(sys.argv[1])
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                     ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
for name, number in TYPES.items():
    out = np.zeros(values.nbytes, np.uint8)
    size = ggml.ggml_quantize_chunk(number, values.ctypes.data, out.ctypes.data, 0, len(rows),
                                    COLUMNS, None)
    (OUT / f"{name}.bin").write_bytes(out[:size].tobytes())
