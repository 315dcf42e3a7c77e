#!/bin/bash
# tripod tokenize: every form of input, the files it writes as numpy sees them, and every way it can fail.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
J=$ROOT/tests/golden/tokenizer_small.json
ODD=$ROOT/tests/golden/tokenizer_odd.json

# absent NAME FILE...: nothing of the kind is there.
absent() {
    local name=$1
    shift
    if ls -d "$@" >"$T/ls" 2>/dev/null; then echo "FAIL $name: $(tr '\n' ' ' <"$T/ls")"; code=1; else echo "ok $name"; fi
}

cat >"$T/corpus.py" <<'EOF'
# A reader and a writer of the .bin/.idx format, independent of tripod's.
import json, random, struct, sys
import numpy as np

CODES = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}


def read(prefix):
    raw = open(prefix + ".idx", "rb").read()
    assert raw[:9] == b"MMIDIDX\x00\x00"
    version, code, n, m = struct.unpack("<QBQQ", raw[9:34])
    assert version == 1
    sizes = np.frombuffer(raw, np.int32, n, 34)
    pointers = np.frombuffer(raw, np.int64, n, 34 + 4 * n)
    documents = np.frombuffer(raw, np.int64, m, 34 + 12 * n)
    assert len(raw) == 34 + 12 * n + 8 * m
    assert list(documents) == list(range(n + 1))
    data = np.memmap(prefix + ".bin", dtype=CODES[code], mode="r") if sizes.sum() else np.zeros(0, CODES[code])
    width = np.dtype(CODES[code]).itemsize
    assert len(data) == sizes.sum()
    return [data[p // width:p // width + s].astype(np.int64) for p, s in zip(pointers, sizes)]


def write(prefix, documents, code):
    arrays = [np.asarray(d, CODES[code]) for d in documents]
    with open(prefix + ".bin", "wb") as f:
        for a in arrays:
            f.write(a.tobytes())
    sizes = np.array([len(a) for a in arrays], np.int32)
    ends = np.cumsum([a.nbytes for a in arrays], dtype=np.int64)
    with open(prefix + ".idx", "wb") as f:
        f.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(arrays), len(arrays) + 1))
        f.write(sizes.tobytes() + (ends - np.array([a.nbytes for a in arrays], np.int64)).tobytes())
        f.write(np.arange(len(arrays) + 1, dtype=np.int64).tobytes())


def texts(n):
    r = random.Random(1)
    words = ["the", "of", "zebra", "na\u00efve", "\u4e2d\u6587", "x1", "\n", "  ", "\U0001f600", "it's"]
    return [" ".join(r.choice(words) for _ in range(r.randrange(60))) for _ in range(n)]


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "make":  # texts.jsonl, a file for each of the first, one long text
        folder, documents = sys.argv[2], texts(3000)
        documents[5] = ""
        with open(folder + "/texts.jsonl", "w") as f:
            for i, t in enumerate(documents):
                f.write(json.dumps({"meta": {"i": i, "text": "not this"}, "text": t}, ensure_ascii=i % 2 == 0) + "\n")
        for i in range(3):
            open(folder + "/%d.txt" % i, "w", newline="").write(documents[i])
        open(folder + "/long.txt", "w", newline="").write("\n".join(documents * 12))
        open(folder + "/solid.txt", "w").write("x" * 700000 + " end")
    elif what == "compare":  # of each document: the text decoded from the ids, the text given
        got = [json.loads(line)["text"] for line in open(sys.argv[2])]
        want = [json.loads(line)["text"] for line in open(sys.argv[3])]
        assert got == want, "texts differ"
    elif what == "counts":
        documents, report = read(sys.argv[2]), json.load(open(sys.argv[2] + ".json"))
        text = [json.loads(line)["text"] for line in open(sys.argv[3])]
        assert len(documents) == report["documents"] == len(text)
        assert sum(map(len, documents)) == report["tokens"]
        assert max(map(len, documents)) == report["longest"]
        assert sum(len(t.encode()) for t in text) == report["bytes"]
        assert sum(len(t.split()) for t in text) == report["words"]
        assert sum(1 for t in text if not t) == report["empty_documents"] and len(documents[5]) == 0
        assert report["sources"][0]["documents"] == len(text) and report["dtype"] == "uint16"
    elif what == "whole":  # the one document decodes to the file
        (line,) = open(sys.argv[2])
        assert json.loads(line)["text"] == open(sys.argv[3], newline="").read()
    elif what == "convert":  # another implementation's files of another type
        write(sys.argv[3], read(sys.argv[2]), int(sys.argv[4]))
    elif what == "half":  # the first byte of a character of two, twice
        vocabulary = json.load(open(sys.argv[3]))["model"]["vocab"]
        write(sys.argv[2], [[vocabulary["a"]], [vocabulary["\u00c3"]], [vocabulary["\u00c3"], vocabulary["a"]]], 8)
    elif what == "empty":
        write(sys.argv[2], [], 8)
        open(sys.argv[2] + ".bin", "wb")
    elif what == "range":
        write(sys.argv[2], [[1, 2], [3, 600]], 8)
EOF
# The first Python that has numpy: the one in the path need not be the system's.
PYTHON=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import numpy' 2>/dev/null; then PYTHON=$p; break; fi
done
if [ -z "$PYTHON" ]; then
    echo "SKIP tokenize: no python3 with numpy"
    exit 0
fi
python() { "$PYTHON" "$T/corpus.py" "$@"; }
python make "$T" || exit 2

# Forms of input.
ok "JSON lines" "$TRIPOD" tokenize "$T/texts.jsonl" -t "$J" -o "$T/a" --threads 1
ok "numpy reads what is written, and the counts are right" python counts "$T/a" "$T/texts.jsonl"
ok "decode" "$TRIPOD" tokenize --decode "$T/a" -t "$J" -o "$T/back.jsonl"
ok "the ids decode to the texts" python compare "$T/back.jsonl" "$T/texts.jsonl"
"$TRIPOD" tokenize --decode "$T/a.bin" -t "$J" >"$T/stdout.jsonl"
same "decode to stdout, from the .bin's name" "$T/back.jsonl" "$T/stdout.jsonl"
ok "more threads" "$TRIPOD" tokenize "$T/texts.jsonl" -t "$J" -o "$T/b" --threads 3
same "the same .bin for any number of threads" "$T/a.bin" "$T/b.bin"
same "the same .idx" "$T/a.idx" "$T/b.idx"
zstd -q "$T/texts.jsonl" -o "$T/texts.jsonl.zst"
terminal "on a terminal" 80 "$TRIPOD" tokenize "$T/texts.jsonl" -t "$J" -o "$T/b"
shows "its units" '^bytes +[0-9.]+ kB$'
ok "zstd" "$TRIPOD" tokenize "$T/texts.jsonl.zst" -t "$J" -o "$T/z"
same "zstd gives the same" "$T/a.bin" "$T/z.bin"
{ head -n 1000 "$T/texts.jsonl" | zstd -q; tail -n +1001 "$T/texts.jsonl" | zstd -q; } >"$T/two.jsonl.zst"
ok "zstd of two frames" "$TRIPOD" tokenize "$T/two.jsonl.zst" -t "$J" -o "$T/z"
same "two frames are one text" "$T/a.bin" "$T/z.bin"
ok "stdin" "$TRIPOD" tokenize - --format jsonl -t "$J" -o "$T/i" <"$T/texts.jsonl.zst"
same "stdin gives the same" "$T/a.bin" "$T/i.bin"
ok "several files" "$TRIPOD" tokenize "$T/0.txt" "$T/1.txt" "$T/2.txt" -t "$J" -o "$T/f"
head -c "$(stat -c %s "$T/f.bin")" "$T/a.bin" >"$T/head"
same "a plain file is a document" "$T/f.bin" "$T/head"
ok "a long text, in pieces" "$TRIPOD" tokenize "$T/long.txt" -t "$J" -o "$T/l" --threads 2
"$TRIPOD" tokenize --decode "$T/l" -t "$J" >"$T/l.out"
ok "the pieces make the whole" python whole "$T/l.out" "$T/long.txt"
"$PYTHON" - "$T" <<'EOF'
import json, sys
t = sys.argv[1]
open(t + "/long.jsonl", "w").write(json.dumps({"text": open(t + "/long.txt", newline="").read()}))
EOF
ok "the same text as one line" "$TRIPOD" tokenize "$T/long.jsonl" -t "$J" -o "$T/l1"
same "pieces change no id" "$T/l.bin" "$T/l1.bin"
ok "the same with a space put before" "$TRIPOD" tokenize "$T/long.txt" -t "$ODD" -o "$T/o"
"$TRIPOD" tokenize "$T/long.jsonl" -t "$ODD" -o "$T/o1" >/dev/null
same "pieces change no id there" "$T/o.bin" "$T/o1.bin"
ok "a text with no place to cut" "$TRIPOD" tokenize "$T/solid.txt" -t "$J" -o "$T/s"
"$TRIPOD" tokenize --decode "$T/s" -t "$J" >"$T/s.out"
ok "it is whole, too" python whole "$T/s.out" "$T/solid.txt"
ok "max-documents" "$TRIPOD" tokenize "$T/texts.jsonl" -t "$J" -o "$T/m" --max-documents 7 --json
if grep -q '"documents": 7,' "$T/out"; then echo "ok max-documents counts"; else echo "FAIL max-documents counts"; code=1; fi
printf '{"text":"a"}\n\n{"text":""}\n  \r\n{"text":"b"}' >"$T/blank.jsonl"
ok "blank lines and an empty document" "$TRIPOD" tokenize "$T/blank.jsonl" -t "$J" -o "$T/blank" --json \
    --append '<|endoftext|>'
if grep -q '"tokens": 5,' "$T/out" && grep -q '"empty_documents": 1,' "$T/out"; then
    echo "ok an end after every document"
else
    echo "FAIL an end after every document: $(tr '\n' ' ' <"$T/out")"
    code=1
fi
printf 'a\xff\xe2\x82' >"$T/invalid.txt"
ok "invalid UTF-8" "$TRIPOD" tokenize "$T/invalid.txt" -t "$J" -o "$T/inv" --json
if grep -q '"invalid_utf8": 2,' "$T/out"; then echo "ok invalid UTF-8 is counted"; else echo "FAIL invalid UTF-8 is counted"; code=1; fi
# warned NAME LINE...: the last command's stderr is these lines, each after "tripod: warning: $T/".
warned() {
    local name=$1
    shift
    printf "tripod: warning: $T/%s\n" "$@" >"$T/want"
    if cmp -s "$T/want" "$T/err"; then echo "ok $name"; else echo "FAIL $name: $(head -c 400 "$T/err")"; code=1; fi
}
warned "invalid UTF-8 is warned of" 'invalid.txt: byte 1: invalid UTF-8 became U+FFFD, the first of 2'
printf '{"text": "ok"}\n\n{"text": "a\\ud800b\\udc00"}\n{"text": "\xff"}\n' >"$T/lone.jsonl"
{ cat "$T/long.txt"; printf ' end\xff'; } >"$T/late.txt"
ok "what is lost in each of several files" "$TRIPOD" tokenize "$T/late.txt" "$T/0.txt" "$T/lone.jsonl" "$T/invalid.txt" -t "$J" -o "$T/inv"
warned "a line a file, with place and count" "late.txt: byte $(($(stat -c %s "$T/long.txt") + 4)): invalid UTF-8 became U+FFFD, the first of 1" \
    'lone.jsonl: line 3: invalid UTF-8 or a lone surrogate became U+FFFD, the first of 3' \
    'invalid.txt: byte 1: invalid UTF-8 became U+FFFD, the first of 2'
cp "$T/err" "$T/want"
"$TRIPOD" tokenize "$T/late.txt" "$T/0.txt" "$T/lone.jsonl" "$T/invalid.txt" -t "$J" -o "$T/inv" --threads 5 >"$T/out" 2>"$T/err"
same "the same warnings for any number of threads" "$T/want" "$T/err"
ok "nothing is lost" "$TRIPOD" tokenize "$T/0.txt" -t "$J" -o "$T/f1"
if [ -s "$T/err" ]; then echo "FAIL nothing is said then: $(cat "$T/err")"; code=1; else echo "ok nothing is said then"; fi
python half "$T/half" "$J"
ok "ids that are half a character" "$TRIPOD" tokenize --decode "$T/half" -t "$J"
warned "they are warned of" 'half: document 1: invalid UTF-8 became U+FFFD, the first of 2'
ok "another field" "$TRIPOD" tokenize - --format jsonl --field body -t "$J" -o "$T/body" <<<'{"body": "x", "text": 1}'

# Files of another implementation, in every integer type that holds the ids.
for type in 3 4 5 8; do
    python convert "$T/a" "$T/c" "$type"
    "$TRIPOD" tokenize --decode "$T/c" -t "$J" >"$T/c.out"
    same "reads a numpy-written corpus of type $type" "$T/back.jsonl" "$T/c.out"
done

# What can go wrong.
fails "missing input" 'no\.txt: cannot open: No such file' "$TRIPOD" tokenize "$T/no.txt" -t "$J" -o "$T/x"
fails "missing tokenizer" 'no\.json: cannot open' "$TRIPOD" tokenize "$T/0.txt" -t "$T/no.json" -o "$T/x"
fails "not a tokenizer" 'texts\.jsonl: not a tokenizer\.json' "$TRIPOD" tokenize "$T/0.txt" -t "$T/texts.jsonl" -o "$T/x"
echo '{"model": {"type": "WordPiece"}}' >"$T/wp.json"
fails "another kind of tokenizer" 'wp\.json: model: expected BPE, found WordPiece' \
    "$TRIPOD" tokenize "$T/0.txt" -t "$T/wp.json" -o "$T/x"
fails "a folder without tokenizer" 'tokenizer\.json: cannot open' "$TRIPOD" tokenize "$T/0.txt" -t "$T" -o "$T/x"
fails "a directory as input" 'expected a file, found a directory' "$TRIPOD" tokenize "$T" -t "$J" -o "$T/x"
head -c 2000 "$T/texts.jsonl.zst" >"$T/cut.jsonl.zst"
fails "truncated zstd" 'cut\.jsonl\.zst: zstd data cut short after 2000 bytes' \
    "$TRIPOD" tokenize "$T/cut.jsonl.zst" -t "$J" -o "$T/x"
cp "$T/texts.jsonl.zst" "$T/bad.jsonl.zst"
printf 'damage' | dd of="$T/bad.jsonl.zst" bs=1 seek=20000 conv=notrunc 2>/dev/null
fails "damaged zstd" 'bad\.jsonl\.zst: (zstd: |line )' "$TRIPOD" tokenize "$T/bad.jsonl.zst" -t "$J" -o "$T/x"
cp "$T/0.txt" "$T/plain.zst"
fails "not zstd" 'plain\.zst: expected zstd data, found something else' "$TRIPOD" tokenize "$T/plain.zst" -t "$J" -o "$T/x"
gzip -c "$T/0.txt" >"$T/0.gz"
fails "gzip" '0\.gz: compressed with gzip' "$TRIPOD" tokenize "$T/0.gz" -t "$J" -o "$T/x"
{ head -n 1233 "$T/texts.jsonl"; echo '{"text": "abc'; echo '{"also": "bad"}'; } >"$T/bad.jsonl"
fails "a bad JSON line" 'bad\.jsonl: line 1234: column 14: not JSON' "$TRIPOD" tokenize "$T/bad.jsonl" -t "$J" -o "$T/x"
fails "field missing" "texts\.jsonl: line 1: no field 'body'" "$TRIPOD" tokenize "$T/texts.jsonl" --field body -t "$J" -o "$T/x"
fails "field not a string" "line 1: field 'meta': expected a string, found an object" \
    "$TRIPOD" tokenize "$T/texts.jsonl" --field meta -t "$J" -o "$T/x"
: >"$T/empty.txt"
: >"$T/empty.jsonl"
fails "an empty document" 'empty\.txt: no text: every document is empty' "$TRIPOD" tokenize "$T/empty.txt" -t "$J" -o "$T/x"
fails "an empty corpus" 'empty\.jsonl: no text: the input has no documents' "$TRIPOD" tokenize "$T/empty.jsonl" -t "$J" -o "$T/x"
fails "unknown token to append" "no added token '<eos>'" "$TRIPOD" tokenize "$T/0.txt" --append '<eos>' -t "$J" -o "$T/x"
fails "unwritable output" 'no/such/x\.bin: cannot write: No such file' "$TRIPOD" tokenize "$T/0.txt" -t "$J" -o "$T/no/such/x"
echo '{"text": "a"}' >"$T/mine.json"
fails "output over input" 'mine\.json: would be overwritten' "$TRIPOD" tokenize "$T/mine.json" -t "$J" -o "$T/mine"
python range "$T/r"
fails "an id out of range" 'r\.bin: document 1, token 1: expected an id below 512, found 600' \
    "$TRIPOD" tokenize --decode "$T/r" -t "$J" -o "$T/x"
head -c 50 "$T/a.idx" >"$T/q.idx"
cp "$T/a.bin" "$T/q.bin"
fails "an index cut short" 'q\.idx: size: 3000 sequences .* do not make 50 bytes' "$TRIPOD" tokenize --decode "$T/q" -t "$J" -o "$T/x"
cp "$T/a.idx" "$T/q.idx"
head -c 5000 "$T/a.bin" >"$T/q.bin"
fails "a .bin cut short" 'q\.idx: sequence [0-9]+: .* do not fit into the \.bin.s 5000 bytes' \
    "$TRIPOD" tokenize --decode "$T/q" -t "$J" -o "$T/x"
rm "$T/q.bin"
fails "a .bin missing" 'q\.bin: cannot open' "$TRIPOD" tokenize --decode "$T/q" -t "$J" -o "$T/x"
python empty "$T/e"
ok "a corpus without documents decodes to nothing" "$TRIPOD" tokenize --decode "$T/e" -t "$J"
misuse "no files" 'expected files' "$TRIPOD" tokenize -t "$J" -o "$T/x"
misuse "no tokenizer" 'expected -t' "$TRIPOD" tokenize "$T/0.txt" -o "$T/x"
misuse "no output" 'expected -o' "$TRIPOD" tokenize "$T/0.txt" -t "$J"
misuse "unknown format" 'expected auto, text or jsonl' "$TRIPOD" tokenize "$T/0.txt" -t "$J" -o "$T/x" --format csv
absent "nothing is left of what failed" "$T"/x* "$T"/*.part-*

# The vocabulary of bytes: ids are the text's UTF-8, what Hugging Face makes of the file beside the corpus is the same.
cp "$ROOT/src/quanta/README.md" "$T/plain.txt"
ok "--bytes" "$TRIPOD" tokenize "$T/plain.txt" --bytes --append '<|endoftext|>' -o "$T/bytes"
ok "its ids are the bytes" "$PYTHON" - "$T" <<'EOF'
import sys
import numpy as np
t = sys.argv[1]
ids = np.fromfile(t + "/bytes.bin", "<u2").tolist()
assert ids == list(open(t + "/plain.txt", "rb").read()) + [256] and max(ids[:-1]) > 127
EOF
ok "its tokenizer is read like any other" "$TRIPOD" tokenize "$T/plain.txt" -t "$T/bytes-tokenizer.json" --append '<|endoftext|>' -o "$T/bytes2"
same "and gives the same" "$T/bytes.bin" "$T/bytes2.bin"
"$PYTHON" -c 'import json, sys; [print(json.dumps(r)) for r in json.load(sys.stdin)]' <"$ROOT/tests/golden/bytes.json" >"$T/reference.jsonl"
ok "--bytes of texts of every kind" "$TRIPOD" tokenize "$T/reference.jsonl" --bytes -o "$T/bytes3"
ok "ids are Hugging Face's" "$PYTHON" - "$T" <<'EOF'
import json, sys
import numpy as np
t = sys.argv[1]
ids = sum((json.loads(l)["ids"] for l in open(t + "/reference.jsonl")), [])
assert np.fromfile(t + "/bytes3.bin", "<u2").tolist() == ids and 256 in ids
EOF
ok "--bytes --decode" "$TRIPOD" tokenize --decode --bytes "$T/bytes3" -o "$T/decoded.jsonl"
ok "gives the texts back" "$PYTHON" - "$T" <<'EOF'
import json, sys
t = sys.argv[1]
texts = [[json.loads(l)["text"] for l in open(p)] for p in (t + "/decoded.jsonl", t + "/reference.jsonl")]
assert texts[0] == texts[1]
EOF
cp "$J" "$T/held-tokenizer.json"
fails "another's tokenizer where that of bytes would go" 'held-tokenizer.json: would be overwritten' "$TRIPOD" tokenize "$T/0.txt" --bytes -o "$T/held"
same "it stays" "$J" "$T/held-tokenizer.json"
ok "bytes once more, by the name of a file" "$TRIPOD" tokenize "$T/texts.jsonl" --bytes -o "$T/again.bin"
ok "over their own" "$TRIPOD" tokenize "$T/texts.jsonl" --bytes -o "$T/again.bin"
check "one tokenizer beside them" "$(ls "$T" | grep again)" test -e "$T/again-tokenizer.json" -a ! -e "$T/again.bin-tokenizer.json"
fails "decoded by another tokenizer" 'expected the tokenizer the corpus was made with .*again.json' "$TRIPOD" tokenize --decode "$T/again.idx" -t "$J"
for f in bin idx json; do
    fails "text over P.$f" "again.$f: is read from: expected another name" "$TRIPOD" tokenize --decode "$T/again" --bytes -o "$T/again.$f"
done
misuse "a corpus without a name" "-o: expected a name, found ''" "$TRIPOD" tokenize "$T/0.txt" --bytes -o ""
misuse "a field of tokens" '--decode reads tokens: no --field' "$TRIPOD" tokenize --decode "$T/again" --bytes --field x
misuse "-t and --bytes" 'not both' "$TRIPOD" tokenize "$T/0.txt" -t "$J" --bytes -o "$T/x"

# A full disk: a small tmpfs where we may mount one.
mkdir "$T/full"
if mount -t tmpfs -o size=64k tmpfs "$T/full" 2>/dev/null; then
    fails "a full disk" 'full/x\.(bin|idx|json): cannot write: No space left' \
        "$TRIPOD" tokenize "$T/long.txt" -t "$J" -o "$T/full/x"
    absent "nothing is left on the full disk" "$T"/full/*
    umount "$T/full"
else
    echo "SKIP a full disk: tmpfs cannot be mounted here"
fi

# Interrupted in the middle: 128 + 2, nothing left.
mkfifo "$T/pipe"
"$TRIPOD" tokenize - --format text -t "$J" -o "$T/k" <"$T/pipe" >"$T/out" 2>"$T/err" &
pid=$!
exec 9>"$T/pipe"
cat "$T/long.txt" >&9
begun() { ls "$T"/k.bin.part-*; }
until_true begun >/dev/null
if ls "$T"/k.bin.part-* >/dev/null 2>&1; then echo "ok it writes aside"; else echo "FAIL it writes aside"; code=1; fi
kill -TERM $pid
wait $pid
status=$?
exec 9>&-
if [ $status -eq 143 ]; then echo "ok a signal ends it"; else echo "FAIL a signal ends it: status $status"; code=1; fi
absent "nothing is left after a signal" "$T"/k.*
# A shell starts background jobs with SIGINT ignored, so Ctrl-C is sent by python.
"$PYTHON" - "$TRIPOD" "$J" "$T" <<'EOF'
import os, signal, subprocess, sys, time, glob
program, tokenizer, folder = sys.argv[1:]
p = subprocess.Popen([program, "tokenize", "-", "-t", tokenizer, "-o", folder + "/k"], stdin=subprocess.PIPE,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
p.stdin.write(open(folder + "/long.txt", "rb").read())
p.stdin.flush()
for _ in range(6000):
    if glob.glob(folder + "/k.bin.part-*"):
        break
    time.sleep(0.05)
else:
    sys.exit("no output was begun")
p.send_signal(signal.SIGINT)
code = p.wait(300)
assert code == -signal.SIGINT, code
EOF
if [ $? -eq 0 ]; then echo "ok Ctrl-C ends it"; else echo "FAIL Ctrl-C ends it"; code=1; fi
absent "nothing is left after Ctrl-C" "$T"/k.*
exit $code
