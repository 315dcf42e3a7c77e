# The demo suite: its losses against float64 and PyTorch's float32, their digest (the same on every machine), and what `make demo` runs.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden/demo
suite=$ROOT/models/demo
python=/usr/bin/python3

# What is committed is what `make demo-suite` made, and the weights before the first step follow from its command alone.
check "the suite is that of SHA256SUMS" "" sh -c 'cd "$1" && grep " demo-" SHA256SUMS | sha256sum --quiet -c && [ "$(ls -d demo-*/step* | wc -l)" = "$(grep -c safetensors SHA256SUMS)" ]' - "$suite"
cp -r "$suite" "$T/suite"
"$TRIPOD" tokenize "$golden"/doc1.txt "$golden"/doc2.txt "$golden"/doc3.txt -t "$suite/tokenizer.json" -o "$T/docs" >/dev/null
ok "token ids are the reference's" $python - "$golden/reference.json" "$T/docs.bin" <<'P'
import json, sys
import numpy as np
ids = sum((d["ids"] for d in json.load(open(sys.argv[1]))["documents"]), [])
assert np.fromfile(sys.argv[2], "<u2").tolist() == ids and len(ids) > 500
P
ok "tripod train draws its weights" "$TRIPOD" train -c "$T/docs" -t "$suite/tokenizer.json" --vocab 512 -w 16 -l 1 --heads 1 -T 32 -b 1 -s 1 --save 0 \
    --seed 1234 --dtype f16 -q --threads 1 -o "$T/demo-3k"
ok "they are exported" "$TRIPOD" export "$T/demo-3k/step0.tripod" -o "$T/step0"
same "and the suite's" "$suite/demo-3k/step0/model.safetensors" "$T/step0/model.safetensors"
"$TRIPOD" import "$T"/suite/demo-*/step* -o "$T/models/" >/dev/null
"$TRIPOD" scan "$T"/models/*.tripod -c "$T/docs" -o "$T/docs-losses" >/dev/null 2>"$T/err" || { echo "FAIL scan: $(cat "$T/err")"; code=1; }
"$TRIPOD" gather "$T/docs-losses" -o "$T/docs.npy" >/dev/null
ok "errors are at most PyTorch's" $python - "$golden" "$T/docs-losses" <<'P'
import glob, sys
import numpy as np
golden, ours = sys.argv[1:]
truths = glob.glob(golden + "/*.f64.npy")
assert len(truths) >= 3
mean = np.zeros(2)
for path in truths:
    truth = np.load(path)
    name = path.rsplit("/", 1)[1].replace(".f64.npy", "")
    mine = np.abs(np.load(f"{ours}/{name}.npy") - truth)
    torch = np.abs(np.load(path.replace("f64", "f32")) - truth)
    print(name, mine.mean() / torch.mean(), mine.max() / torch.max(), file=sys.stderr)
    mean += [mine.mean(), torch.mean()]
    # One of demo-115k's predictions is ill-conditioned: the worst of both, and there ours is 1.72 times PyTorch's.
    bar = 1.75 if name == "demo-115k-step1000" else 1.5
    assert mine.mean() <= torch.mean() and mine.max() <= bar * torch.max(), name
P
cat "$T/err"
digest=$(sha256sum <"$T/docs.npy" | cut -c -64)
if [ "$digest" = "$(cat "$golden/digest.txt")" ]; then
    echo "ok the digest of all losses is the committed one"
else
    echo "FAIL digest: this machine's losses have $digest"; code=1
fi

# What make demo runs, on this machine's licences.
ok "make demo's script" env DEMO_OUT="$T/demo" TRIPOD="$TRIPOD" sh "$suite/run.sh"
shows "it shows the law" '^alpha'
shows "it shows clusters of predictions" '^ *2  .*\[\['
shows "it prints the path of the report" '^report +.*/report.html$'
shows "it shows subtasks learned" '^subtask 1 .*learned at step +[0-9]+;'
if command -v gnuplot >/dev/null; then
    ok "it draws the figures" test -s "$T/demo/losses.png" -a -s "$T/demo/parity.png"
    # The README's figures are those of this suite, as long as text and gnuplot are the same.
    mkdir "$T/figures"
    ok "make figures' script" env TRIPOD="$TRIPOD" sh "$suite/figures.sh" "$T/demo" "$T/figures"
    if cmp -s "$T/figures/figures.txt" "$suite/figures.txt"; then
        for f in points law; do same "the README's $f.svg is current (else: make figures)" "$T/figures/$f.svg" "$suite/$f.svg"; done
    else
        echo "SKIP figures current: they were made of other licences, or by another gnuplot"
    fi
    for f in points law; do
        check "$f.svg is small, and the README shows it" "$(wc -c <"$suite/$f.svg")" \
            sh -c "[ \$(wc -c <'$suite/$f.svg') -lt 100000 ] && grep -qF '(models/demo/$f.svg)' '$ROOT/README.md'"
    done
    check "it ends with a report" "$(cat "$T/demo/report.log")" $python "$ROOT/tests/cli/report_page.py" safe "$T/demo/report.html"
else
    echo "SKIP figure: no gnuplot"
fi
ok "losses fall with size and with step on text the models have not seen" $python - "$T/demo/losses/points.csv" <<'P'
import csv, sys
loss = {}
for row in csv.DictReader(open(sys.argv[1])):
    loss.setdefault(int(row["N"]), {})[int(row["step"])] = float(row["loss"])
sizes = sorted(loss)
assert len(sizes) == 7 and sum(map(len, loss.values())) == 49
last = max(loss[sizes[0]])
assert all(loss[a][last] > loss[b][last] + .02 for a, b in zip(sizes, sizes[1:])), loss
for n in sizes:
    curve = [loss[n][s] for s in sorted(loss[n])]
    assert all(a > b for a, b in zip(curve, curve[1:])), (n, curve)
P
# Each subtask falls at once, in the order of frequency; the mean never falls by much, and falls as a power of the step.
ok "subtasks fall one after another, the mean smoothly" $python - "$T/demo/parity/w200-z1.4-s0" <<'P'
import json, sys
import numpy as np
tasks = np.load(sys.argv[1] + ".npy") / np.log(2)
mean = np.array(json.load(open(sys.argv[1] + ".json"))["mean"]) / np.log(2)
first = [np.argmax(tasks[:, k] < .1) if (tasks[:, k] < .1).any() else np.inf for k in range(60)]
learned = [k for k in range(60) if np.isfinite(first[k])]
assert len(learned) >= 7 and max(learned) < 12 and tasks[0].min() > .9, first
rank = np.argsort(np.argsort([first[k] for k in learned]))
assert np.corrcoef(rank, range(len(learned)))[0, 1] >= .9, first
assert max(first[k] for k in learned) > 10 * min(first[k] for k in learned)
steps = np.arange(len(mean)) * 100.
late = steps >= 500
x, y = np.log(steps[late]), np.log(mean[late])
slope, at = np.polyfit(x, y, 1)
assert -.45 < slope < -.2 and np.abs(y - slope * x - at).max() < .1, slope
P
exit $code
