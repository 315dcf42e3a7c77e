# generate: transformers' greedy texts, the first choice of the whole pass at every step, ends, draws, streamed UTF-8.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
python=/usr/bin/python3
mkdir "$T/tests" "$T/models"
cp -r "$golden/folders" "$T/tests/"
cp -r "$ROOT/models/demo" "$T/models/" 2>/dev/null
demo=$T/models/demo/demo-115k/step1000

# Transformers' texts, and what score says of them.
ok "greedy texts are transformers'" $python - "$TRIPOD" "$golden/generate.json" "$T" <<'P'
import json, os, subprocess, sys
tripod, reference, work = sys.argv[1:]
texts, ends, requests = json.load(open(reference)), set(), {}
run = lambda *args: subprocess.run([tripod, *args], check=True, capture_output=True, text=True).stdout
for x in texts:
    folder = os.path.join(work, x["model"].replace("../../", "") if "demo" in x["model"] else "tests/" + x["model"])
    o = json.loads(run("generate", folder, "--ids", ",".join(map(str, x["prompt"])), "-n", str(len(x["ids"])), "--ignore-eos", "--json"))
    context = json.load(open(folder + "/config.json"))["max_position_embeddings"]
    fits = min(len(x["ids"]), context - len(x["prompt"]) + 1)
    assert o["prompt_ids"] == x["prompt"] and o["ids"] == x["ids"][:fits], (x, o)
    assert o["stop"] == ("tokens" if fits == len(x["ids"]) else "context"), o["stop"]
    ends.add(o["stop"])
    other = o["ids"][:-1] + [(o["ids"][-1] + 1) % 100]
    requests.setdefault(folder, []).extend({"context_ids": x["prompt"], "continuation_ids": ids} for ids in (o["ids"], other))
assert len(ends) == 2 and len(requests) > 10
# The whole pass: every token its first choice, another last one not.
for folder, lines in requests.items():
    open(work + "/r.jsonl", "w").writelines(json.dumps(x) + "\n" for x in lines)
    run("score", folder, work + "/r.jsonl", "-o", work + "/a.jsonl")
    assert [json.loads(a)["greedy"] for a in open(work + "/a.jsonl")] == [True, False] * (len(lines) // 2)
P
ok "a text" "$TRIPOD" generate "$demo" "This program is free" -n 40
cp "$T/out" "$T/text"
head -c 20 "$T/text" >"$T/head"
is "begins with the prompt" "This program is free" "$(cat "$T/head")"
for options in "--threads 1" "--threads 3" "--simd scalar" "--simd avx2"; do
    "$TRIPOD" generate "$demo" "This program is free" -n 40 $options >"$T/out" 2>"$T/err"
    if grep -q "this CPU has no" "$T/err"; then echo "SKIP generate $options"; continue; fi
    same "the same with $options" "$T/text" "$T/out"
done
printf 'This program is free' | "$TRIPOD" generate "$demo" - -n 40 >"$T/out"
same "a prompt from stdin" "$T/text" "$T/out"
ok "import" "$TRIPOD" import "$demo" -o "$T/flat.tripod"
ok "from a flat file" "$TRIPOD" generate "$T/flat.tripod" "This program is free" -n 40 -t "$T/models/demo/tokenizer.json"
same "the same text" "$T/text" "$T/out"
ok "JSON in a file beside the text" "$TRIPOD" generate "$demo" "This program is free" -n 40 --json="$T/o.json"
same "which stays" "$T/text" "$T/out"
ok "JSON" $python - "$T/o.json" "$T/text" <<'P'
import json, sys
o, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
assert o["text"] + "\n" == text and len(o["ids"]) == 40 and o["tokens_per_s"] > 0 and o["stop"] == "tokens"
# Matrices of 115k: 3 layers of 12 x 56^2 rounded up to panels of 32 columns, and the head; float16.
up = lambda n: (n + 31) // 32 * 32
assert o["weight_bytes"] == 2 * (3 * 56 * (up(168) + up(56) + up(224)) + 3 * 224 * up(56) + 56 * 512), o["weight_bytes"]
P

# Draws.
draw() { "$TRIPOD" generate "$demo" "This program is free" -n 30 --temperature 1 "$@"; }
draw --seed 1 >"$T/one"; draw --seed 1 --threads 3 >"$T/again"; draw --seed 2 >"$T/two"; draw --seed 1 --top-p 0 >"$T/none"
same "a seed's text" "$T/one" "$T/again"
if cmp -s "$T/one" "$T/two"; then echo "FAIL another seed's is another"; code=1; else echo "ok another seed's is another"; fi
"$TRIPOD" generate "$demo" "This program is free" -n 30 >"$T/greedy"
same "no probability: the likeliest" "$T/greedy" "$T/none"

# Ends. A model that says ids[i % 16] after i, and 1 where there is none: embeddings are unit vectors, no layer adds anything, and
# the head has a row for each direction.
$python - "$T/models/demo" "$T/fixed" <<'P'
import json, os, shutil, struct, sys
def fixed(out, ids):
    d, vocab = 16, 512
    data = bytearray(open(sys.argv[1] + "/demo-3k/step0/model.safetensors", "rb").read())
    n = struct.unpack_from("<Q", data)[0]
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        a, b = (8 + n + x for x in t["data_offsets"])
        value = [0] * ((b - a) // 2)
        if name.endswith("final_layer_norm.weight"):
            value = [1] * d
        if name == "gpt_neox.embed_in.weight":
            for i in range(vocab):
                value[i * d + i % d] = 1
        if name == "embed_out.weight":
            for k, i in enumerate(ids):
                value[i * d + k] = 1
        data[a:b] = struct.pack(f"<{len(value)}e", *value)
    os.makedirs(out)
    open(out + "/model.safetensors", "wb").write(data)
    shutil.copy(sys.argv[1] + "/demo-3k/step0/config.json", out)
    shutil.copy(sys.argv[1] + "/tokenizer.json", out)
fixed(sys.argv[2] + "/eos", [8, 2, 3, 4, 5, 6, 7, 0, 9])
P
ok "ends at <|endoftext|>" "$TRIPOD" generate "$T/fixed/eos" --ids 5 --json -n 20
shows "and says so" '"stop": "<\|endoftext\|>"'
is "having made it" "6,7,0" "$($python -c 'import json,sys; print(*json.load(sys.stdin)["ids"], sep=",")' <"$T/out")"
ok "goes on" "$TRIPOD" generate "$T/fixed/eos" --ids 5 --json -n 6 --ignore-eos
is "with --ignore-eos" "6,7,0,8,9,1" "$($python -c 'import json,sys; print(*json.load(sys.stdin)["ids"], sep=",")' <"$T/out")"
ok "ends with the context" "$TRIPOD" generate "$demo" "This program" -n 1000 --ignore-eos --json
shows "of 256 positions" '"stop": "context"'
is "the last token is no input" 257 "$($python -c 'import json,sys; o = json.load(sys.stdin); print(len(o["prompt_ids"] + o["ids"]))' <"$T/out")"
ok "an empty prompt" "$TRIPOD" generate "$demo" "" -n 3 --json
is "is <|endoftext|>" "[0]" "$($python -c 'import json,sys; print(json.load(sys.stdin)["prompt_ids"])' <"$T/out")"

# Streamed text is UTF-8 at every moment: a socket of messages keeps every write apart, however late
# it is read.
ok "no character is cut" $python - "$TRIPOD" "$demo" <<'P'
import socket, subprocess, sys
ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
prompt = "na\u00efve \u2014 \U0001f600 caf\u00e9"
p = subprocess.Popen([sys.argv[1], "generate", sys.argv[2], prompt, "-n", "150", "--temperature", "3", "--seed", "7", "--ignore-eos"], stdout=its)
its.close()
text, writes = "", 0
while part := ours.recv(65536):
    text, writes = text + part.decode(), writes + 1  # of whole characters
assert p.wait() == 0 and text.startswith(prompt) and writes > 10, (writes, text)
P

# What cannot be.
fails "no such model" 'nowhere: cannot open' "$TRIPOD" generate "$T/nowhere" "a"
fails "no tokenizer" 'no tokenizer.json found beside it' "$TRIPOD" generate "$T/tests/folders/st-f16" "a"
fails "no tokenizer for a text" 'give one with -t, or --ids' "$TRIPOD" generate "$T/tests/folders/st-f16" "a" --json
fails "an id outside the vocabulary" 'expected token ids below 200, found 200' "$TRIPOD" generate "$T/tests/folders/st-f16" --ids 1,200 --json
fails "too long a prompt" 'expected a prompt of at most 64 tokens, found 65' "$TRIPOD" generate "$T/tests/folders/st-f16" --ids "$(seq -s, 65)" --json
misuse "no prompt" 'no prompt' "$TRIPOD" generate "$demo"
misuse "two prompts" 'not both' "$TRIPOD" generate "$demo" a --ids 1
misuse "ids that are none" "expected token ids between commas, found 'x'" "$TRIPOD" generate "$demo" --ids 1,x
misuse "no tokens" 'tokens' "$TRIPOD" generate "$demo" a -n 0
exit $code
