#!/bin/sh
# Fetches the default model, starts the server and prints the address of the chat page.
# Without a terminal it asks one question instead and ends, so that it can be tried from a
# script.
#   scripts/up.sh path/to/jielong
set -eu
jielong=$1
"$jielong" pull smollm2
if [ -t 0 ] && [ -t 1 ]; then
  exec "$jielong" serve smollm2
fi
question='What is the capital of France? Answer in one sentence.'
echo "You: $question"
exec "$jielong" run smollm2 --temp 0 -n 64 "$question" </dev/null
