# tripod evals: fixtures of each layout of Pythia's evaluation files, with their traps, and the power laws
# of the published numbers.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
has() {
    if grep -Pq "$2" "$T/${3:-out}"; then echo "ok $1"; else echo "FAIL $1: no line like $2: $(head -c 600 "$T/${3:-out}")"; code=1; fi
}
rows() { # NAME N: so many rows of data
    local n=$(($(wc -l <"$T/out") - 1))
    if [ "$n" -eq "$2" ]; then echo "ok $1"; else echo "FAIL $1: $n rows, not $2"; code=1; fi
}
python3 - "$T/evals" <<'PY'
import json, math, os, sys
root = sys.argv[1]
def put(path, o):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(o, f)
def results(nats=None, bpb=None):
    r = {"piqa": {"acc": 0.6, "acc_stderr": 0.01, "acc_norm": 0.61, "acc_norm_stderr": 0.01}}
    if nats is not None:
        r["lambada_openai"] = {"ppl": math.exp(nats), "ppl_stderr": 0.1 * math.exp(nats), "acc": 0.5, "acc_stderr": 0.01}
    if bpb is not None:
        r["wikitext"] = {"word_perplexity": 2 ** (bpb * 5.35), "byte_perplexity": 2 ** bpb, "bits_per_byte": bpb}
    return r
def v0(model, step, shots, r, date="2023-02-07", told=None):
    put(f"pythia-v0/{model}/{'five' if shots else 'zero'}-shot/{model[7:]}-{shots}shot-global_step{step}_eval_results_{date}.json",
        {"results": r, "versions": {"piqa": 0}, "config": {"model": "neox", "model_args": {"padded_vocab_size": 50304} if told is None else "x",
         "num_fewshot": shots if told is None else told}})
def v1(model, step, shots, r):
    put(f"pythia-v1/{model}/{'five' if shots else 'zero'}-shot/{model[7:].replace('-bf16', '-bf16')}{'-5shot' if shots else ''}_step{step}.json",
        {"results": r, "versions": {}, "config": {"model": "hf-causal", "model_args": f"pretrained=EleutherAI/pythia-v1.1-{model[7:]},revision=step{step}", "num_fewshot": shots}})
final = {  # size: lambada nats v0, v0 deduped, v1, v1 deduped; wikitext bits per byte, standard and deduped
    "70m": (4.586546, 4.492711, 4.958843, 4.930511), "160m": (3.191519, 3.264343, 3.639292, 3.472642, 0.9360108878533313, 0.940701234240493),
    "410m": (2.463601, 2.391037, 2.382154, 2.358409, 0.839809646843508, 0.8461811487968391), "1b": (2.052218, 1.968941, 2.068847, 2.002722),
    "1.4b": (1.885480, 1.873562, 1.805944, 1.809417, 0.7566636913453257, 0.7710448810928946), "2.8b": (1.598317, 1.561821, 1.616637, 1.609659),
    "6.9b": (1.467462, 1.419263, 1.492704, 1.425098, 0.6769633837921767, 0.6857529284315136),
    "12b": (1.365888, 1.337037, 1.367020, 1.354268, 0.6555956922652953, 0.6640878549645515)}
series = {"12b": [.9768, .8022, .7600, .7386, .7216, .7108, .6981, .6906, .6815, .6743, .6687, .6633, .6588, .6562],
          "1.4b": [1.0922, .8718, .8342, .8174, .8033, .7942, .7870, .7801, .7746, .7685, .7643, .7606, .7582, .7573]}
for size, x in final.items():
    big = size in ("160m", "410m", "1.4b")
    last = 71500 if big else 143000
    w = x[4:] or (None, None)
    v0(f"pythia-{size}", last, 0, results(x[0], w[0]))
    v0(f"pythia-{size}-deduped", last, 0, results(x[1], w[1]))
    v1("pythia-1b-bf16" if size == "1b" else f"pythia-{size}", 143000, 0, results(x[2]))
    v1(f"pythia-{size}-deduped", 143000, 0, results(x[3]))
    for i, b in enumerate(series.get(size, [])):
        v0(f"pythia-{size}", (1500 + 5000 * i) if big else (3000 + 10000 * i), 0, results(2 + b, b))
# Traps: a five-shot folder with zero-shot results; two dates of one step; a smaller batch; no losses; other layouts.
v0("pythia-160m", 71500, 5, results(3.191519, 0.9360108878533313), told=0)
v0("pythia-70m", 123000, 0, results(4.6), date="2023-02-01")
v0("pythia-70m", 123000, 0, results(4.7), date="2023-02-28")
v1("pythia-70m", 3000, 5, results(5.5))
put("pythia-v1/pythia-160m-0.5MtokBS/160m-0.5MtokBS_step572000.json", {"results": results(3.7), "versions": {},
    "config": {"model": "hf-causal", "model_args": "pretrained=EleutherAI/pythia-160m,revision=step572000", "num_fewshot": 0}})
put("pythia-v1/pythia-70m/zero-shot/70m_step5.json", {"results": {"piqa": {"acc": 0.5}}, "versions": {}, "config": {"num_fewshot": 0}})
put("bias-evals/winobias/70m_step1.json", {"results": [{"a": 1}], "table_results": {}, "config": {}})
put("bias-evals/winobias/70m_step2.json", {"model_args": "x", "table_results": {}})
put("opt/opt-125m.json", {"results": results(3), "versions": {}, "config": {"model": "hf-causal", "model_args": "pretrained=facebook/opt-125m", "num_fewshot": 0}})
open(os.path.join(root, "notes.csv"), "w").write("model,acc\n")
PY
ok evals_read "$TRIPOD" evals "$T/evals" -o "$T/points.csv"
cp "$T/points.csv" "$T/out"
rows evals_rows 62
has evals_summary '62 points from 69 files; 2 of the bias evaluations, no losses; 1 of models outside the suite; 1 without a loss; 1 whose config.num_fewshot contradicts the folder; the config is right; 1 repeating another.s numbers; 1 replaced by a later date$' err
has evals_v0 '^pythia-160m-v0-0shot,pythia-160m-v0,v0,standard,4,0,85056000,162322944,71500,299892736000,3\.19151\d+,0\.[01]\d*,0\.5,0\.93601088785333\d*,'
has evals_1b '^pythia-1b-0shot,pythia-1b,v1,standard,2,0,805736448,1011781632,143000,299892736000,2\.0688'
has evals_batch '^pythia-160m-0.5MtokBS-0shot,pythia-160m,v1,standard,0.5,0,85056000,162322944,572000,299892736000,3\.7'
has evals_date '^pythia-70m-v0-0shot,.*,123000,257949696000,4\.7'
ok evals_shots "$TRIPOD" evals "$T/evals" --shots 5 --release v1
rows evals_shots_rows 1
ok evals_metric "$TRIPOD" evals "$T/evals" --shots all --metric piqa.acc_norm
has evals_metric_column ',piqa.acc_norm,file$'
has evals_metric_value ',0.60999999999999999,'
rows evals_metric_rows 63
ok evals_json "$TRIPOD" evals "$T/evals" --json
if python3 -c 'import json,sys; o=json.load(open(sys.argv[1])); assert len(o["points"])==62 and o["files"]["misfiled_shots"]==1' "$T/out"
then echo "ok evals_json_values"; else echo "FAIL evals_json_values"; code=1; fi
for width in 80 160; do
    terminal "evals_terminal_$width" $width "$TRIPOD" evals "$T/evals"
    has "evals_terminal_${width}_row" '^pythia-160m-v0-0shot +85\.06 M +299\.9 B +3\.192 +0\.5 +0\.936$'
    has "evals_terminal_${width}_batch" '^pythia-160m-0\.5MtokBS-0shot +85\.06 M'
    terminal "evals_terminal_details_$width" $width "$TRIPOD" evals "$T/evals" --details
done
terminal evals_terminal_empty 80 "$TRIPOD" evals "$T/evals" --release v1
if grep -q 'bits/byte' "$T/out"; then echo "FAIL evals_terminal_empty_column"; code=1; else echo "ok evals_terminal_empty_column"; fi
ok evals_tsv "$TRIPOD" evals "$T/evals" --tsv
has evals_tsv_row '^pythia-160m-v0-0shot\tpythia-160m-v0\tv0\tstandard\t4\t0\t85056000\t162322944\t71500\t299892736000\t3\.19151'
ok evals_one_file "$TRIPOD" evals "$T/evals/pythia-v1/pythia-12b/zero-shot/12b_step143000.json"
rows evals_one_file_row 1
# Power laws of the published numbers: value, tolerance.
slope() { # NAME ALPHA ARGS...
    local name=$1 alpha=$2
    shift 2
    ok "$name" "$TRIPOD" fit power "$T/points.csv" --json "$@" --bootstrap 0
    if python3 -c 'import json,sys; a=json.load(open(sys.argv[1]))["params"]["alpha"]["value"]; assert abs(a-float(sys.argv[2]))<0.6e-6*(100 if len(sys.argv[2])<8 else 1), a' "$T/out" "$alpha"
    then echo "ok ${name}_value"; else echo "FAIL ${name}_value: $(grep -A1 alpha "$T/out" | head -5)"; code=1; fi
}
if "$TRIPOD" fit laws >/dev/null 2>&1; then
    last='--where=tokens=299892736000'
    slope evals_wikitext 0.072426 --loss wikitext_bits_per_byte --where release=v0 --where data=standard $last
    slope evals_wikitext_dedup 0.070749 --loss wikitext_nats_per_byte --where release=v0 --where data=deduped $last
    slope evals_lambada_v0 0.190558 --loss lambada_nats --where release=v0 --where data=standard $last
    slope evals_lambada_v0_dedup 0.193982 --loss lambada_nats --where release=v0 --where data=deduped $last
    slope evals_lambada_v1 0.206007 --loss lambada_nats --where release=v1 --where data=standard --where batch_Mi_tokens=2 $last
    slope evals_lambada_v1_dedup 0.206075 --loss lambada_nats --where release=v1 --where data=deduped $last
    slope evals_steps_12b 0.0857 --x step --loss wikitext_bits_per_byte --where model=pythia-12b-v0 --where 'step>3000'
    slope evals_steps_1.4b 0.0590 --x step --loss wikitext_bits_per_byte --where model=pythia-1.4b-v0 --where 'step>1500'
else
    echo "SKIP evals_slopes: this build has no tripod fit"
fi
mkdir "$T/bad"
echo '{"results": {"lambada_openai"' >"$T/bad/70m_step1.json"
fails evals_cut '70m_step1.json: line [0-9]:' "$TRIPOD" evals "$T/bad"
echo '{"a": 1}' >"$T/bad/70m_step1.json"
fails evals_other 'expected an evaluation file with "results"' "$TRIPOD" evals "$T/bad"
echo '{"results": {"lambada_openai": {"ppl": 5}}, "config": {}}' >"$T/bad/70m_step1.json"
ok evals_bare "$TRIPOD" evals "$T/bad"
mv "$T/bad/70m_step1.json" "$T/bad/70m.json"
fails evals_step 'expected a step in the file' "$TRIPOD" evals "$T/bad"
echo '{"results": {"lambada_openai": {"ppl": -5}}, "config": {}}' >"$T/bad/70m.json"
mv "$T/bad/70m.json" "$T/bad/70m_step2.json"
fails evals_negative 'no losses found in 1 JSON' "$TRIPOD" evals "$T/bad"
mkdir "$T/none"
fails evals_none 'no losses found in 0 JSON files' "$TRIPOD" evals "$T/none"
fails evals_missing 'missing: cannot read: No such file' "$TRIPOD" evals "$T/missing"
misuse evals_nothing 'give the folder' "$TRIPOD" evals
misuse evals_metric_text 'expected TASK.METRIC' "$TRIPOD" evals "$T/evals" --metric acc
exit $code
