# Help, manual pages and completion: made from the tables that parse, so they show every option and the true defaults.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
ok "list of commands" "$TRIPOD" help
"$TRIPOD" help --commands >"$T/commands"
lint=cat
command -v mandoc >/dev/null && lint='mandoc -Tlint'
[ "$lint" = cat ] && echo "SKIP manual pages are not linted: mandoc is not installed"
"$TRIPOD" help --man >"$T/tripod.1"
while read -r c; do
    "$TRIPOD" help --man "$c" >"$T/tripod-$c.1" || { echo "FAIL no page for $c"; code=1; }
    "$TRIPOD" "$c" --help >"$T/help" 2>&1 || { echo "FAIL $c --help"; code=1; }
    # Every long option of the help is on the page and the other way round.
    grep -oE -- '--[a-zA-Z][a-zA-Z-]*' "$T/help" | sort -u | grep -v -- '--help\|--usage' >"$T/a"
    while read -r o; do
        grep -qF -- "$(sed 's/-/\\-/g' <<<"$o")" "$T/tripod-$c.1" || { echo "FAIL $c: $o is not on the page"; code=1; }
    done <"$T/a"
    grep -q "tripod\\\\-$c" "$T/tripod.1" || { echo "FAIL tripod(1) does not name $c"; code=1; }
done <"$T/commands"

# Help is sorted by name: a text that goes on from another option's reads as nonsense. No line is broken where one would not break it.
{ cat "$T/commands"; for c in tokens quanta fit bench; do "$TRIPOD" help $c | sed -n "s/^  \($c [a-z]*\) .*/\1/p"; done; } >"$T/all"
while read -r c; do
    # shellcheck disable=SC2086
    "$TRIPOD" $c --help >"$T/help"
    bad=$(grep -nE '^ +(-., )?--[^ ]+ {2,}(and|by|in|of|so|that|this|to|which|whose|with) |^ +$' "$T/help"
        sed -n '/^Also, with options/,$p' "$T/help" | sed 1d | grep -vE '^  |^$')
    if [ -z "$bad" ]; then echo "ok help of $c"; else echo "FAIL help of $c: $bad"; code=1; fi
done <"$T/all"
for page in "$T"/tripod*.1; do
    if [ "$lint" != cat ]; then
        found=$($lint "$page" 2>&1)
        if [ -z "$found" ]; then echo "ok lint $(basename "$page")"; else echo "FAIL $(basename "$page"): $(head -n 3 <<<"$found")"; code=1; fi
    else
        [ -s "$page" ] && echo "ok page $(basename "$page")"
    fi
done
ok "help of a sub-command" "$TRIPOD" help bench gemm
shows "its default is the field's" '--models=LIST +Pythia sizes.*'
ok "sub-command --help" "$TRIPOD" bench scan --help
shows "another default for the same option" 'default: 2048'
misuse "help of no command" "'scam' is not a command" "$TRIPOD" help scam
misuse "help of no sub-command" "'gem' is not a command of 'tripod bench'" "$TRIPOD" help bench gem

# Completion, as bash would ask for it.
"$TRIPOD" help --completion >"$T/completion"
complete_line() { # WORDS...: what is offered for the last
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tripod; printf "%s\n" "${COMPREPLY[@]}"' - "$T/completion" "$@"
}
offers() { # NAME WANTED WORDS...
    local name=$1 wanted=$2
    shift 2
    if complete_line "$@" | grep -qx -- "$wanted"; then echo "ok $name"; else echo "FAIL $name: $(complete_line "$@" | head -n 5)"; code=1; fi
}
offers "completes commands" gather tripod ga
offers "completes options" --batch-tokens tripod scan --ba
offers "completes an option's words" onednn tripod scan --gemm on
offers "completes them after =" onednn tripod scan --gemm = on
offers "completes sub-commands" kernels tripod bench ker
offers "completes a sub-command's options" --blas tripod bench gemm --bl

mkdir "$T/root"
ok "make install" make -s -C "$ROOT" B="${B:-build}" install DESTDIR="$T/root" PREFIX=/usr
for f in bin/tripod share/man/man1/tripod.1 share/man/man1/tripod-scan.1 share/bash-completion/completions/tripod; do
    if [ -s "$T/root/usr/$f" ]; then echo "ok installed $f"; else echo "FAIL $f is not installed"; code=1; fi
done
ok "make uninstall" make -s -C "$ROOT" B="${B:-build}" uninstall DESTDIR="$T/root" PREFIX=/usr
if [ -z "$(find "$T/root" -type f)" ]; then echo "ok nothing is left"; else echo "FAIL left: $(find "$T/root" -type f)"; code=1; fi
exit $code
