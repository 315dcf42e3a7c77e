# The plan of a scan: words for many models, order, --dry-run, models that are missing or damaged among others, the hub's cache.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
corpus=$ROOT/tests/golden/folders/corpus
python=/usr/bin/python3
# stderr NAME REGEX...: the last command's stderr has exactly these lines, in order.
stderr() {
    local name=$1 i=0 line good=1
    shift
    while IFS= read -r line; do
        i=$((i + 1))
        if [ $i -gt $# ] || ! grep -Eq -- "${!i}" <<<"$line"; then good=0; fi
    done <"$T/err"
    if [ $good = 1 ] && [ $i -eq $# ]; then echo "ok $name"; else echo "FAIL $name: $(cat "$T/err")"; code=1; fi
}
# part NAME STATUS CMD...: that exit status; stdout and stderr are left in $T/out and $T/err.
part() {
    local name=$1 want=$2 status
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    status=$?
    is "$name" "$want" "$status"
}
# rows: what the last table says of model, step and state.
rows() { grep -v '^#' "$T/out" | tail -n +2 | cut -f 1-3 | tr '\t' ' ' | paste -sd ,; }
scanned() { tail -n +2 "$T/out" | cut -f 1,2 | tr '\t' ' ' | paste -sd ,; }
model() { "$make_model" "$1" --hidden "$2" --layers 2 --heads 2 --vocab 300 --seed "$3" --dtype f16 >/dev/null; }

cd "$T" || exit 1
export HF_HUB_CACHE=$T/hub
mkdir -p m/pythia-70m m/pythia-410m flat
for s in 16 2 128; do model m/pythia-70m/step$s 16 $s; done
for s in 4 1000; do model m/pythia-410m/step$s 32 $s; done

# --- --dry-run ---
ok "a plan" "$TRIPOD" scan m -c "$corpus" -o l --dry-run
is "small models first, then steps as numbers" \
    'pythia-70m 2 to do,pythia-70m 16 to do,pythia-70m 128 to do,pythia-410m 4 to do,pythia-410m 1000 to do' "$(rows)"
shows "its columns" '^model	step	state	import_bytes	tokens	flop	seconds	memory	disk	source	problem$'
shows "what it takes in all" '^# plan: 5 models, 5 to do$'
shows "the rate is assumed" '^# work: .* FLOP, .* times 0.9 \(assumed: there are no scans with these kernels yet\)$'
for p in '' --compare; do
    ok "a plan in int16 $p" "$TRIPOD" scan m -c "$corpus" -o l --dry-run --precision int16 $p
    ! grep -qw avx2 /proc/cpuinfo ||
        check "is not at float32's rate $p" "$(grep work: "$T/out")" sh -c "! grep -q 'times 0.9 ' '$T/out'"
done
ok "by kernels whose peak is not known" "$TRIPOD" scan m -c "$corpus" -o l --dry-run --precision int16 --compare --simd scalar
shows "at float32's" '^# work: .* times 0.9 '
ok "a plan" "$TRIPOD" scan m -c "$corpus" -o l --dry-run
shows "imports" '^# imports first: 5, .* to read, .* to write \(.* free\)$'
shows "memory" '^# memory: .* for the largest model, its weights included \(.* available\)$'
is "nothing was imported or computed" 0 "$(find m l -name '*.tripod' -o -name '*.npy' | wc -l)"
ok "by step" "$TRIPOD" scan m -c "$corpus" -o l --dry-run --order step
is "early steps first" 'pythia-70m 2,pythia-410m 4,pythia-70m 16,pythia-70m 128,pythia-410m 1000' "$(scanned | sed 's/^.*step,//')" 
ok "as given" "$TRIPOD" scan 'm/pythia-4*/step*' m/pythia-70m/step128 'm/pythia-70m/step?' -c "$corpus" -o l --dry-run --order given
is "the words' order, patterns in theirs" \
    'pythia-410m 4 to do,pythia-410m 1000 to do,pythia-70m 128 to do,pythia-70m 2 to do' "$(rows)"
ok "as JSON" "$TRIPOD" scan m -c "$corpus" -o l --dry-run --json
cp "$T/out" plan.json
ok "with sums that agree" $python - plan.json <<'P'
import json, sys
o = json.load(open(sys.argv[1]))
p = o["plan"]
assert len(p["models"]) == 5 and p["states"] == {"to do": 5, "started": 0, "done": 0, "missing": 0, "failed": 0}
tokens = 1 + 2 + 16 + 39 + 63
assert p["corpus"]["tokens"] == tokens and all(m["tokens"] == tokens for m in p["models"])
def flop(d):
    rows = [1, 2, 16, 39, 63]
    return sum(2 * (n * 2 * d * (4 * d + 2 * 4 * d) + 2 * d * n * (n + 1)) + n * 2 * d * 300 for n in rows)
assert [m["flop"] for m in p["models"]] == [flop(16)] * 3 + [flop(32)] * 2
assert p["flop"] == sum(m["flop"] for m in p["models"])
assert abs(p["seconds"] - p["flop"] / (p["peak_flop_per_s"] * 0.9)) < 1e-9 * p["seconds"]
assert p["import_bytes"] == sum(m["import_bytes"] for m in p["models"]) and p["imports"] == 5
assert p["losses_bytes"] == 5 * (128 + 4 * tokens) and p["losses_free"] > 0 and p["memory_available"] > p["memory"] > 0
assert o["provenance"]["command"][:2] == ["tripod", "scan"]
P
terminal "on a terminal" 80 "$TRIPOD" scan m 'pythia-1b@step1..step2' -c "$corpus" -o l --dry-run
shows "the same table" '^pythia-70m +2  to do '
shows "and the line that downloads what is missing" '^hf download EleutherAI/pythia-1b --revision step2$'

# --- the work ---
ok "all of a folder" "$TRIPOD" scan m -c "$corpus" -o l --json=all.json
is "in the plan's order" 'pythia-70m 2,pythia-70m 16,pythia-70m 128,pythia-410m 4,pythia-410m 1000' "$(scanned)"
stderr "without a word on stderr"
is "each folder was imported" 5 "$(find m -name model.tripod | wc -l)"
for s in 2 16 128; do "$TRIPOD" scan m/pythia-70m/step$s -c "$corpus" -o one >/dev/null 2>&1; done
good=1
for f in one/*.npy; do cmp -s "$f" "l/${f#one/}" || good=0; done
is "with the bits of one at a time" 1 $good
rm l/pythia-70m-step16.npy l/pythia-70m-step16.json
ok "what is there" "$TRIPOD" scan m -c "$corpus" -o l --dry-run
is "is done" 'pythia-70m 2 done,pythia-70m 16 to do,pythia-70m 128 done,pythia-410m 4 done,pythia-410m 1000 done' "$(rows)"
shows "the rate is that of the scans there" '^# work: .*\(what 4 scans with these kernels reached there\)$'
ok "of another protocol" "$TRIPOD" scan m/pythia-70m -c "$corpus" -o l --dry-run --max-tokens 9
is "losses in the way are no loss" 'pythia-70m 2 failed,pythia-70m 16 to do,pythia-70m 128 failed' "$(rows)"
ok "forced" "$TRIPOD" scan m/pythia-70m -c "$corpus" -o l --dry-run --max-tokens 9 --force
is "they are overwritten" 'pythia-70m 2 to do,pythia-70m 16 to do,pythia-70m 128 to do' "$(rows)"
ok "flat files" "$TRIPOD" import m/*/* -o flat/
ok "under a pattern" "$TRIPOD" scan 'flat/*70m*' -c "$corpus" -o l2
is "are scanned" 'pythia-70m 2,pythia-70m 16,pythia-70m 128' "$(scanned)"
ok "a file, its folder, a link, a pattern" "$TRIPOD" scan flat/pythia-70m-step2.tripod flat 'flat/*' -c "$corpus" -o l2 --dry-run
shows "each model once" '^# plan: 5 models, 2 to do, 3 done \(6 given twice were left out\)$'
ok "two folders of one name" "$TRIPOD" scan flat/pythia-70m-step2.tripod m/pythia-70m/step2 -c "$corpus" -o l2 --dry-run
is "are two models" 2 "$(grep -c '^pythia-70m' "$T/out")"

# --- missing and damaged ---
cp -r m bad
rm bad/*/*/model.tripod
truncate -s -9 bad/pythia-70m/step16/*.safetensors
rm bad/pythia-410m/step4/*.safetensors
ok "a plan with damaged ones" "$TRIPOD" scan bad nowhere -c "$corpus" -o b --dry-run
is "shows them" 'pythia-70m 2 to do,pythia-70m 128 to do,pythia-410m 1000 to do,pythia-70m 16 failed,pythia-410m 4 missing,nowhere - missing' "$(rows)"
shows "and why" 'bad/pythia-70m/step16	bad/pythia-70m/step16/model.safetensors: '
stderr "as its result, not as warnings"
part "a scan of these" 1 "$TRIPOD" scan bad nowhere -c "$corpus" -o b --json=b.json
is "does the rest" 'pythia-70m 2,pythia-70m 128,pythia-410m 1000' "$(scanned)"
stderr "warns of each, and lists them at the end" 'warning: bad/pythia-70m/step16/model.safetensors: .* outside' \
    'warning: bad/pythia-410m/step4: no weights' 'warning: nowhere: cannot open: No such file' \
    '^tripod: 3 of 6 models could not be scanned: bad/pythia-70m/step16, bad/pythia-410m/step4, nowhere$'
ok "the JSON has both" $python - b.json <<'P'
import json, sys
o = json.load(open(sys.argv[1]))
assert [r["step"] for r in o["runs"]] == [2, 128, 1000]
assert [f["model"] for f in o["failures"]] == ["bad/pythia-70m/step16", "bad/pythia-410m/step4", "nowhere"]
assert [f["state"] for f in o["failures"]] == ["failed", "missing", "missing"] and "outside" in o["failures"][0]["error"]
P
cmp -s b/pythia-70m-step128.npy l/pythia-70m-step128.npy
is "with the same bits" 0 $?
# Damage that only reading finds: a weight that is not a number.
cp -r m nan
rm nan/*/*/model.tripod
ok "a model with a NaN" $python - nan/pythia-70m/step16 <<'P'
import glob, sys
path = glob.glob(sys.argv[1] + "/*.safetensors")[0]
data = bytearray(open(path, "rb").read())
data[-2:] = b"\xff\x7f"
data[-4:-2] = b"\xff\x7f"
open(path, "wb").write(data)
P
part "damage found in the middle" 1 "$TRIPOD" scan nan/pythia-70m -c "$corpus" -o n
is "leaves the others" 'pythia-70m 2,pythia-70m 128' "$(scanned)"
is "and is told" 1 "$(grep -c 'warning: .*step16.*expected a finite number, found nan' "$T/err")"
fails "all that is given is missing" '2 of 2 models could not be scanned: nowhere, neither' sh -c '"$@" 2>e; s=$?; tail -n 1 e >&2; exit $s' - \
    "$TRIPOD" scan nowhere neither -c "$corpus" -o f
fails "one model: one line" 'nowhere: cannot open: No such file' "$TRIPOD" scan nowhere -c "$corpus" -o f
fails "a pattern of nothing" 'q\*/step\*: no file and no folder matches' "$TRIPOD" scan 'q*/step*' -c "$corpus" -o f
fails "a folder without models" 'empty: not a model: it has no config.json' sh -c 'mkdir empty; exec "$@"' - "$TRIPOD" scan empty -c "$corpus" -o f
fails "a file that is no model" 'corpus.bin: not a tripod model file' "$TRIPOD" scan "$corpus.bin" -c "$corpus" -o f
is "nothing was written for them" 0 "$(find f -type f 2>/dev/null | wc -l)"
if mkdir small && mount -t tmpfs -o size=32k tmpfs small 2>/dev/null; then
    "$make_model" --corpus long --limit 300 --seed 1 3001 >/dev/null
    fails "no room for all losses is said before the first" \
        'small: No space left on device: expected room for 60640 bytes, found 32768' \
        "$TRIPOD" scan flat -c long -o small --max-tokens 4000
    is "with nothing begun" 0 "$(find small -type f | wc -l)"
    umount small
else
    echo "SKIP a full disk: cannot mount a tmpfs here"
fi

# --- the hub's cache ---
snapshot() { mkdir -p "hub/models--$1/refs" "hub/models--$1/snapshots/$3"; printf %s "$3" >"hub/models--$1/refs/$2"; }
for s in 2 16; do
    snapshot EleutherAI--pythia-70m step$s c$s
    mkdir -p hub/models--EleutherAI--pythia-70m/blobs
    for f in config.json model.safetensors; do
        cp m/pythia-70m/step$s/$f hub/models--EleutherAI--pythia-70m/blobs/$s-$f
        ln -s ../../blobs/$s-$f hub/models--EleutherAI--pythia-70m/snapshots/c$s/$f
    done
done
printf c16 >hub/models--EleutherAI--pythia-70m/refs/main
snapshot EleutherAI--pythia-70m step32 c32 # begun, not finished
snapshot EleutherAI--pythia-410m step4 d4
cp m/pythia-410m/step4/* hub/models--EleutherAI--pythia-410m/snapshots/d4/
# What a cache should not have.
printf '../../../m/pythia-70m/step128' >hub/models--EleutherAI--pythia-70m/refs/step64
printf c2 >hub/models--EleutherAI--pythia-70m/refs/$'odd\nname'
ln -s . hub/models--EleutherAI--loop
ln -s loop2 hub/models--EleutherAI--loop2
mkdir -p hub/models--EleutherAI--pythia-70m/refs/step8
ok "all revisions" "$TRIPOD" scan 'EleutherAI/pythia-70m@*' -c "$corpus" -o h --dry-run
is "of the cache, each snapshot once" 'pythia-70m 2 to do,pythia-70m 16 to do,pythia-70m 32 missing,pythia-70m 64 missing' "$(rows)"
shows "the name of a snapshot given twice is left out" '\(1 given twice were left out\)$'
shows "an unfinished download has its line" 'hf download EleutherAI/pythia-70m --revision step32$'
ok "a range" "$TRIPOD" scan pythia-70m@step1..step16 -c "$corpus" -o h --dry-run
is "of the published steps" 'pythia-70m 2 to do,pythia-70m 16 to do,pythia-70m 1 missing,pythia-70m 4 missing,pythia-70m 8 missing' "$(rows)"
ok "all of a range" "$TRIPOD" scan pythia-70m@step0..step143000 -c "$corpus" -o h --dry-run
shows "is the suite's 154 steps" '^# plan: 154 models, 2 to do, 152 missing$'
ok "all models" "$TRIPOD" scan 'EleutherAI/pythia-*@step*' -c "$corpus" -o h --dry-run
is "and their steps" 'pythia-70m 2 to do,pythia-70m 16 to do,pythia-410m 4 to do,pythia-70m 32 missing,pythia-70m 64 missing' \
    "$(rows | tr , '\n' | sort -s -t' ' -k3,3r | paste -sd ,)"
ok "the cache as a folder" "$TRIPOD" scan hub -c "$corpus" -o h --dry-run
is "with the steps of its refs" 'pythia-70m 2 to do,pythia-70m 16 to do,pythia-410m 4 to do' "$(rows)"
part "a scan of a range" 1 "$TRIPOD" scan pythia-70m@step2..step16 pythia-410m@step4 -c "$corpus" -o h
is "does what there is" 'pythia-70m 2,pythia-70m 16,pythia-410m 4' "$(scanned)"
cmp -s h/pythia-70m-step16.npy l2/pythia-70m-step16.npy
is "from links to blobs" 0 $?
stderr "and says how to get the rest" 'hf download EleutherAI/pythia-70m --revision step4$' 'hf download EleutherAI/pythia-70m --revision step8$' \
    '^tripod: 2 of 5 models could not be scanned: EleutherAI/pythia-70m@step4, EleutherAI/pythia-70m@step8$'
fails "a ref that leads out" 'step64: no such file or folder, and not in' "$TRIPOD" scan EleutherAI/pythia-70m@step64 -c "$corpus" -o f

# --- what no name should have ---
odd=$'odd\n\x1b[2Jname'
mkdir odd
cp -r m/pythia-70m/step2 "odd/$odd"
ok "a name with a newline" "$TRIPOD" scan odd -c "$corpus" -o o --dry-run
is "is one row" 1 "$(grep -v '^#' "$T/out" | tail -n +2 | wc -l)"
is "of text" 0 "$(grep -c $'\x1b' "$T/out")"
ok "it is scanned" "$TRIPOD" scan 'odd/*' -c "$corpus" -o o --json
rm "odd/$odd"/*.safetensors "odd/$odd/model.tripod"
fails "and one line when it cannot be" 'odd\?\?\[2Jname: no weights' "$TRIPOD" scan odd -c "$corpus" -o o2
mkdir huge
(cd huge && seq -f 'd%.0f' 5000 | xargs mkdir && seq 20000 | xargs touch)
ln -s . huge/again
ok "a folder of many others" sh -c 'ulimit -t 60; exec "$@"' - "$TRIPOD" scan huge flat -c "$corpus" -o l2 --dry-run
is "has no models" 'huge - missing' "$(rows | tr , '\n' | grep huge)"

# --- quiet, misuse ---
session() { script -qec "$*" /dev/null </dev/null | tr -d '\r'; }
if command -v script >/dev/null; then
    session "'$TRIPOD' scan flat -c '$corpus' -o t1" >"$T/out"
    shows "a terminal gets the plan" '^plan: 5 models, 5 to do$'
    session "'$TRIPOD' scan flat nowhere -c '$corpus' -o t2 --quiet" >"$T/out"
    is "--quiet: none" 0 "$(grep -c '^plan:' "$T/out")"
    shows "but warnings" 'warning: nowhere'
fi
ok "and its JSON alone" sh -c '"$@" | head -c 1 | grep -q "{"' - "$TRIPOD" scan flat -c "$corpus" -o l2 --quiet --json
fails "no shard goes without a model of the others'" 'nowhere: cannot open' "$TRIPOD" scan flat nowhere -c "$corpus" -o shards --shard 0/2
check_none() { if ls shards/*.npy >/dev/null 2>&1; then echo "FAIL $1"; code=1; else echo "ok $1"; fi; }
check_none "and computes nothing"
misuse "an unknown order" 'order' "$TRIPOD" scan flat -c "$corpus" --order speed
exit $code
