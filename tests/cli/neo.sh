# GPT-Neo from its folder to every command that takes a model: the same program, the same promises.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
golden=$ROOT/tests/golden
python=/usr/bin/python3
model() { local name=$1; shift; "$make_model" "$T/$name" --neo 1 --hidden 96 --layers 4 --heads 2 --vocab 512 "$@" >/dev/null; }

# Heads of 48, windows within and across the blocks of attention.
model m-step1 --window 100 --seed 1
model m-step2 --window 100 --seed 1 --updates 1 --shards 3
"$make_model" --corpus "$T/c" --limit 512 --seed 4 30 290 1 2 77 700 300 400
ok "import" "$TRIPOD" import "$T/m-step1" "$T/m-step2" -o "$T/flat/"
ok "info" "$TRIPOD" info "$T/flat/m-step1.tripod" --verify --json="$T/info.json"
ok "what info says" $python - "$T/info.json" <<'P'
import json, sys
x = json.load(open(sys.argv[1]))["files"][0]
body = 4 * (12 * 96**2 + 10 * 96) + 2 * 96
assert x["parameters"] == body and x["parameters_total"] == body + (512 + 2048) * 96, x
assert (x["learned_positions"], x["window"], x["local_layers"], x["rotary"]) == (True, 100, [1, 3], 0)
P
ok "info of a folder" "$TRIPOD" info "$T/m-step1"
shows "names its local layers" '^window	100$'
shows "and what they are" '^local_layers	'

# Scan: the contract is contract.sh's; here what memory does not hold, and what was stored.
scan() { "$TRIPOD" scan "$T/flat/m-step1.tripod" -c "$T/c" -o "$T/$1" "${@:2}"; }
ok "scan" scan base --threads 1
least=$(scan dry --memory 1M 2>&1 | grep -o 'at least [0-9]*M' | grep -o '[0-9]*')
ok "scan in ${least:=1}M" scan streamed --memory "$((least))M"
same "streamed: the same bits" "$T"/base/*.npy "$T"/streamed/*.npy
ok "windows" scan windows --window 150 --stride 40
ok "verify" "$TRIPOD" verify "$T/base" -m "$T/flat/m-step1.tripod" -c "$T/c" --documents all
# The plan's FLOP: of a local layer what lies in the window.
model near --window 256 --seed 5
ok "dry run" "$TRIPOD" scan "$T/near" -c "$T/c" -o "$T/dry" --dry-run --json="$T/plan.json"
ok "its FLOP are the documents'" $python - "$T/plan.json" <<'P'
import json, sys
found = json.load(open(sys.argv[1]))["plan"]["flop"]
d, ffn, vocab, flop = 96, 384, 512, 0
for n in (29, 289, 1, 76, 699, 299, 399):
    pairs = sum(2 * (t + 1) + 2 * min(t + 1, 256) for t in range(n))  # of two layers of each kind
    flop += n * (4 * 2 * d * (4 * d + 2 * ffn) + 2 * d * vocab) + 4 * d * pairs
assert found == flop, (found, flop)
P

# The learned positions end.
model short --window 16 --seed 2 --positions 128
fails "too long" 'short: expected at most 128 inputs in a row, its learned positions, found 699: .*--window 128' \
    "$TRIPOD" scan "$T/short" -c "$T/c" -o "$T/long"
if compgen -G "$T/long/*.npy*" >/dev/null; then echo "FAIL too long: something was left"; code=1; else echo "ok too long: nothing is left"; fi
ok "as long as they are" "$TRIPOD" scan "$T/short" -c "$T/c" -o "$T/cut" --max-tokens 129
ok "in windows" "$TRIPOD" scan "$T/short" -c "$T/c" -o "$T/cut-windows" --window 128
ok "generate as far as they go" "$TRIPOD" generate "$T/short" --ids 1,2,3 -n 500 --ignore-eos --json="$T/g.json"
ok "which is said" $python -c 'import json,sys; x=json.load(open(sys.argv[1])); assert x["stop"]=="context" and len(x["ids"])==126, x' "$T/g.json"

# Generation is the whole pass's first choice; requests that begin alike share positions and windows.
for threads in 1 3; do
    ok "generate with $threads threads" "$TRIPOD" generate "$T/m-step1" --ids 7,300,7 -n 420 --ignore-eos --threads $threads --json="$T/g$threads.json"
done
$python - "$T" <<'P'
import json, sys
import numpy as np
T = sys.argv[1]
g = json.load(open(T + "/g1.json"))
assert g["ids"] == json.load(open(T + "/g3.json"))["ids"] and len(g["ids"]) == 420
lines = [{"context_ids": g["prompt_ids"], "continuation_ids": g["ids"]}]
ids = np.fromfile(T + "/c.bin", "<u2").tolist()[30 + 290 + 1 + 2 + 77 :][:700]
for cut in (20, 130, 131, 132, 300, 301, 305, 500, 690):  # of one document
    lines += [{"context_ids": ids[:cut], "continuation_ids": ids[cut : cut + 3]}, {"context_ids": ids[:cut], "continuation_ids": [5]}]
open(T + "/r.jsonl", "w").writelines(json.dumps(x) + "\n" for x in lines)
P
ok "score" "$TRIPOD" score "$T/m-step1" "$T/r.jsonl" -o "$T/a.jsonl"
ok "score, one at a time" "$TRIPOD" score "$T/m-step1" "$T/r.jsonl" -o "$T/alone.jsonl" --batch-tokens 1 --threads 1
same "score: the same bits" "$T/a.jsonl" "$T/alone.jsonl"
ok "generated is greedy, scores are scan's" $python - "$T" <<'P'
import glob, json, sys
import numpy as np
T = sys.argv[1]
a = [json.loads(x) for x in open(T + "/a.jsonl")]
assert a[0]["greedy"] is True
losses = np.load(glob.glob(T + "/base/*.npy")[0]).astype(float)[29 + 289 + 1 + 76 :][:699]
for cut, x in zip((20, 130, 131, 132, 300, 301, 305, 500, 690), a[1::2]):
    want = -losses[cut - 1 : cut + 2].sum()
    assert abs(x["loglikelihood"] - want) <= 1e-12 * abs(want), (cut, x, want)
P

# Checkpoints of one model in an archive; another window is another model.
ok "archive" "$TRIPOD" import --archive "$T/flat/m-step1.tripod" "$T/flat/m-step2.tripod" -o "$T/a.tripod"
ok "extract" "$TRIPOD" import "$T/a.tripod@step2" -o "$T/back.tripod"
same "byte for byte" "$T/flat/m-step2.tripod" "$T/back.tripod"
ok "scan of the archive" "$TRIPOD" scan "$T/a.tripod@step1" -c "$T/c" -o "$T/archived"
same "the same bits" "$T"/base/*.npy "$T"/archived/*.npy
ok "compare" "$TRIPOD" info --compare "$T/flat/m-step1.tripod" "$T/a.tripod@step2"
shows "positions among the tensors" '	gpt_neox.embed_positions.weight	'
model w-step3 --window 101 --seed 1
fails "another window" 'another model than .*: window of local layers: expected 100, found 101' \
    "$TRIPOD" import --archive "$T/m-step1" "$T/w-step3" -o "$T/no.tripod"
ok "the other window's losses" "$TRIPOD" scan "$T/w-step3" -c "$T/c" -o "$T/w"
if cmp -s "$T"/base/*.npy "$T"/w/*.npy; then echo "FAIL the window changes nothing"; code=1; else echo "ok the window matters"; fi
# Weights alone do not say the window: equal weights are not taken for equal models.
ok "both in one scan" "$TRIPOD" scan "$T/m-step1" "$T/w-step3" -c "$T/c" -o "$T/both" --json
ok "each has its own" $python -c 'import glob,sys; a,b=[open(x,"rb").read() for x in sorted(glob.glob(sys.argv[1]+"/both/*.npy"))]; assert a!=b' "$T"

# Text, with a tokenizer of GPT-2's form.
cp "$golden/tokenizer_gpt2.json" "$T/m-step1/tokenizer.json"
printf 'Once upon a time, the licensee isn'\''t   here.\n\n{"x": 1}' >"$T/story.txt"
ok "scan a text" "$TRIPOD" scan "$T/m-step1" -c "$T/story.txt" -o "$T/text"
ok "generate from a prompt" "$TRIPOD" generate "$T/m-step1" "Once upon" -n 8 --ignore-eos
if [ "$(head -c 9 "$T/out")" = "Once upon" ]; then echo "ok the prompt comes back"; else echo "FAIL $(head -c 30 "$T/out")"; code=1; fi

# One line each.
misuse_config() { # NAME REGEX SED: config.json changed
    rm -rf "$T/bad"; cp -r "$golden/neo/st-hub" "$T/bad"
    sed -i "$3" "$T/bad/config.json"
    fails "$1" "$2" "$TRIPOD" import "$T/bad" -o "$T/bad.tripod"
}
misuse_config "window 0" 'bad/config.json: window_size: expected 1 to' 's/"window_size": 5/"window_size": 0/'
misuse_config "sliding" 'attention_types: expected "global" or "local", found sliding' 's/"local",$/"sliding",/;s/"local"$/"sliding"/'
misuse_config "activation" 'activation_function: expected gelu, .* found relu' 's/gelu_new/relu/'
misuse_config "class" 'architectures: expected GPTNeoForCausalLM, found GPTNeoXForCausalLM' 's/GPTNeoFor/GPTNeoXFor/'
misuse_config "more positions" 'transformer.wpe.weight: expected shape \[128, 16\], found \[64, 16\]' 's/"max_position_embeddings": 64/"max_position_embeddings": 128/'
cp -r "$T/m-step1" "$T/assumed"
$python - "$T/assumed/config.json" <<'P'
import json, sys
config = json.load(open(sys.argv[1]))
for key in ("num_layers", "attention_types", "attention_layers"):
    del config[key]
json.dump(config, open(sys.argv[1], "w"))
P
fails "no number of layers" 'config.json does not say num_layers: 24 were assumed' "$TRIPOD" import "$T/assumed" -o "$T/assumed.tripod"
misuse_config "a NeoX" 'architectures' 's/"model_type": "gpt_neo"/"model_type": "gpt_neox"/'
exit $code
