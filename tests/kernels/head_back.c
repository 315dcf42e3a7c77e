/* head_back.c - checks of one row's loss head with its gradient.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/products.h"

#include <math.h>

/* The gradient with respect to the logits, in double, from logits as the contract has them: rounded
 * but exact to the bit. Returns the greatest. */
static double gradient_of_logits(double *p, const float *logits, size_t n, size_t target)
{
    double most = -INFINITY, others = 0;
    for (size_t v = 0; v < n; v++) most = fmax(most, (double)logits[v]);
    for (size_t v = 0; v < n; v++) {
        p[v] = exp((double)logits[v] - most);
        if (v != target) others += p[v];
    }
    const double all = others + p[target];
    for (size_t v = 0; v < n; v++) p[v] /= all;
    p[target] = -others / all;
    return most;
}

/* Units of a probability's error: those of exp and its scale, and that of its argument's rounding. */
static double weight_units(double logit, double most)
{
    return 8 + 2 * (most - logit);
}

static void run_head_back(size_t vocabulary, size_t k, enum simd_dtype dtype, float size,
                          bool at_end)
{
    const size_t room = (vocabulary + 15) / 16 * 16, blocks = (vocabulary + 255) / 256;
    struct strips x = guarded_strips(1, k, at_end);
    float *w, *logits = guarded(vocabulary * sizeof *logits, true);
    double *p = guarded(vocabulary * sizeof *p, true);
    struct panels panels = make_weights(&w, vocabulary, k, dtype, size, at_end);
    void *scratch = guarded((simd_scratch_bytes() + 63) / 64 * 64, at_end);
    uint32_t target = (uint32_t)random_below(vocabulary);
    for (size_t c = 0; c < k; c++) x.data[c] = random_between(-3, 3);
    for (size_t v = 0; v < vocabulary; v++) logits[v] = chain(x, 0, w + v * k, k);
    /* Half of the time the target is the greatest: that is where 1 - p loses its digits. */
    const bool easy = random_below(2);
    for (size_t v = 0; v < vocabulary && easy; v++)
        if (logits[v] > logits[target]) target = (uint32_t)v;
    const double most = gradient_of_logits(p, logits, vocabulary, target);
    describe("vocabulary %zu, width %zu, dtype %d, weights of %g", vocabulary, k, (int)dtype,
             (double)size);
    float *first = guarded(room * sizeof *first, true),
          *first_dx = guarded(k * sizeof *first, true);
    for (int t = 0; t < tables; t++) {
        float *dlogits = t ? guarded(room * sizeof *dlogits, at_end) : first;
        struct strips dx = guarded_strips(1, k, at_end);
        float loss = 0, same_loss;
        CALL(t, 4.0 * (double)vocabulary * (double)k,
             (double)(panels_size(vocabulary, k) * simd_dtype_bytes(dtype)),
             loss = table[t]->head_back(dx.data, dlogits, x.data, panels, target, scratch));
        if (bench) continue;
        table[t]->head(&same_loss, x, 1, panels, &target, scratch);
        expect_same(t, &loss, &same_loss, 1, "head");
        expect_same(t, dlogits, first, vocabulary, "the first table");
        for (size_t c = 0; c < k; c++) {
            if (!t) first_dx[c] = dx.data[c];
            if (t) expect_same(t, &dx.data[c], &first_dx[c], 1, "the first table");
        }
        for (size_t v = 0; v < vocabulary && !t; v++) {
            /* The target's is a sum of the others: as bad as the worst of those that count. */
            double units = weight_units(v == target ? most - 20 : (double)logits[v], most);
            expect_close(t, (double)dlogits[v], p[v], units * UNIT * fabs(p[v]) + 0x1p-126,
                         fabs(p[v]));
        }
        for (size_t c = 0; c < k && !t; c++) {
            double sum = 0, magnitude = 0, bound = 0;
            for (size_t v = 0; v < vocabulary; v++) {
                const double term = p[v] * (double)w[v * k + c];
                sum += term;
                magnitude += fabs(term);
                bound +=
                    fabs(term) * weight_units(v == target ? most - 20 : (double)logits[v], most);
            }
            bound += (chain_units(256) + 2 * (double)blocks) * magnitude;
            expect_close(t, (double)dx.data[c], sum, 1.01 * UNIT * bound + 0x1p-126, magnitude);
        }
    }
    release();
}

void check_head_back(void)
{
    if (bench) {
        run_head_back(50304, 512, SIMD_F16, 0.1f, true);
        return;
    }
    static const size_t vocabulary[] = {1,   2,   15,  17,  31,  32,   33,
                                        255, 256, 257, 511, 513, 2048, 3000};
    for (size_t i = 0; i < 3 * sizeof vocabulary / sizeof vocabulary[0]; i++)
        run_head_back(vocabulary[i / 3], 1 + random_below(300), (enum simd_dtype)(i % 3),
                      i % 2 ? 0.05f : 1, i / 3 % 2);
}
