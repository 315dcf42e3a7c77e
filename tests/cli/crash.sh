# Power cuts during a scan, at every point of what it writes: tests/replay/ builds what may be left, and the same command must
# end with the bytes of an uninterrupted run. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
B=${B:-$ROOT/build}
shim=$B/tests/replay/shim.so
suite=$ROOT/models/demo
states=1
[ -z "${LONG:-}" ] || states=6
if ldd "$TRIPOD" | grep -q 'libasan\|libtsan\|libmsan'; then
    echo "SKIP crash replay: a sanitizer is in the way of LD_PRELOAD"
    exit 0
fi

# noted NAME OUT CMD...: runs a command, which writes to OUT, and writes down what it does there in $T/NAME.log.
noted() {
    local log=$T/$1.log dir=$2
    shift 2
    REPLAY_DIR=$dir REPLAY_LOG=$log REPLAY_STEP=1 LD_PRELOAD=$shim "$@"
}
# replayed NAME CMD...: every cut of $T/NAME.log, from $T/NAME.base, ends as $T/NAME.whole; CMD writes to $T/cut.
replayed() {
    local name=$1
    shift
    ok "power cuts: $name" python3 "$ROOT/tests/replay/replay.py" "$T/$name.log" "$T/$name.base" "$T/$name.whole" "$T/cut" $states 1 "$@"
    cat "$T/out"
}

# Text, tokenised into the same directory, and the losses of one model.
cp -r "$suite/demo-3k/step1000" "$T/model"
python3 - "$T/text.jsonl" <<'P'
import json, sys
words = "the law of the land is that a program may be copied and changed by whoever has it".split()
with open(sys.argv[1], "w") as f:
    for i in range(14):
        f.write(json.dumps({"text": " ".join(words[(i * j) % len(words)] for j in range(12 + 7 * (i % 5)))}) + "\n")
P
"$TRIPOD" import "$T/model" -o "$T/model.tripod" >/dev/null
text=("$TRIPOD" scan "$T/model.tripod" -t "$suite/tokenizer.json" -c "$T/text.jsonl" --threads 2 --batch-tokens 128)
mkdir "$T/text.base"
"${text[@]}" -o "$T/text.whole" >/dev/null
noted text "$T/cut" "${text[@]}" -o "$T/cut" >/dev/null
replayed text "${text[@]}" -o "$T/cut"
rm -rf "$T/cut"

# Losses of another protocol are replaced, and the process is killed on its way; then it goes on.
"$TRIPOD" tokenize "$T/text.jsonl" -t "$suite/tokenizer.json" -o "$T/corpus" >/dev/null
again=("$TRIPOD" scan "$T/model.tripod" -c "$T/corpus" --threads 2 --batch-tokens 128)
"${again[@]}" --max-tokens 9 -o "$T/again.base" >/dev/null
"${again[@]}" -o "$T/again.whole" >/dev/null
cp -r "$T/again.base" "$T/cut"
REPLAY_KILL=14 noted again "$T/cut" "${again[@]}" --force -o "$T/cut" >/dev/null 2>&1
noted again "$T/cut" "${again[@]}" --force -o "$T/cut" >/dev/null
replayed again "${again[@]}" --force -o "$T/cut"
exit $code
