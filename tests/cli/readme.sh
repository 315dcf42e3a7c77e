# Every command and long option that README.md and the pages it links to show exists, and so does every file they link to.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
pages="$ROOT/README.md $(grep -oE '\]\([a-z/]+README.md\)' "$ROOT/README.md" | sed "s|](|$ROOT/|; s|)||" | sort -u)"
check "the README links to pages" "$pages" test "$(echo $pages | wc -w)" -ge 7
for page in $pages; do
    for link in $(grep -oE '\]\([^)#:]+' "$page" 2>&1 | cut -c 3-); do
        [ "$link" = https ] && continue
        check "$(basename "$(dirname "$page")"): $link is there" "it is not" test -e "$(dirname "$page")/$link"
    done
done
# shellcheck disable=SC2086
grep -hoE '^    tripod [a-z]+.*' $pages | sed 's/#.*//' >"$T/lines"
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
