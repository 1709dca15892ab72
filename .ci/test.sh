#!/bin/sh
# Runs all tests in three parts side by side: those that share one Spark session, those that start
# a Spark of their own, and those without Spark. Each of them waits now and then, so three keep two
# cores busy. The first two need not look for doctests. What they print is told at the end, also
# where that comes too early.
set -u
python=$1
told=$(mktemp -d)
"$python" -m pytest -q --durations=25 -m session tests >"$told/session" 2>&1 &
session=$!
"$python" -m pytest -q --durations=25 -m "spark and not session" tests >"$told/own" 2>&1 &
own=$!
trap 'kill -INT "$session" "$own" 2>/dev/null; wait; cat "$told"/*; rm -rf "$told"' EXIT
trap 'exit 130' INT TERM

result=0
"$python" -m pytest -q --durations=25 -m "not spark" || result=1
for part in "$session" "$own"; do
    wait "$part" || result=1
done
exit "$result"
