#!/bin/sh
# Checks that the sources are formatted as .clang-format says, and lists the files that are
# not; --write formats them.
set -eu
cd "$(dirname "$0")/.."
files() {
  for folder in src include tests fuzz bench; do
    [ ! -d $folder ] || find $folder -name '*.h' -o -name '*.hpp' -o -name '*.c' \
      -o -name '*.cpp' -o -name '*.inl'
  done
}
if [ "${1-}" = --write ]; then
  files | xargs -P "$(nproc)" -n 20 clang-format-14 -i
  exit
fi
# shellcheck disable=SC2016  # $1 is the inner shell's
unformatted=$(files | xargs -P "$(nproc)" -I{} sh -c \
  'clang-format-14 --dry-run -Werror "$1" 2>/dev/null || echo "$1"' - {} | sort)
if [ -n "$unformatted" ]; then
  printf 'not formatted:\n%s\nfix: make format\n' "$unformatted"
  exit 1
fi
echo 'format: every source file is formatted'
