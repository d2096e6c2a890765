#!/bin/sh
# Builds the chat page, web/dist, with npm; says nothing and does nothing when it is newer than
# its sources.
#   scripts/page.sh             fails when the page can't be built
#   scripts/page.sh --optional  only warns: the server works without the page, and says so
set -eu
cd "$(dirname "$0")/../web"

skipped='-path ./node_modules -o -path ./dist -o -path ./build -o -path ./tests'
# shellcheck disable=SC2086  # the list of folders is meant to be split
if [ -f dist/index.html ] &&
  [ -z "$(find . \( $skipped \) -prune -o -type f -newer dist/index.html -print -quit)" ]; then
  exit 0
fi

echo 'Building the chat page'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# No package needs its install script.
if { npm ci --ignore-scripts && npm run build; } >"$log" 2>&1; then exit 0; fi
cat "$log" >&2
if [ "${1:-}" = --optional ]; then
  echo 'warning: the chat page was not built; the server works without it. fix: make page' >&2
  exit 0
fi
echo 'error: the chat page could not be built; fix: Node.js 18 or newer, npm and a network are needed' >&2
exit 1
