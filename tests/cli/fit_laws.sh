# Command-line tests of tripod fit: formulas, schedules, other people's tables, accuracies.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
EPOCH=$ROOT/tests/data/epoch_chinchilla.csv
FAST="--bootstrap 40 --boot-starts 0 --no-witness"

# A formula that is a law of the table is that law.
ok "fit chinchilla" "$TRIPOD" fit chinchilla "$EPOCH" --drop-highest 5 $FAST --json
python3 -c "import json, sys; o = json.load(open(sys.argv[1])); json.dump([o['params'], o['bootstrap'], o['objective_value']], sys.stdout)" \
    "$T/out" >"$T/table"
ok "fit --law" "$TRIPOD" fit --law 'E + A*N^-alpha + B*D^-beta' "$EPOCH" --drop-highest 5 $FAST --json
python3 -c "import json, sys; o = json.load(open(sys.argv[1])); json.dump([o['params'], o['bootstrap'], o['objective_value']], sys.stdout)" \
    "$T/out" >"$T/formula"
if [ -s "$T/table" ] && cmp -s "$T/table" "$T/formula"; then echo "ok fit --law: every digit of chinchilla's"; else
    echo "FAIL fit --law: not chinchilla's digits"
    code=1
fi
{ echo N,D,loss && for n in 1 2 4 8; do for d in 1 3 9; do awk -v n=$n -v d=$d 'BEGIN { N = n * 1e8; D = d * 1e10; print N "," D "," 1 + 3000 * (6 * N * D) ^ -0.2 }'; done; done; } >"$T/compute.csv"
# Of one variable, too: the same objective, and the last step of each run.
{ echo "model,step,N,loss" && for n in 10 20 50 100 300; do for s in 100 400 1600; do awk -v n=$n -v s=$s 'BEGIN { print "m" n "," s "," n "e6," (1.5 + 300 * (n * 1e6) ^ -0.3 + 20 * s ^ -0.4) * (1 + 0.001 * (n % 7 - 3)) }'; done; done; } >"$T/steps.csv"
for law in 'power' 'A*N^-alpha'; do
    ok "fit $law" "$TRIPOD" fit "$law" "$T/steps.csv" $FAST --tsv
    grep -v '^#' "$T/out" >"$T/one"
    [ -s "$T/first" ] || cp "$T/one" "$T/first"
done
is "fit of one variable: every digit of power's" "$(cat "$T/first")" "$(cat "$T/one")"
ok "fit a formula of C" "$TRIPOD" fit --law 'E + A*C^-a' "$T/compute.csv" $FAST --no-profile --predict 1e21
shows "fit a formula of C: C is what is predicted at" '^C	D	loss'
# No loss anywhere: that ends, too.
fails "fit a formula that is negative" 'none of 36 starts of E \+ A - N reached an optimum' timeout 60 "$TRIPOD" fit 'E + A - N' "$EPOCH" --bootstrap 0
ok "fit FORMULA" "$TRIPOD" fit 'L = A/N^alpha + (E^k + (B*D^-beta)^k)^(1/k)' "$EPOCH" --drop-highest 5 --bootstrap 0 --no-profile
shows "fit FORMULA: parameters" '^k	'
ok "fit FORMULA saved" "$TRIPOD" fit --law 'E + A*N^-a + B*D^-b + F*N^-a*D^-b' "$EPOCH" --drop-highest 5 $FAST --json="$T/own.json"
ok "allocate by a formula" "$TRIPOD" allocate "$T/own.json" --budget 1e21
fails "fit --law: where it is wrong" "character 17: expected a number, a name or \(, found the end" "$TRIPOD" fit --law 'E + A*N^-alpha +' "$EPOCH"
fails "fit --law: no parameter" 'expected a parameter to fit' "$TRIPOD" fit --law '3*N' "$EPOCH"
fails "fit --law: a column that is not there" 'expected a column for vocabulary' "$TRIPOD" fit --law 'E + A*N^-a + B*V^-b' "$EPOCH"
fails "fit --law: too many parameters" '3 rows cannot determine the 5 parameters' sh -c "printf 'N,D,loss\n1e6,1e9,3\n2e6,1e9,2.9\n3e6,2e9,2.8\n' | '$TRIPOD' fit --law 'E + A*N^-a + B*D^-b' -"
misuse "fit --law and a name" 'expected FILE alone after --law' "$TRIPOD" fit --law 'A*N^-a' chinchilla "$EPOCH"
misuse "fit --law without a file" 'expected FILE' "$TRIPOD" fit --law 'A*N^-a'

# A schedule: three runs, constant, linear and stepped rates, by the law's own sum.
python3 - "$T" <<'PY'
import sys
T = sys.argv[1]
def rates(run):
    r = []
    for t in range(6001):
        warm, share = min(t / 500, 1), max(t - 500, 0) / 5500
        r.append(3e-4 * warm * {"a": 1, "b": 1 - 0.9 * share, "c": 1 if share < 0.6 else 0.3}[run])
    return r
rows, lr = ["run,step,loss"], ["run,step,lr"]
for run in "abc":
    r = rates(run)
    lr += [f"{run},{t},{r[t]:.12g}" for t in range(0, 6001, 5)]
    for n, t in enumerate(range(800, 6001, 300)):
        S = sum(r[1:t + 1])
        drop = R = 0
        for k in range(t, 500, -1):
            R += r[k]
            drop += (r[k - 1] - r[k]) * (1 - (1 + 2.07 * r[k] ** -0.641 * R) ** -0.583)
        L = 3.04 + 0.525 * S ** -0.508 - 364 * drop
        rows.append(f"{run},{t},{L * (1 + 2e-5 * ((7 * n) % 5 - 2)):.10g}")
open(T + "/rows.csv", "w").write("\n".join(rows) + "\n")
open(T + "/lr.csv", "w").write("\n".join(lr) + "\n")
PY
ok "fit mpl" "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/lr.csv" --objective logls --bootstrap 0 --no-profile --predict 6000,2
shows "fit mpl: L0" '^L0	3\.0[34]'
shows "fit mpl: alpha" '^alpha	0\.50[5-9]|^alpha	0\.51'
shows "fit mpl: a prediction" '^2	-	6000	3\.'
fails "fit mpl: a prediction beyond the schedule" '--predict: step 7000 lies beyond the schedule of .*lr.csv, which ends at step 6000' "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/lr.csv" --predict 7000,2
fails "fit mpl: a prediction for no schedule" '--predict: .*lr.csv: expected the number of a schedule from 1 to 3, found 4' "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/lr.csv" --predict 6000,4
ok "fit mpl: pythia" sh -c "printf 'step,loss\n' >'$T/p.csv'; for s in 1000 2000 4000 8000 16000 32000 64000 90000 120000 143000; do awk -v s=\$s 'BEGIN { print s \",\" 2 + 3 * s ^ -0.3 }'; done >>'$T/p.csv'; '$TRIPOD' fit mpl '$T/p.csv' --schedule pythia --bootstrap 0 --no-profile --objective logls"
fails "fit mpl: no schedule" 'mpl needs --schedule' "$TRIPOD" fit mpl "$T/rows.csv"
fails "fit mpl: no rates" "line 1: expected a column 'lr' for the learning rate" "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/rows.csv"
printf 'step,lr\n0,0\n10,1\n5,1\n' >"$T/back.csv"
fails "fit mpl: steps that fall" 'back.csv: line 4, column 1 \(step\): expected steps that rise' "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/back.csv"
printf 'step,lr\n0,0\n10,1\n' >"$T/short.csv"
fails "fit mpl: beyond the schedule" 'line 2: step 800 lies beyond the schedule of .*short.csv, which ends at step 10' "$TRIPOD" fit mpl "$T/rows.csv" --schedule "$T/short.csv"
sed 's/^b,/d,/' "$T/rows.csv" >"$T/other.csv"
fails "fit mpl: a run without one" "has no schedule for run 'd'" "$TRIPOD" fit mpl "$T/other.csv" --schedule "$T/lr.csv"
fails "fit: a schedule nobody reads" '--schedule: the law chinchilla reads none' "$TRIPOD" fit chinchilla "$EPOCH" --schedule pythia
fails "fit: a number too many to predict at" '--predict: chinchilla needs N,D$' "$TRIPOD" fit chinchilla "$EPOCH" --predict 1e9,1e10,1e9
fails "fit: a vocabulary nobody reads" '--vocabulary: the law chinchilla reads none' "$TRIPOD" fit chinchilla "$EPOCH" --vocabulary N
fails "fit: unique tokens nobody reads" '--unique: the law chinchilla reads no unique' "$TRIPOD" fit chinchilla "$EPOCH" --unique N
misuse "fit: a hold-out of nothing" '--holdout goes with --compare' "$TRIPOD" fit chinchilla "$EPOCH" --holdout 1e20
misuse "fit: an outcome of nothing" '--outcome goes with --link' "$TRIPOD" fit chinchilla "$EPOCH" --outcome N
misuse "fit: one file for the resamples of all groups" 'not with --by' "$TRIPOD" fit power "$EPOCH" --by N --resamples "$T/r.csv"
cp "$EPOCH" "$T/mine.csv"
fails "fit: resamples over the rows" 'mine.csv: is read from' "$TRIPOD" fit chinchilla "$T/mine.csv" $FAST --resamples "$T/./mine.csv"
fails "fit: JSON over the rows" 'mine.csv: is read from' "$TRIPOD" fit chinchilla "$T/mine.csv" $FAST --json="$T/mine.csv"
cmp -s "$EPOCH" "$T/mine.csv" || { echo "FAIL fit: rows overwritten"; code=1; }
fails "fit --law: negative everywhere" 'no start makes L a positive number' "$TRIPOD" fit --law '-A*N' "$EPOCH"
fails "allocate: a parameter twice" '--params: E is given twice' "$TRIPOD" allocate --law chinchilla --params E=1,E=2,A=1,B=1,alpha=1,beta=1 --budget 1e20
fails "allocate: a negative coefficient" "--params: A: expected at least 0, found '-1'" "$TRIPOD" allocate --law 'A*N^-a + D^-b' --params A=-1,a=1,b=1 --budget 1e20
fails "fit vocabulary: half a prediction" '--predict: vocabulary needs N,D,V' "$TRIPOD" fit vocabulary "$EPOCH" --predict 1e9,1e10

# Other people's tables, and accuracies.
awk 'BEGIN { print "model_size,train_tokens,final_loss,accuracy"; for (n = 1e7; n < 2e9; n *= 3) for (d = 1e9; d < 1e11; d *= 4) { L = 1.7 + 400 * n ^ -0.34 + 410 * d ^ -0.28; L *= 1 + 0.001 * (i++ % 3 - 1); printf "%.0f,%.0f,%.8f,%.8f\n", n, d, L, 0.25 + 0.65 / (1 + exp(3 * (L - 2.6))) } }' >"$T/theirs.csv"
ok "fit --link logit" "$TRIPOD" fit chinchilla "$T/theirs.csv" --link logit --predict 10B,200B $FAST
shows "fit: what was taken for what" "columns: N is 'model_size', D is 'train_tokens', loss is 'final_loss'"
shows "fit --link: the sigmoid" '^low	0\.25	|^low	0\.2500|^low	0\.24999'
shows "fit --link: an outcome with a band" '^1e\+10	2e\+11	[0-9.]+	0\.[0-9]+	0\.[0-9]+	0\.[0-9]+$'
# Each row four times, as a run of its own: rows drawn spread half as far as runs.
awk -F, 'NR == 1 { print "run," $0 } NR > 1 { for (i = 0; i < 4; i++) print "r" NR "," $1 "," $2 "," $3 "," $4 + 0.01 * (NR % 5 - 2) }' "$T/theirs.csv" >"$T/runs.csv"
for kind in pairs cluster; do
    ok "fit --link, $kind" "$TRIPOD" fit chinchilla "$T/runs.csv" --link logit --bootstrap $kind:200 --boot-starts 0 --no-witness --no-profile
    eval "$kind=$(awk '$1 == "mid" { print $3 }' "$T/out")"
done
if awk -v a="$pairs" -v b="$cluster" 'BEGIN { exit !(b > 1.5 * a && b < 2.7 * a) }'; then echo "ok fit --link: runs drawn whole"; else
    echo "FAIL fit --link: mid is known to $pairs by rows, $cluster by runs"
    code=1
fi
fails "fit --link: no outcome" 'expected a column for the outcome' "$TRIPOD" fit chinchilla "$EPOCH" --link logit
fails "fit --link: not a share" 'expected outcomes from 0 to 1' "$TRIPOD" fit chinchilla "$T/theirs.csv" --link logit --outcome final_loss $FAST
fails "fit: a perplexity called loss" 'can hardly be nats per token: --loss-unit nats, bits or perplexity' sh -c "printf 'N,loss\n1e6,30\n2e6,25\n4e6,20\n' | '$TRIPOD' fit power -"
exit $code
