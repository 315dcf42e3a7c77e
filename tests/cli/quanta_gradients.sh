# tripod quanta gradients as a user meets it: rows given and selected, the sketch by its definition, equal bytes whoever computes and
# whatever stops it, and every way it can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3
suite=$ROOT/models/demo
model=$suite/demo-25k/step1000
# same NAME A B: the arrays of two folders are the same files, and nothing unfinished is left
same() {
    local a b
    a=$(cd "$2" && sha256sum ./*.npy) && b=$(cd "$3" && sha256sum ./*.npy)
    check "$1" "arrays differ or something is left: $(ls "$3")" test "$a$(ls "$3" | grep -c partial)" = "${b}0"
}
gradients() { "$TRIPOD" quanta gradients "$@"; }

"$TRIPOD" import "$model" -o "$T/m.tripod" >/dev/null
m=$T/m.tripod
# shellcheck disable=SC2046
"$TRIPOD" tokenize $(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort | head -n 6) -t "$suite/tokenizer.json" -o "$T/c" >/dev/null
"$TRIPOD" scan "$m" -c "$T/c" -t "$suite/tokenizer.json" --max-tokens 256 -o "$T/l" >/dev/null
losses=$(ls "$T"/l/*.npy)
select=(--losses "$losses" --below 0.7 --no-induction --stride 3 -n 20 --sketch 2048)

# --- rows, losses, and the sketch from the whole gradient ---

ok "selected from a scan's losses" gradients "$m" -c "$T/c" "${select[@]}" -o "$T/g" --json="$T/g.json"
ok "the rows are those of the published selection, the losses the scan's own" $python - "$T" "$losses" <<'P'
import json, struct, sys
import numpy as np
t, losses = sys.argv[1], np.load(sys.argv[2])
data = open(t + "/c.idx", "rb").read()
n = struct.unpack_from("<Q", data, 18)[0]
sizes = np.frombuffer(data, "<i4", n, 34)
ids = np.fromfile(t + "/c.bin", "<u2")
rows, row, at = [], 0, 0
for size in sizes:
    doc = ids[at:at + min(size, 256)].tolist()
    at += size
    seen = set()
    for j in range(1, len(doc)):
        trigram = tuple(doc[j - 2:j + 1]) if j >= 2 else None
        if losses[row] < 0.7 and trigram not in seen:
            rows.append(row)
        if trigram:
            seen.add(trigram)
        row += 1
rows = rows[::3][:20]
assert len(rows) == 20 and row == len(losses)
got = np.load(t + "/g/rows.npy")
assert got.dtype == np.int64 and got.tolist() == rows, (got, rows)
mine = np.load(t + "/g/losses.npy")
assert mine.dtype == np.float32 and (mine.view(np.uint32) == losses[rows].view(np.uint32)).all()
norms, sketch = np.load(t + "/g/norms.npy"), np.load(t + "/g/sketch.npy")
assert norms.dtype == np.float64 and norms.shape == (20,) and sketch.dtype == np.float32 and sketch.shape == (20, 2048)
r = json.load(open(t + "/g/gradients.json"))
assert r["complete"] and r["coordinates"] == {"name": "published", "parameters": 2 * (12 * 32**2 + 9 * 32) + 2 * 32}
assert r["protocol"] == "max-tokens 256" and r["rows"]["count"] == 20 and r["sketch"] == {"k": 2048, "seed": 0}
assert r["provenance"]["command"][:3] == ["tripod", "quanta", "gradients"]
assert json.load(open(t + "/g.json"))["gradients"]["rows"]["hash"] == r["rows"]["hash"]
P
for i in 0 7; do
    row=$($python -c "import numpy as np; print(np.load('$T/g/rows.npy')[$i])")
    ok "a row's whole gradient" gradients "$m" -c "$T/c" --max-tokens 256 --coordinates published --dump "$row" -o "$T/g"
done
ok "its sketch by the definition, its norm, its cosines" $python - "$T/g" <<'P'
import glob, json, sys
import numpy as np
folder, k = sys.argv[1], 2048
half, mask = k // 2, 2**64 - 1
rows = np.load(folder + "/rows.npy").tolist()
def block(seed, stream, counter):  # Philox 2x64-10
    x0, x1, key = counter, stream, seed
    for _ in range(10):
        p = x0 * 0xD2B74407B1CE6E93
        x0, x1 = (p >> 64) ^ key ^ x1, p & mask
        key = (key + 0x9E3779B97F4A7C15) & mask
    return x0, x1
names = ["input_layernorm", "post_attention_layernorm", "attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"]
order = [f"gpt_neox.layers.{i}.{n}.{p}" for i in range(2) for n in names[2:] for p in ("weight", "bias")]
order += ["gpt_neox.final_layer_norm.weight", "gpt_neox.final_layer_norm.bias"]
def whole(row):
    found = sorted(glob.glob(f"{folder}/row-{row}/*.npy"))
    assert sorted(f"{folder}/row-{row}/{n}.npy" for n in order) == found
    parts = []
    for n in order:
        a = np.load(f"{folder}/row-{row}/{n}.npy")
        assert a.dtype == np.float32
        if "query_key_value" in n:  # heads, q k v, dims -> q k v, heads, dims
            a = a.reshape(2, 3, 16, -1).swapaxes(0, 1).reshape(a.shape)
        if a.ndim == 2:
            assert a.shape[0] % 32 == 0
            a = a.reshape(-1, 32, a.shape[1]).swapaxes(1, 2)
        parts.append(a.ravel())
    return np.concatenate(parts).astype(float)
dumped = {i: whole(rows[i]) for i in (0, 7)}
P = len(dumped[0])
bits = [block(0, 0x51, c) for c in range((P + 63) // 64)]
sketch, norms = np.load(folder + "/sketch.npy").astype(float), np.load(folder + "/norms.npy")
for i, g in dumped.items():
    want = np.zeros(k)
    for v in range(2):
        sign = 1 - 2 * np.array([b[v] >> j & 1 for b in bits for j in range(64)][:P])
        for b in range((P + half - 1) // half):
            shift = block(0, 0x52 + v, b)[0] * half >> 64
            x = (sign * g)[b * half:(b + 1) * half]
            want[v * half + (np.arange(len(x)) + shift) % half] += x
    assert abs(want - sketch[i]).max() < 1e-5 * abs(want).max(), abs(want - sketch[i]).max()
    norm = np.sqrt((g**2).sum())
    assert abs(norms[i] / norm - 1) < 1e-6
    assert abs(json.load(open(f"{folder}/row-{rows[i]}/gradient.json"))["norm"] / norm - 1) < 1e-6
cosine = lambda a, b: a @ b / np.sqrt((a @ a) * (b @ b))
c, estimate = cosine(dumped[0], dumped[7]), cosine(sketch[0], sketch[7])
assert abs(c - estimate) < 5 * (1 - c * c) / np.sqrt(k), (c, estimate)
P

# --- the same bytes ---

rm -r "$T"/g/row-*
cp "$T/g/rows.npy" "$T/rows.npy"
given=(-c "$T/c" --max-tokens 256 --rows "$T/rows.npy" --sketch 2048)
for how in --threads=1 --threads=3 --simd=scalar --simd=avx2; do
    gradients "$m" "${given[@]}" "$how" -o "$T/g$how" >/dev/null
    same "$how: the same bytes" "$T/g" "$T/g$how"
done
for i in 0 1 2; do gradients "$m" "${given[@]}" --shard $i/3 -o "$T/shards" >/dev/null; done
$python -c "
import numpy as np
r = np.load('$T/rows.npy')
np.save('$T/turned.npy', r[::-1].astype(np.int32))
np.save('$T/twice.npy', np.append(r, r[4])); np.save('$T/far.npy', np.append(r, 10**6)); np.save('$T/empty.npy', r[:0]); np.save('$T/real.npy', r * 1.0)"
gradients "$m" "${given[@]}" --rows "$T/turned.npy" -o "$T/turned" >/dev/null
ok "shards one after the other, and rows in another order: the same bits" $python - "$T" <<'P'
import json, sys
import numpy as np
t, end = sys.argv[1], 0
for name in "rows losses norms sketch".split():
    whole = np.load(f"{t}/g/{name}.npy")
    parts = [np.load(f"{t}/shards/{name}.shard-{i}-of-3.npy") for i in range(3)]
    assert all(len(p) > 3 for p in parts) and np.concatenate(parts).tobytes() == whole.tobytes(), name
    assert np.load(f"{t}/turned/{name}.npy")[::-1].tobytes() == whole.tobytes(), name
for i in range(3):
    r = json.load(open(f"{t}/shards/gradients.shard-{i}-of-3.json"))
    assert r["complete"] and r["shard"] == {"index": i, "of": 3} and r["rows"]["first"] == end and r["rows"]["count"] == 20
    end = r["rows"]["end"]
assert end == 20
P
fails "more shards than samples" 'shard 999/1000 has nothing to do' gradients "$m" "${given[@]}" --shard 999/1000 -o "$T/many"
before=$(stat -c %Y%s%i "$T"/g/sketch.npy)
ok "what is there is not computed again" gradients "$m" -c "$T/c" "${select[@]}" -o "$T/g"
shows "and says so" '^20	0	'
check "its file is untouched" "it was written again" test "$before" = "$(stat -c %Y%s%i "$T"/g/sketch.npy)"
ok "a plan" gradients "$m" "${given[@]}" -o "$T/plan" --dry-run --json
shows "says what it takes" '"flop": [0-9.]+'
check "and writes nothing" "$(ls "$T/plan")" test -z "$(ls "$T/plan")"
ok "one layer" gradients "$m" "${given[@]}" --coordinates layers:1-1 -o "$T/layer"
shows "has its parameters" "^20	20	$((12 * 32 * 32 + 9 * 32))	2048	"
ok "little memory" gradients "$m" "${given[@]}" --threads 2 --memory 8M -o "$T/little"
same "little memory: the same bytes" "$T/g" "$T/little"
check "little memory: the record says how many threads computed" "$(grep threads "$T/little/gradients.json")" grep -q '"threads": 1$' "$T/little/gradients.json"
ok "info knows the record" "$TRIPOD" info "$T/g/gradients.json"
shows "as what it is" 'gradients'

# --- what stops it ---

records() { [ "$(cat "$1"/*.log 2>/dev/null | wc -c)" -ge $((128 + 32 * $2)) ]; }
"$make_model" "$T/slow" --hidden 64 --layers 2 --heads 2 --vocab 2000 --seed 1 >/dev/null
"$TRIPOD" import "$T/slow" -o "$T/slow.tripod" >/dev/null
# shellcheck disable=SC2046
"$make_model" --corpus "$T/d" --limit 1900 --seed 1 $(for _ in $(seq 30); do echo 150; done) >/dev/null
$python -c "import numpy as np; np.save('$T/many.npy', np.arange(70, 4400, 19))"
slow=("$T/slow.tripod" -c "$T/d" --rows "$T/many.npy" --sketch 1000)
gradients "${slow[@]}" -o "$T/whole" >/dev/null
for s in INT:130 TERM:143 KILL:137; do
    had=$(cat "$T"/cut/*.log 2>/dev/null | wc -c)
    env --default-signal=INT "$TRIPOD" quanta gradients "${slow[@]}" --simd=scalar --threads 1 -o "$T/cut" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true records "$T/cut" $((had / 32 + 3))
    if [ $s = KILL:137 ]; then
        kill -STOP $pid # so that it is not done meanwhile
        fails "a second process is told" "process $pid on .* is computing them" gradients "${slow[@]}" -o "$T/cut"
        gradients "${slow[@]:0:5}" --exact --force -o "$T/cut" >"$T/out2" 2>"$T/err2"
        status=$?
        check "so is one that wants no sketches there" "exit $status: $(cat "$T/err2")" grep -Eq "^tripod: .*/cut/gradients.json: process $pid on .* is computing them$" "$T/err2"
        check "and it fails" "exit $status" test $status -eq 1
    fi
    kill -"${s%:*}" $pid
    wait $pid 2>/dev/null
    check "${s%:*}: 128 + n" "exit $?" test $? -eq "${s#*:}"
    [ $s = KILL:137 ] || check "${s%:*}: it says what is kept" "$(cat "$T/err")" grep -Eq '^tripod: .*/cut/gradients.json: interrupted: [0-9]+ of 228 samples are kept; the same command goes on$' "$T/err"
    check "${s%:*}: nothing has a final name" "$(ls "$T/cut")" test ! -e "$T/cut/sketch.npy" -a ! -e "$T/cut/losses.npy" -a ! -e "$T/cut/norms.npy"
    check "${s%:*}: the record says that it is not complete" "$(cat "$T/cut/gradients.json")" grep -q '"complete": false' "$T/cut/gradients.json"
done
# A sample whose numbers are not those it was logged with is computed again.
left=$($python - "$T/cut" <<'P'
import struct, sys
log = open(sys.argv[1] + "/losses.npy.partial.log", "rb").read()[128:]
samples = [struct.unpack_from("<Q", log, at)[0] for at in range(0, len(log) // 32 * 32, 32)]
assert len(samples) == len(set(samples)) > 9
with open(sys.argv[1] + "/sketch.npy.partial", "r+b") as f:
    f.seek(128 + samples[4] * 4000 + 40)
    f.write(b"xyz")
print(228 - len(samples) + 1)
P
)
# As if it had been stopped between the arrays' final names and the record, too.
mv "$T/cut/losses.npy.partial" "$T/cut/losses.npy"
ok "the same command goes on" gradients "${slow[@]}" -o "$T/cut" --json
shows "with what is missing" "\"computed\": $left,"
same "stopped three times and damaged: the same bytes" "$T/whole" "$T/cut"
if [ "$(id -u)" -eq 0 ] && mkdir "$T/disk" && mount -t tmpfs -o size=800k tmpfs "$T/disk" 2>/dev/null; then
    fails "full disk" 'disk/sketch.npy.partial: cannot write 228 samples: No space' gradients "${slow[@]}" -o "$T/disk"
    mount -o remount,size=8m "$T/disk"
    ok "full disk: the same command goes on" gradients "${slow[@]}" -o "$T/disk"
    same "full disk: the same bytes" "$T/whole" "$T/disk"
    umount "$T/disk"
else
    echo "SKIP full disk: only root can mount a small file system"
fi

# --- what is wrong with it ---

fails "a row out of range" 'far.npy: element 20: expected a row 0 to [0-9]*, found 1000000' gradients "$m" "${given[@]}" --rows "$T/far.npy" -o "$T/x"
fails "a row twice" 'twice.npy: elements 4 and 20: expected every row once, found [0-9]* twice' gradients "$m" "${given[@]}" --rows "$T/twice.npy" -o "$T/x"
fails "no rows" 'empty.npy: expected at least one row' gradients "$m" "${given[@]}" --rows "$T/empty.npy" -o "$T/x"
fails "rows that are no numbers of rows" 'real.npy: expected one dimension of int64 rows' gradients "$m" "${given[@]}" --rows "$T/real.npy" -o "$T/x"
fails "nothing to select" 'no loss of [0-9]* is below 1e-09 nats' gradients "$m" -c "$T/c" --losses "$losses" --below 1e-9 -o "$T/x"
fails "another corpus than the losses'" 'd: expected the corpus of .*found another' gradients "$m" -c "$T/d" --losses "$losses" -o "$T/x"
fails "no corpus" 'nowhere.idx: cannot open' gradients "$m" -c "$T/nowhere" --losses "$losses" -o "$T/x"
"$TRIPOD" scan "$m" -c "$T/c" -t "$suite/tokenizer.json" --window 64 -o "$T/w" >/dev/null
fails "losses in windows" 'expected losses of documents cut to their first tokens, found windows' gradients "$m" -c "$T/c" --losses "$(ls "$T"/w/*.npy)" -o "$T/x"
fails "a token that the model does not know" 'd.bin: document [0-9]*, token [0-9]*: expected an id below 512, found' gradients "$m" -c "$T/d" --rows "$T/rows.npy" -o "$T/x2"
fails "a layer that is not there" 'layers:1-2: expected layers from 0 to 1' gradients "$m" "${given[@]}" --coordinates layers:1-2 -o "$T/x"
fails "too little memory" 'expected --memory of at least [0-9]* MB' gradients "$m" "${given[@]}" --memory 1M -o "$T/x3"
fails "a row to dump out of range" 'expected a row 0 to [0-9]*, found 1000000' gradients "$m" -c "$T/c" --dump 1000000 -o "$T/x"
for other in "--seed=1:with another --seed" "--sketch=4096:with another --sketch" "--coordinates=all:of other coordinates" "--max-tokens=200:of documents cut otherwise" \
    "--rows=$T/turned.npy:of other rows" "--gelu=erf:with another GELU"; do
    fails "other gradients are not overwritten: ${other%%=*}" "g/gradients.json: holds gradients ${other#*:}: choose another -o, or --force" gradients "$m" "${given[@]}" "${other%%:*}" -o "$T/g"
done
cp -r "$suite/demo-25k/step512" "$T/step512"
fails "nor another model's" 'holds gradients of another model' gradients "$T/step512" "${given[@]}" -o "$T/g"
cp -r "$T/g" "$T/forced"
ok "unless forced" gradients "$m" "${given[@]}" --seed 1 --force -o "$T/forced"
check "then they are others" "the same sketches" test "$(sha256sum <"$T/g/sketch.npy")" != "$(sha256sum <"$T/forced/sketch.npy")"
ok "and back" gradients "$m" "${given[@]}" --force -o "$T/forced"
same "and back: the same bytes" "$T/g" "$T/forced"
# Whatever stops it, complete is only what all belongs together.
rm "$T/forced/rows.npy" && mkdir "$T/forced/rows.npy"
fails "forced, and the rows cannot be written" 'forced/rows.npy: ' gradients "$m" "${given[@]}" --rows "$T/turned.npy" --force -o "$T/forced"
check "then the record is not the old one" "$(cat "$T/forced/gradients.json")" grep -q '"complete": false' "$T/forced/gradients.json"
cp -r "$T/g" "$T/damaged"
head -c 300 "$T/g/gradients.json" >"$T/damaged/gradients.json"
fails "a damaged record" 'damaged/gradients.json: line [0-9]*: ' gradients "$m" "${given[@]}" -o "$T/damaged"
sed 's/"seed": 0/"seed": 1/' "$T/g/gradients.json" >"$T/damaged/gradients.json"
fails "a record that was changed" 'damaged/gradients.json: key: expected' gradients "$m" "${given[@]}" -o "$T/damaged"
"$make_model" "$T/sure" --hidden 64 --layers 1 --heads 2 --vocab 2000 --seed 1 --scale 3e4 --dtype f32 >/dev/null
"$TRIPOD" scan "$T/sure" -c "$T/d" -o "$T/sl" >/dev/null 2>&1
row=$($python -c "import numpy as np; print(np.flatnonzero(np.load('$(ls "$T"/sl/*.npy)') == 0)[0])")
$python -c "import numpy as np; np.save('$T/zero.npy', np.array([$row]))"
fails "a gradient that is zero" "row $row .document [0-9]*, token [0-9]*.: the gradient is zero .loss 0." gradients "$T/sure" -c "$T/d" --rows "$T/zero.npy" -o "$T/x4"
"$make_model" "$T/wild" --hidden 64 --layers 1 --heads 2 --vocab 2000 --seed 1 --scale 1e38 --dtype f32 >/dev/null
fails "a gradient that is not finite" "row [0-9]* .document [0-9]*, token [0-9]*.: the gradient is not finite" gradients "$T/wild" -c "$T/d" --rows "$T/many.npy" -n 1 -o "$T/x5"
ok "can be looked at all the same" gradients "$T/wild" -c "$T/d" --dump 70 --json -o "$T/x5"
shows "its norm is none" '"norm": null'
check "nor is it in its record" "$(cat "$T/x5/row-70/gradient.json")" grep -q '"norm": null' "$T/x5/row-70/gradient.json"
cp -r "$T/g" "$T/lost"
$python -c "import numpy as np; x = np.load('$T/g/losses.npy'); x[3] = np.nan; np.save('$T/lost/losses.npy', x)"
ok "losses of which one is none" gradients "$m" "${given[@]}" --json -o "$T/lost"
shows "have no mean" '"mean_loss": null'
for bad in "x.astype(float)|<f8 .20." "x[1:]|<f4 .19." "x.reshape(20, 1)|<f4 .20, "; do
    $python -c "import numpy as np; x = np.load('$T/g/losses.npy'); np.save('$T/lost/losses.npy', ${bad%|*})"
    fails "losses that are none: ${bad%|*}" "lost/losses.npy: expected <f4 .20. by its record, found ${bad#*|}" gradients "$m" "${given[@]}" -o "$T/lost"
done
misuse "no rows" 'which tokens. give --rows, or --losses' gradients "$m" -c "$T/c" -o "$T/x"
misuse "rows and a selection" 'not with --rows' gradients "$m" "${given[@]}" --below 1 -o "$T/x"
misuse "no directory" 'give a directory with -o' gradients "$m" "${given[@]}"
misuse "an odd sketch" 'expected an even number' gradients "$m" "${given[@]}" --sketch 1001 -o "$T/x"
misuse "shards" 'expected I/N' gradients "$m" "${given[@]}" --shard 3/3 -o "$T/x"
misuse "a dump of several" 'takes one row' gradients "$m" "${given[@]}" --dump 3 -o "$T/x"
fails "unknown coordinates" 'expected published, no-final-norm, all' gradients "$m" "${given[@]}" --coordinates some -o "$T/x"
exit $code
