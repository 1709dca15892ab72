#!/bin/sh
# Runs all tests in two halves side by side: those that share one Spark session, and all others.
# What the first half prints is told when both have ended.
set -u
python=$1
told=$(mktemp)
"$python" -m pytest -q -m session >"$told" 2>&1 &
half=$!
trap 'kill -INT "$half" 2>/dev/null; wait "$half"; rm -f "$told"' EXIT
trap 'exit 130' INT TERM

result=0
"$python" -m pytest -q -m "not session" || result=1
wait "$half" || result=1
cat "$told"
exit "$result"
