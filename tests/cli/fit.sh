# Command-line tests of tripod fit.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
EPOCH=$ROOT/tests/data/epoch_chinchilla.csv
has() { # NAME REGEX: the last command's stdout matches
    if grep -Eq -- "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: not found: $2"; code=1; fi
}

ok "fit laws" "$TRIPOD" fit laws
has "fit laws lists formulas" 'L = E \+ A N\^-alpha \+ B D\^-beta'
ok "fit chinchilla" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 40 --boot-starts 0 --budget 5.76e23 --predict 70B,1.4T
has "fit: the optimum" '^# objective huber:0.001 = 0\.00101827401780.*36 of 36 starts agree'
has "fit: alpha" '^alpha	0\.3473105	.*	identified'
has "fit: dropped rows named" '^# line 2 dropped: loss 5\.00558 is one of the 5 highest'
has "fit: D/N" '^D/N	17\.92101'
has "fit: quantised losses" 'losses are quantised: 94 distinct values'
cp "$T/out" "$T/one"
ok "fit, another thread count" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 40 --boot-starts 0 --budget 5.76e23 --predict 70B,1.4T --threads 3
if cmp -s "$T/one" "$T/out"; then echo "ok fit: same bytes for any thread count"; else echo "FAIL fit: threads change the output"; code=1; fi

ok "fit --json" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 0 --json
if python3 - "$T/out" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
assert o["law"] == "chinchilla" and o["objective"] == "huber:0.001"
assert set(o["params"]) == {"E", "A", "B", "alpha", "beta"}
for p in o["params"].values():
    assert {"value", "se", "lo", "hi", "verdict"} <= set(p) and p["lo"] < p["value"] < p["hi"]
w = o["witness"]
assert w["agrees"] is True and w["method"] == "BFGS2" and w["difference"] < 1e-10, w
assert o["starts"] == {"total": 36, "agree": 36} or o["starts"]["agree"] >= 34
assert o["rows"]["used"] == 240 and o["rows"]["dropped"] == 5
assert abs(o["objective_value"] - 0.0010182740178006) < 1e-13
assert o["verdict"] in ("identified", "weak", "unidentified")
PY
then echo "ok fit: JSON has the keys promised"; else echo "FAIL fit: JSON"; code=1; fi

# GSL's own minimisers as witnesses; of these twelve rows Kaplan's law has two valleys, and all starts end in the higher.
ok "fit: a witness" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 0 --no-profile
has "fit: GSL agrees" '^# GSL agrees to [0-9]e-1[0-9] \(BFGS2\)'
ok "fit --no-witness" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 0 --no-profile --no-witness
if grep -q GSL "$T/out"; then echo "FAIL fit --no-witness: GSL is named"; code=1; else echo "ok fit --no-witness names none"; fi
cat >"$T/valleys.csv" <<'CSV'
N,D,loss
167314451.37234604,2601360487.472871,3.1249341307151237
499311925.4933705,8114192111.783766,2.6860098570753554
107337345.93454792,22839344081.323025,2.8508058328286987
455089381.5620029,36553582345.03027,2.5069970854048704
478539298.47122663,86291404586.91953,2.4285756189296626
928740853.8910598,19818258947.04581,2.4740367626778816
1473592309.0060637,29182217544.170734,2.378614041564658
11638911548.957949,32717008438.44846,2.2141789595507846
2397832654.1884274,74514619720.05678,2.249502018494855
1010181471.79103,22534734543.21517,2.4488270833412953
717417005.9957392,29199896139.301876,2.4635557173520035
272018511.82424146,39067050141.86733,2.5890343266809346
CSV
ok "fit: two valleys" "$TRIPOD" fit kaplan "$T/valleys.csv" --bootstrap 0 --no-profile
has "fit: GSL does not agree" '^# WARNING: GSL does not agree: its BFGS2 finds an objective lower by'
has "fit: the verdict says so" '^# verdict: .*GSL does not agree'
ok "fit --json: a witness" "$TRIPOD" fit kaplan "$T/valleys.csv" --bootstrap 0 --no-profile --json
if python3 - "$T/out" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
w = o["witness"]
assert w["method"] == "BFGS2" and w["agrees"] is False and 1e-3 < w["difference"] < 1e-1, w
assert o["verdict"] != "identified", o["verdict"]
PY
then echo "ok fit: JSON of a witness"; else echo "FAIL fit: JSON of a witness"; code=1; fi

ok "fit --pin" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 0 --no-profile --pin E=1.7
has "fit: a pinned parameter" '^E	1\.7	.*	pinned'
has "fit: what the pin costs" '^# pinning costs'
ok "fit from stdin" sh -c "'$TRIPOD' fit power - --bootstrap 0 <'$EPOCH'"
ok "fit --by" "$TRIPOD" fit power "$EPOCH" --x C --by "Model Size" --bootstrap 0

printf 'model,N,N_total,step,tokens,mean_loss,se,perplexity\n' >"$T/points.csv"
for m in 1 2 4 8 16; do for s in 0 8 16 64 512 4096; do
    awk -v n=$m -v s=$s 'BEGIN { printf "m%d,%de6,%de6,%d,%d,%.9f,0.01,1\n", n, n, n, s, s * 2097152, 2 + 300 * (n * 1e6) ^ -0.3 + (s ? 3 * s ^ -0.5 : 6) }'
done; done >>"$T/points.csv"
ok "fit power of checkpoints" "$TRIPOD" fit power-constant "$T/points.csv" --bootstrap 0
has "fit: last steps only" 'only the last step of each run is used'
has "fit: the exponent of N" '^alpha	0\.3	|^alpha	0\.2999|^alpha	0\.3000'
# A table is read once, so that a pipe will do as well as a file: the last steps, other columns of N, rows back in.
same_stdin "fit: last steps from stdin" "$T/points.csv" "fit power-constant" --bootstrap 0
same_stdin "fit --sensitivity from stdin" "$T/points.csv" "fit steps" --bootstrap 0 --sensitivity --drop-line 4
shows "fit --sensitivity: N counted otherwise" '^N is column N_total'
shows "fit --sensitivity: rows back in" '^dropped rows back in'
ok "fit steps" "$TRIPOD" fit steps "$T/points.csv" --bootstrap 0
has "fit: the exponent of the step" '^beta	0\.5	|^beta	0\.4999|^beta	0\.5000'
has "fit: step 0 is dropped and named" 'line 2 dropped: step is 0: expected more than 0'
ok "fit each model over steps" "$TRIPOD" fit power-constant "$T/points.csv" --x step --by model --bootstrap 0
ok "fit: header in another order, other names" sh -c "printf 'ppl;params;tokens\n20;1M;1B\n18;2M;1B\n17;4M;1B\n16.5;8M;1B\n' | '$TRIPOD' fit power - --bootstrap 0"
has "fit: perplexity is converted and said" 'loss = ln\(perplexity\)'

# A terminal: the verdict and the law in numbers first, then parameters; what else is known with --details.
for columns in 80 160; do
    terminal "fit on $columns columns" $columns "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 40 --boot-starts 0 --budget 1e21 --predict 70B,1.4T
done
if [ "$(sed -n 1,2p "$T/out")" = "chinchilla: weak (B weak)
L = 1.817 + 478 N^-0.347 + 2143 D^-0.367" ]; then echo "ok fit: the law in numbers"; else echo "FAIL fit: the law in numbers: $(head -2 "$T/out")"; code=1; fi
has "fit: an interval and a verdict" '^B +2143  1205 \.\. 7086 +weak: known to a factor of 5\.88'
has "fit: the field's units" '^N\* +2\.792 B  2\.424 B \.\. 3\.391 B +1e21  identified'
if grep -q 'correlation  \|starts agree\|line 2 dropped\|^# ' "$T/out"; then echo "FAIL fit: details unasked"; code=1; else echo "ok fit: no details unasked"; fi
terminal "fit --details" 80 "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 --bootstrap 40 --boot-starts 0 --details
has "fit --details: correlations" '^correlation +E +A +B'
has "fit --details: the solver" '36 of 36 starts agree'
has "fit --details: rows dropped" '^line 2 dropped'
for law in power kaplan coupled broken2; do
    terminal "fit $law on 80 columns" 80 "$TRIPOD" fit $law "$EPOCH" --bootstrap 0 --no-profile --grid 2
done

# Sub-commands are chosen by the first plain word, wherever else their names stand.
printf 'bias,N,loss\na,1e6,5\na,2e6,4\na,4e6,3.3\na,8e6,2.6\na,16e6,2.2\n' >"$T/envelope"
ok "fit --by a column called bias" "$TRIPOD" fit power "$T/envelope" --by bias --bootstrap 0
has "fit --by bias: it is a fit" '^# group a'
ok "fit of a file called envelope" sh -c "cd '$T' && '$TRIPOD' fit power envelope --bootstrap 0"
has "fit envelope file: it is a fit" '^alpha	'
ok "fit: options before the law" "$TRIPOD" fit --by bias --bootstrap=0 power "$T/envelope"
ok "fit: options before the sub-command" "$TRIPOD" fit --span 4 --surface 0.34,0.28 bias
has "fit bias" '^0\.34	0\.28	4	15	'
ok "fit -- LAW" "$TRIPOD" fit --bootstrap 0 -- power "$T/envelope"

# Pythia's wikitext bits per byte (v0), non-embedding N: ln y on ln N has slope -0.072426.
printf 'params,bits_per_byte\n85056000,0.9360108878533313\n302311424,0.839809646843508\n1208602624,0.7566636913453257\n6444163072,0.6769633837921767\n11327027200,0.6555956922652953\n' >"$T/wikitext.csv"
ok "fit power of wikitext" "$TRIPOD" fit power "$T/wikitext.csv" --bootstrap 0
has "fit: wikitext slope" '^alpha	0\.072425[5-9]|^alpha	0\.072426'
has "fit: bits are converted and said" 'loss = bits x ln 2'

# Bad input: one line with file, line and column, exit 1, nothing on stdout.
bad() { # NAME REGEX TEXT [ARGS]: a chinchilla fit of TEXT
    local name=$1 regex=$2 text=$3
    shift 3
    printf "$text" >"$T/bad.csv"
    fails "fit: $name" "$regex" "$TRIPOD" fit chinchilla "$T/bad.csv" "$@"
}
bad "empty file" 'bad.csv: expected a header and rows, found an empty file' ''
bad "header only" 'bad.csv: line 1: expected data rows' 'N,D,loss\n'
bad "no such column" "line 1: expected a column for the loss, found 'N', 'D', 'x'" 'N,D,x\n1,2,3\n'
bad "not a number" "bad.csv: line 3, column 2 \(D\): expected a number, found 'abc'" 'N,D,loss\n1e6,1e9,3\n1e6,abc,3\n'
bad "ragged row" 'bad.csv: line 3: expected 3 fields as in the header, found 2' 'N,D,loss\n1e6,1e9,3\n1e6,3\n'
bad "open quote" 'bad.csv: line 2, column 1: a quote is opened and never closed' 'N,D,loss\n"1e6,1e9,3\n'
bad "stray quote" 'bad.csv: line 2, column 2: expected a quote only around a whole field' 'N,D,loss\n1e6,1"e9,3\n'
bad "zero byte" 'bad.csv: line 2: expected text, found a zero byte' 'N,D,loss\n1e6,\0001e9,3\n'
bad "same header twice" "expected one column for N, found 'N' and 'n'" 'N,n,D,loss\n1,1,1,1\n'
bad "two rows" '2 rows cannot determine the 5 parameters' 'N,D,loss\n1e6,1e9,3\n2e6,2e9,2.9\n'
bad "one D only" 'D is the same in all 7 rows' 'N,D,loss\n1e6,1e9,3\n2e6,1e9,2.9\n3e6,1e9,2.8\n4e6,1e9,2.7\n5e6,1e9,2.6\n6e6,1e9,2.5\n7e6,1e9,2.4\n'
bad "all N equal" 'N is the same in all 7 rows' 'N,D,loss\n1e6,1e9,3\n1e6,2e9,2.9\n1e6,3e9,2.8\n1e6,4e9,2.7\n1e6,5e9,2.6\n1e6,6e9,2.5\n1e6,7e9,2.4\n'
bad "constant losses" 'all 6 losses are equal' 'N,D,loss\n1e6,1e9,3\n2e6,2e9,3\n3e6,1e9,3\n4e6,4e9,3\n5e6,5e9,3\n6e6,7e9,3\n'
bad "no row left" 'no row is left of 1; line 2: loss is .nan.' 'N,D,loss\n1e6,1e9,nan\n'
bad "negative weight" 'line 2, column 4 \(weight\): expected a weight of at least 0, found -1' 'N,D,loss,weight\n1e6,1e9,3,-1\n'
fails "fit: missing file" "$T/none.csv: cannot open" "$TRIPOD" fit chinchilla "$T/none.csv"
fails "fit: a directory" 'expected a file, found a directory' "$TRIPOD" fit chinchilla "$T"
fails "fit: unknown law" "expected a law \(power, .*found 'nonsense'" "$TRIPOD" fit nonsense "$EPOCH"
fails "fit: unknown objective" '--objective: expected huber:DELTA' "$TRIPOD" fit chinchilla "$EPOCH" --objective l2
fails "fit: a line that is no row" 'drop-line 1: expected a line with a row, 2 to 246' "$TRIPOD" fit chinchilla "$EPOCH" --drop-line 1
fails "fit: a line behind the last" 'drop-line 247: expected a line with a row, 2 to 246' "$TRIPOD" fit chinchilla "$EPOCH" --drop-line 247
fails "fit: a pin twice" '--pin alpha: given twice' "$TRIPOD" fit chinchilla "$EPOCH" --pin alpha=0.3 --pin alpha=0.4
fails "fit: a bound twice" '--bound alpha: given twice' "$TRIPOD" fit chinchilla "$EPOCH" --bound alpha=:1 --bound alpha=0:
ok "fit: a pin no row can bear" "$TRIPOD" fit chinchilla "$EPOCH" --pin E=1e300 --bootstrap 0 --no-profile
shows "fit: says nothing of its allocations" '^G	.*	unidentified	-	no standard error'
fails "fit: unknown parameter" 'expected NAME=... with a parameter of chinchilla \(E, A, B, alpha, beta\)' "$TRIPOD" fit chinchilla "$EPOCH" --pin gamma=1
fails "fit: unknown column" "expected a column 'size' for N" "$TRIPOD" fit chinchilla "$EPOCH" --N size
fails "fit: half a prediction" '--predict: chinchilla needs N,D' "$TRIPOD" fit chinchilla "$EPOCH" --predict 1e9
fails "fit: no runs to draw" 'expected at least 4 runs \(--run names their column\), found 1' "$TRIPOD" fit chinchilla "$EPOCH" --bootstrap cluster:100
fails "fit: bad --where" '--where: expected COLUMN=VALUE' "$TRIPOD" fit chinchilla "$EPOCH" --where loss
misuse "fit: no file" 'expected FILE' "$TRIPOD" fit chinchilla
misuse "fit: bad number" '--level: expected 0.01 to 0.9999' "$TRIPOD" fit chinchilla "$EPOCH" --level 95
misuse "fit: bad bootstrap" '--bootstrap: expected pairs' "$TRIPOD" fit chinchilla "$EPOCH" --bootstrap rows:100
fails "fit: full disk" 'cannot' sh -c "'$TRIPOD' fit power '$EPOCH' --bootstrap 0 >/dev/full"
exit $code
