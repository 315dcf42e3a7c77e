#!/bin/bash
# Runs every test program given and every tests/cli/*.sh; the last line is "N passed, N failed".
# A unit test prints cmocka's lines, a command-line test prints "ok NAME", "FAIL NAME" or "SKIP NAME: reason".
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$(dirname "$0")/.." || exit 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
for t in "$@"; do
    name=$(basename "$t")
    CMOCKA_MESSAGE_OUTPUT=STDOUT "$t" >"$log" 2>&1
    code=$?
    p=$(grep -c '^\[       OK \]' "$log")
    f=$(grep -c '^\[  FAILED  \] [^ ]*$' "$log")
    s=$(grep -c '^\[  SKIPPED \] [^ ]*$' "$log")
    f=$(grep '^\[  FAILED  \] [A-Za-z_0-9]*$' "$log" | sort -u | wc -l)
    s=$(grep '^\[  SKIPPED \] [A-Za-z_0-9]*$' "$log" | sort -u | wc -l)
    if [ $code -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$p" -eq 0 ] && [ "$f" -eq 0 ] && [ "$s" -eq 0 ]; then f=1; echo "$name: ran no test"; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    grep '^SKIP ' "$log"
    if [ "$f" -ne 0 ]; then echo "== $name (exit $code)"; cat "$log"; else echo "ok $name ($p)"; fi
done
for t in tests/cli/[a-z]*.sh; do
    [ "$t" = tests/cli/lib.sh ] && continue
    [ -e "$t" ] || continue
    bash "$t" >"$log" 2>&1
    code=$?
    p=$(grep -c '^ok ' "$log")
    f=$(grep -c '^FAIL ' "$log")
    s=$(grep -c '^SKIP ' "$log")
    if [ $code -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$p" -eq 0 ] && [ "$f" -eq 0 ] && [ "$s" -eq 0 ]; then f=1; echo "$t: ran no test"; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    grep '^SKIP ' "$log"
    if [ "$f" -ne 0 ]; then echo "== $t (exit $code)"; cat "$log"; else echo "ok $t ($p)"; fi
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
