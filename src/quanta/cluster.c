/* cluster.c - see cluster.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/cluster.h"

#include <inttypes.h>
#include <stdlib.h>

#include "src/base/progress.h"
#include "src/quanta/cluster_qr.h"
#include "src/quanta/kmeans.h"
#include "src/quanta/silhouette.h"

static int make(struct clustering *r, size_t n, size_t kinds, const char *name, struct err *e)
{
    *r = (struct clustering){.n = n, .kinds = kinds};
    r->labels = malloc(kinds * n * sizeof *r->labels);
    r->kind = calloc(kinds, sizeof *r->kind);
    if (r->labels && r->kind) return 0;
    clustering_free(r);
    return err_memory(e, name);
}

void clustering_free(struct clustering *r)
{
    free(r->labels);
    free(r->kind);
    *r = (struct clustering){.n = 0};
}

static int describe(struct clustering *r, size_t kind, struct err *e)
{
    struct cluster_kind *k = &r->kind[kind];
    size_t *size = calloc(k->clusters, sizeof *size);
    if (!size) return err_memory(e, NULL);
    for (size_t i = 0; i < r->n; i++) size[r->labels[kind * r->n + i]]++;
    k->smallest = SIZE_MAX;
    for (size_t c = 0; c < k->clusters; c++) {
        if (!size[c]) continue;
        k->filled++;
        k->single += size[c] == 1;
        if (size[c] > k->largest) k->largest = size[c];
        if (size[c] < k->smallest) k->smallest = size[c];
    }
    free(size);
    return 0;
}

/* --- making them --- */

static int by_kmeans(struct clustering *r, const struct spectral *s,
                     const struct cluster_request *q, struct err *e)
{
    struct kmeans_points points;
    if (kmeans_points_open(&points, s->n, e)) return -1;
    int status = 0;
    progress_begin("k-means", "restarts", q->kinds * q->restarts);
    for (size_t i = 0; i < q->kinds && !status; i++) {
        const struct kmeans_options o = {.clusters = q->clusters[i],
                                         .restarts = q->restarts,
                                         .most = 300,
                                         .tolerance = 1e-4,
                                         .seed = q->seed};
        struct kmeans found;
        status = kmeans_points_set(&points, s->vectors, o.clusters, q->kernels, e) ||
                 kmeans_run(&found, &points, &o, e);
        if (status) break;
        memcpy(r->labels + i * s->n, found.label, s->n * sizeof *found.label);
        r->kind[i].inertia = found.inertia;
        r->kind[i].agreement = found.agreement;
        r->kind[i].steps = found.steps;
        kmeans_free(&found);
    }
    progress_end();
    kmeans_points_close(&points);
    return status ? -1 : 0;
}

static int by_qr(struct clustering *r, const struct spectral *s, const struct cluster_request *q,
                 struct err *e)
{
    for (size_t i = 0; i < q->kinds; i++) {
        r->kind[i].inertia = r->kind[i].agreement = NAN;
        if (cluster_qr(r->labels + i * s->n, s, q->clusters[i], e)) return -1;
    }
    return 0;
}

static int embed(struct spectral *s, const struct affinity *a, const struct cluster_request *q,
                 struct err *e)
{
    size_t most = 0;
    for (size_t i = 0; i < q->kinds; i++) most = q->clusters[i] > most ? q->clusters[i] : most;
    progress_wait("%zu eigenvectors of %zu samples", most, a->n);
    int status = spectral_make(s, a, most, e);
    progress_end();
    if (!status && q->vectors && spectral_write(s, q->vectors, e)) {
        spectral_free(s);
        status = -1;
    }
    return status;
}

int cluster_run(struct clustering *r, const struct affinity *a, const struct cluster_request *q,
                struct err *e)
{
    struct spectral s;
    if (make(r, a->n, q->kinds, a->name, e)) return -1;
    double *silhouette = malloc(q->kinds * sizeof *silhouette);
    int status = silhouette ? embed(&s, a, q, e) : err_memory(e, a->name);
    if (!status) {
        status = q->method == CLUSTER_QR ? by_qr(r, &s, q, e) : by_kmeans(r, &s, q, e);
        spectral_free(&s);
    }
    if (!status) status = silhouettes(silhouette, r->labels, q->clusters, q->kinds, a, e);
    for (size_t i = 0; i < q->kinds && !status; i++) {
        r->kind[i].clusters = q->clusters[i];
        r->kind[i].silhouette = silhouette[i];
        status = describe(r, i, e);
    }
    free(silhouette);
    if (status) clustering_free(r);
    return status;
}

/* --- their file --- */

int clustering_write(const struct clustering *r, const char *path, struct err *e)
{
    return npy_save(path, "<i4", r->kinds, r->n, r->labels, r->kinds * r->n * sizeof *r->labels, e);
}

static int64_t label_at(const struct npy *a, size_t i)
{
    int64_t wide;
    int32_t narrow;
    if (a->width == 8) {
        memcpy(&wide, (const char *)a->data + 8 * i, 8);
        return wide;
    }
    memcpy(&narrow, (const char *)a->data + 4 * i, 4);
    return narrow;
}

static int take_labels(struct clustering *r, const struct npy *a, const char *path, struct err *e)
{
    for (size_t k = 0; k < r->kinds; k++) {
        for (size_t i = 0; i < r->n; i++) {
            const int64_t label = label_at(a, k * r->n + i);
            if (label < 0 || (uint64_t)label >= r->n)
                return err_set(e,
                               "%s: row %zu, column %zu: expected a label 0 to %zu, found %" PRId64,
                               path, k, i, r->n - 1, label);
            r->labels[k * r->n + i] = (int32_t)label;
            if ((size_t)label + 1 > r->kind[k].clusters) r->kind[k].clusters = (size_t)label + 1;
        }
        if (describe(r, k, e)) return -1;
    }
    return 0;
}

int clustering_read(struct clustering *r, const char *path, struct err *e)
{
    struct npy a;
    *r = (struct clustering){.n = 0};
    if (npy_open(&a, path, e)) return -1;
    int status;
    const uint64_t n = a.columns ? a.columns : a.rows, kinds = a.columns ? a.rows : 1;
    if (a.descr[1] != 'i' || a.width < 4)
        status = err_set(e, "%s: expected labels of type int32, found type %s", path, a.descr);
    else if (!n || !kinds || n > INT32_MAX)
        status = err_set(e, "%s: expected a row of labels for each number of clusters, found none",
                         path);
    else
        status = make(r, (size_t)n, (size_t)kinds, path, e);
    if (!status && take_labels(r, &a, path, e)) {
        clustering_free(r);
        status = -1;
    }
    npy_close(&a);
    return status;
}

/* --- ranks --- */

struct ranked {
    size_t cluster, size, first;
};

static int larger(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Clusters from the largest down; NULL: out of memory. */
static struct ranked *ranks(const struct clustering *r, size_t kind, struct err *e)
{
    const size_t k = r->kind[kind].clusters;
    struct ranked *all = malloc(k * sizeof *all);
    if (!all) {
        err_memory(e, NULL);
        return NULL;
    }
    for (size_t c = 0; c < k; c++) all[c] = (struct ranked){c, 0, r->n + c};
    for (size_t i = 0; i < r->n; i++) {
        struct ranked *c = &all[r->labels[kind * r->n + i]];
        if (!c->size++) c->first = i;
    }
    qsort(all, k, sizeof *all, larger);
    return all;
}

int clustering_ranks(const struct clustering *r, size_t kind, size_t *size, size_t *order,
                     struct err *e)
{
    struct ranked *all = ranks(r, kind, e);
    if (!all) return -1;
    for (size_t c = 0; c < r->kind[kind].clusters; c++) {
        size[all[c].cluster] = all[c].size;
        order[c] = all[c].cluster;
    }
    free(all);
    return 0;
}

size_t *clustering_sizes(const struct clustering *r, size_t kind, struct err *e)
{
    const size_t k = r->kind[kind].clusters;
    struct ranked *all = ranks(r, kind, e);
    size_t *size = all ? malloc(k * sizeof *size) : NULL;
    if (all && !size) err_memory(e, NULL);
    for (size_t c = 0; c < k && size; c++) size[c] = all[c].size;
    free(all);
    return size;
}
