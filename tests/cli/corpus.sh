# The corpus of a text, as tripod scan keeps it: made once, found again, never taken for another's, and mended.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
suite=$ROOT/models/demo
one=$T/demo-3k/step512 two=$T/demo-3k/step1000
mkdir "$T/in" "$T/in2"
cp -r "$suite/demo-3k" "$suite/tokenizer.json" "$T/"
for i in 1 2 4 8; do cp -r "$two" "$T/demo-3k/step$i"; done
J=$T/tokenizer.json

# scan MODEL OUT TEXT ARGS
scan() { local m=$1 o=$2 c=$3; shift 3; "$TRIPOD" scan -m "$m" -t "$J" -o "$T/$o" -c "$c" --max-tokens 40 "$@"; }
# files FILE...: their inodes and times: the same text as before if none was written again.
files() { stat -c '%n %i %y' "$@"; }
keep() { files "$@" >"$T/before"; }
kept() { local name=$1; shift; if files "$@" 2>&1 | cmp -s - "$T/before"; then echo "ok $name"; else echo "FAIL $name: written again"; code=1; fi; }
made() { local name=$1; shift; if files "$@" 2>&1 | cmp -s - "$T/before"; then echo "FAIL $name: not written again"; code=1; else echo "ok $name"; fi; }
quiet() { if [ -s "$T/err" ]; then echo "FAIL $1: $(head -c 300 "$T/err")"; code=1; else echo "ok $1"; fi; }
warns() { if [ "$(wc -l <"$T/err")" -eq 1 ] && grep -Eq "^tripod: warning: $2" "$T/err"; then echo "ok $1"; else echo "FAIL $1: $(head -c 300 "$T/err")"; code=1; fi; }
count() { local name=$1 n=$2; shift 2; if [ $# -eq "$n" ] && [ -e "$1" ]; then echo "ok $name"; else echo "FAIL $name: $*"; code=1; fi; }

text=$T/in/book.jsonl
printf '{"text": "It was the best of times, it was the worst of times.", "more": "Call me Ishmael, some years ago."}\n%s\n' \
    '{"text": "half a pair: \ud800 and more text", "more": "x y z x y z"}' >"$text"
P=$T/l/book
ok "a text" scan "$one" l "$text"
warns "what was replaced is told" "$text: line 2: invalid UTF-8 or a lone surrogate"
cp "$P.bin" "$T/first.bin"
cp "$P.idx" "$T/first.idx"
keep "$P.bin" "$P.idx" "$P.json"
ok "the same text again, while the file is young" scan "$two" l "$text"
kept "is not tokenised again" "$P.bin" "$P.idx" "$P.json"
warns "what was replaced is told again" "$text: line 2: invalid UTF-8 or a lone surrogate"
ok "as itself, by another name" scan "$one" l2 "$text"
ok "and in its own folder by another" scan "$two" l2 "$T/in/../in/book.jsonl"
touch -d '2001-01-01' "$text"
cp "$text" "$T/in2/book.jsonl"
ok "touched" scan "$T/demo-3k/step0" l "$text"
ok "a copy of it" scan "$T/demo-3k/step1" l "$T/in2/book.jsonl"
ok "the first of its documents" scan "$T/demo-3k/step2" l "$T/in2/book.jsonl" --documents 1
kept "are known by their hash" "$P.bin" "$P.idx" "$P.json"
python3 - "$ROOT/LICENSE" "$T/large.jsonl" <<'E'
import json, sys
text = open(sys.argv[1]).read()
with open(sys.argv[2], "w") as f:
    for i in range(60):
        print(json.dumps({"text": str(i) + text}), file=f)
E
ok "a larger text" scan "$one" large "$T/large.jsonl"
sleep 3.1
ok "the large one again" scan "$T/demo-3k/step1" large "$T/large.jsonl"
count "what is known of it is kept" 2 "$T"/large/.known/*
ok "and again" scan "$T/demo-3k/step2" large "$T/large.jsonl"
ok "bytes and words known are those counted" python3 - "$T"/large/demo-3k-step{512,1,2}.json <<'E'
import json, sys
runs = [json.load(open(p)) for p in sys.argv[1:]]
assert len({(r["bytes"], r["words"], r["corpus_hash"]) for r in runs}) == 1 and runs[0]["words"] > 100, runs
E
# What tokens asks of it is known beside its matrix, and gather's beside the losses; until the corpus is another.
mkdir "$T/matrix"
ok "its matrix" "$TRIPOD" gather "$T/large" -o "$T/matrix/m.npy"
ok "a row of it" "$TRIPOD" tokens show "$T/matrix/m.npy" -c "$T/large/large" 5
count "what is known of it is kept there" 1 "$T"/matrix/.known/*
keep "$T"/matrix/.known/*
ok "another row" "$TRIPOD" tokens show "$T/matrix/m.npy" -c "$T/large/large" 6
kept "is of what is known" "$T"/matrix/.known/*
ok "its documents" "$TRIPOD" gather "$T/large" --documents "$T/matrix/d.csv"
printf x | dd of="$T/large/large.bin" bs=1 seek=100 conv=notrunc 2>/dev/null
fails "another token in the same file" 'large: expected the corpus of .*m.npy \([0-9a-f]{16}\), found another' "$TRIPOD" tokens show "$T/matrix/m.npy" -c "$T/large/large" 6
fails "and in its documents" 'large: expected the corpus of .*large/.*.npy \([0-9a-f]{16}\), found another' "$TRIPOD" gather "$T/large" --documents "$T/matrix/d.csv"
ok "made when the text is old" scan "$one" old "$text"
if grep -q '"stamp": "' "$T/old/book.json"; then echo "ok its stamp is known"; else echo "FAIL its stamp is known"; code=1; fi
sed -i '/"path": ".*book.jsonl"/,/"stamp"/s/"hash": ".*"/"hash": "0123456789abcdef"/' "$T/old/book.json" # nobody looks
keep "$T"/old/book.{bin,idx,json}
ok "again" scan "$two" old "$text"
kept "is known by its stamp" "$T"/old/book.{bin,idx,json}
ok "forced" scan "$two" old "$text" --force
made "is tokenised again" "$T"/old/book.{bin,idx,json}
same "to the same" "$T/old/book.bin" "$T/first.bin"

# Others
keep "$P.bin" "$P.idx" "$P.json"
ok "another field" scan "$T/demo-3k/step4" l "$text" --field more
count "is another corpus" 1 "$P"-*.bin
sed 's/best/west/' "$text" >"$T/in2/book.jsonl"
ok "as long a text by the same name" scan "$T/demo-3k/step8" l "$T/in2/book.jsonl"
count "is another corpus, too" 2 "$P"-*.bin
kept "the first is as it was" "$P.bin" "$P.idx" "$P.json"
ok "all losses are of the corpus they name" "$TRIPOD" verify "$T/l"
keep "$P"-*
ok "the second again" scan "$T/demo-3k/step16" l "$T/in2/book.jsonl"
ok "the other field again" scan "$T/demo-3k/step32" l "$text" --field more
kept "are found" "$P"-*
sed 's/"version":/"version": /' "$J" >"$T/other.json"
cmp -s "$J" "$T/other.json" && { echo "FAIL the tokenizer is another"; code=1; }
keep "$P.bin" "$P.idx" "$P.json"
ok "another tokenizer" "$TRIPOD" scan -m "$T/demo-3k/step64" -t "$T/other.json" -c "$text" -o "$T/l" --max-tokens 40
made "reads the text again" "$P.bin" "$P.idx" "$P.json"
cp "$P.bin" "$T/made.bin" && cp "$P.idx" "$T/made.idx" && cp "$P.json" "$T/made.json"
ok "its corpus" "$TRIPOD" scan -m "$T/demo-3k/step64" -t "$T/other.json" -c "$T/made" -o "$T/made-l" --max-tokens 40
fails "is no other tokenizer's" 'tokenizer.json: expected the tokenizer the corpus was made with .*made.json' "$TRIPOD" scan -m "$T/demo-3k/step64" -t "$J" -c "$T/made" -o "$T/made-l" --max-tokens 40
head -n 1 "$text" >"$T/short.jsonl"
ok "two texts" scan "$one" both "$T/short.jsonl" -c "$text"
keep "$T"/both/short.*
ok "the same two" scan "$two" both "$T/short.jsonl" -c "$text"
kept "are found" "$T"/both/short.*
ok "in another order" scan "$one" both "$text" -c "$T/short.jsonl" --force
ok "one of them" scan "$one" both "$T/short.jsonl" --force
count "are others" 1 "$T"/both/short-*.bin
ok "stdin" scan "$one" std - <"$text"
keep "$T"/std/corpus.bin
ok "stdin again" scan "$two" std - <"$text"
made "is read" "$T"/std/corpus.bin
ok "other text from stdin" scan "$one" std - --force <"$T/in2/book.jsonl"
count "is another corpus as well" 1 "$T"/std/corpus-*.bin

# Nothing that is there is replaced.
mkdir "$T/mine"
echo '{"mine": 1}' >"$T/mine/book.json"
ok "beside a file of that name" scan "$one" mine "$text"
count "the corpus has another" 1 "$T"/mine/book-*.bin
[ "$(cat "$T/mine/book.json")" = '{"mine": 1}' ] && echo "ok the file is as it was" || { echo "FAIL the file is as it was"; code=1; }

# Damage
mend() { # NAME MESSAGE: after the damage done by the caller
    ok "$1" scan "$two" d "$text"
    if [ "$2" ]; then grep -Eq "warning: .*$2" "$T/err" && echo "ok $1: told" || { echo "FAIL $1: told: $(cat "$T/err")"; code=1; }; fi
    same "$1: mended" "$T/d/book.bin" "$T/first.bin"
    same "$1: its index, too" "$T/d/book.idx" "$T/first.idx"
}
scan "$two" d "$text" >/dev/null 2>&1
printf 'X' | dd of="$T/d/book.bin" bs=1 seek=9 conv=notrunc 2>/dev/null
mend "another token" 'book: is not the corpus its .json says it is: the text is tokenised again'
truncate -s -2 "$T/d/book.bin"
mend "a .bin cut short" 'book.idx: sequence 1: .* do not fit.*tokenised again'
truncate -s 0 "$T/d/book.idx"
mend "an empty .idx" 'book.idx: not an index.*tokenised again'
rm "$T/d/book.bin"
mend "no .bin" 'book.bin: cannot open.*tokenised again'
rm "$T/d/book.idx" "$T/d/book.bin" "$T/d/book.json"
mend "nothing left" ''
for json in '' '{' '[]' '{"format": "tripod-corpus 1"}' '{"format": "tripod-corpus 0"}' '{"format": "tripod-corpus 1", "documents": -1}'; do
    rm -f "$T"/d/book-*
    echo "$json" >"$T/d/book.json"
    ok "a .json of '$json'" scan "$two" d "$text"
    count "is nobody's corpus" 1 "$T"/d/book-*.bin
    same "this one is" "$T"/d/book-*.bin "$T/first.bin"
done
exit $code
