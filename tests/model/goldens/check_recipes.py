#!/usr/bin/env python3
"""Holds `jielong convert --type` against llama.cpp's llama-quantize, recipe by recipe.

Usage: check_recipes.py JIELONG LLAMA_QUANTIZE MODEL.gguf [RECIPE ...]

MODEL is in F32, F16 or BF16. Both programs quantize it, one recipe after the other, into a temporary
folder (set TMPDIR for large models); then every tensor's type and bytes are compared. Without recipes
all are tried. Development time only: README.md has the table of what was compared.
"""

import mmap
import pathlib
import struct
import subprocess
import sys
import tempfile

RECIPES = ("Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_0 Q4_1 Q4_K_S Q4_K_M Q5_0 Q5_1 Q5_K_S Q5_K_M Q6_K Q8_0 "
           "IQ4_NL IQ4_XS F16 BF16 F32").split()
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


class Gguf:
    """Tensors of a GGUF file: name to (type, shape, bytes)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 8
        tensor_count, value_count = self.take("<QQ")
        alignment = 32
        for _ in range(value_count):
            key, value = self.string(), self.value(*self.take("<I"))
            if key == b"general.alignment":
                alignment = value
        entries = []
        for _ in range(tensor_count):
            name, (dimensions,) = self.string(), self.take("<I")
            shape = self.take(f"<{dimensions}Q")
            entries.append((name.decode(), shape, *self.take("<IQ")))
        begin = -(-self.at // alignment) * alignment
        ends = sorted([e[3] for e in entries] + [len(self.data) - begin])
        self.tensors = {}
        for name, shape, kind, offset in entries:
            end = next(e for e in ends if e > offset)  # padding included, which is zero
            self.tensors[name] = kind, shape, self.data[begin + offset:begin + end].rstrip(b"\0")

    def take(self, form):
        result = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return result

    def string(self):
        (length,) = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            kind, count = self.take("<IQ")
            if kind == STRING:
                for _ in range(count):
                    self.string()
            else:
                self.at += count * SCALARS[kind]
            return None
        data = self.data[self.at:self.at + SCALARS[kind]]
        self.at += SCALARS[kind]
        return int.from_bytes(data, "little")


def main():
    jielong, quantize, model, *recipes = sys.argv[1:]
    failed = False
    for recipe in recipes or RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = pathlib.Path(folder) / "ours.gguf", pathlib.Path(folder) / "theirs.gguf"
            subprocess.run([jielong, "convert", "--quiet", model, ours, "--type", recipe.lower(),
                            "-t", "1"], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([quantize, model, theirs, recipe, "1"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            a, b = Gguf(ours).tensors, Gguf(theirs).tensors
            differing = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
        failed |= bool(differing)
        kinds = [(name, a.get(name, (None,))[0], b.get(name, (None,))[0]) for name in differing[:3]]
        print(f"{recipe:7} {len(b):4} tensors, {len(differing)} differ {kinds or ''}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
