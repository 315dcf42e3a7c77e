/* compare.c - see compare.h.
 *
 * Tensors of one name and shape are stored in one order (FORMAT.md), so the numbers are compared as
 * they lie in the files, panels and all: rows added to fill a panel are zero in both. (Of models
 * that differ in their heads, query_key_value is in two orders; they have little to compare.)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/progress.h"

enum {
    PIECE = 4096,               /* elements widened at a time */
    CHUNK = 16 * PIECE,         /* elements summed as one, the share of a thread */
    CHUNKS = (4 << 20) / CHUNK, /* between two times pages are let go of */
};

uint64_t flat_tensor_hash(const struct flat_tensor *t)
{
    uint64_t rest[] = {t->xxh3, t->rows, t->columns, t->dtype, t->layout};
    return XXH3_64bits_withSeed(rest, sizeof rest, XXH3_64bits(t->name, strlen(t->name)));
}

uint64_t flat_weights_hash(const struct flat_model *m)
{
    if (m->packed) return m->packed_of;
    XXH3_state_t *s = XXH3_createState();
    XXH3_64bits_reset(s);
    for (size_t i = 0; i < m->tensor_count; i++) {
        const struct flat_tensor *t = &m->tensors[i];
        XXH3_64bits_update(s, t->name, strlen(t->name));
        XXH3_64bits_update(s, &t->xxh3, sizeof t->xxh3);
    }
    const struct neox_config *c = &m->config; /* what the tensors' shapes do not say */
    double rest[] = {(double)c->heads, (double)c->rotary, c->rope_theta, c->layer_norm_eps,
                     c->parallel_residual};
    XXH3_64bits_update(s, rest, sizeof rest);
    const uint64_t scores[] = {c->unscaled_scores, c->window, c->local};
    if (c->unscaled_scores || c->window) XXH3_64bits_update(s, scores, sizeof scores);
    uint64_t hash = XXH3_64bits_digest(s);
    XXH3_freeState(s);
    return hash;
}

static size_t stored(const struct flat_tensor *t)
{
    return t->bytes / simd_dtype_bytes(t->dtype);
}

bool flat_tensor_constant(const struct flat_tensor *t)
{
    const uint8_t *data = t->data;
    size_t width = simd_dtype_bytes(t->dtype), panel = SIMD_PANEL * t->columns;
    for (size_t i = 0; i < stored(t); i++) {
        bool padding =
            t->layout == FLAT_PANELS && i / panel * SIMD_PANEL + i % SIMD_PANEL >= t->rows;
        if (!padding && memcmp(data + i * width, data, width)) return false;
    }
    return true;
}

/* --- number by number --- */

double flat_difference_relative(const struct flat_difference *d)
{
    return d->squares == 0 ? 0 : sqrt(d->squares / d->squares_a);
}

static void add(struct flat_difference *to, const struct flat_difference *d)
{
    to->elements += d->elements;
    to->differing += d->differing;
    to->largest = fmax(to->largest, d->largest);
    to->squares += d->squares;
    to->squares_a += d->squares_a;
}

/* N elements from AT on, as float32. */
static void widen(float *out, const struct flat_tensor *t, size_t at, size_t n,
                  const struct kernels *k)
{
    if (t->dtype == SIMD_F32)
        memcpy(out, (const float *)t->data + at, n * sizeof *out);
    else
        (t->dtype == SIMD_F16 ? k->f16_to_f32 : k->bf16_to_f32)(out, (const uint16_t *)t->data + at,
                                                                n);
}

static void compare_piece(struct flat_difference *d, const float *a, const float *b, size_t n)
{
    double squares = 0, squares_a = 0, largest = 0;
    uint64_t differing = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits_a, bits_b;
        memcpy(&bits_a, &a[i], sizeof bits_a);
        memcpy(&bits_b, &b[i], sizeof bits_b);
        double x = (double)a[i], apart = fabs(x - (double)b[i]);
        differing += bits_a != bits_b;
        largest = apart > largest ? apart : largest;
        squares += apart * apart;
        squares_a += x * x;
    }
    add(d, &(struct flat_difference){NULL, NULL, 0, differing, largest, squares, squares_a});
}

static void compare_chunk(struct flat_difference *d, size_t at, size_t n, const struct kernels *k)
{
    float a[PIECE], b[PIECE];
    const struct flat_tensor *ta = d->a, *tb = d->b;
    for (size_t some; n; at += some, n -= some) {
        some = n < PIECE ? n : PIECE;
        widen(a, ta, at, some, k);
        if (tb == ta)
            memcpy(b, a, some * sizeof *b);
        else
            widen(b, tb, at, some, k);
        compare_piece(d, a, b, some);
    }
}

/* Lets go of what has been read of a mapped file: resident memory stays small. */
static void drop_pages(const struct flat_model *m, const struct flat_tensor *t, size_t at, size_t n)
{
    size_t width = simd_dtype_bytes(t->dtype);
    if (m->map.data) map_drop((const uint8_t *)t->data + at * width, n * width);
}

/* Chunks are added in order, so that sums do not depend on threads. */
static void compare_tensor(struct flat_difference *d, const struct flat_model *a,
                           const struct flat_model *b)
{
    bool same = flat_tensor_hash(d->a) == flat_tensor_hash(d->b);
    size_t n = stored(d->a);
    const struct kernels *k = simd_best(); /* asks the CPU: slow under a hypervisor */
    for (size_t at = 0, some; at < n; at += some) {
        struct flat_difference parts[CHUNKS];
        some = n - at < (size_t)CHUNKS * CHUNK ? n - at : (size_t)CHUNKS * CHUNK;
        size_t chunks = (some + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < chunks; i++) {
            parts[i] = (struct flat_difference){.a = d->a, .b = same ? d->a : d->b};
            compare_chunk(&parts[i], at + i * CHUNK,
                          some - i * CHUNK < CHUNK ? some - i * CHUNK : CHUNK, k);
        }
        for (size_t i = 0; i < chunks; i++) add(d, &parts[i]);
        drop_pages(a, d->a, at, some);
        drop_pages(b, d->b, at, some);
        progress_add(some * simd_dtype_bytes(d->a->dtype));
    }
    d->elements = (uint64_t)d->a->rows * d->a->columns;
}

int flat_compare(struct flat_comparison *c, const struct flat_model *a, const struct flat_model *b,
                 struct err *e)
{
    *c = (struct flat_comparison){0};
    if (a->packed || b->packed)
        return err_set(e, "%s: its weights are packed 16-bit integers, which are not compared",
                       a->packed ? a->path : b->path);
    c->tensors = calloc(a->tensor_count + b->tensor_count, sizeof *c->tensors);
    if (!c->tensors) return err_memory(e, b->path);
    for (size_t i = 0; i < a->tensor_count; i++) {
        struct flat_difference *d = &c->tensors[c->count++];
        d->a = &a->tensors[i];
        d->b = flat_find(b, d->a->name);
        if (!d->b) {
            c->only_a++;
        } else if (d->b->rows != d->a->rows || d->b->columns != d->a->columns) {
            c->shapes++;
        } else {
            compare_tensor(d, a, b);
            if (d->differing)
                c->differing++;
            else
                c->equal++;
            add(&c->total, d);
        }
    }
    for (size_t i = 0; i < b->tensor_count; i++) {
        if (flat_find(a, b->tensors[i].name)) continue;
        c->tensors[c->count++].b = &b->tensors[i];
        c->only_b++;
    }
    return 0;
}

void flat_comparison_free(struct flat_comparison *c)
{
    free(c->tensors);
    *c = (struct flat_comparison){0};
}
