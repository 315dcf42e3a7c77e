#!/bin/bash
# Runs every built fuzz target for SECONDS; the last line is "N passed, N failed".
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$(dirname "$0")/../.." || exit 2
dir=$1 seconds=$2 passed=0 failed=0
for t in "$dir"/fuzz_*; do
    [ -x "$t" ] && [ -f "$t" ] || continue
    case $t in *.d|*.o) continue ;; esac
    name=$(basename "$t")
    name=${name#fuzz_}
    work=$(mktemp -d)
    mkdir -p "tests/fuzz/seeds/$name"
    if "$t" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$work/" -print_final_stats=1 \
        "$work" "tests/fuzz/seeds/$name" >"$work.log" 2>&1; then
        echo "ok fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work.log") runs"
        passed=$((passed + 1))
        rm -rf "$work" "$work.log"
    else
        echo "FAIL fuzz $name: see $work.log"
        tail -n 30 "$work.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
