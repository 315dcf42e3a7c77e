# tripod sweep as a user meets it: the plan, what runs leave, plateaus by an independent count, the same bytes whoever computes and
# whatever stops it, and every way it can fail. LONG=1: a sweep with a minimum inside every budget.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
sweep() { "$TRIPOD" sweep "$@"; }

# A language of some thousand words by Zipf's law: letters and pairs are soon known, the lexicon takes parameters.
cat >"$T/words.py" <<'P'
import json, random, sys
r = random.Random(1)
letters, words, pages = map(int, sys.argv[1:])
lexicon = ["".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randrange(2, 9))) for _ in range(words)]
weight = [1 / (i + 2) for i in range(words)]
for _ in range(pages):
    print(json.dumps({"text": " ".join(r.choices(lexicon, weight, k=letters // pages // 6))}))
P
$python "$T/words.py" 250000 30 9 >"$T/few.jsonl"

# --- the plan ---

ok "a plan of nothing yet" sweep --dry-run --json="$T/plan.json"
ok "C = 6 N D, longest first" $python - "$T/plan.json" <<'P'
import json, sys
p = json.load(open(sys.argv[1]))
rows = p["plan"]
assert len(rows) == 18 == p["runs"] and p["skipped"] == 0 and p["hours"] > 0
assert abs(p["flop"] / 84e12 - 1) < 1e-3
for r in rows:
    w, l = r["width"], r["layers"]
    assert r["N"] == l * (12 * w * w + 13 * w) + 2 * w + 257 * w and abs(r["flop"] / (6 * r["N"] * r["D"]) - 1) < 1e-9
    assert abs(r["rate"] - 6e-3 * (32 / w) ** .5) < 1e-12 and r["D"] == r["steps"] * 1024 and r["heads"] * 4 <= w
assert [r["seconds"] for r in rows] == sorted((r["seconds"] for r in rows), reverse=True)
P
text=(-c "$T/few.jsonl" -T 32 --rows 4 --validation-tokens 4000)
small=("${text[@]}" --widths 8,12,16,24 --budgets 1e9,2e9)
ok "a plan of a text" sweep "${small[@]}" --epochs 0.15 -o "$T/a" --dry-run
shows "repeated text is not new text" '^c2e9-d8-.*too many epochs$'
shows "fewer than 100 steps are no run" '^c1e9-d24-.*too few steps$'
check "it trains nothing" "$(ls "$T/a")" test -z "$(find "$T/a" -name 'c[12]e9*')"

# --- what it writes ---

ok "a sweep" sweep "${small[@]}" -o "$T/a" --json="$T/a.json" --tsv
shows "its runs" '^c2e9-d16-l2-s0'
ok "points are the records'" $python - "$T" <<'P'
import csv, json, sys
t = sys.argv[1]
j = json.load(open(t + "/a.json"))
rows = list(csv.DictReader(open(t + "/a/runs.csv")))
points = list(csv.DictReader(open(t + "/a/points.csv")))
assert list(rows[0]) == "run N D C step loss error seed budget epochs plateau".split()
assert len(rows) == 7 == j["finished"] == j["wanted"] and j["training"]["ran"] == 7
for r in rows:
    record = json.load(open(f"{t}/a/{r['run']}/train.json"))
    v, own = record["tests"][-1], list(csv.DictReader(open(f"{t}/a/{r['run']}/points.csv")))[-1]
    assert all(r[k] == own[k] for k in ("N", "D", "step", "loss", "epochs", "seed")), (r, own)
    assert float(r["loss"]) == v["loss"] and v["step"] == int(r["step"]), (r, v)
    assert abs(float(r["C"]) / 6 / int(r["N"]) / int(r["D"]) - 1) < 1e-12
    assert (r["plateau"] == "1") == (float(r["loss"]) > j["bigram"] - .1)
assert points == [r for r in rows if r["plateau"] == "0"] and 0 < len(points) < 7, [r["loss"] for r in rows]
P
ok "unigram and bigram by another count" $python - "$T" <<'P'
import json, sys
import numpy as np
t = sys.argv[1]

def documents(prefix):
    raw = open(prefix + ".idx", "rb").read()
    n = int.from_bytes(raw[18:26], "little")
    sizes = np.frombuffer(raw, np.int32, n, 34)
    ids = np.fromfile(prefix + ".bin", "<u2").astype(int)
    return np.split(ids, np.cumsum(sizes)[:-1])

sections = [d[i:i + 4096] for d in documents(t + "/a/corpus") for i in range(0, len(d), 4096)]
held, train = documents(t + "/a/held-out"), []
left = list(held)
for s in sections:
    if left and np.array_equal(s, left[0]):
        left.pop(0)
    else:
        train.append(s)
assert not left and len(held) >= 1
V = 257
one = np.bincount(np.concatenate(train), minlength=V)
pair = np.zeros((V, V))
for s in train:
    np.add.at(pair, (s[:-1], s[1:]), 1)
p = (one + 1) / (one.sum() + V)
first, ways = pair.sum(1, keepdims=True), (pair > 0).sum(1, keepdims=True)
with np.errstate(invalid="ignore"):
    q = np.where(first > 0, (pair + ways * p) / (first + ways), p)
assert np.allclose(q.sum(1), 1)
j = json.load(open(t + "/a.json"))
a, b = np.concatenate([h[:-1] for h in held]), np.concatenate([h[1:] for h in held])
assert abs(j["unigram"] + np.log(p[b]).mean()) < 1e-9 and abs(j["bigram"] + np.log(q[a, b]).mean()) < 1e-9
P
ok "fit power reads the points" "$TRIPOD" fit power "$T/a/runs.csv" --x D --bootstrap 0
ok "a run is a model that scan takes" "$TRIPOD" scan "$T"/a/c2e9-d16-l2-s0/step*.tripod -c "$T/a/held-out" --window 32 -o "$T/losses"
ok "and its mean loss is the point's" $python - "$T" <<'P'
import csv, glob, sys
import numpy as np
t = sys.argv[1]
loss = {r["run"]: float(r["loss"]) for r in csv.DictReader(open(t + "/a/runs.csv"))}
mine = np.load(glob.glob(t + "/losses/*.npy")[0]).astype(float).mean()
assert abs(mine - loss["c2e9-d16-l2-s0"]) < 1e-12, (mine, loss)
P
if command -v gnuplot >/dev/null; then ok "the figure" test -s "$T/a/sweep.png"; else echo "SKIP the figure: no gnuplot"; fi
check "with both lines" "$(cut -f 1 "$T/a/sweep.tsv" | sort -u)" [ "$(grep -cE '^(unigram|bigram)	' "$T/a/sweep.tsv")" = 4 ]

# --- the same bytes ---

same() { check "$1" "files differ: $(ls "$3")" cmp -s <(cd "$2" && sha256sum ./*.csv ./*/*.tripod ./*/points.csv) <(cd "$3" && sha256sum ./*.csv ./*/*.tripod ./*/points.csv); }
for how in --threads=1 --threads=3 --simd=avx2; do
    sweep "${small[@]}" $how -o "$T/x$how" >/dev/null 2>"$T/err"
    same "$how: the same bytes" "$T/a" "$T/x$how"
done
ok "one run without vectors" sweep "${text[@]}" --widths 24 --budgets 2e9 --simd=scalar -o "$T/scalar"
check "the same model" "they differ" cmp -s "$T"/a/c2e9-d24-l2-s0/step*.tripod "$T"/scalar/c2e9-d24-l2-s0/step*.tripod
for i in 2 0 1; do ok "shard $i/3" sweep "${small[@]}" --shard $i/3 -o "$T/s"; done
same "in three shards" "$T/a" "$T/s"
ok "what is there is not run again" sweep "${small[@]}" -o "$T/a" --json
shows "and says so" '"there": 7'
ok "a team for one run" sweep "${text[@]}" --widths 16 --budgets 2e9 --threads 2 -o "$T/team" --json
shows "two threads" '"threads_a_run": 2'
same_run() { cmp -s "$T"/a/c2e9-d16-l2-s0/step*.tripod "$1"/c2e9-d16-l2-s0/step*.tripod; }
check "the same model" "they differ" same_run "$T/team"
slow=("${text[@]}" --widths 16,24 --budgets 2e10 --threads 1 --epochs 100)
sweep "${slow[@]}" -o "$T/whole" >/dev/null 2>"$T/err"
for s in INT:130 KILL:137; do
    # Without vectors it would take minutes.
    env --default-signal=INT "$TRIPOD" sweep "${slow[@]}" --simd=scalar -o "$T/cut" --json-progress 3 3>"$T/progress" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true watched "$T/progress" training
    kill -"${s%:*}" $pid
    wait $pid 2>/dev/null
    status=$?
    check "${s%:*}: 128 + n" "exit $status: $(cat "$T/err")" test $status -eq "${s#*:}"
done
ok "gone on with" sweep "${slow[@]}" -o "$T/cut"
same "after both: the same bytes" "$T/whole" "$T/cut"

# --- runs that diverge ---

# Weight decay times a rate above 2 turns weights around, larger every step: at these rates in the narrowest models alone.
fast=("${text[@]}" --widths 8,16,24 --budgets 1e9,2e9 --rate 15 -o "$T/fast")
ok "runs that diverge are left out" sweep "${fast[@]}" --json="$T/fast.json"
check "the others are finished" "$(cut -d, -f1 "$T/fast/runs.csv")" [ "$(cut -d, -f1 "$T/fast/runs.csv" | sort | tr '\n' ' ')" = "c1e9-d16-l2-s0 c2e9-d16-l2-s0 c2e9-d24-l2-s0 run " ]
check "each is said" "$(cat "$T/err")" [ "$(grep -c '^tripod: warning: c[12]e9-d8-l2-s0: step [0-9]*: expected a finite loss and gradient.*it diverged' "$T/err")" = 2 ]
ok "again: the same" sweep "${fast[@]}" --json="$T/again.json"
check "counted" "$(cat "$T/again.json")" $python -c "import json; a, b = (json.load(open('$T/%s.json' % f))['training'] for f in ('fast', 'again')); assert (a['ran'], a['there'], a['diverged'], b['ran'], b['there'], b['diverged']) == (3, 0, 2, 0, 3, 2)"
sweep "${text[@]}" --widths 8 --budgets 1e9 --rate 15 -o "$T/none-left" >"$T/out" 2>"$T/err"
check "none is left: an error" "$(cat "$T/err")" grep -q '^tripod: .*no finished run$' "$T/err"
misuse "a rate" '--rate' sweep "${text[@]}" --rate 1000 -o "$T/x"

# --- Debian's pages ---

mkdir -p "$T/root[1]/usr/share/doc/anarchism/html"
for i in 1 2 3; do
    { echo "<html><head><title>t</title></head><body><p>page&nbsp;$i of <b>three</b></p>"; cat "$ROOT"/{src/scan,bench,fit}/README.md | head -c 20000 | sed 's/[<>&]//g'; } >"$T/root[1]/usr/share/doc/anarchism/html/$i.html"
done
ok "-c debian:ROOT" sweep -c "debian:$T/root[1]" --dry-run -o "$T/d"
check "its pages, without markup" "$(head -c 200 "$T/d/debian.jsonl")" [ "$(grep -c '^{"text":"page [123] of three\\n' "$T/d/debian.jsonl")" = 3 ]
mkdir "$T/none"
fails "no package" 'no text to train on: install one of the packages anarchism' sweep -c "debian:$T/none" -o "$T/e"

# --- what cannot be used ---

misuse "no text" 'no text: give one with -c' sweep -o "$T/no"
misuse "no folder" 'no folder: give one with -o' sweep -c "$T/few.jsonl"
misuse "a rule that is none" '--flop: expected 6N-body, 6N-head' sweep --flop 6N --dry-run
misuse "a ratio" 'expected LO < HI' sweep --ratio 9:5 --dry-run
misuse "-t and --bytes" 'not both' sweep -c "$T/few.jsonl" -t x --bytes -o "$T/no"
misuse "a shard beyond" 'I from 0 to N - 1' sweep --shard 3/2 -o "$T/no"
misuse "sizes twice" '--widths says which sizes: expected no --sizes' sweep --widths 8,16 -k 4 --dry-run
misuse "sizes twice, by their ratio" '--widths says which sizes: expected no --ratio' sweep --widths 8,16 --ratio 6:60 --dry-run
fails "a figure that could not be written is known before the work" 'nowhere/x.png: cannot write' sweep "${small[@]}" -o "$T/unwritten" --plot "$T/nowhere/x.png"
fails "a result neither" 'nowhere/r.json: cannot write' sweep "${small[@]}" -o "$T/unwritten" --json="$T/nowhere/r.json"
check "and nothing is trained" "$(ls "$T/unwritten")" test -z "$(find "$T/unwritten" -name 'c[12]e9*')"
fails "a width" 'width: expected a multiple of 4' sweep --widths 10 --dry-run
fails "a budget twice" 'budgets: expected each once, to four digits, found 1e12 twice' sweep --budgets 1e12,1e12 --dry-run
fails "more steps than are counted" 'expected at most 4294967295 steps, found [0-9.]+e' sweep --budgets 1e30 --widths 4 --dry-run
fails "sizes that are no number" 'ratio: expected 1e-6 to 1e12' sweep --ratio 1e-300:1e300 --dry-run
ok "the plan of a shard" sweep --shard 1/3 --dry-run --json
shows "is of its runs" '"runs": 6'
fails "a budget" 'budget: expected 1e6 to 1e30 FLOP, found 1000' sweep --budgets 1e3 --dry-run
before=$(sha256sum "$T/a/held-out.bin")
fails "another part held out" 'a/held-out: expected what these settings hold out of this text, found another' sweep "${small[@]}" --holdout 0.3 -o "$T/a"
is "leaves it alone" "$before" "$(sha256sum "$T/a/held-out.bin")"
fails "nothing to run" 'all 1 are skipped' sweep -c "$T/few.jsonl" --widths 64 --budgets 1e7 -o "$T/n"
fails "other settings in its folder" 'train.json: of a run with other settings or other text .run.rows: expected 8, found 4' sweep "${small[@]}" --rows 8 -o "$T/a"

if [ -n "$LONG" ]; then
    # Three budgets, the least loss inside each, with sizes on both sides of it and of the parabola's minimum; N* grows with C.
    $python "$T/words.py" 8000000 3000 200 >"$T/many.jsonl"
    ok "a sweep with minima" sweep -c "$T/many.jsonl" --budgets 3e10,1e11,3e11 -k 5 --ratio 10:300 -o "$T/long" --json="$T/long.json"
    ok "inside every budget" $python - "$T" <<'P'
import csv, json, sys
j = json.load(open(sys.argv[1] + "/long.json"))
b = j["isoflop"]["budgets"]
assert len(b) == 3 and all(x["status"] in ("ok", "weak") and x["below"] and x["above"] for x in b), b
assert b[0]["N"] < b[1]["N"] < b[2]["N"] and b[0]["loss"] > b[1]["loss"] > b[2]["loss"]
assert .35 < j["isoflop"]["a"]["value"] < .8, j["isoflop"]["a"]
runs = {}
for r in csv.DictReader(open(sys.argv[1] + "/long/points.csv")):
    runs.setdefault(float(r["budget"]), []).append((int(r["N"]), float(r["loss"])))
for c, points in runs.items():
    losses = [x[1] for x in sorted(points)]
    assert len(losses) == 5 and 0 < losses.index(min(losses)) < 4, (c, losses)
P
    ok "fit isoflop reads the points" "$TRIPOD" fit isoflop "$T/long/points.csv" --keep --surface none
    ok "fit chinchilla reads the points" "$TRIPOD" fit chinchilla "$T/long/points.csv" --bootstrap 0
    ok "fit approaches reads the points" "$TRIPOD" fit approaches "$T/long/points.csv" --keep --bootstrap 20
fi
exit $code
