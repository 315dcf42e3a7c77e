# The portable binary where there is nothing else: an empty root with the file, a model, a text and a table. Same bits.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
PORTABLE=${PORTABLE-${B:-$ROOT/build}-portable/tripod}

# What no start should have to load; oneDNN comes when it is asked for.
if ldd "$TRIPOD" | grep -E 'dnnl|OpenCL|crypto'; then echo "FAIL start-up loads libraries it does not use"; code=1; else echo "ok start-up is lean"; fi
G=$ROOT/tests/golden/folders
mkdir "$T/broken"
: >"$T/broken/libdnnl.so.2"
fails onednn_broken '--gemm onednn: oneDNN \(libdnnl.so.2\) cannot be used: .*libdnnl.so.2: file too short' \
    env LD_LIBRARY_PATH="$T/broken" "$TRIPOD" scan -m "$G/st-f32" -c "$G/corpus" -o "$T/losses" --gemm onednn
fails onednn_broken_bench 'bench gemm: oneDNN .*file too short' env LD_LIBRARY_PATH="$T/broken" "$TRIPOD" bench gemm
if [ -e "$T/losses" ]; then echo "FAIL onednn_broken: it began"; code=1; fi

if [ ! -x "$PORTABLE" ]; then echo "SKIP portable: not built (clang and sanitizers have no static archives)"; exit $code; fi
fails portable_onednn '--gemm onednn: oneDNN .* a static program loads no libraries' \
    "$PORTABLE" scan -m "$G/st-f32" -c "$G/corpus" -o "$T/losses" --gemm onednn
bytes=$(stat -c %s "$PORTABLE")
if [ "$bytes" -le 15000000 ]; then echo "ok portable_size"; else echo "FAIL portable_size: $bytes bytes"; code=1; fi

# Two folders alike: $T/here for the ordinary binary, $T/root for the portable one, which sees nothing else.
for folder in here root; do
    mkdir -p "$T/$folder"
    cp -r "$ROOT/models/demo/demo-7k/step1000" "$T/$folder/model"
    cp -r "$G/bin" "$T/$folder/bin"
    cp "$ROOT/src/scan/README.md" "$T/$folder/text.txt"
    cp "$ROOT/tests/data/epoch_chinchilla.csv" "$T/$folder/runs.csv"
    chmod -R u+w "$T/$folder"
done
ln "$PORTABLE" "$T/root/tripod" 2>/dev/null || cp "$PORTABLE" "$T/root/tripod"
if [ "$(id -u)" -ne 0 ] || ! chroot "$T/root" /tripod --version >"$T/out" 2>&1; then
    if grep -qi 'not permitted' "$T/out" || [ "$(id -u)" -ne 0 ]; then
        echo "SKIP portable in an empty root: only root can chroot"
    else
        echo "FAIL portable_starts: $(head -c 300 "$T/out")"
        code=1
    fi
    exit $code
fi
here() { (cd "$T/here" && exec env -i "$TRIPOD" "$@"); }
enter=$(command -v chroot)
bare() { env -i "$enter" "$T/root" /tripod "$@"; }
# The mount lives and dies with its namespace.
with_proc() {
    unshare -m sh -c 'mount -t proc proc "$0/proc" && enter=$1 && shift && exec env -i "$enter" "$0" /tripod "$@"' "$T/root" "$enter" "$@"
}

same() {
    if [ -s "$2" ] && cmp -s "$2" "$3"; then echo "ok $1"; else echo "FAIL $1: $(cmp "$2" "$3" 2>&1)"; code=1; fi
}
# printed NAME ARGS...: both print the same bytes.
printed() {
    local name=$1
    shift
    here "$@" >"$T/one" 2>"$T/err"
    ok "$name" "$run" "$@"
    same "$name: same bytes" "$T/one" "$T/out"
}
everything() {
    rm -rf "$T"/{here,root}/{losses,ids,*.tripod}*
    printed "$1: count" count model
    printed "$1: fit" fit chinchilla runs.csv --drop-highest 5 --bootstrap 20 --boot-starts 0 --budget 5.76e23
    here tokenize text.txt -t model/tokenizer.json -o ids >"$T/one" 2>&1
    ok "$1: tokenize" "$run" tokenize text.txt -t model/tokenizer.json -o ids
    same "$1: ids" "$T/here/ids.bin" "$T/root/ids.bin"
    here scan -m model -c ids -o losses --threads 2 >"$T/one" 2>&1
    ok "$1: scan" "$run" scan -m model -c ids -o losses --threads 2
    same "$1: losses" "$T"/here/losses/*.npy "$T"/root/losses/*.npy
    ok "$1: import" "$run" import bin -o bin.tripod
    ok "$1: verify" "$run" info --verify bin.tripod
    fails "$1: a missing file" 'nothing.csv: cannot open: No such file or directory' "$run" fit power nothing.csv
}
# cpu NAME PATTERN: what the record says of the processor.
cpu() {
    if grep -Eq "\"cpu\": \"$2\"" "$T"/root/losses/*.json; then echo "ok $1"; else echo "FAIL $1: $(grep cpu "$T"/root/losses/*.json)"; code=1; fi
}
run=bare
everything "empty root"
cpu "empty root: the processor" unknown
mkdir "$T/root/proc"
if with_proc --version >/dev/null 2>&1; then
    run=with_proc
    everything "with /proc"
    cpu "with /proc: the processor" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
else
    echo "SKIP portable with /proc: it cannot be mounted here"
fi
exit $code
