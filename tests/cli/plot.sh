# tripod plot as a user meets it: every figure in the list is drawn from results made here, holds their numbers (plot_numbers.py) and can be
# read (plot_look.py); kinds of files are recognised; what is wrong is said in one line. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
here=$ROOT/tests/cli
demo=$ROOT/models/demo
epoch=$ROOT/tests/data/epoch_chinchilla.csv
plot() { "$TRIPOD" plot "$@"; }
cd "$T" || exit 1

# --- results to draw ---

made() { if ! "$TRIPOD" "$@" >"$T/made.out" 2>"$T/made.err"; then echo "FAIL making: $*: $(head -c 300 "$T/made.err")"; code=1; fi; }
mkdir m
made import "$demo"/demo-{3k,7k,25k}/step{0,64,256,1000} -o m/
made tokenize /usr/share/common-licenses/{GPL-2,Artistic,BSD} -t "$demo/tokenizer.json" -o text
made scan m/*.tripod -c text -t "$demo/tokenizer.json" --window 256 -o losses
made scan m/demo-{7k,25k}-step1000.tripod -c text -t "$demo/tokenizer.json" --window 256 -o int16 --precision int16 --compare
made gather losses -o all.npy
made fit power losses/points.csv --json=power.json
made fit power losses/points.csv --x step --by model --bootstrap 100 --json=steps.json
made fit chinchilla "$epoch" --drop-highest 5 --bootstrap 200 --json=fit.json
line=$(python3 - "$epoch" <<'P'
import csv, sys
print(2 + max(enumerate(csv.DictReader(open(sys.argv[1]))), key=lambda r: float(r[1]["Training FLOP"]))[0])
P
)
made fit chinchilla "$epoch" --drop-highest 5 --drop-line "$line" --bootstrap 0 --no-profile --json=without.json
made fit isoflop "$epoch" --drop-highest 5 --json=isoflop.json
python3 - >curves.csv <<'P'
print("run,N,D,loss")
for i, n in enumerate([3e7, 1e8, 3e8, 1e9, 3e9]):
    for k in range(14):
        print(f"r{i},{n:g},{2e8 * 2**k:g},{1.8 + 478 * n**-.347 + 2143 * (2e8 * 2**k)**-.367:.6f}")
P
made fit envelope curves.csv --json=envelope.json
made fit approaches "$epoch" --drop-highest 5 --bootstrap 100 --budget 1e20,1e22 --json=approaches.json
made allocate fit.json --sweep 18:25:1 --json=allocation.json
made allocate fit.json -N 70B -D 1.4T --json=price.json
made fit design "$epoch" --drop-highest 5 --law chinchilla --grid 1e8:3e9:4,1e9:1e11:4 --budget 1e22 --target 7B,140B --json=design.json
made tokens histogram all.npy --bins 100 --json=histogram.json
made tokens find all.npy -o found
made tokens by position all.npy -c text --json=by.json
made scan m/demo-25k-step1000.tripod -c text -t "$demo/tokenizer.json" --max-tokens 256 -o first
made quanta gradients m/demo-25k-step1000.tripod -c text --losses first/demo-25k-step1000.npy --below 1.5 -o gradients
made quanta similarity gradients -o C.npy
made quanta cluster C.npy --clusters 5,20 -o labels.npy
made quanta envelope labels.npy --window 2:15 --json=ranks.json
made quanta theory --runs 2 --quanta 20000 --json=theory.json
made quanta toy --d 30 --sigma 0.5 --points 100 --subtasks 30 --clusters 5,10 --n-init 2 --alpha 0.8,1,1.2 --json=toy.json
parity=(--scaled --tasks 50 -n 20 --batch 1000 --log 50 --task-points 60 -z 1.4,1.6)
made parity "${parity[@]}" -s 1500 -w 9,20,60,100 -o runs
made parity "${parity[@]}" -s 1000 -w 60 -d 2000,5000,20000 -o runs --json=exponents.json
bench=(--rounds 1 --memory 8M --threads 1)
made bench peak "${bench[@]}" --json=peak.json
made bench kernels "${bench[@]}" --json=kernels.json
made bench gemm --models 14m --rows 64 "${bench[@]}" --json=gemm.json
made bench scan 64 --models 14m --rows 64 --precision int16 "${bench[@]}" --json=scan.json
made bench gradients 20 --models 14m "${bench[@]}" --json=backward.json
cat >table.csv <<'P'
Paper,Date,Category,Task,Task details,Architecture,Loss,Dependent Variable,Scaling Variable 1,Scaling Variable 2,Type,Functional form,Exponent 1,Exponent 2,Irreducible loss,Parameter values,Compute range (FLOP),,Data range (mixed),,Data unit,Size range (parameters),,Additional Conditions,Scaling strategy
A,1 Jan 2020,x,x,x,x,x,Loss,Parameters,Data,x,x,0.3,0.2,,,,,,,,,,,
B,1 Jan 2020,x,x,x,x,x,Loss,Parameters,Data,x,x,0.5,0.4,,,,,,,,,,,
P
made epoch table.csv --scatter --json=pairs.json

# --- every figure ---

# figure NAME RESULT...: by its name. Numbers and looks are checked for all at the end.
figure() {
    local name=$1
    shift
    echo "$name" >>drawn
    ok "figure $name" plot --figure "$name" "$@" --keep -o "$name.svg"
    ok "figure $name, 85 mm" plot --figure "$name" "$@" --size 85 --keep -o "$name-85.svg"
    echo "$name $name.tsv $* ${FURTHER:-}" >>numbers
}
if ! command -v gnuplot >/dev/null; then
    echo "SKIP figures: no gnuplot"
    exit $code
fi
figure points losses/points.csv
figure law power.json losses/points.csv
figure laws steps.json losses/points.csv
for name in chinchilla-contours residuals profiles bootstrap-pairs; do figure $name fit.json "$epoch"; done
FURTHER=without.json figure influence fit.json "$epoch"
# Pinned and bounded, it is that fit that is drawn: all but what is pinned.
ok "a pinned fit" "$TRIPOD" fit chinchilla "$epoch" --drop-highest 5 --bootstrap 0 --no-profile --pin alpha=0.34 --bound E=1.7: --json=pinned.json
ok "profiles of a pinned fit" plot --figure profiles pinned.json "$epoch" --keep -o pinned.svg
check "profiles of a pinned fit: four" "not four panels" test "$(grep -c 'Profile of' pinned.svg)" -eq 4
for name in isoflop minchilla; do figure $name isoflop.json "$epoch"; done
figure envelope envelope.json curves.csv
figure approaches approaches.json
figure allocation allocation.json
figure next design.json
for name in epoch qm18; do figure $name pairs.json; done
figure losses losses/demo-7k-step1000.npy
figure precisions losses/demo-{7k,25k}-step1000.npy int16/demo-{7k,25k}-step1000.json
cat >programs.json <<'P'
{"precisions": [
 {"name": "tripod", "model": "70m", "workload": "t1024", "speed": 1, "mean": 2.3e-6, "mean_se": 1e-8},
 {"name": "tripod", "model": "70m", "workload": "short", "speed": 1, "mean": 2.4e-6, "mean_se": 1e-8},
 {"name": "tripod int16", "model": "70m", "workload": "t1024", "speed": 1.75, "mean": 8.6e-4, "mean_se": 1e-5},
 {"name": "tripod int16", "model": "410m", "workload": "t1024", "speed": 1.77, "mean": 9.6e-4, "mean_se": 1e-5},
 {"name": "tripod int16", "model": "70m", "workload": "short", "speed": 1.7, "mean": 7.5e-4, "mean_se": 5e-4},
 {"name": "PyTorch bf16", "model": "70m", "workload": "t1024", "speed": 1.3, "mean": 2.5e-2, "mean_se": 3e-4}]}
P
figure programs programs.json
for name in qm3 qm11; do figure $name all.npy; done
figure qm4 all.npy found/jumps.npy
figure histogram histogram.json
figure tokens-by by.json
figure similarity C.npy
for name in qm5 qm16; do figure $name labels.npy C.npy; done
figure ranks ranks.json
figure gradients gradients
for name in qm2 qm8 qm9; do figure $name runs; done
figure qm7 runs/w60-z1.4-s0.json
figure qm10 exponents.json runs
figure qm-summary exponents.json
figure qm6 theory.json
figure qm17 toy.json
figure peak peak.json
for name in roofline kernels; do figure $name kernels.json; done
figure gemm gemm.json
figure phases scan.json
figure phases-backward backward.json
python3 "$here/plot_numbers.py" numbers || code=1
check "phases of a precision are named" "$(grep ytics phases.gp)" grep -q "'14m 64' 2, '14m 64 int16' 1" phases.gp
"$TRIPOD" plot --list --json | python3 -c 'import json, sys; print("\n".join(f["figure"] for f in json.load(sys.stdin)["figures"]))' >listed
is "the list is what is drawn here" "$(sort listed)" "$(sort drawn)"
check "figures can be read, at 160 and at 85 mm" "$(python3 "$here/plot_look.py" ./*.svg 2>&1 | head -n 5)" python3 "$here/plot_look.py" ./*.svg
mkdir slides
for name in points:losses/points.csv minchilla:isoflop.json qm2:runs approaches:approaches.json; do
    ok "slide ${name%:*}" plot --figure "${name%:*}" "${name#*:}" --size slide --keep -o "slides/${name%:*}.svg"
done
check "and on a slide" "$(python3 "$here/plot_look.py" slides/*.svg 2>&1 | head -n 5)" python3 "$here/plot_look.py" slides/*.svg

# --- what a file is ---

# kind FIGURE RESULT...: what is drawn without a name.
kind() {
    local name=$1
    shift
    ok "$name of $*" plot "$@" -o k.svg
    shows "it is $name" "^$name"
}
kind points losses/points.csv
kind points losses
kind law power.json
kind law fit.json "$epoch"
kind laws steps.json
kind isoflop isoflop.json
kind envelope envelope.json
kind approaches approaches.json
kind allocation price.json
kind next design.json
kind qm10 exponents.json
kind epoch table.csv
kind losses losses/demo-7k-step64.json
kind programs programs.json
kind qm3 all.npy
kind qm3 all.json
kind qm4 all.npy found/jumps.npy
kind similarity C.json
kind qm5 labels.npy
kind qm5 C.npy labels.json
kind gradients gradients/gradients.json
kind qm2 runs
kind qm2 runs/w20-z1.4-s0.json
check "the image alone stays" "$(ls k.*)" test "$(ls k.*)" = k.svg
for type in svg png pdf; do ok "$type" plot power.json -o "t.$type" --size 85; done
check "each begins as it should" "" test "$(head -c 4 t.pdf)$(head -c 5 t.svg)$(head -c 4 t.png | tail -c 3)" = '%PDF<?xmlPNG'
check "a PNG of 85 mm at 300 dots an inch" "$(head -c 24 t.png | od -An -tx1)" python3 -c 'import struct, sys
assert struct.unpack(">I", open("t.png", "rb").read()[16:20])[0] == round(85 / 25.4 * 300)'
ok "named after the figure" plot power.json
check "law.svg" "$(ls ./*.svg)" test -s law.svg
ok "a title" plot power.json --title "It's 5 % of a_b" --keep -o title.svg
check "stands in the script" "$(grep 'set title' title.gp)" grep -qF "It''s 5 % of a\_b" title.gp
ok "bits" plot losses/points.csv --bits --keep -o bits.svg
check "by ln 2" "$(grep ylabel bits.gp)" python3 - <<'P'
import math
rows = lambda f: [line.split("\t") for line in open(f).read().split("\n")[1:] if line]
nats, bits = rows("points.tsv"), rows("bits.tsv")
assert len(nats) == len(bits) > 9 and all(abs(float(b[2]) * math.log(2) / float(n[2]) - 1) < 1e-8 for n, b in zip(nats, bits))
assert open("bits.gp").read().count("bits per token") >= 2 and "nats" not in open("bits.gp").read()
P
ok "bits of colours" plot --figure chinchilla-contours fit.json "$epoch" --bits --keep -o contours.svg
check "by ln 2, and their scale" "$(grep cb contours.gp)" python3 - <<'P'
import math, re
rows = lambda f: [line.split("\t") for line in open(f).read().split("\n")[1:] if line]
nats, bits = rows("chinchilla-contours.tsv"), rows("contours.tsv")
pairs = [(float(n[5]), float(b[5])) for n, b in zip(nats, bits) if "runs" in n[0]]
assert len(pairs) > 200 and all(abs(b * math.log(2) / n - 1) < 1e-8 for n, b in pairs)
lo, hi = map(float, re.search(r"cbrange \[(.*):(.*)\]", open("contours.gp").read()).groups())
assert abs(lo - min(b for _, b in pairs)) < 1e-6 and abs(hi - max(b for _, b in pairs)) < 1e-6 and "cblabel 'loss (bits per token)'" in open("contours.gp").read()
P
ok "the data are found beside the result" sh -c "mkdir moved && cp isoflop.json '$epoch' moved/ && cd moved && sed -i 's|\"file\": *\"[^\"]*\"|\"file\": \"/nowhere/epoch_chinchilla.csv\"|' isoflop.json && '$TRIPOD' plot isoflop.json"
# A formula, whose third variable is the vocabulary: what it says of each row.
python3 - >vocabulary.csv <<'P'
print("N,D,V,loss")
for i in range(60):
    n, d, v = 10 ** (7 + i % 5 / 2), 10 ** (9 + i // 5 % 4 / 2), 16000 * 4 ** (i // 20)
    print(f"{n:g},{d:g},{v},{1.8 + 478 * n**-.347 + 20 * v**-.5 + 0.001 * (i * 7 % 11 - 5):.6f}")
P
made fit --law 'E + A*N^-alpha + B*V^-beta' vocabulary.csv --bootstrap 0 --no-profile --json=formula.json
ok "a law of one's own" plot formula.json --keep -o formula.svg
check "read from the columns it has" "$(sed -n 2,3p formula.tsv)" python3 - <<'P'
import csv, json
p = {k: v["value"] for k, v in json.load(open("formula.json"))["params"].items()}
rows = list(csv.DictReader(open("vocabulary.csv")))
drawn = sorted(tuple(map(float, r.split("\t")[1:3])) for r in open("formula.tsv").read().split("\n")[1:] if "observed" in r)
wanted = sorted((p["E"] + p["A"] * float(r["N"]) ** -p["alpha"] + p["B"] * float(r["V"]) ** -p["beta"], float(r["loss"])) for r in rows)
assert len(drawn) == 60 and all(abs(a - b) < 1e-7 for u, v in zip(drawn, wanted) for a, b in zip(u, v))
P
ok "its residuals" plot --figure residuals formula.json -o formula.svg
made fit power vocabulary.csv --x d --bootstrap 0 --json=small.json
ok "a variable in small letters" plot small.json --keep -o small.svg
check "is that variable" "$(grep xlabel small.gp)" grep -q "xlabel 'D (" small.gp
ok "recipes" plot --recipes --figure qm8
shows "can be copied" '^tripod parity --preset figure8'

# --- many points ---

python3 - >many.csv <<'P'
print("N,D,loss")
for i in range(30000):
    print(f"{1e7 + 1000 * i:g},{1e9 + 7e5 * i:g},{3 - i / 20000}")
P
ok "thirty thousand runs" plot many.csv --keep -o many.svg
check "are thinned, and the figure says so" "$(grep 'set title' many.gp | head -n 1)" grep -q 'one in 3 of 60000 points drawn' many.gp
check "all are in the data" "$(wc -l <many.tsv)" test "$(wc -l <many.tsv)" -gt 60000

# --- what is wrong ---

misuse "nothing to draw" 'no result to draw' plot
misuse "two questions" 'not both' plot --list --recipes
misuse "a size there is not" '--size' plot power.json --size 90
for name in fig - .svg fig.jpg; do misuse "an image called $name" "ends in .svg, .png or .pdf, found '$name'" plot power.json -o $name; done
tr , '\t' <losses/points.csv >runs.tsv
cp runs.tsv runs.png
before=$(cksum <runs.tsv)
fails "data over the runs drawn" 'runs.tsv: would be written over' plot runs.tsv -o runs.svg --keep
fails "an image over them" 'runs.png: would be written over' plot runs.png -o runs.png
is "they stay" "$before $before" "$(cksum <runs.tsv) $(cksum <runs.png)"
fails "no such figure" "no figure is called 'qm1'.*--list" plot --figure qm1 power.json
fails "no such file" 'nothing.json: cannot open' plot nothing.json
fails "an empty folder" 'a folder without' sh -c "mkdir -p empty && '$TRIPOD' plot empty"
fails "results that do not belong together" 'no figure shows these together' plot power.json C.npy
fails "a second of a kind" 'demo-25k-step0.npy: losses of a checkpoint .*: figure losses draws one of these' plot losses/demo-{7k,25k}-step0.npy
fails "a figure of another kind" 'all.npy: matrix of losses.*expected JSON of tripod fit for figure profiles' plot --figure profiles all.npy
echo '{"a": 1}' >other.json
fails "another JSON" 'other.json: JSON of a kind that is not drawn' plot other.json
echo '{"law": ' >broken.json
fails "broken JSON" 'broken.json: line [0-9]+: not JSON' plot broken.json
echo 'a,b' >two.csv
echo '1,2' >>two.csv
fails "a table of something else" 'two.csv' plot two.csv
sed 's|"file": *"[^"]*"|"file": "/nowhere/x.csv"|' isoflop.json >lost.json
fails "rows that are gone" "lost.json: the rows it was made of are not at '/nowhere/x.csv'" plot lost.json
fails "rows of another file" 'curves.csv: not the file that isoflop.json was made of' plot isoflop.json curves.csv
sed 's/"value": 0.5038/"value": 0.4038/' isoflop.json >changed.json
fails "a result that its rows do not give" 'changed.json: from its rows the exponent of N is' plot changed.json "$epoch"
fails "precisions of float32 alone" 'in float32, as all results' plot --figure precisions losses/demo-7k-step1000.npy
fails "without float32's" 'demo-25k-step1000.npy: in int16: none of the results are its losses in float32' \
    plot --figure precisions int16/demo-25k-step1000.npy losses/demo-7k-step1000.npy
fails "a design that chooses nothing" 'no run is chosen' sh -c "sed 's/\"runs\"/\"others\"/' design.json >none.json; '$TRIPOD' plot none.json"
fails "programs without a speed" 'slow.json: precisions.5.: expected a speed above 0' sh -c "sed s/1.3,/0,/ programs.json >slow.json; '$TRIPOD' plot slow.json"
fails "no programs" 'none.json: precisions: expected a list of points' sh -c "echo '{\"precisions\": []}' >none.json; '$TRIPOD' plot none.json"
fails "no resamples" 'no resamples' plot --figure bootstrap-pairs without.json
fails "a folder for an image" 'found a folder' plot power.json -o ./
mkdir bin
fails "no gnuplot: says what to install" 'gnuplot is not installed.*gnuplot-nox.*are written' env PATH="$T/bin" "$TRIPOD" plot power.json -o bare.svg
check "script and data are there" "$(ls bare.*)" test "$(echo bare.*)" = "bare.gp bare.tsv"
# A gnuplot that writes half an image, and then lingers.
cat >bin/gnuplot <<'P'
#!/bin/sh
image=${2#*image = \'}
echo "<svg>" >"${image%\'}"
[ ! -e "$T/linger" ] || { echo $$ >"$T/linger"; exec sleep 600; }
P
chmod +x bin/gnuplot
fails "half an image" 'half.svg: gnuplot wrote a part of it' env T="$T" PATH="$T/bin:$PATH" "$TRIPOD" plot power.json -o half.svg
touch linger
T=$T PATH=$T/bin:$PATH "$TRIPOD" plot power.json -o half.svg &
until_true test -s "half.svg.part-$!"
kill $!
wait $! 2>/dev/null
kill "$(cat linger)" 2>/dev/null
check "nothing of it is left, nor after an interruption" "$(ls half.* 2>&1)" test ! -e half.svg
sed 's/"gflop_per_s": [0-9.e+]*/"gflop_per_s": 1e308/' kernels.json >beyond.json
ok "numbers beyond what gnuplot takes are left out" plot --figure roofline beyond.json -o beyond.svg
check "no part is left" "$(ls -a | grep part)" test -z "$(find . -name '*.part*')"
exit $code
