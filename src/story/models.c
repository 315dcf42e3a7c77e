/* models.c - tables of the models: scanned, trained, of sparse parity; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/story/story.h"

enum { MOST_ROWS = 400 };
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static double not_negative(double value)
{
    return value >= 0 ? value : NAN;
}

/* By folder, size, model and step. */
static int by_size(const void *a, const void *b)
{
    const struct result *x = *(const struct result *const *)a,
                        *y = *(const struct result *const *)b;
    int c = folder_same(x, y) ? 0 : strcmp(x->path, y->path);
    const double dn = result_number(x->json, "parameters") - result_number(y->json, "parameters");
    const double ds = result_number(x->json, "step") - result_number(y->json, "step");
    if (!c) c = (dn > 0) - (dn < 0);
    if (!c) c = strcmp(result_string(x->json, "model"), result_string(y->json, "model"));
    return c ? c : (ds > 0) - (ds < 0);
}

static const struct column scanned[] = {
    {.name = "model"},
    {.name = "step", .unit = TABLE_EXACT},
    {.name = "N", .unit = TABLE_COUNT},
    {.name = "with embeddings", .unit = TABLE_COUNT},
    {.name = "D", .unit = TABLE_COUNT},
    {.name = "loss (nats)"},
    {.name = "s.e."},
    {.name = "perplexity"},
    {.name = "bits a byte"},
};

static void scanned_row(struct table *t, json_t *o)
{
    table_text(t, "%s", result_string(o, "model"));
    table_real(t, not_negative(result_number(o, "step")));
    table_real(t, not_negative(result_number(o, "parameters")));
    table_real(t, not_negative(result_number(o, "parameters_total")));
    table_real(t, not_negative(result_number(o, "tokens_seen")));
    table_real(t, result_number(o, "mean_loss"));
    table_real(t, result_number(o, "standard_error"));
    table_real(t, result_number(o, "perplexity"));
    table_real(t, result_number(o, "bits_per_byte"));
}

/* Of one folder: each model's last checkpoint, and all of them to unfold. */
static void scanned_table(struct story *s, const struct result **r, size_t n)
{
    struct table *last = table_open(scanned, COUNT_OF(scanned), "-"),
                 *all = table_open(scanned, COUNT_OF(scanned), "-");
    for (size_t i = 0; i < n; i++) {
        const bool ends = i + 1 == n || strcmp(result_string(r[i]->json, "model"),
                                               result_string(r[i + 1]->json, "model")) != 0;
        if (ends) scanned_row(last, r[i]->json);
        if (i < MOST_ROWS) scanned_row(all, r[i]->json);
    }
    const char *inside = folder_inside(&s->folder, r[0]->path);
    page_element(&s->page, "h3", "Scanned%s%.*s", folder_directory(inside) ? ": " : "",
                 (int)folder_directory(inside), inside);
    if (table_rows(last) < n) page_element(&s->page, "p class=soft", "Each at its last step:");
    page_table(&s->page, last, true);
    if (table_rows(last) < n) {
        page_markup(&s->page, "<details><summary>All %zu checkpoints</summary>\n", n);
        page_table(&s->page, all, true);
        if (n > MOST_ROWS) page_markup(&s->page, "<p>and %zu more</p>\n", n - MOST_ROWS);
        page_markup(&s->page, "</details>\n");
    }
    table_free(last);
    table_free(all);
}

static void models_scanned(struct story *s)
{
    const struct folder *f = &s->folder;
    const struct result **r = calloc(f->n, sizeof *r);
    size_t n = 0, i = 0;
    while (r && (r[n] = folder_next(f, RESULT_LOSSES, &i))) n++;
    if (r) qsort(r, n, sizeof *r, by_size);
    for (size_t first = 0, end; first < n; first = end) {
        end = first + 1;
        while (end < n && folder_same(r[end], r[first])) end++;
        scanned_table(s, r + first, end - first);
    }
    free(r);
}

static void models_trained(struct story *s)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "layers", .unit = TABLE_EXACT},
        {.name = "width", .unit = TABLE_EXACT},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "FLOP", .unit = TABLE_FLOP},
        {.name = "epochs"},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "loss, held out (nats)"},
        {.name = "s.e."},
    };
    struct table *t = table_open(columns, COUNT_OF(columns), "-");
    size_t i = 0;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_KINDS, &i));) {
        if (!folder_format(r, "tripod-train") || table_rows(t) >= MOST_ROWS) continue;
        table_text(t, "%s", result_string(r->json, "run.name"));
        table_real(t, result_number(r->json, "run.model.layers"));
        table_real(t, result_number(r->json, "run.model.width"));
        table_real(t, result_number(r->json, "result.N"));
        table_real(t, result_number(r->json, "result.D"));
        table_real(t, result_number(r->json, "result.flop"));
        table_real(t, result_number(r->json, "epochs"));
        table_real(t, result_number(r->json, "run.steps"));
        table_real(t, result_number(r->json, "result.loss"));
        table_real(t, result_number(r->json, "result.error"));
    }
    if (table_rows(t)) {
        page_element(&s->page, "h3", "Trained");
        page_table(&s->page, t, true);
    }
    table_free(t);
}

static void models_parity(struct story *s)
{
    static const struct column columns[] = {
        {.name = "run"},
        {.name = "width", .unit = TABLE_EXACT},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "samples", .unit = TABLE_COUNT},
        {.name = "exponent of frequencies"},
        {.name = "steps", .unit = TABLE_EXACT},
        {.name = "mean loss, last (nats)"},
    };
    struct table *t = table_open(columns, COUNT_OF(columns), "-");
    size_t i = 0;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_RUNS, &i));) {
        size_t n;
        double *mean = result_numbers(r->json, "mean", &n);
        const double samples = result_number(r->json, "parity.data");
        if (table_rows(t) < MOST_ROWS) {
            table_text(t, "%s", folder_inside(&s->folder, r->path));
            table_real(t, result_number(r->json, "parity.width"));
            table_real(t, result_number(r->json, "N"));
            table_real(t, samples > 0 ? samples : NAN);
            table_real(t, result_number(r->json, "parity.zipf"));
            table_real(t, result_number(r->json, "steps_done"));
            table_real(t, mean && n ? mean[n - 1] : NAN);
        }
        free(mean);
    }
    if (table_rows(t)) {
        page_element(&s->page, "h3", "Networks of sparse parity");
        page_table(&s->page, t, true);
    }
    table_free(t);
}

void story_models(struct story *s)
{
    size_t i = 0;
    bool trained = false;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_KINDS, &i));)
        trained = trained || folder_format(r, "tripod-train");
    if (!trained && !folder_count(&s->folder, RESULT_LOSSES) &&
        !folder_count(&s->folder, RESULT_RUNS))
        return;
    page_section(&s->page, "Models");
    models_scanned(s);
    models_trained(s);
    models_parity(s);
}
