# Training rows as the corpus of a scan: which rows, what their losses are, which checkpoints had seen them; in shards, resumed,
# gathered, verified, token by token. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
demo=$ROOT/models/demo

# 4 steps of 1024 rows of 9 tokens, in 3 shards that end anywhere; and rows 1500 to 2999 as a corpus of their own.
mkdir "$T/p" "$T/cut"
cat >"$T/corpus.py" <<'P'
import struct, sys
import numpy as np
def index(rows, n):
    head = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, rows, rows + 1) + np.full(rows, n, "<i4").tobytes()
    return head + (np.arange(rows, dtype="<i8") * n * 2).tobytes() + np.arange(rows + 1, dtype="<i8").tobytes()
T = sys.argv[1]
ids = np.random.default_rng(1).integers(1, 476, (4096, 9)).astype("<u2")
raw = ids.tobytes()
open(T + "/p/document.idx", "wb").write(index(4096, 9))
for i, (a, b) in enumerate(((0, 20001), (20001, 43333), (43333, len(raw)))):
    open(f"{T}/p/document-0000{i}-of-00002.bin", "wb").write(raw[a:b])
open(T + "/cut/c.idx", "wb").write(index(1500, 9))
open(T + "/cut/c.bin", "wb").write(ids[1500:3000].tobytes())
P
$python "$T/corpus.py" "$T"
mkdir "$T/demo-3k" # three checkpoints under the names of early ones
cp -r "$demo/demo-3k/step16" "$T/demo-3k/step1"
cp -r "$demo/demo-3k/step32" "$T/demo-3k/step2"
cp -r "$demo/demo-3k/step64" "$T/demo-3k/step4"
models=("$T"/demo-3k/step{1,2,4})
ok "rows" "$TRIPOD" scan "${models[@]}" -c "$T/p/document" --rows 1500:3000 -o "$T/rows"
ok "the same as a corpus" "$TRIPOD" scan "${models[@]}" -c "$T/cut/c" -o "$T/alone"
for n in 1 2 4; do same "step$n has the same losses" "$T"/rows/*-step$n.npy "$T"/alone/*-step$n.npy; done
ok "records" $python - "$T" <<'P'
import glob, json, sys
T = sys.argv[1]
for step, seen in ((1, 0), (2, 548), (4, 1500)):
    r = json.load(open(glob.glob(f"{T}/rows/*-step{step}.json")[0]))
    assert r["protocol"] == "max-tokens 2049 rows 1500:3000", r["protocol"]
    assert r["train_rows"] == {"first": 1500, "end": 3000, "seen": seen}, r["train_rows"]
    assert r["documents"] == 1500 and r["tokens"] == 12000
    alone = json.load(open(glob.glob(f"{T}/alone/*-step{step}.json")[0]))
    assert "train_rows" not in alone and alone["corpus_hash"] == r["corpus_hash"]
P
ok "a training step" "$TRIPOD" scan "${models[@]}" -c "$T/p/document" --train-step 2 -o "$T/step" --json="$T/step.json"
ok "numpy finds its rows" $python - "$T" <<'P'
import glob, json, sys
import numpy as np
T = sys.argv[1]
runs = json.load(open(T + "/step.json"))["runs"]
assert len(runs) == 3
for r in runs:
    name = r["out"].split("/")[-1]
    step, rows = np.load(r["out"]).reshape(1024, 8), np.load(f"{T}/rows/{name}").reshape(1500, 8)
    assert (step[:952] == rows[548:]).all()
    assert r["train_rows"] == {"first": 2048, "end": 3072, "seen": max(0, min(1024, 1024 * r["step"] - 2048))}
P
ok "two steps" "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --train-step 1:2 -o "$T/steps"
ok "are 2048 rows" $python -c 'import glob, sys, numpy as np; assert len(np.load(glob.glob(sys.argv[1] + "/*.npy")[0])) == 2048 * 8' "$T/steps"

# The plan.
ok "the plan" "$TRIPOD" scan "${models[@]}" -c "$T/p/document" --rows 1500:3000 -o "$T/none" --dry-run
shows "says which rows" "^# training rows 1500 to 2999: 'seen' is how many of the 1500 a checkpoint had been trained on"
cp "$T/out" "$T/plan"
is "and what each model had seen of them" "seen 0 548 1500" "$(grep -v '^#' "$T/plan" | awk -F '\t' '{print $NF}' | paste -sd ' ')"
ok "the plan of documents" "$TRIPOD" scan "${models[@]}" -c "$T/cut/c" -o "$T/none" --dry-run
is "does not" 0 "$(grep -c seen "$T/out")"

# What is not chosen is not looked at: its tokens may change, and the losses are those that are there.
cp -r "$T/p" "$T/q"
printf '\377\377' | dd of="$T/q/document-00000-of-00002.bin" bs=1 seek=100 conv=notrunc 2>/dev/null
printf '\377\377' | dd of="$T/q/document-00002-of-00002.bin" bs=1 seek=20000 conv=notrunc 2>/dev/null
before=$(stat -c %Y%s%i "$T"/rows/*.npy)
ok "another corpus of the same rows" "$TRIPOD" scan "${models[@]}" -c "$T/q/document" --rows 1500:3000 -o "$T/rows"
is "is the same one" "$before" "$(stat -c %Y%s%i "$T"/rows/*.npy)"
fails "other rows are not" 'losses of another corpus, protocol' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --rows 1499:2999 -o "$T/rows"
printf '\377\377' | dd of="$T/q/document-00001-of-00002.bin" bs=1 seek=$((1600 * 18 + 4 - 20001)) conv=notrunc 2>/dev/null
fails "a token that is none is named as the files number it" 'document 1600, token 2: expected an id below .*, found 65535' \
    "$TRIPOD" scan "${models[0]}" -c "$T/q/document" --rows 1500:3000 -o "$T/bad"

# Shards, in any order; gathered.
for i in 2 0 1; do "$TRIPOD" scan "${models[@]}" -c "$T/p/document" --rows 1500:3000 -o "$T/parts" --shard $i/3 >/dev/null 2>&1; done
ok "gather shards" "$TRIPOD" gather "$T/parts" -o "$T/parts.npy"
ok "gather the whole" "$TRIPOD" gather "$T/rows" -o "$T/m.npy" --json="$T/gathered.json"
same "the same matrix" "$T/parts.npy" "$T/m.npy"
is "its columns say what was seen" "0 548 1500" \
    "$($python -c 'import json, sys; print(*(c["train_rows"]["seen"] for c in json.load(open(sys.argv[1]))["columns"]))' "$T/m.json")"
cp "$T"/step/*-step1.* "$T/parts/"
fails "gather of other rows" 'expected' "$TRIPOD" gather "$T/parts"

# Stopped in the middle, gone on with.
cp -r "$demo/demo-115k" "$T/" # a scan leaves its model beside
big=$T/demo-115k/step16
"$TRIPOD" scan "$big" -c "$T/p/document" --train-step 0:3 -o "$T/whole" >/dev/null
env --default-signal=INT "$TRIPOD" scan "$big" -c "$T/p/document" --train-step 0:3 -o "$T/stopped" --simd=scalar --threads 1 \
    --batch-tokens 300 >/dev/null 2>&1 &
pid=$!
begun() { ls "$T"/stopped/*.part-*; }
until_true begun >/dev/null
kill -INT $pid
wait $pid
is "a scan is stopped" 130 $?
ok "a later one goes on" "$TRIPOD" scan "$big" -c "$T/p/document" --train-step 0:3 -o "$T/stopped"
same "with the same bits" "$T"/whole/*.npy "$T"/stopped/*.npy

# What reads losses.
ok "verify" "$TRIPOD" verify "$T/rows" --documents 20
rm "$T"/parts/*-step1.*
ok "verify of shards" "$TRIPOD" verify "$T/parts" --documents all
ok "verify of several choices of one corpus" "$TRIPOD" verify "$T"/rows/*-step2.npy "$T"/step/*-step2.npy "$T"/steps/*.npy --documents 20
ok "a Slurm job scans the same rows" "$TRIPOD" slurm "${models[0]}" -c "$T/p/document" --rows 1500:3000 -o "$T/slurm"
shows "which its tasks are told" '--rows=1500:3000'
fails "verify with another corpus" 'expected the corpus' "$TRIPOD" verify "$T/rows" -c "$T/q/document"
fails "verify with a shorter corpus" 'expected rows 1500 to 2999, found 1500 rows in the corpus' "$TRIPOD" verify "$T"/rows/*-step1.npy -c "$T/cut/c"
ok "tokens show" "$TRIPOD" tokens show "$T/m.npy" -c "$T/p/document" -t "$demo/tokenizer.json" 0 8 4321
ok "documents count from 0 within the rows" "$TRIPOD" tokens index "$T/m.npy" -c "$T/p/document" 0 8 4321
is "and so do positions" "0 0 1;8 1 1;4321 540 2" \
    "$(grep '^[0-9]' "$T/out" | cut -f 1-3 | tr '\t' ' ' | paste -sd ';')"
is "the token is the row's" "$($python -c 'import sys, numpy as np
print(np.concatenate([np.fromfile(f"{sys.argv[1]}/p/document-0000{i}-of-00002.bin", "u1") for i in range(3)]).view("<u2").reshape(4096, 9)[1500 + 540, 2])' "$T")" \
    "$(grep '^4321' "$T/out" | cut -f 4)"
ok "tokens by position" "$TRIPOD" tokens by position "$T/m.npy" -c "$T/p/document"
fails "tokens of another corpus" 'expected rows 1500 to 2999, found 1500 rows' "$TRIPOD" tokens index "$T/m.npy" -c "$T/cut/c" 0

# Misuse.
fails "rows behind the end" 'expected rows 4096 to 5119, found 4096 rows' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --train-step 4 -o "$T/none"
echo "some text" >"$T/t.txt"
fails "rows of a text" 't.txt: expected the prefix of a tokenised corpus to take rows of, found text' \
    "$TRIPOD" scan "${models[0]}" -c "$T/t.txt" --rows 0:1 -o "$T/none"
"$TRIPOD" tokenize "$T/t.txt" "$T/t.txt" "$T/corpus.py" -t "$demo/tokenizer.json" -o "$T/t" >/dev/null
fails "documents, not rows" 'expected rows of one length, found .* these are documents' "$TRIPOD" scan "${models[0]}" -c "$T/t" --rows 0:3 -o "$T/none"
misuse "both" 'give --rows or --train-step, not both' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --rows 0:1 --train-step 0
misuse "documents" 'give --documents or --rows, not both' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --rows 0:1 --documents 3
misuse "an empty range" 'A below B' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --rows 3:3
misuse "steps backwards" 'S at most E' "$TRIPOD" scan "${models[0]}" -c "$T/p/document" --train-step 3:2
exit $code
