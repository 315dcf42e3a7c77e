/* figure_precisions.c - what a narrower precision of the products costs, and what it wins: losses of the
 * same checkpoints and text, scanned in several; and the same of other programs. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/plot/figure.h"

/* The record of losses, whether the result is that or the array beside it; the caller decrefs. */
static json_t *record_of(const struct result *r, struct err *e)
{
    if (r->json) return json_incref(r->json);
    char *path = format_string("%.*s.json", (int)strlen(r->path) - 4, r->path);
    json_error_t error;
    json_t *o = path ? json_load_file(path, 0, &error) : NULL;
    if (!path)
        err_memory(e, r->path);
    else if (!o)
        err_set(e, "%s: line %d: not JSON: %s", path, error.line, error.text);
    free(path);
    return o;
}

static bool is_exact(json_t *record)
{
    return !strcmp(result_string(record, "precision"), "float32");
}

/* The float32 losses of the checkpoint and text of RECORD. */
static json_t *exact_of(json_t *records, json_t *record)
{
    static const char *const same[] = {"weights", "corpus_hash", "protocol", "gelu",
                                       "provenance.threads"};
    json_t *other;
    size_t i;
    json_array_foreach(records, i, other)
    {
        bool all = is_exact(other);
        for (size_t k = 0; all && k < sizeof same / sizeof *same; k++)
            all = json_equal(result_member(other, same[k]), result_member(record, same[k]));
        if (all) return other;
    }
    return NULL;
}

/* The point of one narrower scan: how many times as fast as float32, and the error. */
static int put_point(struct chart *c, json_t *records, json_t *record, const char *path,
                     struct err *e)
{
    json_t *exact = exact_of(records, record);
    if (!exact)
        return err_set(e,
                       "%s: in %s: none of the results are its losses in float32, by as many "
                       "threads",
                       path, result_string(record, "precision"));
    const double mean = result_number(record, "deviation.mean"),
                 se = result_number(record, "deviation.mean_se"),
                 speed =
                     result_number(record, "tokens_per_s") / result_number(exact, "tokens_per_s");
    if (!isfinite(mean))
        return err_set(e, "%s: no deviation from float32 in it (tripod scan --compare)", path);
    if (!(speed > 0 && isfinite(speed)))
        return err_set(e,
                       "%s: no speed of it, or of float32's, is known: expected tokens_per_s "
                       "of losses that were computed, not copied",
                       path);
    chart_range(c, speed, mean, mean > 2 * se ? mean - 2 * se : NAN,
                mean > 2 * se ? mean + 2 * se : NAN);
    return 0;
}

/* A series a precision. */
static int put_precisions(struct chart *c, json_t *records, const struct figure_inputs *in,
                          struct err *e)
{
    json_t *record, *other;
    size_t i, k;
    bool any = false;
    json_array_foreach(records, i, record)
    {
        const char *name = result_string(record, "precision");
        bool seen = is_exact(record);
        for (k = 0; k < i && !seen; k++)
            seen = !strcmp(result_string(json_array_get(records, k), "precision"), name);
        if (seen) continue;
        any = true;
        chart_series(c, PLOT_POINTS, NULL, "%s", *name ? name : "of a precision not known");
        json_array_foreach(
            records, k, other) if (!strcmp(result_string(other, "precision"), name) &&
                                   put_point(c, records, other, in->result[k].path, e)) return -1;
    }
    return any ? 0
               : err_set(e,
                         "%s: in float32, as all results: expected losses of another precision "
                         "beside them",
                         in->result[0].path);
}

int figure_precisions(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    json_t *records = json_array(), *record;
    int status = records ? 0 : err_memory(e, in->result[0].path);
    for (size_t i = 0; i < in->n && !status; i++) {
        record = record_of(&in->result[i], e);
        status = record ? json_array_append_new(records, record) : -1;
    }
    chart_panel(c, (struct axis){"speed (times that of float32)", true, AXIS_PLAIN, {0}},
                (struct axis){"mean |loss less float32's| (nats)", true, AXIS_LOSS, {0}},
                "Error against speed of the precisions");
    chart_note(c, "a point a checkpoint; bars: 2 standard errors");
    if (!status) status = put_precisions(c, records, in, e);
    json_decref(records);
    return status;
}

/* The points of one program, precision and kind of text; unless they are all of those. */
static int put_program(struct chart *c, json_t *all, const char *workload, const char *name,
                       const char *path, struct err *e)
{
    json_t *p;
    size_t i;
    chart_series(c, PLOT_POINTS, NULL, "%s", name);
    json_array_foreach(all, i, p)
    {
        const double speed = result_number(p, "speed"), mean = result_number(p, "mean"),
                     se = result_number(p, "mean_se");
        if (strcmp(result_string(p, "workload"), workload) ||
            strcmp(result_string(p, "name"), name))
            continue;
        if (!(speed > 0 && isfinite(speed) && mean >= 0 && isfinite(mean)))
            return err_set(e, "%s: precisions[%zu]: expected a speed above 0 and a mean error",
                           path, i);
        chart_range(c, speed, mean > 0 ? mean : NAN, mean > 2 * se ? mean - 2 * se : NAN,
                    mean > 2 * se ? mean + 2 * se : NAN);
    }
    return 0;
}

/* Whether an element before the I-th has its KEY, and as its OTHER (NULL: any). */
static bool seen(json_t *all, size_t i, const char *key, const char *other)
{
    json_t *own = json_array_get(all, i);
    for (size_t k = 0; k < i; k++) {
        json_t *p = json_array_get(all, k);
        if (!strcmp(result_string(p, key), result_string(own, key)) &&
            (!other || !strcmp(result_string(p, other), result_string(own, other))))
            return true;
    }
    return false;
}

int figure_programs(struct chart *c, const struct figure_inputs *in, struct err *e)
{
    const struct result *r = figure_input(in, RESULT_PROGRAMS, 0);
    json_t *all = json_object_get(r->json, "precisions"), *p, *q;
    size_t i, k;
    if (!json_array_size(all))
        return err_set(e, "%s: precisions: expected a list of points, found none", r->path);
    json_array_foreach(all, i, p)
    {
        const char *workload = result_string(p, "workload");
        if (seen(all, i, "workload", NULL)) continue;
        chart_panel(c, (struct axis){"speed (times tripod's in float32)", true, AXIS_PLAIN, {0}},
                    (struct axis){"mean |loss less float64's| (nats)", true, AXIS_LOSS, {0}},
                    "Error against speed: %s", workload);
        chart_note(c, "a point a model; bars: 2 standard errors");
        json_array_foreach(all, k, q)
        {
            if (strcmp(result_string(q, "workload"), workload) || seen(all, k, "workload", "name"))
                continue;
            if (put_program(c, all, workload, result_string(q, "name"), r->path, e)) return -1;
        }
    }
    return 0;
}
