/* report_similarity.c - see report_similarity.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_similarity.h"

#include <inttypes.h>

#include "src/base/json.h"

static void error_row(struct table *t, const char *by, uint64_t pairs,
                      const struct similarity_error *error, const char *what)
{
    table_text(t, "%s", by);
    table_whole(t, pairs);
    table_real(t, error->rms);
    table_real(t, error->max);
    table_text(t, "%s", what);
}

static uint64_t pairs_of(size_t n)
{
    return n ? (uint64_t)n * (n - 1) / 2 : 0;
}

static void errors(struct sheet *s, const struct report_similarity *r)
{
    static const struct column columns[] = {{.name = "error_by", .head = "error by"},
                                            {.name = "pairs", .unit = TABLE_COUNT},
                                            {.name = "rms", .format = "%.4g"},
                                            {.name = "max", .format = "%.4g"},
                                            {.name = "how", .flags = TABLE_NO_TSV}};
    const struct similarity *x = r->similarity;
    sheet_gap(s);
    struct table *t = sheet_table(s, columns, 5, "-", false);
    error_row(t, "theory", x->pairs, &x->theory,
              "(1 - C^2) / sqrt(k); the greatest to be expected of so many");
    error_row(t, "vectors", x->pairs, &x->halves,
              "half the difference between the cosines of the two vectors");
    if (r->checked)
        error_row(t, "exact", pairs_of(r->checked), &r->exact,
                  "against whole gradients of some of the samples");
}

void report_similarity(struct sheet *s, const struct report_similarity *r)
{
    static const struct column columns[] = {{.name = "samples", .unit = TABLE_EXACT},
                                            {.name = "k", .unit = TABLE_EXACT},
                                            {.name = "pairs", .unit = TABLE_COUNT},
                                            {.name = "mean"},
                                            {.name = "sd"},
                                            {.name = "least"},
                                            {.name = "greatest"}};
    const struct similarity *x = r->similarity;
    const struct gradients_record *g = &r->sketches->part[0].record;
    sheet_remark(s, "%s: cosines between gradients of %s, %s, over pairs of different samples",
                 r->sketches->folder, g->model, g->coordinates);
    if (!x->k) sheet_remark(s, "of whole gradients: no sketch, no error to speak of");
    struct table *t = sheet_table(s, columns, 7, "-", false);
    table_whole(t, x->n);
    if (x->k)
        table_whole(t, x->k);
    else
        table_none(t);
    table_whole(t, x->pairs);
    table_real(t, x->mean);
    table_real(t, x->sd);
    table_real(t, x->least);
    table_real(t, x->greatest);
    if (x->k) errors(s, r);
}

static json_t *error_json(const struct similarity_error *error)
{
    return json_pack("{s:o, s:o}", "rms", json_finite(error->rms), "max", json_finite(error->max));
}

json_t *report_similarity_json(const struct report_similarity *r)
{
    const struct similarity *x = r->similarity;
    const struct gradients_record *g = &r->sketches->part[0].record;
    json_t *o = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "format",
        "tripod-similarity 1", "gradients", json_utf8(r->sketches->folder), "model", g->model,
        "corpus_hash", g->corpus_hash, "rows_hash", g->rows_hash, "coordinates", g->coordinates,
        "n", (json_int_t)x->n, "k", x->k ? json_integer((json_int_t)x->k) : json_null(), "pairs",
        (json_int_t)x->pairs, "mean", json_finite(x->mean), "sd", json_finite(x->sd), "least",
        json_finite(x->least), "greatest", json_finite(x->greatest), "cosines",
        json_utf8(r->files->cosines), "angular", json_utf8(r->files->angular));
    if (o && x->k) {
        json_t *e = json_pack("{s:o, s:o}", "theory", error_json(&x->theory), "vectors",
                              error_json(&x->halves));
        if (e && r->checked) {
            json_object_set_new(e, "exact", error_json(&r->exact));
            json_object_set_new(e, "exact_samples", json_integer((json_int_t)r->checked));
        }
        json_object_set_new(o, "errors", e);
    }
    return o;
}
