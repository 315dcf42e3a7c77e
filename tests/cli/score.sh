# score: lm-evaluation-harness's answers on the demo models, scan's bits whatever is shared, parts, resuming, refusals.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
golden=$ROOT/tests/golden/score
python=/usr/bin/python3

# The harness's answers.
cp -r "$ROOT/models/demo" "$T/demo" 2>/dev/null
for reference in "$golden"/demo-*.json; do
    name=$(basename "$reference" .json)
    ok "score $name" "$TRIPOD" score "$T/demo/${name%-step*}/step${name##*-step}" "$golden/requests.jsonl" -o "$T/answers.jsonl" --json="$T/summary.json"
    ok "$name: equal to lm-evaluation-harness" $python - "$reference" "$T/answers.jsonl" "$T/summary.json" "$golden/requests.jsonl" <<'P'
import json, math, sys
want = json.load(open(sys.argv[1]))
lines = [json.loads(x) for x in open(sys.argv[2])]
summary = json.load(open(sys.argv[3]))["models"][0]
requests = [json.loads(x) for x in open(sys.argv[4])]
got = [a for x in lines for a in x.get("choices", [x])]
assert len(got) == len(want["answers"]) > 80 and len(lines) == len(requests)
assert 0 < sum(a["greedy"] for a in got) < len(got)
for a, (ll, greedy) in zip(got, want["answers"]):
    assert abs(a["loglikelihood"] - ll) < 1e-4 and a["greedy"] == greedy, (a, ll, greedy)
    assert a["per_token"] == a["loglikelihood"] / a["tokens"]
for key in ("acc", "acc_norm", "acc_bytes"):
    value, error, n = want["summary"][key]
    s = summary[key]
    assert s["n"] == n and math.isclose(s["value"], value) and math.isclose(s["stderr"], error, rel_tol=1e-9), key
assert [summary["greedy"]["value"], summary["greedy"]["n"]] == want["summary"]["greedy"]
assert math.isclose(summary["perplexity"]["value"], want["summary"]["perplexity"], rel_tol=1e-4)
apart = 0
for x, r in zip(lines, requests):
    assert x.get("id") == r.get("id")
    if "choices" in r:
        assert [a["bytes"] for a in x["choices"]] == [len(c.encode()) for c in r["choices"]]
        each = [a["loglikelihood"] for a in x["choices"]]
        first = lambda by: max(range(len(each)), key=lambda i: each[i] / by(i))
        assert x["best_norm"] == first(lambda i: len(r["choices"][i]))
        assert x["best_bytes"] == first(lambda i: len(r["choices"][i].encode()))
        assert x["best_tokens"] == first(lambda i: x["choices"][i]["tokens"])
        apart += x["best_norm"] != x["best_bytes"]
        assert x["gold"] == r["gold"] and x["best"] == max(range(len(x["choices"])), key=lambda i: each[i])
assert apart
P
done

# Bits: requests of a corpus's ids, in the tokens that scan has losses of. Contexts shared in every way.
corpus=$ROOT/tests/golden/folders/corpus
"$make_model" "$T/m" --hidden 64 --layers 2 --heads 4 --vocab 300 --seed 1 >/dev/null
"$make_model" "$T/s" --hidden 64 --layers 2 --heads 4 --vocab 300 --seed 2 --parallel 0 --dtype f32 >/dev/null
"$make_model" --corpus "$T/c" --limit 300 --seed 5 400 700 350 60 >/dev/null
ok "scan for the bits" "$TRIPOD" scan -m "$T/m" -c "$T/c" -o "$T/losses" --max-tokens 2048
ok "requests of a corpus" $python - "$T/c" "$T/losses" "$T/bits.jsonl" "$T/want.json" <<'P'
import glob, json, random, sys
import numpy as np
random.seed(3)
ids = np.fromfile(sys.argv[1] + ".bin", "<u2").tolist()
docs, at = [], 0
for n in (400, 700, 350, 60):
    docs.append(ids[at:at + n])
    at += n
assert at == len(ids)
losses = np.split(np.load(glob.glob(sys.argv[2] + "/*.npy")[0]).astype(float), np.cumsum([len(d) - 1 for d in docs])[:-1])
lines, want = [], []
def add(d, cut, end, first=None):
    # True tokens have scan's losses; another continuation (first) only has to be the same everywhere.
    cont = docs[d][cut:end] if first is None else [first]
    lines.append({"context_ids": docs[d][:cut], "continuation_ids": cont})
    want.append(-float(sum(losses[d][cut - 1:end - 1])) if first is None else None)
for d in range(4):
    for _ in range(40):
        cut = random.randrange(1, len(docs[d]))
        add(d, cut, random.randrange(cut + 1, len(docs[d]) + 1))
    for _ in range(10):  # a token each after one context
        add(d, 50, 51, random.randrange(300))
    add(d, 50, 51)
    add(d, 1, len(docs[d]))
    add(d, 1, len(docs[d]))
# A tree: beginnings of beginnings, deeper than a piece has runs.
for k in range(1, 25):
    lines.append({"context_ids": docs[0][:20 * k], "choices_ids": [docs[0][20 * k:20 * k + 5], [k] * 3, [k], docs[0][20 * k:20 * k + 1]], "gold": 0} if k < 19 else
                 {"context_ids": docs[0][:300] + [k] * k * 2, "continuation_ids": [1, 2, 3]})
    want.append(None)
order = list(range(len(lines)))
random.shuffle(order)
open(sys.argv[3], "w").writelines(json.dumps(lines[i]) + "\n" for i in order)
json.dump([want[i] for i in order], open(sys.argv[4], "w"))
P
ok "score them" "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/base.jsonl" --threads 1 --json="$T/base.json"
ok "the bits are scan's" $python - "$T/want.json" "$T/base.jsonl" <<'P'
import json, sys
want = json.load(open(sys.argv[1]))
got = [json.loads(x) for x in open(sys.argv[2])]
assert len(want) == len(got)
n = 0
for w, g in zip(want, got):
    if w is not None:
        assert abs(g["loglikelihood"] - w) <= 1e-12 * abs(w), (w, g)  # the order of a sum of doubles
        n += 1
assert n > 160
P
ok "the losses themselves are" "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/alone.jsonl" --threads 1 --batch-tokens 1
same "one request at a time" "$T/base.jsonl" "$T/alone.jsonl"
for isa in scalar avx2 avx512; do
    if "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/isa.jsonl" --simd=$isa >"$T/out" 2>"$T/err"; then
        same "$isa" "$T/base.jsonl" "$T/isa.jsonl"
    elif grep -q "this CPU has no" "$T/err"; then
        echo "SKIP score $isa: this CPU has none"
    else
        echo "FAIL score $isa: $(cat "$T/err")"; code=1
    fi
done
for options in "--threads 2" "--threads 3 --batch-tokens 300" "--threads 7" "--threads 2 --batch-tokens 5000"; do
    ok "score $options" "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/other.jsonl" $options
    same "the same with $options" "$T/base.jsonl" "$T/other.jsonl"
done
head -n 1 "$T/bits.jsonl" >"$T/one.jsonl"
ok "one request by three threads" "$TRIPOD" score "$T/m" "$T/one.jsonl" -o "$T/other.jsonl" --threads 3
head -n 1 "$T/base.jsonl" >"$T/one"
same "has the same answer" "$T/one" "$T/other.jsonl"
ok "what is shared is computed once" $python - "$T/base.json" "$T/bits.jsonl" <<'P'
import json, sys
model = json.load(open(sys.argv[1]))["models"][0]
computed = model["computed"]
lines = [json.loads(x) for x in open(sys.argv[2])]
pairs = [(x["context_ids"], c) for x in lines for c in x.get("choices_ids", [x.get("continuation_ids")])]
distinct = {(len(a), tuple(a + b)) for a, b in pairs}
assert computed == sum(len(all) - n for n, all in distinct) < sum(len(b) for _, b in pairs), computed
apart, most = sum(len(a + b) - 1 for a, b in pairs), len({tuple((a + b)[:i]) for a, b in pairs for i in range(len(a + b))})
assert computed <= model["inputs"] < computed + 2 * most < apart / 3, (model["inputs"], apart, most)
P
for n in 0 1 2; do ok "shard $n" "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/shard$n.jsonl" --shard $n/3; done
cat "$T"/shard?.jsonl >"$T/joined.jsonl"
same "cat joins shards" "$T/base.jsonl" "$T/joined.jsonl"
zstd -q "$T/bits.jsonl" -o "$T/bits.jsonl.zst"
ok "two models, zstd" "$TRIPOD" score -m "$T/m" -m "$T/s" "$T/bits.jsonl.zst" -o "$T/both.jsonl"
"$TRIPOD" score "$T/s" - -o "$T/second.jsonl" <"$T/bits.jsonl" >/dev/null
cat "$T/base.jsonl" "$T/second.jsonl" >"$T/joined.jsonl"
same "one after the other, stdin" "$T/joined.jsonl" "$T/both.jsonl"
cp -r "$T/m" "$T/copy"
ok "two copies of a model" "$TRIPOD" score "$T/m" "$T/s" "$T/copy" "$T/bits.jsonl" -o "$T/copies.jsonl" --json="$T/copies.json"
"$TRIPOD" score "$T/copy" "$T/bits.jsonl" -o "$T/second.jsonl" >/dev/null
cat "$T/both.jsonl" "$T/second.jsonl" >"$T/joined.jsonl"
same "have the answers of each" "$T/joined.jsonl" "$T/copies.jsonl"
ok "which are computed once" $python - "$T/copies.json" <<'P'
import json, sys
a, b, c = json.load(open(sys.argv[1]))["models"]
assert a["computed"] > 0 and b["computed"] > 0 and c["computed"] == c["inputs"] == 0
assert a["loglikelihood"] == c["loglikelihood"] != b["loglikelihood"] and a["greedy"] == c["greedy"]
P

# Models of two tokenizers have the ids in common, not the text.
mkdir -p "$T/theirs"
cp -r "$T/demo/demo-3k/step0" "$T/theirs/demo-3k"
sed '$ s/$/ /' "$T/demo/tokenizer.json" >"$T/theirs/demo-3k/tokenizer.json"
two=("$T/demo/demo-3k/step0" "$T/theirs/demo-3k")
printf '{"context": "a", "continuation": " b"}\n' >"$T/text.jsonl"
printf '{"context_ids": [], "continuation_ids": [3, 4]}\n' >"$T/empty.jsonl"
printf '{"context_ids": [7], "continuation_ids": [3, 4]}\n' >"$T/seven.jsonl"
fails "text for two tokenizers" 'theirs/demo-3k: expected the tokenizer of .*, found another .*: give one for all with -t' "$TRIPOD" score "${two[@]}" "$T/text.jsonl" -o "$T/none.jsonl"
fails "their prefix token" 'theirs/demo-3k: expected the tokenizer of' "$TRIPOD" score "${two[@]}" "$T/empty.jsonl" -o "$T/none.jsonl"
ok "text with one for all" "$TRIPOD" score "${two[@]}" "$T/text.jsonl" -o "$T/two.jsonl" -t "$T/demo/tokenizer.json"
ok "ids for two tokenizers" "$TRIPOD" score "${two[@]}" "$T/seven.jsonl" -o "$T/two.jsonl"
ok "a prefix token of one's own for two tokenizers" "$TRIPOD" score "${two[@]}" "$T/empty.jsonl" -o "$T/two.jsonl" --prefix-token 7
cp "$T/demo/tokenizer.json" "$T/theirs/demo-3k/tokenizer.json"
ok "two files of one tokenizer" "$TRIPOD" score "${two[@]}" "$T/text.jsonl" -o "$T/two.jsonl"
echo '{' >"$T/theirs/demo-3k/tokenizer.json"
fails "a broken tokenizer" 'theirs/demo-3k/tokenizer.json: ' "$TRIPOD" score "${two[@]}" "$T/text.jsonl" -o "$T/none.jsonl"

# Going on.
fails "the second model is missing" 'nowhere: cannot open' "$TRIPOD" score "$T/m" "$T/nowhere" "$T/bits.jsonl" -o "$T/resumed.jsonl"
part=$(ls "$T"/resumed.jsonl.part-* | grep -v '\.log$')
is "what was computed is kept" 1 "$(printf '%s\n' "$part" | wc -l)"
if [ -e "$T/resumed.jsonl" ]; then echo "FAIL there is no output yet"; code=1; else echo "ok there is no output yet"; fi
dd if=/dev/zero of="$part" bs=4 seek=700 count=300 conv=notrunc 2>/dev/null
ok "again" "$TRIPOD" score "$T/m" "$T/bits.jsonl" -o "$T/resumed.jsonl" --json="$T/resumed.json"
same "the same answers" "$T/base.jsonl" "$T/resumed.jsonl"
ok "of which some were there" $python - "$T/resumed.json" "$T/base.json" <<'P'
import json, sys
a, b = (json.load(open(p))["models"][0]["computed"] for p in sys.argv[1:])
assert 0 < a < b, (a, b)
P
is "nothing else is left" 0 "$(ls "$T" | grep -c part)"

# What cannot be.
refuse() { # NAME REGEX LINE
    printf '{"context_ids": [1], "continuation_ids": [2]}\n\n%s\n' "$3" >"$T/bad.jsonl"
    fails "$1" "bad.jsonl: line 3: .*$2" "$TRIPOD" score "$T/demo/demo-3k/step0" "$T/bad.jsonl" -o "$T/none.jsonl"
}
refuse "not JSON" "not JSON: column" '{"context": '
refuse "no object" 'expected a JSON object' '[1]'
refuse "no context" 'expected "context" or "context_ids", found neither' '{"continuation": "a"}'
refuse "two contexts" '"context_ids", not both' '{"context": "a", "context_ids": [1], "continuation": "a"}'
refuse "no continuation" 'expected "continuation" or "choices", found neither' '{"context": "a"}'
refuse "ids after text" 'expected "continuation" or "choices", found neither' '{"context": "a", "continuation_ids": [1]}'
refuse "a number for text" '"context": expected text' '{"context": 5, "continuation": "a"}'
refuse "text for ids" '"continuation_ids"\[1\]: expected a token id' '{"context_ids": [1], "continuation_ids": [3, "a"]}'
refuse "a negative id" '"context_ids"\[0\]: expected a token id' '{"context_ids": [-1], "continuation_ids": [3]}'
refuse "an empty continuation" 'no token of its own' '{"context": "a", "continuation": ""}'
refuse "one that merges with the context" 'no token of its own after 1' '{"context": "a", "continuation": "n"}'
refuse "no choices" '"choices": expected at least one' '{"context": "a", "choices": []}'
refuse "gold outside" '"gold": expected the index of one of 2 choices, found 2' '{"context": "a", "choices": [" b", " c"], "gold": 2}'
refuse "a choice that is none" 'choice 1: expected text' '{"context": "a", "choices": [" b", 1]}'
refuse "a key twice" 'not JSON' '{"context": "a", "context": "b", "continuation": " c"}'
refuse "a lone surrogate" 'not JSON' '{"context": "\ud800", "continuation": " c"}'
printf '{"context_ids": [1], "continuation_ids": [2, 600]}\n' >"$T/bad.jsonl"
fails "an id outside the vocabulary" 'bad.jsonl: line 1: expected a token id below 512, found 600' "$TRIPOD" score "$T/demo/demo-3k/step0" "$T/bad.jsonl" -o "$T/none.jsonl"
$python -c 'import json; print(json.dumps({"context_ids": [1], "continuation_ids": [2] * 257}))' >"$T/bad.jsonl"
fails "a continuation longer than the context" 'line 1: expected a continuation of at most 256 tokens, found 257' "$TRIPOD" score "$T/demo/demo-3k/step0" "$T/bad.jsonl" -o "$T/none.jsonl"
: >"$T/bad.jsonl"
fails "an empty file" 'bad.jsonl: expected requests, found no line' "$TRIPOD" score "$T/demo/demo-3k/step0" "$T/bad.jsonl" -o "$T/none.jsonl"
fails "text without a tokenizer" 'text.jsonl: line 1: text needs a tokenizer' "$TRIPOD" score "$T/m" "$T/text.jsonl" -o "$T/none.jsonl"
fails "no prefix token" 'empty.jsonl: line 1: an empty context needs a prefix token' "$TRIPOD" score "$T/m" "$T/empty.jsonl" -o "$T/none.jsonl"
ok "a prefix token of one's own" "$TRIPOD" score "$T/m" "$T/empty.jsonl" -o "$T/prefix.jsonl" --prefix-token 7
ok "is the context" "$TRIPOD" score "$T/m" "$T/seven.jsonl" -o "$T/seven.out"
same "and nothing else" "$T/prefix.jsonl" "$T/seven.out"
is "nothing half-written" 0 "$(ls "$T" | grep -c '^none')"
misuse "no model" 'no model: give one' "$TRIPOD" score "$T/text.jsonl" -o "$T/none.jsonl"
misuse "no output" 'no output: give a file with -o' "$TRIPOD" score "$T/m" "$T/text.jsonl"
misuse "models twice" 'not both' "$TRIPOD" score -m "$T/m" "$T/m" "$T/text.jsonl" -o "$T/none.jsonl"
terminal "on a terminal" 120 "$TRIPOD" score "$T/demo/demo-3k/step0" "$golden/requests.jsonl" -o "$T/answers.jsonl"
exit $code
