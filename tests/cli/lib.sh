# Sourced by the command-line tests. $TRIPOD is the program; $T a scratch directory, removed at the end.
# SPDX-License-Identifier: GPL-3.0-or-later
: "${TRIPOD:?the program to test}"
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Whatever the user's: files and words are sorted by their bytes, and a character is one.
export LC_ALL=C.UTF-8
SHARED=${TRIPOD_SHARED:-$ROOT/../shared}
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
code=0

# ok NAME CMD...: the command succeeds. Its stdout is left in $T/out, its stderr in $T/err.
ok() {
    local name=$1 status
    shift
    "$@" >"$T/out" 2>"$T/err"
    status=$?
    if [ $status -eq 0 ]; then echo "ok $name"; else echo "FAIL $name: exit $status: $(head -c 300 "$T/err")"; code=1; fi
}

# same NAME FILE FILE: the same bytes. is NAME EXPECTED FOUND: the same text.
same() { if cmp -s "$2" "$3"; then echo "ok $1"; else echo "FAIL $1: $2 and $3 differ"; code=1; fi; }
is() { if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAIL $1: expected '$2', found '$3'"; code=1; fi; }

good() { echo "ok $1"; }
# check NAME TEXT COMMAND...: the command succeeds; TEXT says more where it does not.
check() { local name=$1 text=$2; shift 2; if "$@"; then good "$name"; else echo "FAIL $name: $text"; code=1; fi; }

# until_true CONDITION...: waits for it, five minutes at most, and no longer than the last background job lives.
until_true() {
    local end=$((SECONDS + 300))
    until "$@" 2>/dev/null; do
        if [ $SECONDS -ge $end ] || { [ -n "$!" ] && ! kill -0 "$!" 2>/dev/null; }; then
            "$@" 2>/dev/null
            return
        fi
        sleep 0.02
    done
}

# watched FILE WHAT [N]: what --json-progress wrote to FILE says that N of WHAT are done, or more (1).
watched() { [ "$(sed -n 's/^{"what":"'"$2"'","done":\([0-9]*\),.*/\1/p' "$1" | tail -n 1)" -ge "${3:-1}" ]; }

# shows NAME REGEX: a line of the last command's stdout matches.
shows() {
    if grep -Eq -- "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2"; code=1; fi
}

# fails NAME REGEX CMD...: exit 1, nothing on stdout, exactly one line on stderr, which starts with "tripod: " and matches.
fails() {
    local name=$1 regex=$2 status
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    status=$?
    if [ $status -eq 1 ] && [ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" -eq 1 ] && grep -Eq "^tripod: .*($regex)" "$T/err"; then
        echo "ok $name"
    else
        echo "FAIL $name: exit $status, stdout $(wc -c <"$T/out") bytes, stderr: $(head -c 300 "$T/err")"
        code=1
    fi
}

# misuse NAME REGEX CMD...: exit 2, the first line on stderr matches, nothing on stdout.
misuse() {
    local name=$1 regex=$2 status
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    status=$?
    if [ $status -eq 2 ] && [ ! -s "$T/out" ] && head -n 1 "$T/err" | grep -Eq -- "$regex"; then
        echo "ok $name"
    else
        echo "FAIL $name: exit $status: $(head -c 300 "$T/err")"
        code=1
    fi
}

# same_stdin NAME FILE COMMAND ARGS: what COMMAND FILE ARGS prints from the file and from stdin differs in the name only.
same_stdin() {
    local name=$1 file=$2 command=$3
    shift 3
    "$TRIPOD" $command "$file" "$@" 2>"$T/err" | sed "s|$file|stdin|" >"$T/file"
    "$TRIPOD" $command - "$@" <"$file" >"$T/out" 2>>"$T/err"
    if [ -s "$T/out" ] && [ ! -s "$T/err" ] && cmp -s "$T/file" "$T/out"; then
        echo "ok $name"
    else
        echo "FAIL $name: $(head -c 300 "$T/err") $(diff "$T/file" "$T/out" | head -c 300)"
        code=1
    fi
}

# terminal NAME WIDTH CMD...: the command succeeds on a terminal and prints nothing wider. Its stdout is left in $T/out.
terminal() {
    local name=$1 found
    if found=$(python3 - "$T/out" "${@:2}" 2>&1 <<'PY'
import fcntl, os, struct, subprocess, sys, termios
path, width, *command = sys.argv[1:]
ours, theirs = os.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(width), 0, 0))
child = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE)
os.close(theirs)
data = b""
while True:
    try:
        part = os.read(ours, 65536)
    except OSError:  # the other side is closed
        break
    if not part:
        break
    data += part
error = child.stderr.read().decode()
text = data.decode().replace("\r\n", "\n")
with open(path, "w") as f:
    f.write(text)
if child.wait():
    sys.exit(f"exit {child.returncode}: {error[:300]}")
wide = [x for x in text.split("\n") if len(x) > int(width)]
sys.exit(f"wider than {width}: {wide[0]}" if wide else 0 if text.strip() else "nothing printed")
PY
    ); then echo "ok $name"; else echo "FAIL $name: $found"; code=1; fi
}
