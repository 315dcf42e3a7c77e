# tripod verify: the losses a scan stored are what their model and text give, and nothing else passes for them.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3
cp -r "$golden/folders" "$T/folders"
cp -r "$ROOT/models/demo" "$T/demo"
model=$T/demo/demo-7k/step1000
"$make_model" --corpus "$T/text" --limit 200 --seed 4 1 40 3 0 300 2 77 12 150 5 >/dev/null

# differs NAME REGEX CMD...: exit 1, results on stdout, one line on stderr that matches.
differs() {
    local name=$1 regex=$2 status
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    status=$?
    if [ $status -eq 1 ] && [ -s "$T/out" ] && [ "$(wc -l <"$T/err")" -eq 1 ] && grep -Eq "^tripod: .*($regex)" "$T/err"; then
        echo "ok $name"
    else
        echo "FAIL $name: exit $status, stdout $(wc -c <"$T/out") bytes, stderr: $(head -c 400 "$T/err")"
        code=1
    fi
}
scan() {
    local dir=$T/$1
    shift
    "$TRIPOD" scan -m "$model" -c "$T/text" -o "$dir" "$@" >/dev/null 2>"$T/err" || { echo "FAIL scan $*: $(cat "$T/err")"; code=1; }
}
verify() { "$TRIPOD" verify "$@"; }
# flip DIR INDEX BIT [honest]: a copy of l with one bit of one loss flipped; honest: and the record's sums follow.
flip() {
    rm -rf "${T:?}/$1"
    cp -r "$T/l" "$T/$1"
    $python - "$T/$1/$name" "$2" "$3" "${4:-}" "$T/text.idx" <<'P'
import json, struct, sys
from fractions import Fraction
import numpy as np
name, index, bit, honest, idx = sys.argv[1:]
a = np.load(name + ".npy")
a.view("<u4")[int(index)] ^= np.uint32(1 << int(bit))
with open(name + ".npy", "r+b") as f:
    f.seek(128)
    f.write(a.tobytes())
if honest:
    raw = open(idx, "rb").read()
    sizes = np.frombuffer(raw, "<i4", struct.unpack_from("<Q", raw, 18)[0], 34)
    record, at = json.load(open(name + ".json")), 0
    keys = record["moments"]
    m = {key: 0.0 for key in keys if key != "exact"}
    exact = [0] * 4
    for n in np.maximum(sizes - 1, 0):
        s = 0.0
        for x in a[at:at + n]:
            s += float(x)
        at += n
        if n:
            for key, value in (("documents", 1), ("predictions", n), ("sum", s), ("squares", s * s), ("cross", s * n), ("lengths", n * n)):
                assert key in m, (key, keys)
                m[key] += float(value)
            # The same in whole units: round() of a fraction is to even, too.
            for i, (value, bits) in enumerate(((s, 60), (s * s, 48), (s * int(n), 48), (int(n) ** 2, 0))):
                exact[i] += round(Fraction(value) * 2**bits)
    assert len(keys["exact"]) == 4
    record["moments"] = m | {"exact": ["%032x" % x for x in exact]}
    json.dump(record, open(name + ".json", "w"))
P
}

scan l
name=$(basename "$T"/l/*.npy .npy)
losses=$T/l/$name
# 1 40 3 0 300 2 77 12 150 5 tokens: 581 losses of 8 documents.
ok "the .npy" verify "$losses.npy"
shows "documents, losses, differences" "^$losses.npy	[^	]*	[0-9]+	8	581	0	0	same	same bits\$"
ok "its .json" verify "$losses.json" --documents all
ok "a folder" verify "$T/l" --documents 3
shows "as many documents as asked" "	3	[0-9]+	0	0	same	same bits\$"
echo '{"columns": []}' >"$T/l/other.json"
ok "a folder that holds other JSON too" verify "$T/l"
ok "JSON" verify "$T/l" --json="$T/l.json"
ok "JSON says the same" $python - "$T/l.json" <<'P'
import json, sys
r = json.load(open(sys.argv[1]))
(f,) = r["files"]
assert r["seed"] == 0 and f["documents"] == 8 and f["compared"] == 581 and f["differences"] == 0 and f["first"] is None
assert f["result"] == "same bits" and f["problem"] is None and f["tolerance"] == 0
P
terminal "on a terminal" 80 "$TRIPOD" verify "$T/l"

# Bits depend on nothing but model and text.
for isa in scalar avx2 avx512; do
    verify "$T/l" --simd=$isa --documents all >/dev/null 2>"$T/err"
    status=$?
    if grep -q "this CPU has no" "$T/err"; then echo "SKIP verify $isa: this CPU has none"; continue; fi
    if [ $status -eq 0 ]; then echo "ok $isa"; else echo "FAIL $isa: $(cat "$T/err")"; code=1; fi
done
for n in 1 3 7; do ok "$n threads" verify "$T/l" --threads $n --documents all; done
scan batches --batch-tokens 1 --threads 2
ok "losses of batches of one" verify "$T/batches" --documents all --threads 1
scan windows --window 64 --stride 16 --documents 7
ok "windows, of the first documents" verify "$T/windows" --documents all
shows "of the five that predict" "	5	[0-9]+	0	0	same	same bits\$"
scan cut --max-tokens 20
ok "documents cut short" verify "$T/cut" --documents all
scan erf --gelu erf
ok "the other GELU" verify "$T/erf" --documents all
for i in 0 1 2; do scan shards --shard $i/3; done
ok "shards" verify "$T/shards" --documents all --json="$T/shards.json"
ok "shards are all of it" $python - "$T/shards.json" <<'P'
import json, sys
files = json.load(open(sys.argv[1]))["files"]
assert len(files) == 3 and sum(f["compared"] for f in files) == 581 and sum(f["documents"] for f in files) == 8
P
# The documents drawn: known ones (Philox's bits are the same everywhere), others for another seed.
drawn() {
    for i in 0 39 41 340 341 417 428 577; do
        flip drawn $i 9 honest
        verify "$T/drawn" --documents 3 "$@" >/dev/null 2>&1 || echo -n "$i "
    done
}
a=$(drawn) b=$(drawn --threads 3 --simd=scalar) c=$(drawn --seed 5)
if [ "$a" = "$b" ] && [ "$(echo "$a" | wc -w)" -eq 3 ] && [ "$(echo "$c" | wc -w)" -eq 3 ] && [ "$a" != "$c" ]; then
    echo "ok three documents are drawn, by the seed alone"
else
    echo "FAIL drawn: '$a', '$b', '$c'"; code=1
fi
if [ "$a/ $c" = "0 39 341 / 340 341 428 " ]; then echo "ok the same three on every machine"; else echo "FAIL drawn: '$a / $c'"; code=1; fi

# One bit of one loss, anywhere, with sums that follow it: found, and named.
for at in 0:0 38:22 339:0 340:3 580:31 300:30; do
    flip bit "${at%:*}" "${at#*:}" honest
    differs "bit $at" "bit/$name.npy: document [0-9]+, token [0-9]+ \(id [0-9]+\): stored .*0x[0-9a-f]{8}.*, recomputed .*0x[0-9a-f]{8}.*; 1 of 581 losses differ\$" \
        verify "$T/bit" --documents all
done
flip bit 39 4 honest
differs "where it is" 'document 2, token 1 \(' verify "$T/bit/$name.npy"
shows "its row" '	8	581	1	[0-9.e-]+	same	differs$'
differs "JSON of a difference" 'document 2, token 1 \(' verify "$T/bit/$name.npy" --json="$T/bit.json"
ok "has its bits" $python - "$T/bit.json" "$T/bit/$name.npy" "$losses.npy" <<'P'
import json, sys
import numpy as np
first = json.load(open(sys.argv[1]))["files"][0]["first"]
bits = lambda name: "0x%08x" % np.load(name).view("<u4")[39]
assert first["document"] == 2 and first["token"] == 1
assert first["stored_bits"] == bits(sys.argv[2]) and first["recomputed_bits"] == bits(sys.argv[3])
assert first["stored_bits"] != first["recomputed_bits"]
P
# A bit of a document that is not drawn: the sums tell.
for i in 0 39 41 340 341 417 428 577; do
    case " $a" in *" $i "*) ;; *) break ;; esac
done
flip bit $i 0
differs "a bit elsewhere does not agree with the sums" 'losses do not sum up' verify "$T/bit" --documents 3
shows "sums differ" '	0	0	differ	differs$'
# One bad file does not hide the others.
mkdir "$T/several"
cp "$losses".* "$T/several/"
for ext in npy json; do cp "$T/bit/$name.$ext" "$T/several/b.$ext"; cp "$losses.$ext" "$T/several/a.$ext"; done
truncate -s -4 "$T/several/a.npy"
differs "all files are looked at" 'a.npy: .*1 more of 3 files do not verify' verify "$T/several"
shows "one is good" '	same bits$'
shows "one differs" '	differs$'
shows "one is not to be checked" '	not checked$'

# Another model, another text.
fails "another checkpoint" 'step128.*: expected the model with key [0-9a-f]{16} of .*json, found one with [0-9a-f]{16}$' \
    verify "$T/l" -m "$T/demo/demo-7k/step128"
fails "none of two" 'expected the model with key .* and none of the others' verify "$T/l" -m "$T/demo/demo-7k/step128" -m "$T/folders/st-f16"
ok "one of two" verify "$T/l" -m "$T/demo/demo-7k/step128" -m "$model"
"$make_model" --corpus "$T/other" --limit 200 --seed 5 1 40 3 0 300 2 77 12 150 5 >/dev/null
fails "another text" 'other: expected the corpus [0-9a-f]{16} of .*json, found [0-9a-f]{16}$' verify "$T/l" -c "$T/other"
fails "a text that is not tokenised" 'README.md: expected a tokenised corpus' verify "$T/l" -c "$ROOT/README.md"
fails "no such model" 'nowhere' verify "$T/l" -m "$T/nowhere"
fails "no such text" 'nowhere is not there' verify "$T/l" -c "$T/nowhere"
# Weights that are not what their file says: a byte in the middle of the file.
cp "$model"/model.tripod "$T/damaged.tripod"
$python - "$T/damaged.tripod" <<'P'
import os, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(os.path.getsize(sys.argv[1]) // 2)
    byte = f.read(1)[0]
    f.seek(-1, 1)
    f.write(bytes([byte ^ 1]))
P
fails "damaged weights" 'damaged.tripod: .*its checksum is wrong' verify "$T/l" -m "$T/damaged.tripod"
# Both moved.
mv "$T/demo" "$T/moved"
fails "the model has moved" 'its model .* is not there: give it with -m' verify "$T/l"
ok "it is given" verify "$T/l" -m "$T/moved/demo-7k/step1000"
mv "$T/moved" "$T/demo"
mkdir "$T/there"
mv "$T"/text.* "$T/there/"
fails "the text has moved" 'its corpus .*text is not there: give one with -c' verify "$T/l"
ok "it is given" verify "$T/l" -c "$T/there/text.bin"
mv "$T"/there/text.* "$T/"

# Damaged files.
cut() {
    rm -rf "$T/d"
    cp -r "$T/l" "$T/d"
}
# record EXPRESSION: the record of d, changed.
record() {
    cut
    $python -c "import json, sys; n = sys.argv[1]; r = json.load(open(n)); exec(sys.argv[2]); json.dump(r, open(n, 'w'))" "$T/d/$name.json" "$1"
}
cut
truncate -s -4 "$T/d/$name.npy"
fails "truncated losses" 'npy: .*expected .*found' verify "$T/d"
rm "$T/d/$name.npy"
fails "no losses" 'npy: cannot open' verify "$T/d"
cut
rm "$T/d/$name.json"
fails "no record" 'json: .*[Nn]o such file|unable to open' verify "$T/d/$name.npy"
fails "a folder without losses" 'no losses found' verify "$T/folders"
fails "something else" 'expected losses' verify "$ROOT/README.md"
cut
$python -c "import numpy as np, sys; a = np.load(sys.argv[1]); np.save(sys.argv[1], a[:-7])" "$T/d/$name.npy"
fails "fewer losses" 'expected 581 losses of <f4, found 574 of <f4' verify "$T/d"
$python -c "import numpy as np, sys; a = np.load(sys.argv[1]); np.save(sys.argv[2], a.astype('<f8'))" "$losses.npy" "$T/d/$name.npy"
fails "losses of another type" 'expected 581 losses of <f4, found 581 of <f8' verify "$T/d"
record 'r["format"] = "tripod-losses 2"'
fails "a record of another format" 'format: expected "tripod-losses 1", found tripod-losses 2' verify "$T/d"
record 'del r["gelu"]'
fails "a record without its GELU" 'gelu: expected "erf" or "tanh", found none' verify "$T/d"
record 'r["gelu"] = "erf"'
fails "a record with the other GELU" 'expected the model with key' verify "$T/d"
record 'r["precision"] = "int8"'
fails "another precision" 'precision: expected "float32" or "int16", found "int8"' verify "$T/d"
record 'r["provenance"]["gemm"] = "mkl"'
fails "other products" 'gemm: expected "native" or "onednn", found "mkl"' verify "$T/d"
for p in "max-tokens 1" "max-tokens 0" "max-tokens 9 " "max-tokens -5" "window 9" "max-tokens 0 window 4 stride 0" "max-tokens 0 window 4 stride 5" \
    "max-tokens 99999999999999999999999" "max-tokens 9 documents 0"; do
    record "r['protocol'] = '$p'"
    fails "protocol $p" "protocol: expected 'max-tokens N'" verify "$T/d"
done
record 'r["protocol"] = "max-tokens 1023"'
fails "another protocol is another key" 'expected the model with key' verify "$T/d"
record 'r["shard"] = [0, 2]'
fails "another shard" 'expected [0-9]+ losses' verify "$T/d"
record 'r["shard"] = [2, 2]'
fails "no shard" 'shard: expected' verify "$T/d"
record 'r["model_file"] = "?"'
fails "a model whose name JSON could not hold" 'does not say where its model is' verify "$T/d"
record 'del r["corpus"]'
fails "a record without its corpus" 'does not say where its corpus is' verify "$T/d"
misuse "nothing given" 'no losses' "$TRIPOD" verify
misuse "no documents" '--documents' "$TRIPOD" verify "$T/l" --documents 0

# oneDNN's sums are in another order: close, and said to be no more.
if "$TRIPOD" scan -m "$model" -c "$T/text" -o "$T/onednn" --gemm onednn >/dev/null 2>"$T/err"; then
    ok "losses by oneDNN" verify "$T/onednn" --documents all
    shows "are close, which is said" '^# .*onednn.*0.0001 nats'
    shows "and the row says it" '	0	0	same	close$'
    $python - "$T/onednn/$name.npy" <<'P'
import sys
import numpy as np
a = np.load(sys.argv[1])
a[100] += np.float32(3e-4)
with open(sys.argv[1], "r+b") as f:
    f.seek(128)
    f.write(a.tobytes())
P
    differs "not close" 'document 4, token 60 .*1 of 581 losses differ by more than 1e-4 nats' verify "$T/onednn" --documents all
else
    echo "SKIP losses by oneDNN: $(cat "$T/err")"
fi
exit $code
