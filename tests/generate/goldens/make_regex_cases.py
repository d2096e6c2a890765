"""Writes regex_cases.json: what Python's re says about random texts.

    python3 tests/generate/goldens/make_regex_cases.py

Each pattern must match a whole text. The texts are made by changing others that match, so that
many lie close to the border. re.ASCII gives \\d and \\w the meaning they have in ECMA-262.
"""

import json
import pathlib
import random
import re

PATTERNS = {
    r"abc": "abc", r"a*": "aaa", r"a+b?": "aab", r"(ab|cd)*": "abcd", r"[a-f0-9]{4}": "1a2f",
    r"[^a-f]{2,3}": "xyz", r"\d{3}-\d{4}": "123-4567", r"\w+@\w+\.(com|org)": "me@site.org",
    r"(a|b)*abb": "ababb", r"(\+|-)?[0-9]+(\.[0-9]+)?": "-12.5", r"x{2,}": "xxx",
    r"x{0,3}y": "xxy", r"(?:ab){2}": "abab", r"(?P<year>[0-9]{4})": "2024", r"a.c": "abc",
    r"a\.c": "a.c", r"[.]": ".", r"[\]\\-]+": "]\\-", r"[a\-z]+": "a-z", r"\s*x\s*": " x ",
    r"\S+ \S+": "ab cd", r"\D\W": "a!", r"[\d.]+": "1.2", r"[^\d]": "a", r"(a?){3}b": "aab",
    r"(a*)*b": "aab", r"((a|aa)+|b)c": "aac", r"\x41\u0042": "AB", r"\t\n": "\t\n",
    r"(|a)b": "ab", r"a||b": "a", r"": "", r"[a-c]*?c": "abc", r"é+": "éé", r"[à-ü]": "é",
    r"中.": "中文", r"[^中]": "文", r"(😀|😁){1,2}": "😀😁", r"^abc$": "abc", r"^a|b$": "a",
    r"[A-Z][a-z]*( [A-Z][a-z]*){0,2}": "Ada Love Lace", r"(0|[1-9]\d*)": "120",
    r"\(\d+\)": "(12)", r"a{3}": "aaa", r"a{1,2}{2}" if False else r"(a{1,2}){2}": "aaa",
    r"\{\}": "{}", r"[{}]": "{", r"#[0-9A-Fa-f]{6}": "#12aBcD", r"(19|20)\d\d": "1999",
    r"([01]\d|2[0-3]):[0-5]\d": "23:59", r"\w{3,5}": "ab_1", r"(yes|no|maybe)": "maybe",
    r"[^\s\"']+": "abc", r"\/[\w\/]*": "/a/b", r"((((a))))": "a", r"(a(b(c)?)?)?": "abc",
    r"[\x00-\x1f]": "\x01", r"a{,2}": "a{,2}", r"a{x}": "a{x}",
}
# Python reads these two otherwise than ECMA-262, so they are left out of the goldens.
SKIPPED = {r"a{,2}"}


def mutate(text, rng):
    alphabet = "abcdexyz0159 .-_@AZ\n\t\"é中😀]\\{}"
    letters = list(text)
    for _ in range(rng.randint(0, 3)):
        kind = rng.randint(0, 3)
        at = rng.randint(0, len(letters))
        if kind == 0 and letters:
            del letters[min(at, len(letters) - 1)]
        elif kind == 1:
            letters.insert(at, rng.choice(alphabet))
        elif kind == 2 and letters:
            letters[min(at, len(letters) - 1)] = rng.choice(alphabet)
        elif letters:
            letters[at:at] = letters[: rng.randint(0, len(letters))]
    return "".join(letters)


def main():
    rng = random.Random(7)
    cases = []
    for pattern, seed in PATTERNS.items():
        if pattern in SKIPPED:
            continue
        expression = re.compile(pattern, re.ASCII)
        texts = {seed, ""}
        while len(texts) < 40:
            texts.add(mutate(rng.choice(sorted(texts)), rng)[:40])
        accept = [t for t in sorted(texts) if expression.fullmatch(t)]
        reject = [t for t in sorted(texts) if not expression.fullmatch(t)]
        cases.append({"pattern": pattern, "accept": accept, "reject": reject})
    path = pathlib.Path(__file__).with_name("regex_cases.json")
    path.write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")


main()
