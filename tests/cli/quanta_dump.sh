# What `tripod quanta gradients --dump` writes is the gradient with respect to the checkpoint's own tensors: a step along it, in each of
# them, changes the loss as its length says. Only numpy reads and writes the checkpoints.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
cat >"$T/differences.py" <<'P'
import glob, json, os, struct, subprocess, sys
import numpy as np
tripod, folder, corpus, row, t = sys.argv[1:]
row = int(row)
def load(path):
    data = open(path, "rb").read()
    n = struct.unpack_from("<Q", data)[0]
    found = {}
    for name, x in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            a, b = (8 + n + o for o in x["data_offsets"])
            found[name] = np.frombuffer(data[a:b], {"F16": "<f2", "F32": "<f4"}[x["dtype"]]).reshape(x["shape"]).astype("<f4")
    return found
def save(tensors):
    os.makedirs(t + "/moved", exist_ok=True)
    for old in glob.glob(t + "/moved/*"):
        os.remove(old)
    at, head = 0, {}
    for name, x in tensors.items():
        head[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(head).encode()
    with open(t + "/moved/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(x.tobytes() for x in tensors.values()))
    open(t + "/moved/config.json", "w").write(open(folder + "/config.json").read())
def run(*words):
    subprocess.run([tripod, *words], check=True, stdout=subprocess.DEVNULL)
def loss(tensors):
    save(tensors)
    run("scan", t + "/moved", "-c", corpus, "-o", t + "/losses", "--force", "--max-tokens", "64", "--threads", "1")
    return float(np.load(glob.glob(t + "/losses/*.npy")[0])[row])
tensors = load(folder + "/model.safetensors")
save(tensors)
run("quanta", "gradients", t + "/moved", "-c", corpus, "--max-tokens", "64", "--dump", str(row), "-o", t + "/dump")
files = sorted(glob.glob(f"{t}/dump/row-{row}/*.npy"))
assert sorted(os.path.basename(f)[:-4] for f in files) == sorted(tensors), (files, list(tensors))
record = json.load(open(f"{t}/dump/row-{row}/gradient.json"))
assert abs(record["loss"] - loss(tensors)) < 1e-7
squares, worst = 0, 0
for name, x in tensors.items():
    g = np.load(f"{t}/dump/row-{row}/{name}.npy")
    assert g.dtype == np.float32 and g.shape == x.shape and np.isfinite(g).all(), name
    length = np.sqrt((g.astype(float)**2).sum())
    squares += length**2
    if length < 1e-3 * record["norm"]:  # as of the keys' bias, which no softmax sees
        continue
    step = 0.002 / length**2  # of the loss, 2e-3: its float32 has 5e-7
    up, down = (loss({**tensors, name: (x + s * step * g).astype("<f4")}) for s in (1, -1))
    ratio = (up - down) / (2 * step * length**2)
    worst = max(worst, abs(ratio - 1))
    assert abs(ratio - 1) < 0.01, (name, ratio)
assert abs(np.sqrt(squares) / record["norm"] - 1) < 1e-6
print(f"worst {worst:.1e}")
P
ok "GPT-NeoX: qkv by head, embedding, head, norms" /usr/bin/python3 "$T/differences.py" "$TRIPOD" "$ROOT/models/demo/demo-25k/step1000" "$golden/folders/corpus" 90 "$T/neox"
cat "$T/out"
ok "GPT-Neo: q, k and v apart, one matrix for embedding and head" /usr/bin/python3 "$T/differences.py" "$TRIPOD" "$golden/neo/st-f16" "$golden/neo/corpus" 60 "$T/neo"
cat "$T/out"
exit $code
