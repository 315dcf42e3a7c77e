#!/bin/sh
# figures.sh DEMO_OUT FOLDER: the README's two figures from what `make demo` left in DEMO_OUT, and what they hang on beside the
# suite: the text and gnuplot. `make figures` writes them here. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
tripod=${TRIPOD:-./tripod}
"$tripod" plot "$1/losses/points.csv" -o "$2/points.svg" >/dev/null
"$tripod" plot "$1/law.json" "$1/losses/points.csv" -o "$2/law.svg" >/dev/null
{
    gnuplot --version
    find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort | xargs cat | sha256sum
} >"$2/figures.txt"
