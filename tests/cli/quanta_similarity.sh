# tripod quanta similarity and quanta gradients --exact as a user meets them: cosines by numpy, equal bytes whoever computes, in
# whatever memory, after whatever stops it, the error three ways, and every way it can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3
suite=$ROOT/models/demo
model=$suite/demo-25k/step1000
gradients() { "$TRIPOD" quanta gradients "$@"; }
similarity() { "$TRIPOD" quanta similarity "$@"; }

"$TRIPOD" import "$model" -o "$T/m.tripod" >/dev/null
m=$T/m.tripod
# shellcheck disable=SC2046
"$TRIPOD" tokenize $(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort | head -n 6) -t "$suite/tokenizer.json" -o "$T/c" >/dev/null
"$TRIPOD" scan "$m" -c "$T/c" -t "$suite/tokenizer.json" --max-tokens 256 -o "$T/l" >/dev/null
rows=(-c "$T/c" --losses "$(ls "$T"/l/*.npy)" --below 0.7 --no-induction -n 90)

# --- whole gradients ---

ok "exact cosines" gradients "$m" "${rows[@]}" --exact -o "$T/x" --json="$T/x.json"
check "it says first what it takes" "$(cat "$T/err")" grep -Eq '90 samples, of which 90 stay in memory: 90 gradients, [0-9.e]+ FLOP, .* at 0.75 of the FMA peak' "$T/err"
check "nothing unfinished is left" "$(ls "$T/x")" test "$(cd "$T/x" && echo *)" = "exact.npy gradients.json losses.npy norms.npy rows.npy"
read -ra some < <($python -c "import numpy as np; print(*np.load('$T/x/rows.npy')[[0, 7, 33, 70, 89]])")
for row in "${some[@]}"; do gradients "$m" -c "$T/c" --max-tokens 256 --coordinates published --dump "$row" -o "$T/d" >/dev/null; done
ok "they are numpy's in double, of whole gradients" $python - "$T" <<'P'
import glob, json, sys
import numpy as np
t = sys.argv[1]
c, rows, norms = (np.load(f"{t}/x/{name}.npy") for name in ("exact", "rows", "norms"))
assert c.dtype == np.float32 and c.shape == (90, 90) and (c == c.T).all() and (c.diagonal() == 1).all() and abs(c).max() == 1
assert norms.dtype == np.float64
at = [0, 7, 33, 70, 89]
g = [np.concatenate([np.load(p).ravel() for p in sorted(glob.glob(f"{t}/d/row-{rows[i]}/*.npy"))]).astype(float) for i in at]
for a, i in zip(g, at):
    assert abs(norms[i] / np.sqrt(a @ a) - 1) < 1e-6
    for b, j in zip(g, at):
        assert abs(c[i, j] - a @ b / np.sqrt((a @ a) * (b @ b))) < 1e-6, (i, j)
r = json.load(open(t + "/x/gradients.json"))
assert r["complete"] and r["sketch"]["k"] == 0 and r["rows"]["count"] == 90
P
same() { check "$1" "arrays differ or something is left: $(ls "$3")" cmp -s <(cd "$2" && sha256sum ./*.npy && ls) <(cd "$3" && sha256sum ./*.npy && ls); }
for how in --threads=1 --threads=3 --simd=scalar --simd=avx2 "--memory=12M --threads=1" "--memory=19M --threads=2"; do
    # shellcheck disable=SC2086
    gradients "$m" "${rows[@]}" --exact $how -o "$T/x$how" --json 2>"$T/err" >"$T/x$how.json"
    same "$how: the same bytes" "$T/x" "$T/x$how"
done
check "little memory: gradients are computed more than once" "$(cat "$T/x--memory=12M --threads=1.json")" \
    $python -c "import json; assert json.load(open('$T/x--memory=12M --threads=1.json'))['gradients']['computed'] > 140"
ok "a plan" gradients "$m" "${rows[@]}" --exact --memory 12M --threads 1 -o "$T/plan" --dry-run --json
shows "says how many stay" '"stay": [1-7][0-9],'
check "and writes nothing" "$(ls "$T/plan")" test -z "$(ls "$T/plan")"
ok "what is there is not computed again" gradients "$m" "${rows[@]}" --exact -o "$T/x"
shows "and says so" '^90	0	'
fails "no memory for two" 'm.tripod: --memory: beside the model and [0-9]+ threads .*: expected room for at least two gradients of [0-9]+K and .* of scratch, found 0' gradients "$m" "${rows[@]}" --exact --memory 5M --threads 1 -o "$T/small"
# Where the machine does not say what memory it has.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    blind=(unshare -m bash -c 'mount -t tmpfs none /sys && mount -t tmpfs none /proc && exec "$@"' -)
    ok "memory that is not known" "${blind[@]}" "$TRIPOD" quanta gradients "$m" "${rows[@]}" --exact -o "$T/blind"
    same "memory that is not known: the same bytes" "$T/x" "$T/blind"
else
    echo "SKIP memory that is not known: only root can hide it"
fi
misuse "exact and sketch" 'no --sketch' gradients "$m" "${rows[@]}" --exact --sketch 1000 -o "$T/bad"
misuse "exact and shard" 'no --shard' gradients "$m" "${rows[@]}" --exact --shard 0/2 -o "$T/bad"
fails "sketches where exact cosines are" 'holds gradients with another --s' gradients "$m" "${rows[@]}" -o "$T/x"

# Stopped, and gone on with.
records() { [ "$(cat "$T"/cut/exact.npy.part-*.log 2>/dev/null | wc -c)" -ge $((128 + 32 * $1)) ]; }
"$make_model" "$T/slow" --hidden 64 --layers 2 --heads 2 --vocab 2000 --seed 1 >/dev/null
"$TRIPOD" import "$T/slow" -o "$T/slow.tripod" >/dev/null
# shellcheck disable=SC2046
"$make_model" --corpus "$T/e" --limit 1900 --seed 1 $(for _ in $(seq 30); do echo 150; done) >/dev/null
$python -c "import numpy as np; np.save('$T/many.npy', np.arange(70, 4400, 19))"
slow=("$T/slow.tripod" -c "$T/e" --rows "$T/many.npy" --exact)
gradients "${slow[@]}" -o "$T/whole" >/dev/null 2>&1
for s in INT:130 KILL:137; do
    had=$(cat "$T"/cut/exact.npy.part-*.log 2>/dev/null | wc -c)
    env --default-signal=INT "$TRIPOD" quanta gradients "${slow[@]}" --simd=scalar --threads 1 --memory 60M -o "$T/cut" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true records $((had / 32 + 30))
    kill -"${s%:*}" $pid
    wait $pid 2>/dev/null
    status=$?
    check "${s%:*}: 128 + n" "exit $status: $(cat "$T/err")" test $status -eq "${s#*:}"
    [ $s = KILL:137 ] || check "${s%:*}: it says what is kept" "$(cat "$T/err")" grep -Eq '/cut/gradients.json: interrupted: [0-9]+ of [0-9]+ inner products are kept; the same command goes on$' "$T/err"
    check "${s%:*}: nothing has a final name" "$(ls "$T/cut")" test ! -e "$T/cut/exact.npy" -a ! -e "$T/cut/losses.npy"
done
cp -r "$T/cut" "$T/less" && cp -r "$T/cut" "$T/least"
fails "similarity of what is being computed" 'cut/gradients.json: still being computed, or stopped' similarity "$T/cut"
gradients "${slow[@]}" --memory 60M --threads 1 -o "$T/cut" --json >"$T/cut.json" 2>/dev/null
same "gone on with: the same bytes" "$T/whole" "$T/cut"
check "only what was missing is computed" "$(grep computed "$T/cut.json")" $python -c "
import json
plan = $(gradients "${slow[@]}" --memory 60M --threads 1 -o "$T/plan" --dry-run --json | $python -c 'import json, sys; print(json.load(sys.stdin)["plan"]["gradients"])')
assert 0 < json.load(open('$T/cut.json'))['gradients']['computed'] < plan"
gradients "${slow[@]}" --memory 24M --threads 1 -o "$T/less" --json >"$T/less.json" 2>"$T/err"
same "with less memory: the same bytes" "$T/whole" "$T/less"
check "with less memory: only what was missing is computed" "$(grep computed "$T/less.json")" $python -c "
import json
anew = $(gradients "${slow[@]}" --memory 24M --threads 1 -o "$T/plan" --dry-run --json | $python -c 'import json, sys; print(json.load(sys.stdin)["plan"]["gradients"])')
assert 0 < json.load(open('$T/less.json'))['gradients']['computed'] < anew"
check "with less memory: nothing to warn of" "$(cat "$T/err")" test "$(grep -c warning "$T/err")" -eq 0
gradients "${slow[@]}" --memory 12M --threads 1 -o "$T/least" >/dev/null 2>"$T/err"
same "with memory that does not hold its tiles: the same bytes" "$T/whole" "$T/least"
check "and it says that it begins anew" "$(cat "$T/err")" grep -Eq '^tripod: warning: .*/least/exact.npy: what is kept needs memory for 16 gradients: begun anew$' "$T/err"

# --- from sketches ---

ok "sketches" gradients "$m" "${rows[@]}" --sketch 2048 -o "$T/g"
ok "similarity" similarity "$T/g" -o "$T/C.npy" --angular "$T/A.npy" --halves --check "$m" -c "$T/c" --check-rows 80 --json="$T/s.json"
shows "says n and k" '^90	2048	4005	'
ok "C by numpy in double; the angular form; the halves" $python - "$T" <<'P'
import json, sys
import numpy as np
t = sys.argv[1]
s = np.load(t + "/g/sketch.npy").astype(float)
def cosines(v):
    v = v / np.sqrt((v * v).sum(1, keepdims=True))
    return v @ v.T
for name, want in ("C", cosines(s)), ("C.first", cosines(s[:, :1024])), ("C.second", cosines(s[:, 1024:])):
    c = np.load(f"{t}/{name}.npy")
    assert c.dtype == np.float32 and c.shape == (90, 90) and (c == c.T).all() and (c.diagonal() == 1).all() and abs(c).max() == 1
    assert abs(c - want).max() < 1e-6, name
c, a = np.load(t + "/C.npy"), np.load(t + "/A.npy")
assert a.dtype == np.float32 and (a == a.T).all() and (a.diagonal() == 1).all()
assert abs(a - (1 - np.arccos(c.astype(float)) / np.pi)).max() < 1e-7
up = np.triu_indices(90, 1)
r, j = json.load(open(t + "/C.json")), json.load(open(t + "/s.json"))
assert r["format"] == "tripod-similarity 1" and r["n"] == 90 and r["k"] == 2048 and r["rows_hash"] == json.load(open(t + "/g/gradients.json"))["rows"]["hash"]
assert r["errors"] == j["errors"] and "provenance" in r
assert abs(r["mean"] - c[up].mean(dtype=float)) < 1e-9 and abs(r["sd"] - c[up].std(dtype=float)) < 1e-9 and r["greatest"] == c[up].max()
e = r["errors"]
theory = np.sqrt(((1 - c[up].astype(float) ** 2) ** 2).mean() / 2048)
assert abs(e["theory"]["rms"] / theory - 1) < 1e-6
half = (np.load(t + "/C.first.npy").astype(float) - np.load(t + "/C.second.npy"))[up] / 2
assert abs(e["vectors"]["rms"] / np.sqrt((half**2).mean()) - 1) < 1e-6 and abs(e["vectors"]["max"] / abs(half).max() - 1) < 1e-6
# The check computed 80 of the 90 samples again: the exact cosines are those of the other command, bit for bit.
at = np.arange(80) * 90 // 80
x = np.load(t + "/x/exact.npy").astype(float)[np.ix_(at, at)] - c[np.ix_(at, at)]
x = x[np.triu_indices(80, 1)]
assert abs(e["exact"]["rms"] / np.sqrt((x**2).mean()) - 1) < 1e-9 and e["exact"]["max"] == abs(x).max() and e["exact_samples"] == 80
# And the three say about the same (3,160 pairs of 80 samples are not independent: a tenth).
assert abs(e["exact"]["rms"] / e["theory"]["rms"] - 1) < 0.15 and abs(e["vectors"]["rms"] / e["theory"]["rms"] - 1) < 0.15, e
P
for i in 0 1 2; do gradients "$m" "${rows[@]}" --sketch 2048 --shard $i/3 -o "$T/p" >/dev/null; done
for how in "$T/g --threads=1" "$T/g --threads=3" "$T/g --simd=scalar" "$T/g --simd=avx2" "$T/p"; do
    # shellcheck disable=SC2086
    similarity $how -o "$T/D.npy" --angular "$T/E.npy" >/dev/null
    check "${how#"$T"/}: the same bytes" "they differ" cmp -s <(cat "$T/C.npy" "$T/A.npy") <(cat "$T/D.npy" "$T/E.npy")
done
ok "of exact cosines" similarity "$T/x" -o "$T/X.npy"
shows "k is not known" '^90	-	4005	'
check "they are copied" "they differ" cmp -s "$T/X.npy" "$T/x/exact.npy"
terminal "on a terminal" 80 "$TRIPOD" quanta similarity "$T/g" --check "$m" -c "$T/c" --check-rows 20
ok "as JSON alone" similarity "$T/g" --json
shows "says the errors" '"theory": \{'

# --- checked where the gradients are of a part of the corpus ---

"$TRIPOD" scan "$m" -c "$T/c" -t "$suite/tokenizer.json" --max-tokens 256 --documents 3 -o "$T/l3" >/dev/null
ok "gradients of a scan of some documents" gradients "$m" -c "$T/c" --losses "$(ls "$T"/l3/*.npy)" --below 0.7 --no-induction -n 20 --sketch 2048 -o "$T/g3"
$python - "$T" <<'P'
import shutil, struct, sys
import numpy as np
t = sys.argv[1]
data = open(t + "/c.idx", "rb").read()
ends = np.cumsum(np.frombuffer(data, "<i4", struct.unpack_from("<Q", data, 18)[0], 34))
for name, document in (("within", 2), ("after", 3)):  # behind the tokens that were scanned
    ids = np.fromfile(t + "/c.bin", "<u2")
    ids[ends[document] - 1] ^= 1
    ids.tofile(f"{t}/{name}.bin")
    shutil.copy(t + "/c.idx", f"{t}/{name}.idx")
P
ok "documents after them do not count" similarity "$T/g3" --check "$m" -c "$T/after" --check-rows 8
fails "those among them do" 'within: expected the corpus the gradients are of, found another' similarity "$T/g3" --check "$m" -c "$T/within" --check-rows 8
"$TRIPOD" tokenize /usr/share/common-licenses/BSD -t "$suite/tokenizer.json" -o "$T/few" >/dev/null
fails "too few documents" 'few: expected 3 documents or more, found 1' similarity "$T/g3" --check "$m" -c "$T/few" --check-rows 8
"$TRIPOD" scan "$T/slow.tripod" -c "$T/e" --rows 5:20 -o "$T/lr" >/dev/null
ok "gradients of training rows" gradients "$T/slow.tripod" -c "$T/e" --losses "$(ls "$T"/lr/*.npy)" --below 100 --stride 37 --sketch 2048 -o "$T/gr"
ok "are checked by them" similarity "$T/gr" --check "$T/slow.tripod" -c "$T/e" --check-rows 8
for name in rows losses; do
    rm -rf "$T/b3" && cp -r "$T/g3" "$T/b3"
    $python -c "import numpy as np; np.save('$T/b3/$name.npy', np.load('$T/g3/$name.npy')[1:])"
    fails "fewer $name than the record's" "b3/$name.npy: expected <.. .20. by its record, found <.. .19." similarity "$T/b3" --check "$m" -c "$T/c"
done

# --- what cannot be used ---

misuse "no folder" 'no folder' similarity
misuse "halves without C" 'halves needs -o' similarity "$T/g" --halves
misuse "rows of no check" '--check-rows is for --check' similarity "$T/g" --check-rows 5
misuse "memory of no check" '--memory is for --check' similarity "$T/g" --memory 1G
cp -r "$T/g" "$T/mine"
for f in sketch rows losses norms; do
    fails "cosines over $f.npy" "$f.npy: is read from: expected another name" similarity "$T/mine" -o "$T/mine/$f.npy"
    check "which stays" "it changed" cmp -s "$T/g/$f.npy" "$T/mine/$f.npy"
done
fails "cosines and angles in one file" 'x.npy: two results would be written to it' similarity "$T/g" -o "$T/x.npy" --angular "$T/x.npy"
misuse "check without a corpus" 'go together' similarity "$T/g" --check "$m"
fails "nowhere" 'nowhere: expected a folder of gradients, found nothing' similarity "$T/nowhere"
fails "a file" 'expected a folder of gradients, found a file' similarity "$T/C.npy"
mkdir "$T/empty"
fails "another folder" 'empty: expected the gradients.json' similarity "$T/empty"
fails "a name" 'C.txt: expected a name that ends in .npy' similarity "$T/g" -o "$T/C.txt"
fails "no such place" 'none/C.npy: cannot write' similarity "$T/g" -o "$T/none/C.npy"
mv "$T/p/gradients.shard-1-of-3.json" "$T/keep"
fails "a part is missing" 'gradients.shard-1-of-3.json: not there: part 1 of 3' similarity "$T/p"
mv "$T/keep" "$T/p/gradients.shard-1-of-3.json"
gradients "$m" "${rows[@]}" --sketch 1024 --shard 1/3 -o "$T/p" --force >/dev/null
fails "a part with another k" 'shard-1-of-3.json: of another model, corpus, rows, coordinates or sketch than part 0' similarity "$T/p"
broken() { rm -rf "$T/b"; cp -r "$T/g" "$T/b"; $python -c "
import numpy as np
s = np.load('$T/b/sketch.npy')
$1
np.save('$T/b/sketch.npy', s)"; }
broken 's[5, 7] = np.nan'
fails "NaN" 'b/sketch.npy: row 5, column 7: expected a number, found nan' similarity "$T/b" -o "$T/no.npy"
broken 's[6] = 0'
fails "zeros" 'b/sketch.npy: row 6: a sketch of zeros' similarity "$T/b" -o "$T/no.npy"
broken 's = s[:, :100]'
fails "another k than the record's" 'expected float32 .90, 2048. by its record, found <f4 .90, 100.' similarity "$T/b" -o "$T/no.npy"
head -c 5000 "$T/g/sketch.npy" >"$T/b/sketch.npy"
fails "cut off" 'b/sketch.npy: expected 90 x 2048 values of 4 bytes, found' similarity "$T/b" -o "$T/no.npy"
rm "$T/b/sketch.npy"
fails "no sketches" 'b/sketch.npy: cannot open' similarity "$T/b" -o "$T/no.npy"
"$TRIPOD" import "$suite/demo-25k/step256" -o "$T/other.tripod" >/dev/null
fails "check: another model" 'other.tripod: expected the model the gradients are of' similarity "$T/g" --check "$T/other.tripod" -c "$T/c" -o "$T/no.npy"
for name in "-o $T/C.txt" "--angular $T/C.txt"; do
    # shellcheck disable=SC2086
    fails "a name, before anything is checked: ${name%% *}" 'C.txt: expected a name that ends in .npy' similarity "$T/g" --check "$T/other.tripod" -c "$T/c" $name
done
gradients "$m" "${rows[@]}" -n 1 --sketch 2048 -o "$T/single" >/dev/null
fails "one sample, before anything is checked" 'single: expected at least two samples, found one' similarity "$T/single" --check "$T/other.tripod" -c "$T/c"
fails "check: another corpus" '(e|e.bin): ' similarity "$T/g" --check "$m" -c "$T/e" -o "$T/no.npy"
fails "check: nothing to check" 'nothing to check' similarity "$T/x" --check "$m" -c "$T/c" -o "$T/no.npy"
check "nothing is written then" "$(ls "$T")" test ! -e "$T/no.npy" -a ! -e "$T/no.json"
exit $code
