/* parity.c - the perceptron on bits, 16 hidden units at a time: sums looked up by four bits on the way
 * forward, gradients scattered by four bits on the way back.
 *
 * A block's table has 16 sums of 16 lanes for each group: 26 KB for 100 bits, so that it stays in L1
 * while all samples pass by. At 100 bits a sample costs 26 additions of a word each way, where plain
 * products are 100 FMAs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/isa/kernels_internal.h"
#include "simd/isa/math.h"

enum {
    L = SIMD_LANES,
    SUMS = 16,              /* of four bits */
    GROUP = (SUMS + 1) * L, /* floats of a group's sums */
    QUAD = 4, /* samples at once: one chain of additions alone would wait for itself */
};

/* Where a sample's sum of the group is. */
V_WORD size_t sum_at(uint8_t nibble, size_t g)
{
    return g * GROUP + (size_t)nibble * (L / 8);
}
V_WORD void add_to(float *sum, vf x)
{
    v_store(sum, v_add(v_load(sum), x));
}

/* Rows of a block. */
struct rows {
    const float *bits, *tasks, *bias, *out0, *out1;
};
V_WORD struct rows rows_of(const float *block, const struct parity_samples *s)
{
    const float *tasks = block + 4 * s->groups * L, *bias = tasks + s->tasks * L;
    return (struct rows){block, tasks, bias, bias + L, bias + 2 * L};
}

static void make_sums(float *sums, const struct rows *r, size_t groups)
{
    for (size_t g = 0; g < groups; g++, sums += GROUP) {
        v_store(sums, g ? v_zero() : v_load(r->bias));
        for (size_t i = 1; i < SUMS; i++) {
            const size_t bit = (size_t)__builtin_ctz((unsigned)i);
            v_store(sums + i * L,
                    v_add(v_load(sums + (i & (i - 1)) * L), v_load(r->bits + (4 * g + bit) * L)));
        }
    }
}

void K(parity_forward)(float *z, uint16_t *positive, const struct parity_samples *s,
                       const float *block)
{
    _Alignas(64) float sums[PARITY_GROUPS * GROUP];
    const struct rows r = rows_of(block, s);
    const vf out = v_sub(v_load(r.out1), v_load(r.out0));
    make_sums(sums, &r, s->groups);
    for (size_t i = 0; i < s->n; i += L) {
        vf part[L];
        for (size_t q = 0; q < L; q += QUAD) {
            const uint8_t *nibbles = s->nibbles + (i + q) * PARITY_GROUPS;
            vf h[QUAD];
            V_FOR (k, QUAD) h[k] = v_load(r.tasks + s->task[i + q + (size_t)k] * (size_t)L);
            for (size_t g = 0; g < s->groups; g++)
                V_FOR (k, QUAD)
                    h[k] = v_add(h[k],
                                 v_load(sums + sum_at(nibbles[(size_t)k * PARITY_GROUPS + g], g)));
            V_FOR (k, QUAD) {
                if (positive) positive[i + q + (size_t)k] = (uint16_t)v_less(v_zero(), h[k]);
                part[q + (size_t)k] = v_mul(v_max(h[k], v_zero()), out);
            }
        }
        /* v_sum's tree, of 16 samples at once */
        v_transpose(part);
        for (int half = L / 2; half; half /= 2)
            for (int k = 0; k < half; k++) part[k] = v_add(part[k], part[k + half]);
        v_store(z + i, v_add(v_load(z + i), part[0]));
    }
}

void K(parity_backward)(float *g, const struct parity_samples *s, const float *e,
                        const uint16_t *positive, const float *block, float scale)
{
    _Alignas(64) float sums[PARITY_GROUPS * GROUP];
    const struct rows r = rows_of(block, s);
    float *tasks = g + 4 * s->groups * L, *bias = tasks + s->tasks * L;
    memset(sums, 0, s->groups * GROUP * sizeof *sums);
    memset(tasks, 0, s->tasks * L * sizeof *tasks);
    const size_t n = s->n, groups = s->groups;
    const uint8_t *nibbles = s->nibbles;
    for (size_t i = 0; i < n; i++, nibbles += PARITY_GROUPS) {
        const vf x = v_only(v_set1(e[i]), positive[i]);
        float *at = sums;
        add_to(tasks + s->task[i] * (size_t)L, x);
        size_t k = 0;
        for (; k + QUAD <= groups; k += QUAD, at += QUAD * GROUP)
            V_FOR (j, QUAD) add_to(at + sum_at(nibbles[k + (size_t)j], (size_t)j), x);
        for (; k < groups; k++, at += GROUP) add_to(at + sum_at(nibbles[k], 0), x);
    }
    const vf size = v_set1(scale);
    const vf out = v_mul(size, v_sub(v_load(r.out1), v_load(r.out0)));
    vf slope = v_zero(), all = v_zero();
    for (size_t j = 0; j < 4 * s->groups; j++) {
        const size_t bit = j % 4;
        vf sum = v_zero();
        for (size_t i = 0; i < SUMS; i++)
            if (i >> bit & 1) sum = v_add(sum, v_load(sums + j / 4 * GROUP + i * L));
        slope = v_fma(v_load(r.bits + j * L), sum, slope);
        v_store(g + j * L, v_mul(out, sum));
    }
    for (size_t t = 0; t < s->tasks; t++) {
        const vf sum = v_load(tasks + t * L);
        slope = v_fma(v_load(r.tasks + t * L), sum, slope);
        all = v_add(all, sum);
        v_store(tasks + t * L, v_mul(out, sum));
    }
    slope = v_mul(size, v_fma(v_load(r.bias), all, slope));
    v_store(bias, v_mul(out, all));
    v_store(bias + L, v_sub(v_zero(), slope));
    v_store(bias + 2 * L, slope);
}

/* log(1 + t), 0 <= t <= 1: what rounding took from 1 + t is put right. */
V_WORD vf log1p_word(vf t)
{
    const vf one = v_set1(1.0f), u = v_add(one, t), d = v_sub(u, one);
    return v_select_lt(v_zero(), d, v_mul(m_log(u), v_div(t, d)), t);
}

void K(parity_loss)(float *loss, float *e, const float *z, const uint16_t *labels, size_t n)
{
    const vf one = v_set1(1.0f);
    for (size_t i = 0; i < n; i += L) {
        const size_t there = n - i < L ? n - i : L;
        const uint32_t label = labels[i / L];
        const vf u = v_flip(v_load(z + i), label);
        const vf t = m_exp_negative(v_sub(v_zero(), v_abs(u))), below = v_add(one, t);
        v_store_n(loss + i, v_add(v_max(u, v_zero()), log1p_word(t)), there);
        if (!e) continue;
        const vf s = v_div(v_select_lt(u, v_zero(), t, one), below);
        v_store(e + i, v_keep_n(v_flip(s, label), there, v_zero()));
    }
}

/* Whole words, then one part: the same arithmetic. */
V_WORD vf adamw_word(vf w, vf *m, vf *v, vf g, const struct adamw *a)
{
    *m = v_fma(v_set1(a->rest1), v_sub(g, *m), *m);
    *v = v_fma(v_mul(v_set1(a->rest2), g), g, v_mul(v_set1(a->beta2), *v));
    const vf below = v_fma(v_sqrt(*v), v_set1(a->root), v_set1(a->epsilon));
    return v_fnma(v_set1(a->rate), v_div(*m, below), v_mul(v_set1(a->keep), w));
}

void K(adamw)(float *w, float *m, float *v, const float *g, size_t n, const struct adamw *a)
{
    size_t i = 0;
    for (; i + L <= n; i += L) {
        vf mi = v_load(m + i), vi = v_load(v + i);
        v_store(w + i, adamw_word(v_load(w + i), &mi, &vi, v_load(g + i), a));
        v_store(m + i, mi);
        v_store(v + i, vi);
    }
    if (i == n) return;
    vf mi = v_load_n(m + i, n - i), vi = v_load_n(v + i, n - i);
    v_store_n(w + i, adamw_word(v_load_n(w + i, n - i), &mi, &vi, v_load_n(g + i, n - i), a),
              n - i);
    v_store_n(m + i, mi, n - i);
    v_store_n(v + i, vi, n - i);
}
