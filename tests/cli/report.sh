# tripod report as a user meets it: the story of a scan with its laws, of sparse parity, of a training and a sweep; text that would be
# markup; what a browser makes of it (report_page.py); what is wrong is said in one line. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
here=$ROOT/tests/cli
demo=$ROOT/models/demo
python=/usr/bin/python3
cd "$T" || exit 1
report() { "$TRIPOD" report "$@"; }
made() { if ! "$TRIPOD" "$@" >"$T/made.out" 2>"$T/made.err"; then echo "FAIL making: $*: $(head -c 300 "$T/made.err")"; code=1; fi; }
# safe PAGE: see report_page.py. says NAME PAGE TEXT: a part of the page, tags left out.
safe() { check "$1 is safe and whole" "$($python "$here/report_page.py" safe "$1" 2>&1 | tail -n 1)" $python "$here/report_page.py" safe "$1"; }
says() {
    $python -c 'import re, sys, html
print(html.unescape(re.sub(r"<[^>]*>", "", open(sys.argv[1]).read())))' "$2" >said
    check "$1" "not on the page: $3" grep -qF -- "$3" said
}
figures=1
command -v gnuplot >/dev/null || { figures=0; echo "SKIP figures in reports: no gnuplot"; }

# --- a scan, its laws, an allocation ---

mkdir m all
made import "$demo"/demo-{3k,7k,25k}/step{0,64,256,1000} -o m/
made tokenize /usr/share/common-licenses/{GPL-2,Artistic,BSD} -t "$demo/tokenizer.json" -o all/text
made scan m/*.tripod -c all/text -t "$demo/tokenizer.json" --window 256 -o all/losses
made gather all/losses -o all/losses.npy
made fit power all/losses/points.csv --json=all/power.json
made fit power all/losses/points.csv --x step --by model --bootstrap 0 --json=all/steps.json
made fit chinchilla "$ROOT/tests/data/epoch_chinchilla.csv" --drop-highest 5 --bootstrap 100 --json=all/fit.json
made allocate all/fit.json --budget 1e21 --json=all/allocation.json
made fit design "$ROOT/tests/data/epoch_chinchilla.csv" --drop-highest 5 --law chinchilla --grid 1e8:3e9:4,1e9:1e11:4 --budget 1e21 --target 7B,140B --json=all/design.json
ok "a page" report all -o page.html --json=told.json
safe page.html
says "a plan is asked about" page.html "Which runs are worth training next?"
says "and told" page.html "$($python -c 'import json; o = json.load(open("all/design.json")); print("interval, %.3g %% without a further run" % (100 * o["half_width"]["before"]))')"
check "run by run" "" $python -c 'import json, re
said, o = open("page.html").read(), json.load(open("all/design.json"))
table = re.search(r"Runs to train next.*?</table>", said, re.S).group(0)
assert table.count("<tr>") == len(o["runs"]) + 1 > 2, (table.count("<tr>"), len(o["runs"]))'
alpha=$($python -c 'import json; print("%.4g" % json.load(open("all/power.json"))["params"]["alpha"]["value"])')
says "the exponent stands there" page.html "alpha$alpha"
says "the law with its numbers" page.html "L = 1.817 + 478 N^-0.347 + 2143 D^-0.367"
says "the allocation" page.html "2.792 B"
says "the verdict in words" page.html "fit.json: B is only weakly identified by the data"
says "the command to repeat it" page.html "tripod gather all/losses -o all/losses.npy"
says "the hash of the text" page.html "$($python -c 'import json; print(json.load(open("all/losses.json"))["corpus_hash"])')"
says "the models" page.html "demo-25k1000"
says "tokens in context" page.html "nats by demo-3k-step1000"
check "warnings come first" "" $python - page.html told.json <<'P'
import json, re, sys
page, told = open(sys.argv[1]).read(), json.load(open(sys.argv[2]))
warnings = [m.start() for m in re.finditer("<p class=warn>", page)]
assert len(warnings) == told["warnings"] >= 1 and max(warnings) < page.index("<h2>")
order = ["What was asked", "Where it comes from", "Models", "Curves", "The law", "How to spend compute", "Tokens in context"]
places = [page.find(f"<h2>{title}</h2>") for title in order if title != "Curves" or told["figures"]]
assert places == sorted(places) and places[0] > 0, places
assert told["bytes"] == len(page.encode()) < 2e6 and told["figures"] == page.count("<figure>") and told["left_out"] == 0
assert page.count("<mark>") == told["tokens"] == 8
P
if [ $figures = 1 ]; then
    check "a figure for each: points, matrix, three fits with two checks each of two, allocation, plan" "$(cat told.json)" \
        $python -c 'import json; assert json.load(open("told.json"))["figures"] == 11'
    check "no figure lies about afterwards" "$(ls -d "${TMPDIR:-/tmp}"/tripod-report-* 2>&1)" \
        sh -c "! env TMPDIR=$T/tmp sh -c 'mkdir -p \$TMPDIR; $TRIPOD report all -o again.html >/dev/null 2>&1; ls \$TMPDIR' | grep ."
fi
if command -v chromium >/dev/null; then
    check "in a browser, at 390, 1280 and 1920 pixels, in the dark and printed" "$($python "$here/report_page.py" look page.html shots 2>&1 | tail -n 1)" \
        $python "$here/report_page.py" look page.html shots
else
    echo "SKIP the browser: chromium is not installed (Debian: chromium)"
fi
# Told anywhere else: rows are found by their hash, the text in the folder.
mkdir away && cp -r all away/moved && mv all hidden
ok "a folder that was moved" report away/moved -o moved.html --json=moved.json --no-figures -t "$demo/tokenizer.json"
says "has its tokens all the same" moved.html "nats by demo-3k-step1000"
if [ $figures = 1 ]; then
    ok "and its figures" report away/moved -o moved.html --json=moved.json -t "$demo/tokenizer.json"
    check "those of its own rows" "$(cat moved.json)" $python -c 'import json; assert json.load(open("moved.json"))["figures"] == 11'
fi
mv hidden all
ok "without figures" report all -o bare.html --no-figures -n 0 --json=bare.json
check "it is small" "$(cat bare.json)" $python -c 'import json; t = json.load(open("bare.json")); assert t["figures"] == t["tokens"] == 0 and t["bytes"] < 60000'
ok "a scan's own folder" report all/losses --no-figures
check "has the page in it" "" test -s all/losses/report.html
says "and says how a law is added" all/losses/report.html "tripod fit power all/losses/points.csv --json=all/losses/fit.json"
rm all/losses/report.html
mkdir bin
ok "without gnuplot" env PATH="$T/bin" "$TRIPOD" report all -o none.html
says "the page says so" none.html "gnuplot is not installed"

# --- others ---

made parity --scaled --tasks 20 -n 12 --batch 500 --log 50 --task-points 60 -s 300 -w 9,20 -o runs
ok "sparse parity" report runs -o parity.html
says "its networks" parity.html "w20-z1.4-s0.json20"
safe parity.html
head -c 30000 /usr/share/common-licenses/GPL-3 >book.txt
made train -c book.txt -o book --layers 1 --width 8 --steps 20 --rows 2 -T 64
ok "a training" report book -o book.html
says "its model" book.html "epochs"
safe book.html

# --- hostile text ---

mkdir 'evil<b>' && cd 'evil<b>' || exit 1
$python - <<'P'
import json
x = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b\x1b[2J&amp;'\""
provenance = {"tripod": x, "command": ["tripod", x, "a'b", "$(reboot)"], "cpu": x, "date": x, "kernels": x}
known = {"value": 1, "lo": 0.5, "hi": 2, "verdict": "weak", "reason": x}
files = {
    "fit": {"law": x, "formula": x, "objective": x, "params": {x: known}, "verdict": x, "reason": x, "interval": x, "notes": [x],
            "data": {"file": x, "xxh3": x}, "derived": [dict(known, name=x)], "witness": {"says": x, "method": x}},
    "groups": {"law": x, "groups": [{"group": x, "params": {x: known}, "verdict": "weak", "reason": x}, {"group": x, "failed": x}]},
    "iso": {"law": "isoflop", "objective": x, "exponents": {"N_of_C": known, "D_of_C": known}, "params": {"a": known}},
    "three": {"law": "approaches", "approaches": [{"approach": x, "verdict": x, "reason": x}]},
    "allocation": {"law": x, "answers": [{"C": {"value": 1e20}}], "bands": x, "level": .95, "verdict": x},
    "losses": {"format": "tripod-losses 1", "model": x, "same_as": x, "corpus_hash": x, "protocol": x, "precision": x, "step": 1,
               "corpus": {"prefix": x}, "tokenizer": {"hash": x, "path": x}, "weights": x},
    "train": {"format": "tripod-train 1", "run": {"name": x}, "epochs": 9},
    "clusters": {"format": "tripod-clusters 1", "similarity": x, "clusterings": [{"clusters": 2, "sizes": ["a"]}]},
    "ranks": {"envelope": x, "line": x, "theory": x},
    "wrong": {"format": "tripod-parity 1", "parity": x, "mean": x},
    "empty": {"law": "power", "objective": None, "params": [], "groups": {}},
}
for name, o in files.items():
    json.dump(dict(o, provenance=provenance), open(f"{name}<i>.json", "w"))
json.dump({"law": "not ours"}, open("other.json", "w"))
open("broken<u>.json", "w").write("{")
open("points.csv", "w").write("run,N,D,step,loss\n" + "".join(f'"<script>{r}</script>",{r}e6,{s}e9,{s},{3 - r / 9 - s / 99}\n' for r in (1, 2, 3)
                                                          for s in (1, 2, 3)))
P
"$TRIPOD" fit power points.csv --by run --x step --bootstrap 0 --json='by<s>.json' >/dev/null 2>&1
cd ..
ok "hostile records" report 'evil<b>' -o evil.html --title '<script>alert(2)</script>'
safe evil.html
says "are seen as they are" evil.html "<script>alert(1)</script>"
says "other programs' JSON is passed over, broken JSON named" evil.html "broken<u>.json: line 1: not JSON"
check "and passed over" "" sh -c "! grep -q 'not ours' evil.html"
mkdir hostile
printf '<script>alert(3)</script> & "quoted" \033[31m %.0s' $(seq 40) >hostile.txt
made tokenize hostile.txt -t "$demo/tokenizer.json" -o hostile/text
made scan m/demo-3k-step1000.tripod -c hostile/text -t "$demo/tokenizer.json" --window 256 -o hostile/losses
ok "hostile documents" report hostile -o text.html
safe text.html
says "in context" text.html "<script>"

# --- what is wrong ---

misuse "no folder" 'no folder' "$TRIPOD" report
misuse "a page over a result" "expected a name that ends in .html, found 'all/fit.json'" "$TRIPOD" report all -o all/fit.json
misuse "two" "expected DIR, found also 'runs'" "$TRIPOD" report all runs
fails "no such folder" "nothing: expected a folder of results, found nothing" report nothing -o x.html
fails "a file" "book.txt: expected a folder of results, found a file" report book.txt -o x.html
mkdir empty
fails "nothing of ours" "empty: no results: expected losses" report empty -o x.html
fails "nowhere to write" "nowhere/x.html" report all -o nowhere/x.html --no-figures
fails "no folder for figures" "none/tripod-report" env TMPDIR=none "$TRIPOD" report runs -o x.html
check "nothing half-written" "$(ls)" test ! -e x.html -a -z "$(find . -name '*.part*')"
exit $code
