/* report_weights.c - see report_weights.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

/* Tensors a terminal shows of each model unless asked for more. */
enum { SHOWN = 10 };

static const struct column summary[] = {
    {.name = "model"},
    {.name = "tensors", .unit = TABLE_EXACT},
    {.name = "equal", .unit = TABLE_EXACT},
    {.name = "differ", .unit = TABLE_EXACT},
    {.name = "shapes_differ", .unit = TABLE_EXACT, .head = "shapes"},
    {.name = "only_first", .unit = TABLE_EXACT, .head = "only first"},
    {.name = "only_here", .unit = TABLE_EXACT, .head = "only here"},
    {.name = "elements", .unit = TABLE_COUNT, .head = "weights"},
    {.name = "differing", .unit = TABLE_COUNT},
    {.name = "max_difference", .format = "%.9g", .head = "max |a-b|"},
    {.name = "relative_rms", .format = "%.9g", .head = "rms a-b / a"},
};

static const struct column tensors[] = {
    {.name = "model", .flags = TABLE_NO_JSON},
    {.name = "tensor"},
    {.name = "type"},
    {.name = "shape", .flags = TABLE_DETAIL},
    {.name = "is"},
    {.name = "elements", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
    {.name = "differing", .unit = TABLE_COUNT},
    {.name = "max_difference", .format = "%.9g", .head = "max |a-b|"},
    {.name = "relative_rms", .format = "%.9g", .head = "rms a-b / a"},
};

static void put_total(struct table *t, const char *b, const struct flat_comparison *c)
{
    const size_t counts[] = {c->count, c->equal, c->differing, c->shapes, c->only_a, c->only_b};
    table_text(t, "%s", b);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) table_whole(t, counts[i]);
    table_whole(t, c->total.elements);
    table_whole(t, c->total.differing);
    table_real(t, c->total.elements ? c->total.largest : NAN);
    table_real(t, c->total.elements ? flat_difference_relative(&c->total) : NAN);
}

static const char *verdict(const struct flat_difference *d)
{
    return !d->b          ? "only in the first"
           : !d->a        ? "only here"
           : !d->elements ? "shapes differ"
           : d->differing ? "different"
                          : "equal";
}

/* "f16", "f16 f32" and "[64, 16]", "[64, 16] [64, 32]" where the two models differ. */
static void put_tensor(struct table *t, const char *b, const struct flat_difference *d)
{
    const struct flat_tensor *x = d->a ? d->a : d->b, *y = d->b ? d->b : d->a;
    table_text(t, "%s", b);
    table_text(t, "%s", x->name);
    bool types = x->dtype != y->dtype, shapes = x->rows != y->rows || x->columns != y->columns;
    table_text(t, "%s%s%s", flat_dtype_name(x->dtype), types ? " " : "",
               types ? flat_dtype_name(y->dtype) : "");
    if (shapes)
        table_text(t, "[%zu, %zu] [%zu, %zu]", x->rows, x->columns, y->rows, y->columns);
    else
        table_text(t, "[%zu, %zu]", x->rows, x->columns);
    table_text(t, "%s", verdict(d));
    if (d->elements) {
        table_whole(t, d->elements);
        table_whole(t, d->differing);
        table_real(t, d->largest);
        table_real(t, flat_difference_relative(d));
    } else {
        for (int i = 0; i < 4; i++) table_none(t);
    }
}

/* A bias that was zero is infinitely far in this measure: such come after the weights. */
static double distance(const struct flat_difference *d)
{
    double relative = d->elements ? flat_difference_relative(d) : 0;
    return isfinite(relative) ? relative : 0;
}

static int by_distance(const void *pa, const void *pb)
{
    const struct flat_difference *a = pa, *b = pb;
    if (!a->elements != !b->elements) return a->elements ? 1 : -1;
    double x = distance(a), y = distance(b);
    if (x != y) return x > y ? -1 : 1;
    if (!a->differing != !b->differing) return a->differing ? -1 : 1;
    return a->a && b->a   ? (a->a > b->a) - (a->a < b->a)
           : a->a || b->a ? (a->a ? -1 : 1)
                          : (a->b > b->b) - (a->b < b->b);
}

void report_weights(struct sheet *s, const char *a, const char *const *b,
                    const struct flat_comparison *c, size_t n, bool all)
{
    sheet_remark(s, "compared with %s", a);
    struct table *t = sheet_table(s, summary, sizeof summary / sizeof *summary, "-", false);
    size_t shown = 0;
    for (size_t i = 0; i < n; i++) {
        put_total(t, b[i], &c[i]);
        qsort(c[i].tensors, c[i].count, sizeof *c[i].tensors, by_distance);
        shown += c[i].count - c[i].equal;
    }
    sheet_gap(s);
    struct column columns[sizeof tensors / sizeof *tensors];
    memcpy(columns, tensors, sizeof tensors);
    if (n == 1) columns[0].flags |= TABLE_NO_TERMINAL;
    t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", !all && !shown);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i].count; j++) {
            put_tensor(t, b[i], &c[i].tensors[j]);
            if (!all && (j >= SHOWN || j >= c[i].count - c[i].equal)) table_detail(t);
        }
    }
}

json_t *weights_json(const char *a, const char *const *b, const struct flat_comparison *c, size_t n)
{
    json_t *with = json_array();
    for (size_t i = 0; i < n; i++) {
        struct table *t = table_open(summary, sizeof summary / sizeof *summary, "-");
        put_total(t, b[i], &c[i]);
        json_t *rows = table_json(t, false), *o = json_incref(json_array_get(rows, 0));
        json_decref(rows);
        table_free(t);
        t = table_open(tensors, sizeof tensors / sizeof *tensors, "-");
        for (size_t j = 0; j < c[i].count; j++) put_tensor(t, b[i], &c[i].tensors[j]);
        json_object_set_new(o, "tensor_list", table_json(t, false));
        table_free(t);
        json_array_append_new(with, o);
    }
    return json_pack("{s:o, s:o}", "model", json_utf8(a), "with", with);
}
