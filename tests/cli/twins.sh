# Checkpoints that are not what their names say: scan warns and computes equal ones once, gather names them, info --compare measures.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
corpus=$ROOT/tests/golden/folders/corpus
python=/usr/bin/python3
# warned NAME LINE...: stderr of the last command is these warnings and nothing else.
warned() {
    local name=$1
    shift
    { if [ $# -gt 0 ]; then printf 'tripod: warning: %s\n' "$@"; fi; } | sed "s|@|$T/m/pythia-70m/|g" >"$T/want"
    if cmp -s "$T/want" "$T/err"; then echo "ok $name"; else echo "FAIL $name: $(cat "$T/err")"; code=1; fi
}

# step1 and step2 differ in everything; step0 = step1; step4 is step1 but for one ulp of one weight; step8 has the layer 0 of step1
# in the rest of step2; step16 is of its own but for what every untrained model has: ones and zeros.
m=$T/m/pythia-70m
mkdir -p "$m"
"$make_model" "$m/step1" --hidden 32 --layers 2 --heads 2 --vocab 300 --seed 1 --dtype f16 >/dev/null
"$make_model" "$m/step2" --hidden 32 --layers 2 --heads 2 --vocab 300 --seed 2 --dtype f16 >/dev/null
"$make_model" "$m/step16" --hidden 32 --layers 2 --heads 2 --vocab 300 --seed 3 --dtype f16 >/dev/null
for s in 0 4; do cp -r "$m/step1" "$m/step$s"; done
for s in 8 32; do cp -r "$m/step2" "$m/step$s"; done
ok "checkpoints to mix up" $python - "$m" <<'P'
import glob, json, struct, sys
def read(step):
    path = glob.glob(f"{sys.argv[1]}/step{step}/*.safetensors")[0]
    data = bytearray(open(path, "rb").read())
    n = struct.unpack_from("<Q", data)[0]
    head = json.loads(data[8:8 + n])
    return path, data, {k: slice(8 + n + v["data_offsets"][0], 8 + n + v["data_offsets"][1]) for k, v in head.items() if k != "__metadata__"}
def write(path, data):
    open(path, "wb").write(data)
_, one, at = read(1)
path, data, _ = read(4)
data[at["gpt_neox.layers.1.mlp.dense_4h_to_h.weight"].start + 10] ^= 1
write(path, data)
path, data, _ = read(8)
for name, where in at.items():
    if name.startswith("gpt_neox.layers.0."):
        data[where] = one[where]
write(path, data)
# Untrained: what is constant in step 2's and step 16's weights proves nothing.
for step in (16, 32):
    path, data, _ = read(step)
    for name, where in at.items():
        if "layernorm" in name or "layer_norm" in name or name.endswith(".bias"):
            one16 = name.endswith(".weight")
            data[where] = (b"\x00\x3c" if one16 else b"\0\0") * ((where.stop - where.start) // 2)
    write(path, data)
P
scan() { local name=$1 out=$2; shift 2; ok "$name" "$TRIPOD" scan "$@" -c "$corpus" -o "$T/$out" --json="$T/$out.json" --threads 1; }
steps() { for s in "$@"; do echo "$m/step$s"; done; }

scan "step0 = step1" l $(steps 0 1)
warned "it is warned of" '@step1: the same weights as @step0'
same "the copy has the bits" "$T/l/pythia-70m-step0.npy" "$T/l/pythia-70m-step1.npy"
scan "step1 alone" alone $(steps 1)
warned "one model has no twin"
same "which are those it gets when computed" "$T/alone/pythia-70m-step1.npy" "$T/l/pythia-70m-step1.npy"
ok "its record says so" $python - "$T/l" "$T/alone" <<'P'
import json, sys
a, b = (json.load(open(f"{sys.argv[1]}/pythia-70m-step{s}.json")) for s in (0, 1))
alone = json.load(open(f"{sys.argv[2]}/pythia-70m-step1.json"))
assert a["same_as"] is None and alone["same_as"] is None and b["same_as"] == "pythia-70m-step0"
assert a["weights"] == b["weights"] == alone["weights"] and len(a["weights"]) == 16
assert a["step"] == 0 and b["step"] == 1 and a["moments"] == b["moments"] == alone["moments"]
assert a["tokens_per_s"] > 0 and b["tokens_per_s"] == 0 and b["mfu"] is None  # nothing was computed
P
scan "finished twins" l $(steps 0 1)
warned "are warned of again" '@step1: the same weights as @step0'
scan "one model given twice" twice $(steps 1 1)
warned "is no twin of itself"
scan "one ulp in one weight" ulp $(steps 1 4)
warned "is a near miss" '@step4: 27 of 28 tensors (90.8 % of the weights) equal those of @step1'
if cmp -s "$T/ulp/pythia-70m-step1.npy" "$T/ulp/pythia-70m-step4.npy"; then echo "FAIL it is not computed"; code=1; else echo "ok it is computed"; fi
is "and no copy" null "$($python -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))["same_as"]))' "$T/ulp/pythia-70m-step4.json")"
scan "another step's layer" mixed $(steps 1 2 8)
warned "is named, and whose the rest is" '@step8: 12 of 28 tensors (28.4 % of the weights) equal those of @step1' \
    '@step8: 16 of 28 tensors (71.6 % of the weights) equal those of @step2'
scan "ones and zeros" constants $(steps 16 32)
warned "prove nothing"
# A branch that serves the end of training under other steps.
for s in 64 128 256 512 1000; do cp -r "$m/step1" "$m/step$s"; done
scan "one line a group" group --order given $(steps 64 2 128 256 512 1000 4)
warned "names three and counts the rest" '@step128, @step256, @step512 and 1 more: the same weights as @step64' \
    '@step4: 27 of 28 tensors (90.8 % of the weights) equal those of @step64'
is "computed once" 1 "$(ls "$T/group"/*.json | xargs grep -l '"same_as": null' | grep -cv 'step2\.\|step4\.')"
cp -r "$m/step2" "$m/step2000"
sed -i 's/"rotary_emb_base": *[0-9.]*/"rotary_emb_base": 500/' "$m/step2000/config.json"
scan "the same weights under another config" config $(steps 2 2000)
warned "are another model" '@step2000: 28 of 28 tensors (100 % of the weights) equal those of @step2'
for i in 2 0 1; do scan "shards of twins" shards $(steps 0 1) --shard $i/3; done
ok "gather joins them" "$TRIPOD" gather "$T/shards" -o "$T/shards.npy"
ok "gather" "$TRIPOD" gather "$T/l"
scan "their whole, one by one" both $(steps 0)
scan "their whole, the other scan" both $(steps 1)
scan "a third, of another" both $(steps 2)
ok "gather finds twins of different scans" "$TRIPOD" gather "$T/both" --json
is "points.csv names them" ',pythia-70m-step0,' "$(tail -n +2 "$T/both/points.csv" | sed 's/.*,//' | paste -sd ,)"
is "whatever order they were scanned in" ',pythia-70m-step0' "$(tail -n +2 "$T/shards/points.csv" | sed 's/.*,//' | paste -sd ,)"
# A record of before: nothing is known, nothing claimed.
sed -i '/"weights"/d' "$T/both/pythia-70m-step0.json"
ok "a record that does not tell" "$TRIPOD" gather "$T/both"
is "leaves the column empty" ',,' "$(tail -n +2 "$T/both/points.csv" | sed 's/.*,//' | paste -sd ,)"
sed -i 's/"weights": "[0-9a-f]*"/"weights": 7/' "$T/both/pythia-70m-step1.json"
fails "a damaged record" 'step1.json: weights: expected a string' "$TRIPOD" gather "$T/both"
sed -i 's/"weights": "[0-9a-f]*"/"weights": "0123456789abcdef"/' "$T/shards/pythia-70m-step1.shard-2-of-3.json"
fails "shards of different weights" 'step1.shard-2-of-3.npy: expected losses of the same weights' "$TRIPOD" gather "$T/shards"
# What is copied is what its record sums up.
rm "$T/l/pythia-70m-step1.npy" "$T/l/pythia-70m-step1.json"
cp "$T/l/pythia-70m-step0.npy" "$T/kept.npy"
printf '\1' | dd of="$T/l/pythia-70m-step0.npy" bs=1 seek=200 conv=notrunc 2>/dev/null
"$TRIPOD" scan $(steps 0 1) -c "$corpus" -o "$T/l" >"$T/out" 2>"$T/err"
is "damaged losses are not copied" 1 "$(tail -n +2 "$T/err" | grep -c 'step0.npy: the losses sum to')"
is "and nothing is left" 1 "$(ls "$T/l" | grep -c npy)"
truncate -s -4 "$T/l/pythia-70m-step0.npy"
"$TRIPOD" scan $(steps 0 1) -c "$corpus" -o "$T/l" >"$T/out" 2>"$T/err"
is "nor truncated ones" 1 "$(tail -n +2 "$T/err" | grep -c 'step0.npy: expected')"
cp "$T/kept.npy" "$T/l/pythia-70m-step0.npy"
scan "then it goes on" l $(steps 0 1)
same "with the bits" "$T/kept.npy" "$T/l/pythia-70m-step1.npy"

# info --compare
ok "compare equal ones" "$TRIPOD" info --compare $(steps 1 0)
shows "all tensors are equal" "^$m/step0	28	28	0	0	0	0	44672	0	0	0\$"
ok "compare near ones" "$TRIPOD" info --compare --json $(steps 1 4 8 16)
cp "$T/out" "$T/near.json"
ok "values are those of numpy" $python - "$m" "$T/near.json" <<'P'
import glob, json, math, struct, sys
import numpy as np
def read(step):
    data = open(glob.glob(f"{sys.argv[1]}/step{step}/*.safetensors")[0], "rb").read()
    n = struct.unpack_from("<Q", data)[0]
    return {k: np.frombuffer(data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], np.float16).astype(np.float64)
            for k, v in json.loads(data[8:8 + n]).items() if k != "__metadata__"}
o = json.load(open(sys.argv[2]))["compare"]
a = read(1)
assert o["model"].endswith("/step1") and len(o["with"]) == 3
for w, step in zip(o["with"], (4, 8, 16)):
    b, total, base, most, differing = read(step), 0.0, 0.0, 0.0, 0
    assert w["model"].endswith(f"/step{step}") and len(w["tensor_list"]) == w["tensors"] == 28
    relative = [t["relative_rms"] for t in w["tensor_list"] if t["relative_rms"] is not None]
    assert relative == sorted(relative, reverse=True) and max(relative) > 0
    for t in w["tensor_list"]:
        x, y = a[t["tensor"]], b[t["tensor"]]
        assert t["elements"] == x.size and t["differing"] == (x != y).sum() and t["max_difference"] == abs(x - y).max()
        assert t["is"] == ("different" if (x != y).any() else "equal") and t["type"] == "f16"
        s, q = ((x - y) ** 2).sum(), (x ** 2).sum()
        assert math.isclose(t["relative_rms"], math.sqrt(s / q), rel_tol=1e-12), t
        total, base, most, differing = total + s, base + q, max(most, abs(x - y).max()), differing + (x != y).sum()
    assert w["differing"] == differing and w["max_difference"] == most
    assert math.isclose(w["relative_rms"], math.sqrt(total / base), rel_tol=1e-12)
assert o["with"][0]["differ"] == 1 and o["with"][0]["differing"] == 1  # one weight, one ulp
assert o["with"][1]["equal"] == 12
P
ok "one thread" "$TRIPOD" info --compare $(steps 1 16) --threads 1
cp "$T/out" "$T/one"
ok "three threads" "$TRIPOD" info --compare $(steps 1 16) --threads 3
same "print the same" "$T/one" "$T/out"
terminal "on a terminal" 100 "$TRIPOD" info --compare $(steps 1 16 4)
is "ten tensors a model at most, none that is equal" 11 "$(grep -c ' different ' "$T/out")"
terminal "and all of them" 160 "$TRIPOD" info --compare --details $(steps 1 16 4)
is "with --details" 56 "$(grep -c ' f16 ' "$T/out")"
"$make_model" "$T/f32" --hidden 32 --layers 2 --heads 2 --vocab 300 --seed 1 --dtype f32 >/dev/null
"$make_model" "$T/wide" --hidden 48 --layers 3 --heads 2 --vocab 300 --seed 1 --dtype f16 >/dev/null
ok "another type and shape" "$TRIPOD" info --compare "$m/step1" "$T/f32" "$T/wide"
shows "types of both" '	gpt_neox.embed_in.weight	f16 f32	'
shows "shapes of both" '	gpt_neox.embed_in.weight	f16	\[300, 32\] \[300, 48\]	shapes differ	-	-	-	-$'
shows "and what only one has" '	gpt_neox.layers.2.attention.dense.bias	f16	\[1, 48\]	only here	-'
shows "nothing can be compared then" "^$T/wide	40	0	0	28	0	12	0	0	-	-\$"
cp -r "$m/step2" "$m/bad"; truncate -s -10 "$m"/bad/*.safetensors; rm -f "$m/bad/model.tripod"
fails "compare: a damaged model" 'bad/.*safetensors' "$TRIPOD" info --compare "$m/step1" "$m/bad"
fails "compare: no such model" 'nowhere: cannot open' "$TRIPOD" info --compare "$m/step1" "$T/nowhere"
fails "compare: not a model" 'corpus.bin: not a tripod model' "$TRIPOD" info --compare "$m/step1" "$corpus.bin"
misuse "compare: one model" 'expected two models or more' "$TRIPOD" info --compare "$m/step1"
cp "$m/step1/model.tripod" "$T/lies.tripod"
printf '\377' | dd of="$T/lies.tripod" bs=1 seek=300 conv=notrunc 2>/dev/null
ok "a checksum that lies" "$TRIPOD" info --compare "$m/step1" "$T/lies.tripod"
fails "is found by --verify" 'lies.tripod: .*checksum is wrong' "$TRIPOD" info --compare --verify "$m/step1" "$T/lies.tripod"
exit $code
