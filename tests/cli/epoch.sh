# tripod epoch: the hazards of the table in a small copy of its layout, and the real file where it is here.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
has() {
    if grep -Pq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2: $(head -c 400 "$T/out")"; code=1; fi
}
lacks() {
    if grep -Pq "$2" "$T/out"; then echo "FAIL $1: a line like $2"; code=1; else echo "ok $1"; fi
}
head='Paper,Date,Category,Task,Task details,Architecture,Loss,Dependent Variable,Scaling Variable 1,Scaling Variable 2,Type,Functional form,Exponent 1,Exponent 2,Irreducible loss,Parameter values,Compute range (FLOP),,Data range (mixed),,Data unit,Size range (parameters),,Additional Conditions,Scaling strategy'
# CRLF, quoted commas, U+2212, no newline at the end.
{
    printf '%s\r\n' "$head"
    printf '%s\r\n' 'Both,1 Jan 2020,"Text, code",LM,x,T,CE,Loss,Parameters,Data,sum,"L(N,D) = AN^-a + BD^-b + E",0.34,0.28,1.69,"A=406.4, a=0.34, B=410.7, b=0.28, E=1.69",6.00E+18,3.00E+21,1E+07,1E+09,Tokens,2E+07,1.6E+10,,'
    printf '%s\r\n' 'Only N,2 Jan 2020,Text,LM,x,T,CE,Loss,Parameters,,p,L(N) = AN^-a + E,0.5,,2,"A=5.87e−2, a=0.5",,,,,,,,,'
    printf '%s\r\n' 'Only D,2 Jan 2020,Text,LM,x,T,CE,Loss,Data,,p,L(D) = BD^-b,0.2,,,"B=3 , b=0.2",,,,,,,,,'
    printf '%s\r\n' 'Two,2 Jan 2020,Text,LM,x,T,CE,Loss,Data,,p,L(D) = BD^-b,0.2,,,"B=3, b=0.2",,,,,,,,,'
    printf '%s\r\n' 'Two,2 Jan 2020,Text,LM,x,T,CE,Loss,Parameters,,p,L(N) = AN^-a,0.4,,,"A=3, a=0.4",,,,,,,,,'
    printf '%s' 'Blank,2 Jan 2020,,,,,,,,,,,,,,,,,,,,,,,'
} >"$T/t.csv"
ok epoch_list "$TRIPOD" epoch "$T/t.csv"
has epoch_category '^0\tBoth\t1 Jan 2020\tText, code\tLM\tLoss\tParameters\tData\t'
has epoch_minus '\tA=0\.0587 a=0\.5\t'
has epoch_last '^5\tBlank\t'
ok epoch_at "$TRIPOD" epoch "$T/t.csv" --at N=1e9,D=2e10
has epoch_value '^0\t.*\t2\.58005\textrapolated$'
has epoch_needs '^3\t.*\t0\.0261\d+\t$'
ok epoch_at_n "$TRIPOD" epoch "$T/t.csv" --at N=1e8
has epoch_missing '^0\t.*\t\tneeds N and D$'
has epoch_irreducible '^1\t.*\t2\.00000\d*\t$|^1\t.*\t2\.00001\t$'
ok epoch_where "$TRIPOD" epoch "$T/t.csv" --where 'paper~tw' --where 'exponent 1>0.3'
has epoch_where_row '^4\tTwo'
lacks epoch_where_other '^3\t'
ok epoch_scatter "$TRIPOD" epoch "$T/t.csv" --scatter
has epoch_scatter_both '^0\tBoth\tx\t0\.34\t0\.28\t0\.2537\tyes$'
has epoch_scatter_pair '^4\+3\tTwo\tx\t0\.4\t0\.2\t'
lacks epoch_scatter_papers '^1'
ok epoch_plot "$TRIPOD" epoch "$T/t.csv" --plot "$T/f.svg"
if [ -s "$T/f.tsv" ] && [ -s "$T/f.gp" ]; then echo "ok epoch_plot_files"; else echo "FAIL epoch_plot_files"; code=1; fi
ok epoch_json "$TRIPOD" epoch "$T/t.csv" --json --at N=1e9
if python3 -c 'import json,sys; r=json.load(open(sys.argv[1]))["rows"]; assert len(r)==6 and r[1]["params"]["A"]==0.0587 and r[5]["exponent_1"] is None' "$T/out"
then echo "ok epoch_json_values"; else echo "FAIL epoch_json_values"; code=1; fi
if [ -e "$SHARED/data/scaling-laws.csv" ]; then
    ok epoch_real "$TRIPOD" epoch "$SHARED/data/scaling-laws.csv" --json
    if python3 - "$T/out" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))["rows"]
assert len(r) == 137 and len({x["paper"] for x in r}) == 24
assert sum(x["exponent_1"] is not None for x in r) == 108 and sum(x["exponent_2"] is not None for x in r) == 17
assert sum(x["irreducible"] is not None for x in r) == 35 and sum(x["compute"][0] is not None for x in r) == 100
assert sum(x["data"][0] is not None for x in r) == 43 and sum(x["data"][1] is not None for x in r) == 55
assert r[4]["params"]["B"] == 5.87e-2 and r[7]["params"]["E"] == 5.16e-10
assert r[132]["compute"][1] == 1.06272e23
PY
    then echo "ok epoch_real_counts"; else echo "FAIL epoch_real_counts"; code=1; fi
    ok epoch_real_scatter "$TRIPOD" epoch "$SHARED/data/scaling-laws.csv" --scatter
    cut -f1,4,5 "$T/out" | tail -n +2 | tr '\t\n' '  ' >"$T/pairs"
    if [ "$(cat "$T/pairs")" = "0 0.81 0.34 1 1.01 0.22 2 0.74 0.56 3 0.75 0.61 4 0.66 0.53 5 0.7 0.51 6 0.4 1.16 7 1.1 0.83 8 0.93 0.54 12 0.076 0.095 36 0.34 0.28 123+122 4 0.1 128 0.11 0.38 129 0.13 0.35 130 0.12 0.43 134+135 0.016 0.019 " ]
    then echo "ok epoch_figure_18"; else echo "FAIL epoch_figure_18: $(cat "$T/pairs")"; code=1; fi
    ok epoch_real_at "$TRIPOD" epoch "$SHARED/data/scaling-laws.csv" --at N=70e9,D=1.4e12 --where 'paper~compute-optimal'
    has epoch_chinchilla '\t1\.936\d+\textrapolated$'
else
    echo "SKIP epoch_real: $SHARED/data is not here"
fi
for width in 80 160; do
    terminal "epoch_terminal_$width" $width "$TRIPOD" epoch "$T/t.csv"
    has "epoch_terminal_${width}_row" '^  0  Both +0\.34 +0\.28 +1\.69  L\(N,D\) = AN\^-a'
    terminal "epoch_terminal_at_$width" $width "$TRIPOD" epoch "$T/t.csv" --at N=1e9,D=2e10
    has "epoch_terminal_at_${width}_row" '^  0  Both +0\.34 +0\.28 +2\.58  extrapolated$'
    terminal "epoch_terminal_details_$width" $width "$TRIPOD" epoch "$T/t.csv" --details
    has "epoch_terminal_details_${width}_units" ' 6e18 +3e21( |$)'
    terminal "epoch_terminal_scatter_$width" $width "$TRIPOD" epoch "$T/t.csv" --scatter
    has "epoch_terminal_scatter_${width}_row" '^4\+3 +Two +x +0\.4 +0\.2 +0\.2857'
done
sed 's/0\.34,0\.28,1\.69/0.34,x,1.69/' "$T/t.csv" >"$T/bad.csv"
fails epoch_number 'bad.csv: line 2, column 14 \(Exponent 2\)' "$TRIPOD" epoch "$T/bad.csv"
sed 's/A=406.4, a/A=406.4, =/' "$T/t.csv" >"$T/param.csv"
fails epoch_param "param.csv: line 2, column 16 .*expected NAME=NUMBER" "$TRIPOD" epoch "$T/param.csv"
sed 's/B=410.7/B=4z/' "$T/t.csv" >"$T/param2.csv"
fails epoch_param_value "B: expected a number, found '4z'" "$TRIPOD" epoch "$T/param2.csv"
sed 's/Functional form/Form/' "$T/t.csv" >"$T/col.csv"
fails epoch_column 'no column Functional form' "$TRIPOD" epoch "$T/col.csv"
sed 's/(FLOP),,/(FLOP),Other,/' "$T/t.csv" >"$T/range.csv"
fails epoch_range 'without a name behind Compute range' "$TRIPOD" epoch "$T/range.csv"
printf 'a,b\n1,2\n' >"$T/other.csv"
fails epoch_other "not Epoch's table" "$TRIPOD" epoch "$T/other.csv"
fails epoch_none 'no row matches' "$TRIPOD" epoch "$T/t.csv" --where paper=x
fails epoch_where_text 'expected COLUMN=TEXT' "$TRIPOD" epoch "$T/t.csv" --where paper
fails epoch_where_column "no column starts with 'zzz'" "$TRIPOD" epoch "$T/t.csv" --where zzz=1
fails epoch_where_number "has no numbers" "$TRIPOD" epoch "$T/t.csv" --where 'paper<3'
fails epoch_at_text 'expected N=, D=' "$TRIPOD" epoch "$T/t.csv" --at Q=1
fails epoch_no_scatter 'no row has both' "$TRIPOD" epoch "$T/t.csv" --scatter --where paper=Blank
fails epoch_at_twice 'N is given twice' "$TRIPOD" epoch "$T/t.csv" --at N=1,N=2
misuse epoch_log '--log needs --plot' "$TRIPOD" epoch "$T/t.csv" --log
fails epoch_over 't.csv: is read from' "$TRIPOD" epoch "$T/t.csv" --json="$T/t.csv"
misuse epoch_nothing 'expected scaling-laws.csv' "$TRIPOD" epoch
exit $code
