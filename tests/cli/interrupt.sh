# Scans that are stopped on their way, by signals, kill -9, a full disk, and several processes on one directory: nothing is lost,
# nothing half-written has a final name, and all ends with the bytes of a scan left alone.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
suite=$ROOT/models/demo
python=/usr/bin/python3
bad() { echo "FAIL $1: $2"; code=1; }
# same NAME A B: the losses of two directories are the same files, and no part is left
same() {
    local a b
    a=$(cd "$2" && sha256sum ./*.npy) && b=$(cd "$3" && sha256sum ./*.npy)
    check "$1" "losses differ or a part is left: $(ls "$3")" test "$a$(ls "$3" | grep -c '\.npy\.part')" = "${b}0"
}
no_losses() { check "$1: no losses under a final name" "$(ls "$2")" test -z "$(ls "$2"/*.npy 2>/dev/null)"; }
bytes() { cat "$@" 2>/dev/null | wc -c; }
# records DIR N: its log has N records or more
records() { [ "$(bytes "$1"/*.log)" -ge $((128 + 32 * $2)) ]; }

# busy PID: it has computed for a while
busy() { [ "$(cut -d ' ' -f 14 "/proc/$1/stat")" -gt 30 ]; }

# Slow enough to be met on the way: 120 documents, one thread, no vector instructions.
for i in 1 2 3; do
    "$make_model" "$T/m$i" --hidden 64 --layers 1 --heads 2 --vocab 8000 --seed $i >/dev/null
    "$TRIPOD" import "$T/m$i" -o "$T/m$i.tripod" >/dev/null
done
# shellcheck disable=SC2046
"$make_model" --corpus "$T/c" --limit 7900 --seed 1 $(for _ in $(seq 120); do echo 150; done) >/dev/null
slow=(-c "$T/c" --simd=scalar --threads 1 --batch-tokens 150)
"$TRIPOD" scan "$T"/m?.tripod -c "$T/c" -o "$T/whole" >/dev/null
mkdir "$T/one" && cp "$T"/whole/m1.* "$T/one"

# Each signal in turn, on one directory: the batch under way is finished and kept.
kept=0
for s in INT:130 TERM:143 HUP:129 USR1:138; do
    signal=${s%:*}
    had=$(bytes "$T"/cut/*.log)
    # A shell's background job ignores SIGINT unless told otherwise, and nohup's SIGHUP.
    env --default-signal=INT,HUP "$TRIPOD" scan "$T/m1.tripod" "${slow[@]}" -o "$T/cut" >"$T/out" 2>"$T/err" &
    pid=$!
    until_true records "$T/cut" $((had > 0 ? (had - 128) / 32 + 2 : 2))
    kill -$signal $pid
    wait $pid 2>/dev/null
    check "$signal: 128 + n" "exit $?" test $? -eq "${s#*:}"
    check "$signal: one line" "$(cat "$T/err" "$T/out")" test "$(wc -l <"$T/err")" = 1 -a ! -s "$T/out"
    now=$(sed -En 's/^tripod: m1: interrupted: ([0-9]+) of 17880 losses are kept; the same command goes on$/\1/p' "$T/err")
    check "$signal: it says what is kept, more each time" "$kept, $(cat "$T/err")" test "${now:-0}" -gt $kept
    kept=$now
    no_losses "$signal" "$T/cut"
done
check "some were left to do" "$kept" test "${kept:-0}" -lt 17880
ok "the same command goes on" "$TRIPOD" scan "$T/m1.tripod" -c "$T/c" -o "$T/cut"
same "after four signals: the same bytes" "$T/one" "$T/cut"

# A batch of many seconds: a second signal does not wait for it.
"$TRIPOD" scan "$T/m1.tripod" -c "$T/c" --simd=scalar --threads 1 --batch-tokens 100000 --window 150 -o "$T/twice" >"$T/out" 2>"$T/err" &
pid=$!
until_true busy $pid
kill -TERM $pid
sleep 0.1
check "a first signal waits for the batch" "it is gone" kill -0 $pid
kill -TERM $pid
wait $pid 2>/dev/null
status=$?
if [ $status -eq 143 ] && [ ! -s "$T/err" ] && ! records "$T/twice" 1; then good "a second one does not"; else bad "a second one does not" "exit $status: $(cat "$T/err")"; fi

# On a terminal it says that it is finishing.
ok "a terminal is told" $python - "$T/tty" "$TRIPOD" scan "$T/m2.tripod" "${slow[@]}" -o "$T/terminal" <<'P'
import glob, os, pty, signal, sys, time
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job's is ignored
    os.execv(sys.argv[2], sys.argv[2:])
out = sys.argv[-1]
while not any(os.path.getsize(p) > 200 for p in glob.glob(out + "/*.log")):
    time.sleep(0.01)
    if os.waitpid(pid, os.WNOHANG)[0]:
        sys.exit("it was done before it was interrupted")
os.write(terminal, b"\x03")
text = b""
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    text += part
_, status = os.waitpid(pid, 0)
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, (status, text)
first, second = text.find(b"interrupted: finishing the batches under way"), text.find(b"losses are kept; the same command goes on")
assert 0 <= first < second, text
P

# kill -9 at random moments.
RANDOM=7
for i in $(seq 6); do
    "$TRIPOD" scan "$T"/m?.tripod "${slow[@]}" -o "$T/killed" >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
ok "killed six times, it goes on" "$TRIPOD" scan "$T"/m?.tripod -c "$T/c" -o "$T/killed"
same "after kill -9: the same bytes" "$T/whole" "$T/killed"

# One process has a checkpoint: another does the rest, says for whom it waits, and takes over when that one is gone.
"$TRIPOD" scan "$T/m1.tripod" "${slow[@]}" -o "$T/turns" >/dev/null 2>&1 &
first=$!
until_true records "$T/turns" 2
kill -STOP $first
$python - "$TRIPOD" scan "$T"/m?.tripod -c "$T/c" -o "$T/turns" >"$T/shown" 2>&1 <<'P' &
import os, pty, sys
os._exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
P
second=$!
until_true test -e "$T/turns/m3.npy"
until_true grep -q 'waiting for m1' "$T/shown"
check "another process does the rest" "$(ls "$T/turns")" test -e "$T/turns/m2.npy" -a -e "$T/turns/m3.npy" -a ! -e "$T/turns/m1.npy"
check "it says for whom it waits" "$(cat "$T/shown")" grep -q "waiting for m1: process $first on $(hostname)" "$T/shown"
kill -9 $first
wait $first 2>/dev/null
wait $second
check "it goes on where a killed one stopped" "$(cat "$T/shown")" test $? -eq 0
same "taking over: the same bytes" "$T/whole" "$T/turns"

# Three at once, which tokenise the same text into one directory; one of them is killed.
printf '%s\n' '{"text": "a b c d e f g h i j k l m n o p"}' >"$T/line"
for _ in $(seq 300); do cat "$T/line"; done >"$T/text.jsonl"
for m in demo-3k demo-7k demo-25k; do cp -r "$suite/$m" "$T/$m"; done
"$TRIPOD" import "$T"/demo-*/step{64,512,1000} -o "$T/some/" >/dev/null
text=("$TRIPOD" scan "$T"/some/*.tripod -t "$suite/tokenizer.json" -c "$T/text.jsonl" --batch-tokens 128 --simd=scalar --threads 1)
"${text[@]}" -o "$T/text.whole" >/dev/null 2>&1
for i in 1 2 3; do
    "${text[@]}" -o "$T/shared" >"$T/shared.$i" 2>"$T/err.$i" &
    pids[i]=$!
done
until_true records "$T/shared" 1
kill -9 ${pids[3]}
wait ${pids[3]} 2>/dev/null
wait ${pids[1]} && wait ${pids[2]}
check "three at once, one of them killed: the others succeed" "$(cat "$T"/err.?)" test $? -eq 0
same "their losses: the same bytes" "$T/text.whole" "$T/shared"
models=$(ls "$T/text.whole"/*.npy | wc -l)
check "both have the complete table" "$(cat "$T"/shared.?)" test "$(cut -f 1-5 "$T/shared.1" | sort -u | wc -l)" = $((models + 1))
check "and the same" "$(diff "$T"/shared.[12])" cmp -s "$T/shared.1" "$T/shared.2"

# A disk that is full on the way: the log of many small documents outgrows it. What was computed stays.
# shellcheck disable=SC2046
"$make_model" --corpus "$T/small" --limit 7900 --seed 2 $(for _ in $(seq 450); do echo 2 3; done) >/dev/null
small=(-c "$T/small" --threads 1 --batch-tokens 128)
"$TRIPOD" scan "$T/m1.tripod" "${small[@]}" -o "$T/small.whole" >/dev/null
fails "a limit on files' size, on the way" 'part-[0-9a-f]*.log: cannot write: File too large' \
    bash -c 'ulimit -f 6; exec "$@"' - "$TRIPOD" scan "$T/m1.tripod" "${small[@]}" -o "$T/limited"
no_losses "a limit" "$T/limited"
check "a limit: what was computed is kept" "$(ls -l "$T/limited")" records "$T/limited" 150
ok "without the limit it goes on" "$TRIPOD" scan "$T/m1.tripod" "${small[@]}" -o "$T/limited"
same "after the limit: the same bytes" "$T/small.whole" "$T/limited"
if mkdir "$T/disk" && mount -t tmpfs -o size=12k tmpfs "$T/disk" 2>/dev/null; then
    fails "a full disk, on the way" 'No space left' "$TRIPOD" scan "$T/m1.tripod" "${small[@]}" -o "$T/disk"
    no_losses "a full disk" "$T/disk"
    check "a full disk: what was computed is kept" "$(ls -l "$T/disk")" records "$T/disk" 100
    mount -o remount,size=1m "$T/disk"
    ok "with more space it goes on" "$TRIPOD" scan "$T/m1.tripod" "${small[@]}" -o "$T/disk"
    same "after a full disk: the same bytes" "$T/small.whole" "$T/disk"
    umount "$T/disk"
else
    echo "SKIP a full disk on the way: cannot mount a tmpfs here"
fi
[ -n "${LONG:-}" ] || exit $code

# 200 documents under every demo checkpoint, killed at 50 random moments.
"$TRIPOD" import "$suite"/demo-*/step* -o "$T/suite/" >/dev/null
ls "$T"/suite/*.tripod >/dev/null || exit 1
$python - "$T/many.jsonl" <<'P'
import json, random, sys
random.seed(1)
text = open("/usr/share/common-licenses/GPL-3").read()
with open(sys.argv[1], "w") as f:
    for _ in range(200):
        at = random.randrange(len(text) - 900)
        f.write(json.dumps({"text": text[at:at + random.randrange(20, 900)]}) + "\n")
P
"$TRIPOD" tokenize "$T/many.jsonl" -t "$suite/tokenizer.json" -o "$T/many" >/dev/null
many=("$TRIPOD" scan "$T"/suite/*.tripod -c "$T/many" --max-tokens 256 --batch-tokens 256 --simd=scalar --threads 1)
"${many[@]}" -o "$T/many.whole" >/dev/null 2>&1
done=0
for i in $(seq 50); do
    [ $((i % 10)) -eq 1 ] && rm -rf "$T/many.cut"
    "${many[@]}" -o "$T/many.cut" >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 7))$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null && done=$((done + 1))
    wait $pid 2>/dev/null
    for f in "$T"/many.cut/*.npy; do
        [ ! -e "$f" ] || cmp -s "$f" "$T/many.whole/${f##*/}" || bad "killed $i" "$f differs under its final name"
    done
    if [ $((i % 10)) -eq 0 ]; then
        "${many[@]}" -o "$T/many.cut" >/dev/null 2>&1
        same "killed ten times more: the same bytes" "$T/many.whole" "$T/many.cut"
    fi
done
check "most of the kills met it running" "$done of 50" test $done -gt 35
exit $code
