#!/bin/bash
# Builds the libFuzzer targets with ASan and UBSan and runs each of them on its corpus.
#   FUZZ_SECONDS  time for each target, by default 5
#   FUZZ_RUNS     executions for each target, instead of a time
#   FUZZ          names of the targets to run, by default all
#   FUZZ_BUILD    a configured build folder to use, by default the fuzz preset's
set -euo pipefail
cd "$(dirname "$0")/.."
build=${FUZZ_BUILD-}
if [ -z "$build" ]; then
  scripts/install-packages.sh --test
  build=build/fuzz
  cmake --preset fuzz >/dev/null
  cmake --build --preset fuzz --target fuzz -j "$(nproc)"
fi
if [ -n "${FUZZ_RUNS-}" ]; then budget="-runs=$FUZZ_RUNS"; else budget="-max_total_time=${FUZZ_SECONDS:-5}"; fi

run_one() {
  local name=$1
  local found=$build/fuzz/$name
  mkdir -p "$found/corpus" fuzz/corpus/"$name"
  # New inputs go to the build folder; the seeds in the repository are only read.
  if "$build/fuzz_$name" "$budget" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=1 \
      -print_final_stats=1 -artifact_prefix="$found/" \
      "$found/corpus" "fuzz/corpus/$name" >"$found/log" 2>&1; then
    printf '  %-24s %s executions, no fault\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$found/log")"
  else
    tail -40 "$found/log"
    echo "error: fuzz target $name found a fault; the input is in $found/"
    return 1
  fi
}
export -f run_one
export build budget

names=${FUZZ:-$(cd fuzz 2>/dev/null && ls -- *_fuzz.cpp | sed 's/_fuzz\.cpp$//')}
# shellcheck disable=SC2086
printf '%s\n' $names | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
