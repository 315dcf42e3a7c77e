# tests/run.sh itself, on programs that only print: what it counts, and when it fails.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
mkdir -p "$T/tests/cli"
cp "$ROOT/tests/run.sh" "$T/tests/run.sh"
cp "$ROOT/tests/cli/lib.sh" "$T/tests/cli/lib.sh"
# program NAME STATUS LINE...: a test program that prints the lines.
program() {
    local file=$T/$1 status=$2
    shift 2
    { echo '#!/bin/sh'; echo "cat <<'X'"; printf '%s\n' "$@"; printf 'X\nexit %s\n' "$status"; } >"$file"
    chmod +x "$file"
}
# counts NAME STATUS LINE PROGRAM...: the last line and the status of a run.
counts() {
    local name=$1 status=$2 line=$3 got
    shift 3
    bash "$T/tests/run.sh" "${@/#/$T/}" >"$T/out" 2>&1
    got=$?
    if [ "$(tail -n 1 "$T/out")" = "$line" ] && [ $got -eq "$status" ]; then
        echo "ok $name"
    else
        echo "FAIL $name: exit $got: $(tail -n 1 "$T/out")"; code=1
    fi
}
program good 0 '[==========] Running 2 test(s).' '[ RUN      ] a' '[       OK ] a' '[ RUN      ] b' '[       OK ] b' '[  PASSED  ] 2 test(s).'
# As cmocka prints it: what failed or was skipped is named again in the summary.
program mixed 2 '[       OK ] a' '[  ERROR   ] --- 1 != 2' '[  FAILED  ] b' '[  SKIPPED ] c' '[  FAILED  ] d' '[==========] tests: 4 test(s) run.' \
    '[  PASSED  ] 1 test(s).' '[  SKIPPED ] tests: 1 test(s), listed below:' '[  SKIPPED ] c' '[  FAILED  ] tests: 2 test(s), listed below:' \
    '[  FAILED  ] b' '[  FAILED  ] d' ' 2 FAILED TEST(S)'
program crash 139 '[       OK ] a' '[ RUN      ] b'
program silent 0 'nothing'
printf 'echo ok one\necho "SKIP two: no disk"\n' >"$T/tests/cli/fine.sh"
counts "what passed" 0 "3 passed, 0 failed" good
shows "skips are counted apart" '^1 skipped$'
shows "and given with their reason" '^SKIP two: no disk$'
counts "what failed is counted once" 1 "4 passed, 2 failed" good mixed
shows "a skip of a program is counted once" '^2 skipped$'
shows "the output of what failed is shown" '1 != 2'
counts "a crash is a failure" 1 "4 passed, 1 failed" crash good
counts "to test nothing is a failure" 1 "3 passed, 1 failed" silent good
shows "and said" '^silent: ran no test$'
counts "a program that is not there is a failure" 1 "3 passed, 1 failed" good none
printf 'echo ok one\necho "FAIL two: why"\nexit 1\n' >"$T/tests/cli/fine.sh"
counts "a command-line test that fails" 1 "3 passed, 1 failed" good
printf 'echo ok one\nexit 1\n' >"$T/tests/cli/fine.sh"
counts "one that ends badly" 1 "3 passed, 1 failed" good
exit $code
