# batch and corpus: rows of training steps from the preshuffled corpus, in one piece or in shards; shards joined, sums verified.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
tokenizer=$ROOT/models/demo/tokenizer.json

# 40 rows of 65 tokens in 3 shards that end anywhere, and in one piece.
mkdir "$T/s" "$T/w"
$python - "$T" <<'P'
import struct, sys
import numpy as np
rng = np.random.default_rng(1)
rows, n = 40, 65
ids = rng.integers(1, 476, (rows, n)).astype("<u2")
ids[rng.random((rows, n)) < 0.05] = 0
ids[3] = 0
ids[4, 0] = ids[4, -1] = 0
np.save(sys.argv[1] + "/ids.npy", ids)
index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, rows, rows + 1) + np.full(rows, n, "<i4").tobytes()
index += (np.arange(rows, dtype="<i8") * n * 2).tobytes() + np.arange(rows + 1, dtype="<i8").tobytes()
raw = ids.tobytes()
for p in ("s", "w"):
    open(f"{sys.argv[1]}/{p}/document.idx", "wb").write(index)
open(sys.argv[1] + "/w/document.bin", "wb").write(raw)
for i, (a, b) in enumerate(((0, 1001), (1001, 3333), (3333, len(raw)))):
    open(f"{sys.argv[1]}/s/document-0000{i}-of-00002.bin", "wb").write(raw[a:b])
P

ok "the rows of two steps" "$TRIPOD" batch "$T/s/document" --step 2:3 --batch 8 -o "$T/out-dir"
ok "are the array's" $python - "$T" <<'P'
import sys
import numpy as np
ids, got = np.load(sys.argv[1] + "/ids.npy"), np.load(sys.argv[1] + "/out-dir/indicies.npy")
assert got.dtype == np.uint16 and got.shape == (16, 65) and (got == ids[16:32]).all()
P
ok "rows by number" "$TRIPOD" batch "$T/w/document" --rows 16:32 -o "$T/rows.npy"
same "the same from one piece" "$T/out-dir/indicies.npy" "$T/rows.npy"
ok "one step" "$TRIPOD" batch "$T/w/document" --step 3 --batch 8 --stats
$python - "$T" >"$T/want" <<'P'
import json, sys
import numpy as np
ids = np.load(sys.argv[1] + "/ids.npy")
for row in range(24, 32):
    ends = (np.flatnonzero(ids[row] == 0) + 1).tolist()
    cuts = [0] + ends + ([65] if not ends or ends[-1] != 65 else [])
    print(json.dumps({"row": row, "step": row // 8, "tokens": 65, "documents": len(cuts) - 1, "ends": len(ends),
                      "longest": max(np.diff(cuts).tolist()), "distinct": len(set(ids[row].tolist()))}, separators=(",", ":")))
P
same "its statistics are numpy's" "$T/want" "$T/out"
ok "statistics of ends" "$TRIPOD" batch "$T/w/document" --rows 3:5 --stats -o "$T/stats"
shows() { if grep -Eq -- "$2" "$T/stats"; then echo "ok $1"; else echo "FAIL $1: no line like $2"; code=1; fi; }
shows "a row of nothing else" '"row":3,.*"documents":65,"ends":65,"longest":1,"distinct":1}'

# Text: one row of real text, with a character cut by the row's end.
printf '{"text": "The licence"}\n{"text": "caf\\u00e9"}\n{"text": "end"}\n' >"$T/t.jsonl"
"$TRIPOD" tokenize "$T/t.jsonl" -t "$tokenizer" -o "$T/t" --append '<|endoftext|>' >/dev/null
$python - "$T" <<'P'
import struct, sys
import numpy as np
raw = open(sys.argv[1] + "/t.bin", "rb").read()
n = len(raw) // 2
rows = [raw, raw]
open(sys.argv[1] + "/r.bin", "wb").write(b"".join(rows))
index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 2, 3) + struct.pack("<2i2q3q", n, n, 0, 2 * n, 0, 1, 2)
open(sys.argv[1] + "/r.idx", "wb").write(index)
P
ok "as text" "$TRIPOD" batch "$T/r" --rows 0:2 --batch 1 --text -t "$tokenizer"
for r in 0 1; do printf '=== row %s, step %s\nThe licence\n---\ncafé\n---\nend\n---\n\n' $r $r; done >"$T/want"
same "documents are parted" "$T/want" "$T/out"

fails "rows behind the end" 'expected rows 40 to 47, found 40 rows' "$TRIPOD" batch "$T/w/document" --step 5 --batch 8 -o "$T/none.npy"
fails "Pythia's steps" 'expected rows 0 to 1023, found 40 rows' "$TRIPOD" batch "$T/w/document" --step 0 -o "$T/none.npy"
fails "documents, not rows" 'expected rows of one length, found .* these are documents' "$TRIPOD" batch "$T/t" --rows 0:3 -o "$T/none.npy"
fails "no corpus" 'nowhere.idx' "$TRIPOD" batch "$T/nowhere" --step 0 -o "$T/none.npy"
misuse "no rows" 'give --step or --rows' "$TRIPOD" batch "$T/w/document" -o "$T/none.npy"
misuse "both" 'not both' "$TRIPOD" batch "$T/w/document" --step 0 --rows 0:1 -o "$T/none.npy"
misuse "steps backwards" 'S at most E' "$TRIPOD" batch "$T/w/document" --step 3:2 -o "$T/none.npy"
misuse "an empty range" 'A below B' "$TRIPOD" batch "$T/w/document" --rows 3:3 -o "$T/none.npy"
misuse "no range" 'A below B' "$TRIPOD" batch "$T/w/document" --rows 3 -o "$T/none.npy"
misuse "no tokenizer" 'give one with -t' "$TRIPOD" batch "$T/w/document" --step 0 --text
misuse "no output" 'give a directory with -o' "$TRIPOD" batch "$T/w/document" --step 0

# Sums.
(cd "$T/s" && sha256sum document*) >"$T/sums"
ok "verify shards" "$TRIPOD" corpus verify "$T/s/document" --sha256 "$T/sums" --threads 2
is "all as listed" 4 "$(grep -c 'as listed' "$T/out")"
ok "sums without a list" "$TRIPOD" corpus verify "$T/s/document"
is "are sha256sum's" "$(cut -c 1-64 "$T/sums" | sort)" "$(tail -n +2 "$T/out" | cut -f 3 | sort)"
awk '{ print toupper($1) }' "$T/sums" | paste -d ' ' <(awk '{ print "shards/" $2 }' "$T/sums") - >"$T/turned"
ok "names first, in another case" "$TRIPOD" corpus verify "$T/s/document" --sha256 "$T/turned"
is "are the same" 4 "$(grep -c 'as listed' "$T/out")"
sed '2s/^./x/' "$T/sums" >"$T/broken"
fails "a list that is none" 'broken: line 2: expected 64 hexadecimal digits' "$TRIPOD" corpus verify "$T/s/document" --sha256 "$T/broken"
sed 's/document/other/' "$T/sums" >"$T/other"
fails "a list of other files" 'other: expected sums of' "$TRIPOD" corpus verify "$T/s/document" --sha256 "$T/other"
cat "$T/sums" <(sed 's/^..../0000/' "$T/sums") >"$T/twice"
fails "two sums of a file" 'line 5: expected one sum of document' "$TRIPOD" corpus verify "$T/s/document" --sha256 "$T/twice"

# Joining.
cp -r "$T/s" "$T/j"
(cd "$T/w" && sha256sum document.bin) >>"$T/sums"
ok "merge" "$TRIPOD" corpus merge "$T/j/document" --sha256 "$T/sums"
same "the whole" "$T/w/document.bin" "$T/j/document.bin"
is "shards and the whole were checked" "3	5200	4" "$(tail -n 1 "$T/out" | cut -f 2-)"
fails "nothing to join" 'in one piece' "$TRIPOD" corpus merge "$T/j/document"
part=$T/m.bin.part
for kept in 0 700 1001 5199 5200 6000; do # a part of that many bytes is there
    cat "$T/w/document.bin" "$T/w/document.bin" | head -c $kept >"$part"
    [ $kept = 700 ] && printf 'x' | dd of="$part" bs=1 seek=300 conv=notrunc 2>/dev/null # of which one is wrong
    rm -f "$T/m.bin"
    ok "merge goes on behind $kept" "$TRIPOD" corpus merge "$T/s/document" -o "$T/m.bin"
    same "the whole again" "$T/w/document.bin" "$T/m.bin"
done
is "no part is left" 0 "$(ls "$T" | grep -c part)"
cp -r "$T/s" "$T/d"
printf 'x' | dd of="$T/d/document-00001-of-00002.bin" bs=1 seek=9 conv=notrunc 2>/dev/null
"$TRIPOD" corpus verify "$T/d/document" --sha256 "$T/sums" >"$T/out" 2>"$T/err"
is "a damaged shard is an error" 1 $?
is "which is named" 1 "$(grep -c 'document-00001-of-00002.bin: not the sha256' "$T/err")"
fails "and is not joined" 'document-00001-of-00002.bin: expected the sha256' "$TRIPOD" corpus merge "$T/d/document" --sha256 "$T/sums"
is "nothing is left of it" 4 "$(ls "$T/d" | wc -l)"
rm "$T/d/document-00001-of-00002.bin"
fails "a missing shard" 'expected 2 or 3 shards, found 1' "$TRIPOD" corpus merge "$T/d/document"
fails "no files at all" 'nowhere.bin: not found' "$TRIPOD" corpus verify "$T/nowhere"
truncate -s 5000 "$T/w/document.bin"
fails "an index of another file" 'document.idx: sequence' "$TRIPOD" corpus verify "$T/w/document"
misuse "neither" 'expected merge or verify' "$TRIPOD" corpus
misuse "something else" "expected merge or verify, found 'join'" "$TRIPOD" corpus join
exit $code
