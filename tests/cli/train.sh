# tripod train as a user meets it: a model of a text, checkpoints that scan reads with the same losses, points that fit reads, the
# same bytes whoever computes and whatever stops it, and every way it can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
train() { "$TRIPOD" train "$@"; }
small=(-l 2 -w 32 -T 32 -b 4)

$python - "$T" <<'P'
import random, sys
random.seed(1)
words = "the a cat dog tree runs sees old red and near house river stone under".split()
def text(n):
    return " ".join(random.choice(words) for _ in range(n)) + ".\n"
open(sys.argv[1] + "/text.txt", "w").write("".join(text(12) for _ in range(900)))
with open(sys.argv[1] + "/docs.jsonl", "w") as f:
    for i in range(300):
        f.write('{"text": "%s"}\n' % text(5 + i % 50).strip())
P

# --- what it writes ---

ok "a text and nothing else: a plan" train -c "$T/text.txt" -o "$T/plan" --dry-run
shows "of a model of four layers" '^# GPT-NeoX: 4 layers, width 128, 4 heads, ffn 512, rotary 8, vocabulary 257; steps of 16 x 256 tokens; rate 0.003, cosine; [0-9]+ tokens to train on, [1-9][0-9]* held out'
check "nothing is trained" "$(ls "$T/plan")" test -z "$(ls "$T/plan" | grep -v -e '^corpus' -e tokenizer.json)"
ok "a run" train -c "$T/docs.jsonl" -o "$T/a" "${small[@]}" -s 40 --threads 1 --json="$T/a.json"
check "its files" "$(cd "$T/a" && echo *)" test "$(cd "$T/a" && echo *)" = "corpus.bin corpus.idx corpus.json log.csv points.csv step0.tripod step1.tripod step16.tripod step2.tripod step32.tripod step4.tripod step40.tripod step8.tripod tokenizer.json train.json validation.bin validation.idx"
ok "record, log, points" $python - "$T" <<'P'
import csv, json, math, sys
t = sys.argv[1]
r, call = json.load(open(t + "/a/train.json")), json.load(open(t + "/a.json"))["runs"][0]
body = 2 * (12 * 32**2 + 13 * 32) + 2 * 32
assert r["N_body"] == body and r["result"]["N"] == body + 257 * 32 and r["N_total"] == body + 2 * 257 * 32
assert r["result"]["D"] == 40 * 4 * 32 and r["result"]["flop_6nd"] == 6 * r["result"]["N"] * r["result"]["D"]
# Twice the multiplications of the pass, three times: all products and causal attention, no lookup.
flop = 40 * 4 * 3 * (32 * 2 * (2 * 12 * 32**2 + 257 * 32) + 2 * 2 * 32 * 32 * 33)
assert r["result"]["flop"] == flop, (r["result"]["flop"], flop)
log = list(csv.DictReader(open(t + "/a/log.csv")))
assert [int(x["step"]) for x in log] == list(range(40))
rate = [0.006 * (s + 1) / 2 if s < 2 else 0.006 * (0.1 + 0.9 * (1 + math.cos(math.pi * (s - 2) / 38)) / 2) for s in range(40)]
assert all(abs(float(x["rate"]) / y - 1) < 1e-8 for x, y in zip(log, rate))
assert abs(float(log[0]["loss"]) - math.log(257)) < 0.3 and float(log[-1]["loss"]) < float(log[0]["loss"]) - 1
points = list(csv.DictReader(open(t + "/a/points.csv")))
assert [int(p["step"]) for p in points] == [1, 2, 4, 8, 16, 32, 40]
assert [float(p["loss"]) for p in points] == [x["loss"] for x in r["tests"][1:]] and r["tests"][0]["tokens"] == 0
assert all(int(p["D"]) == 128 * int(p["step"]) and float(p["C"]) == 6 * float(p["N"]) * float(p["D"]) for p in points)
assert points[-1]["run"] == "a" and float(points[-1]["loss"]) == r["result"]["loss"] == call["loss"] < 4.5
P
ok "fit power reads the points" "$TRIPOD" fit power "$T/a/points.csv" --x step --all-steps
ok "scan reads the checkpoints, and the text held out" "$TRIPOD" scan "$T"/a/step*.tripod -c "$T/a/validation" --window 32 -o "$T/losses" --threads 1 --json="$T/scan.json"
ok "the same losses, bit for bit" $python - "$T/a/train.json" "$T/losses" <<'P'
import glob, json, sys
tests = {x["step"]: x["loss"] for x in json.load(open(sys.argv[1]))["tests"]}
found = {}
for path in glob.glob(sys.argv[2] + "/*.json"):
    r = json.load(open(path))
    found[r["step"]] = r["mean_loss"]
    assert r["tokens_seen"] == 128 * r["step"], r
assert len(tests) == 8 and found == tests, (found, tests)
P
ok "a text is scanned by the tokenizer beside it" "$TRIPOD" scan "$T/a/step40.tripod" -c "$T/text.txt" -o "$T/losses2" --threads 1
ok "tensors are whole" "$TRIPOD" info "$T/a/step40.tripod" --verify
ok "exported" "$TRIPOD" export "$T/a/step40.tripod" -o "$T/hf"
ok "what is there is not run again" train -c "$T/docs.jsonl" -o "$T/a" "${small[@]}" -s 40 --threads 1 --json
shows "and says so" '"there": true'

# --- the same bytes ---

bytes() { (cd "$1" && sha256sum step*.tripod points.csv log.csv validation.bin); }
equal() { check "$1" "files differ: $(diff <(bytes "$2") <(bytes "$3") | tr '\n' ' ')" cmp -s <(bytes "$2") <(bytes "$3"); }
for how in --threads=2 --threads=3 --simd=scalar --simd=avx2; do
    mkdir -p "$T/x$how"
    case $how in --simd=*) more=--threads=1 ;; *) more= ;; esac
    train -c "$T/docs.jsonl" -o "$T/x$how/a" "${small[@]}" -s 40 $how $more >"$T/out" 2>"$T/err"
    equal "$how: the same bytes" "$T/a" "$T/x$how/a"
done
ok "a name like no other" train -c "$T/docs.jsonl" -o "$T/odd"$',\xff' "${small[@]}" -s 2 --threads 1
ok "is one cell" $python -c "import csv; r = list(csv.DictReader(open('$T/odd,' + '\udcff' + '/points.csv', encoding='latin-1'))); assert r[0]['run'] == 'odd,\xff' and r[0]['seed'] == '0', r"
ok "another seed" train -c "$T/docs.jsonl" -o "$T/seed/a" "${small[@]}" -s 40 --threads 1 --seed 1
check "is another model" "the same" [ -n "$(cmp "$T/a/step1.tripod" "$T/seed/a/step1.tripod" 2>&1)" ]
check "tested on the same text" "other text" cmp -s "$T/a/validation.bin" "$T/seed/a/validation.bin"

# The runs that are stopped have no vectors: they would take minutes.
slow=(-l 2 -w 48 -T 64 -b 8 -s 700 --save 0,600 --threads 1)
train -c "$T/text.txt" -o "$T/whole/b" "${slow[@]}" >/dev/null
"$TRIPOD" train -c "$T/text.txt" -o "$T/dead/b" "${slow[@]}" --simd=scalar >"$T/out" 2>"$T/err" &
pid=$!
until_true test -e "$T/dead/b/step0.tripod"
fails "two at once" 'dead/b: another process trains there' train -c "$T/text.txt" -o "$T/dead/b" "${slow[@]}"
{ kill -KILL $pid; wait $pid; } 2>/dev/null
fails "killed before long, and other settings: no checkpoints of both" 'train.state: of a run with other settings' train -c "$T/text.txt" -o "$T/dead/b" "${slow[@]}" --seed 3
for s in INT:130 KILL:137; do
    env --default-signal=INT "$TRIPOD" train -c "$T/text.txt" -o "$T/cut/b" "${slow[@]}" --simd=scalar --json-progress 3 3>"$T/progress" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true watched "$T/progress" b
    kill -"${s%:*}" $pid
    wait $pid 2>/dev/null
    is "${s%:*}: 128 + n" "${s#*:}" $?
    [ $s = KILL:137 ] || check "${s%:*}: it says what is kept" "$(cat "$T/err")" grep -Eq 'b/train.state: interrupted after [1-9][0-9]* of 700 steps; the same command goes on$' "$T/err"
    check "${s%:*}: a state, and no record" "$(ls "$T/cut/b")" test -e "$T/cut/b/train.state" -a ! -e "$T/cut/b/train.json"
done
fails "the state of other settings" 'train.state: of a run with other settings or other text' train -c "$T/text.txt" -o "$T/cut/b" "${slow[@]}" --rate 0.002
cp -r "$T/cut" "$T/bad"
printf x | dd of="$T/bad/b/train.state" bs=1 seek=5000 conv=notrunc 2>/dev/null
fails "a damaged state" 'train.state: the checksum does not match' train -c "$T/text.txt" -o "$T/bad/b" "${slow[@]}"
ok "gone on with" train -c "$T/text.txt" -o "$T/cut/b" "${slow[@]}" --json="$T/cut.json"
equal "the same bytes" "$T/whole/b" "$T/cut/b"
ok "not from the beginning" $python -c "import json; x = json.load(open('$T/cut.json')); assert 0 < x['first'] < x['end'] == 700, x"
ok "tokens seen again are not new ones" $python - "$T/cut/b" <<'P'
import csv, json, sys
r = json.load(open(sys.argv[1] + "/train.json"))
points = list(csv.DictReader(open(sys.argv[1] + "/points.csv")))
assert r["result"]["D"] == 700 * 512 and r["epochs"] > 2 and r["result"]["unique_tokens"] % 64 == 0
windows = r["result"]["unique_tokens"] // 64
assert abs(r["epochs"] * windows - 700 * 8) < 1e-6
for p in points:
    assert int(p["unique_tokens"]) == min(int(p["D"]), 64 * windows) and abs(float(p["epochs"]) * windows / 8 / int(p["step"]) - 1) < 1e-5, p
P
check "state and lock are gone" "$(ls "$T/cut/b")" test ! -e "$T/cut/b/train.state" -a ! -e "$T/cut/b/train.lock"
check "checkpoints where they were asked for" "$(ls "$T/cut/b")" test "$(cd "$T/cut/b" && echo step*)" = "step0.tripod step600.tripod step700.tripod"

# --- other texts ---

"$TRIPOD" tokenize --bytes "$T/docs.jsonl" -o "$T/docs" >/dev/null
ok "a corpus" train -c "$T/docs" -o "$T/c/a" "${small[@]}" -s 40 --threads 1
equal "of the same tokens: the same bytes" "$T/a" "$T/c/a"
ok "a corpus with ends" "$TRIPOD" tokenize --bytes --append '<|endoftext|>' "$T/docs.jsonl" -o "$T/ends"
ok "is not given others" train -c "$T/ends" -o "$T/ends-run" "${small[@]}" -s 2 --holdout 0 --save last --threads 1
ok "as the record says" $python -c "
import json
a, b = (json.load(open('$T/' + p))['data'] for p in ('ends-run/train.json', 'a/train.json'))
assert a['separator'] == -1 and b['separator'] == 256 and a['tokens'] == b['tokens'] + 300 and a['validation'] is None, a"
ok "a tokenizer and two texts" train -c "$T/docs.jsonl" -c "$T/text.txt" -t "$ROOT/models/demo" -o "$T/t" "${small[@]}" -s 3 --threads 1 --dtype bf16
check "its tokenizer goes with it" "$(ls "$T/t")" cmp -s "$T/t/tokenizer.json" "$ROOT/models/demo/tokenizer.json"
ok "validation elsewhere" train -c "$T/text.txt" --validate "$T/docs" --validation-tokens 500 -o "$T/v" "${small[@]}" -s 3 --threads 1
ok "on as many documents as hold the tokens" $python -c "
import json
d = json.load(open('$T/v/train.json'))['data']
assert d['sections_held_out'] == 0 and 1 < d['validation']['documents'] < 30 and 400 < d['validation']['predictions'] < 900, d"

"$TRIPOD" tokenize -t "$ROOT/models/demo/tokenizer.json" "$T/docs.jsonl" -o "$T/others" >/dev/null
fails "validation on another tokenizer's tokens" 'expected the tokenizer the corpus was made with .*says .*others.json' train -c "$T/text.txt" --validate "$T/others" --vocab 600 -o "$T/v2" "${small[@]}" -s 3 --threads 1
fails "by the name of a file too" 'expected the tokenizer the corpus was made with .*says .*others.*json' train -c "$T/text.txt" --validate "$T/others.bin" --vocab 600 -o "$T/v2" "${small[@]}" -s 3 --threads 1
ok "in the folder one stands in" sh -c "mkdir '$T/here' && cd '$T/here' && exec '$TRIPOD' train -c '$T/docs.jsonl' -o . ${small[*]} -s 2 --threads 1"
check "its name is the folder's" "$(cat "$T/here/points.csv")" grep -q '^here,' "$T/here/points.csv"

cp "$T/text.txt" "$T/both.txt"
"$TRIPOD" tokenize --bytes "$T/docs.jsonl" -o "$T/both.txt" >/dev/null
ok "a text and a corpus of one name" train -c "$T/both.txt" -o "$T/both" "${small[@]}" -s 2 --threads 1
check "it says which is read" "$(cat "$T/err")" grep -q 'warning: .*both.txt: the corpus .*both.txt.idx is read, not the text' "$T/err"
ok "by its own name" train -c "$T/both.txt.idx" -o "$T/both2" "${small[@]}" -s 2 --threads 1
is "without a warning" "" "$(cat "$T/err")"
ok "scanned" "$TRIPOD" scan "$T/both/step2.tripod" -c "$T/both.txt" -o "$T/both3" --threads 1 --window 32
check "with the warning too" "$(cat "$T/err")" grep -q 'both.txt.idx is read, not the text' "$T/err"

# --- what cannot be used ---

fails "other settings" 'train.json: of a run with other settings or other text .run.steps: expected 41, found 40.: give' train -c "$T/docs.jsonl" -o "$T/a" "${small[@]}" -s 41
before=$(bytes "$T/a")
fails "another part held out" 'a/validation: expected what these settings hold out of this text, found another: give' train -c "$T/docs.jsonl" -o "$T/a" "${small[@]}" -s 40 --holdout 0.3
is "leaves the run alone" "$before" "$(bytes "$T/a")"
fails "another tokenizer" 'tokenizer.json: is another tokenizer than' train -c "$T/docs.jsonl" -t "$ROOT/models/demo" -o "$T/a" "${small[@]}" -s 40
fails "no such text" 'nothing.txt: cannot open' train -c "$T/nothing.txt" -o "$T/no"
fails "a corpus of nobody's tokens" 'orphan: its tokenizer.* is not known: give it with -t, or --vocab and --separator' sh -c "cp $T/docs.bin $T/orphan.bin; cp $T/docs.idx $T/orphan.idx; exec $TRIPOD train -c $T/orphan -o $T/no"
ok "or what was asked for" train -c "$T/orphan" --vocab 300 --separator none -o "$T/orphan-run" "${small[@]}" -s 2 --threads 1
fails "a vocabulary too small" "vocab: expected at least the tokenizer's 257, found 200" train -c "$T/docs.jsonl" --vocab 200 -o "$T/no"
fails "a token beyond it" '(token|id) ' train -c "$T/orphan" --vocab 100 --separator none -o "$T/no3" "${small[@]}" -s 2
fails "a corpus and a text" 'docs: is a tokenised corpus: give one of these' train -c "$T/docs" -c "$T/text.txt" -o "$T/no"
printf 'too short' >"$T/short.txt"
fails "too little text" 'too little text: expected more than 1 sections' train -c "$T/short.txt" -o "$T/no1"
fails "less than a sequence" 'expected at least 257 tokens to train on, found 10' train -c "$T/short.txt" -o "$T/no2" --holdout 0 -s 1
fails "heads with an odd turn" 'rotary dimensions of a head' train -c "$T/docs.jsonl" -o "$T/no" --rotary 5
fails "a checkpoint after the end" 'ascending steps up to 10, found 20' train -c "$T/docs.jsonl" -o "$T/no" -s 10 --save 5,20
fails "a folder that is a file" 'text.txt' train -c "$T/docs.jsonl" -o "$T/text.txt"
fails "a rate that is too high" 'step [0-9]+: expected a finite loss and gradient, found [0-9.ainf]+ and [0-9.ainf]+: it diverged; try a lower rate' train -c "$T/docs.jsonl" -o "$T/wild" "${small[@]}" -s 60 --rate 1000 --clip 0 --warmup 0 --threads 1
check "nothing of it is finished" "$(ls "$T/wild")" test ! -e "$T/wild/train.json" -a ! -e "$T/wild/points.csv"
fails "more memory than there is" "large: training it needs [0-9.e+]+ GB of memory, found [0-9.]+ GB free" train -c "$T/text.txt" -o "$T/large" -l 400 -w 131072 -T 16 -b 2 -s 3
misuse "no text" 'no text: give one with -c' train -o "$T/no"
misuse "no folder" 'no folder: give one with -o' train -c "$T/text.txt"
misuse "two tokenizers" 'give -t or --bytes, not both' train -c "$T/text.txt" -o "$T/no" --bytes -t x
misuse "bytes of tokens" '--bytes is for text' train -c "$T/docs" -o "$T/no" --bytes
misuse "a field of tokens" '--field is for text' train -c "$T/docs" -o "$T/no" --field body
misuse "two validations" 'give --holdout or --validate, not both' train -c "$T/text.txt" -o "$T/no" --validate "$T/docs" --holdout 0.1
misuse "heads" '--heads: expected a number that divides the width 128, found 3' train -c "$T/text.txt" -o "$T/no" --heads 3
misuse "checkpoints backwards" '--save: expected ascending steps' train -c "$T/text.txt" -o "$T/no" --save 5,4
misuse "checkpoints of a word" '--save: expected' train -c "$T/text.txt" -o "$T/no" --save often
misuse "validation on text" '--validate: expected the prefix of a tokenised corpus' train -c "$T/text.txt" -o "$T/no" --validate "$T/text.txt"
misuse "the end of a rate that stays" '--final is for --schedule cosine' train -c "$T/text.txt" -o "$T/no" --schedule constant --final 0.5
misuse "a mean that forgets nothing" '--beta1, --beta2: expected less than 1, found 0.9 and 1' train -c "$T/text.txt" -o "$T/no" --beta2 1
misuse "no epsilon: 0 / 0" '--epsilon: expected 1e-30 to 1, found .0.' train -c "$T/text.txt" -o "$T/no" --epsilon 0
fails "a result that could not be written is known before the work" 'nowhere/r.json: cannot write' train -c "$T/text.txt" -o "$T/unwritten" "${small[@]}" -s 3 --json="$T/nowhere/r.json"
check "and nothing is trained" "$(ls "$T/unwritten")" test -z "$(find "$T/unwritten" -name 'step*')"
misuse "no such schedule" 'expected cosine or constant' train -c "$T/text.txt" -o "$T/no" --schedule linear
terminal "on a terminal" 80 "$TRIPOD" train -c "$T/docs.jsonl" -o "$T/a" "${small[@]}" -s 40 --threads 1
exit $code
