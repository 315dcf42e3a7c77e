/* allocation.c - how compute is best spent, by the laws that were asked; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "src/story/story.h"

static void between(struct table *t, json_t *answer, const char *name, enum table_unit unit)
{
    json_t *o = json_object_get(answer, name);
    table_real_in(t, result_number(o, "value"), unit);
    table_between(t, result_number(o, "lo"), result_number(o, "hi"), unit);
}

static void one(struct story *s, const struct result *r)
{
    static const struct column columns[] = {
        {.name = "C (FLOP)"}, {.name = "N*"},
        {.name = "interval"}, {.name = "D*"},
        {.name = "interval"}, {.name = "D*/N*"},
        {.name = "interval"}, {.name = "loss (nats)"},
        {.name = "interval"}, {.name = "N may be off by a factor (loss + 0.1 %)"},
    };
    struct table *t = table_open(columns, sizeof columns / sizeof *columns, "-");
    size_t i;
    json_t *a;
    page_element(&s->page, "h3", "By the law %s: %s", result_string(r->json, "law"),
                 folder_inside(&s->folder, r->path));
    json_array_foreach(json_object_get(r->json, "answers"), i, a)
    {
        table_real_in(t, result_number(a, "C.value"), TABLE_FLOP);
        between(t, a, "N", TABLE_COUNT);
        between(t, a, "D", TABLE_COUNT);
        between(t, a, "D_per_N", TABLE_PLAIN);
        between(t, a, "loss", TABLE_PLAIN);
        table_real(t, result_number(a, "flat"));
    }
    page_table(&s->page, t, true);
    table_free(t);
    page_markup(&s->page, "<p class=soft>");
    const double level = result_number(r->json, "level");
    if (isfinite(level))
        page_text(&s->page, "Intervals: %.4g %%, %s. ", 100 * level,
                  result_string(r->json, "bands"));
    page_text(&s->page, "The law they rest on is %s.", result_string(r->json, "verdict"));
    page_markup(&s->page, "</p>\n");
}

/* The runs of a design. */
static void plan(struct story *s, const struct result *r)
{
    static const struct column columns[] = {
        {.name = "run", .unit = TABLE_EXACT},
        {.name = "N", .unit = TABLE_COUNT},
        {.name = "D", .unit = TABLE_COUNT},
        {.name = "cost (FLOP)", .unit = TABLE_FLOP},
        {.name = "half-width at the target", .unit = TABLE_PERCENT},
    };
    static const char *const keys[] = {"run", "N", "D", "cost", "half_width"};
    struct table *t = table_open(columns, sizeof columns / sizeof *columns, "-");
    size_t i;
    json_t *run;
    page_element(&s->page, "h3", "Runs to train next: %s", folder_inside(&s->folder, r->path));
    json_array_foreach(json_object_get(r->json, "runs"), i, run)
    {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            table_real(t, result_number(run, keys[k]));
    }
    page_table(&s->page, t, true);
    table_free(t);
    page_element(&s->page, "p class=soft",
                 "By the law %s; half of the %.4g %% interval, %.3g %% without a further run.",
                 result_string(r->json, "law"), 100 * result_number(r->json, "level"),
                 100 * result_number(r->json, "half_width.before"));
}

void story_allocation(struct story *s)
{
    size_t i = 0;
    if (!folder_count(&s->folder, RESULT_ALLOCATION) && !folder_count(&s->folder, RESULT_DESIGN))
        return;
    page_section(&s->page, "How to spend compute");
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_ALLOCATION, &i));) one(s, r);
    i = 0;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_DESIGN, &i));) plan(s, r);
}
