# Archives of checkpoints: made from folders, flat files and archives, scanned, compared, verified and taken apart as the files they
# were made from; damage, full disks and signals.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
make_model=${B:-$ROOT/build}/tests/golden/make_model
G=$ROOT/tests/golden/folders
corpus=$G/corpus
export HF_HUB_CACHE=$T/hub
mkdir "$T/hub"
# absent NAME FILE...: none of them exists, nor a part of one.
absent() {
    local name=$1 f
    shift
    for f in "$@"; do
        if compgen -G "$f*" >/dev/null; then echo "FAIL $name: $(compgen -G "$f*") was left"; code=1; return; fi
    done
    echo "ok $name"
}

# Ten checkpoints of a small run, as folders and as flat files.
steps="0 1 2 4 8 16 32 64 128 256"
updates=0
for s in $steps; do
    "$make_model" "$T/pythia-14m-step$s" --hidden 64 --layers 2 --heads 2 --vocab 3000 --updates $updates --update-size 0.01
    updates=$((updates + 1))
    "$TRIPOD" import "$T/pythia-14m-step$s" -o "$T/flat-$s.tripod" >/dev/null
done
folders=$(for s in $steps; do echo "$T/pythia-14m-step$s"; done)
flats=$(for s in $steps; do echo "$T/flat-$s.tripod"; done)
# shellcheck disable=SC2086
ok "archive of folders" "$TRIPOD" import --archive $folders -o "$T/folders.tripod"
shows "its checkpoints" '^step256	536870912	[0-9]+	[0-9]+	0\.[0-9]+	[0-9]+	[0-9]+	[0-9]+$'
absent "no flat file is left" "$T/folders.tripod.checkpoint"
for s in $steps; do
    if [ -e "$T/pythia-14m-step$s/model.tripod" ]; then echo "FAIL a flat file was left in a folder"; code=1; fi
done
# shellcheck disable=SC2086
ok "archive of flat files" "$TRIPOD" import --archive $(echo $flats | tac -s ' ') -o "$T/a.tripod"
A=$T/a.tripod
if [ "$(grep -c . "$T/out")" -eq 12 ] && [ "$(sed -n 3p "$T/out" | cut -f1)" = step0 ]; then echo "ok ordered by step"; else echo "FAIL ordered by step: $(cut -f1 "$T/out" | tr '\n' ' ')"; code=1; fi
ok "one thread writes" "$TRIPOD" import --archive $flats -o "$T/one.tripod" --threads 1
same "the same file" "$A" "$T/one.tripod"
ok "extract all" "$TRIPOD" import "$A" -o "$T/out-all/"
for s in $steps; do same "step $s comes back" "$T/flat-$s.tripod" "$T/out-all/pythia-14m-step$s.tripod"; done
ok "extract one" "$TRIPOD" import "$A@step32" -o "$T/one-step.tripod"
same "it is the file" "$T/flat-32.tripod" "$T/one-step.tripod"
ok "one thread reads" "$TRIPOD" import "$A@step128" -o "$T/one-step.tripod" --threads 1
same "it is the file as well" "$T/flat-128.tripod" "$T/one-step.tripod"
fails "an extract keeps its name" 'a.tripod@step1: an archive.s checkpoint keeps its name' "$TRIPOD" import "$A@step1" -o "$T/x" --name other

# info.
ok "info" "$TRIPOD" info "$A"
shows "info: kind" '^kind	archive$'
shows "info: checkpoints" '^checkpoints	10$'
shows "info: ratio" '^ratio	0\.[4-8][0-9]*$'
shows "info: a checkpoint" '^step16	[0-9]+	[0-9]+	[0-9]+	0\.[0-9]+	[0-9]+	[0-9]+	[0-9]+$'
ok "info --verify" "$TRIPOD" info --verify "$A"
shows "info: verified" '^verified	true$'
ok "info --json" "$TRIPOD" info --json "$A"
if python3 -c 'import json, sys
f = json.load(open(sys.argv[1]))["files"][0]
assert f["kind"] == "archive" and len(f["checkpoint_list"]) == 10
assert sum(c["stored_bytes"] for c in f["checkpoint_list"]) < f["bytes"] < f["decoded_bytes"] == sum(c["bytes"] for c in f["checkpoint_list"])' "$T/out"
then echo "ok info --json: figures"; else echo "FAIL info --json: figures"; code=1; fi
terminal "info on a terminal" 100 "$TRIPOD" info "$A"
"$TRIPOD" info --verify --tensors "$T/flat-8.tripod" | sed 1d >"$T/want"
"$TRIPOD" info --verify --tensors "$A@step8" | sed 1d >"$T/found"
same "info of a checkpoint" "$T/want" "$T/found"
ok "info --compare" "$TRIPOD" info --compare --json "$A@step8" "$T/flat-8.tripod" "$A@step16" "$T/flat-16.tripod"
if python3 -c 'import json, sys
w = json.load(open(sys.argv[1]))["compare"]["with"]
assert w[0]["differ"] == 0 and w[0]["equal"] == 28 and w[1]["differ"] > 10
for k in ("equal", "differ", "differing", "max_difference", "relative_rms"): assert w[1][k] == w[2][k]' "$T/out"
then echo "ok info --compare: figures"; else echo "FAIL info --compare: figures"; code=1; fi

# Names.
fails "which one" "a.tripod: expected one of its 10 checkpoints after an @: step0, step1, .*step256$" "$TRIPOD" info --compare "$A" "$A@step0"
fails "no such step" "expected one of its 10 checkpoints after an @, found step3: step0" "$TRIPOD" info "$A@step3"
cp "$T/flat-1.tripod" "$T/odd@step1"
ok "a file with an @" "$TRIPOD" info "$T/odd@step1"
cp "$A" "$T/odd@name.tripod"
cp "$T/flat-1.tripod" "$T/a.tripod@step4"
ok "a file called like a checkpoint" "$TRIPOD" info "$A@step4"
shows "it is itself" '^step	1$'
rm "$T/a.tripod@step4"
ok "an archive with an @" "$TRIPOD" info "$T/odd@name.tripod@step4"
"$TRIPOD" import --archive "$T/flat-4.tripod" -o "$T/single.tripod" >/dev/null
ok "one checkpoint needs no name" "$TRIPOD" scan -m "$T/single.tripod" -c "$corpus" -o "$T/single"
fails "a hub name still" 'hf download EleutherAI/pythia-70m --revision step1' "$TRIPOD" info EleutherAI/pythia-70m@step1
"$TRIPOD" import --archive "$G/st-f16" "$G/st-hub" -o "$T/nostep.tripod" >"$T/out" 2>"$T/err" || { echo "FAIL no steps: $(cat "$T/err")"; code=1; }
ok "checkpoints without a step" "$TRIPOD" info "$T/nostep.tripod@1"
shows "their names" '^model	st-hub$'

# Scan: the same losses, keys and twins, whatever the models are read from.
# shellcheck disable=SC2086
ok "scan the flat files" "$TRIPOD" scan $flats -c "$corpus" -o "$T/of-flats"
cut -f1-6 "$T/out" >"$T/want"
ok "scan the archive" "$TRIPOD" scan -m "$A" -c "$corpus" -o "$T/of-archive"
cut -f1-6 "$T/out" >"$T/found"
same "the same table" "$T/want" "$T/found"
for s in $steps; do
    same "losses of step $s" "$T/of-flats/pythia-14m-step$s.npy" "$T/of-archive/pythia-14m-step$s.npy"
    k=$(grep -h '"key"\|"weights"' "$T"/of-*/pythia-14m-step$s.json | sort -u | wc -l)
    if [ "$k" -eq 2 ]; then echo "ok key of step $s"; else echo "FAIL key of step $s"; code=1; fi
done
ok "scan finds them done" "$TRIPOD" scan -m "$A@step64" -c "$corpus" -o "$T/of-flats"
ok "verify from the archive" "$TRIPOD" verify "$T/of-archive/pythia-14m-step64.npy"
ok "verify against the archive" "$TRIPOD" verify -m "$A@step64" "$T/of-flats/pythia-14m-step64.npy"
ok "scan warns of twins" "$TRIPOD" scan -m "$A@step64" "$T/single.tripod" "$A@step4" -c "$corpus" -o "$T/of-twins"
"$make_model" "$T/pythia-14m-step9" --hidden 64 --layers 2 --heads 2 --vocab 3000 --updates 3 --update-size 0.01
"$TRIPOD" import --archive "$T/pythia-14m-step9" "$A" -o "$T/twins.tripod" >"$T/out"
shows "equal tensors are stored once" '^step9	[0-9]+	[0-9]+	0	0\.0000	0	0	28$'
ok "scan twins in an archive" "$TRIPOD" scan -m "$T/twins.tripod" -c "$corpus" -o "$T/of-twins"
if grep -q 'tripod: warning: .*@step4.*@step9\|@step9.*@step4' "$T/err"; then echo "ok twins are warned of"; else echo "FAIL twins: $(head -c 300 "$T/err")"; code=1; fi

# Adding to an archive; mixed sources.
ok "half of it" "$TRIPOD" import --archive "$T/flat-0.tripod" "$T/flat-2.tripod" "$T/flat-16.tripod" -o "$T/grows.tripod"
ok "the other half" "$TRIPOD" import --archive "$T/grows.tripod" "$T/flat-1.tripod" "$A@step4" "$T/flat-8.tripod" "$T/flat-32.tripod" \
    "$A@step64" "$T/flat-128.tripod" "$T/flat-256.tripod" -o "$T/grows.tripod"
same "the whole" "$A" "$T/grows.tripod"
mkdir -p "$T/hub/models--EleutherAI--pythia-14m/refs" "$T/hub/models--EleutherAI--pythia-14m/snapshots"
cp -r "$T/pythia-14m-step1" "$T/hub/models--EleutherAI--pythia-14m/snapshots/c0ffee"
printf c0ffee >"$T/hub/models--EleutherAI--pythia-14m/refs/step512"
ok "a hub name among them" "$TRIPOD" import --archive EleutherAI/pythia-14m@step512 "$T/single.tripod" "$T/pythia-14m-step2" -o "$T/mixed.tripod"
shows "the hub's" '^step512	1073741824	'

# What cannot be one archive.
cp "$T/grows.tripod" "$T/before"
fails "a step twice" 'is step 4, as .* is: an archive has each step once' "$TRIPOD" import --archive "$T/grows.tripod" "$T/pythia-14m-step4" -o "$T/grows.tripod"
"$make_model" "$T/wider" --hidden 128 --layers 2 --heads 2 --vocab 3000
fails "another config" "wider: another model than .*flat-0.tripod: hidden size: expected 64, found 128" "$TRIPOD" import --archive "$T/flat-0.tripod" "$T/wider" -o "$T/grows.tripod"
mkdir "$T/empty"
fails "not a model" 'not a model: it has no config.json' "$TRIPOD" import --archive "$T/flat-0.tripod" "$T/empty" -o "$T/grows.tripod"
cp "$T/flat-1.tripod" "$T/bad.tripod"
printf '\377' | dd of="$T/bad.tripod" bs=1 seek=5000 conv=notrunc status=none
fails "a damaged flat file" 'bad.tripod: gpt_neox.embed_in.weight: its checksum is wrong' "$TRIPOD" import --archive "$T/flat-0.tripod" "$T/bad.tripod" -o "$T/grows.tripod"
same "what was there stays" "$T/before" "$T/grows.tripod"
absent "nothing is left" "$T/grows.tripod.part" "$T/grows.tripod.checkpoint"
misuse "no --step" 'no --name, no --step' "$TRIPOD" import --archive "$T/flat-0.tripod" -o "$T/x" --step 3

# Damage: the metadata spoil all, a tensor's bytes the checkpoints that need them. flip FILE OFFSET.
flip() { python3 -c 'import sys
d = bytearray(open(sys.argv[1], "rb").read())
d[int(sys.argv[2])] ^= 16
open(sys.argv[1], "wb").write(d)' "$1" "$2"; }
size=$(stat -c %s "$A")
for at in 9 17 $((size - 1)) $((size - 2000)); do
    cp "$A" "$T/d.tripod"
    flip "$T/d.tripod" "$at"
    fails "byte $at" 'd.tripod: (header|metadata|.*version)' "$TRIPOD" info "$T/d.tripod"
done
for n in 0 7 8 63 64 1000 $((size - 1)); do
    head -c "$n" "$A" >"$T/d.tripod"
    fails "cut to $n" 'd.tripod: ' "$TRIPOD" info "$T/d.tripod"
done
cat "$A" "$A" >"$T/d.tripod"
fails "too long" 'd.tripod: truncated or extended: expected' "$TRIPOD" info "$T/d.tripod"
# The last stored tensor is the last checkpoint's, and nobody's base.
cp "$A" "$T/d.tripod"
last=$(python3 -c 'import struct, sys; print(struct.unpack_from("<Q", open(sys.argv[1], "rb").read(), 24)[0] - 100)' "$A")
flip "$T/d.tripod" "$last"
fails "a damaged checkpoint" 'd.tripod@step256: embed_out.weight: its stored bytes are damaged$' "$TRIPOD" info --verify "$T/d.tripod"
fails "the same by its name" 'd.tripod@step256: embed_out.weight: its stored bytes are damaged$' "$TRIPOD" info --verify "$T/d.tripod@step256"
ok "the others read" "$TRIPOD" info --verify "$T/d.tripod@step128"
"$TRIPOD" scan -m "$T/d.tripod" -c "$corpus" -o "$T/of-damaged" >"$T/out" 2>"$T/err"
if [ $? -eq 1 ] && grep -q 'd.tripod@step256: embed_out.weight: its stored bytes are damaged$' "$T/err" && tail -n 1 "$T/err" | grep -q '1 of 10 models could not be scanned: .*@step256$'; then echo "ok scan says which"; else echo "FAIL scan says which: $(head -c 300 "$T/err")"; code=1; fi
same "scan has the others" "$T/of-flats/pythia-14m-step128.npy" "$T/of-damaged/pythia-14m-step128.npy"
fails "no archive of it" 'd.tripod@step256: embed_out.weight: its stored bytes' "$TRIPOD" import --archive "$T/d.tripod" -o "$T/x.tripod"
absent "of which nothing is left" "$T/x.tripod"
# The first is the base of those after it.
cp "$A" "$T/d.tripod"
flip "$T/d.tripod" 3000
fails "a damaged base" 'd.tripod: [2-9]+ of 10 checkpoints cannot be decoded, the first: .*@step0: gpt_neox.embed_in.weight: its stored bytes are damaged' "$TRIPOD" info --verify "$T/d.tripod"
fails "who needs it says so" 'd.tripod@step1: gpt_neox.embed_in.weight: the stored bytes of step0, which it is made from, are damaged' "$TRIPOD" info --verify "$T/d.tripod@step1"
ok "beyond the chain all is well" "$TRIPOD" info --verify "$T/d.tripod@step256"

fails "too little memory for a checkpoint" 'step256: 2M of memory are not enough: a checkpoint of an archive is decoded into it' "$TRIPOD" scan -m "$A@step256" -c "$corpus" -o "$T/of-little" --memory 2M
ok "its plan" "$TRIPOD" scan -m "$A@step256" -c "$corpus" -o "$T/of-little" --memory 2M --dry-run
if grep -q streamed "$T/out"; then echo "FAIL it is not streamed: $(grep streamed "$T/out")"; code=1; else echo "ok it is not streamed"; fi

# Damage to a tensor that two checkpoints share: what comes before them is computed.
"$make_model" "$T/head-step9" --hidden 64 --layers 2 --heads 2 --vocab 3000 --updates 3 --update-size 0.01 --scale 2
"$TRIPOD" import --archive "$A" "$T/head-step9" -o "$T/d.tripod" >"$T/out"
shows "all but the head is shared" '^step9	.*	1	27$'
flip "$T/d.tripod" "$(awk '/^step4\t/ { exit } /^step[0-9]/ { n += $4 } END { print 64 + n + 3000 }' "$T/out")"
"$TRIPOD" scan -m "$T/d.tripod" -c "$corpus" -o "$T/of-twins-damaged" >"$T/out" 2>"$T/err"
if [ $? -eq 1 ] && grep -q 'd.tripod@step4: gpt_neox.embed_in.weight: its stored bytes are damaged$' "$T/err"; then echo "ok damaged twins"; else echo "FAIL damaged twins: $(head -c 300 "$T/err")"; code=1; fi
same "those before them" "$T/of-flats/pythia-14m-step2.npy" "$T/of-twins-damaged/pythia-14m-step2.npy"

ok "bench archive" "$TRIPOD" bench archive "$A" --rounds 1 --threads 2 --json
if python3 -c 'import json, sys
b = json.load(open(sys.argv[1]))
assert [r["checkpoints"] for r in b["archives"]] == ["in order", "alone"] and 0.3 < b["archives"][0]["ratio"] < 0.9
assert all(r["one_thread"] > 0 and r["all_threads"] > 0 and r["seconds"] > 0 for r in b["archives"]) and len(b["rates"]) == 2' "$T/out"
then echo "ok bench archive: figures"; else echo "FAIL bench archive: figures"; code=1; fi
misuse "bench archive of nothing" 'expected an archive' "$TRIPOD" bench archive
fails "bench archive of a flat file" 'flat-0.tripod: not a tripod archive' "$TRIPOD" bench archive "$T/flat-0.tripod"

# A full disk, at the first checkpoint's flat file, in the tensors, at the end: what was there stays.
if [ "$(id -u)" -eq 0 ] && mkdir "$T/disk" && mount -t tmpfs -o size=4m tmpfs "$T/disk" 2>/dev/null; then
    cp "$T/single.tripod" "$T/disk/a.tripod"
    # shellcheck disable=SC2086
    fails "full disk" 'cannot write: No space left on device' "$TRIPOD" import --archive "$T/disk/a.tripod" $(echo $flats | sed 's/[^ ]*flat-4.tripod//') -o "$T/disk/a.tripod"
    same "full disk: what was there stays" "$T/single.tripod" "$T/disk/a.tripod"
    absent "full disk: nothing is left" "$T/disk/a.tripod."
    head -c 2600000 /dev/zero >"$T/disk/filler"
    fails "full disk for a folder" 'cannot write: No space left on device' "$TRIPOD" import --archive "$T/pythia-14m-step1" "$T/pythia-14m-step2" -o "$T/disk/b.tripod"
    absent "full disk for a folder: nothing is left" "$T/disk/b"
    umount "$T/disk"
else
    echo "SKIP full disk: only root can mount a small file system"
fi

# Interrupted: what was there stays, no part and no flat file is left.
for s in 1 2; do "$make_model" "$T/large-step$s" --hidden 512 --layers 6 --heads 8 --vocab 8192 --updates $s; done
for signal in INT TERM; do
    for what in checkpoint part; do
        cp "$T/single.tripod" "$T/cut.tripod"
        caught=0
        for _ in $(seq 30); do # it may be too quick for us
            # A shell's background jobs ignore SIGINT unless told otherwise.
            env --default-signal=$signal "$TRIPOD" import --archive "$T"/large-step1 "$T"/large-step2 -o "$T/cut.tripod" >"$T/out" 2>"$T/err" &
            pid=$!
            until compgen -G "$T/cut.tripod.$what*" >/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.005; done
            kill -$signal $pid 2>/dev/null
            wait $pid
            status=$?
            [ $status -gt 128 ] && caught=1 && break
            cp "$T/single.tripod" "$T/cut.tripod"
        done
        if [ $caught -eq 1 ] && [ $status -eq $((128 + $(kill -l $signal))) ]; then echo "ok $signal at the $what"; else echo "FAIL $signal at the $what: exit $status"; code=1; fi
        same "$signal at the $what: what was there stays" "$T/single.tripod" "$T/cut.tripod"
        absent "$signal at the $what: nothing is left" "$T/cut.tripod."
    done
done
exit $code
