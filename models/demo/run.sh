#!/bin/sh
# The main job on the demo suite: import, tokenize, scan, gather, fit, draw, skills by their gradients, a toy that shows skills being learned,
# and the report of it all. What `make demo` runs after building.
# The text is Debian's licences, which the models have not seen; DEMO_OUT says where the results go.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
cd "$(dirname "$0")/../.."
tripod=${TRIPOD:-./tripod}
out=${DEMO_OUT:-demo-out}
suite=models/demo

say() { printf '\n== %s\n' "$*"; }
# The command as a user would type it, then its output.
show() {
    printf '$ tripod'
    printf ' %s' "$@" | cut -c -150
    printf '\n'
    "$tripod" "$@"
}

rm -rf "$out"
mkdir -p "$out/models"
texts=$(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort)

say "Convert every checkpoint to a file that is mapped, not read"
show import "$suite"/demo-*/step* -o "$out/models/" >"$out/import.log"
echo "$(ls "$out"/models | wc -l) checkpoints in $out/models"
say "Tokenize the licence texts of this machine"
# shellcheck disable=SC2086
"$tripod" tokenize $texts -t "$suite/tokenizer.json" -o "$out/licences"
say "The loss of every token under every checkpoint, in windows of the models' 256 tokens"
"$tripod" scan "$out"/models/*.tripod -c "$out/licences" -t "$suite/tokenizer.json" --window 256 -o "$out/losses" >"$out/scan.log"
say "All together: mean losses, the matrix of tokens x checkpoints, a figure"
show gather "$out/losses" -o "$out/losses.npy" --plot "$out/losses.png"
say "The scaling law: loss of the last checkpoints against parameters"
show fit power "$out/losses/points.csv" --tsv --json="$out/law.json" | grep -vE '^# [^v]|^correlation' | cut -f 1-6,13
say "Loss against training step: the exponent of every model"
show fit power "$out/losses/points.csv" --x step --by model --bootstrap 0 --tsv --json="$out/steps.json" |
    awk -F '\t' '/^\$/ { print; next } /^# group/ { model = substr($0, 9) }
        $1 == "alpha" && $3 + 0 > 0 && NF > 8 { printf "%-10s alpha %.4f  (%.4f to %.4f)  %s\n", model, $2, $4, $5, $6 }'
say "Which predictions does a model make alike? Gradients of single tokens' losses, clustered: three of 50 clusters"
model=$out/models/demo-115k-step1000.tripod
"$tripod" scan "$model" -c "$out/licences" -t "$suite/tokenizer.json" --max-tokens 256 -o "$out/firsts" >>"$out/scan.log"
show quanta gradients "$model" -c "$out/licences" --losses "$out/firsts/demo-115k-step1000.npy" --below 0.5 --no-induction \
    -o "$out/gradients" >"$out/quanta.log"
show quanta similarity "$out/gradients" -o "$out/C.npy" >>"$out/quanta.log"
show quanta cluster "$out/C.npy" --clusters 20,50 -o "$out/labels.npy" >>"$out/quanta.log"
grep '^\$' "$out/quanta.log"
show quanta show "$out/labels.npy" "$out/gradients" -c "$out/licences" --clusters 50 --first 4 -n 4 --before 12 --html "$out/clusters.html" |
    awk -F '\t' '/^\$/ { print; next } $1 + 0 > 1 { printf "%3d  %s\n", $1, $NF }'
say "Where such laws may come from: a network that learns subtasks one after another, while their mean falls smoothly"
show parity --scaled --tasks 60 -n 20 -w 200 -s 12000 --batch 4000 --log 100 -o "$out/parity" >"$out/parity.log"
head -n 1 "$out/parity.log"
show parity --plot "$out/parity.png" "$out/parity/w200-z1.4-s0.json" |
    awk -F '\t' '/^[$#]/ { print; next } $1 + 0 { printf "subtask %d (%.1f %% of the samples) was learned at step %5d; the mean was %.2f bits\n", $1, 100 * $2, $4, $5 }'
say "All of it as one page: warnings, figures, laws with their intervals, tokens in context"
"$tripod" report "$out" --title "The demo suite on Debian's licences" -o "$out/report.html" >"$out/report.log" 2>&1 || { cat "$out/report.log"; exit 1; }
echo "$(wc -c <"$out/report.html") bytes that need nothing else; a browser opens them"
say "Results"
echo "report   $out/report.html"
echo "figure   $out/losses.png"
echo "subtasks $out/parity.png"
echo "points   $out/losses/points.csv"
echo "clusters $out/clusters.html"
echo "losses   $out/losses/*.npy (one a checkpoint), $out/losses.npy (all)"
