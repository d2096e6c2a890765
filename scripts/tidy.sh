#!/bin/sh
# Runs clang-tidy on the source files that changed since a commit (by default the one
# before the last, and what is not committed).
#   scripts/tidy.sh [commit]
set -eu
cd "$(dirname "$0")/.."
build=build/ci/clang
since=${1-$(git rev-parse --verify --quiet HEAD~1 || git rev-parse HEAD)}
files=$({ git diff --name-only --diff-filter=d "$since" -- 'src/*.cpp'
  git ls-files --others --exclude-standard -- 'src/*.cpp'; } | sort -u)
[ -n "$files" ] || { echo "clang-tidy: no changed source files"; exit 0; }
[ -f $build/compile_commands.json ] || scripts/ci.sh configure-clang
# shellcheck disable=SC2086
printf '%s\n' $files | xargs -P "$(nproc)" -n 1 \
  clang-tidy-14 --quiet --warnings-as-errors='*' -p $build
