/* cmd_quanta_cluster.c - `tripod quanta cluster`: samples by the similarity of their gradients into
 * several numbers of clusters; the work is src/quanta/cluster.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/cluster.h"
#include "src/report/report_clusters.h"

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    const char *path, *out, *vectors;
    struct reals clusters;
    enum affinity_kind affinity;
    enum cluster_method method;
    size_t restarts, seed;
};
#define ARGS struct args

static const char *const affinities[] = {"angular", "given", NULL};
static const char *const methods[] = {"kmeans", "cluster_qr", NULL};

static const struct option_row options[] = {
    OPTION_PLAIN(path, "C.npy"),
    OPTION_TEXT("out", 'o', "LABELS.npy", out,
                "Where the labels go: int32, a row a number of clusters; what is known of them in "
                "LABELS.json"),
    OPTION_REALS(
        "clusters", 0, "K,...", clusters,
        "Numbers of clusters (default: the paper's 30 from 10 to 1500, as far as there are "
        "samples)"),
    OPTION_CHOICE(
        "affinity", 0, affinity, affinities,
        "C holds cosines c and 1 - arccos(c) / pi counts, or affinities that count as they "
        "are"),
    OPTION_CHOICE("method", 0, method, methods,
                  "How clusters are found in the space of eigenvectors"),
    OPTION_SIZE("n-init", 0, "N", restarts, 1, 100000, "Restarts of k-means; the best one counts"),
    CLI_SEED(seed, "Of k-means' draws: the same labels for the same S"),
    OPTION_TEXT("vectors", 0, "FILE.npy", vectors,
                "Write the samples' places in the space of eigenvectors"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true, .restarts = 30};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->path)
        return err_set(e, "no matrix: give C.npy as written by `tripod quanta similarity -o`");
    if (!a->out) return err_set(e, "no output: give a file with -o LABELS.npy");
    if (a->method != CLUSTER_KMEANS && a->restarts != defaults.restarts)
        return err_set(e, "--n-init is for --method kmeans");
    for (size_t i = 0; i < a->clusters.n; i++) {
        const double k = a->clusters.value[i];
        if (k < 2 || k > INT32_MAX || k != floor(k))
            return err_set(e, "--clusters: expected whole numbers from 2 on, found %g", k);
    }
    return 0;
}

/* The numbers of clusters asked for, or the paper's, of which N samples allow the smaller ones. */
static int choose(size_t **clusters, size_t *kinds, const struct args *a, size_t n, struct err *e)
{
    static const size_t paper[] = {10,  20,  30,  40,  50,  60,   70,   80,   90,   100,
                                   125, 150, 175, 200, 225, 250,  275,  300,  350,  400,
                                   500, 600, 700, 800, 900, 1000, 1100, 1200, 1400, 1500};
    const size_t given = a->clusters.n, m = given ? given : sizeof paper / sizeof *paper;
    *clusters = malloc(m * sizeof **clusters);
    *kinds = 0;
    if (!*clusters) return err_memory(e, a->path);
    for (size_t i = 0; i < m; i++) {
        const size_t k = given ? (size_t)a->clusters.value[i] : paper[i];
        if (k < n) (*clusters)[(*kinds)++] = k;
        if (k >= n && given)
            return err_set(e, "%s: --clusters: expected fewer than its %zu samples, found %zu",
                           a->path, n, k);
    }
    return *kinds ? 0
                  : err_set(e, "%s: only %zu samples: give numbers of clusters with --clusters",
                            a->path, n);
}

/* LABELS.json, beside LABELS.npy; the caller frees. */
static char *record_of(const struct args *a)
{
    const size_t length = strlen(a->out);
    const bool suffix = length > 4 && !strcmp(a->out + length - 4, ".npy");
    return format_string("%.*s.json", (int)(suffix ? length - 4 : length), a->out);
}

/* Before hours of work: what is written is not what is read, and can be written. */
static int check_files(const struct args *a, struct err *e)
{
    char *record = record_of(a);
    const char *const out[] = {a->out, record, a->vectors, a->common.json_file};
    int status = record ? cli_check_apart(&a->path, 1, out, 4, e) : err_memory(e, a->out);
    if (!status) status = out_check(a->out, e);
    if (!status && a->vectors) status = out_check(a->vectors, e);
    if (!status) status = cli_check_outputs(&a->common, NULL, e);
    free(record);
    return status;
}

static int write_files(const struct clustering *r, const struct affinity *affinity,
                       const struct cluster_request *q, const struct args *a, struct err *e)
{
    char *record = record_of(a);
    if (!record) return err_memory(e, a->out);
    int status = clustering_write(r, a->out, e);
    if (!status) {
        json_t *o = report_clusters_json(r, affinity, q);
        if (o) json_object_set_new(o, "provenance", provenance_json());
        status = json_save(record, o, e);
    }
    free(record);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct affinity affinity;
    struct clustering r;
    size_t *clusters = NULL;
    struct cluster_request q = {.method = a->method,
                                .restarts = a->restarts,
                                .seed = a->seed,
                                .vectors = a->vectors,
                                .kernels = cli_kernels(&a->simd)};
    cli_use_threads(a->common.threads);
    if (affinity_open(&affinity, a->path, a->affinity, e)) return -1;
    int status = choose(&clusters, &q.kinds, a, affinity.n, e);
    q.clusters = clusters;
    if (!status) status = check_files(a, e);
    if (!status) status = cluster_run(&r, &affinity, &q, e);
    if (!status) {
        struct sheet *s = sheet_open();
        status = write_files(&r, &affinity, &q, a, e);
        if (!status) {
            report_clusters(s, &r, &affinity, &q);
            json_t *o = report_clusters_json(&r, &affinity, &q);
            if (o) json_object_set_new(o, "provenance", provenance_json());
            status = cli_write(&a->common, s, o, e);
        }
        sheet_free(s);
        clustering_free(&r);
    }
    free(clusters);
    affinity_close(&affinity);
    return status;
}

const struct command cmd_quanta_cluster = {
    .name = "quanta cluster",
    .summary = "samples into clusters by the similarity of their gradients",
    .text =
        "Spectral clustering of samples whose similarities are in C.npy, for several numbers of "
        "clusters: the eigenvectors of the normalised Laplacian once, k-means in the leading "
        "ones for each number, as scikit-learn's SpectralClustering.",
    .more = "Labels of a number of clusters are the same for every number of threads and "
            "instruction set as long as the eigenvectors are, which come from LAPACK and are right "
            "to some 1e-10 only.\n"
            "Gradient cosines are the measure of \"The Quantization Model of Neural Scaling\", "
            "which asks what is predicted for the same reason. They are no good measure of which "
            "training text a prediction is owed to: for that they came last of the methods that "
            "Bergson's authors compared.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
