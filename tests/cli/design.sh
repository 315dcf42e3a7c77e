# tripod fit design, fit speedup, and what tripod fit says of repeated runs: results that are known, files, bad input.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
holds() { # NAME PYTHON: o is the JSON on stdout
    if python3 -c "import json,sys; o=json.load(open(sys.argv[1])); $2" "$T/out"; then echo "ok $1"; else echo "FAIL $1"; code=1; fi
}
python3 - "$T" <<'PY'
import random, sys
random.seed(3)
def write(name, rows, head="N,D,loss"):
    with open(f"{sys.argv[1]}/{name}.csv", "w") as f:
        f.write(head + "\n" + "".join(",".join(str(x) for x in r) + "\n" for r in rows))
def loss(N, D, E=1.8, s=1.0, noise=0.003):
    return (E + s * (480 * N ** -.35 + 2140 * D ** -.37)) * 2.718281828 ** random.gauss(0, noise)
sweep = sorted(((5e7 * 2 ** i, 1e9 * 2 ** j) for i in range(8) for j in range(7)), key=lambda p: p[0] * p[1])
write("cheap", [(N, D, loss(N, D)) for N, D in sweep[:15]])
more = [(f"a \"{i}\"", N, D, loss(N, D), i + 1) for i, (N, D) in enumerate(sweep[15:])]
write("more", [('"' + n.replace('"', '""') + '"', N, D, c) for n, N, D, _, c in more], "name,N,D,hours")
write("done", [(N, D, l) for _, N, D, l, _ in more])
write("hole", [(N, D, l if i else "") for i, (_, N, D, l, _) in enumerate(more)])
write("free", [(N, D, 0) for N, D in sweep[15:]], "N,D,hours")
g = .35 * .37 / .72
write("new", [(N, D, loss(N, D, s=1.5 ** -g)) for N, D in sweep])
write("old", [(N, D, loss(N, D)) for N, D in sweep])
write("both", [(r, N, D, loss(N, D, s=1.5 ** -g if r == "new" else 1)) for r in ("new", "old") for N, D in sweep], "recipe,N,D,loss")
write("three", [(f"r{i % 3}", N, D, loss(N, D)) for i, (N, D) in enumerate(sweep)], "recipe,N,D,loss")
write("large", [(N, D, loss(N, D)) for N in (5e9, 7e9, 9e9, 1e10) for D in (1e11, 1.4e11, 2e11)])
write("seeds", [(N, D, loss(N, D)) for N, D in sweep for _ in range(2)])
write("bent", [(N, D, loss(N, D) * (1 + (0.02 if N > 1e9 and D < 4e9 else 0))) for N, D in sweep for _ in range(2)])
PY
design() { "$TRIPOD" fit design "$T/cheap.csv" --budget 2e20 --target 1e10,1e11 "$@"; }

# --- design ---
ok design design --candidates "$T/more.csv" -o "$T/next.csv" --plot "$T/d.svg" --json
holds design_shrinks 'h = o["half_width"]; assert h["every_candidate"] < h["after"] < h["before"] / 3, h'
holds design_budget 'r = o["runs"]; assert o["spent"] <= 2e20 and abs(sum(x["cost"] for x in r) - o["spent"]) < 1e-6 * o["spent"] and all(abs(x["cost"] / (6 * x["N"] * x["D"]) - 1) < 1e-6 for x in r)'
holds design_per_cost 'r = [o["half_width"]["before"]] + [x["half_width"] for x in o["runs"]]; assert all(abs(x["shrink_per_cost"] * x["cost"] - (r[i] - r[i + 1])) < 1e-6 for i, x in enumerate(o["runs"]))'
check design_files "missing" test -s "$T/d.tsv" -a -s "$T/d.gp" -a -s "$T/next.csv"
is chosen_header "name,N,D,hours" "$(head -n 1 "$T/next.csv")"
check chosen_rows "not rows of the candidates, or not as many as chosen" python3 - "$T" <<'PY'
import csv, json, sys
chosen, more = (list(csv.DictReader(open(f"{sys.argv[1]}/{n}.csv"))) for n in ("next", "more"))
runs = json.load(open(f"{sys.argv[1]}/out"))["runs"]
assert len(chosen) == len(runs) > 1 and all(c in more for c in chosen)
assert [float(c["N"]) for c in chosen] == [r["N"] for r in runs]
PY
ok cost_column design --candidates "$T/more.csv" --cost hours -C 60 --json
holds cost_spent 'assert o["spent"] <= 60 and all(x["cost"] == x["line"] - 1 for x in o["runs"]), o["spent"]'
ok grid design --grid 1e8:1e10:2,1e9:1e11:2 --json
holds grid_places 'assert o["candidates"] == 25 and all(x["N"] <= 1.0001e10 for x in o["runs"])'
ok optimum "$TRIPOD" fit design "$T/old.csv" --grid 1e8:1e10:2,1e9:1e11:2 --budget 1e21 --target C=1e22 --law chinchilla --json
holds optimum_size 't = o["targets"][0]; assert abs(6 * t["N"] * t["D"] / 1e22 - 1) < 1e-6 and t["half_width_after"] < t["half_width"]'
# More runs never make it worse, unless every single one is taken although some mislead: then it is said. A
# true law has none that do.
epoch() { "$TRIPOD" fit design "$ROOT/tests/data/epoch_chinchilla.csv" --grid 1e8:3e9:4,1e9:1e11:4 --budget 1e21 --target 7B,140B "$@"; }
for criterion in v mse; do
    ok "limit_$criterion" epoch --criterion "$criterion" --json
    holds "limit_${criterion}_order" 'h = o["half_width"]; assert h["every_candidate"] <= h["after"] < h["before"] and h["all_together"] > 1.001 * h["every_candidate"], h'
done
ok limit_told epoch
shows limit_why 'every single candidate: \+-3\.[0-9]+ %: a fit counts all runs alike'
ok limit_true epoch --misfit 0 --json
holds limit_true_all 'h = o["half_width"]; assert abs(h["all_together"] / h["every_candidate"] - 1) < 1e-9 and h["every_candidate"] < h["after"], h'
ok limit_determinant epoch --criterion d
shows limit_determinant_why 'wider than before: the criterion does not look at the target'
ok region "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" -C 2e20 --criterion d --target 2e10:4e10,2e11:4e11 --json
holds region_places 'assert len(o["targets"]) == 25 and o["criterion"] == "d"'
ok rounds "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/done.csv" --budget 2e21 --target 1e10,1e11 --sequential=3 --criterion mse --json
holds rounds_after 'h, t, r = o["half_width"], o["targets"][0], o["runs"]; assert h["after"] == t["half_width_after"] and h["every_candidate"] <= h["after"] * 1.0000001 and o["enough"] == (len(r) if h["after"] <= 1.1 * h["every_candidate"] else 0), (h, t)'
holds rounds_gain 'assert all(x["shrink_per_cost"] > 0 for x in o["runs"])'
holds rounds_three 'assert {x["round"] for x in o["runs"]} == {1, 2, 3} and abs(sum(o["weights"].values()) - 1) < 1e-9'
ok rounds_hole "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/hole.csv" --budget 2e20 --target 1e10,1e11 --sequential --json
holds rounds_hole_left_out 'assert o["candidates"] == 40 and 2 not in [x["line"] for x in o["runs"]]'
terminal design_terminal 80 "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" --budget 2e20 --target 1e10,1e11
printf 'N,D\n1e6,1e7\n1.1e6,1e7\n1e6,1.2e7\n' >"$T/useless.csv"
ok nothing_helps "$TRIPOD" fit design "$T/large.csv" --candidates "$T/useless.csv" --budget 1e21 --target 7e9,1.4e11 --misfit 30 --json
holds nothing_chosen 't, h = o["targets"][0], o["half_width"]; assert o["runs"] == [] and abs(t["N"] / 7e9 - 1) < 1e-9 and 1.5 < t["loss"] < 3 and t["half_width"] == t["half_width_after"] == h["before"] == h["after"] > 0'
ok nothing_said "$TRIPOD" fit design "$T/large.csv" --candidates "$T/useless.csv" --budget 1e21 --target 7e9,1.4e11 --misfit 30
shows nothing_helps_said 'no candidate within the budget helps'
misuse no_points 'no POINTS' "$TRIPOD" fit design
misuse no_candidates 'one of --candidates and --grid' design
misuse both_candidates 'one of --candidates and --grid' design --candidates "$T/more.csv" --grid 1:2:1,1:2:1
misuse no_target 'no target' "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" -C 1
misuse bad_target 'expected N,D' design --target 5 --candidates "$T/more.csv"
misuse half_target "expected numbers with commas between them, found '7B,'" "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" -C 1e20 --target 7B,
misuse grid_flop '--flop and --sequential need --candidates' "$TRIPOD" fit design "$T/cheap.csv" --grid 1e8:1e10:2,1e9:1e11:2 -C 1e20 --target 1e9,1e9 --flop exact
misuse speedup_flop '--flop: multipliers are of C = 6ND' "$TRIPOD" fit speedup "$T/new.csv" "$T/old.csv" --flop exact
misuse mixed_target 'stand alone' design --target C=1e22 --candidates "$T/more.csv"
misuse two_stdins 'both be stdin' "$TRIPOD" fit design - --candidates - -C 1 --target 1,1
fails one_number 'expected.*found' "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" --cost nix -C 1e20 --target 1e9,1e9
fails no_cost "line 2: expected a positive cost, found 0" design --candidates "$T/free.csv" --cost hours
fails dear 'no candidate costs at most 5: the cheapest' "$TRIPOD" fit design "$T/cheap.csv" --candidates "$T/more.csv" -C 5 --target 1e9,1e9
fails no_losses "expected a column for.*loss|no row is left" design --candidates "$T/more.csv" --sequential
fails power_law 'power is no law of N and D' design --candidates "$T/more.csv" --law power
fails large_grid 'at most 4000 places' design --grid 1e8:1e9:400,1e9:1e11:400
fails broken_grid 'N1:N2:K' design --grid 1e8:1e9,1e9:1e11:4
fails no_file 'cannot open' design --candidates "$T/none.csv"
fails no_folder 'none/x.csv' design --candidates "$T/more.csv" -o "$T/none/x.csv"

cp "$T/more.csv" "$T/kept.csv"
fails over_candidates 'kept.csv: is read from' design --candidates "$T/kept.csv" -o "$T/kept.csv"
fails over_rows 'old.csv: is read from' "$TRIPOD" fit speedup "$T/new.csv" "$T/old.csv" --json="$T/old.csv"
cmp -s "$T/more.csv" "$T/kept.csv" || { echo "FAIL candidates overwritten"; code=1; }

# --- speedup ---
ok speedup "$TRIPOD" fit speedup "$T/new.csv" "$T/old.csv" --budget 1e19,1e20 --plot "$T/s.svg" --json
holds speedup_value 'b = o["budgets"]; assert len(b) == 2 and all(x["lo"] < 1.5 < x["hi"] < 1.8 and x["verdict"] == "ok" for x in b), b'
holds speedup_limit 'l = o["limit"]; assert l["kind"] == "constant" and l["lo"] < 1.5 < l["hi"] < 1.7, l'
check speedup_plot "missing" test -s "$T/s.tsv" -a -s "$T/s.gp"
ok speedup_back "$TRIPOD" fit speedup "$T/old.csv" "$T/new.csv" --budget 1e20 --json
holds speedup_inverse 'b = o["budgets"][0]; assert b["lo"] < 1 / 1.5 < b["hi"] < 1, b'
ok speedup_by "$TRIPOD" fit speedup "$T/both.csv" --by recipe --budget 1e20
shows speedup_by_names 'how much less compute new needs than old'
terminal speedup_terminal 80 "$TRIPOD" fit speedup "$T/new.csv" "$T/old.csv"
fails speedup_equal 'the curves cross inside the interval' "$TRIPOD" fit speedup "$T/old.csv" "$T/old.csv"
fails speedup_three "expected two values of 'recipe', found 3, the third r2" "$TRIPOD" fit speedup "$T/three.csv" --by recipe
head -n 4 "$T/old.csv" >"$T/few.csv"
fails speedup_few 'few.csv: .*rows' "$TRIPOD" fit speedup "$T/new.csv" "$T/few.csv"
misuse speedup_one 'one of B.csv and --by' "$TRIPOD" fit speedup "$T/new.csv"
misuse speedup_both 'one of B.csv and --by' "$TRIPOD" fit speedup "$T/new.csv" "$T/old.csv" --by recipe

# --- noise and misfit ---
ok seeds "$TRIPOD" fit chinchilla "$T/seeds.csv" --bootstrap 0 --no-profile --json
holds seeds_fit 'l = o["lack_of_fit"]; assert l["places"] == 56 and l["df_pure"] == 56 and l["df_lack"] == 51 and l["p"] > 0.01 and abs(l["sigma_pure"] / 0.003 - 1) < 0.3, l'
ok bent "$TRIPOD" fit chinchilla "$T/bent.csv" --bootstrap 0 --no-profile
shows bent_said 'p = [0-9.e-]*: the law misses the rows by more than runs differ'
shows bent_places '^# note: line [0-9]+ \(N .*standard errors of repeats above the law'
ok single "$TRIPOD" fit chinchilla "$T/old.csv" --bootstrap 0 --no-profile --json
holds single_silent 'assert "lack_of_fit" not in o and "bootstrap_check" not in o'
exit $code
