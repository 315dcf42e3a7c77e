/* report_clusters.c - see report_clusters.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_clusters.h"

#include <stdlib.h>

#include "src/base/json.h"

static const char *distance_name(const struct affinity *a)
{
    return a->kind == AFFINITY_ANGULAR ? "arccos(c) / pi" : "largest affinity - affinity";
}

void report_clusters(struct sheet *s, const struct clustering *r, const struct affinity *a,
                     const struct cluster_request *q)
{
    static const struct column columns[] = {
        {.name = "clusters", .unit = TABLE_EXACT},
        {.name = "largest", .unit = TABLE_EXACT},
        {.name = "smallest", .unit = TABLE_EXACT},
        {.name = "single", .unit = TABLE_EXACT, .head = "of one"},
        {.name = "silhouette", .format = "%.6f"},
        {.name = "stability", .format = "%.6f", .head = "stability (ARI)"},
        {.name = "inertia", .format = "%.9g"},
        {.name = "steps", .unit = TABLE_EXACT, .flags = TABLE_DETAIL}};
    sheet_remark(s, "%s: %zu samples; silhouette: mean over samples, distance %s", a->name, r->n,
                 distance_name(a));
    if (q->method == CLUSTER_KMEANS && q->restarts > 1)
        sheet_remark(s,
                     "stability: agreement (adjusted Rand index) of the best of every second of "
                     "the %zu restarts with the best of the others",
                     q->restarts);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < r->kinds; i++) {
        const struct cluster_kind *k = &r->kind[i];
        table_whole(t, k->clusters);
        table_whole(t, k->largest);
        table_whole(t, k->smallest);
        table_whole(t, k->single);
        table_real(t, k->silhouette);
        table_real(t, k->agreement);
        table_real(t, k->inertia);
        table_whole(t, k->steps);
    }
    for (size_t i = 0; i < r->kinds; i++) {
        if (r->kind[i].filled < r->kind[i].clusters)
            sheet_remark(s, "%zu clusters: %zu of them empty (samples that coincide?)",
                         r->kind[i].clusters, r->kind[i].clusters - r->kind[i].filled);
    }
}

static json_t *sizes_json(const struct clustering *r, size_t kind)
{
    struct err e;
    size_t *size = clustering_sizes(r, kind, &e);
    json_t *list = size ? json_array() : NULL;
    for (size_t c = 0; c < r->kind[kind].clusters && list; c++)
        json_array_append_new(list, json_integer((json_int_t)size[c]));
    free(size);
    return list;
}

json_t *report_clusters_json(const struct clustering *r, const struct affinity *a,
                             const struct cluster_request *q)
{
    const bool kmeans = q->method == CLUSTER_KMEANS;
    json_t *kinds = json_array();
    for (size_t i = 0; i < r->kinds; i++) {
        const struct cluster_kind *k = &r->kind[i];
        json_array_append_new(
            kinds,
            json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:o}", "clusters", (json_int_t)k->clusters,
                      "filled", (json_int_t)k->filled, "silhouette", json_finite(k->silhouette),
                      "stability", json_finite(k->agreement), "inertia", json_finite(k->inertia),
                      "steps", (json_int_t)k->steps, "sizes", sizes_json(r, i)));
    }
    return json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:I, s:I, s:o}", "format", "tripod-clusters 1",
                     "similarity", json_utf8(a->name), "samples", (json_int_t)r->n, "affinity",
                     a->kind == AFFINITY_ANGULAR ? "angular" : "given", "distance",
                     distance_name(a), "method", kmeans ? "kmeans" : "cluster_qr", "restarts",
                     (json_int_t)(kmeans ? q->restarts : 0), "seed", (json_int_t)q->seed,
                     "clusterings", kinds);
}
