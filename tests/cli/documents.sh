# gather --documents: a row a document beside what numpy makes of the losses and the vocabulary, whatever the shards and threads are;
# and every way its text can be missing. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
cp -r "$ROOT/models/demo" "$T/suite" # a scan leaves its model beside these
demo=$T/suite

# 2500 documents of many lengths, among them empty ones, of one token, of several bytes a character.
cp "$demo/tokenizer.json" "$T/tokenizer.json"
$python - "$T" <<'P'
import json, random, sys
rng = random.Random(4)
words = "the licence of this program caf\u00e9 \u00fcber \u4e2d\u6587 \U0001f642 is granted, without warranty\n".split(" ")
with open(sys.argv[1] + "/t.jsonl", "w") as f:
    for d in range(2500):
        n = (0, 1, 5, 30, 3, 90, 12)[d % 7]
        f.write(json.dumps({"text": " ".join(rng.choice(words) for _ in range(n)) if d != 8 else "a"}) + "\n")
P
"$TRIPOD" tokenize "$T/t.jsonl" -t "$T/tokenizer.json" -o "$T/c" --append '<|endoftext|>' >/dev/null
"$TRIPOD" tokenize "$T/t.jsonl" -t "$T/tokenizer.json" -o "$T/plain" >/dev/null
models=("$demo/demo-3k/step16" "$demo/demo-3k/step128")
cat >"$T/check.py" <<'P'
import csv, glob, json, math, sys
import numpy as np
T, losses, path, corpus, cut, first, n = sys.argv[1:5] + [int(x) for x in sys.argv[5:]]
vocabulary = json.load(open(T + "/tokenizer.json"))
length = {i: len(t) for t, i in vocabulary["model"]["vocab"].items()}  # a character a byte
length.update({t["id"]: len(t["content"].encode()) for t in vocabulary["added_tokens"]})
index = open(corpus + ".idx", "rb").read()
count = int.from_bytes(index[18:26], "little")
sizes = np.frombuffer(index, "<i4", count, 34)[first : first + n]
starts = np.frombuffer(index, "<i8", count, 34 + 4 * count)[first : first + n] // 2
ids = np.fromfile(corpus + ".bin", "<u2")
rows = list(csv.DictReader(open(path)))
points = {f"{p['model']}-step{p['step']}": p for p in csv.DictReader(open(losses + "/points.csv"))}
names = [k[5:] for k in rows[0] if k.startswith("loss:")]
assert names == list(points) and len(rows) == len(sizes) == n
assert list(rows[0]) == ["document", "tokens", "predictions", "bytes"] + [f"{k}:{x}" for x in names for k in ("loss", "bits_per_byte")]
losses = {x: np.concatenate([np.load(p) for p in sorted(glob.glob(f"{losses}/{x}.npy"))]).astype(float) for x in names}
at, total, empty = 0, 0, 0
for d, r in enumerate(rows):
    predicted = max(0, min(cut, sizes[d]) - 1) if cut else max(0, sizes[d] - 1)
    b = sum(length[i] for i in ids[starts[d] + 1 : starts[d] + 1 + predicted].tolist())
    assert [int(r[k]) for k in ("document", "tokens", "predictions", "bytes")] == [d, sizes[d], predicted, b], (d, r)
    for x in names:
        s = 0.0
        for v in losses[x][at : at + predicted].tolist():
            s += v
        assert r["loss:" + x] == ("%.17g" % (s / predicted) if predicted else ""), (d, x, r)
        assert r["bits_per_byte:" + x] == ("%.17g" % (s / math.log(2) / b) if b else ""), (d, x, r)
    at += predicted
    total += b
    empty += not predicted
assert at == len(losses[names[0]]) and (empty > 100 or first)
for x in names:
    bits = sum(float(r["bits_per_byte:" + x]) * int(r["bytes"]) for r in rows if int(r["bytes"])) / total
    assert abs(bits / float(points[x]["bits_per_byte"]) - 1) < 1e-12
P
check() { local name=$1; shift; ok "$name beside numpy's" $python "$T/check.py" "$T" "$@"; }

"$TRIPOD" scan "${models[@]}" -c "$T/plain" -t "$T/tokenizer.json" -o "$T/l" --max-tokens 40 >/dev/null
ok "documents" "$TRIPOD" gather "$T/l" --documents "$T/d.csv" --json="$T/d.json"
is "the JSON says where" "$T/d.csv" "$($python -c 'import json, sys; print(json.load(open(sys.argv[1]))["documents"])' "$T/d.json")"
check "documents as they were cut" "$T/l" "$T/d.csv" "$T/plain" 40 0 2500
for n in 1 3; do
    ok "$n threads" "$TRIPOD" gather "$T/l" --documents "$T/t$n.csv" --threads $n
    same "the same bytes" "$T/d.csv" "$T/t$n.csv"
done
for i in 1 2 0; do "$TRIPOD" scan "${models[@]}" -c "$T/plain" -t "$T/tokenizer.json" -o "$T/parts" --max-tokens 40 --shard $i/3 >/dev/null 2>&1; done
ok "of shards" "$TRIPOD" gather "$T/parts" --documents "$T/parts.csv"
same "the same bytes of shards" "$T/d.csv" "$T/parts.csv"
"$TRIPOD" scan "${models[@]}" -c "$T/c" -t "$T/tokenizer.json" -o "$T/w" --window 16 --stride 8 >/dev/null
ok "whole documents, an added token at the end" "$TRIPOD" gather "$T/w" --documents "$T/w.csv" --points "$T/w/points.csv"
sed -i 's/^assert at ==.*/assert at == len(losses[names[0]])/' "$T/check.py"
check "whole documents" "$T/w" "$T/w.csv" "$T/c" 0 0 2500
"$TRIPOD" scan "${models[@]}" -c "$T/c" -t "$T/tokenizer.json" -o "$T/some" --documents 1030 >/dev/null 2>&1
ok "the first documents" "$TRIPOD" gather "$T/some" --documents "$T/some.csv"
check "the first documents" "$T/some" "$T/some.csv" "$T/c" 1024 0 1030

# Training rows: 9 tokens each of the same text.
$python - "$T" <<'P'
import struct, sys
import numpy as np
ids = np.fromfile(sys.argv[1] + "/c.bin", "<u2")
rows = len(ids) // 9
ids[: rows * 9].tofile(sys.argv[1] + "/r.bin")
index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, rows, rows + 1) + np.full(rows, 9, "<i4").tobytes()
open(sys.argv[1] + "/r.idx", "wb").write(index + (np.arange(rows, dtype="<i8") * 18).tobytes() + np.arange(rows + 1, dtype="<i8").tobytes())
P
"$TRIPOD" scan "${models[@]}" -c "$T/r" -t "$T/tokenizer.json" -o "$T/rows" --train-step 1 >/dev/null
ok "training rows" "$TRIPOD" gather "$T/rows" --documents "$T/rows.csv"
check "training rows" "$T/rows" "$T/rows.csv" "$T/r" 2049 1024 1024

# Without what it needs.
cp -r "$T/rows" "$T/bare"
sed -i 's|"path": "[^"]*tokenizer.json"|"path": "/nowhere/tokenizer.json"|' "$T"/bare/*.json
ok "no tokenizer" "$TRIPOD" gather "$T/bare" --documents "$T/bare.csv"
is "is said" 1 "$(grep -c 'warning: .*bare.csv: bytes and bits per byte are left out: .* /nowhere/tokenizer.json; give one with -t' "$T/err")"
is "and leaves the rest" "$(cut -d, -f 1-3,5,7 "$T/rows.csv" | md5sum)" "$(md5sum <"$T/bare.csv")"
ok "one given" "$TRIPOD" gather "$T/bare" --documents "$T/bare.csv" -t "$T/tokenizer.json"
same "is as good" "$T/rows.csv" "$T/bare.csv"
cp "$T/bare.csv" "$T/kept.csv"
sed 's/<|endoftext|>/<|end|>/g' "$T/tokenizer.json" >"$T/other.json"
if cmp -s "$T/other.json" "$T/tokenizer.json"; then echo "FAIL the other tokenizer is the same"; code=1; fi
fails "another tokenizer" 'expected the [0-9]* bytes of text .* found' "$TRIPOD" gather "$T/rows" --documents "$T/kept.csv" -t "$T/other.json"
fails "another than the corpus's" 'expected the tokenizer the corpus was made with' "$TRIPOD" gather "$T/l" --documents "$T/kept.csv" -t "$T/other.json"
fails "another corpus" 'c: expected the corpus of .*/l/demo-3k-step16.npy \([0-9a-f]{16}\), found another \([0-9a-f]{16}\)$' "$TRIPOD" gather "$T/l" --documents "$T/kept.csv" -c "$T/c"
mv "$T/r.idx" "$T/away.idx"; mv "$T/r.bin" "$T/away.bin"
fails "no corpus" 'its corpus .*/r is not there: give it with -c' "$TRIPOD" gather "$T/rows" --documents "$T/kept.csv"
ok "it is somewhere else" "$TRIPOD" gather "$T/rows" --documents "$T/moved.csv" -c "$T/away"
same "and the same" "$T/rows.csv" "$T/moved.csv"
cp -r "$T/l" "$T/short"
truncate -s -4 "$T/short/demo-3k-step128.npy"
fails "losses are missing" 'expected .* found' "$TRIPOD" gather "$T/short" --documents "$T/kept.csv"
fails "a folder that is not there" 'nowhere' "$TRIPOD" gather "$T/l" --documents "$T/nowhere/d.csv"
same "nothing was written over" "$T/bare.csv" "$T/kept.csv"
is "nothing half-written is left" 0 "$(find "$T" -name '*.part-*' | wc -l)"
misuse "a corpus for nothing" '^tripod: gather: -c needs --documents|-c needs --documents' "$TRIPOD" gather "$T/l" -c "$T/c"
misuse "a tokenizer for nothing" 'needs --documents' "$TRIPOD" gather "$T/l" -t "$T/tokenizer.json"
# A folder holds it, as for tokens.
mkdir "$T/hollow"
ok "the folder of a tokenizer" "$TRIPOD" gather "$T/l" --documents "$T/folder.csv" -t "$demo"
same "is the tokenizer" "$T/d.csv" "$T/folder.csv"
fails "a folder without one" 'hollow/tokenizer.json: cannot open' "$TRIPOD" gather "$T/l" --documents "$T/kept.csv" -t "$T/hollow"

# A scan of more documents than there are is one of all.
"$TRIPOD" scan "${models[@]}" -c "$T/plain" -t "$T/tokenizer.json" -o "$T/more" --max-tokens 40 --documents 9999 >/dev/null 2>&1
ok "more documents than there are" "$TRIPOD" gather "$T/more" -o "$T/more.npy" --documents "$T/more.csv"
same "all of them" "$T/d.csv" "$T/more.csv"
ok "and tokens of their matrix" "$TRIPOD" tokens show "$T/more.npy" -c "$T/plain" 5

# A name with what CSV is made of.
cp -r "$demo/demo-3k/step16" "$T/we\"ird, \"name"
"$TRIPOD" scan "$T/we\"ird, \"name" "$demo"/demo-{7k,25k,59k,115k}/step1000 -c "$T/plain" -t "$T/tokenizer.json" -o "$T/odd" --max-tokens 40 >/dev/null
ok "a name with quotes" "$TRIPOD" gather "$T/odd" --documents "$T/odd.csv"
ok "is read back from both" $python - "$T/odd/points.csv" "$T/odd.csv" <<'P'
import csv, sys
points, documents = (list(csv.reader(open(p), strict=True)) for p in sys.argv[1:])
name = 'we"ird, "name'
assert len(points) == 6 and sum(r[0].startswith(name) for r in points) == 1, points
assert len(documents) == 2501 and sum(x.startswith("loss:" + name) for x in documents[0]) == 1, documents[0]
assert all(len(r) == len(rows[0]) for rows in (points, documents) for r in rows)
P
ok "and by fit" "$TRIPOD" fit power "$T/odd/points.csv"

exit $code
