# tripod tokens: every statistic beside numpy's, planted rows and near misses, the same bytes for any number of threads, text
# that tries to deceive, and every way to fail. LONG=1: 2 million rows instead of 200 thousand.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
reference="$python $ROOT/tests/golden/tokens_reference.py"
suite=$ROOT/models/demo
cd "$T" || exit 2

tokens() { "$TRIPOD" tokens "$@"; }

ok "a matrix with planted rows" $reference make . "$([ -n "${LONG:-}" ] && echo 2000000 || echo 200000)"

# --- histogram ---
ok "histogram in bits" tokens histogram m.npy --bits --float32-mean --tail --convergence --json=h.json -o h
shows "as a table" '^model	step	N	mean	float32_mean	q0.05	q0.25	q0.5	q0.75	q0.95	inside	not_finite	tail_slope$'
shows "with the means of the first rows" '^10000	pythia-0	143000	18915328	'
ok "is numpy's" $reference histogram . h.json bits 1000 0 18
ok "so is the slope of its tail" $reference tail . h.json
ok "histogram in nats" tokens histogram m.npy --bins 3000 --range 0:30 --float32-mean --quantiles 0.001,0.5,0.999 --changes --json=h.json -o h
ok "is numpy's too" $reference histogram . h.json nats 3000 0 30
ok "bins too fine for the table, on both sides of zero" tokens histogram m.npy --bins 20011 --range=-2:7.3 --json=h.json
ok "are numpy's as well" $reference histogram . h.json nats 20011 -2 7.3
ok "a range off zero" tokens histogram m.npy --bins 77 --range 0.1:0.7 --bits --json=h.json --one-pass
ok "and quantiles of one pass near numpy's" $reference histogram . h.json bits 77 0.1 0.7 rough
ok "changes between columns" tokens histogram m.npy --changes -o h --threads 3
ok "are numpy's" $reference changes . h
ok "a figure" tokens histogram m.npy --plot h/fig.svg --one-pass
head -c 6 h/fig.tsv | grep -q series && echo "ok with its data" || { echo "FAIL no h/fig.tsv"; code=1; }

# --- find ---
ok "find" tokens find m.npy -c c -o f --json=f.json
shows "counts" '^monogenic-1	[0-9]+	'
shows "and shows tokens between their neighbours" '^monogenic-1	[0-9]+	[0-9]+	[0-9]+	[0-9]+	█[▁▂▃▄▅▆▇█]{6}	.*\[\['
ok "every list is numpy's; planted rows are in, near misses out" $reference find . f f.json
ok "in one pass with the histogram" tokens histogram m.npy --one-pass --find g
for l in monogenic-3 plateau-2 polygenic jumps risers fallers; do same "the same $l" f/$l.npy g/$l.npy; done
mkdir bare && ln -s ../m.npy bare/m.npy
ok "a bare matrix" tokens find bare/m.npy -o b
grep -q 'polygenic tokens were not looked for' err && echo "ok says what it cannot do" || { echo "FAIL no warning"; code=1; }
if [ -e b/polygenic.npy ]; then echo "FAIL an empty polygenic.npy"; code=1; else echo "ok and leaves no list of it"; fi
ok "with sizes" tokens find bare/m.npy -o b --N 18915328,85056000,302311424,805736448,1208602624,2517652480,6444163072 --step 143000
same "it can" f/polygenic.npy b/polygenic.npy
ok "from a column to another" tokens find m.npy -o n --from pythia-2 --to 4 --jump 3 --top 7 --json=n.json
ok "by name and number" $python - <<'P'
import numpy as np
m = np.load("m.npy").astype(float)
with np.errstate(invalid="ignore"):
    d = m[:, 4] - m[:, 2]
assert np.array_equal(np.load("n/jumps.npy"), np.flatnonzero(d < -3))
assert np.array_equal(np.load("n/risers.npy"), np.lexsort((np.arange(len(d)), -np.where(np.isfinite(d), d, 0)))[:7])
P

# --- the rest ---
ok "induction" tokens induction m.npy -c c -o i
ok "is Python's" $reference induction . i
ok "slopes" tokens slopes m.npy -o s.npy
ok "are numpy's" $reference slopes . s.npy
for by in token frequency position length occurrence; do
    ok "by $by" tokens by $by m.npy -c c --json=by.json
    ok "is numpy's" $reference by . by.json $by
done
ok "index" tokens index m.npy -c c
ok "is starting_index" $reference index . m.index.npy
ok "back from rows" tokens index m.npy -c c 0 1023 199999
shows "to document, position, token" '^0	[0-9]+	1	[0-9]+$'

# --- the same bytes for any number of threads ---
for n in 1 2 3; do
    tokens histogram m.npy --changes -o t$n --find t$n/find --threads $n --float32-mean --tail --convergence >t$n.txt 2>/dev/null
    sed -i "s,t$n/,t/,g" t$n.txt
    tokens induction m.npy -c c -o t$n --threads $n >/dev/null
    tokens slopes m.npy -o t$n/s.npy --threads $n >/dev/null
    tokens by token m.npy -c c --threads $n >t$n/by.tsv 2>/dev/null
done
for n in 2 3; do
    ok "$n threads: the same files" diff -r t1 t$n
    same "$n threads: the same table" t1.txt t$n.txt
done

# --- other matrices ---
ok "float64, one column, wide ones, a version of numpy's own" $python - <<'P'
import json
import numpy as np
m = np.load("m.npy")[:30000]
np.save("d.npy", m.astype(np.float64) * 1.0000001)
np.save("one.npy", m[:, 0])
rng = np.random.default_rng(3)
w = rng.gamma(2, 1.5, (3000, 301))
np.save("w.npy", w.astype(np.float32))
P
ok "float64" tokens histogram d.npy --bits --bins 500 --json=h.json
ok "is numpy's" $python - "$ROOT/tests/golden" <<'P'
import json, os, shutil, subprocess, sys
os.makedirs("dd", exist_ok=True)
shutil.copy("d.npy", "dd/m.npy")
subprocess.run(["/usr/bin/python3", sys.argv[1] + "/tokens_reference.py", "histogram", "dd", "h.json", "bits", "500", "0", "18"], check=True)
P
ok "one column" tokens histogram one.npy --float32-mean --json=h.json
ok "is numpy's, pairwise" $python - <<'P'
import json, math
import numpy as np
a, c = np.load("one.npy"), json.load(open("h.json"))["checkpoints"][0]
assert c["model"] is None and c["step"] is None
want = np.mean(a)
assert c["float32_mean"] == (float(want) if np.isfinite(want) else None), (c["float32_mean"], want)
assert np.array_equal(c["density"], np.histogram(a[np.isfinite(a)], bins=1000, range=(0, 18), density=True)[0])
P
ok "301 columns" tokens histogram w.npy --one-pass --json=h.json
ok "too many to compare" $python - <<'P'
import json
import numpy as np
w = np.load("w.npy")
for j, c in enumerate(json.load(open("h.json"))["checkpoints"]):
    assert abs(c["mean"] - w[:, j].mean(dtype=float)) < 1e-12
P
fails "find: too many columns" 'w.npy: expected 2 to 250 columns' tokens find w.npy -o x
fails "find: one column" 'one.npy: expected 2 to 250 columns' tokens find one.npy -o x
fails "slopes without sizes" 'bare/m.npy: expected two different sizes' tokens slopes bare/m.npy -o x.npy
fails "slopes on steps of one step" 'expected two steps > 0 or more' tokens slopes m.npy -o x.npy --x step
[ -e x.npy ] && { echo "FAIL x.npy was left"; code=1; }
fails "sizes for other columns" 'expected 7 sizes, one a column, found 2' tokens find bare/m.npy -o x --N 1,2
fails "no such column" "expected a column 0 to 6 or its name .*, found 'pythia-9'" tokens find m.npy -o x --to pythia-9

# --- damaged and foreign files ---
head -c 100000 m.npy >cut.npy
fails "a matrix cut short" 'cut.npy: expected .* values of 4 bytes' tokens histogram cut.npy
$python -c "import numpy as np; np.save('int.npy', np.arange(9).reshape(3, 3)); np.save('none.npy', np.zeros((0, 3), np.float32)); np.save('f.npy', np.asfortranarray(np.ones((4, 3), np.float32)))"
fails "whole numbers" 'int.npy: expected float32 or float64 losses, found type <i8' tokens histogram int.npy
fails "no rows" 'none.npy: no losses' tokens histogram none.npy
fails "Fortran order" 'f.npy: expected an array in C order' tokens histogram f.npy
fails "from a column to itself" 'm.npy: --from and --to are one column, 6' tokens find m.npy -o x --from 6
cp m.npy over.npy && cp m.json over.json
fails "slopes over the matrix" 'over.npy: is read from' tokens slopes over.npy -o ./over.npy
fails "an index over the matrix" 'over.npy: is read from' tokens index over.npy -c c -o over.npy
fails "JSON over the matrix" 'over.npy: is read from' tokens histogram over.npy --json=./over.npy
same "which is as it was" m.npy over.npy
fails "no matrix" 'nothing.npy: cannot open' tokens find nothing.npy -o x
fails "not a matrix" 'c.bin: .*expected an .npy' tokens find c.bin -o x
record() { rm -rf r; mkdir r; ln -s ../m.npy r/m.npy; $python -c "import json; o = json.load(open('m.json')); $1; json.dump(o, open('r/m.json', 'w'))"; }
record "o['columns'].pop()"
fails "a record of fewer columns" 'r/m.json: expected a record of the 7 columns of r/m.npy, found 6' tokens find r/m.npy -o x
record "o['format'] = 'tripod-scan 9'"
fails "another format" 'r/m.json: format: expected "tripod-matrix 1" or "tripod-losses 1", found tripod-scan 9' tokens find r/m.npy -o x
record "o['columns'][3]['model'] = 5"
fails "a name that is none" 'r/m.json: model: expected a string' tokens find r/m.npy -o x
record "o['protocol'] = 'max-tokens'"
fails "a protocol that is none" "r/m.npy: protocol: expected" tokens find r/m.npy -c c -o x
record "o['protocol'] = 'max-tokens 512'"
fails "another protocol" 'c: expected [0-9]* losses, as r/m.npy has rows, found' tokens find r/m.npy -c c -o x
echo '{"format": ' >r/m.json
fails "a record cut short" 'r/m.json: line [12]: ' tokens find r/m.npy -o x
mkdir other && $reference make other 3000
fails "another corpus" 'other/c: expected the corpus of m.npy \([0-9a-f]{16}\), found another' tokens find m.npy -c other/c -o x
fails "another corpus, no record" 'other/c: expected [0-9]* losses, as bare/m.npy has rows' tokens induction bare/m.npy -c other/c -o x
fails "no corpus" 'nowhere.idx: cannot open' tokens induction m.npy -c nowhere -o x
fails "rows of another matrix" 'f/risers.npy: element 0: expected a row 0 to 2999' tokens show other/m.npy -c other/c --rows f/risers.npy
fails "rows that are none" 's.npy: expected one dimension of int64 rows' tokens show m.npy -c c --rows s.npy
fails "a row beyond" 'm.npy: expected' tokens show m.npy -c c 99999999
fails "a folder that cannot be" 'm.npy' tokens find m.npy -o m.npy/x
if ls -d x x.npy 2>/dev/null | grep -q . && ls x 2>/dev/null | grep -q .; then echo "FAIL failures left files: $(ls x)"; code=1; else echo "ok failures leave no lists"; fi
misuse "no child" 'what\? histogram, find' "$TRIPOD" tokens
misuse "another child" "found 'find2'" "$TRIPOD" tokens find2
misuse "both units" 'bits or --nats' "$TRIPOD" tokens histogram m.npy --bits --nats
misuse "thresholds of lists that are not asked for" 'need --find' "$TRIPOD" tokens histogram m.npy --jump 3
misuse "columns of lists that are not asked for" 'need --find DIR or --changes' "$TRIPOD" tokens histogram m.npy --from 2
misuse "bins of changes that are not asked for" 'need --changes' "$TRIPOD" tokens histogram m.npy --grid 50
misuse "bins of a tail that is not asked for" 'need --tail' "$TRIPOD" tokens histogram m.npy --tail-range 0:10
misuse "contexts without a text" 'need -c' "$TRIPOD" tokens find m.npy -o x --show 5
misuse "steps of a model without steps" '--model needs --x step' "$TRIPOD" tokens slopes m.npy -o x --model pythia-2
misuse "the first of no list" '--first needs --rows' "$TRIPOD" tokens show m.npy 5 -c c --first 3
misuse "an empty range" 'expected LO < HI' "$TRIPOD" tokens histogram m.npy --range 3:3
misuse "no range" 'expected LO:HI' "$TRIPOD" tokens histogram m.npy --range 3
misuse "find without -o" 'give one with -o' "$TRIPOD" tokens find m.npy
misuse "induction without -c" 'give the one that was scanned' "$TRIPOD" tokens induction m.npy -o x
misuse "by nothing" 'expected one of token' "$TRIPOD" tokens by m.npy -c c
misuse "show nothing" 'no rows' "$TRIPOD" tokens show m.npy -c c

# --- text ---
# A document that would colour the terminal, turn text round, open a tag; and half a character: the demo tokenizer's bytes.
printf 'Licence \033[31mred\033[0m <script>alert("x")</script> & caf\xc3\xa9 \xe2\x80\xaerevo\xe2\x80\xac\r\n\ttab \xf0\x9f\x98\x80 end of it.\n' >evil.txt
"$TRIPOD" tokenize evil.txt -t "$suite/tokenizer.json" -o evil >/dev/null
$python - <<'P'
import json, struct
import numpy as np
n = np.frombuffer(open("evil.idx", "rb").read(), "<i4", 1, 34)[0] - 1
np.save("e.npy", np.random.default_rng(1).gamma(2, 1, (n, 2)).astype(np.float32))
h = json.load(open("evil.json"))["corpus_hash"]
json.dump({"format": "tripod-matrix 1", "corpus_hash": h, "protocol": "max-tokens 1024",
           "columns": [{"model": "a\x1b[31m\u202e", "step": 1, "parameters": 10}, {"model": "<b>", "step": 2, "parameters": 20}]}, open("e.json", "w"))
json.dump(list(range(n)), open("n.json", "w"))
np.save("all.npy", np.arange(n))
P
ok "show hostile text" tokens show e.npy -c evil --rows all.npy --first 1000 --before 500 --after 500 --html e.html
cp out pipe.tsv
ok "nothing in a pipe moves, colours or hides" $python - pipe.tsv e.html <<'P'
import re, sys, unicodedata
text = open(sys.argv[1], encoding="utf-8").read()
page = open(sys.argv[2], encoding="utf-8").read()
for t in (text, page):
    bad = {c for c in t if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cn") and c not in "\n\t"}
    assert not bad, bad
assert "␛[31m" in text and "<U+202E>" in text and "␍␊␉tab" in text.replace("[[", "").replace("]]", "") and "\ufffd" in text
assert "<script>" not in page and "&lt;script&gt;" in re.sub("</?mark>", "", page) and "&lt;b&gt;" in page and "<U+" not in page
assert page.count("<mark>") == page.count("</mark>") == len(text.splitlines()) - 1
for line in text.splitlines()[1:]:
    assert line.count("[[") == 1 and line.count("]]") == 1
P
ok "JSON has the text as it is" tokens show e.npy -c evil 0 5 --json
cp out shown.json
ok "with newlines, escapes and all" $python - shown.json <<'P'
import json, sys
for t in json.load(open(sys.argv[1]))["tokens"]:
    assert len(t["losses"]) == 2 and t["position"] == t["row"] + 1 and t["text"]
P
terminal "on a terminal" 2000 "$TRIPOD" tokens show e.npy -c evil 3 --before 500 --after 500
if sed 's/\x1b\[1m\|\x1b\[1;7m\|\x1b\[0m//g' out | grep -q "$(printf '\033')"; then echo "FAIL escapes of the text reach the terminal"; code=1; else echo "ok only our own escapes reach it"; fi
shows "the token is in reverse video" "$(printf '\033')\[1;7m[^$(printf '\033')]+$(printf '\033')\[0m"
shows "with a line of blocks" '^losses [▁▂▃▄▅▆▇█]+$'
"$TRIPOD" tokenize evil.txt evil.txt -t "$suite/tokenizer.json" -o two >/dev/null
sed -i 's/"hash": "[0-9a-f]*"/"hash": "0123456789abcdef"/' evil.json
fails "another tokenizer" 'tokenizer.json: expected the tokenizer the corpus was made with' tokens show e.npy -c evil 0 -t "$suite/tokenizer.json"
# Both said, both hold: a document cut to 1024 tokens, in windows.
yes 'a b c' | head -n 400 >long.txt
"$TRIPOD" tokenize long.txt -t "$suite/tokenizer.json" -o long >/dev/null
$python -c 'import numpy as np; np.save("ones.npy", np.ones(1023, np.float32))'
ok "a cut and windows" tokens show ones.npy -c long 1022 --max-tokens 1024 --window 256
fails "windows alone" 'long: expected 1023 losses' tokens show ones.npy -c long 1022 --window 256
misuse "no cut and no windows" 'max-tokens 0 needs --window' tokens show ones.npy -c long 0 --max-tokens 0
rm evil.json
ok "no tokenizer" tokens show e.npy -c evil 0
grep -q 'no tokenizer found: tokens are shown as ids' err && echo "ok is said" || { echo "FAIL no warning"; code=1; }

# --- the README's lines, as they are there, in a folder like a clone ---
mkdir clone && cp -r "$ROOT/models" clone/ && ln -s "$TRIPOD" clone/tripod
sed -n '/^From losses to a token/,$p' "$ROOT/src/scan/README.md" | grep '^    tripod ' | head -n 5 >lines
if [ "$(grep -c . lines)" -eq 5 ]; then echo "ok the README has them"; else echo "FAIL the README has $(grep -c . lines)"; code=1; fi
ok "they run" env PATH="$T/clone:$PATH" sh -c "cd clone && set -e && . ../lines"
shows "and end at a token that the third size predicts and the second does not, in its context" '^[^	]*	[0-9]+	[0-9]+	[0-9]+	[0-9]+	██▁▁▁▁▁	.*\[\[.*\]\]'
# A checkpoint's own losses are a matrix of one column.
ok "a checkpoint's losses" tokens histogram clone/losses/*demo-3k*.npy --json=h.json
ok "are a column with its name" $python - <<'P'
import json
c = json.load(open("h.json"))["checkpoints"]
assert len(c) == 1 and c[0]["model"] == "demo-3k" and c[0]["step"] == 1000 and c[0]["N"] == 3312
P
exit $code
