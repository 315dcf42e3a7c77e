# tripod bench: the keys scripts rely on, baselines, refusals.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
few="--rounds 1 --threads 1 --memory 4M"
# shellcheck disable=SC2086
ok bench_peak "$TRIPOD" bench peak $few --json
cp "$T/out" "$T/peak.json"
# shellcheck disable=SC2086
ok bench_kernels "$TRIPOD" bench kernels $few --json --simd scalar --save "$T/base.json"
# shellcheck disable=SC2086
ok bench_against "$TRIPOD" bench kernels $few --json="$T/kernels.json" --simd scalar --against "$T/base.json"
if grep -Pq '^gelu_erf\t.*\t[0-9.]+$' "$T/out"; then echo "ok bench_ratio_column"; else echo "FAIL bench_ratio_column"; code=1; fi
# shellcheck disable=SC2086
ok bench_gemm "$TRIPOD" bench gemm --rounds 1 --threads 2 --rows 20 --models 70m --json
cp "$T/out" "$T/gemm.json"
if grep -qw avx2 /proc/cpuinfo; then
    # shellcheck disable=SC2086
    ok "bench kernels knows int16" "$TRIPOD" bench kernels $few --simd avx2 --tsv
    shows "in the cache, beside its own peak" "^gemm_i16	[0-9.]+	0	[0-9.]+	int16	[0-9.]+"
fi
"$TRIPOD" import "$ROOT/models/demo/demo-311k/step1000" -o "$T/demo.tripod" >/dev/null
# shellcheck disable=SC2086
ok "bench scan of a model in int16" "$TRIPOD" bench scan 64 "$T/demo.tripod" --precision int16 --rounds 1 --threads 1 --json
cp "$T/out" "$T/scan.json"
fails "bench scan of a packed model" "demo.int16.tripod: its weights are packed" sh -c \
    '"$0" import "$1/demo.tripod" --precision int16 -o "$1/demo.int16.tripod" >/dev/null && "$0" bench scan 64 "$1/demo.int16.tripod" --precision int16 --rounds 1' "$TRIPOD" "$T"
# shellcheck disable=SC2086
ok bench_gradients "$TRIPOD" bench gradients 20 33 $few --json
cp "$T/out" "$T/gradients.json"
if python3 - "$T" <<'PY'
import json, sys
load = lambda name: json.load(open(sys.argv[1] + "/" + name))
peak = load("peak.json")
cpu = open("/proc/cpuinfo").read()
if " avx512vl" in cpu and " avx512dq" in cpu: assert peak["f32_avx512"] > 1
if " avx2" in cpu and " fma" in cpu: assert peak["f32_avx2"] > 1
assert peak["read_bandwidth"] > 0.1 and peak["per_thread"]["read_bandwidth"] > 0.1
kernels = load("kernels.json")
assert set(kernels["against"]) == set(kernels["rates"]) and kernels["simd"] == "scalar"
assert all(0 < r for r in kernels["against"].values())
assert {k["bound"] for k in kernels["kernels"]} <= {"memory", "arithmetic"}
names = [k["kernel"] for k in kernels["kernels"]]
assert names[-1] == "quantize" and len(set(names)) == len(names), names  # no peak of integers is known
exact, int16 = load("scan.json")["runs"]
assert (exact["precision"], int16["precision"]) == ("f32", "int16") and "packing" not in exact
assert int16["packing"] > 0 and int16["over_f32"] > 0 and int16["over_f32_whole"] > 0
gemm = load("gemm.json")
assert [p["product"] for p in gemm["products"]] == \
    [p + s for p in ("qkv", "dense", "mlp_in", "mlp_out") for s in ("", "_dx", "_dw")] + \
    ["vocabulary", "head", "attention", "attention_back"]
assert all(p["native"] > 0 and p["percent"] > 0 for p in gemm["products"])
assert all(p["ratio"] > 0 for p in gemm["products"] if "attention" not in p["product"] and "_d" not in p["product"])
assert all((p.get("int16", 0) > 0 and p["int16_ratio"] > 0) == ("attention" not in p["product"] and "_d" not in p["product"])
           for p in gemm["products"])
assert gemm["rates"][gemm["simd"] + "/70m/head_int16"] > 0
assert gemm["threads"] == 2
gradients = load("gradients.json")
assert [g["tokens"] for g in gradients["gradients"]] == [20, 33] and gradients["threads"] == 1
assert all(g["share"] > 0.01 and abs(sum(g["phases"].values()) - 1) < 1e-6 for g in gradients["gradients"])
assert gemm["provenance"]["command"][:2] == ["tripod", "bench"]
PY
then echo "ok bench_json"; else echo "FAIL bench_json"; code=1; fi
echo '{"bench": "kernels"}' >"$T/no.json"
fails bench_no_rates 'no.json: expected what --save wrote' "$TRIPOD" bench kernels --against "$T/no.json"
fails bench_no_baseline 'none.json: ' "$TRIPOD" bench kernels --against "$T/none.json"
fails bench_other_baseline 'base.json: expected a baseline of bench peak, found one of kernels' "$TRIPOD" bench peak --against "$T/base.json"
fails bench_unwritable 'nowhere/x.json: cannot write' "$TRIPOD" bench peak --save "$T/nowhere/x.json"
fails bench_blas 'libnone.so: no library with cblas_sgemm' "$TRIPOD" bench gemm --blas libnone.so
misuse bench_nothing 'peak, kernels, gemm, scan, gradients, train or archive' "$TRIPOD" bench
misuse bench_word "found 'peaks'" "$TRIPOD" bench peaks
misuse bench_models "'71m' is not a Pythia size" "$TRIPOD" bench gemm --models 70m,71m
fails bench_tokens 'from 1 to 2048, found .4096.' "$TRIPOD" bench gradients 4096
grep -q amx_int8 /proc/cpuinfo || misuse bench_amx 'amx: this CPU has no (AMX-INT8|AVX-512)' "$TRIPOD" bench peak --simd amx
misuse bench_rows 'rows: expected' "$TRIPOD" bench gemm --rows 0
exit $code
