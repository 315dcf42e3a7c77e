# tripod fit isoflop, envelope, approaches, bias: MinChilla's published losses, exact surfaces, bad input.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
has() {
    if grep -Pq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2: $(head -c 600 "$T/out")"; code=1; fi
}
check() { # NAME PYTHON: o is the JSON on stdout
    if python3 -c "import json,sys; o=json.load(open(sys.argv[1])); $2" "$T/out"; then echo "ok $1"; else echo "FAIL $1"; code=1; fi
}
python3 - "$T" <<'PY'
import sys
w = [256, 320, 384, 448, 512, 576, 640]
published = [[1.29079, 1.29935, 1.33768, 1.42053, 1.55097, 2.18009, 3.07850], [1.07772, 1.04844, 1.04621, 1.07046, 1.10515, 1.19733, 2.05162],
             [0.980898, 0.946310, 0.937635, 0.919884, 0.927825, 0.974640, 1.179393], [0.920348, 0.891859, 0.869188, 0.850453, 0.856721, 0.876694, 1.061843],
             [0.816, 0.786, 0.764102, 0.750331, 0.751587, 0.758679, 0.765145]]
with open(sys.argv[1] + "/minchilla.csv", "w") as f:
    f.write("params,budget,loss\n")
    for b, r in zip([1, 3, 6, 10, 30], published):
        for d, l in zip(w, r):
            f.write(f"{348*d + 174 + d//64*(12*d*d + 13*d)},{b}e15,{l}\n")
E, A, B, al, be = 1.69, 406.4, 410.7, 0.34, 0.28
G = (al * A / (be * B)) ** (1 / (al + be))
with open(sys.argv[1] + "/exact.csv", "w") as f:  # 15 sizes over +-16x about the optimum
    f.write("N,D,C,loss\n")
    for k in range(5):
        C = 10.0 ** (18 + k)
        star = G * (C / 6) ** (be / (al + be))
        for i in range(15):
            N = star * 16 ** ((i - 7) / 7)
            D = C / 6 / N
            f.write(f"{N!r},{D!r},{C!r},{E + A * N ** -al + B * D ** -be!r}\n")
with open(sys.argv[1] + "/curves.csv", "w") as f:
    f.write("run,N,D,step,loss\n")
    for s in range(14):
        N = 1e7 * 2 ** (s / 2)
        for k in range(40):
            D = 1e8 * 10 ** (4 * k / 39)
            f.write(f"r{s},{N!r},{D!r},{k},{E + A * N ** -al + B * D ** -be!r}\n")
PY
ok iso_mad "$TRIPOD" fit isoflop "$T/minchilla.csv" --where 'loss<=2' --reject mad --plot "$T/iso.svg"
has iso_exponent '^N\*\(C\)\t0\.4782\d*\t0\.0549\d*\t0\.303\d*\t0\.653\d*\t.*\t5\tweak$'
has iso_tokens '^D\*\(C\)\t0\.5217[56]'
has iso_ratio '^D\*\(N\*\)\t1\.011'
has iso_minimum '^6e\+15\t7\t6\t.*\t1\.247\d*e\+07\t.*\tok\tyes\t'
has iso_outlier '^# line 22 \(C 6e\+15, N 4\.946e\+07, loss 1\.17939\): left out'
if [ -s "$T/iso.tsv" ] && [ -s "$T/iso.gp" ]; then echo "ok iso_plot_files"; else echo "FAIL iso_plot_files"; code=1; fi
ok iso_none "$TRIPOD" fit isoflop "$T/minchilla.csv" --where 'loss<=2' --reject none --keep --drop-line 30 --drop-line 31 --json
check iso_json 'assert abs(o["params"]["a"]["value"] - 0.428) < 6e-4 and o["verdict"] == "weak" and len(o["budgets"]) == 5, o["params"]'
check iso_keys 'assert {"law", "objective", "params", "starts", "rows", "verdict"} <= set(o) and o["rows"]["dropped"] == 5 and {"value", "se", "lo", "hi", "verdict"} <= set(o["params"]["b"])'
# The closed-form bias on the user's own grid: -5.1002 % of D*, and the corrected exponent and optimum exact.
ok iso_exact "$TRIPOD" fit isoflop "$T/exact.csv" --surface 0.34,0.28 --reject none --json
check iso_bias 'assert all(abs(1/(1+b["bias"]) - 1 + 0.051002) < 1e-6 for b in o["budgets"])'
check iso_corrected 'x = o["exponents"]["N_of_C_corrected"]; assert abs(x["value"] - 0.28/0.62) < 1e-9, x'
ok iso_fit_surface "$TRIPOD" fit isoflop "$T/exact.csv" --json
check iso_fit_surface_value 'assert o["surface"].startswith("alpha 0.34, beta 0.28 of Chinchilla"), o["surface"]'
ok bias "$TRIPOD" fit bias --surface 0.34,0.28 --span 16 --points 15
has bias_value '\t\+5\.3743\t-5\.1002$'
ok envelope "$TRIPOD" fit envelope "$T/curves.csv" --json
check envelope_value 'a = o["params"]["a"]; assert abs(a["value"] - 0.28/0.62) < 0.01 and a["lo"] < 0.28/0.62 < a["hi"] and a["hi"] - a["lo"] < 0.1, a'
ok envelope_table "$TRIPOD" fit envelope "$T/curves.csv"
has envelope_table_row '^N\*\(C\) by size\t0\.4'
ok approaches "$TRIPOD" fit approaches "$T/exact.csv" --budget 1e21 --bootstrap 40 --json
check approaches_three 'r = {x["approach"]: x for x in o["approaches"]}; t = r["3 parametric"]; assert abs(t["a"]["value"] - 0.28/0.62) < 1e-6, t
c = r["2 isoFLOP, bias corrected"]; assert abs(c["budgets"][0]["N"]["value"] / t["budgets"][0]["N"]["value"] - 1) < 1e-5, c
p = r["2 isoFLOP"]; assert abs(p["budgets"][0]["D"]["value"] / t["budgets"][0]["D"]["value"] - 1 + 0.051002) < 1e-4, p'
ok approaches_minchilla "$TRIPOD" fit approaches "$T/minchilla.csv" --where 'loss<=2' --bootstrap 100
has approaches_weak '^2 isoFLOP\t0\.4'
# Rows in another order: the same text but for the file's name and hash.
(head -1 "$T/minchilla.csv"; tail -n +2 "$T/minchilla.csv" | tac) >"$T/reversed.csv"
"$TRIPOD" fit isoflop "$T/minchilla.csv" --where 'loss<=2' --reject mad | grep -v '^#' >"$T/one"
"$TRIPOD" fit isoflop "$T/reversed.csv" --where 'loss<=2' --reject mad | grep -v '^#' >"$T/two"
if [ -s "$T/one" ] && cmp -s "$T/one" "$T/two"; then echo "ok iso_permuted"; else echo "FAIL iso_permuted"; code=1; fi
printf 'N,D,loss\n1e8,1e9,3\n2e8,2e9,2.9\n' >"$T/two.csv"
fails iso_two_rows 'two.csv: isoflop: 0 of 2 budgets have a usable minimum.*1 size' "$TRIPOD" fit isoflop "$T/two.csv"
fails envelope_two_rows 'no run has two checkpoints' "$TRIPOD" fit envelope "$T/two.csv"
fails approaches_two_rows 'none of the three' "$TRIPOD" fit approaches "$T/two.csv"
printf 'N,C,loss\n1e8,1e18,2\n2e8,1e18,2\n4e8,1e18,2\n8e8,1e18,2\n1e8,1e19,2\n2e8,1e19,2\n4e8,1e19,2\n8e8,1e19,2\n' >"$T/flat.csv"
fails iso_flat 'curvature .* is not positive' "$TRIPOD" fit isoflop "$T/flat.csv"
printf 'N,C,loss\n1e8,1e18,x\n' >"$T/text.csv"
fails iso_text 'text.csv: line 2, column 3 \(loss\)' "$TRIPOD" fit isoflop "$T/text.csv"
fails iso_missing 'none.csv: cannot open' "$TRIPOD" fit isoflop "$T/none.csv"
# A table is read once, so that a pipe will do as well as a file.
for mode in isoflop approaches; do same_stdin "$mode from stdin" "$T/exact.csv" "fit $mode"; done
same_stdin "envelope from stdin" "$T/curves.csv" "fit envelope"
same_stdin "approaches of curves from stdin" "$T/curves.csv" "fit approaches" --bootstrap 40
fails iso_surface 'expected fit, none or ALPHA,BETA' "$TRIPOD" fit isoflop "$T/exact.csv" --surface 3
fails bias_surface 'ALPHA,BETA is missing' "$TRIPOD" fit bias
# --flop: C by a rule of tripod count, from a name or from columns.
printf 'model,N,tokens,loss\npythia-70m,18915328,1e9,3.1\npythia-160m,85056000,1e9,3.0\npythia-410m,302311424,1e9,2.9\n' >"$T/named.csv"
ok flop_named "$TRIPOD" fit power "$T/named.csv" --x C --flop 6N-head --bootstrap 0 --no-profile
has flop_named_rule 'C = 6N-head'
printf 'layers,d_model,n_heads,N,tokens,loss\n8,512,8,1e8,1e9,3.1\n12,768,12,2e8,1e9,3.0\n20,1024,16,3e8,1e9,2.9\n' >"$T/shaped.csv"
ok flop_columns "$TRIPOD" fit power "$T/shaped.csv" --x C --flop appendix-F:chinchilla --bootstrap 0 --no-profile
fails flop_rule "--flop: expected RULE" "$TRIPOD" fit power "$T/named.csv" --x C --flop 7N
fails flop_no_shape 'line 2: --flop needs the architecture.*layers is missing' "$TRIPOD" fit power "$T/minchilla.csv" --x C --flop 6N-head
sed 's/,512,8/,512,7/' "$T/shaped.csv" >"$T/heads.csv"
fails flop_heads 'heads.csv: line 2: heads: 7 do not divide' "$TRIPOD" fit power "$T/heads.csv" --x C --flop 6N-head
sed 's/^8,512/8.5,512/' "$T/shaped.csv" >"$T/half.csv"
fails flop_half 'half.csv: line 2, column 1 \(layers\): expected a whole number' "$TRIPOD" fit isoflop "$T/half.csv" --flop 6N-head
misuse iso_reject "found 'some'" "$TRIPOD" fit isoflop "$T/exact.csv" --reject some
misuse iso_no_file 'expected FILE' "$TRIPOD" fit isoflop
ok iso_help "$TRIPOD" fit isoflop --help
for columns in 80 160; do
    terminal "isoflop on $columns columns" $columns "$TRIPOD" fit isoflop "$T/minchilla.csv" --where 'loss<=2'
    terminal "envelope on $columns columns" $columns "$TRIPOD" fit envelope "$T/curves.csv"
    terminal "approaches on $columns columns" $columns "$TRIPOD" fit approaches "$T/exact.csv" --budget 1e21 --bootstrap 20
done
exit $code
