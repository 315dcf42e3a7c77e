#!/bin/bash
# Losses against float64 references (tests/golden): random models of many shapes, written on the
# spot by make_model, and the committed folders in every form. The bar is PyTorch's own float32
# error: at most its mean, and 1.5 times its maximum. LONG=1 adds the 31M to 160M shapes.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
tools=${B:-$ROOT/build}/tests/golden

# key FILE NAME: the value of a key in a JSON file with one key per line.
key() { sed -n "s/^ *\"$2\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p" "$1"; }

# scan NAME MODEL CORPUS REFERENCE MEAN MAX: scans and compares. The bars are the float32 errors.
scan() {
    local name=$1 model=$2 corpus=$3 reference=$4 mean max line
    mean=$5 max=$(awk "BEGIN { print 1.5 * $6 }")
    rm -rf "$T/losses"
    if ! "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/losses" --max-tokens 2048 >"$T/out" 2>"$T/err"; then
        echo "FAIL $name: $(head -c 300 "$T/err")"
        code=1
        return
    fi
    if line=$("$tools/compare_losses" "$reference" "$T"/losses/*.npy "$mean" "$max"); then
        echo "ok $name: $line"
    else
        echo "FAIL $name: $line"
        code=1
    fi
}

if ! "$TRIPOD" help scan >/dev/null 2>&1; then
    echo "SKIP golden: this build has no scan"
    exit 0
fi
for json in "$golden"/forward/*.json; do
    name=$(key "$json" name)
    if [ "$(key "$json" long)" = true ] && [ -z "${LONG:-}" ]; then continue; fi
    # shellcheck disable=SC2046
    "$tools/make_model" "$T/$name" $(key "$json" model) &&
        "$tools/make_model" --corpus "$T/corpus" $(key "$json" corpus) || exit 1
    scan "golden $name" "$T/$name" "$T/corpus" "$golden/forward/$name.npy" \
        "$(key "$json" f32_mean_error)" "$(key "$json" f32_max_error)"
    rm -rf "${T:?}/$name"
done

# Folders: copied, since a flat file may be cached beside the original. Forms of one variant must
# give the same bytes; the refused must be refused.
declare -A first
folders() {
    local set=$T/$1 name losses mean max sum
    cp -r "$golden/$1" "$set"
    while read -r name losses mean max; do
        if [ "$losses" = refused ]; then
            fails "golden $1 $name" "." "$TRIPOD" scan -m "$set/$name" -c "$set/corpus" -o "$T/none"
            continue
        fi
        scan "golden $1 $name" "$set/$name" "$set/corpus" "$set/$losses" "$mean" "$max"
        [ -e "$T/losses" ] || continue
        sum=$(cat "$T"/losses/*.npy | cksum)
        if [ "${first[$1/$losses]:=$sum}" = "$sum" ]; then
            echo "ok golden $1 $name: same bits"
        else
            echo "FAIL golden $1 $name: other bits than the first folder with $losses"
            code=1
        fi
    done <"$golden/$1/folders.txt"
}
folders folders
folders neo
exit $code
