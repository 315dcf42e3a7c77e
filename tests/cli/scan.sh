# tripod scan and gather as a user meets them: results, resuming, and every way they can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
golden=$ROOT/tests/golden
make_model=${B:-$ROOT/build}/tests/golden/make_model
python=/usr/bin/python3
suite=$ROOT/models/demo
cp -r "$golden/folders" "$T/folders"
model=$T/folders/st-f16
corpus=$T/folders/corpus

# empty NAME DIR: DIR does not exist or has no .npy
no_losses() { if ls "$2"/*.npy >/dev/null 2>&1; then echo "FAIL $1: losses were left"; code=1; else echo "ok $1"; fi; }

ok "scan" "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/l" --json="$T/scan.json"
cp "$corpus.bin" "$T/lonely.bin"
fails "scan: no .idx" 'lonely.idx: cannot open: No such file' "$TRIPOD" scan -m "$model" -c "$T/lonely" -o "$T/lonely-losses"
ok "scan, plain" "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/plain"
shows "scan prints a table" '^model	step	tokens	mean_loss	se	perplexity	bits_per_byte	tokens_per_s$'
"$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/l" --json >"$T/again.json"
ok "numpy reads the losses; the JSON has the promised keys" $python - "$T"/l/*.npy "$T/scan.json" "$T/again.json" <<'P'
import json, sys
import numpy as np
a = np.load(sys.argv[1])
assert a.dtype == np.float32 and a.ndim == 1 and a.flags.c_contiguous and np.isfinite(a).all()
for name in sys.argv[2:]:
    run = json.load(open(name))["runs"][0]
    for key in "model step tokens documents mean_loss seconds tokens_per_s mfu out".split():
        assert key in run, key
    assert run["tokens"] == len(a) and run["out"] == sys.argv[1]
    assert abs(run["mean_loss"] - a.astype(float).mean()) < 1e-12
beside = json.load(open(sys.argv[1].replace(".npy", ".json")))
assert beside["provenance"]["command"][:2] == ["tripod", "scan"]
assert beside["corpus_hash"] and beside["protocol"] == "max-tokens 1024"
P
before=$(stat -c %Y%s%i "$T"/l/*.npy)
ok "a finished checkpoint is not computed again" "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/l"
[ "$before" = "$(stat -c %Y%s%i "$T"/l/*.npy)" ] && echo "ok its file is untouched" || { echo "FAIL its file was written again"; code=1; }
fails "losses of another protocol are not overwritten" 'another corpus, protocol' "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/l" --max-tokens 9
ok "unless forced" "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/l" --max-tokens 9 --force

# Windows: every token predicted once, the first window as in the truncated scan, a stride gives more context.
"$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/w0" --max-tokens 1024 >/dev/null
"$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/w1" --window 16 >/dev/null
"$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/w2" --window 16 --stride 4 >/dev/null
ok "windows" $python - "$T"/w0/*.npy "$T"/w1/*.npy "$T"/w2/*.npy <<'P'
import sys
import numpy as np
whole, apart, overlap = map(np.load, sys.argv[1:])
assert len(whole) == len(apart) == len(overlap) == 1 + 2 + 16 + 39 + 63
first = slice(3, 3 + 16)  # the fourth document fits one window
assert (whole[first] == apart[first]).all() and (whole[first] == overlap[first]).all()
last = slice(58, 121)  # the sixth does not
assert (whole[last][:16] == apart[last][:16]).all() and (whole[last][16:] != apart[last][16:]).mean() > .9
assert (apart[last][16:] != overlap[last][16:]).mean() > .6
P

# Stopped in the middle: nothing under a final name; then it goes on and has the same bits.
"$make_model" "$T/big" --hidden 64 --layers 2 --heads 2 --vocab 50304 --seed 3 >/dev/null
"$make_model" --corpus "$T/long" --limit 50277 --seed 1 300 300 300 300 300 300 300 300 300 300 300 300 >/dev/null
"$TRIPOD" scan -m "$T/big" -c "$T/long" -o "$T/whole" >/dev/null
# A shell's background job ignores SIGINT unless told otherwise.
env --default-signal=INT "$TRIPOD" scan -m "$T/big" -c "$T/long" -o "$T/cut" --simd=scalar --threads 1 --batch-tokens 300 >/dev/null 2>&1 &
pid=$!
logged() { [ "$(cat "$T"/cut/*.log | wc -c)" -gt 128 ]; }
until_true logged # a first batch
kill -INT $pid
wait $pid
status=$?
if [ $status -eq 130 ]; then echo "ok Ctrl-C ends with 128 + 2"; else echo "FAIL Ctrl-C: exit $status"; code=1; fi
no_losses "Ctrl-C leaves no losses under a final name" "$T/cut"
if ls "$T"/cut/*.part-* >/dev/null 2>&1; then echo "ok what was computed is kept"; else echo "FAIL the part is gone"; code=1; fi
ok "a later scan goes on" "$TRIPOD" scan -m "$T/big" -c "$T/long" -o "$T/cut"
if cmp -s "$T"/whole/*.npy "$T"/cut/*.npy && ! ls "$T"/cut/*.part-* >/dev/null 2>&1; then
    echo "ok with the same bits"
else
    echo "FAIL resumed losses differ"; code=1
fi

# gather and its table of points
"$TRIPOD" scan -m "$model" "$T/folders/var-eps" -c "$corpus" -o "$T/two" >/dev/null
ok "gather" "$TRIPOD" gather "$T/two" -o "$T/m.npy"
ok "the matrix has a row a token and a column a model" $python - "$T/m.npy" "$T/two" <<'P'
import csv, json, sys
import numpy as np
m = np.load(sys.argv[1])
columns = json.load(open(sys.argv[1].replace(".npy", ".json")))["columns"]
assert m.shape == (121, 2) and m.dtype == np.float32 and m.flags.c_contiguous
for j, c in enumerate(columns):
    assert (m[:, j] == np.load(c["out"])).all()
rows = list(csv.DictReader(open(sys.argv[2] + "/points.csv")))
assert [r["model"] for r in rows] == [c["model"] for c in columns]
for j, r in enumerate(rows):
    assert abs(float(r["loss"]) - m[:, j].astype(float).mean()) < 1e-12 and float(r["N"]) > 0 and float(r["se"]) > 0
P
fails "gather: an empty directory" 'no losses found' "$TRIPOD" gather "$T/folders"
fails "gather: no directory" 'cannot open' "$TRIPOD" gather "$T/nowhere"
cp -r "$T/two" "$T/mixed"
"$TRIPOD" scan -m "$T/folders/var-tied" -c "$T/long" --documents 1 -o "$T/mixed" >/dev/null 2>&1
"$TRIPOD" scan -m "$T/folders/var-tied" -c "$corpus" --max-tokens 20 -o "$T/mixed" >/dev/null
fails "gather: another protocol" 'expected corpus .* found' "$TRIPOD" gather "$T/mixed"
"$TRIPOD" scan -m "$model" -c "$corpus" --shard 0/2 -o "$T/half" >/dev/null
fails "gather: a shard is missing" "expected documents 5 to 5 of st-f16 after it, found none: shard 1/2" "$TRIPOD" gather "$T/half"
truncate -s -4 "$(ls "$T"/two/*.npy | head -n 1)"
fails "gather: truncated losses" 'expected .* found' "$TRIPOD" gather "$T/two" -o "$T/m2.npy"
echo '{"format": "tripod-losses 1", "model": 3}' >"$T/two/bad.json"
fails "gather: a damaged record" 'bad.json: [a-z_]*: expected a string' "$TRIPOD" gather "$T/two"

# Names that are not UTF-8, which JSON cannot hold: of folders, of the model itself.
latin=$T/$'caf\xe9'
mkdir "$latin"
cp -r "$model" "$latin/"$'mod\xe8le'
for suffix in bin idx; do cp "$corpus.$suffix" "$latin/c.$suffix"; done
ok "names that are not UTF-8" "$TRIPOD" scan -m "$latin/"$'mod\xe8le' -c "$latin/c" -o "$latin/l" --json
shows "their JSON has the results" '"mean_loss"'
ok "gather finds them" "$TRIPOD" gather "$latin/l" -o "$latin/m.npy" --json
shows "and their JSON too" '"mean_loss"'

# Ways to fail
fails "no such model" 'nowhere' "$TRIPOD" scan -m "$T/nowhere" -c "$corpus" -o "$T/f"
fails "no such corpus" 'nowhere' "$TRIPOD" scan -m "$model" -c "$T/nowhere" -o "$T/f"
fails "text without a tokenizer" 'no tokenizer.json' "$TRIPOD" scan -m "$model" -c "$ROOT/README.md" -o "$T/f"
"$make_model" --corpus "$T/wide" --limit 50277 --seed 1 30 >/dev/null
fails "token id out of range" 'wide.bin: .*expected an id below 200, found [0-9]+' "$TRIPOD" scan -m "$model" -c "$T/wide" -o "$T/f"
no_losses "token id out of range leaves nothing" "$T/f"
"$make_model" --corpus "$T/ones" --limit 100 --seed 1 1 1 >/dev/null
fails "documents too short" 'nothing to predict' "$TRIPOD" scan -m "$model" -c "$T/ones" -o "$T/f"
fails "a result that could not be written is known before the work" 'nowhere/r.json: cannot write' "$TRIPOD" scan -m "$model" -c "$corpus" -o "$T/unwritten" --json="$T/nowhere/r.json"
is "and nothing is scanned" "" "$(ls "$T/unwritten" | grep npy)"
fails "output below a file" 'Not a directory|directory' "$TRIPOD" scan -m "$model" -c "$corpus" -o "$corpus.bin/x"
if mkdir "$T/small" && mount -t tmpfs -o size=32k tmpfs "$T/small" 2>/dev/null; then
    "$make_model" --corpus "$T/longer" --limit 50277 --seed 1 9000 >/dev/null
    fails "full disk" 'No space left' "$TRIPOD" scan -m "$T/big" -c "$T/longer" -o "$T/small" --window 2048
    no_losses "a full disk leaves nothing" "$T/small"
    rm -f "$T"/small/*
    # The losses (four pages) and their log fit, their record does not: what was computed stays and is not computed again.
    mount -o remount,size=20k "$T/small"
    fails "full disk after computing" 'json: .*No space left' "$TRIPOD" scan -m "$T/big" -c "$T/long" -o "$T/small"
    no_losses "it leaves no losses under a final name" "$T/small"
    if cmp -s -i 128 "$T"/small/*.part-???????????????? "$T"/whole/*.npy; then echo "ok it keeps what was computed"; else echo "FAIL computed losses are gone"; code=1; fi
    mount -o remount,size=64k "$T/small"
    ok "a later scan only writes the record" "$TRIPOD" scan -m "$T/big" -c "$T/long" -o "$T/small" --json
    shows "nothing is computed again" '"tokens_per_s": 0.0'
    if cmp -s "$T"/small/*.npy "$T"/whole/*.npy; then echo "ok the same bits after a full disk"; else echo "FAIL losses differ after a full disk"; code=1; fi
    umount "$T/small"
else
    echo "SKIP full disk: cannot mount a tmpfs here"
fi
misuse "no model" 'no model' "$TRIPOD" scan -c "$corpus"
misuse "no corpus" 'no corpus' "$TRIPOD" scan -m "$model"
misuse "bad number" 'expected a number' "$TRIPOD" scan -m "$model" -c "$corpus" --max-tokens x
misuse "bad shard" 'expected I/N' "$TRIPOD" scan -m "$model" -c "$corpus" --shard 3/3
misuse "stride without window" 'needs --window' "$TRIPOD" scan -m "$model" -c "$corpus" --stride 4
misuse "unknown instruction set" 'scalar, avx2, avx512 or amx' "$TRIPOD" scan -m "$model" -c "$corpus" --simd mmx
misuse "unknown option" 'unrecognized option' "$TRIPOD" scan --frobnicate
ok "help" "$TRIPOD" scan --help
shows "help goes to stdout" --max-tokens

# Text in, losses out, in one line, with the folder's own tokenizer
if [ -d "$suite/demo-7k" ]; then
    cp -r "$suite/demo-7k/step1000" "$T/step1000"
    cp "$suite/tokenizer.json" "$T/"
    ok "text straight in" "$TRIPOD" scan -m "$T/step1000" -c "$ROOT/LICENSE" -o "$T/text" --json="$T/text.json"
    ok "bits per byte are known then" $python - "$T/text.json" "$ROOT/LICENSE" <<'P'
import json, os, sys
run = json.load(open(sys.argv[1]))["runs"][0]
assert 1 < run["bits_per_byte"] < 8 and run["word_perplexity"] > run["perplexity"] > 1
assert run["bytes"] < os.path.getsize(sys.argv[2])
P
    printf 'some text \xff\xff' >"$T/invalid.txt"
    printf '{"text": "some text"}\n{"text": "half a pair: \\ud800"}\n' >"$T/lone.jsonl"
    ok "text that is not UTF-8" "$TRIPOD" scan -m "$T/step1000" -c "$T/invalid.txt" -c "$T/lone.jsonl" -o "$T/lost"
    printf "tripod: warning: $T/%s\n" 'invalid.txt: byte 10: invalid UTF-8 became U+FFFD, the first of 2' \
        'lone.jsonl: line 2: invalid UTF-8 or a lone surrogate became U+FFFD, the first of 1' >"$T/want"
    if cmp -s "$T/want" "$T/err"; then echo "ok it is warned of"; else echo "FAIL it is warned of: $(cat "$T/err")"; code=1; fi
fi
exit $code
