#!/bin/sh
# Makes texts/stories.txt: the King James Bible from Debian's packages bible-kjv and bible-kjv-text
# (public domain), one chapter a document. 4 MB; needs no root.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
place=
if ! command -v bible >/dev/null; then
  (cd "$work" && apt-get -q download bible-kjv bible-kjv-text >/dev/null &&
    for package in *.deb; do dpkg-deb -x "$package" .; done)
  PATH=$PATH:$work/usr/bin place="-p $work/usr/lib"
fi
mkdir -p texts
# "Ge1:1 In the beginning …": the verses of a chapter become one paragraph.
# shellcheck disable=SC2086  # one option with its value, or none
bible $place -f gen1:1-rev22:21 | awk '
  { chapter = $1; sub(/:.*/, "", chapter); sub(/^[^ ]* +/, "") }
  NR > 1 && chapter != before { printf "\n<|endoftext|>\n" }
  { printf "%s%s", chapter == before ? " " : "", $0; before = chapter }
  END { printf "\n" }' >"$work/stories.txt"
mv "$work/stories.txt" texts/stories.txt
echo "texts/stories.txt: $(grep -c endoftext texts/stories.txt) chapters and one, $(wc -c <texts/stories.txt) bytes"
