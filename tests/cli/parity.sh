# tripod parity as a user meets it: the same bytes whoever computes and after whatever stops it, points that fit power reads,
# gradients' cosines by numpy, what the runs say about scaling, and every way it can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
parity() { "$TRIPOD" parity "$@"; }
small=(--scaled --tasks 30 -n 20 --batch 700 -s 300 --log 50 --task-points 40)
grid=("${small[@]}" -w 9,40,100 -d 3000,900 --seeds 2)

# --- what it writes ---

ok "a grid" parity "${grid[@]}" -o "$T/a" --json="$T/a.json"
check "every run has its files, nothing else" "$(ls "$T/a")" test "$(find "$T/a" -type f | wc -l)" = 37
ok "new samples for ever" parity "${small[@]}" -w 9,40,100 --test-points 5000 -o "$T/b"
ok "record, matrix, points" $python - "$T" <<'P'
import csv, json, sys
import numpy as np
t = sys.argv[1]
r = json.load(open(t + "/b/w40-z1.4-s0.json"))
m, w = np.load(t + "/b/w40-z1.4-s0.npy"), np.load(t + "/b/w40-z1.4-s0-weights.npy")
assert m.dtype == np.float32 and m.shape == (6, 30) and w.shape == (53, 40) and r["N"] == 40 * 53 + 2 == w.size + 2
assert r["steps_done"] == 300 and len(r["mean"]) == 6 and r["unit"] == "nats" and abs(r["mean"][0] / np.log(2) - 1) < 0.02
p = np.arange(1, 31) ** -1.4
p /= p.sum()
assert max(abs(m[i] @ p - r["mean"][i]) for i in range(6)) < 0.03  # 5,000 samples beside 40 of each
d = json.load(open(t + "/a/w40-d900-z1.4-s1.json"))
a = np.load(t + "/a/w40-d900-z1.4-s1.npy").astype(float)
assert max(abs(a[i] @ p - d["mean"][i]) for i in range(6)) < 1e-6  # without test points: the weighted sum
rows = list(csv.DictReader(open(t + "/a/points.csv")))
assert len(rows) == 12 * 6 and list(rows[0]) == "run N D step loss zipf seed".split()
assert [x["step"] for x in rows if x["run"] == "w40-d900-z1.4-s1"] == ["0", "50", "100", "150", "200", "250"]
assert [float(x["loss"]) for x in rows if x["run"] == "w40-d900-z1.4-s1"] == d["mean"]
assert all(x["D"] == "" for x in csv.DictReader(open(t + "/b/points.csv")))
P
ok "fit power reads the points" "$TRIPOD" fit power "$T/b/points.csv"
shows "of each run the last" '3 rows used, 15 dropped'

# --- the same bytes ---

same() { check "$1" "files differ: $(ls "$3")" cmp -s <(cd "$2" && sha256sum ./*.npy ./*.csv) <(cd "$3" && sha256sum ./*.npy ./*.csv); }
for how in --threads=1 --threads=3 --simd=scalar --simd=avx2; do
    parity "${grid[@]}" $how -o "$T/x$how" >/dev/null 2>"$T/err"
    same "$how: the same bytes" "$T/a" "$T/x$how"
done
for i in 2 0 1; do parity "${grid[@]}" --shard $i/3 -o "$T/s" >/dev/null; done
same "in three shards" "$T/a" "$T/s"
ok "what is there is not run again" parity "${grid[@]}" -o "$T/a" --json
shows "and says so" '"there": 12'
shows "and that it took no products" '"flop": 0.0'

slow=(--scaled -w 200 -d 40000 -s 250 --log 5 --threads 1)
parity "${slow[@]}" -o "$T/whole" >/dev/null
for s in INT:130 KILL:137; do
    env --default-signal=INT "$TRIPOD" parity "${slow[@]}" --simd=scalar -o "$T/cut" --json-progress 3 3>"$T/progress" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true watched "$T/progress" training 2 # the first is of step 0
    kill -"${s%:*}" $pid
    wait $pid 2>/dev/null
    status=$?
    check "${s%:*}: 128 + n" "exit $status: $(cat "$T/err")" test $status -eq "${s#*:}"
    [ $s = KILL:137 ] || check "${s%:*}: it says what is kept" "$(cat "$T/err")" grep -Eq 'w200-d40000-z1.4-s0.state: interrupted at step [1-9][0-9]*; the same command goes on$' "$T/err"
    check "${s%:*}: a state, and nothing has a final name" "$(ls "$T/cut")" test -e "$T/cut/w200-d40000-z1.4-s0.state" -a ! -e "$T/cut/w200-d40000-z1.4-s0.json"
done
fails "the state of other settings" 'w200-d40000-z1.4-s0.state: of a run with other settings' parity "${slow[@]}" --rate 0.002 -o "$T/cut"
cp -r "$T/cut" "$T/bad"
printf x | dd of="$T/bad/w200-d40000-z1.4-s0.state" bs=1 seek=5000 conv=notrunc 2>/dev/null
fails "a damaged state" 's0.state: the checksum does not match' parity "${slow[@]}" -o "$T/bad"
ok "gone on with" parity "${slow[@]}" -o "$T/cut" --json="$T/cut.json"
same "the same bytes" "$T/whole" "$T/cut"
ok "counts the steps of this call, and the time of all" $python - "$T" <<'P'
import json, sys
t = sys.argv[1]
r, call = json.load(open(t + "/cut/w200-d40000-z1.4-s0.json")), json.load(open(t + "/cut.json"))["training"]
whole = (4 * 250 * 5000 + 2 * 50 * 300 * 200) * 32 * 200
assert call["ran"] == 1 and 0 < call["flop"] < whole, (call, whole)
assert r["seconds"] > call["seconds"], (r["seconds"], call)
P
check "the state is gone" "$(ls "$T/cut")" test ! -e "$T/cut/w200-d40000-z1.4-s0.state"

ok "early stop: a training set that is soon known by heart" parity --scaled --tasks 30 -n 20 -w 300 -d 200 -s 5000 --log 20 --stop-rises 3 --stop-from 100 --task-points 100 -o "$T/e" --json="$T/e.json"
ok "stops after so many rises, and not before" $python - "$T/e/w300-d200-z1.4-s0.json" "$T/e.json" <<'P'
import json, sys
r = json.load(open(sys.argv[1]))
m = r["mean"]
rises = [all(m[j] > m[j - 1] for j in range(i - 2, i + 1)) for i in range(5, len(m))]
assert len(m) < 250 and rises[-1] and not any(rises[:-1]), m
assert r["best_step"] == 20 * m.index(min(m)) and r["steps_done"] == 20 * (len(m) - 1) + 1
flop = (4 * r["steps_done"] * 200 + 2 * len(m) * 30 * 100) * 20 * 300  # of the steps it took, not of 5,000
assert json.load(open(sys.argv[2]))["training"]["flop"] == flop, flop
P

# --- cosines of gradients ---

parity --scaled --tasks 6 -n 12 --batch 500 -s 800 --log 200 -w 60 -o "$T/q" >/dev/null
ok "cosines" parity --similarity "$T/C.npy" --samples 200 "$T/q/w60-z1.4-s0.json"
ok "are numpy's, of whole gradients" $python - "$T" <<'P'
import json, sys
import numpy as np
t = sys.argv[1]
c, task = np.load(t + "/C.npy"), np.load(t + "/C-tasks.npy")
assert c.dtype == np.float32 and c.shape == (200, 200) and (c == c.T).all() and (c.diagonal() == 1).all()
w, r = np.load(t + "/q/w60-z1.4-s0-weights.npy").astype(float), json.load(open(t + "/q/w60-z1.4-s0.json"))

M = 2**64 - 1
def philox(stream, x0):
    x1, key = stream, 0
    for _ in range(10):
        p = x0 * 0xD2B74407B1CE6E93
        x0, x1 = (p >> 64) ^ key ^ x1, p & M
        key = key + 0x9E3779B97F4A7C15 & M
    return x0

def below(stream, counter, n):
    return philox(stream, counter) * n >> 64

subsets, attempt = [], 0
while len(subsets) < 6:
    one = set()
    for i in range(3):
        j = below(0, attempt * 128 + i, 10 + i)
        one.add(9 + i if j in one else j)
    attempt += 1
    if one not in subsets:
        subsets.append(one)
p = np.arange(1, 7) ** -1.4
below_p = np.cumsum(p / p.sum())
gradients, tasks, number = [], [], 0
while len(gradients) < 200:
    i = int(np.searchsorted(below_p, (philox(7, number) >> 11) * 2.0**-53))
    bits = philox(8, number) & 4095
    number += 1
    x = np.array([j == i for j in range(6)] + [bits >> j & 1 for j in range(12)], float)
    y = sum(bits >> j & 1 for j in subsets[i]) % 2
    h = np.maximum(w[:18].T @ x + w[18], 0)
    z = w[19:21] @ h + np.array(r["output_bias"])
    z -= np.log(np.exp(z - z.max()).sum()) + z.max()
    if -z[y] >= 0.1:
        continue
    dz = np.exp(z) - np.eye(2)[y]
    dh = w[19:21].T @ dz * (h > 0)
    gradients.append(np.concatenate([np.outer(dh, x).ravel(), dh, np.outer(dz, h).ravel(), dz]))
    tasks.append(i)
g = np.array(gradients)
g /= np.linalg.norm(g, axis=1)[:, None]
assert (task == tasks).all() and abs(c - g @ g.T).max() < 2e-6, abs(c - g @ g.T).max()
P
ok "clusters of them" "$TRIPOD" quanta cluster "$T/C.npy" --clusters 2,6 -o "$T/labels.npy"
for how in --threads=1 --simd=scalar; do
    parity --similarity "$T/D.npy" --samples 200 "$T/q/w60-z1.4-s0.json" $how >/dev/null
    check "cosines, $how: the same bytes" "they differ" cmp -s "$T/C.npy" "$T/D.npy"
done
ok "seeds that are far from each other" parity --similarity "$T/D.npy" --samples 200 --seed 16777216 "$T/q/w60-z1.4-s0.json"
check "are other samples" "the same bytes" [ -n "$(cmp "$T/C.npy" "$T/D.npy" 2>&1)" ]
ok "a name that is not UTF-8" parity --similarity "$T/"$'\xff.npy' --samples 20 "$T/q/w60-z1.4-s0.json" --json
shows "is ? in JSON" '"similarity": "\?"'
fails "no sample so well known" 'one sample in 1000 with a loss below 1e-08 nats, found [0-9]+ in' parity --similarity "$T/no.npy" --below 1e-8 --samples 2 "$T/q/w60-z1.4-s0.json"
fails "another name" 'C.txt: expected a name that ends in .npy' parity --similarity "$T/C.txt" --samples 20 "$T/q/w60-z1.4-s0.json"
fails "no run" 'nothing.json: cannot open' parity --similarity "$T/no.npy" "$T/q/nothing.json"

# --- one run, drawn ---

parity --scaled --tasks 6 -n 10 --batch 500 -s 3000 --log 100 -w 60 -o "$T/p" >/dev/null
ok "when subtasks were learned" parity --plot "$T/learned.png" "$T/p/w60-z1.4-s0.json" --json="$T/learned.json" --tsv
shows "by subtask" '^subtask	frequency	begins	learned	mean_bits'
ok "as the matrix has it" $python - "$T" <<'P'
import json, sys
import numpy as np
t = sys.argv[1]
m = np.load(t + "/p/w60-z1.4-s0.npy").astype(float) / np.log(2)
j, r = json.load(open(t + "/learned.json")), json.load(open(t + "/p/w60-z1.4-s0.json"))
assert j["rows"] and [x["subtask"] - 1 for x in j["rows"]] == np.where((m < .1).any(0))[0].tolist()
for x in j["rows"]:
    k = x["subtask"] - 1
    at = np.argmax(m[:, k] < .1)
    assert x["learned"] == 100 * at and x["begins"] == 100 * np.argmax(m[:, k] < .9) and abs(x["mean_bits"] - r["mean"][at] / np.log(2)) < 1e-9
mean = np.array(r["mean"]) / np.log(2)
assert abs(j["largest_drop"]["mean"] - max(mean[:-1] - mean[1:])) < 1e-9 and abs(j["largest_drop"]["subtask"] - (m[:-1] - m[1:]).max()) < 1e-6
rows = [l.split("\t") for l in open(t + "/learned.tsv") if l[:1] == "m"]
assert len(rows) == 2 * (len(m) - 1), len(rows)  # the mean, in both panels, without step 0
P
misuse "a figure of what" 'give the run' parity --plot "$T/no.png"
misuse "a figure and an analysis" 'give one of' parity --analyse --plot "$T/no.png" "$T/whole"
fails "a figure of no run" 'nothing.json: cannot open' parity --plot "$T/no.png" "$T/nothing.json"

# --- what cannot be used ---

misuse "no folder" 'no folder: give one with -o' parity
misuse "half a unit" '--width: expected whole numbers' parity -w 2.5 -o "$T/no"
misuse "a preset of one's own" 'preset says what the runs are' parity --preset figure2 -w 10 -o "$T/no"
misuse "a preset that is none" 'expected figure2, figure8 or figure10' parity --preset figure3 -o "$T/no"
misuse "a folder for nothing" "'x': what for" parity x
misuse "analyse what" 'give the folder of runs' parity --analyse
misuse "similarity of what" 'give the run' parity --similarity "$T/no.npy"
misuse "analyse and train" 'takes what is there' parity --analyse "$T/a" -w 10
misuse "a shard beyond" 'I from 0 to N - 1' parity --shard 3/2 -o "$T/no"
misuse "seeds of what is there" '--analyse trains nothing: no --seeds' parity --analyse "$T/a" --seeds 2
misuse "a shard of what is there" '--analyse trains nothing: no --shard' parity --analyse "$T/a" --shard 0/2
misuse "samples of a training" '--samples and --below are for --similarity' parity "${small[@]}" --below 5 -o "$T/no"
misuse "a window of a figure" '--window is of --analyse' parity --plot "$T/no.png" --window 5:9 "$T/q/w60-z1.4-s0.json"
misuse "when not to stop, and no stop" '--stop-from is for --stop-rises' parity "${small[@]}" --stop-from 50 -o "$T/no"
fails "a result that could not be written is known before the work" 'nowhere/r.json: cannot write' parity "${small[@]}" -w 9 -o "$T/unwritten" --json="$T/nowhere/r.json"
is "and nothing is trained" "" "$(ls "$T/unwritten")"
mkdir "$T/keep" && cp "$T"/q/w60-z1.4-s0* "$T/keep"
for f in .npy -weights.npy; do
    fails "cosines over the run's $f" 'is read from: expected another name' parity --similarity "$T/keep/w60-z1.4-s0$f" --samples 20 "$T/keep/w60-z1.4-s0.json"
    check "which stays" "it changed" cmp -s "$T/q/w60-z1.4-s0$f" "$T/keep/w60-z1.4-s0$f"
done
fails "a summary over the record" 'is read from: expected another name' parity --plot "$T/no.png" "$T/keep/w60-z1.4-s0.json" --json="$T/keep/w60-z1.4-s0.json"
misuse "a window" 'expected LO < HI' parity --analyse "$T/a" --window 9:5
misuse "too many bits" '--bits: ' parity -n 129 -o "$T/no"
fails "more tasks than subsets" 'only 10 distinct subsets of 2 of 5 bits' parity --scaled --tasks 11 -n 5 --subset 2 -s 10 -o "$T/no"
fails "more bits than there are" 'bits of a subtask: expected 1 to 2, found 3' parity --scaled -n 2 -o "$T/no"
fails "other settings" 's[01].json: of a run with other settings' parity "${grid[@]}" --decay 0.1 -o "$T/a"
fails "too few test samples" '1 test samples: not one of the most frequent subtask' parity "${small[@]}" --test-points 1 -o "$T/no1"
ok "a run that diverges" parity "${small[@]}" -w 9,20,40 --rate 1000 --test-points 0 -o "$T/d"
ok "its points are read, and say nothing" parity --analyse "$T/d" --json
ok "one that ends with no number at all" parity "${small[@]}" -w 9 --rate 1000 --decay 1000 -o "$T/nan"
ok "is null in the record" $python -c "import json; r = json.load(open('$T/nan/w9-z1.4-s0.json')); assert r['output_bias'] == [None, None] and r['mean'][-1] is None, r"
ok "is there the next time" parity "${small[@]}" -w 9 --rate 1000 --decay 1000 -o "$T/nan" --json
shows "and not run again" '"there": 1'
fails "its weights are read, and know nothing" 'found 0 in [0-9]+: train it longer' parity --similarity "$T/no.npy" --samples 2 "$T/nan/w9-z1.4-s0.json"
mkdir -p "$T/no"
fails "an empty folder" 'expected records of parity runs, found none' parity --analyse "$T/no"
fails "no such folder" 'nowhere: cannot open' parity --analyse "$T/nowhere"
fails "a file for a folder" 'a.json: ' parity "${small[@]}" -o "$T/a.json"
rm -r "$T/bad"
cp -r "$T/b" "$T/bad"
head -c 500 "$T/b/w40-z1.4-s0.npy" >"$T/bad/w40-z1.4-s0.npy"
fails "a matrix cut off" 'w40-z1.4-s0.npy: expected 6 x 30 values' parity --analyse "$T/bad"
sed 's/"tasks": 30/"tasks": -30/' "$T/b/w40-z1.4-s0.json" >"$T/bad/w40-z1.4-s0.json"
fails "a record with nonsense" 'w40-z1.4-s0.json: parity: expected no negative number, found -30' parity --analyse "$T/bad"
sed 's/tripod-parity 1/tripod-parity 2/' "$T/b/w40-z1.4-s0.json" >"$T/bad/w40-z1.4-s0.json"
fails "a later form of record" 'w40-z1.4-s0.json: format: expected "tripod-parity 1", found tripod-parity 2' parity --analyse "$T/bad"
sed '/"mean": \[/,/\]/d' "$T/b/w40-z1.4-s0.json" >"$T/bad/w40-z1.4-s0.json"
fails "a record without its losses" 'w40-z1.4-s0.json: mean: expected an array of 1 to [0-9]+ numbers' parity --analyse "$T/bad"
echo '{"parity": {}}' >"$T/bad/w40-z1.4-s0.json"
fails "another program's record" 'w40-z1.4-s0.json: expected the record of a parity run, found something else' parity --similarity "$T/no.npy" "$T/bad/w40-z1.4-s0.json"
head -c 300 "$T/b/w40-z1.4-s0.json" >"$T/bad/w40-z1.4-s0.json"
fails "a record cut off" 'w40-z1.4-s0.json: line [0-9]+: ' parity --analyse "$T/bad"
ok "a plan" parity --preset figure10 --dry-run
shows "says what it takes" '855 runs, .* FLOP .*, .* hours on .* threads .*, at most [0-9.]+ MB a thread'
terminal "on a terminal" 80 "$TRIPOD" parity --analyse "$T/a"

# --- what it shows ---

# Bars on a deterministic run; their width is the scatter of seeds.
science() { $python - "$@" <<'P'
import json, sys
x = {(e["zipf"], e["quantity"]): e["value"] for e in json.load(open(sys.argv[1]))["exponents"]}
bad = []
for bar in sys.argv[2:]:
    zipf, what, lo, hi = bar.split(":")
    if not float(lo) <= x.get((float(zipf), what), 1e9) <= float(hi):
        bad.append((bar, x.get((float(zipf), what))))
sys.exit(f"outside: {bad}" if bad else 0)
P
}
if [ -n "${LONG:-}" ]; then
    ok "Figure 2, scaled, three seeds" parity --preset figure2 --scaled --seeds 3 -o "$T/f2" --json="$T/f2.json"
    ok "alpha_N, alpha_S, alpha_D, convergence and order" science "$T/f2.json" 1.4:alpha_N:0.28:0.38 1.4:alpha_S:0.36:0.46 1.4:alpha_D:0.22:0.32 1.4:convergence:-0.90:-0.74 1.4:order:0.9:1
    ok "Figure 10, scaled" parity --preset figure10 --scaled -o "$T/f10" --json="$T/f10.json"
    ok "each exponent rises with Zipf's" $python - "$T/f10.json" <<'P'
import json, sys
x = {(e["zipf"], e["quantity"]): e["value"] for e in json.load(open(sys.argv[1]))["exponents"]}
for what in ("alpha_N", "alpha_S", "alpha_D"):
    v = [x[z, what] for z in (1.2, 1.4, 1.7)]
    assert v[0] < v[1] < v[2], (what, v)
P
    ok "QDG: a network that has learned more" parity --scaled -s 30000 -o "$T/g"
    ok "its gradients" parity --similarity "$T/G.npy" --samples 3000 "$T/g/w500-z1.4-s0.json"
    ok "their clusters" "$TRIPOD" quanta cluster "$T/G.npy" --n-init 5 -o "$T/labels.npy"
    ok "the envelope" "$TRIPOD" quanta envelope "$T/labels.npy" --window 10:100 --json="$T/envelope.json"
    ok "falls as -1.0 +- 0.15" $python -c "import json; s = json.load(open('$T/envelope.json'))['line']['slope']; assert -1.15 <= s <= -0.85, s"
else
    ok "a short run" parity --scaled -s 5000 -o "$T/f"
    ok "small ones" parity --scaled -w 10,30,90 -s 5000 -o "$T/f"
    ok "training sets" parity --scaled -w 200 -d 30000,100000,300000 -s 2500 -o "$T/f"
    ok "what they say" parity --analyse "$T/f" --window 500:5000 --json="$T/f.json"
    ok "exponents and order" science "$T/f.json" 1.4:alpha_N:0.2:0.4 1.4:alpha_S:0.33:0.5 1.4:alpha_D:0.15:0.4 1.4:convergence:-1:-0.65 1.4:order:0.85:1
fi
exit $code
