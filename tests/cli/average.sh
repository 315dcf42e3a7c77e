# tripod fit --compare --average, --variance and the random effect of runs: results that are known, misuse, bad input.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
holds() { # NAME PYTHON: o is the JSON on stdout
    if python3 -c "import json,math,sys; o=json.load(open(sys.argv[1])); $2" "$T/out"; then echo "ok $1"; else echo "FAIL $1"; code=1; fi
}
python3 - "$T" <<'PY'
import math, random, sys
random.seed(11)
def write(name, rows, head):
    with open(f"{sys.argv[1]}/{name}.csv", "w") as f:
        f.write(head + "\n" + "".join(",".join(str(x) for x in r) + "\n" for r in rows))
def loss(N, D): return 1.8 + 480 * N ** -.35 + 2140 * D ** -.37
sweep = [(5e7 * 2 ** i, 1e9 * 2 ** j) for i in range(6) for j in range(6)]
write("sweep", [(N, D, loss(N, D) * math.exp(random.gauss(0, .003))) for N, D in sweep], "N,D,loss")
write("wild", [(N, D, loss(N, D) * math.exp(random.gauss(0, .003 * (N / 3e8) ** -.5))) for N, D in sweep * 3], "N,D,loss")
rows = []
for r in range(20):
    off = random.gauss(0, .01)
    rows += [(5e7 * 2 ** (r % 6), 1e9 * 2 ** j * 1.2 ** (r // 6), r,
              loss(5e7 * 2 ** (r % 6), 1e9 * 2 ** j * 1.2 ** (r // 6)) * math.exp(off + random.gauss(0, .002))) for j in range(6)]
write("runs", rows, "N,D,run,loss")
write("few", [(1e8, 1e9, 3), (2e8, 2e9, 2.8), (3e8, 1e9, 2.9)], "N,D,loss")
PY
fit() { "$TRIPOD" fit chinchilla "$@"; }
quick="--bootstrap 0 --no-profile --no-witness"

# --- averages ---
ok average fit "$T/sweep.csv" $quick --compare --average --predict 5e9,1e11 --budget 1e22,1e23 --json
holds average_weights 'w = o["average"]["weights"]; assert len(w) == len(o["compare"]["laws"]) and all(abs(sum(x[k] for x in w) - 1) < 1e-9 for k in ("akaike", "errors"))'
holds average_bands 'b = o["average"]["bands"]; assert len(b) == 10 and all(x["lo"] <= min(x["within_lo"], x["between_lo"]) * (1 + 1e-9) and x["hi"] >= max(x["within_hi"], x["between_hi"]) * (1 - 1e-9) for x in b)'
holds average_truth 'b = o["average"]["bands"]; t = 1.8 + 480 * 5e9 ** -.35 + 2140 * 1e11 ** -.37; assert all(x["lo"] < t < x["hi"] for x in b[:2]), (t, b[:2])'
holds average_budget 'v = o["average"]["by_law"]; assert all(abs(v[i][k][0] * v[i + 1][k][0] * 6 / c - 1) < 1e-9 for i, c in ((1, 1e22), (3, 1e23)) for k in v[i])'
ok average_text fit "$T/sweep.csv" $quick --compare --average --predict 5e9,1e11
shows average_weights_shown '^chinchilla	[0-9.]+	[0-9.]+	'
shows average_band_shown '^loss	5e\+09	1e\+11	-	-	akaike	'
misuse average_alone '--average needs --compare' fit "$T/sweep.csv" --average --predict 1e9,1e10
misuse average_of_what '--average needs --predict or --budget' fit "$T/sweep.csv" --compare --average
ok average_one_variable "$TRIPOD" fit power-constant "$T/sweep.csv" --x D $quick --compare --average --predict 1e11

# --- a variance that follows N ---
ok variance fit "$T/wild.csv" $quick --variance N --json
holds variance_found 'v = o["variance"]; assert v["of"] == "N" and abs(v["g"] + 1) < 3 * v["se"] < 0.6 and v["p"] < 1e-6, v'
ok variance_none fit "$T/sweep.csv" $quick --variance D --json
holds variance_not_found 'v = o["variance"]; assert abs(v["g"]) < 3 * v["se"] and v["p"] > 0.01, v'
ok variance_text fit "$T/wild.csv" $quick --variance N
shows variance_shown '^# variance ~ N\^-[0-9.]+ \(standard error'
misuse variance_of_what 'equal, N or D|equal, N, D' fit "$T/wild.csv" --variance C
fails variance_few '3 rows cannot determine' fit "$T/few.csv" --variance N

# --- runs ---
ok effect fit "$T/runs.csv" --no-profile --bootstrap cluster:400 --json
holds effect_found 'r = o["random_effect"]; assert r["runs"] == 20 and abs(r["tau"] / .01 - 1) < .5 and abs(r["sigma"] / .002 - 1) < .2 and r["p"] < 1e-6, r'
holds effect_and_bootstrap 'r = o["random_effect"]; assert r["differ"] == (not 1 / 1.5 <= r["bootstrap_over_effect"] <= 1.5)'
ok effect_text fit "$T/runs.csv" $quick
shows effect_shown '^# runs: rows of a run are off together: ln L varies by 0\.0[0-9]+ between 20 runs'

# --- the same digits on any number of threads ---
OMP_NUM_THREADS=1 "$TRIPOD" fit chinchilla "$T/sweep.csv" --bootstrap 40 --compare --average --predict 5e9,1e11 --threads 1 >"$T/one"
"$TRIPOD" fit chinchilla "$T/sweep.csv" --bootstrap 40 --compare --average --predict 5e9,1e11 --threads 3 >"$T/three"
check threads "other digits" diff <(grep -v seconds "$T/one") <(grep -v seconds "$T/three")
exit $code
