#!/bin/sh
# Builds the peers, finds models, and compares: what `make bench-peers` calls.
#
#   bench/run.sh PROGRAM [OPTION OF compare.py]...
#
# Models are the .gguf files in $JIELONG_TEST_MODELS, without those that hold plain f32 weights.
# If it is not set, the default model is fetched, and its Q8_0 and Q4_K_M are made from it with
# llama.cpp's own quantizer. Peers already built elsewhere can be named instead of being built:
# $JIELONG_PEER_LLAMA and $JIELONG_PEER_IK are the folders of llama.cpp's and ik_llama.cpp's
# programs. Figures go to build/bench.json, the tables to standard output and build/bench.md.
set -eu

program=$1
shift
peers=build/peers
llama=${JIELONG_PEER_LLAMA:-}
ik=${JIELONG_PEER_IK:-}
if [ -z "$llama" ]; then
  "$(dirname "$0")/peers.sh" "$peers"
  llama=$peers/llama.cpp/bin
  [ -n "$ik" ] || [ ! -x "$peers/ik_llama.cpp/bin/llama-bench" ] || ik=$peers/ik_llama.cpp/bin
fi

if [ -n "${JIELONG_TEST_MODELS:-}" ]; then
  models=$JIELONG_TEST_MODELS
else
  "$program" pull --quiet smollm2 >&2
  models=build/bench-models
  mkdir -p "$models"
  original=$("$program" show --path --quiet smollm2)
  ln -sf "$original" "$models/smollm2.Q4_1.gguf"
  for type in Q8_0 Q4_K_M; do
    made=$models/smollm2.$type.gguf
    [ -f "$made" ] && continue
    "$llama/llama-quantize" --allow-requantize "$original" "$made.part" $type \
      >"$models/quantize.log" 2>&1 || { cat "$models/quantize.log" >&2; exit 1; }
    mv "$made.part" "$made"
  done
fi

[ -z "$ik" ] || set -- --ik "$ik" "$@"
probe=$(dirname "$program")/bench_peak
[ ! -x "$probe" ] || set -- --probe "$probe" "$@"
for model in "$models"/*.gguf; do
  case $model in
    *.f32.gguf | *'*.gguf') ;;
    *) set -- "$@" "$model" ;;
  esac
done
mkdir -p build
"$(dirname "$0")/compare.py" --jielong "$program" --llama "$llama" --json build/bench.json "$@" \
  >build/bench.md
cat build/bench.md
