# score of few-shot requests, whose contexts share long beginnings: lm-evaluation-harness's answers, computed once where they are
# shared, the same bits however they are batched; several models have to have one tokenizer. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden/score
python=/usr/bin/python3
cp -r "$ROOT/models/demo" "$T/demo"
for reference in "$golden"/few_shot-*.json; do
    name=$(basename "$reference" .json)
    name=${name#few_shot-}
    model=$T/demo/${name%-step*}/step${name##*-step}
    ok "score $name" "$TRIPOD" score "$model" "$golden/few_shot.jsonl" -o "$T/answers.jsonl" --json="$T/summary.json"
    ok "$name: equal to lm-evaluation-harness" $python - "$reference" "$T/answers.jsonl" "$T/summary.json" <<'P'
import json, math, sys
want = json.load(open(sys.argv[1]))
lines = [json.loads(x) for x in open(sys.argv[2])]
summary = json.load(open(sys.argv[3]))
got = [a for x in lines for a in x.get("choices", [x])]
assert len(got) == len(want["answers"]) > 150
for a, (ll, greedy) in zip(got, want["answers"]):
    assert abs(a["loglikelihood"] - ll) < 1e-4 and a["greedy"] == greedy, (a, ll, greedy)
m = summary["models"][0]
for key in ("acc", "acc_norm", "acc_bytes"):
    value, error, n = want["summary"][key]
    assert m[key]["n"] == n > 40 and math.isclose(m[key]["value"], value) and math.isclose(m[key]["stderr"], error, rel_tol=1e-9), key
assert 0 < want["summary"]["acc"][0] < 1
assert 0 < summary["truncated"] < summary["requests"]  # 256 positions: some contexts are cut
P
    for options in "--batch-tokens 1 --threads 1" "--threads 3 --batch-tokens 700"; do
        ok "$name $options" "$TRIPOD" score "$model" "$golden/few_shot.jsonl" -o "$T/other.jsonl" $options --json="$T/other.json"
        case $options in *"tokens 1 "*) cp "$T/other.json" "$T/apart.json" ;; esac
        same "the same bits" "$T/answers.jsonl" "$T/other.jsonl"
    done
    ok "$name: examples are computed once, unless requests are taken one by one" $python -c 'import json, sys
shared, apart = (json.load(open(p))["models"][0]["inputs"] for p in sys.argv[1:])
assert shared < apart / 2, (shared, apart)' "$T/summary.json" "$T/apart.json"
done

# Text is tokenised once for all models.
two=("$T/demo/demo-25k/step512" "$T/demo/demo-3k/step1000")
ok "models of one tokenizer" "$TRIPOD" score "${two[@]}" "$golden/few_shot.jsonl" -o "$T/both.jsonl"
cp -r "$T/demo/demo-3k/step1000" "$T/other"
cp "$(readlink -f "$T/demo/tokenizer.json")" "$T/tokenizer.json"
sed 's/<|endoftext|>/<|end|>/g' "$T/tokenizer.json" >"$T/other.json"
rm -f "$T/other/tokenizer.json"
cp "$T/other.json" "$T/other/tokenizer.json"
fails "another tokenizer" "other: expected the tokenizer of .*demo-25k/step512 \([0-9a-f]{16}\), found another \([0-9a-f]{16}\): give one for all with -t" \
    "$TRIPOD" score "${two[0]}" "$T/other" "$golden/few_shot.jsonl" -o "$T/none.jsonl"
ok "one for all" "$TRIPOD" score "${two[0]}" "$T/other" "$golden/few_shot.jsonl" -o "$T/given.jsonl" -t "$T/tokenizer.json"
same "with -t" <(sed 's/"model":"[^"]*","step":[0-9a-z]*//' "$T/both.jsonl") <(sed 's/"model":"[^"]*","step":[0-9a-z]*//' "$T/given.jsonl")
cp -r "$T/other" "$T/first"
fails "the other way round" "step512: expected the tokenizer of .*first" "$TRIPOD" score "$T/first" "${two[0]}" "$golden/few_shot.jsonl" -o "$T/none.jsonl"
rm "$T/other/tokenizer.json"
mkdir "$T/alone" && mv "$T/other" "$T/alone/other"
mv "$T/tokenizer.json" "$T/t.json"
ok "a model that has none takes the first's" "$TRIPOD" score "${two[0]}" "$T/alone/other" "$golden/few_shot.jsonl" -o "$T/third.jsonl"
if ls "$T"/none* >/dev/null 2>&1; then echo "FAIL something is left of what was refused"; code=1; else echo "ok nothing is left of what was refused"; fi
exit $code
