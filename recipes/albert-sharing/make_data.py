#!/usr/bin/env python3
"""Writes the text of this experiment: 5,000 definitions of WordNet 3.0, from Debian's package
wordnet-base. LICENSE.wordnet is its licence, and has to stay beside learn.jsonl.

    python3 make_data.py /usr/share/wordnet/data.noun
"""

import json
import random
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def definitions(path):
    for line in Path(path).read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue  # the licence
        facts, gloss = line.split(" | ", 1)
        word = facts.split()[4].replace("_", " ")
        yield f"{word}: {gloss.strip()}"


def main():
    texts = sorted(set(definitions(sys.argv[1])))
    random.Random(1).shuffle(texts)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts[:5000])
    (FOLDER / "learn.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
