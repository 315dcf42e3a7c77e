# Models that memory does not hold: streamed layer by layer within --memory, with the bits of the resident scan.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3

# peak CMD...: runs it; its peak resident set in MiB goes to $T/peak.
peak() {
    $python - "$T/peak" "$@" <<'P'
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
sys.exit(status)
P
}
below() { if [ "$(cat "$T/peak")" -le "$2" ]; then echo "ok $1"; else echo "FAIL $1: $(cat "$T/peak") MiB, expected at most $2"; code=1; fi; }
above() { if [ "$(cat "$T/peak")" -gt "$2" ]; then echo "ok $1"; else echo "FAIL $1: $(cat "$T/peak") MiB, expected more than $2"; code=1; fi; }
same() { if cmp -s "$2"/*.npy "$3"/*.npy; then echo "ok $1"; else echo "FAIL $1: the losses differ"; code=1; fi; }
# said NAME REGEX: stderr of the last command is one line, a warning that matches.
said() {
    if [ "$(wc -l <"$T/err")" -eq 1 ] && grep -Eq "^tripod: warning: .*($2)" "$T/err"; then echo "ok $1"; else echo "FAIL $1: $(cat "$T/err")"; code=1; fi
}
silent() { if [ ! -s "$T/err" ]; then echo "ok $1"; else echo "FAIL $1: $(cat "$T/err")"; code=1; fi; }

# 75 MB in 24 layers; documents of 1 to 1100 tokens.
"$make_model" "$T/m" --hidden 256 --layers 24 --heads 4 --vocab 1000 --seed 3 --dtype f32 >/dev/null
"$make_model" --corpus "$T/c" --limit 1000 --seed 1 300 2 1100 1 17 300 5 200 1025 30 400 >/dev/null
ok "import" "$TRIPOD" import "$T/m" -o "$T/m.tripod"
# least OPTION...: MiB that streaming the model needs at least, as the message has it: what the program itself takes is part of it.
least() { "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/dry" --memory 1M "$@" 2>&1 | grep -o 'at least [0-9]*M' | grep -o '[0-9]*'; }
scan() { local name=$1 out=$2; shift 2; ok "$name" peak "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/$out" "$@"; }

small=$(($(least --threads 2) + 6)) one=$(($(least --threads 1) + 3))
scan "a model that fits" fits --threads 2 --memory 1G
silent "is scanned as ever"
above "with all its weights resident" $((small + 20))
ok "the plan of one that does not" "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/dry" --threads 2 --memory ${small}M --dry-run
shows "says so, and what it costs" '^# streamed, as memory does not hold them: 1 models, 7[0-9.]* MB of weights to read$'
# The plan follows the scan's rule: a scan needs more than weights and workspaces, the program itself for one.
ok "the plan of one that fits" "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/dry" --threads 2 --memory 1G --dry-run --json
memory=$($python -c 'import json, sys; p = json.load(open(sys.argv[1]))["plan"]; assert p["streamed"] == 0; print(p["memory"] >> 20)' "$T/out")
for more in 8 200; do
    ok "the plan for $more MB more" "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/dry" --threads 2 --memory $((memory + more))M --dry-run --json
    planned=$($python -c 'import json, sys; print(json.load(open(sys.argv[1]))["plan"]["streamed"])' "$T/out")
    ok "the scan with these" "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/more$more" --threads 2 --memory $((memory + more))M
    streamed=$(grep -c 'do not fit' "$T/err")
    if [ "$planned $streamed" = "$((more < 100)) $((more < 100))" ]; then echo "ok is as it was planned"; else echo "FAIL is as it was planned: $planned, $streamed"; code=1; fi
done
scan "one that does not" small --threads 2 --memory ${small}M
said "is streamed, which is said" \
    "m.tripod: 7[0-9.]*M of weights do not fit into ${small}M of memory: read again for every [0-9.]*K tokens, .*[0-9]M/s or more\$"
below "within what was given" $small
same "with the same bits" "$T/fits" "$T/small"

# The least that is possible, as the message has it, keeps activations in a file.
fails "too little memory" 'm.tripod: 1M of memory are not enough, layer by layer: expected at least [0-9]+M' \
    "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/least" --threads 2 --memory 1M
least=$(least --threads 2)
scan "the least memory" least --threads 2 --memory "${least}M"
said "spills activations" "into ${least}M of memory: .*; activations spill to $T/least\$"
below "within it" "$least"
same "the same bits" "$T/fits" "$T/least"
if [ "$(ls "$T/least" | wc -l)" -eq 2 ]; then echo "ok and leaves losses and their record only"; else echo "FAIL $(ls "$T/least")"; code=1; fi

scan "one thread" one --threads 1 --memory ${one}M
same "one thread: the same bits" "$T/fits" "$T/one"
scan "five threads, small batches" five --threads 5 --batch-tokens 100 --memory $(($(least --threads 5) + 1))M
same "five threads: the same bits" "$T/fits" "$T/five"
scan "windows, resident" windows --threads 2 --window 128 --stride 50 --memory 1G
scan "windows, streamed" streamed --threads 3 --window 128 --stride 50 --memory $(($(least --threads 3 --window 128 --stride 50) + 2))M
said "windows are streamed" 'do not fit'
same "windows: the same bits" "$T/windows" "$T/streamed"

# Killed, it goes on.
"$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/cut" --threads 1 --batch-tokens 300 --memory ${one}M >/dev/null 2>&1 &
pid=$!
logged() { [ "$(cat "$T"/cut/*.log | wc -c)" -gt 128 ]; }
until_true logged # a first batch
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
scan "after a kill" cut --threads 2 --memory ${small}M
same "it goes on with the same bits" "$T/fits" "$T/cut"
ok "verify" "$TRIPOD" verify "$T/cut" --documents all

# Interrupted, it says so between two layers, and goes on. (A shell's background job ignores SIGINT unless told otherwise.)
env --default-signal=INT "$TRIPOD" scan "$T/m.tripod" -c "$T/c" -o "$T/int" --threads 1 --simd=avx2 --memory ${one}M >/dev/null 2>"$T/err" &
pid=$!
until_true grep -q 'do not fit' "$T/err"
kill -INT $pid
wait $pid
status=$?
if [ $status -eq 130 ] && [ "$(wc -l <"$T/err")" -eq 2 ] && tail -n 1 "$T/err" | grep -q '^tripod: .*interrupted: 0 of '; then
    echo "ok Ctrl-C between layers"
else
    echo "FAIL Ctrl-C: exit $status: $(cat "$T/err")"; code=1
fi
scan "after an interrupt" int --threads 2 --memory ${small}M
same "it goes on, with the same bits" "$T/fits" "$T/int"

misuse "bytes" '--memory: expected a number of bytes such as 8G or 512M, found .8X' "$TRIPOD" scan "$T/m.tripod" -c "$T/c" --memory 8X
misuse "too few bytes" '--memory: expected 1M to .* bytes, found .5K' "$TRIPOD" scan "$T/m.tripod" -c "$T/c" --memory 5K

[ "${LONG:-}" ] || exit $code

# The suite's largest shapes: sharded float16, imported, the shards removed, a few tokens both ways.
"$make_model" --corpus "$T/few" --limit 50000 --seed 1 40 25 20 >/dev/null
for shape in "6.9b 8192 28" "12b 16384 48"; do
    read -r size cap disk <<<"$shape"
    if [ "$(df --output=avail -B1G "$T" | tail -n 1)" -lt $((disk + 2)) ]; then echo "SKIP $size: needs $disk GB of disk in $T"; continue; fi
    "$make_model" "$T/$size" --shape "$size" --shards 3 --seed 1 >/dev/null
    ok "$size: import" peak "$TRIPOD" import "$T/$size" -o "$T/$size.tripod"
    below "$size: import in little memory" 1024
    rm -rf "${T:?}/$size"
    ok "$size: streamed" peak "$TRIPOD" scan "$T/$size.tripod" -c "$T/few" -o "$T/$size-streamed" --memory "${cap}M"
    said "$size: which is said" "$size.tripod: .*do not fit"
    below "$size: within its memory" "$cap"
    ok "$size: resident" peak "$TRIPOD" scan "$T/$size.tripod" -c "$T/few" -o "$T/$size-resident" --memory 1T
    silent "$size: as ever"
    same "$size: the same bits" "$T/$size-resident" "$T/$size-streamed"
    rm -f "$T/$size.tripod"
done
exit $code
