# tokens find: rows of float32 are sifted by kernels before the rules see them, rows of float64 are not: the same values, awkward
# ones among them, must give the same lists. SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 2
/usr/bin/python3 - <<'P'
import numpy as np
rng = np.random.default_rng(3)
up = lambda x: np.nextafter(np.float32(x), np.float32(99))
for n, c in ((3001, 2), (20011, 7), (2000, 70)):
    x = rng.gamma(0.7, 4.0, n)[:, None] * np.exp(-rng.normal(0.12, 0.1, n)[:, None] * np.arange(c)) * np.exp(0.05 * rng.normal(size=(n, c)))
    steps, lines = rng.random(n) < 0.15, rng.random(n) < 0.15
    before = np.arange(c) < np.where(rng.random(n) < 0.1, 1, rng.integers(1, c, n))[:, None]
    high, low = rng.uniform(2.6, 6, n)[:, None], rng.uniform(0, 2, n)[:, None]
    x[steps] = (np.where(before, high, low) + rng.choice([0.6, 0.705], n)[:, None] * rng.uniform(0, 1, (n, c)))[steps]
    slope = rng.uniform(0.2, 0.9, n)[:, None] * np.arange(c) * np.log(2) * 7 / c
    x[lines] = (rng.uniform(2, 9, n)[:, None] - slope + rng.uniform(0, 0.15, n)[:, None] * rng.normal(size=(n, c)))[lines]
    odd = rng.random((n, c)) < 0.1 / c
    x[odd] = rng.choice([0.3, 5, 2.7, 2, 1.3, 0.7, 0, up(5), up(0.3), np.nan, np.inf, -np.inf, 1e9, 1e30, -5, 1e-40], odd.sum())
    x[:4] = np.where(before[:4], 5, 1)
    x[:4, -1] = (np.inf, 1e30, np.nan, -np.inf) # which once took for ever
    x = x.astype("<f4")
    np.save(f"sift{c}.npy", x)
    np.save(f"plain{c}.npy", x.astype("<f8"))
    open(f"sizes{c}", "w").write(",".join(str(int(1e6 * 2 ** (7 * i / c))) for i in range(c)))
P
# find FORM COLUMNS OPTION...: all lists of a matrix in FORM/, the table in FORM.tsv
find_in() {
    local form=$1 c=$2
    shift 2
    rm -rf "$form"
    (ulimit -t 60; exec "$TRIPOD" tokens find "$form$c.npy" -o "$form" --N "$(cat "sizes$c")" "$@") | sed "s/$form/D/" >"$form.tsv"
}
for c in 2 7 70; do
    for o in "" "--plateau-gap 0.6 --slope -0.05 --r2 0.3 --jump 1 --top 5" "--slope 0.2 --r2 -0.5 --top 0 --zero 2.7 --high 2 --low 1.9"; do
        find_in sift $c $o
        find_in plain $c $o
        if [ -s sift.tsv ] && cmp -s sift.tsv plain.tsv && diff -rq sift plain >/dev/null; then
            echo "ok $c columns $o"
        else
            echo "FAIL $c columns $o: $(diff -rq sift plain 2>&1 | head -n 3)"; code=1
        fi
        for l in plateau-1 polygenic jumps; do
            case "$c $l $o" in *"jumps --slope"* | "2 jumps "*) continue ;; esac
            if [ "$(stat -c %s sift/$l.npy)" -gt 128 ]; then echo "ok $l has rows"; else echo "FAIL $l is empty"; code=1; fi
        done
    done
done
exit $code
