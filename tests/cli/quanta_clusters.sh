# tripod quanta cluster, envelope, show, toy, theory: beside scikit-learn and numpy, the same labels for any number of threads and
# instruction set, from a model's gradients to clusters in context, and every way to fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
reference="$python $ROOT/tests/golden/clusters_reference.py"
suite=$ROOT/models/demo
cd "$T" || exit 2
quanta() { "$TRIPOD" quanta "$@"; }

# --- clusters ---
ok "cosines of planted clusters" $reference make .
ok "cluster" quanta cluster C.npy -o labels.npy --vectors vectors.npy --clusters 8,20,40 --threads 1
shows "a row a number of clusters" '^20	60	4	0	0\.44[0-9]+	1\.000000	'
ok "vectors are scikit-learn's; so are labels as far as they agree with themselves; planted clusters are found; numbers are numpy's" \
    $reference check .
for simd in scalar avx2 avx512; do
    "$TRIPOD" quanta cluster C.npy -o other.npy --clusters 8,20,40 --threads 3 --simd $simd >/dev/null 2>other.err ||
        { grep -q 'this CPU has no' other.err && continue; }
    same "the same labels by $simd and three threads" labels.npy other.npy
done
ok "another seed" quanta cluster C.npy -o other.npy --clusters 8,20,40 --seed 1
if cmp -s labels.npy other.npy; then echo "FAIL the seed changes nothing"; code=1; else echo "ok is another draw"; fi
ok "cluster_qr" quanta cluster C.npy -o qr.npy --clusters 8,20,40 --method cluster_qr
ok "is scikit-learn's" $reference qr .
ok "affinities as they are" $python - <<'P'
import numpy as np
c = np.load("C.npy").astype(float)
np.save("A.npy", 1 - np.arccos(np.clip(c, -1, 1)) / np.pi)
P
ok "count as given" quanta cluster A.npy -o given.npy --clusters 8,20,40 --affinity given
same "to the same labels as the angles of the cosines" labels.npy given.npy
ok "by default all of the paper's numbers of clusters that there are samples for" quanta cluster C.npy -o all.npy
shows "the first" '^10	'
shows "the last" '^225	'
[ "$($python -c 'import numpy; print(numpy.load("all.npy").shape)')" = "(15, 240)" ] && echo "ok 15 of them" || { echo "FAIL shape"; code=1; }

# --- the envelope ---
ok "envelope" quanta envelope all.npy --window 4:30 --json=envelope.json --plot envelope.svg
shows "its line" '^-[0-9.]+	-[0-9.]+	-[0-9.]+	[0-9.]+	-?[0-9.]+	4	30	'
[ -s envelope.tsv ] && echo "ok and its figure's data" || { echo "FAIL no envelope.tsv"; code=1; }
cp all.npy labels.npy
ok "is numpy's" $reference envelope .
ok "ranks adapted to the samples" quanta envelope all.npy --resamples 0
shows "are said" '^# line: ln size on ln rank over ranks 3 to 24 \(published: 101 to 1000 of 10000 samples\)'

# --- in context, from a model on ---
cp -r "$suite/demo-25k" . # a scan leaves its model beside
model=$T/demo-25k/step1000
# shellcheck disable=SC2046
ok "a corpus" "$TRIPOD" tokenize $(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort | head -n 6) -t "$suite/tokenizer.json" -o c
"$TRIPOD" scan "$model" -c c -t "$suite/tokenizer.json" --max-tokens 256 -o l >/dev/null
ok "gradients" quanta gradients "$model" -c c --losses "$(ls l/*.npy)" --below 1 --no-induction -n 60 --sketch 2048 -o g
ok "their cosines" quanta similarity g -o gC.npy
ok "their clusters" quanta cluster gC.npy -o gl.npy --clusters 5,10
ok "in context" quanta show gl.npy g -c c --clusters 10 --first 3 -n 4 --html s.html --jsonl s.jsonl --json=s.json
shows "as a table" '^1	[0-9]+	[0-9]+	[0-9]+	[0-9]+	[0-9]+	[0-9]+	[0-9.e-]+	-	.*\[\[.+\]\]'
ok "every sample once, by rank, where the losses say" $python - "$(ls l/*.npy)" <<'P'
import json, sys
import numpy as np
lines = [json.loads(x) for x in open("s.jsonl")]
label, rows, losses = np.load("gl.npy")[1], np.load("g/rows.npy"), np.load(sys.argv[1])
assert sorted(x["sample"] for x in lines) == list(range(len(rows)))
sizes = np.bincount(label)
ranks = [x["cluster"] for x in lines]
assert ranks == sorted(ranks) and max(ranks) == 10
for x in lines:
    assert x["row"] == rows[x["sample"]] and x["size"] == sizes[label[x["sample"]]]
    assert abs(x["loss"] - losses[x["row"]]) < 1e-6
order = [x["size"] for x in lines]
assert order == sorted(order, reverse=True)
assert len({(x["cluster"], int(label[x["sample"]])) for x in lines}) == 10
shown = json.load(open("s.json"))["samples"]
assert [sum(x["cluster"] == r for x in shown) for r in (1, 2, 3)] == [min(4, s) for s in sorted(sizes)[::-1][:3]]
page = open("s.html").read()
assert page.count("<mark>") == len(shown) and page.count("<h3>") == 3
P
row=$($python -c 'import numpy; print(numpy.load("g/rows.npy")[7])')
ok "the most similar samples" quanta show gl.npy g -c c --near "$row" --similarity gC.npy -n 6 --jsonl n.jsonl
ok "by the cosines" $python - <<'P'
import json
import numpy as np
c, found = np.load("gC.npy")[7].astype(float), [json.loads(x) for x in open("n.jsonl")]
assert [x["sample"] for x in found] == np.argsort(-c, kind="stable")[:6].tolist() and found[0]["sample"] == 7
assert np.allclose([x["similarity"] for x in found], np.sort(c)[::-1][:6], rtol=1e-6)
P
ok "one cluster, all of it" quanta show gl.npy g -c c --clusters 5 --cluster 1
terminal "for people" 90 "$TRIPOD" quanta show gl.npy g -c c -n 2
mkdir h
for i in 0 1; do
    quanta gradients "$model" -c c --losses "$(ls l/*.npy)" --below 1 --no-induction -n 60 --sketch 2048 -o h --shard $i/2 >/dev/null
done
quanta show gl.npy g -c c >whole.tsv
quanta show gl.npy h -c c >parts.tsv
same "gradients in parts show the same" whole.tsv parts.tsv

# --- the toy model and the theory ---
ok "toy" quanta toy --subtasks 20 --points 60 --d 300 --sigma 0,1 --clusters 20 --n-init 20 --window 1:15 --json=toy.json
ok "clusters are found where they lie apart" $python - <<'P'
import json
for r, sigma in zip(json.load(open("toy.json"))["rows"], (0, 1)):
    assert (r["sigma"], r["samples"], r["ari_20"], r["difference"]) == (sigma, 211, 1, 0), r
P
ok "toy of the published kind, smaller" quanta toy --subtasks 300 --points 300 --alpha 0.9,1 --n-init 5 --json=toy.json
ok "finds slopes within 0.2 of the truth" $python - <<'P'
import json
rows = json.load(open("toy.json"))["rows"]
assert [r["alpha"] for r in rows] == [0.9, 1] and all(abs(r["difference"]) < 0.2 for r in rows), rows
P
ok "toy of more subtasks than there are samples of" quanta toy --subtasks 1e6 --points 40 --d 300 --sigma 0 --clusters 40 --window 1:15 --n-init 20 --json=toy.json
ok "agreement of those that are there" $python -c "import json; r = json.load(open('toy.json'))['rows'][0]; assert r['samples'] == 158 and r['ari_40'] == 1, r"
ok "theory" quanta theory --quanta 1e5 --runs 3 -D 1e4,1e5,1e6,1e8
shows "closed forms within 0.3 % at 100 quanta" '^100	0\.12733[0-9]*	0\.12758[0-9]*	1\.00199[0-9]	1\.41177[0-9]*	1\.41370[0-9]*	1\.00136[0-9]'
shows "slopes with the tail near the theory's" '^1e\+?08	[0-9.e+-]+	[0-9.e+-]+	[0-9.e+-]+	[0-9.e+-]+	[0-9.e+-]+	0\.28[0-9]+	[0-9.]+	0\.285714|^100000000	.*	0\.28[0-9]+	[0-9.]+	0\.285714'

# --- what cannot be ---
$python - <<'P'
import numpy as np
c = np.load("C.npy")
def save(name, i, j, v, both=True):
    x = c.copy()
    x[i, j] = v
    if both:
        x[j, i] = v
    np.save(name, x)
save("nan.npy", 3, 9, np.nan)
save("inf.npy", 3, 3, np.inf)
save("skew.npy", 7, 2, 0.5, False)
save("large.npy", 5, 6, 1.5)
np.save("flat.npy", c[:5])
np.save("line.npy", c[0])
np.save("one.npy", c[:1, :1])
np.save("ints.npy", c.astype(np.int32))
x = np.ones((4, 4), np.float32) - 0.5
x[2] = x[:, 2] = 0
np.save("lonely.npy", x)
l = np.load("labels.npy")
l[1, 4] = -1
np.save("negative.npy", l)
l[1, 4] = 240
np.save("beyond.npy", l)
P
fails "NaN" 'nan.npy: row 3, column 9: expected a finite number, found nan' quanta cluster nan.npy -o x.npy
fails "infinity" 'inf.npy: row 3, column 3: expected a finite number' quanta cluster inf.npy -o x.npy
fails "not symmetric" 'skew.npy: not symmetric: row 7, column 2 is 0.5, row 2, column 7 is' quanta cluster skew.npy -o x.npy
fails "no cosine" 'large.npy: row 5, column 6: expected a cosine, found 1.5' quanta cluster large.npy -o x.npy
fails "not square" 'flat.npy: expected a square matrix, found 5 x 240' quanta cluster flat.npy -o x.npy
fails "one dimension" 'line.npy: expected a square matrix, found 240 x 1' quanta cluster line.npy -o x.npy
fails "one sample" 'one.npy: expected at least 2 samples' quanta cluster one.npy -o x.npy
fails "whole numbers" 'ints.npy: expected float32 or float64' quanta cluster ints.npy -o x.npy
fails "a sample like no other" 'lonely.npy: sample 2: its affinities to the others sum to 0' quanta cluster lonely.npy -o x.npy --clusters 2 --affinity given
fails "more clusters than samples" 'clusters: expected fewer than its 240 samples, found 240' quanta cluster C.npy -o x.npy --clusters 240
fails "too few for the default" 'only 4 samples: give numbers of clusters' quanta cluster lonely.npy -o x.npy
if ls x.* >/dev/null 2>&1; then echo "FAIL something was written"; code=1; else echo "ok and nothing is written"; fi
fails "no such folder to write to" 'cannot (write|open|create)' quanta cluster C.npy -o no/x.npy --clusters 3
fails "a label below 0" 'negative.npy: row 1, column 4: expected a label 0 to 239, found -1' quanta envelope negative.npy
fails "a label beyond" 'beyond.npy: row 1, column 4: expected a label 0 to 239, found 240' quanta envelope beyond.npy
fails "no labels" 'C.npy: expected labels of type int32' quanta envelope C.npy
fails "no ranks" 'a line needs at least 3 ranks' quanta envelope all.npy --window 224:300
fails "labels of other samples" 'all.npy: expected labels of the 60 samples of g, found 240' quanta show all.npy g -c c
fails "no such clustering" 'clusters: there is none of 7' quanta show gl.npy g -c c --clusters 7
fails "no such cluster" 'expected a rank 1 to 5' quanta show gl.npy g -c c --clusters 5 --cluster 6
fails "no such sample" 'row 1000000 is none of its 60 samples' quanta show gl.npy g -c c --near 1000000 --similarity gC.npy
fails "cosines of other samples" 'C.npy: expected the cosines of the 60 samples of g, found 240' quanta show gl.npy g -c c --near "$row" --similarity C.npy
"$TRIPOD" tokenize /usr/share/common-licenses/BSD -t "$suite/tokenizer.json" -o d >/dev/null
fails "another corpus" 'expected the corpus of g' quanta show gl.npy g -c d
for bad in "rows|x[1:]|expected <i8 .60. by its record, found <i8 .59." "rows|x - 10**7|sample 0: expected a row 0 to [0-9]*, found -9" \
    "losses|x.astype(float)|expected <f4 .60. by its record, found <f8 .60."; do
    IFS='|' read -r name how what <<<"$bad"
    rm -rf bad && cp -r g bad
    $python -c "import numpy as np; x = np.load('g/$name.npy'); np.save('bad/$name.npy', $how)"
    fails "samples that are none: $name, $how" "bad.*: $what" quanta show gl.npy bad -c c
done
fails "no gradients" 'expected the gradients.json' quanta show gl.npy l -c c
fails "toy: more clusters than samples" '100 clusters need more than its 4[0-9] samples' quanta toy --subtasks 20 --points 15 --clusters 100
mkdir broken
: >broken/libopenblas.so.0
fails "a library that is broken" 'eigenvectors need liblapacke and libopenblas0, which cannot be used: .*file too short' \
    env LD_LIBRARY_PATH=broken "$TRIPOD" quanta cluster C.npy -o x.npy --clusters 3
if ldd "$TRIPOD" | grep -E 'blas.so|lapack'  | grep -v gslcblas; then echo "FAIL start-up loads LAPACK"; code=1; else echo "ok no start loads it"; fi
PORTABLE=${PORTABLE-${B:-$ROOT/build}-portable/tripod}
if [ -x "$PORTABLE" ]; then
    fails "the static program" 'eigenvectors need .* a static program loads no libraries' "$PORTABLE" quanta cluster C.npy -o x.npy --clusters 3
fi
misuse "no output" 'give a file with -o' quanta cluster C.npy
misuse "no matrix" 'give C.npy' quanta cluster -o x.npy
cp C.npy mine.npy
fails "labels over the cosines" 'mine.npy: is read from: expected another name' quanta cluster mine.npy -o mine.npy --clusters 2
fails "places over the cosines" 'mine.npy: is read from: expected another name' quanta cluster mine.npy -o x.npy --vectors mine.npy --clusters 2
check "which stay" "they changed" cmp -s C.npy mine.npy
fails "labels and places in one file" 'x.npy: two results would be written to it' quanta cluster C.npy -o x.npy --vectors x.npy --clusters 2
fails "a result that could not be written is known before the work" 'nowhere/r.json: cannot write' quanta cluster C.npy -o unwritten.npy --clusters 2 --json=nowhere/r.json
check "and nothing is computed" "$(ls)" test ! -e unwritten.npy
misuse "restarts of what does not start" '--n-init is for --method kmeans' quanta cluster C.npy -o x.npy --method cluster_qr --n-init 5
misuse "the first of one" 'give --first or --cluster' quanta show gl.npy g -c c --first 2 --cluster 1
misuse "a page over the labels" 'gl.npy: is read from' quanta show gl.npy g -c c --html gl.npy
misuse "one cluster" 'expected whole numbers from 2 on, found 1' quanta cluster C.npy -o x.npy --clusters 1
misuse "no such method" 'expected kmeans' quanta cluster C.npy -o x.npy --method dbscan
misuse "a window that is none" 'window: expected' quanta envelope all.npy --window 9
misuse "no corpus" 'give the one that was scanned' quanta show gl.npy g
misuse "near without cosines" 'near needs cosines' quanta show gl.npy g -c c --near 1
misuse "noise that is no number" 'sigma: expected' quanta toy --sigma loud
misuse "half a quantum" 'n: expected whole numbers' quanta theory --n 1.5
exit $code
