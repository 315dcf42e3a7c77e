# tripod allocate: published optima, bands, the reverse questions, bad input.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
has() {
    if grep -Pq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2: $(head -c 400 "$T/out")"; code=1; fi
}
ok alloc_closed "$TRIPOD" allocate --preset hoffmann --budget 2.21e19,5.76e23
has alloc_closed_values '^2\.21e\+19\t3\.26\d+e\+08\t1\.129\d+e\+10\t34\.6'
has alloc_closed_big '^5\.76e\+23\t3\.21\d+e\+10\t2\.98\d+e\+12\t92\.6\d+\t1\.9307\d+'
has alloc_exponents 'a 0\.45161, b 0\.54839, G 1\.3447'
ok alloc_numeric "$TRIPOD" allocate --preset hoffmann --budget 2.21e19 --numeric
has alloc_numeric_value '^2\.21e\+19\t3\.26\d+e\+08\t1\.129\d+e\+10.*\tnumeric$'
ok alloc_grid "$TRIPOD" allocate --preset hoffmann --budget 1.92e19,2.21e19 --grid 7:11:16
has alloc_grid_001 '^1\.92e\+19\t3\.162278e\+08\t1\.0119\d+e\+10\t32\t2\.862303\t'
has alloc_grid_snapshot '^2\.21e\+19\t3\.162278e\+08\t1\.1647\d+e\+10\t[0-9.]+\t2\.837247\t'
ok alloc_sweep "$TRIPOD" allocate --preset hoffmann --sweep 17:26:256 --grid 7:14:256 --closest 1.3e9
has alloc_sweep_value '^4\.697589e\+20\t1\.2980\d+e\+09\t6\.031\d+e\+10\t'
ok alloc_line "$TRIPOD" allocate --line approach2 -N 124M
has alloc_line_value '\t1\.04095731699959\t.*\t0\.935388715239\d*\t1\.24e\+08\t2\.292426e\+09\t'
printf 'N,D\n4e8,8e9\n1e9,20e9\n1e10,2e11\n' >"$T/line.csv"
ok alloc_line_file "$TRIPOD" allocate --line "$T/line.csv" -N 1e9
ok alloc_hours "$TRIPOD" allocate --preset epoch --hours 100 --rate 2T --devices 8 --utilization 0.5
has alloc_hours_value '^2\.88e\+18\t'
ok alloc_price "$TRIPOD" allocate --preset hoffmann -N 70B -D 300B
ok alloc_loss "$TRIPOD" allocate --preset hoffmann --loss 2.0
ok alloc_tokens "$TRIPOD" allocate --preset hoffmann -N 1B --loss 2.5
ok alloc_size "$TRIPOD" allocate --preset epoch -N 400M
has alloc_size_value '^2\.28\d+e\+19\t4e\+08\t9\.5\d+e\+09\t'
ok alloc_kaplan "$TRIPOD" allocate --preset kaplan --budget 1e21
# Bands from bootstrap parameters: one thread or four, the same text.
python3 - "$T/boot.csv" <<'PY'
import random, sys
random.seed(5)
with open(sys.argv[1], "w") as f:
    f.write("k,A,B,E,alpha,beta\n")
    for k in range(200):
        z = [random.gauss(0, 1) for _ in range(3)]
        f.write(f"{k},{477.8*2.718281828**(.258*z[0])},{2143*2.718281828**(.421*z[1])},{1.817+.02566*z[2]},{.3473+.0154*z[0]},{.3672+.0206*z[1]}\n")
PY
ok alloc_bands "$TRIPOD" allocate --preset epoch-optimum --samples "$T/boot.csv" --budget 1e21,5.76e23 --threads 1
cp "$T/out" "$T/one"
has alloc_bands_header 'bands: 200 samples'
ok alloc_bands_threads "$TRIPOD" allocate --preset epoch-optimum --samples "$T/boot.csv" --budget 1e21,5.76e23 --threads 4
if cmp -s "$T/one" "$T/out"; then echo "ok alloc_same_bits"; else echo "FAIL alloc_same_bits"; code=1; fi
if [ -e "$SHARED/data/epoch_boot_params_200.csv" ]; then
    ok alloc_epoch_bands "$TRIPOD" allocate --preset epoch-optimum --samples "$SHARED/data/epoch_boot_params_200.csv" --budget 5.76e23 --level 0.8 --json
    # Of the 4000 resamples the middle 80 % of D/N is 9.9 to 29.0; 200 of them come close.
    if python3 - "$T/out" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))["answers"][0]["D_per_N"]
assert abs(r["value"] - 17.921) < 0.001 and abs(r["lo"] - 9.9) < 1 and abs(r["hi"] - 29) < 3, r
PY
    then echo "ok alloc_epoch_band_values"; else echo "FAIL alloc_epoch_band_values"; code=1; fi
else
    echo "SKIP alloc_epoch_bands: $SHARED/data is not here"
fi
cat >"$T/fit.json" <<'JSON'
{"law": "chinchilla", "verdict": "weak", "params": {"E": {"value": 1.69}, "A": {"value": 406.4}, "B": {"value": 410.7},
 "alpha": {"value": 0.34}, "beta": {"value": 0.28}}, "covariance": {"names": ["alpha", "beta"], "matrix": [[1e-4, 0], [0, 1e-4]]}}
JSON
ok alloc_fit "$TRIPOD" allocate "$T/fit.json" --budget 1e21
has alloc_fit_bands 'bands: 4000 draws from the covariance; verdict of the fit: weak'
# As tripod fit writes it: intervals and correlations of Epoch's bootstrap; its middle 80 % of D/N is 9.9 to 29.0.
cat >"$T/correlated.json" <<'JSON'
{"law": "chinchilla", "level": 0.95, "verdict": "weak", "params": {"E": {"value": 1.8172181, "se": 0.02566, "lo": 1.769, "hi": 1.871}, "A": {"value": 477.825868, "se": 124, "lo": 285.214, "hi": 743.626}, "B": {"value": 2143.417363, "se": 1293, "lo": 1042.357, "hi": 5810.344}, "alpha": {"value": 0.3473105, "se": 0.0154, "lo": 0.317, "hi": 0.373}, "beta": {"value": 0.36717243, "se": 0.0206, "lo": 0.331, "hi": 0.415}}, "correlation": {"E": {"E": 1, "A": 0.58, "B": 0.604, "alpha": 0.58, "beta": 0.604}, "A": {"E": 0.58, "A": 1, "B": -0.273, "alpha": 0.9995, "beta": -0.273}, "B": {"E": 0.604, "A": -0.273, "B": 1, "alpha": -0.273, "beta": 0.9995}, "alpha": {"E": 0.58, "A": 0.9995, "B": -0.273, "alpha": 1, "beta": -0.273}, "beta": {"E": 0.604, "A": -0.273, "B": 0.9995, "alpha": -0.273, "beta": 1}}}
JSON
ok alloc_correlated "$TRIPOD" allocate "$T/correlated.json" --budget 5.76e23 --level 0.8 --json
if python3 - "$T/out" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))["answers"][0]["D_per_N"]
assert abs(r["lo"] - 9.9) < 1.5 and abs(r["hi"] - 29) < 4, r
PY
then echo "ok alloc_correlated_band"; else echo "FAIL alloc_correlated_band"; code=1; fi
# A fit's own resamples, from fit to band.
python3 - "$T/runs.csv" <<'PY'
import random, sys
random.seed(2)
with open(sys.argv[1], "w") as f:
    f.write("N,D,loss\n")
    for i in range(8):
        for j in range(8):
            N, D = 1e8 * 2 ** i, 2e9 * 2 ** j
            f.write(f"{N},{D},{(1.8 + 480 * N ** -.35 + 2100 * D ** -.37) * (1 + 1e-3 * random.gauss(0, 1))!r}\n")
PY
ok alloc_resamples "$TRIPOD" fit chinchilla "$T/runs.csv" --bootstrap 60 --resamples "$T/resamples.csv" --json="$T/runs.json" --no-profile --budget 1e22
ok alloc_resamples_bands "$TRIPOD" allocate "$T/runs.json" --samples "$T/resamples.csv" --budget 1e22 --json
if python3 - "$T/out" "$T/runs.json" <<'PY'
import json, sys
ours = json.load(open(sys.argv[1]))["answers"][0]
for d in json.load(open(sys.argv[2]))["derived"]:
    k = {"N*": "N", "D*": "D", "D/N": "D_per_N", "L*": "loss"}.get(d["name"])
    if k: assert all(abs(ours[k][w] / d[w] - 1) < 1e-9 for w in ("value", "lo", "hi")), (d, ours[k])
PY
then echo "ok alloc_same_as_fit"; else echo "FAIL alloc_same_as_fit"; code=1; fi
sed 's/"E": {"value": 1.69}, //' "$T/fit.json" >"$T/noE.json"
fails alloc_no_param 'noE.json: params: E has no value' "$TRIPOD" allocate "$T/noE.json" --budget 1e21
sed 's/\[\[1e-4, 0\]/[[-1, 0]/' "$T/fit.json" >"$T/cov.json"
fails alloc_cov 'cov.json: covariance: not positive' "$TRIPOD" allocate "$T/cov.json" --budget 1e21
echo '[1]' >"$T/array.json"
fails alloc_not_fit 'array.json: not a fit' "$TRIPOD" allocate "$T/array.json" --budget 1e21
echo '{"law": "chin' >"$T/cut.json"
fails alloc_cut 'cut.json: line 1' "$TRIPOD" allocate "$T/cut.json" --budget 1e21
fails alloc_missing 'none.json: cannot open' "$TRIPOD" allocate "$T/none.json" --budget 1e21
fails alloc_law 'expected a law' "$TRIPOD" allocate --law chin --params E=1 --budget 1e21
fails alloc_params 'A is missing' "$TRIPOD" allocate --law chinchilla --params E=1 --budget 1e21
fails alloc_param_name "no parameter 'Q'" "$TRIPOD" allocate --law chinchilla --params Q=1 --budget 1e21
fails alloc_power 'not a law of N and D' "$TRIPOD" allocate --law power --params A=1,alpha=0.1 --budget 1e21
fails alloc_budget 'expected a number such as' "$TRIPOD" allocate --preset epoch --budget x
fails alloc_negative 'expected more than 0' "$TRIPOD" allocate --preset epoch --budget=-1
fails alloc_reach 'out of reach' "$TRIPOD" allocate --preset epoch --loss 1.8
fails alloc_grid_text 'LO:HI:PER_DECADE' "$TRIPOD" allocate --preset epoch --budget 1e21 --grid 7-11
fails alloc_preset "found 'x'" "$TRIPOD" allocate --preset x --budget 1e21
fails alloc_line_columns 'expected columns N and D' "$TRIPOD" allocate --line "$T/boot.csv" -N 1e9
printf 'A,B,E,alpha\n1,2,3,4\n' >"$T/short.csv"
fails alloc_samples "short.csv: no column 'beta'" "$TRIPOD" allocate --preset epoch --samples "$T/short.csv" --budget 1e21
fails alloc_over_samples 'short.csv: is read from' "$TRIPOD" allocate --preset epoch --samples="$T/short.csv" --budget 1e21 --json="$T/short.csv"
fails alloc_folder 'expected a file, found a directory' "$TRIPOD" allocate "$T" --budget 1e21
sed '0,/"value": [0-9.]*/s//"value": -5/' "$T/runs.json" >"$T/negative.json"
fails alloc_negative_parameter 'negative.json: params: E: expected at least 0, found -5' "$TRIPOD" allocate "$T/negative.json" --budget 1e21
misuse alloc_devices 'need --hours' "$TRIPOD" allocate --preset epoch --budget 1e21 --devices 8
misuse alloc_line_budget '--line answers -N alone' "$TRIPOD" allocate --line approach1 -N 124M --budget 1e21
misuse alloc_nothing 'give one of' "$TRIPOD" allocate
misuse alloc_question 'ask one question' "$TRIPOD" allocate --preset epoch
misuse alloc_two 'ask one question' "$TRIPOD" allocate --preset epoch --budget 1e21 --loss 2
fails alloc_budget_hole "expected numbers with commas between them, found '1e21,,1e22'" "$TRIPOD" allocate --preset epoch --budget 1e21,,1e22
misuse alloc_hours_only 'go together' "$TRIPOD" allocate --preset epoch --hours 3
for columns in 80 160; do
    terminal "allocate on $columns columns" $columns "$TRIPOD" allocate "$T/runs.json" --budget 1e21,5.76e23
    terminal "allocate: a price on $columns columns" $columns "$TRIPOD" allocate "$T/runs.json" -N 70B -D 300B
done
shows "allocate: units" '^[0-9.e]+  70 B  300 B +4\.286 '
shows "allocate: bands of a share" ' [0-9.]+ %  [0-9.]+ % \.\. [0-9.]+ % '
exit $code
