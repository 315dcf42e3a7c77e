# tripod slurm: the script's words and what it does with signals, by hand; then under a real Slurm, whose daemons run here on loopback
# for the time of the test: an array with tasks killed and requeued ends with the bits of the unsharded scan.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
make_model=${B:-$ROOT/build}/tests/golden/make_model
unset "${!SLURM_@}" "${!SBATCH_@}"
has() { if grep -Eq -- "$2" "$3"; then echo "ok $1"; else echo "FAIL $1: no line like $2 in: $(head -c 600 "$3")"; code=1; fi; }

# --- the script ---

# Words that a shell would spoil: spaces, quotes, dollars, a line end.
odd=$'o\'d "d" $(touch spoilt) `touch spoilt` \\ *\n#SBATCH --exclusive'
mkdir -p "$T/work/$odd"
cp -r "$ROOT/models/demo/demo-7k/step1000" "$T/work/$odd/a model"
"$make_model" --corpus "$T/work/$odd/text" --limit 500 --seed 6 1 40 3 0 240 2 77 12 150 5 0 90 61 33 210 1 >/dev/null
write() { (cd "$T/work" && "$TRIPOD" slurm -m "$odd/a model" -c "$odd/text" -o "$odd/l" --gflops 50 "$@"); }
ok "a script" write --shards 3 --cpus 2 --max-tokens 100 --gelu erf --force --matrix "$odd/m.npy" --partition p --account a_b \
    --mem 8G --name n --time 1-2:03:04 --sbatch $'--nice=3\n#SBATCH --mail-type=FAIL'
cp "$T/out" "$T/job.sh"
has "the plan is said" '^tripod: 1 models, 16 documents: .* FLOP in 3 shards, each .* hours of 2 CPUs at 50 GFLOP/s$' "$T/err"
ok "it is a shell script" sh -n "$T/job.sh"
# The odd words have dollars in single quotes, which is what they are for.
if command -v shellcheck >/dev/null; then ok "in good style" shellcheck --exclude=SC2016 "$T/job.sh"; else echo "SKIP style: no shellcheck"; fi
sed -n 's/^#SBATCH //p' "$T/job.sh" >"$T/lines"
printf -- '--%s\n' job-name=n array=0-2 partition=p account=a_b mem=8G ntasks=1 cpus-per-task=2 hint=nomultithread time=1-02:03:04 requeue \
    open-mode=append signal=B:USR1@180 nice=3 mail-type=FAIL exclusive exclusive exclusive >"$T/want"
# The odd name has a line of its own like that, but after the script's first command, where sbatch no longer reads.
sed '/^[^#]/,$d' "$T/job.sh" | sed -n 's/^#SBATCH //p' >"$T/lines"
grep -v exclusive "$T/want" >"$T/want2"
same "its lines for sbatch" "$T/want2" "$T/lines"

# A Slurm of shell scripts: srun runs here, sbatch and scontrol say what they were told.
mkdir "$T/bin"
printf '#!/bin/sh\nfor w; do printf "%%s\\0" "$w"; done >>"%s"\nwhile [ "$1" != "$TRIPOD" ]; do shift; done\nexec "$@"\n' "$T/srun.log" >"$T/bin/srun"
printf '#!/bin/sh\nprintf "%%s|" "$@" >>"%s"\necho "1$(wc -l <"%s");c"\necho >>"%s"\n' "$T/sbatch.log" "$T/sbatch.log" "$T/sbatch.log" >"$T/bin/sbatch"
printf '#!/bin/sh\necho "$@" >>"%s"\nexit 1\n' "$T/scontrol.log" >"$T/bin/scontrol"
chmod +x "$T"/bin/*
touch "$T/sbatch.log"
task() { env PATH="$T/bin:$PATH" TRIPOD="$TRIPOD" SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=2 SLURM_ARRAY_TASK_ID="$@"; }
ok "submit" env PATH="$T/bin:$PATH" sh "$T/job.sh"
is "says what it has done" 'job 10: 3 shards; job 11, after it: verify and gather' "$(cat "$T/out")"
is "an array, and what depends on it" "--parsable|$T/job.sh|part| --parsable|--array=0|--job-name=n-finish|--dependency=afterok:10|--kill-on-invalid-dep=yes|$T/job.sh|finish|" \
    "$(paste -sd ' ' "$T/sbatch.log")"
if write --precision bf16 >"$T/narrow.sh" 2>"$T/err"; then
    has "bf16 is not verified" 'losses in bf16 cannot be verified: the last job gathers' "$T/err"
    check "and only gathered" "$(grep run "$T/narrow.sh")" sh -c "! grep -q 'run verify' '$T/narrow.sh' && grep -q 'run gather' '$T/narrow.sh'"
else
    echo "SKIP bf16: $(head -n 1 "$T/err")"
fi
flop() { write --precision int16 "$@" 2>&1 >"$T/narrow.sh" | sed -n 's/.*: \([0-9.e+]*\) FLOP in .*/\1/p'; }
check "--compare is twice the work" "$(flop) $(flop --compare)" awk -v a="$(flop)" -v b="$(flop --compare)" 'BEGIN { exit !(a > 0 && b / a > 1.98 && b / a < 2.02) }'
for i in 2 0 1; do ok "task $i" task $i sh "$T/job.sh" $([ $i = 1 ] || echo part); done
ok "the last job" task 0 sh "$T/job.sh" finish
shows "verifies" '	same bits$'
shows "and gathers" '^a model	'
(cd "$T/work" && "$TRIPOD" scan -m "$odd/a model" -c "$odd/text" -o whole --max-tokens 100 --gelu erf >/dev/null && "$TRIPOD" gather whole -o whole.npy >/dev/null)
same "all of it" "$T/work/whole.npy" "$T/work/$odd/m.npy"
same "and the points" "$T/work/whole/points.csv" "$T/work/$odd/l/points.csv"
ok "every word arrives" $python - "$T/srun.log" "$TRIPOD" "$odd" <<'P'
import sys
words = open(sys.argv[1], newline="").read().split("\0")[:-1]
tripod, odd = sys.argv[2:]
head = ["--ntasks=1", "--cpus-per-task=2", "--cpu-bind=sockets", "--mem-bind=local", tripod]
scan = lambda i: head + ["scan", "--max-tokens=100", "--gelu=erf", "--force", f"--model={odd}/a model", f"--corpus={odd}/text", f"--out={odd}/l",
                         "--shard", f"{i}/3", "--threads", "2"]
expected = scan(2) + scan(0) + scan(1)
expected += head + ["verify", "--corpus", f"{odd}/text", "--documents", "5", "--threads", "2", "--", f"{odd}/l"]
expected += head + ["gather", "--out", f"{odd}/m.npy", "--", f"{odd}/l"]
assert words == expected, (words, expected)
P
if [ -e "$T/work/spoilt" ]; then echo "FAIL a word was run"; code=1; else echo "ok no word is run"; fi

# Ends of a task: requeued after a signal, a limited number of times; not after a failure.
printf '#!/bin/sh\ncase $TRY in\nfail) exit 1 ;;\nkill) kill -9 $$ ;;\n*) trap "exit 138" USR1; echo $$ >"%s"; while :; do sleep .05; done ;;\nesac\n' "$T/pid" >"$T/bin/try"
chmod +x "$T/bin/try"
# ends NAME STATUS REQUEUED COMMAND...
ends() {
    local name=$1 status=$2 requeued=$3 found
    shift 3
    rm -f "$T/scontrol.log"
    "$@" >/dev/null 2>"$T/err"
    found="$? $(cat "$T/scontrol.log" 2>/dev/null)"
    is "$name" "$status $requeued" "$found"
}
try=(env "PATH=$T/bin:$PATH" "TRIPOD=$T/bin/try" SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=0)
try() { "${try[@]}" "$@" sh "$T/job.sh"; }
ends "a failure" 1 "" try TRY=fail
ends "a process that was killed" 137 "requeue 7" try TRY=kill
ends "killed thrice" 137 "requeue 7" try TRY=kill SLURM_RESTART_COUNT=2
ends "killed a fourth time" 137 "" try TRY=kill SLURM_RESTART_COUNT=3
signalled() {
    rm -f "$T/pid"
    "${try[@]}" TRY=wait "${@:2}" sh "$T/job.sh" &
    for _ in $(seq 600); do [ -s "$T/pid" ] && break; sleep .05; done
    local shell=$!
    kill -"$1" "$shell"
    { sleep 60; kill -9 "$shell" "$(cat "$T/pid")"; } 2>/dev/null &
    wait "$shell"
    set -- $?
    kill "$!"
    wait "$!" 2>/dev/null
    return "$1"
}
ends "the time limit" 138 "requeue 7" signalled USR1
ends "many times" 138 "requeue 7" signalled USR1 SLURM_RESTART_COUNT=99
ends "but not for ever" 138 "" signalled USR1 SLURM_RESTART_COUNT=100
ends "TERM reaches the process as USR1" 138 "requeue 7" signalled TERM

# Number of shards and time from the cost: 50 GFLOP/s, 4 hours a task unless asked.
ok "shards by hours" write --hours 0.001 --gflops 0.001 --cpus 1
has "as many as it takes" '^#SBATCH --array=0-[1-9]' "$T/out"
has "and ten minutes to start" '^#SBATCH --time=0-00:1[0-9]:00$' "$T/out"
ok "one shard" write
has "of little work" '^#SBATCH --array=0-0$' "$T/out"
ok "more than Slurm's arrays have" write --shards 2000
has "is said" "an array of 2000 jobs: Slurm's MaxArraySize is 1001" "$T/err"
for t in 5:0,0-00:05:00 90,0-01:30:00 2:00:00,0-02:00:00 1-1,1-01:00:00 1-1:30,1-01:30:00 10-1:30:5,10-01:30:05; do
    ok "time ${t%,*}" write --time "${t%,*}"
    has "is ${t#*,}" "^#SBATCH --time=${t#*,}\$" "$T/out"
done
for t in 0 59 0:59 1:2:3:4 1-2-3 x 1h -5 1: '' 1--2 1:-2; do
    [ "$t" = 59 ] || misuse "no time '$t'" '--time: expected a time' write --time="$t"
done
misuse "a partition of two words" '--partition: expected letters' write --partition 'a b'
misuse "a name with a line end" '--name: expected letters' write --name $'a\n#SBATCH -x'
misuse "no account" '--account: expected a word' write --account ''
misuse "a control character" '--sbatch: .*control character' write --sbatch $'--nice\r'
misuse "no model" 'no model' "$TRIPOD" slurm -c "$T/work/$odd/text"
misuse "a shard of its own" '--shards: expected a number' write --shard 0/2
misuse "output options" 'unrecognized option' write --json
fails "no such corpus" 'nowhere' "$TRIPOD" slurm -m "$T/work/$odd/a model" -c "$T/nowhere"
cp -r "$ROOT/models/demo/demo-115k/step1000" "$T/large"
fails "too many shards" 'shards of 0.001 hours: expected at most 1000000: give --shards' write --gflops 1e-6 --hours 1e-3 --window 100 --stride 1 \
    "$T/large"
"$TRIPOD" slurm -m "$T/work/$odd/a model" -c "$T/work/$odd/text" -o "$T/x" 2>/dev/null | sh >"$T/out" 2>"$T/err"
is "piped into sh" "sh: not a file: save this script, then: sh FILE" "$(cat "$T/err")"
is "another stage" "usage: sh $T/job.sh [finish]" "$(sh "$T/job.sh" nothing 2>&1)"

# --- a real Slurm ---

for program in munged munge slurmctld slurmd sbatch srun scancel squeue scontrol sinfo; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || { echo "SKIP a real Slurm: no $program: Debian's slurm-wlm and munge have them"; exit $code; }
done
PATH=$PATH:/usr/sbin
S=$T/slurm
mkdir -m 700 "$S" "$S/munge" "$S/state" "$S/spool" "$S/log"
export SLURM_CONF=$S/slurm.conf
pids=()
# The daemons end with this script, however it ends.
bound() { if setpriv --pdeathsig TERM true 2>/dev/null; then setpriv --pdeathsig TERM "$@"; else "$@"; fi; }
daemon() {
    local log=$S/log/$1.out
    shift
    bound "$@" >>"$log" 2>&1 &
    pids+=("$!")
}
stop() {
    timeout 20 scancel --user="$(id -un)" 2>/dev/null
    for _ in $(seq 50); do [ -z "$(timeout 5 squeue -h --states=running,completing 2>/dev/null)" ] && break; sleep .2; done
    for signal in TERM KILL; do
        for pid in "${pids[@]}"; do kill -$signal "$pid" 2>/dev/null; done
        for _ in $(seq 50); do
            kill -0 "${pids[@]}" 2>/dev/null || return
            sleep .1
        done
    done
}
trap 'stop; rm -rf "$T"' EXIT
trap 'exit 1' INT TERM HUP

# start PLUGIN: whether there is a cluster of this one node now, with that plugin for binding tasks.
start() {
    local ports
    ports=($($python -c 'import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))'))
    cat >"$SLURM_CONF" <<C
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$S/munge/socket
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
StateSaveLocation=$S/state
SlurmdSpoolDir=$S/spool
SlurmctldPidFile=$S/slurmctld.pid
SlurmdPidFile=$S/slurmd.pid
SlurmctldLogFile=$S/log/slurmctld
SlurmdLogFile=$S/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=$1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
KillWait=2
MinJobAge=3600
MessageTimeout=60
SlurmdTimeout=600
ReturnToService=2
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=INFINITE State=UP
C
    daemon slurmctld slurmctld -D -c -f "$SLURM_CONF"
    daemon slurmd slurmd -D -c -f "$SLURM_CONF" -N localhost
    for _ in $(seq 60); do
        [ "$(timeout 10 sinfo -h -o %t 2>/dev/null)" = idle ] && timeout 30 srun -n 1 true 2>/dev/null && return
        sleep .5
    done
    kill "${pids[-1]}" "${pids[-2]}"
    return 1
}
head -c 1024 /dev/urandom >"$S/munge/key"
chmod 600 "$S/munge/key"
daemon munged munged --foreground --force --key-file="$S/munge/key" --socket="$S/munge/socket" --pid-file="$S/munge/pid" \
    --log-file="$S/munge/log" --seed-file="$S/munge/seed" --num-threads=2
for _ in $(seq 100); do munge -n -S "$S/munge/socket" >/dev/null 2>&1 && break; sleep .1; done
if ! start task/affinity && ! start task/none; then
    echo "SKIP a real Slurm: it does not start here: $(tail -qn 2 "$S"/log/* "$S"/munge/log 2>/dev/null | paste -sd '|' | head -c 600)"
    exit $code
fi
echo "ok a cluster of one node"

# The program as the tasks run it: it says which process computes which shard. Those to be stopped have no vectors at
# first, so that they are met while they compute.
printf '#!/bin/sh\nif [ "$1" = scan ]; then echo $$ >"%s/pid.$SLURM_ARRAY_TASK_ID"; fi\ncase $1.$SLURM_ARRAY_TASK_ID.${SLURM_RESTART_COUNT:-0} in scan.[12].0) set -- "$@" --simd=scalar ;; esac\nexec "%s" "$@"\n' "$S" "$TRIPOD" >"$S/tripod"
chmod +x "$S/tripod"
export TRIPOD_UNDER_TEST=$TRIPOD
# until SECONDS COMMAND...: whether it succeeds within so many.
until_() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ $SECONDS -ge $end ]; then return 1; fi
        sleep .05
    done
}
# Whether no job is left. What was requeued Slurm keeps for two minutes before it starts again; here until KillWait is over, when it
# kills whatever has that job's number.
declare -A requeued
idle() {
    local id
    sleep .5
    # Not while the step before is still ending: none can begin then.
    [ -z "$(timeout 20 squeue -h --states=COMPLETING 2>&1)" ] || return 1
    for id in $(timeout 20 squeue -h --array --states=PENDING -o '%i %r' 2>/dev/null | sed -n 's/ BeginTime$//p'); do
        : "${requeued[$id]:=$SECONDS}"
        [ $((SECONDS - requeued[$id])) -lt 6 ] || timeout 20 scontrol update JobId="$id" StartTime=now 2>/dev/null
    done
    [ -z "$(timeout 20 squeue -h 2>&1)" ]
}
# Whether a process is a scan of this test's: numbers are used again.
ours() { [ "$(readlink "/proc/$1/cwd")" = "$(readlink -f "$S")" ] && tr '\0' ' ' <"/proc/$1/cmdline" | grep -q ' scan .*--shard'; } 2>/dev/null
computing() { [ -s "$S/pid.$1" ] && ours "$(cat "$S/pid.$1")" && ls "$2"/*.shard-"$1"-of-*.part-* >/dev/null 2>&1; }
pending() { grep -Eq '^(Shd|Sig)Pnd:.*[1-9a-f]' "/proc/$1/status"; }
state() { timeout 20 scontrol show job "$1" | sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" | head -n 1; }

cp -r "$ROOT/models/demo" "$S/demo"
texts=$(find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort)
# shellcheck disable=SC2086
"$TRIPOD" tokenize $texts -t "$S/demo/tokenizer.json" -o "$S/licences" >/dev/null 2>&1
cd "$S" || exit 1
models=(demo/demo-3k/step1000 demo/demo-25k/step1000 demo/demo-59k/step1000 demo/demo-115k/step1000)
options=(-c licences -t demo/tokenizer.json --window 256 --stride 128)
ok "the unsharded scan" "$TRIPOD" scan "${models[@]}" "${options[@]}" -o whole
ok "its matrix" "$TRIPOD" gather whole -o whole.npy
ok "a script" "$TRIPOD" slurm "${models[@]}" "${options[@]}" -o losses --matrix losses.npy --shards 4 --cpus 1 --gflops 50 --verify 2
cp "$T/out" job.sh
export TRIPOD=$S/tripod
ok "sh job.sh" sh job.sh
array=$(sed -n 's/^job \([0-9]*\):.*/\1/p' "$T/out") last=$(sed -n 's/.*; job \([0-9]*\),.*/\1/p' "$T/out")
# Shard 1 is killed, shard 2 is told that its time is over; both while they compute.
if until_ 300 computing 1 losses && kill -9 "$(cat pid.1)"; then echo "ok the process of task 1 is killed"; else echo "FAIL task 1: $(squeue; cat slurm-*)"; code=1; fi
if until_ 300 computing 2 losses && pid=$(cat pid.2) && kill -STOP "$pid"; then
    ok "task 2 gets the signal of its time limit" timeout 60 scancel --signal=USR1 --batch "${array}_2"
    if until_ 300 pending "$pid"; then echo "ok it reaches the process"; else echo "FAIL no signal: $(cat "/proc/$pid/status")"; code=1; fi
    kill -CONT "$pid"
else
    echo "FAIL task 2: $(squeue; cat slurm-*)"; code=1
fi
if until_ 900 idle; then echo "ok all jobs end"; else echo "FAIL jobs: $(squeue) $(cat slurm-*)"; code=1; fi
for i in 0 1 2 3; do is "task $i" "COMPLETED, $((i == 1 || i == 2)) times again" "$(state "${array}_$i" JobState), $(state "${array}_$i" Restarts) times again"; done
is "the last job" COMPLETED "$(state "${last}_0" JobState)"
[ "$code" -eq 0 ] || tail -n 8 slurm-"${array}"_*.out
has "the killed one says so" 'ended with status 137: requeued' "slurm-${array}_1.out"
has "the other one too" 'ended with status (138|0): requeued' "slurm-${array}_2.out"
has "losses verify" 'losses/demo-115k-step1000.shard-3-of-4.npy.*same bits' "slurm-${last}_0.out"
same "the matrix of the unsharded scan" whole.npy losses.npy
same "its points" whole/points.csv losses/points.csv

# A task that fails fails: it is not tried again, and the last job is cancelled.
mv demo/demo-115k demo/gone
export TRIPOD=$TRIPOD_UNDER_TEST
rm -rf losses losses.npy
ok "sh job.sh, without a model" sh job.sh
array=$(sed -n 's/^job \([0-9]*\):.*/\1/p' "$T/out") last=$(sed -n 's/.*; job \([0-9]*\),.*/\1/p' "$T/out")
if until_ 900 idle; then echo "ok all jobs end"; else echo "FAIL jobs: $(squeue) $(cat slurm-*)"; code=1; fi
is "the task fails" "FAILED 0" "$(state "${array}_3" JobState) $(state "${array}_3" Restarts)"
has "and says why" '^tripod: demo/demo-115k' "slurm-${array}_3.out"
is "the last job is cancelled" CANCELLED "$(state "${last}_0" JobState)"
if [ -e losses/points.csv ]; then echo "FAIL points without all losses"; code=1; else echo "ok no points"; fi
mv demo/gone demo/demo-115k

# Under load: every demo checkpoint, more tasks than CPUs, one of them killed every second for a minute.
if [ -n "${LONG:-}" ]; then
    export TRIPOD=$S/tripod
    rm -rf whole whole.npy losses losses.npy pid.*
    models=(demo/demo-*/step*)
    ok "the unsharded scan of ${#models[@]} checkpoints" "$TRIPOD_UNDER_TEST" scan "${models[@]}" "${options[@]}" -o whole
    ok "its matrix" "$TRIPOD_UNDER_TEST" gather whole -o whole.npy
    ok "a script" "$TRIPOD_UNDER_TEST" slurm "${models[@]}" "${options[@]}" -o losses --matrix losses.npy --shards 24 --cpus 1 --gflops 50
    # Killed at random a task may need more than three tries.
    sed 's/most=3/most=100/' "$T/out" >job.sh
    for _ in 1 2; do sh -c 'while :; do :; done' & pids+=("$!"); done
    ok "sh job.sh" sh job.sh
    end=$((SECONDS + 60)) kills=0
    while [ $SECONDS -lt $end ] && ! idle; do
        sleep 1
        for pid in $(cat pid.* 2>/dev/null | shuf); do
            if ours "$pid" && kill -9 "$pid"; then
                kills=$((kills + 1))
                break
            fi
        done
    done
    if until_ 900 idle; then echo "ok all jobs end, $kills kills"; else echo "FAIL jobs: $(squeue)"; code=1; fi
    if [ $kills -ge 5 ]; then echo "ok tasks were killed"; else echo "FAIL only $kills kills"; code=1; fi
    same "the matrix of the unsharded scan" whole.npy losses.npy
    same "its points" whole/points.csv losses/points.csv
fi
exit $code
