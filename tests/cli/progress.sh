# --json-progress: what a program that watches a long command is told, and that watching changes nothing.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 1
cp -r "$ROOT/models/demo" suite # a scan leaves its model beside these
demo=$T/suite
"$TRIPOD" tokenize /usr/share/common-licenses/{GPL-2,GPL-3,Artistic} -t "$demo/tokenizer.json" -o text >/dev/null
scan=(scan "$demo"/demo-{3k,115k}/step1000 -c text -t "$demo/tokenizer.json" --window 256 --threads 1)
"$TRIPOD" "${scan[@]}" -o plain >/dev/null 2>&1
ok "a scan that is watched" "$TRIPOD" "${scan[@]}" -o watched --quiet --json-progress 3 3>lines
for f in plain/*.npy; do same "the same losses" "$f" "watched/${f#*/}"; done
# FILE UNIT [TASKS]: every line about such units has the six; a last one, of every task, is complete.
cat >read.py <<'P'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
lines = [o for o in lines if o["unit"] == sys.argv[2]]
assert lines and all({"what", "done", "total", "unit", "rate", "eta_s"} <= set(o) for o in lines), lines[:1]
assert all(0 <= o["done"] <= o["total"] for o in lines), lines
ends = [o for o in lines if o["done"] == o["total"]]
assert lines[-1] == ends[-1] and lines[-1]["eta_s"] == 0 and lines[-1]["rate"] > 0, lines[-1]
if len(sys.argv) > 3:
    last = {o["task"]: o for o in lines}  # of each; the one before may have been complete, too
    assert list(last) == list(range(1, int(sys.argv[3]) + 1)) and all(o["done"] == o["total"] for o in last.values()), last
P
ok "tokens of two models" python3 read.py lines tokens 2
ok "the largest model alone, often enough to see four a second" python3 - "$TRIPOD" "$demo" <<'P'
import json, os, subprocess, sys, time
ours, theirs = os.pipe()
begun = time.monotonic()
command = [sys.argv[1], "parity", "--scaled", "--tasks", "60", "-n", "20", "-w", "200", "-s", "1500", "--batch", "4000", "--log", "20",
           "--threads", "1", "-o", "runs", "--json-progress", str(theirs)]
child = subprocess.Popen(command, pass_fds=[theirs], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
os.close(theirs)
seen = []
for line in os.fdopen(ours):
    seen.append(json.loads(line))
assert child.wait() == 0, child.stderr.read()
assert not child.stderr.read()
assert len(seen) >= 3, seen
# Four a second at most, but for the last: when they are read says nothing, how long all took does.
assert len(seen) - 1 <= 4 * (time.monotonic() - begun), (len(seen), time.monotonic() - begun)
done = [o["done"] for o in seen]
assert done == sorted(done) and done[-1] == seen[-1]["total"], done
P
ok "a reader that goes away" sh -c "'$TRIPOD' ${scan[*]} -o left --quiet --json-progress 3 3>&1 >/dev/null | true; ls left/*.npy"
is "leaves the scan alone" "$(echo plain/*.npy | wc -w)" "$(echo left/*.npy | wc -w)"
ok "a reader that never reads" python3 - "$TRIPOD" "$demo" <<'P'
import fcntl, os, subprocess, sys
ours, theirs = os.pipe()
flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
fcntl.fcntl(theirs, fcntl.F_SETFL, flags | os.O_NONBLOCK)
try:
    while True:
        os.write(theirs, b"x" * 4096)
except BlockingIOError:
    pass
fcntl.fcntl(theirs, fcntl.F_SETFL, flags)
subprocess.run([sys.argv[1], "scan", sys.argv[2] + "/demo-3k/step1000", "-c", "text", "-t", sys.argv[2] + "/tokenizer.json", "-o", "full",
                "--json-progress", str(theirs)], pass_fds=[theirs], check=True, timeout=600, stdout=subprocess.DEVNULL)
P
ok "of an import" sh -c "mkdir m && '$TRIPOD' import $demo/demo-3k/step1000 -o m/ --json-progress 3 3>lines"
ok "bytes" python3 read.py lines bytes
ok "of an export" sh -c "'$TRIPOD' export m/*.tripod -o hf --json-progress 3 3>lines"
ok "bytes, too" python3 read.py lines bytes
ok "of a fit" sh -c "'$TRIPOD' fit chinchilla '$ROOT/tests/data/epoch_chinchilla.csv' --drop-highest 5 --bootstrap 300 --json-progress 3 3>lines"
ok "resamples" python3 read.py lines resamples

misuse "no such descriptor" '--json-progress: descriptor 77: Bad file descriptor' "$TRIPOD" "${scan[@]}" -o x --json-progress 77
misuse "one for reading" '--json-progress: descriptor 0 is open for reading only' "$TRIPOD" "${scan[@]}" -o x --json-progress 0 <read.py
misuse "no number" "--json-progress: .*found 'x'" "$TRIPOD" "${scan[@]}" -o x --json-progress x
misuse "none" "json-progress" "$TRIPOD" "${scan[@]}" -o x --json-progress
exit $code
