# tripod export: the folder it writes holds the tensors that were imported, bit for bit, under their own names, and transformers
# computes the same losses from it (where PYTHON, or python3, has transformers and torch).
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3
model() { local name=$1; shift; "$make_model" "$T/$name" --hidden 80 --layers 2 --heads 5 --vocab 130 "$@" >/dev/null; }

# equal NAME FOLDER FOLDER: the same tensors: names, types, shapes, bytes.
equal() {
    ok "$1" $python - "$2" "$3" <<'P'
import glob, json, sys
def tensors(folder):
    found = {}
    for path in glob.glob(folder + "/*.safetensors"):
        data = open(path, "rb").read()
        n = int.from_bytes(data[:8], "little")
        for name, t in json.loads(data[8:8 + n]).items():
            if name != "__metadata__":
                a, b = t["data_offsets"]
                found[name] = t["dtype"], t["shape"], data[8 + n + a:8 + n + b]
    return found
a, b = map(tensors, sys.argv[1:])
assert a and a.keys() == b.keys(), a.keys() ^ b.keys()
assert all(a[k] == b[k] for k in a), [k for k in a if a[k] != b[k]]
P
}

# there NAME FOLDER: import, export, import: tensors as in FOLDER, and the flat file's.
there() {
    ok "$1: import" "$TRIPOD" import "$2" -o "$T/$1.tripod" --step 7
    ok "$1: export" "$TRIPOD" export "$T/$1.tripod" -o "$T/$1-out"
    equal "$1: the same tensors" "$2" "$T/$1-out"
    ok "$1: import again" "$TRIPOD" import "$T/$1-out" -o "$T/$1-again.tripod" --step 7
    ok "$1: compared" "$TRIPOD" info --compare "$T/$1.tripod" "$T/$1-again.tripod" --json="$T/compare.json"
    ok "$1: nothing differs, the config neither" $python - "$T/$1.tripod" "$T/$1-again.tripod" "$T/compare.json" <<'P'
import json, struct, sys
a, b = (open(p, "rb").read() for p in sys.argv[1:3])
assert a[80:168] == b[80:168] and a[192:208] == b[192:208]
(directory,) = struct.unpack("<Q", a[32:40])
assert a[256:directory] == b[256:directory]
P
}
model neox-f16 --dtype f16
model neox-bf16 --dtype bf16 --parallel 0 --act gelu_new --rotary-pct 0.4 --eps 0.00003 --base 1234.5
model neox-f32 --dtype f32 --ffn 100 --positions 77 --shards 2
model neo --neo 1 --hidden 64 --heads 4 --layers 3 --window 5
for m in neox-f16 neox-bf16 neox-f32 neo; do there $m "$T/$m"; done
for m in "$ROOT"/models/demo/demo-*/step1000; do there "$(basename "$(dirname "$m")")" "$m"; done

# Element types.
ok "wider" "$TRIPOD" export "$T/neox-f16.tripod" -o "$T/wide" --dtype f32
ok "and back" "$TRIPOD" import "$T/wide" -o "$T/wide.tripod"
ok "narrower again" "$TRIPOD" export "$T/wide.tripod" -o "$T/narrow" --dtype f16
equal "is what it was" "$T/neox-f16" "$T/narrow"
ok "bf16" "$TRIPOD" export "$T/neox-f32.tripod" -o "$T/b16" --dtype bf16
ok "rounds to nearest even" $python - "$T/neox-f32" "$T/b16" <<'P'
import glob, json, sys
import numpy as np
def tensors(folder):
    for path in sorted(glob.glob(folder + "/*.safetensors")):
        data = open(path, "rb").read()
        n = int.from_bytes(data[:8], "little")
        for name, t in json.loads(data[8:8 + n]).items():
            if name != "__metadata__":
                yield name, t["dtype"], data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]
a = {name: np.frombuffer(d, "<u4").astype(np.uint64) for name, kind, d in tensors(sys.argv[1]) if kind == "F32"}
b = {name: np.frombuffer(d, "<u2") for name, kind, d in tensors(sys.argv[2]) if kind == "BF16"}
assert a.keys() == b.keys() and len(a) == 28
for k in a:
    assert (((a[k] + 0x7FFF + (a[k] >> 16 & 1)) >> 16) == b[k]).all(), k
P
ok "one of an archive" "$TRIPOD" import --archive -o "$T/archive" "$ROOT"/models/demo/demo-7k/step512 "$ROOT"/models/demo/demo-7k/step1000
ok "is exported" "$TRIPOD" export "$T/archive@step512" -o "$T/of-archive" --json
shows "which says what it is" '"step": 512'
equal "and is what it was" "$ROOT/models/demo/demo-7k/step512" "$T/of-archive"
check "a tokenizer of its own goes with it" "$(ls "$T/demo-7k-out")" cmp -s "$T/demo-7k-out/tokenizer.json" "$ROOT/models/demo/tokenizer.json"
ok "end-of-text is the tokenizer's" $python -c "import json; c = json.load(open('$T/demo-7k-out/config.json')); assert c['eos_token_id'] == 0 and c['torch_dtype'] == 'float16', c"

# transformers.
hugging=
for p in ${PYTHON:-} python3; do "$p" -c 'import torch, transformers' 2>/dev/null && hugging=$p && break; done
if [ -z "$hugging" ]; then
    echo "SKIP losses by transformers: no python here has it (set PYTHON to one)"
else
    "$make_model" --corpus "$T/c" --limit 130 --seed 4 60 2 33 50
    for m in neox-bf16 neox-f32 neo; do
        ok "$m: scan" "$TRIPOD" scan "$T/$m.tripod" -c "$T/c" -o "$T/losses-$m" --threads 1
    done
    ok "transformers' losses" env HF_HUB_OFFLINE=1 "$hugging" - "$T" neox-bf16 neox-f32 neo <<'P'
import glob, sys
import numpy as np
import torch
from transformers import AutoModelForCausalLM
folder = sys.argv[1]
ids = np.fromfile(folder + "/c.bin", np.uint16).astype(np.int64)
for name in sys.argv[2:]:
    model = AutoModelForCausalLM.from_pretrained(f"{folder}/{name}-out", dtype=torch.float32, attn_implementation="eager").eval()
    found, at = np.load(glob.glob(f"{folder}/losses-{name}/*.npy")[0]), 0
    expected = []
    for n in (60, 2, 33, 50):
        x = torch.tensor(ids[at:at + n])[None]
        at += n
        with torch.no_grad():
            logp = torch.log_softmax(model(input_ids=x).logits[0, :-1].double(), -1)
        expected += (-logp.gather(1, x[0, 1:, None])[:, 0]).tolist()
    worst = abs(np.array(expected) - found).max()
    assert len(expected) == len(found) == 141 and worst < 3e-5, (name, worst)
P
fi

# What cannot be done.
fails "a folder with a model" 'neo-out: has a model already: give another folder' "$TRIPOD" export "$T/neo.tripod" -o "$T/neo-out"
fails "no model" 'nothing.tripod' "$TRIPOD" export "$T/nothing.tripod" -o "$T/no"
fails "another model's tokenizer" "expected at most the model's 130 ids, found 5" "$TRIPOD" export "$T/neo.tripod" -t "$ROOT/models/demo/tokenizer.json" -o "$T/no"
fails "a file in the way" 'neo.tripod' "$TRIPOD" export "$T/neo.tripod" -o "$T/neo.tripod/x"
model large --dtype f32 --scale 1e9
"$TRIPOD" import "$T/large" -o "$T/large.tripod" >/dev/null
fails "a number beyond float16" 'embed_out.weight: row [0-9]+: expected finite numbers of type f16' "$TRIPOD" export "$T/large.tripod" -o "$T/no" --dtype f16
check "nothing is left of it" "$(ls "$T/no")" test ! -e "$T/no/model.safetensors"
cp "$T/neo.tripod" "$T/bad.tripod"
printf 'xyz' | dd of="$T/bad.tripod" bs=1 seek=20000 conv=notrunc 2>/dev/null
fails "a damaged file" 'bad.tripod: .*: its checksum is wrong' "$TRIPOD" export "$T/bad.tripod" -o "$T/no"
"$TRIPOD" import --precision int16 "$T/neox-f32" -o "$T/packed.tripod" >/dev/null
for dtype in "" --dtype=f32; do
    fails "packed integers $dtype" 'packed.tripod: its weights are packed 16-bit integers: export the model' "$TRIPOD" export "$T/packed.tripod" -o "$T/no" $dtype
done
check "nothing is left of them" "$(ls "$T/no")" test ! -e "$T/no/model.safetensors" -a ! -e "$T/no/config.json"
misuse "no model at all" 'expected a model to export' "$TRIPOD" export -o "$T/no"
misuse "no folder" 'no folder' "$TRIPOD" export "$T/neo.tripod"
misuse "no such type" 'expected f32, f16 or bf16' "$TRIPOD" export "$T/neo.tripod" -o "$T/no" --dtype f64
exit $code
