/* cmd_quanta_show.c - `tripod quanta show`: clusters by rank, their tokens in context.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/cmd_tokens.h"
#include "src/quanta/cluster.h"
#include "src/quanta/sampled.h"
#include "src/report/report_cluster_show.h"

enum { MOST = 1 << 30, USUAL_CLUSTERS = 400 };

struct args {
    struct cli_common common;
    struct cmd_tokens_corpus corpus;
    const char *labels, *folder, *similarity, *html, *jsonl;
    size_t clusters, cluster, first, samples, before, after;
    uint64_t near; /* row; UINT64_MAX: none */
};
#define ARGS struct args

static int take_near(void *args, const char *value, struct err *e)
{
    return parse_count(value, "--near", 0, INT64_MAX, &((struct args *)args)->near, e);
}

static const struct option_row options[] = {
    OPTION_PLAIN(labels, "LABELS.npy"),
    OPTION_PLAIN(folder, "DIR"),
    OPTION_TEXT("corpus", 'c', "CORPUS", corpus.prefix,
                "The tokenised corpus P.bin/P.idx that the gradients are of"),
    OPTION_TEXT("tokenizer", 't', "FILE", corpus.tokenizer,
                "tokenizer.json, or a folder that holds it (default: the one the corpus was made "
                "with)"),
    OPTION_HEADING("Which samples:"),
    OPTION_SIZE(
        "clusters", 0, "K", clusters, 1, MOST,
        "Of the clustering into K (default: nearest to 400 as published, or to a 25th of the "
        "samples)"),
    OPTION_SIZE("cluster", 0, "R", cluster, 1, MOST, "Only the cluster of rank R, 1 the largest"),
    OPTION_SIZE("first", 0, "N", first, 1, MOST, "The N largest clusters"),
    OPTION_SIZE("samples", 'n', "N", samples, 1, MOST,
                "At most N samples a cluster, evenly spaced (default: 8; with --cluster all, with "
                "--near 20)"),
    OPTION_CALL("near", 0, "ROW", take_near,
                "Instead the samples most similar to that of this row of the losses"),
    OPTION_TEXT("similarity", 0, "C.npy", similarity, "With --near, the cosines to go by"),
    OPTION_SIZE("before", 0, "T", before, 0, 1 << 20, "Tokens shown before"),
    OPTION_SIZE("after", 0, "T", after, 0, 1 << 20, "Tokens shown after"),
    OPTION_HEADING("Files:"),
    OPTION_TEXT("html", 0, "FILE", html, "Write a page with them"),
    OPTION_TEXT(
        "jsonl", 0, "FILE", jsonl,
        "Write all samples of all clusters, or of --cluster or --near, a JSON object a line"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .common.beside = true, .first = 10, .before = 40, .after = 5, .near = UINT64_MAX};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->labels)
        return err_set(e, "no labels: give LABELS.npy as written by `tripod quanta cluster`");
    if (!a->folder) return err_set(e, "no gradients: give the folder whose samples were clustered");
    if (!a->corpus.prefix) return err_set(e, "no corpus: give the one that was scanned with -c");
    if (a->near != UINT64_MAX && !a->similarity)
        return err_set(e, "--near needs cosines: give C.npy with --similarity");
    if (a->near == UINT64_MAX && a->similarity) return err_set(e, "--similarity needs --near");
    if (a->near != UINT64_MAX && a->cluster)
        return err_set(e, "give --near or --cluster, not both");
    if (a->first != defaults.first && (a->near != UINT64_MAX || a->cluster))
        return err_set(e, "give --first or --%s, not both", a->cluster ? "cluster" : "near");
    const char *const in[] = {a->labels, a->similarity}, *const out[] = {a->html, a->jsonl,
                                                                         a->common.json_file};
    return cli_check_apart(in, 2, out, 3, e);
}

/* The clusters, their samples, and what is shown of them. */
struct work {
    const struct args *args;
    struct clustering r;
    struct sampled s;
    struct tokenizer *tokenizer;
    size_t kind, k;              /* the clustering that is shown: k clusters */
    size_t *size, *order, *rank; /* [k] */
    struct cluster_sample *shown;
    size_t n, room;
};

static int choose_kind(struct work *w, struct err *e)
{
    const size_t usual = w->r.n < 25 * USUAL_CLUSTERS ? w->r.n / 25 : USUAL_CLUSTERS;
    const size_t wanted = w->args->clusters ? w->args->clusters : usual;
    for (size_t i = 0; i < w->r.kinds; i++) {
        const size_t k = w->r.kind[i].clusters, best = w->r.kind[w->kind].clusters;
        if ((k > wanted ? k - wanted : wanted - k) <
            (best > wanted ? best - wanted : wanted - best))
            w->kind = i;
    }
    w->k = w->r.kind[w->kind].clusters;
    if (w->args->clusters && w->k != w->args->clusters)
        return err_set(e, "%s: --clusters: there is none of %zu, the nearest is %zu",
                       w->args->labels, w->args->clusters, w->k);
    if (w->args->cluster > w->k)
        return err_set(e, "%s: --cluster: expected a rank 1 to %zu, found %zu", w->args->labels,
                       w->k, w->args->cluster);
    w->size = malloc(w->k * sizeof *w->size);
    w->order = malloc(w->k * sizeof *w->order);
    w->rank = malloc(w->k * sizeof *w->rank);
    if (!w->size || !w->order || !w->rank) return err_memory(e, w->args->labels);
    if (clustering_ranks(&w->r, w->kind, w->size, w->order, e)) return -1;
    for (size_t i = 0; i < w->k; i++) w->rank[w->order[i]] = i + 1;
    return 0;
}

static size_t cluster_of(const struct work *w, size_t sample)
{
    return (size_t)w->r.labels[w->kind * w->r.n + sample];
}

static int describe(struct cluster_sample *c, const struct work *w, size_t sample,
                    double similarity, struct err *e)
{
    *c = (struct cluster_sample){.rank = w->rank[cluster_of(w, sample)],
                                 .size = w->size[cluster_of(w, sample)],
                                 .sample = sample,
                                 .loss = (double)w->s.loss[sample],
                                 .similarity = similarity};
    return token_context_text(&c->context, &w->s.index, w->tokenizer, w->s.row[sample],
                              w->args->before, w->args->after, e);
}

static int show(struct work *w, size_t sample, double similarity, struct err *e)
{
    if (w->n == w->room) {
        const size_t room = 2 * w->room + 64;
        struct cluster_sample *bigger = realloc(w->shown, room * sizeof *bigger);
        if (!bigger) return err_memory(e, w->args->labels);
        w->shown = bigger;
        w->room = room;
    }
    if (describe(&w->shown[w->n], w, sample, similarity, e)) return -1;
    w->n++;
    return 0;
}

/* Samples of the cluster of RANK (from 0), at most MOST of them. */
static int show_cluster(struct work *w, size_t rank, size_t most, struct err *e)
{
    const size_t c = w->order[rank], size = w->size[c];
    for (size_t i = 0, met = 0, taken = 0; i < w->r.n && taken < most; i++) {
        if (cluster_of(w, i) != c) continue;
        if (size <= most || met == taken * size / most) {
            if (show(w, i, NAN, e)) return -1;
            taken++;
        }
        met++;
    }
    return 0;
}

struct similar {
    double cosine;
    size_t sample;
};

static int nearer(const void *a, const void *b)
{
    const struct similar *x = a, *y = b;
    if (x->cosine != y->cosine) return x->cosine < y->cosine ? 1 : -1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int show_near(struct work *w, size_t most, struct err *e)
{
    const struct args *a = w->args;
    const size_t from = sampled_find(&w->s, a->near);
    if (from == w->s.n)
        return err_set(e, "%s: --near: row %" PRIu64 " is none of its %zu samples", a->folder,
                       a->near, w->s.n);
    struct affinity c;
    if (affinity_open(&c, a->similarity, AFFINITY_GIVEN, e)) return -1;
    int status = 0;
    struct similar *all = malloc(w->s.n * sizeof *all);
    if (c.n != w->s.n)
        status = err_set(e, "%s: expected the cosines of the %zu samples of %s, found %zu",
                         a->similarity, w->s.n, a->folder, c.n);
    else if (!all)
        status = err_memory(e, a->similarity);
    for (size_t i = 0; i < w->s.n && !status; i++)
        all[i] = (struct similar){i == from ? INFINITY : affinity_value(&c, from, i), i};
    if (!status) {
        qsort(all, w->s.n, sizeof *all, nearer);
        all[0].cosine = affinity_value(&c, from, from); /* the sample itself */
    }
    for (size_t i = 0; i < w->s.n && i < most && !status; i++)
        status = show(w, all[i].sample, all[i].cosine, e);
    free(all);
    affinity_close(&c);
    return status;
}

static int select_samples(struct work *w, struct err *e)
{
    const struct args *a = w->args;
    if (a->near != UINT64_MAX) return show_near(w, a->samples ? a->samples : 20, e);
    if (a->cluster) return show_cluster(w, a->cluster - 1, a->samples ? a->samples : SIZE_MAX, e);
    for (size_t i = 0; i < a->first && i < w->k && w->size[w->order[i]]; i++) {
        if (show_cluster(w, i, a->samples ? a->samples : 8, e)) return -1;
    }
    return 0;
}

/* --- what comes of it --- */

static int write_line(struct out *out, const struct cluster_sample *c, struct err *e)
{
    json_t *o = report_cluster_sample_json(c);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    int status = text ? out_printf(out, e, "%s\n", text) : err_memory(e, out->path);
    free(text);
    json_decref(o);
    return status;
}

/* Lines of what is shown; without --cluster and --near of every sample, cluster by cluster. */
static int write_lines(const struct work *w, const char *path, struct err *e)
{
    const bool all = w->args->near == UINT64_MAX && !w->args->cluster;
    struct out out;
    if (out_open(&out, path, e)) return -1;
    int status = 0;
    for (size_t i = 0; i < w->n && !all && !status; i++) status = write_line(&out, &w->shown[i], e);
    for (size_t c = 0; c < w->k && all && !status; c++) {
        for (size_t i = 0; i < w->r.n && !status; i++) {
            struct cluster_sample one;
            if (cluster_of(w, i) != w->order[c]) continue;
            status = describe(&one, w, i, NAN, e);
            if (status) break;
            status = write_line(&out, &one, e);
            token_context_free(&one.context);
        }
    }
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return status;
}

static int report(const struct work *w, struct err *e)
{
    const struct args *a = w->args;
    const bool terminal = isatty(STDOUT_FILENO) && !a->common.tsv;
    const bool text = !a->common.json || a->common.json_file;
    char title[512];
    snprintf(title, sizeof title, "%.200s: %zu samples in %zu clusters", a->labels, w->r.n, w->k);
    if (a->html && report_cluster_show_html(a->html, title, w->shown, w->n, e)) return -1;
    if (a->jsonl && write_lines(w, a->jsonl, e)) return -1;
    struct sheet *s = sheet_open();
    sheet_remark(s, "%s", title);
    if (!terminal) report_cluster_show(s, w->shown, w->n);
    json_t *list = json_array();
    for (size_t i = 0; i < w->n; i++)
        json_array_append_new(list, report_cluster_sample_json(&w->shown[i]));
    int status = cli_write(&a->common, s,
                           json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "labels",
                                     json_utf8(a->labels), "clusters", (json_int_t)w->k, "samples",
                                     list, "html", json_utf8(a->html), "jsonl", json_utf8(a->jsonl),
                                     "provenance", provenance_json()),
                           e);
    sheet_free(s);
    if (!status && terminal && text)
        status = report_cluster_show_terminal(stdout, w->shown, w->n, cli_width(STDOUT_FILENO), e);
    return status;
}

static int open_all(struct work *w, struct err *e)
{
    const struct args *a = w->args;
    if (sampled_open(&w->s, a->folder, a->corpus.prefix, e)) return -1;
    if (w->s.n != w->r.n)
        return err_set(e, "%s: expected labels of the %zu samples of %s, found %zu", a->labels,
                       w->s.n, a->folder, w->r.n);
    return cmd_tokens_tokenizer(&w->tokenizer, &w->s.index, &a->corpus, e);
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct work w = {.args = a};
    cli_use_threads(a->common.threads);
    if (clustering_read(&w.r, a->labels, e)) return -1;
    int status =
        open_all(&w, e) || choose_kind(&w, e) || select_samples(&w, e) || report(&w, e) ? -1 : 0;
    for (size_t i = 0; i < w.n; i++) token_context_free(&w.shown[i].context);
    free(w.shown);
    free(w.size);
    free(w.order);
    free(w.rank);
    tokenizer_close(w.tokenizer);
    sampled_close(&w.s);
    clustering_free(&w.r);
    return status;
}

const struct command cmd_quanta_show = {
    .name = "quanta show",
    .summary = "clusters by rank, their tokens in context",
    .text = "Shows the samples of the largest clusters, of one, or those most similar to one, each "
            "in the text it stands in: on a terminal highlighted, in a pipe as a table with [[the "
            "token]] in brackets.",
    .more = "The token in brackets is the one whose prediction's gradient was taken; what follows "
            "it played no part.\n"
            "Examples:\n"
            "  tripod quanta show labels.npy gradients/ -c corpus\n"
            "  tripod quanta show labels.npy gradients/ -c corpus --cluster 7\n"
            "  tripod quanta show labels.npy gradients/ -c corpus --near 1234 --similarity C.npy\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
