/* report_rank_sizes.c - see report_rank_sizes.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_rank_sizes.h"


#include "src/base/json.h"

/* A terminal gets ranks 1 2 3 5 10 20 30 50 ..., and the line's ends. */
static bool shown(const struct rank_envelope *v, size_t rank)
{
    size_t r = rank;
    while (r % 10 == 0) r /= 10;
    return r == 1 || r == 2 || r == 3 || r == 5 || rank == v->first || rank == v->last ||
           rank == v->ranks;
}

void report_rank_sizes(struct sheet *s, const char *name, const struct clustering *r,
                       const struct rank_envelope *v, double alpha)
{
    static const struct column line[] = {
        {.name = "slope", .format = "%.6f"},   {.name = "lo", .format = "%.6f"},
        {.name = "hi", .format = "%.6f"},      {.name = "error", .format = "%.6f"},
        {.name = "bias", .format = "%.6f"},    {.name = "first", .unit = TABLE_EXACT},
        {.name = "last", .unit = TABLE_EXACT}, {.name = "alpha", .format = "%.6f"},
        {.name = "theory", .format = "%.6f"}};
    static const struct column points[] = {{.name = "rank", .unit = TABLE_EXACT},
                                           {.name = "size", .unit = TABLE_EXACT},
                                           {.name = "clusters", .unit = TABLE_EXACT},
                                           {.name = "line", .format = "%.6g"}};
    sheet_remark(s, "%s: %zu samples, %zu numbers of clusters; envelope of ranks 1 to %zu", name,
                 r->n, r->kinds, v->ranks);
    sheet_remark(
        s,
        "line: ln size on ln rank over ranks %zu to %zu (published: 101 to 1000 of 10000 "
        "samples); lo, hi, error, bias: bootstrap over samples, 95 %%, with labels as they "
        "are",
        v->first, v->last);
    struct table *t = sheet_table(s, line, sizeof line / sizeof *line, "-", false);
    table_real(t, v->slope);
    table_real(t, v->lo);
    table_real(t, v->hi);
    table_real(t, v->error);
    table_real(t, v->bias);
    table_whole(t, v->first);
    table_whole(t, v->last);
    table_real(t, -v->slope - 1);
    table_real(t, -(alpha + 1));
    sheet_gap(s);
    t = sheet_table(s, points, sizeof points / sizeof *points, "-", false);
    for (size_t i = 0; i < v->ranks; i++) {
        table_whole(t, i + 1);
        table_whole(t, v->size[i]);
        table_whole(t, r->kind[v->kind[i]].clusters);
        if (i + 1 >= v->first && i + 1 <= v->last)
            table_real(t, exp(v->level + v->slope * log((double)(i + 1))));
        else
            table_none(t);
        if (!shown(v, i + 1)) table_detail(t);
    }
}

json_t *report_rank_sizes_json(const char *name, const struct clustering *r,
                               const struct rank_envelope *v, double alpha)
{
    json_t *sizes = json_array(), *clusters = json_array();
    for (size_t i = 0; i < v->ranks; i++) {
        json_array_append_new(sizes, json_integer(v->size[i]));
        json_array_append_new(clusters, json_integer((json_int_t)r->kind[v->kind[i]].clusters));
    }
    return json_pack(
        "{s:o, s:I, s:{s:o, s:o, s:[I, I], s:o, s:o, s:{s:o, s:o}}, s:{s:f, s:f}, s:{s:o, s:o}}",
        "labels", json_utf8(name), "samples", (json_int_t)r->n, "line", "slope",
        json_finite(v->slope), "level", json_finite(v->level), "ranks", (json_int_t)v->first,
        (json_int_t)v->last, "error", json_finite(v->error), "bias", json_finite(v->bias),
        "interval", "lo", json_finite(v->lo), "hi", json_finite(v->hi), "theory", "alpha", alpha,
        "slope", -(alpha + 1), "envelope", "size", sizes, "clusters", clusters);
}
