#!/bin/bash
# Runs every test program given and every tests/cli/*.sh; the last line is "N passed, N failed".
# A unit test prints cmocka's lines, a command-line test prints "ok NAME", "FAIL NAME" or "SKIP NAME: reason".
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$(dirname "$0")/.." || exit 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# tally NAME STATUS P F S: the counts of one program, whose output is in $log. One that ended badly has failed, whatever it
# printed, and so has one that tested nothing.
tally() {
    local name=$1 status=$2 p=$3 f=$4 s=$5
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ $((p + f + s)) -eq 0 ]; then f=1; echo "$name: ran no test"; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    grep '^SKIP ' "$log"
    if [ "$f" -ne 0 ]; then echo "== $name (exit $status)"; cat "$log"; else echo "ok $name ($p)"; fi
}
# names WORD: how many tests cmocka says WORD of. It names what failed or was skipped a second time, in its summary.
names() { grep -E "^\[ *$1 *\] [A-Za-z_0-9]+$" "$log" | sort -u | wc -l; }
lines() { grep -c "^$1 " "$log"; }

for t in "$@"; do
    CMOCKA_MESSAGE_OUTPUT=STDOUT "$t" >"$log" 2>&1
    status=$?
    tally "$(basename "$t")" $status "$(names OK)" "$(names FAILED)" "$(names SKIPPED)"
done
for t in tests/cli/[a-z]*.sh; do
    [ "$t" = tests/cli/lib.sh ] && continue
    bash "$t" >"$log" 2>&1
    status=$?
    tally "$t" $status "$(lines ok)" "$(lines FAIL)" "$(lines SKIP)"
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
