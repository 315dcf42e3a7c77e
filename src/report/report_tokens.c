/* report_tokens.c - lists of tokens and means of groups of them; see report_tokens.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_tokens.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

void report_column(struct table *t, const struct matrix_column *c)
{
    if (c->model)
        table_text(t, "%s", c->model);
    else
        table_text(t, "%s", c->label);
    if (c->step >= 0)
        table_whole(t, (uint64_t)c->step);
    else
        table_none(t);
    if (c->parameters > 0)
        table_whole(t, (uint64_t)c->parameters);
    else
        table_none(t);
}

json_t *report_column_json(const struct matrix_column *c)
{
    return json_pack("{s:o, s:o, s:o}", "model", json_utf8(c->model), "step",
                     c->step >= 0 ? json_integer(c->step) : json_null(), "N",
                     json_finite(c->parameters));
}

/* --- find --- */

static const char *list_path(const struct find_list *l, const char *directory, char *buffer,
                             size_t size)
{
    snprintf(buffer, size, "%s/%s.npy", directory, l->name);
    return buffer;
}

static bool written(const struct token_find *f, const struct find_list *l)
{
    return f->sized || strcmp(l->name, "polygenic") != 0;
}

void report_find(struct sheet *s, const struct token_find *f, const char *directory)
{
    static const struct column heads[] = {{.name = "list"},
                                          {.name = "tokens", .unit = TABLE_EXACT},
                                          {.name = "share", .unit = TABLE_PERCENT},
                                          {.name = "file"}};
    struct table *t = sheet_table(s, heads, 4, "-", false);
    char path[1024];
    for (size_t i = 0; i < f->lists; i++) {
        const struct find_list *l = &f->list[i];
        if (!written(f, l)) continue;
        table_text(t, "%s", l->name);
        table_whole(t, find_count(l));
        table_real(t, (double)find_count(l) / (double)f->rows);
        table_text(t, "%s", list_path(l, directory, path, sizeof path));
    }
    static const struct column persistence[] = {
        REPORT_COLUMN_HEADS,
        {.name = "first_below", .unit = TABLE_EXACT, .head = "first below"},
        {.name = "stay_below", .unit = TABLE_EXACT, .head = "stay below"},
        {.name = "persistence", .unit = TABLE_PERCENT}};
    sheet_gap(s);
    sheet_remark(
        s, "tokens first below %g nats in a column, and of these those below it from there on",
        f->q.zero);
    t = sheet_table(s, persistence, 6, "-", false);
    for (size_t j = 0; j < f->m->columns; j++) {
        report_column(t, &f->m->column[j]);
        table_whole(t, f->first_below[j]);
        table_whole(t, f->stay_below[j]);
        table_real(t, (double)f->stay_below[j] / (double)f->first_below[j]);
    }
}

json_t *report_find_json(const struct token_find *f, const char *directory)
{
    json_t *lists = json_object(), *persistence = json_array();
    char path[1024];
    for (size_t i = 0; i < f->lists; i++) {
        const struct find_list *l = &f->list[i];
        if (!written(f, l)) continue;
        json_object_set_new(lists, l->name,
                            json_pack("{s:I, s:o}", "tokens", (json_int_t)find_count(l), "file",
                                      json_utf8(list_path(l, directory, path, sizeof path))));
    }
    for (size_t j = 0; j < f->m->columns; j++) {
        json_t *o = report_column_json(&f->m->column[j]);
        json_object_set_new(o, "first_below", json_integer((json_int_t)f->first_below[j]));
        json_object_set_new(o, "stay_below", json_integer((json_int_t)f->stay_below[j]));
        json_object_set_new(o, "persistence",
                            json_finite((double)f->stay_below[j] / (double)f->first_below[j]));
        json_array_append_new(persistence, o);
    }
    return json_pack("{s:I, s:o, s:o}", "rows", (json_int_t)f->rows, "lists", lists, "persistence",
                     persistence);
}

/* --- groups --- */

/* A name for group I, or NULL where its number says it; the caller frees. */
static char *group_text(const struct groups *g, size_t i, const struct tokenizer *t,
                        enum visible how)
{
    size_t bytes;
    if (g->by == BY_OCCURRENCE) return strdup(i ? "repeated" : "first");
    if (g->by != BY_TOKEN || !t) return NULL;
    const char *raw = tokenizer_bytes(t, (uint32_t)i, &bytes);
    struct bytes copy = {0};
    if (!raw || bytes_append(&copy, raw, bytes)) return NULL;
    char *text = token_text(&copy, how);
    bytes_free(&copy);
    return text;
}

void report_groups(struct sheet *s, const struct groups *g, const struct matrix *m,
                   const struct tokenizer *tokenizer)
{
    static const struct column heads[] = {{.name = "from", .unit = TABLE_EXACT},
                                          {.name = "to", .unit = TABLE_EXACT},
                                          {.name = "text"},
                                          REPORT_COLUMN_HEADS,
                                          {.name = "tokens", .unit = TABLE_COUNT},
                                          {.name = "documents", .unit = TABLE_COUNT},
                                          {.name = "mean", .format = "%.10g"},
                                          {.name = "se", .format = "%.6g", .head = "s.e."}};
    struct table *t = sheet_table(s, heads, 10, "-", false);
    sheet_remark(s, "by %s; losses in nats; standard errors are clustered by document",
                 token_by_names[g->by]);
    for (size_t i = 0; i < g->n; i++) {
        uint64_t lo, hi;
        groups_range(g, i, &lo, &hi);
        if (!(g->moments[i * g->columns].predictions > 0)) continue;
        char *text = group_text(g, i, tokenizer, VISIBLE_LINE);
        for (size_t j = 0; j < g->columns; j++) {
            const struct moments *k = &g->moments[i * g->columns + j];
            table_whole(t, lo);
            table_whole(t, hi);
            table_text(t, "%s", text ? text : "");
            report_column(t, &m->column[j]);
            table_whole(t, (uint64_t)k->predictions);
            table_whole(t, (uint64_t)k->documents);
            table_real(t, moments_mean(k));
            table_real(t, moments_error(k));
        }
        free(text);
    }
}

json_t *report_groups_json(const struct groups *g, const struct matrix *m,
                           const struct tokenizer *tokenizer)
{
    json_t *list = json_array(), *columns = json_array();
    for (size_t j = 0; j < g->columns; j++)
        json_array_append_new(columns, report_column_json(&m->column[j]));
    for (size_t i = 0; i < g->n; i++) {
        const struct moments *k = &g->moments[i * g->columns];
        uint64_t lo, hi;
        groups_range(g, i, &lo, &hi);
        if (!(k->predictions > 0)) continue;
        char *text = group_text(g, i, tokenizer, VISIBLE_TEXT);
        json_t *means = json_array(), *errors = json_array();
        for (size_t j = 0; j < g->columns; j++) {
            json_array_append_new(means, json_finite(moments_mean(k + j)));
            json_array_append_new(errors, json_finite(moments_error(k + j)));
        }
        json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:I, s:I, s:o, s:o}", "from",
                                              (json_int_t)lo, "to", (json_int_t)hi, "text",
                                              json_utf8(text), "tokens", (json_int_t)k->predictions,
                                              "documents", (json_int_t)k->documents, "means", means,
                                              "se", errors));
        free(text);
    }
    return json_pack("{s:s, s:o, s:o}", "by", token_by_names[g->by], "columns", columns, "groups",
                     list);
}
