/* report_average.c - see report_average.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_average.h"

#include <math.h>

#include "src/base/json.h"

static const char real[] = "%.8g";
static const char *const weights_names[AVERAGE_WEIGHTS] = {"akaike", "errors"};
static const char *const what_names[] = {"loss", "N*", "D*"};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static json_t *laws_table(struct sheet *s, const struct average *a)
{
    const struct column columns[] = {{.name = "law"},
                                     {.name = "akaike", .format = "%.4g"},
                                     {.name = "errors", .format = "%.4g"},
                                     {.name = "reason"}};
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (int i = 0; i < a->n_laws; i++) {
        const struct average_law *l = &a->law[i];
        table_text(t, "%s", l->law->name);
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) table_real(t, l->weight[k]);
        table_text(t, "%s", l->reason);
    }
    return table_json(t, false);
}

static double known(double v)
{
    return v > 0 ? v : NAN;
}

/* One row for each quantity and set of weights. */
static json_t *bands_table(struct sheet *s, const struct average *a)
{
    const struct column columns[] = {{.name = "quantity"},
                                     {.name = "N", .format = real, .unit = TABLE_COUNT},
                                     {.name = "D", .format = real, .unit = TABLE_COUNT},
                                     {.name = "U", .format = real, .unit = TABLE_COUNT},
                                     {.name = "budget", .format = real, .unit = TABLE_FLOP},
                                     {.name = "weights"},
                                     {.name = "laws"},
                                     {.name = "value", .format = real},
                                     {.name = "lo", .format = real},
                                     {.name = "hi", .format = real},
                                     {.name = "within_lo", .format = real},
                                     {.name = "within_hi", .format = real},
                                     {.name = "between_lo", .format = real},
                                     {.name = "between_hi", .format = real}};
    struct table *t = sheet_table(s, columns, COUNT_OF(columns), "-", false);
    for (size_t i = 0; i < a->n; i++) {
        const struct average_at *at = &a->at[i];
        const enum table_unit unit = at->what == AVERAGE_LOSS ? TABLE_PLAIN : TABLE_COUNT;
        for (int k = 0; k < AVERAGE_WEIGHTS; k++) {
            const struct average_band *b = &at->band[k];
            const double v[] = {b->value,     b->lo,         b->hi,        b->within_lo,
                                b->within_hi, b->between_lo, b->between_hi};
            table_text(t, "%s", what_names[at->what]);
            table_real(t, known(at->place.N));
            table_real(t, known(at->place.D));
            table_real(t, known(at->place.U));
            table_real(t, known(at->budget));
            table_text(t, "%s", weights_names[k]);
            table_whole(t, (uint64_t)b->laws);
            for (size_t c = 0; c < COUNT_OF(v); c++) table_real_in(t, v[c], unit);
        }
    }
    return table_json(t, false);
}

/* What each law says by itself: {law: [value, standard error of its logarithm]} a quantity. */
static json_t *each_json(const struct average *a)
{
    json_t *all = json_array();
    for (size_t i = 0; i < a->n; i++) {
        json_t *one = json_object();
        for (int l = 0; l < a->n_laws; l++) {
            if (isfinite(a->at[i].value[l]))
                json_object_set_new(one, a->law[l].law->name,
                                    json_pack("[o, o]", json_finite(a->at[i].value[l]),
                                              json_finite(a->at[i].se[l])));
        }
        json_array_append_new(all, one);
    }
    return all;
}

json_t *average_report(struct sheet *s, const struct average *a, double level)
{
    sheet_gap(s);
    sheet_remark(s,
                 "averaged over laws: Akaike weights, and inverse mean squares of the errors with "
                 "each budget left out");
    json_t *weights = laws_table(s, a);
    sheet_gap(s);
    sheet_remark(
        s,
        "over the laws that carry %g %% of the weight; lo, hi: the interval within a law and "
        "the range between laws together, at least the wider of the two",
        100 * level);
    json_t *bands = bands_table(s, a);
    for (size_t i = 0; i < a->n; i++) {
        const struct average_band *b = &a->at[i].band[AVERAGE_ERRORS];
        if (b->laws < 2 || b->between_hi / b->between_lo <= b->within_hi / b->within_lo) continue;
        sheet_remark(s, "note: laws differ more than the rows leave open within one: the choice of "
                        "law is most of what is not known");
        break;
    }
    return json_pack("{s:o, s:f, s:o, s:o}", "weights", weights, "level", level, "bands", bands,
                     "by_law", each_json(a));
}
