# Who may include whom: the rules are layers.py's, and a forbidden include must turn them red.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 2

if found=$(python3 tests/cli/layers.py . 2>&1); then echo "ok dependencies point one way"; else echo "FAIL dependencies: $found"; code=1; fi

# planted NAME FILE INCLUDE REGEX: a copy of the tree with one more include is refused, for that reason.
planted() {
    rm -rf "$T/tree" && mkdir "$T/tree" && cp -r src simd fit models bench "$T/tree"
    sed -i "1i #include $3" "$T/tree/$2"
    if found=$(python3 tests/cli/layers.py "$T/tree" 2>&1); then
        echo "FAIL $1: nothing was found"; code=1
    elif grep -Eq "$4" <<<"$found"; then echo "ok $1"; else echo "FAIL $1: $found"; code=1; fi
}
planted "fit that sees a model" fit/infer.c '"models/flat/flat.h"' 'fit/infer.c: models/flat/flat.h'
planted "a base that sees the command line" src/base/npy.c '"src/cli.h"' 'src/base/npy.c: src/cli.h'
planted "a scan that sees a report" src/scan/plan.c '"src/report/plot.h"' 'src/scan/plan.c: src/report/plot.h'
planted "a report that sees a command" src/report/plot_page.c '"src/commands.h"' 'src/report/plot_page.c: src/commands.h'
planted "intrinsics outside simd" models/count.c '<immintrin.h>' 'models/count.c: <immintrin.h> belongs to simd'
planted "GSL outside fit" src/scan/plan.c '<gsl/gsl_math.h>' 'gsl_math.h> belongs to fit'
planted "a circle" src/base/err.h '"src/base/file.h"' 'circle: .*src/base/err'
exit $code
