# Shards: cut by cost over models x documents, computed in any order, joined to the bits of the unsharded scan; and what gather says of
# parts that are not everything once. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3

# Models of several sizes and steps, documents of many lengths, some of which predict nothing.
mkdir "$T/models"
cp "$ROOT/models/demo/tokenizer.json" "$T/"
for m in demo-3k demo-7k demo-25k; do cp -r "$ROOT/models/demo/$m" "$T/models/"; done
models=("$T/models/demo-3k/step128" "$T/models/demo-3k/step1000" "$T/models/demo-7k/step1000" "$T/models/demo-25k/step128"
    "$T/models/demo-25k/step1000")
for m in "${models[@]}"; do if [ ! -d "$m" ]; then echo "FAIL no model $m"; exit 1; fi; done
"$make_model" --corpus "$T/text" --limit 500 --seed 6 1 40 3 0 240 2 77 12 150 5 0 90 61 33 210 1 >/dev/null
# scan DIR OPTIONS...
scan() {
    local dir=$T/$1
    shift
    "$TRIPOD" scan "${models[@]}" -c "$T/text" -t "$T/tokenizer.json" -o "$dir" "$@" >"$T/out" 2>"$T/err" || {
        echo "FAIL scan $*: $(cat "$T/err")"
        code=1
    }
}

# parts NAME OPTIONS...: the unsharded scan and 4 shards in an order drawn anew give the same matrix and points.
parts() {
    local name=$1 order
    shift
    rm -rf "$T/whole" "$T/parts"
    order=$(shuf -i 0-3 | paste -sd ' ')
    scan whole "$@"
    for i in $order; do scan parts "$@" --shard "$i/4"; done
    ok "$name: gather of the whole" "$TRIPOD" gather "$T/whole" -o "$T/whole.npy" --json="$T/whole.json"
    ok "$name: gather of shards $order" "$TRIPOD" gather "$T/parts" -o "$T/parts.npy" --json="$T/parts.json"
    same "$name: the same matrix" "$T/whole.npy" "$T/parts.npy"
    same "$name: the same points" "$T/whole/points.csv" "$T/parts/points.csv"
}
parts "truncated" --max-tokens 200
parts "windows" --window 64 --stride 16
parts "the first documents" --documents 9
ok "a matrix for each model" "$TRIPOD" gather "$T/parts" -o "$T/each.npy" --by model
ok "has its columns" $python - "$T" <<'P'
import json, sys
import numpy as np
T = sys.argv[1]
names = [c["model"] for c in json.load(open(T + "/whole.json"))["runs"]]
whole = np.load(T + "/whole.npy")
for model in set(names):
    m = np.load(f"{T}/each-{model}.npy")
    columns = json.load(open(f"{T}/each-{model}.json"))["columns"]
    assert [c["model"] for c in columns] == [model] * m.shape[1]
    assert (m == whole[:, [i for i, n in enumerate(names) if n == model]]).all(), model
P
misuse "of no matrix" 'by needs -o' "$TRIPOD" gather "$T/parts" --by model
fails "of another name" 'each: expected a name that ends in .npy' "$TRIPOD" gather "$T/parts" -o "$T/each" --by model
# Records of three checkpoints of so many losses that threads have blocks of their own, one of them in parts that end anywhere.
mkdir "$T/long"
$python - "$T" <<'P'
import glob, json, sys
import numpy as np
T = sys.argv[1]
r = json.load(open(sorted(glob.glob(T + "/whole/*.json"))[0]))
r["moments"].pop("exact")
rng = np.random.default_rng(1)
for step, cuts in ((1, []), (2, [1, 700001, 700002]), (3, [])):
    a = rng.random(2500003, dtype=np.float32)
    np.save(f"{T}/long.{step}", a)
    ends = [0] + cuts + [len(a)]
    for i in range(len(ends) - 1):
        part = a[ends[i]:ends[i + 1]]
        name = f"{T}/long/m-step{step}" + (f".shard-{i}-of-{len(ends) - 1}" if cuts else "")
        np.save(name, part)
        r.update(step=step, shard=[i, len(ends) - 1], key=f"{step}{i}", weights=f"{step}")
        r.pop("document_range", None)
        if cuts:
            r["document_range"] = {"first": i, "end": i + 1, "of": len(ends) - 1}
        r["moments"]["predictions"] = float(len(part))
        json.dump(r, open(name + ".json", "w"))
P
for n in 1 3; do ok "a long matrix, $n threads" env OMP_NUM_THREADS=$n "$TRIPOD" gather "$T/long" -o "$T/long$n.npy"; done
same "by any number of threads" "$T/long1.npy" "$T/long3.npy"
ok "has every loss" $python - "$T" <<'P'
import sys
import numpy as np
m = np.load(sys.argv[1] + "/long1.npy")
assert m.shape == (2500003, 3)
for step in 1, 2, 3:
    assert (m[:, step - 1] == np.load(f"{sys.argv[1]}/long.{step}.npy")).all(), step
P
ok "no shard has more than its share" $python - "$T/whole" "$T/parts" "$T/text.idx" <<'P'
import glob, json, os, struct, sys
import numpy as np
whole, parts, idx = sys.argv[1:]
raw = open(idx, "rb").read()
sizes = np.maximum(np.frombuffer(raw, "<i4", struct.unpack_from("<Q", raw, 18)[0], 34) - 1, 0)[:9]
read = lambda folder: {os.path.basename(n)[:-5]: json.load(open(n)) for n in glob.glob(folder + "/*.json")}
whole, parts = read(whole), read(parts)
names = [f"demo-{m}-step{s}" for m, s in (("3k", 128), ("3k", 1000), ("7k", 1000), ("25k", 128), ("25k", 1000))]
assert set(whole) == set(names)
at, plain = {}, 0
for name, r in parts.items():
    checkpoint = name.split(".")[0]
    if r["shard"] == [0, 1]:  # whole in one shard: the files of an unsharded run
        assert name == checkpoint and "document_range" not in r and r["key"] == whole[name]["key"]
        assert open(f"{sys.argv[2]}/{name}.npy", "rb").read() == open(f"{sys.argv[1]}/{name}.npy", "rb").read()
        assert r["moments"] == whole[name]["moments"]
        plain += 1
        at.setdefault(checkpoint, []).append((0, 9))
        continue
    d = r["document_range"]
    assert name == f"{checkpoint}.shard-{r['shard'][0]}-of-4" and d["of"] == 9 and d["first"] < d["end"]
    assert r["predictions"] == sizes[d["first"]:d["end"]].sum()
    at.setdefault(checkpoint, []).append((d["first"], d["end"]))
assert set(at) == set(names) and 2 <= plain < 5, parts  # the small ones are cut nowhere
for name, pieces in at.items():
    pieces.sort()
    assert pieces[0][0] == 0 and pieces[-1][1] == 9 and all(a[1] == b[0] for a, b in zip(pieces, pieces[1:])), (name, pieces)
P
ok "the joined record has the whole's numbers" $python - "$T/whole.json" "$T/parts.json" <<'P'
import json, sys
a, b = (json.load(open(n))["runs"] for n in sys.argv[1:])
assert len(a) == len(b) == 5
for x, y in zip(a, b):
    for key in "model step documents predictions mean_loss standard_error bytes words bits_per_byte word_perplexity moments shard".split():
        assert x[key] == y[key], (key, x[key], y[key])
    assert x["bytes"] > 0 and len(x["moments"]["exact"]) == 4
P
ok "verify of all parts" "$TRIPOD" verify "$T/parts" --documents all
sum() { awk -F '\t' 'NR > 1 { n += $5 } END { print n }'; }
is "every loss" "$("$TRIPOD" verify "$T/whole" --documents all | sum)" "$(sum <"$T/out")"

# More shards than documents: some have nothing to do, and say so; all together are everything.
for i in $(shuf -i 0-59); do scan many --documents 9 --shard "$i/60"; cat "$T/err" >>"$T/notes"; done
ok "60 shards" "$TRIPOD" gather "$T/many" -o "$T/many.npy"
same "have the bits" "$T/whole.npy" "$T/many.npy"
same "and the points" "$T/whole/points.csv" "$T/many/points.csv"
is "the idle ones say why" "$(wc -l <"$T/notes")" "$(grep -c '^tripod: shard [0-9]*/60 has nothing to do' "$T/notes")"
if [ "$(wc -l <"$T/notes")" -gt 5 ]; then echo "ok there are idle ones"; else echo "FAIL idle: $(cat "$T/notes")"; code=1; fi
scan idle --documents 2 --shard 0/60 --json="$T/idle.json"
is "an idle shard has no runs" 0 "$($python -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["runs"]))' "$T/idle.json")"

# What the array of Slurm jobs says is the default, and said.
env="SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=16 SLURM_ARRAY_TASK_STEP=2"
slurm() { env $env "SLURM_ARRAY_TASK_ID=$1" "$TRIPOD" scan "${models[@]}" -c "$T/text" -o "$T/$2" --documents 9 "${@:3}"; }
for i in 16 10 14 12; do ok "task $i" slurm $i tasks -t "$T/tokenizer.json"; done
is "the shard is said" "tripod: --shard 1/4, by SLURM_ARRAY_TASK_ID (--shard none: all of it)" "$(cat "$T/err")"
ok "gather of tasks" "$TRIPOD" gather "$T/tasks" -o "$T/tasks.npy"
same "tasks have the bits" "$T/whole.npy" "$T/tasks.npy"
ok "--shard none" slurm 10 none --shard none
is "is everything, silently" "5:" "$(ls "$T"/none/*.npy | wc -l):$(cat "$T/err")"
fails "a task of no even array" 'SLURM_ARRAY_TASK_ID: task 11 of an array of 4 from 10 to 16 in steps of 2 is no shard: give --shard' slurm 11 none
fails "a count that is none" 'SLURM_ARRAY_TASK_COUNT: expected' env SLURM_ARRAY_TASK_COUNT=x slurm_=1 SLURM_ARRAY_TASK_ID=1 "$TRIPOD" scan \
    "${models[0]}" -c "$T/text" -o "$T/none"
misuse "no shard" 'expected I/N with I from 0' "$TRIPOD" scan "${models[0]}" -c "$T/text" --shard 4/4

# What is not everything once. Of demo-25k-step1000 shards 2 and 3 of 4 have a part each.
big=demo-25k-step1000
copy() { rm -rf "$T/x"; cp -r "$T/parts" "$T/x"; rm -f "$T/x/points.csv"; }
ls "$T"/parts/$big.*.npy >/dev/null 2>&1 || { echo "FAIL $big is in one shard"; code=1; }
last=$(ls "$T"/parts/$big.shard-*.json | tail -n 1) first=$(ls "$T"/parts/$big.shard-*.json | head -n 1)
last=$(basename "$last" .json) first=$(basename "$first" .json)
copy; rm "$T/x/$last".*
fails "the last part is missing" "x/$first.npy: expected documents [0-9]+ to 8 of demo-25k after it, found none: shard 3/4" "$TRIPOD" gather "$T/x"
copy; rm "$T/x/$first".*
fails "the first part is missing" "x/$last.npy: expected documents 0 to [0-9]+ of demo-25k before it, found none: shard 2/4" "$TRIPOD" gather "$T/x"
rm -rf "$T/x"; cp -r "$T/many" "$T/x"
middle=$(ls "$T"/x/$big.shard-*.json | sed -n 2p)
rm "${middle%.json}".*
fails "a part in the middle is missing" "expected documents [0-9]+ to [0-9]+ of demo-25k after it, found none: shard [0-9]+/60" "$TRIPOD" gather "$T/x"
copy; cp "$T/whole/$big".* "$T/x/"
fails "a part and the whole" "x/$big.npy: has documents that .*x/$big.shard-[23]-of-4.npy has, too: remove one" "$TRIPOD" gather "$T/x"
copy; cp "$T/many/$big".* "$T/x/"
fails "parts of two scans" "has documents that .* has, too: remove one" "$TRIPOD" gather "$T/x"
# Parts of different numbers of shards that fit are fine: the first half of 4, the second of 2.
rm -rf "$T/x"
scan x --documents 9 --shard 0/4; scan x --documents 9 --shard 1/2; scan x --documents 9 --shard 1/4
ok "parts of 4 and of 2" "$TRIPOD" gather "$T/x" -o "$T/x.npy"
same "have the bits" "$T/whole.npy" "$T/x.npy"
# record NAME EXPRESSION: a record of x changed.
record() { $python -c "import json, sys; n = sys.argv[1]; r = json.load(open(n)); exec(sys.argv[2]); json.dump(r, open(n, 'w'))" "$T/x/$1.json" "$2"; }
copy; record "$last" 'r["document_range"]["of"] = 10'
fails "of another number of documents" "x/$last.npy: expected a part of 9 documents as .*x/$first.npy is, found one of 10" "$TRIPOD" gather "$T/x"
fails "verify finds that too" 'document_range: expected documents of the corpus' "$TRIPOD" verify "$T/x/$last.json"
copy; record "$last" 'r["document_range"]["first"] -= 1'
fails "one document twice" "x/$last.npy: has documents that .*x/$first.npy has, too" "$TRIPOD" gather "$T/x"
fails "verify finds that, too" 'expected [0-9]+ losses' "$TRIPOD" verify "$T/x/$last.json"
for bad in '"end": 2' '"first": -1, "end": 2, "of": 9' '"first": 3, "end": 3, "of": 9' '"first": 3, "end": 10, "of": 9' '"first": 0, "end": 9e3, "of": 9'; do
    copy; record "$last" "r['document_range'] = {$bad}"
    fails "a range of $bad" "$last.json: document_range: expected" "$TRIPOD" gather "$T/x"
done
copy; record demo-3k-step128 'r["document_range"] = {"first": 0, "end": 9, "of": 9}'
fails "the whole with a range" "demo-3k-step128.json: document_range: expected" "$TRIPOD" gather "$T/x"
copy; record "$last" 'r["corpus_hash"] = "0123456789abcdef"'
fails "a part of another corpus" "x/$last.npy: expected corpus [0-9a-f]{16} .* as in .*, found 0123456789abcdef" "$TRIPOD" gather "$T/x"
copy; record "$last" 'r["weights"] = "0123456789abcdef"'
fails "a part of other weights" "x/$last.npy: expected losses of the same weights" "$TRIPOD" gather "$T/x"
for bad in '[1, 2, 3, 4]' '["00000000000000000000000000000000"] * 3' '["-0000000000000000000000000000001"] * 4' '["0"] * 4' '7'; do
    copy; record "$last" "r['moments']['exact'] = $bad"
    fails "exact sums of $bad" "$last.json: moments: exact: expected four numbers" "$TRIPOD" gather "$T/x"
done
copy; record "$last" 'r["moments"]["exact"][0] = "%032x" % (int(r["moments"]["exact"][0], 16) + 1)'
"$TRIPOD" verify "$T/x/$last.json" --documents 1 >"$T/out" 2>"$T/err"
is "verify: exact sums that are off by one" 1 "$(grep -c 'do not sum up' "$T/err")"
# Losses of other documents under a part's name are in the way.
copy
fails "another cut in the same place" "x/.*.npy: holds losses of another corpus, protocol, part, precision or model" \
    "$TRIPOD" scan "${models[4]}" -c "$T/text" -o "$T/x" --documents 9 --shard 3/4

# Shards of before, cut by predictions: their records do not say which documents, and have no exact sums.
cp -r "$golden/folders" "$T/folders"
cp -r "$golden/shards" "$T/old"
ok "shards of before" "$TRIPOD" gather "$T/old" -o "$T/old.npy"
"$TRIPOD" scan "$T/folders/st-f16" -c "$T/folders/corpus" -o "$T/new" >/dev/null 2>&1
"$TRIPOD" gather "$T/new" -o "$T/new.npy" >/dev/null
same "have the losses of now" "$T/old.npy" "$T/new.npy"
ok "and verify" "$TRIPOD" verify "$T/old" -m "$T/folders/st-f16" -c "$T/folders/corpus" --documents all
rm "$T"/old/*0-of-2*
fails "one of them is missing" 'shard-1-of-2.npy: expected shards 0 to 0 of st-f16 before it, found none: shard 0/2' "$TRIPOD" gather "$T/old"
"$TRIPOD" scan "$T/folders/st-f16" -c "$T/folders/corpus" -o "$T/old" --shard 0/2 >/dev/null
fails "does not fit one of now" 'expected a part of|has shards that' "$TRIPOD" gather "$T/old"
exit $code
