#!/bin/sh
# Installs the Debian packages that are missing: what the program, the demo and the tests need; with "clang" as argument, also
# what fuzzing and the second compiler need, and the browser that pages are tested in (a tenth of a GB: that test is skipped without).
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
packages="gcc libc6-dev make libdnnl-dev liblapacke-dev libopenblas0 libgsl-dev libzstd-dev libjansson-dev libutf8proc-dev zlib1g-dev
libxxhash-dev libcsv-dev nettle-dev gnuplot-nox libcmocka-dev mandoc python3 python3-numpy zstd slurm-wlm munge"
if [ "${1:-}" = clang ]; then packages="$packages clang libclang-rt-14-dev libomp-dev chromium"; fi
missing=
for p in $packages; do
    dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=
if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
