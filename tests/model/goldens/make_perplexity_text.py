#!/usr/bin/env python3
"""Makes perplexity_64k.txt: 65,536 bytes of public-domain English from Debian's bible-kjv.

The King James Version of 1611, eight extracts of unlike kinds (story, court record, law, list,
proverb, philosophy, voyage, letter), a verse a line without its number, cut to 8,192 bytes each.
"""

import pathlib
import re
import subprocess

STARTS = ("Ruth1:1", "Nehemiah1:1", "Deuteronomy22:1", "Numbers33:1", "Proverbs25:1",
          "Ecclesiastes3:1", "Acts27:1", "Galatians1:1")
SHARE = 8192


def extract(start):
    book = start.split(":")[0].rstrip("0123456789")
    chapter = int(start.split(":")[0][len(book):])
    text = ""
    while len(text) < SHARE:
        shown = subprocess.run(["bible", "-f", f"{book}{chapter}:1-200"], capture_output=True,
                               text=True, check=True).stdout
        # The program abbreviates the book, and repeats the last chapter when asked beyond it.
        verses = re.findall(rf"^[A-Za-z]+{chapter}:\d+ (.*)$", shown, re.MULTILINE)
        if not verses:
            raise SystemExit(f"{book} ends before {SHARE} bytes are full")
        text += "".join(verse.strip() + "\n" for verse in verses) + "\n"
        chapter += 1
    return text[:SHARE - 1].rstrip().ljust(SHARE - 1, ".") + "\n"


def main():
    text = "".join(extract(start) for start in STARTS)
    assert len(text.encode()) == SHARE * len(STARTS)
    (pathlib.Path(__file__).resolve().parent / "perplexity_64k.txt").write_text(text)


if __name__ == "__main__":
    main()
