#!/bin/sh
# Makes the demo suite again: text, tokens, training of every size, float16 folders, losses. What `make demo-suite` runs.
# Everything is made in demo-suite/ (or $1); the result is held against SHA256SUMS, and is the same bytes for any
# number of threads. A run that was stopped goes on.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
cd "$(dirname "$0")/../.."
tripod=${TRIPOD:-./tripod}
work=${1:-demo-suite}
threads=${THREADS:-$(nproc)}
demo=models/demo
mkdir -p "$work/runs"

# Name, width, layers, heads, checkpoints beside the last; the longest run first.
# One rule for all: the peak rate is 2e-2 sqrt(32 / width), and every size sees the same rows in the same order.
sizes() {
    cat <<END
demo-311k 80 4 2 256,512
demo-115k 56 3 1 16,64,128,256,512
demo-59k 40 3 1 0,16,32,64,128,256,512
demo-25k 32 2 2 0,16,32,64,128,256,512
demo-14k 24 2 1 0,16,32,64,128,256,512
demo-7k 24 1 1 0,16,32,64,128,256,512
demo-3k 16 1 1 0,16,32,64,128,256,512
END
}

# train NAME WIDTH LAYERS HEADS SAVED, on one thread
train() {
    rate=$(awk -v d="$2" 'BEGIN { printf "%.4g", 2e-2 * sqrt(32 / d) }')
    "$tripod" train -c "$work/tokens" -t $demo/tokenizer.json --vocab 512 -w "$2" -l "$3" --heads "$4" --save "$5" -s 1000 \
        -b 16 -T 256 --rate "$rate" --seed 1234 --dtype f16 --threads 1 -q -o "$work/runs/$1" >"$work/runs/$1.log"
    tail -n 1 "$work/runs/$1.log"
}
if [ "${2:-}" = train ]; then
    shift 2
    train "$@"
    exit
fi

/usr/bin/python3 $demo/text.py "$work"
(cd "$work" && grep ' text.jsonl$' "$OLDPWD/$demo/SHA256SUMS" | sha256sum --quiet -c) ||
    echo "the text is another than the suite in the repository was trained on, so this one will differ, too"
"$tripod" tokenize "$work/text.jsonl" -t $demo/tokenizer.json -o "$work/tokens" >"$work/tokens.log"

sizes | xargs -P "$threads" -L 1 sh $demo/make_suite.sh "$work" train

rm -rf "$work/suite"
for checkpoint in "$work"/runs/*/step*.tripod; do
    run=${checkpoint%/*}
    "$tripod" export "$checkpoint" -o "$work/suite/${run##*/}/$(basename "$checkpoint" .tripod)" >"$work/export.log"
done
(cd "$work/suite" && grep ' demo-' "$OLDPWD/$demo/SHA256SUMS" | sha256sum --quiet -c)
echo "$work/suite: the same bytes as $demo"

# Last, as it takes longer than the training: every checkpoint evaluated again in float64, losses.tsv.
texts=$(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort)
# shellcheck disable=SC2086
"$tripod" tokenize $texts -t $demo/tokenizer.json -o "$work/licences" >"$work/tokens.log"
OMP_NUM_THREADS=1 /usr/bin/python3 $demo/losses.py "$work/suite" "$work/licences" "$threads"
