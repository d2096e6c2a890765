#!/usr/bin/env python3
"""Writes the data of this experiment: names of countries, currencies and scripts in Chinese, English
and French, from the Unicode CLDR as the Python package babel 2.18.0 carries it (pip install babel;
CLDR is under the Unicode License). The files are committed; this says where they come from.

    python3 make_data.py
"""

import json
from pathlib import Path

from babel import Locale

FOLDER = Path(__file__).resolve().parent
LOCALES = {"zh": Locale.parse("zh_Hant"), "en": Locale.parse("en"), "fr": Locale.parse("fr")}
KINDS = ["territories", "currencies", "scripts"]
SEEN = [("zh", "en"), ("en", "zh"), ("en", "fr"), ("fr", "en")]
UNSEEN = [("zh", "fr"), ("fr", "zh")]


def names():
    """One dictionary a thing; every name of a language once, so that no question has two answers."""
    taken = {language: set() for language in LOCALES}
    for kind in KINDS:
        tables = {language: getattr(locale, kind) for language, locale in LOCALES.items()}
        for code in sorted(tables["en"]):
            row = {language: table.get(code) for language, table in tables.items()}
            if not all(row.values()) or any(row[l] in taken[l] for l in row):
                continue
            if row["en"] == row["fr"] or any(c.isdigit() for c in row["en"]):
                continue  # nothing to translate
            for language, name in row.items():
                taken[language].add(name)
            yield row


def write(name, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (FOLDER / name).write_text(text, encoding="utf-8")


def exercise(row, direction):
    a, b = direction
    # The space belongs to the answer: tokenizers join it with the word behind it.
    return {"prompt": f"{a}>{b} {row[a]} =", "answer": f" {row[b]}", "group": f"{a}>{b}"}


def main():
    rows = list(names())
    write("learn.jsonl", (exercise(row, d) for row in rows for d in SEEN))
    write("test.jsonl", (exercise(row, d) for row in rows[::4] for d in SEEN + UNSEEN))
    # The same thing in two languages that never stood beside each other.
    write("same.jsonl", ({"prompt": f" {row['zh']}", "answer": f" {row['fr']}"} for row in rows[::4]))
    print(len(rows), "things")


if __name__ == "__main__":
    main()
