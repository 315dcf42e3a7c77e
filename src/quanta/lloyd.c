/* lloyd.c - see lloyd.h.
 *
 * A centre c of m members has x . c = (sum over members j of x . x_j) / m: rows of the Gram matrix
 * added up, kept for every centre and changed by the points that come and go. That is done strip by
 * strip of 256 points, whose part of all centres stays in cache, and each strip is assigned to its
 * nearest centres at once. Sums over members are in double; which points move decides their order,
 * never who computes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/lloyd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lloyd {
    const struct kmeans_points *p;
    size_t k;
    float *dot;          /* [strips][k][256]: inner products with the sums of members */
    double *sum;         /* [k][d] of members */
    float *half, *scale; /* [k] |centre|^2 / 2, infinite where there are no members; 1 / size */
    uint32_t *size;      /* [k] members */
    int32_t *member;     /* [n] the cluster whose centre a point is part of; -1: none yet */
    int32_t *next;       /* [n] the one it will be part of */
    int32_t *before;     /* [n] labels of the step before */
    size_t *start;       /* [k + 2] of a cluster's moves */
    int32_t *move;       /* [2 n] points that come to a cluster (j) or leave it (~j) */
    uint32_t *count;     /* [k] labels */
    double *row;         /* [d] */
    struct far *far;     /* [n] */
};

struct far {
    double distance;
    size_t point;
};

struct lloyd *lloyd_open(const struct kmeans_points *p, size_t k)
{
    struct lloyd *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    *l = (struct lloyd){.p = p, .k = k};
    l->dot = simd_alloc(kmeans_strips(p) * k * SIMD_STRIP * sizeof *l->dot);
    l->sum = malloc(k * p->d * sizeof *l->sum);
    l->half = malloc(k * sizeof *l->half);
    l->scale = malloc(k * sizeof *l->scale);
    l->size = malloc(k * sizeof *l->size);
    l->member = malloc(p->n * sizeof *l->member);
    l->next = malloc(p->n * sizeof *l->next);
    l->before = malloc(p->n * sizeof *l->before);
    l->start = malloc((k + 2) * sizeof *l->start);
    l->move = malloc(2 * p->n * sizeof *l->move);
    l->count = malloc(k * sizeof *l->count);
    l->row = malloc(p->d * sizeof *l->row);
    l->far = malloc(p->n * sizeof *l->far);
    if (l->dot && l->sum && l->half && l->scale && l->size && l->member && l->next && l->before &&
        l->start && l->move && l->count && l->row && l->far)
        return l;
    lloyd_close(l);
    return NULL;
}

void lloyd_close(struct lloyd *l)
{
    if (!l) return;
    if (l->dot) simd_free(l->dot, kmeans_strips(l->p) * l->k * SIMD_STRIP * sizeof *l->dot);
    free(l->sum);
    free(l->half);
    free(l->scale);
    free(l->size);
    free(l->member);
    free(l->next);
    free(l->before);
    free(l->start);
    free(l->move);
    free(l->count);
    free(l->row);
    free(l->far);
    free(l);
}

/* --- the centres --- */

/* Lists the points that come and go, cluster by cluster, in the order of points. */
static void list_moves(struct lloyd *l)
{
    const size_t n = l->p->n;
    size_t *end = l->start + 1; /* of the cluster before, while they are filled */
    memset(l->start, 0, (l->k + 2) * sizeof *l->start);
    for (size_t j = 0; j < n; j++) {
        if (l->member[j] == l->next[j]) continue;
        if (l->member[j] >= 0) l->start[l->member[j] + 2]++;
        if (l->next[j] >= 0) l->start[l->next[j] + 2]++;
    }
    for (size_t c = 0; c < l->k; c++) l->start[c + 2] += l->start[c + 1];
    for (size_t j = 0; j < n; j++) {
        if (l->member[j] == l->next[j]) continue;
        if (l->member[j] >= 0) l->move[end[l->member[j]]++] = ~(int32_t)j;
        if (l->next[j] >= 0) l->move[end[l->next[j]]++] = (int32_t)j;
        l->member[j] = l->next[j];
    }
}

/* SUM += or -= V [n]. */
static void add(double *restrict sum, const float *restrict v, size_t n, bool subtract)
{
    if (subtract) {
#pragma omp simd
        for (size_t i = 0; i < n; i++) sum[i] -= (double)v[i];
    } else {
#pragma omp simd
        for (size_t i = 0; i < n; i++) sum[i] += (double)v[i];
    }
}

/* Cluster C's sum and size after its moves; returns the squared movement of its centre. */
static double move_centre(struct lloyd *l, size_t c)
{
    const size_t d = l->p->d;
    const double before = l->size[c] ? 1.0 / l->size[c] : 0;
    double *sum = l->sum + c * d, moved = 0, square = 0;
    memcpy(l->row, sum, d * sizeof *sum);
    for (size_t m = l->start[c]; m < l->start[c + 1]; m++) {
        const int32_t j = l->move[m];
        l->size[c] += j < 0 ? (uint32_t)-1 : 1;
        add(sum, l->p->x + (size_t)(j < 0 ? ~j : j) * d, d, j < 0);
    }
    if (!l->size[c]) memset(sum, 0, d * sizeof *sum);
    const double after = l->size[c] ? 1.0 / l->size[c] : 0;
    for (size_t f = 0; f < d; f++) {
        const double new = after *sum[f], by = new - before * l->row[f];
        moved += by * by;
        square += new *new;
    }
    l->scale[c] = (float)after;
    l->half[c] = l->size[c] ? (float)(square / 2) : INFINITY;
    return moved;
}

/* All points to where `next` says; returns the centres' squared movement. */
static double move_centres(struct lloyd *l)
{
    double moved = 0;
    list_moves(l);
    for (size_t c = 0; c < l->k; c++) {
        if (l->start[c] < l->start[c + 1]) moved += move_centre(l, c);
    }
    return moved;
}

/* --- nearest centres --- */

/* Brings the inner products of strip S's points with cluster C's sum up to date. */
static void move_dots(struct lloyd *l, size_t s, size_t c)
{
    float *dot = l->dot + (s * l->k + c) * SIMD_STRIP;
    double sum[SIMD_STRIP];
    for (size_t i = 0; i < SIMD_STRIP; i++) sum[i] = (double)dot[i];
    for (size_t m = l->start[c]; m < l->start[c + 1]; m++) {
        const int32_t j = l->move[m];
        add(sum, strip_at(l->p->gram, (size_t)(j < 0 ? ~j : j), s * SIMD_STRIP), SIMD_STRIP, j < 0);
    }
    for (size_t i = 0; i < SIMD_STRIP; i++) dot[i] = l->size[c] ? (float)sum[i] : 0;
}

/* LABEL = the nearest centre of every point, the first of equal ones: the least |c|^2 / 2 - x . c. */
static void assign(struct lloyd *l, int32_t *label)
{
    for (size_t s = 0; s < kmeans_strips(l->p); s++) {
        const size_t at = s * SIMD_STRIP, left = l->p->n - at;
        float best[SIMD_STRIP];
        int32_t which[SIMD_STRIP] = {0};
        for (size_t i = 0; i < SIMD_STRIP; i++) best[i] = INFINITY;
        for (size_t c = 0; c < l->k; c++) {
            if (l->start[c] < l->start[c + 1]) move_dots(l, s, c);
            const float *restrict dot = l->dot + (s * l->k + c) * SIMD_STRIP;
            const float half = l->half[c], scale = l->scale[c];
#pragma omp simd
            for (size_t i = 0; i < SIMD_STRIP; i++) {
                const float v = half - scale * dot[i];
                which[i] = v < best[i] ? (int32_t)c : which[i];
                best[i] = v < best[i] ? v : best[i];
            }
        }
        memcpy(label + at, which, (left < SIMD_STRIP ? left : SIMD_STRIP) * sizeof *label);
    }
    memset(l->start, 0, (l->k + 2) * sizeof *l->start); /* done */
}

static double squared_distance(const struct lloyd *l, size_t point, size_t c)
{
    const size_t d = l->p->d;
    const float *x = l->p->x + point * d;
    const double *sum = l->sum + c * d, scale = l->size[c] ? 1.0 / l->size[c] : 0;
    double lane[4] = {0};
    size_t f = 0;
    for (; f + 4 <= d; f += 4) {
        for (size_t i = 0; i < 4; i++) {
            const double by = (double)x[f + i] - scale * sum[f + i];
            lane[i] += by * by;
        }
    }
    for (; f < d; f++) {
        const double by = (double)x[f] - scale * sum[f];
        lane[0] += by * by;
    }
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static int farther(const void *a, const void *b)
{
    const struct far *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? 1 : -1;
    return x->point < y->point ? -1 : 1;
}

/* Where points go next: where their labels say, but each cluster that no label names takes one of
 * the points farthest from their centres (unless all points sit on theirs). */
static void choose(struct lloyd *l, const int32_t *label)
{
    const size_t n = l->p->n;
    size_t empty = 0, taken = 0;
    memcpy(l->next, label, n * sizeof *label);
    memset(l->count, 0, l->k * sizeof *l->count);
    for (size_t j = 0; j < n; j++) l->count[label[j]]++;
    for (size_t c = 0; c < l->k; c++) empty += !l->count[c];
    if (!empty) return;
    for (size_t j = 0; j < n; j++)
        l->far[j] = (struct far){squared_distance(l, j, (size_t)label[j]), j};
    qsort(l->far, n, sizeof *l->far, farther);
    for (size_t c = 0; c < l->k && l->far[0].distance > 0; c++) {
        if (!l->count[c]) l->next[l->far[taken++].point] = (int32_t)c;
    }
}

/* --- a restart --- */

double lloyd_run(struct lloyd *l, const size_t *seeds, const struct kmeans_options *o,
                 int32_t *label, size_t *steps)
{
    const size_t n = l->p->n;
    bool still = false;
    double inertia = 0;
    memset(l->dot, 0, kmeans_strips(l->p) * l->k * SIMD_STRIP * sizeof *l->dot);
    memset(l->sum, 0, l->k * l->p->d * sizeof *l->sum);
    memset(l->size, 0, l->k * sizeof *l->size);
    for (size_t c = 0; c < l->k; c++) l->half[c] = INFINITY;
    for (size_t j = 0; j < n; j++) l->member[j] = l->next[j] = l->before[j] = -1;
    /* Of equal seeds the first has the point, as it would win it. */
    for (size_t c = l->k; c-- > 0;) l->next[seeds[c]] = (int32_t)c;
    move_centres(l);
    for (*steps = 0; *steps < o->most && !still;) {
        assign(l, label);
        choose(l, label);
        const double moved = move_centres(l);
        (*steps)++;
        still = !memcmp(label, l->before, n * sizeof *label);
        if (!still && moved <= o->tolerance * l->p->variance) break;
        memcpy(l->before, label, n * sizeof *label);
    }
    if (!still) assign(l, label);
    for (size_t j = 0; j < n; j++) inertia += squared_distance(l, j, (size_t)label[j]);
    return inertia;
}
