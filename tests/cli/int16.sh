# Scans in a narrower precision: int16's losses beside float32's on the demo suite (digest, error, bias, a law), what the record, the
# key and other commands make of them, --compare, --head; bf16 by oneDNN. That int16 has the same bits everywhere: contract.sh.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
suite=$ROOT/models/demo
python=/usr/bin/python3
make_model=${B:-$ROOT/build}/tests/golden/make_model

"$TRIPOD" import "$suite"/demo-*/step* -o "$T/models/" >/dev/null
"$TRIPOD" tokenize "$golden"/demo/doc[123].txt -t "$suite/tokenizer.json" -o "$T/docs" >/dev/null
scan() { "$TRIPOD" scan "$T"/models/*.tripod -c "$T/docs" "$@"; }
one=$T/models/demo-115k-step1000.tripod

# --- how close, and what follows from it ---

scan -o "$T/f32" >/dev/null 2>&1
ok "int16 scans the suite" scan -o "$T/int16" --precision int16
check "the probe is told of" "$(head -c 300 "$T/err")" \
    grep -q 'demo-3k-step0.tripod: int16 is [0-9.e-]* nats from float32 in the mean of 512 tokens' "$T/err"
for p in f32 int16; do "$TRIPOD" gather "$T/$p" -o "$T/$p.npy" >/dev/null; done
is "the digest of int16's losses is the committed one" "$(cat "$golden/demo/digest_int16.txt")" "$(sha256sum <"$T/int16.npy" | cut -c -64)"
ok "int16 is ten times closer to float32 than PyTorch's bfloat16, without a bias" $python - "$T" "$golden/demo/bf16.json" <<'P'
import json, sys
import numpy as np
folder, reference = sys.argv[1:]
a, b = (np.load(f"{folder}/{p}.npy").astype(float) for p in ("f32", "int16"))
names = [c["model"] + "-step%d" % c["step"] for c in json.load(open(folder + "/f32.json"))["columns"]]
torch = json.load(open(reference))["checkpoints"]
assert a.shape == b.shape and a.shape[1] == 49 and len(torch) >= 6
mean = np.abs(b - a).mean(0)
assert (mean > 1e-6).all(), "these are float32's"
for name, theirs in torch.items():
    ours = mean[names.index(name)]
    print(name, theirs["mean"] / ours)
    assert 10 * ours < theirs["mean"], name
assert abs((b - a).mean()) < 1e-5, (b - a).mean()
P
for p in f32 int16; do "$TRIPOD" fit power "$T/$p/points.csv" --bootstrap 200 --tsv 2>/dev/null | awk '$1 == "alpha" && NF > 8 { print $2, $3 }' >"$T/alpha-$p"; done
ok "a law's exponent moves by less than a hundredth of its error" awk \
    '{ a[NR] = $1; e[NR] = $2 } END { d = a[1] - a[2]; exit !(NR == 2 && d != 0 && e[1] > 0 && d * d < (e[1] / 100) ^ 2) }' \
    "$T/alpha-f32" "$T/alpha-int16"

# Columns of very different size, as residual streams of trained models have: equalising is worth its while.
ok "a model with outlying columns" $python - "$suite/demo-115k/step1000" "$T/outliers" "$golden" <<'P'
import json, os, shutil, struct, sys
import numpy as np
source, target, golden = sys.argv[1:]
shutil.copytree(source, target)
os.chmod(target, 0o755)
path = target + "/model.safetensors"
raw = bytearray(open(path, "rb").read())
n = struct.unpack_from("<Q", raw)[0]
head = json.loads(raw[8:8 + n])
columns = np.random.default_rng(3).permutation(64)[:3]
def change(name, f):
    t = head[name]
    a = np.frombuffer(raw, {"F16": "<f2", "F32": "<f4"}[t["dtype"]], int(np.prod(t["shape"])), 8 + n + t["data_offsets"][0]).reshape(t["shape"])
    f(a)
for name in head:
    if name.endswith("layernorm.weight") or name.endswith("layernorm.bias"):
        change(name, lambda a: a.__setitem__(columns, a[columns] * 64))
    if name.endswith(("query_key_value.weight", "dense_h_to_4h.weight")):
        change(name, lambda a: a.__setitem__((slice(None), columns), a[:, columns] / 64))
os.remove(path)
open(path, "wb").write(raw)
P
ok "int16 of it" "$TRIPOD" scan "$T/outliers" -c "$T/docs" -o "$T/outliers-int16" --precision int16 --compare
ok "factors make up for the columns, and the record says so" $python - "$T"/outliers-int16/*.json <<'P'
import json, sys
r = json.load(open(sys.argv[1]))
probe, found = r["provenance"]["probe"], r["deviation"]
assert probe["factors"]["least"] <= -5 and len(probe["factors"]["xxh3"]) == 16, probe
assert 0 < found["mean"] < 4e-4 and 0 < probe["mean"] < 1e-3, (probe, found)
P

# --- --compare ---

ok "--compare" "$TRIPOD" scan "$one" -c "$T/docs" -o "$T/int16" --precision int16 --compare
shows "it has a table" '^model	step	deviation	'
same "the losses stay the mode's" "$T/int16/demo-115k-step1000.npy" <("$TRIPOD" scan "$one" -c "$T/docs" -o "$T/again" --precision int16 >/dev/null 2>&1; cat "$T/again/demo-115k-step1000.npy")
ok "its numbers are those of the two files" $python - "$T" <<'P'
import json, struct, sys
import numpy as np
folder = sys.argv[1]
r = json.load(open(folder + "/int16/demo-115k-step1000.json"))
a, b = (np.load(f"{folder}/{p}/demo-115k-step1000.npy").astype(float) for p in ("f32", "int16"))
d, found = b - a, r["deviation"]
raw = open(folder + "/docs.idx", "rb").read()
n = np.frombuffer(raw, "<i4", struct.unpack_from("<Q", raw, 18)[0], 34) - 1
n = n[n > 0].astype(float)
assert n.sum() == len(d) == found["tokens"] and found["from"] == "float32" and r["precision"] == "int16"
def ratio(x):  # Cochran 1977, eq. 6.9, without the finite population's correction
    s = np.add.reduceat(x, np.concatenate(([0], np.cumsum(n)[:-1])).astype(int))
    m = s.sum() / n.sum()
    return m, np.sqrt(len(n) / (len(n) - 1) * ((s - m * n) ** 2).sum()) / n.sum()
square = ratio(d * d)
expected = {"mean": ratio(np.abs(d))[0], "mean_se": ratio(np.abs(d))[1], "bias": ratio(d)[0], "bias_se": ratio(d)[1], "max": np.abs(d).max(),
            "rms": np.sqrt(square[0]), "rms_se": square[1] / 2 / np.sqrt(square[0])}
for key, value in expected.items():
    assert abs(found[key] - value) <= 1e-9 * abs(value) + 1e-15, (key, found[key], value)
P
ok "what was compared is not computed again" env OMP_NUM_THREADS=1 "$TRIPOD" scan "$one" -c "$T/docs" -o "$T/int16" --precision int16 --compare --json
shows "and is in --json" '"deviation": \{'
check "float32's file is gone" "$(ls "$T/int16" | grep float32)" test -z "$(ls "$T/int16" | grep float32)"
misuse "--compare of float32" "--compare needs a --precision other than f32" "$TRIPOD" scan "$one" -c "$T/docs" --compare
misuse "another precision" "expected f32, int16 or bf16|precision" "$TRIPOD" scan "$one" -c "$T/docs" --precision int8
misuse "int16 by oneDNN" "--precision int16 is not done by --gemm onednn" "$TRIPOD" scan "$one" -c "$T/docs" --precision int16 --gemm onednn

# --- --head f32 ---

ok "--head f32" "$TRIPOD" scan "$one" -c "$T/docs" -o "$T/head" --precision int16 --head f32 --compare
ok "it is closer, and says what it is" $python - "$T"/int16/demo-115k-step1000.json "$T"/head/*.json <<'P'
import json, sys
all, head = (json.load(open(p)) for p in sys.argv[1:])
assert head["precision"] == "int16, head float32" and head["key"] != all["key"]
assert 0 < head["deviation"]["mean"] < 0.95 * all["deviation"]["mean"]
P

# --- never mixed with float32 ---

fails "float32 into int16's folder" "holds losses of another .*precision" "$TRIPOD" scan "$one" -c "$T/docs" -o "$T/int16"
mkdir "$T/mixed"
cp "$T"/f32/demo-3k-step0.* "$T"/int16/demo-7k-step0.* "$T/mixed"
fails "gather of both" "expected losses in float32 as .* has, found int16" "$TRIPOD" gather "$T/mixed" -o "$T/mixed.npy"
ok "verify computes int16 again" "$TRIPOD" verify "$T/int16/demo-115k-step1000.npy"
shows "to the bit" 'demo-115k'
cp -r "$T/head" "$T/spoilt"
$python - "$T"/spoilt/*.npy <<'P'
import sys
raw = bytearray(open(sys.argv[1], "rb").read())
raw[-2000] ^= 1
open(sys.argv[1], "wb").write(raw)
P
"$TRIPOD" verify "$T/spoilt/demo-115k-step1000.npy" --documents all >"$T/out" 2>"$T/err"
check "verify sees one bit" "$(head -c 300 "$T/err")" grep -q '; 1 of [0-9]* losses differ$' "$T/err"
ok "the plan knows it" "$TRIPOD" scan "$one" -c "$T/docs" -o "$T/plan" --precision int16 --dry-run
"$make_model" "$T/wide" --hidden 256 --layers 4 --heads 4 --vocab 4000 --seed 4 >/dev/null
"$make_model" --corpus "$T/words" --limit 4000 --seed 2 40 300 >/dev/null
# Large enough for the probe to be a team's.
for n in 1 3; do "$TRIPOD" scan "$T/wide" -c "$T/words" -o "$T/wide-$n" --precision int16 --threads $n >/dev/null 2>&1; done
probe() { $python -c 'import json, sys; print(json.load(open(sys.argv[1]))["provenance"]["probe"])' "$1"; }
is "the probe has the same bits by one thread and a team" "$(probe "$T/wide-1/wide.json")" "$(probe "$T/wide-3/wide.json")"
same "and so have the losses" "$T/wide-1/wide.npy" "$T/wide-3/wide.npy"
fails "weights that memory does not hold" "in int16 all weights stay in memory" "$TRIPOD" scan "$T/wide" -c "$T/words" -o "$T/small" --precision int16 --memory 4M

# --- packed files ---

"$make_model" "$T/deep" --hidden 512 --layers 8 --heads 8 --vocab 2000 --seed 4 >/dev/null
"$make_model" --corpus "$T/few" --limit 2000 --seed 2 40 30 >/dev/null
fails "packed into no folder" "nowhere/x.tripod: cannot write: No such file" "$TRIPOD" import --precision int16 "$one" -o "$T/nowhere/x.tripod"
ok "import --precision int16" "$TRIPOD" import --precision int16 "$T/deep" "$one" -o "$T/packed/"
packed=$T/packed/demo-115k-step1000.tripod
ok "info knows it" "$TRIPOD" info --verify "$packed"
shows "its types" '^type	f32 f16 i16$'
ok "it is scanned" "$TRIPOD" scan "$packed" -c "$T/docs" -o "$T/from-packed" --precision int16
same "to the same losses" "$T/again/demo-115k-step1000.npy" "$T/from-packed/demo-115k-step1000.npy"
is "with the same key and probe" "$(grep '"key"' "$T"/again/demo-115k-step1000.json; probe "$T"/again/demo-115k-step1000.json)" \
    "$(grep '"key"' "$T"/from-packed/demo-115k-step1000.json; probe "$T"/from-packed/demo-115k-step1000.json)"
ok "verify takes it for its model" "$TRIPOD" verify "$T/again/demo-115k-step1000.npy" -m "$packed"
"$TRIPOD" scan "$T/packed/deep.tripod" -c "$T/few" -o "$T/deep-whole" --precision int16 >/dev/null 2>&1
streamed=("$TRIPOD" scan "$T/packed/deep.tripod" -c "$T/few" -o "$T/streamed" --precision int16 --threads 1 --batch-tokens 300)
# What the program itself takes is part of the least: more with a sanitizer.
memory=$(($("${streamed[@]}" --memory 1M 2>&1 | grep -o 'at least [0-9]*M' | grep -o '[0-9]*') + 13))M
ok "layer by layer" "${streamed[@]}" --memory $memory
check "it was" "$(head -c 300 "$T/err")" grep -q "do not fit into $memory of memory" "$T/err"
same "to the same losses" "$T/streamed/deep.npy" "$T/deep-whole/deep.npy"
only="packed 16-bit integers, for .tripod scan --precision int16. alone"
ok "a plan in float32" "$TRIPOD" scan "$packed" "$one" -c "$T/docs" -o "$T/x" --dry-run
shows "knows what cannot be scanned" "^demo-115k	1000	failed	.*$only"
fails "in float32" "$only" "$TRIPOD" scan "$packed" -c "$T/docs" -o "$T/x"
fails "with a float32 head" "$only" "$TRIPOD" scan "$packed" -c "$T/docs" -o "$T/x" --precision int16 --head f32
fails "with another GELU" "packed with the GELU it has" "$TRIPOD" scan "$packed" -c "$T/docs" -o "$T/x" --precision int16 --gelu erf
fails "compared" "--compare needs the weights" "$TRIPOD" scan "$packed" -c "$T/docs" -o "$T/x" --precision int16 --compare
fails "generate" "$only" "$TRIPOD" generate "$packed" -n 2 --ids 1
fails "beside another model's numbers" "which are not compared" "$TRIPOD" info --compare "$packed" "$one"
fails "packed twice" "is packed already" "$TRIPOD" import --precision int16 "$packed" -o "$T/x.tripod"
before=$(cksum <"$one")
fails "packed over itself" "would be written over" "$TRIPOD" import --precision int16 "$one" -o "$T/models/"
is "the model stays" "$before" "$(cksum <"$one")"
fails "exported" "$(basename "$packed"): its weights are packed" "$TRIPOD" export "$packed" -o "$T/hf"
check "no folder is left" "$(ls "$T/hf" 2>&1)" test ! -e "$T/hf"
misuse "packed and archived" "--precision: no --archive" "$TRIPOD" import --precision int16 --archive "$packed" -o "$T/x.tripod"
ok "an archive of it" "$TRIPOD" import --archive "$packed" -o "$T/archive"
ok "gives it back" "$TRIPOD" import "$T/archive@step1000" -o "$T/back.tripod"
fails "but not over itself" "would be written over" "$TRIPOD" import "$T/archive@step1000" -o "$T/archive"
memory() { "$TRIPOD" scan "$@" -c "$T/docs" -o "$T/plan" --precision int16 --dry-run --tsv 2>/dev/null | awk -F'\t' '$1 == "model" { for (i = 1; i <= NF; i++) if ($i == "memory") m = i } m && $1 ~ /^demo/ { print $m }'; }
"$TRIPOD" import --archive "$suite/demo-115k/step1000" -o "$T/plain" >/dev/null
check "the plan has what an archive is decoded into, and what is packed of it" "$(memory "$T/plain@step1000") $(memory "$one")" \
    test "$(memory "$T/plain@step1000")" -gt $(($(memory "$one") + 340000))
ok "with its numbers" "$TRIPOD" scan "$T/back.tripod" -c "$T/docs" -o "$T/from-back" --precision int16
same "all of them" "$T/again/demo-115k-step1000.npy" "$T/from-back/demo-115k-step1000.npy"
cp "$packed" "$T/spoilt.tripod"
printf '\002' | dd of="$T/spoilt.tripod" bs=1 seek=190000 conv=notrunc 2>/dev/null
fails "a byte of it" "checksum is wrong" "$TRIPOD" info --verify "$T/spoilt.tripod"

# --- bf16 ---

"$TRIPOD" scan "$one" -c "$T/docs" -o "$T/bf16" --precision bf16 --compare >"$T/out" 2>"$T/err"
if grep -q "cannot be used\|on CPUs with AVX-512 only" "$T/err"; then
    echo "SKIP bf16: $(head -n 1 "$T/err")"
else
    ok "bf16 is bfloat16" $python - "$T"/bf16/*.json <<'P'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["precision"] == "bf16" and r["provenance"]["gemm"] == "onednn"
assert 2e-3 < r["deviation"]["mean"] < 2e-2, r["deviation"]
P
    for n in 1 3; do "$TRIPOD" scan "$T/wide" -c "$T/words" -o "$T/bf16-$n" --precision bf16 --threads $n --batch-tokens $((n * 50)) >/dev/null 2>&1; done
    ok "bf16 by any threads and batches is close" $python - "$T"/bf16-[13]/wide.npy <<'P'
import sys
import numpy as np
a, b = (np.load(p) for p in sys.argv[1:])
assert np.isfinite(a).all() and len(a) == 338 and np.abs(a - b).max() < 0.05
P
    fails "verify of bf16" "cannot be verified" "$TRIPOD" verify "$T/bf16/demo-115k-step1000.npy"
fi
exit $code
