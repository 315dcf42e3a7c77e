# Every command and long option that README.md shows exists.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
grep -oE '^    tripod [a-z]+.*' "$ROOT/README.md" | sed 's/#.*//' >"$T/lines"
while read -r _ command rest; do
    [ "$command" = help ] && continue
    if ! "$TRIPOD" help "$command" >"$T/help" 2>/dev/null; then echo "FAIL readme: no command $command"; code=1; continue; fi
    set -- $rest
    "$TRIPOD" help "$command" "${1:-none}" >"$T/sub" 2>/dev/null && cp "$T/sub" "$T/help"
    for word in $rest; do
        case $word in --*) ;; *) continue ;; esac
        if ! grep -q -- "${word%%=*}\\b" "$T/help"; then echo "FAIL readme: $command has no ${word%%=*}"; code=1; fi
    done
    echo "ok readme: $command $rest"
done <"$T/lines"
[ -s "$T/lines" ] || { echo "FAIL readme: no commands found"; code=1; }
exit $code
