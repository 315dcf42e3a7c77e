/* int16.c - the product of 16-bit integers in vector registers. Nothing is widened: panels are copied
 * as they are, from a file's 4 KiB pages to the scratch's large ones.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/int16_micro.h"
#include "simd/isa/kernels_internal.h"
#include "simd/vnni.h"

static void lay(int16_t *b, const int16_t *at, size_t steps)
{
    memcpy(b, at, (steps + 1) / 2 * PAIR_ROW * sizeof *b);
}

V_WORD void strip_by(int16_kernel *kernel, float *t, const struct int16_strip *s, bool add,
                     struct ahead *ahead)
{
    const size_t pairs = (s->steps + 1) / 2;
    for (size_t c = 0; c < s->width; c += NR) {
        const int16_t *b = s->b + c / SIMD_PANEL * PAIRS * PAIR_ROW + c % SIMD_PANEL * 2;
        kernel(s->a, b, pairs, t + c, add, ahead_next(ahead, INT16_AHEAD, s->a));
    }
}

static void strip(float *t, const struct int16_strip *s, bool add, struct ahead *ahead)
{
    strip_by(int16_kernels[0][s->n], t, s, add, ahead);
}

static void strip_vnni(float *t, const struct int16_strip *s, bool add, struct ahead *ahead)
{
    strip_by(int16_kernels[1][s->n], t, s, add, ahead);
}

void K(product_i16)(const struct product *p, size_t row0, size_t rows, size_t n0,
                    const struct product_scratch *scratch)
{
    const struct int16_way way = {MR, lay, simd_vnni(THIS_ISA) ? strip_vnni : strip};
    int16_product(&way, p, row0, rows, n0, scratch);
}
