# The numbers contract: the loss of a token is the same 32 bits for any instruction set, number of threads, batch size, packing, order of
# documents and split into shards; in another order of sums (oneDNN) it is only close.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
python=/usr/bin/python3

precision=f32

# scan DIR OPTIONS...: one model over $corpus in $precision; the losses are $T/DIR/*.npy
scan() {
    local dir=$T/$1
    shift
    "$TRIPOD" scan -m "$model" -c "$corpus" -o "$dir" --precision $precision "$@" >/dev/null 2>"$T/err" || { echo "FAIL scan $*: $(cat "$T/err")"; code=1; }
}

# contract LABEL: everything the contract says, for $model on $corpus.
contract() {
    local isa n
    rm -rf "$T"/c-*
    scan c-base --threads 1
    for isa in scalar avx2 avx512; do
        "$TRIPOD" scan --simd=$isa -m "$model" -c "$corpus" -o "$T/c-$isa" --precision $precision >/dev/null 2>"$T/err"
        if grep -q "this CPU has no" "$T/err"; then echo "SKIP $1 $isa: this CPU has none"; continue; fi
        same "$1: $isa" "$T"/c-base/*.npy "$T"/c-$isa/*.npy
    done
    for n in 2 3 8; do
        scan c-t$n --threads $n
        same "$1: $n threads" "$T"/c-base/*.npy "$T"/c-t$n/*.npy
    done
    # The first documents only, then as many bytes of the whole's losses (both have 128 bytes of header).
    scan c-first --documents 2
    n=$(stat -c %s "$T"/c-first/*.npy)
    ok "$1: the first documents only" cmp -n "$((n - 128))" -i 128 "$T"/c-base/*.npy "$T"/c-first/*.npy
    # Fewer documents than threads: all compute one batch together.
    scan c-one --threads 1 --documents 3 --window 150 --stride 50
    for n in 2 3 7; do
        scan c-one$n --threads $n --documents 3 --window 150 --stride 50
        same "$1: one document by $n threads" "$T"/c-one/*.npy "$T"/c-one$n/*.npy
    done
    for n in 1 300 5000; do
        scan c-b$n --batch-tokens $n --threads 2
        same "$1: batches of $n" "$T"/c-base/*.npy "$T"/c-b$n/*.npy
    done
    for n in 0 1; do scan c-shards --shard $n/2; done
    ok "$1: gather joins shards" "$TRIPOD" gather "$T/c-shards" -o "$T/c-shards/joined.npy"
    ok "$1: gather of the whole" "$TRIPOD" gather "$T/c-base" -o "$T/c-joined.npy"
    same "$1: shards joined" "$T/c-joined.npy" "$T/c-shards/joined.npy"
}

cp -r "$golden/folders" "$T/folders"
corpus=$T/folders/corpus
for model in "$T/folders/st-f16" "$T/folders/hub-sequential" "$T/folders/st-bf16"; do
    contract "contract $(basename "$model")"
done
precision=int16 contract "contract int16 $(basename "$model")"
# GPT-Neo: windows within and across the blocks of attention.
make_model=${B:-$ROOT/build}/tests/golden/make_model
model=$T/neo corpus=$T/neo-corpus
"$make_model" "$model" --neo 1 --hidden 96 --layers 3 --heads 2 --vocab 400 --window 100 --seed 8 >/dev/null
"$make_model" --corpus "$corpus" --limit 400 --seed 2 300 30 1 2 77 600 290 12 5 400 >/dev/null
contract "contract gpt-neo"
precision=int16 contract "contract int16 gpt-neo"
suite=$ROOT/models/demo
for name in demo-7k demo-25k; do
    if [ ! -d "$suite/$name" ]; then echo "SKIP contract $name: no such model in the suite"; continue; fi
    cp -r "$suite" "$T/demo" 2>/dev/null
    model=$T/demo/$name/step1000
    # Documents of many lengths, some longer than a block of attention, from the suite's own description.
    $python - "$suite/README.md" "$T/texts.jsonl" "$T/shuffled.jsonl" <<'P'
import json, random, sys
text = open(sys.argv[1], encoding="utf-8").read()
random.seed(5)
docs = [text[random.randrange(len(text) // 2):][:random.choice((1, 5, 40, 300, 1500, 2500))] for _ in range(24)]
order = list(range(len(docs)))
random.shuffle(order)
open(sys.argv[2], "w").writelines(json.dumps({"text": d}) + "\n" for d in docs)
open(sys.argv[3], "w").writelines(json.dumps({"text": docs[i], "was": i}) + "\n" for i in order)
P
    "$TRIPOD" tokenize "$T/texts.jsonl" -t "$suite/tokenizer.json" -o "$T/texts" >/dev/null
    "$TRIPOD" tokenize "$T/shuffled.jsonl" -t "$suite/tokenizer.json" -o "$T/shuffled" >/dev/null
    corpus=$T/texts
    contract "contract $name"
    "$TRIPOD" scan -m "$model" -c "$T/shuffled" -o "$T/c-shuffled" >/dev/null 2>&1
    ok "contract $name: documents in another order" $python - "$T/texts.idx" "$T"/c-base/*.npy "$T/shuffled.jsonl" "$T"/c-shuffled/*.npy <<'P'
import json, struct, sys
import numpy as np
idx, base, order, other = sys.argv[1:]
raw = open(idx, "rb").read()
n = struct.unpack_from("<Q", raw, 18)[0]
sizes = np.maximum(np.minimum(np.frombuffer(raw, "<i4", n, 34), 1024) - 1, 0)
base = np.split(np.load(base), np.cumsum(sizes)[:-1])
order = [json.loads(line)["was"] for line in open(order)]
other = np.split(np.load(other), np.cumsum(sizes[order])[:-1])
assert sum(len(a) for a in other) > 1000
for place, document in enumerate(order):
    assert other[place].tobytes() == base[document].tobytes(), (place, document)
P
    if [ $name = demo-25k ]; then precision=int16 contract "contract int16 $name"; fi
    rm -rf "$T/demo"
done

# The shape of Pythia 70M.
if [ -n "${LONG:-}" ]; then
    model=$T/70m corpus=$T/words
    "$make_model" "$model" --shape 70m --seed 7 >/dev/null
    "$make_model" --corpus "$corpus" --limit 50277 --seed 2 30 290 1 2 77 >/dev/null
    contract "contract 70m"
    precision=int16 contract "contract int16 70m"
fi

# oneDNN is another order of sums: close, and it must not be the native path in disguise.
model=$T/folders/st-f32 corpus=$T/folders/corpus
scan n-native
scan n-onednn --gemm onednn
ok "oneDNN is close and is not native" $python - "$T"/n-native/*.npy "$T"/n-onednn/*.npy <<'P'
import sys
import numpy as np
a, b = np.load(sys.argv[1]), np.load(sys.argv[2])
assert a.dtype == np.float32 and a.shape == b.shape and len(a) > 50
assert 0 < np.abs(a - b).max() < 1e-4, np.abs(a - b).max()
P
exit $code
