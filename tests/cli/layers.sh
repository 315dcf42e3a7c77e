# Who may include whom (see the map in README.md): dependencies point one way.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 2

# The base stratum of src/: knows of nothing else of ours.
base='err|file|num|npy|rng|progress|csv|plot|cli|json'
# allow NAME FILES REGEX: every quoted include of FILES matches REGEX.
allow() {
    local name=$1 files=$2 regex=$3 bad
    # shellcheck disable=SC2086
    bad=$(grep -nH '^ *#include "' $files | grep -Ev "#include \"($regex)\"")
    if [ -n "$files" ] && [ -z "$bad" ]; then echo "ok $name"; else echo "FAIL $name: $bad"; code=1; fi
}
# forbid NAME FILES REGEX: no angle include of FILES matches REGEX.
forbid() {
    local name=$1 files=$2 regex=$3 bad
    # shellcheck disable=SC2086
    bad=$(grep -nH "^ *#include <" $files | grep -E "<($regex)")
    if [ -z "$bad" ]; then echo "ok $name"; else echo "FAIL $name: $bad"; code=1; fi
}
base_files=$(ls src/*.[ch] | grep -E "src/($base)\.[ch]")
middle_files=$(ls src/*.[ch] | grep -Ev "src/(($base)|cmd_.*|main|commands|scan|batches|peak_rate|bench|bench_scan)\.[ch]")
not_fit=$(ls src/*.[ch] models/*.[ch] simd/*.[ch] simd/isa/*.[ch])
not_simd=$(ls src/*.[ch] models/*.[ch] fit/*.[ch])

allow "simd includes only simd" "$(ls simd/*.[ch] simd/isa/*.[ch])" 'simd/.*'
allow "models includes models, simd and the base" "$(ls models/*.[ch])" "models/.*|simd/simd.h|src/($base).h"
allow "fit includes fit and the base" "$(ls fit/*.[ch])" "fit/.*|src/($base).h"
allow "the base includes the base" "$base_files" "src/($base).h"
allow "corpus, tokens and store include no commands, models or fit" "$middle_files" 'src/[a-z_0-9]*.h'
forbid "only fit includes GSL" "$not_fit" 'gsl/'
forbid "only simd includes intrinsics and oneDNN" "$not_simd" '[a-z]*intrin|dnnl|oneapi|cpuid'
# shellcheck disable=SC2086
if grep -lE '"src/(cmd_|commands|main|scan)' $middle_files $base_files | grep .; then
    echo "FAIL nothing below includes a command"; code=1
else
    echo "ok nothing below includes a command"
fi
exit $code
