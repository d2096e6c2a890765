#!/bin/sh
# Checks that the sources are formatted as .clang-format says; --write formats them.
set -eu
cd "$(dirname "$0")/.."
mode='--dry-run -Werror'
[ "${1-}" = --write ] && mode=-i
files=$(find src include tests fuzz bench \
  \( -name '*.h' -o -name '*.hpp' -o -name '*.cpp' -o -name '*.inl' -o -name '*.c' \) 2>/dev/null)
# shellcheck disable=SC2086  # lists of words without spaces
if ! clang-format-14 $mode $files; then
  echo "fix: make format" >&2
  exit 1
fi
