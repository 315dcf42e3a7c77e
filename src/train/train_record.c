/* train_record.c - see train_record.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/csv.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/provenance.h"

#define FORMAT "tripod-train 1"
enum { LAST_STEPS = 50 };

json_t *train_whole_json(const struct train_whole *w)
{
    const struct train_data *d = w->data;
    const struct train_validation *v = w->validation;
    json_t *validation = v ? json_pack("{s:o, s:I, s:s, s:I}", "hash", json_hex(v->hash),
                                       "documents", (json_int_t)v->documents, "protocol",
                                       v->protocol, "predictions", (json_int_t)v->plan.predictions)
                           : json_null();
    json_t *data =
        json_pack("{s:o, s:I, s:I, s:f, s:I, s:I, s:o}", "hash", json_hex(d->corpus_hash), "tokens",
                  (json_int_t)d->corpus->tokens, "separator", (json_int_t)d->separator, "holdout",
                  d->holdout, "sections", (json_int_t)d->n, "sections_held_out",
                  (json_int_t)d->held_n, "validation", validation);
    return json_pack("{s:o, s:o}", "run", train_run_json(w->run), "data", data);
}

int train_whole_hash(const struct train_whole *w, uint64_t *hash, struct err *e)
{
    json_t *whole = train_whole_json(w);
    char *text =
        whole ? json_dumps(whole, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(whole);
    if (!text) return err_memory(e, "settings");
    *hash = XXH3_64bits(text, strlen(text));
    free(text);
    return 0;
}

uint64_t train_whole_unique(const struct train_whole *w, uint64_t steps)
{
    const struct train_run *r = w->run;
    const uint64_t all = train_data_windows(w->data, r->length) * r->length;
    const uint64_t seen = train_run_tokens(r, steps);
    return seen < all ? seen : all;
}

static double epochs(const struct train_whole *w, uint64_t steps)
{
    const double windows = (double)train_data_windows(w->data, w->run->length);
    return (double)(steps * w->run->rows) / windows;
}

static void fill(struct train_result *x, const struct train_whole *w, const struct train_log *l)
{
    const struct train_run *r = w->run;
    const struct trainer_shape shape = train_run_shape(r, w->threads);
    *x = (struct train_result){.loss = l->tests ? l->test[l->tests - 1].loss : NAN,
                               .error = l->tests ? l->test[l->tests - 1].error : NAN,
                               .train_loss = train_log_mean(l, LAST_STEPS),
                               .N = train_run_parameters(r),
                               .D = (double)train_run_tokens(r, r->steps),
                               .unique = (double)train_whole_unique(w, r->steps),
                               .flop = trainer_flop(&r->config, &shape) * (double)r->steps,
                               .seconds = l->seconds};
    x->flop_6nd = 6 * x->N * x->D;
}

static int write_points(const char *path, const struct train_whole *w, const struct train_log *l,
                        struct err *e)
{
    const struct train_run *r = w->run;
    const double n = train_run_parameters(r), body = neox_parameters(&r->config, false),
                 total = neox_parameters(&r->config, true);
    struct out out;
    if (out_open(&out, path, e)) return -1;
    int status =
        out_printf(&out, e, "run,N,D,C,step,loss,error,unique_tokens,epochs,N_body,N_total,seed\n");
    for (size_t i = 0; i < l->tests && !status; i++) {
        const struct train_test *t = &l->test[i];
        const double d = (double)train_run_tokens(r, t->step);
        if (!t->step) continue;
        status = csv_write_text(&out, r->name, e);
        if (!status)
            status = out_printf(
                &out, e,
                ",%.0f,%.0f,%.17g,%" PRIu64 ",%.17g,%.6g,%" PRIu64 ",%.6g,%.0f,%.0f,%" PRIu64 "\n",
                n, d, 6 * n * d, t->step, t->loss, t->error, train_whole_unique(w, t->step),
                epochs(w, t->step), body, total, r->seed);
    }
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

static int write_log(const char *path, const struct train_whole *w, const struct train_log *l,
                     struct err *e)
{
    struct out out;
    if (out_open(&out, path, e)) return -1;
    int status = out_printf(&out, e, "step,rate,loss,norm\n");
    for (size_t i = 0; i < l->steps && !status; i++)
        status = out_printf(&out, e, "%zu,%.9g,%.17g,%.9g\n", i, train_run_rate(w->run, i),
                            l->loss[i], l->norm[i]);
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

static json_t *result_json(const struct train_result *x)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:s}", "loss",
                     json_finite(x->loss), "error", json_finite(x->error), "train_loss",
                     json_finite(x->train_loss), "N", json_number(x->N), "D", json_number(x->D),
                     "unique_tokens", json_number(x->unique), "flop_6nd", x->flop_6nd, "flop",
                     x->flop, "seconds", x->seconds, "unit", "nats");
}

static json_t *record_of(const struct train_whole *w, const struct train_log *l,
                         const struct train_result *x)
{
    const struct train_run *r = w->run;
    json_t *tests = json_array(), *whole = train_whole_json(w), *p = provenance_json();
    for (size_t i = 0; i < l->tests; i++)
        json_array_append_new(
            tests, json_pack("{s:I, s:I, s:o, s:o}", "step", (json_int_t)l->test[i].step, "tokens",
                             (json_int_t)train_run_tokens(r, l->test[i].step), "loss",
                             json_finite(l->test[i].loss), "error", json_finite(l->test[i].error)));
    json_object_set_new(p, "kernels", json_string(w->kernels->name));
    json_object_set_new(p, "threads", json_integer(w->threads));
    json_t *record =
        json_pack("{s:s, s:O, s:O, s:o, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "format", FORMAT,
                  "run", json_object_get(whole, "run"), "data", json_object_get(whole, "data"),
                  "result", result_json(x), "N_body", neox_parameters(&r->config, false), "N_total",
                  neox_parameters(&r->config, true), "epochs", epochs(w, r->steps), "corpus",
                  json_utf8(w->data->corpus->prefix), "validation",
                  w->validation ? json_utf8(w->validation->corpus.prefix) : json_null(), "tests",
                  tests, "provenance", p);
    json_decref(whole);
    return record;
}

int train_record_write(const char *folder, const struct train_whole *w, const struct train_log *l,
                       struct train_result *x, struct err *e)
{
    char *points = format_string("%s/points.csv", folder),
         *log = format_string("%s/log.csv", folder),
         *record = format_string("%s/train.json", folder);
    fill(x, w, l);
    int status = points && log && record ? 0 : err_memory(e, folder);
    if (!status) status = write_points(points, w, l, e);
    if (!status) status = write_log(log, w, l, e);
    if (!status) status = json_save(record, record_of(w, l, x), e);
    free(points);
    free(log);
    free(record);
    return status;
}

/* --- reading --- */

/* Where OURS and THEIRS differ first, into PATH, as both stand in TEXT. */
static void difference(json_t *ours, const json_t *theirs, char path[64], char text[2][40])
{
    const char *key;
    json_t *value;
    json_object_foreach(ours, key, value)
    {
        const json_t *other = json_object_get(theirs, key);
        if (json_equal(value, other)) continue;
        const size_t n = strlen(path);
        snprintf(path + n, 64 - n, "%s%s", n ? "." : "", key);
        if (json_is_object(value)) difference(value, other, path, text);
        for (int i = 0; i < 2 && !json_is_object(value); i++) {
            char *dump = json_dumps(i ? other : value,
                                    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
            snprintf(text[i], sizeof text[i], "%s", dump ? dump : "nothing");
            free(dump);
        }
        return;
    }
}

static int other_run(const char *path, json_t *whole, const json_t *record, struct err *e)
{
    char what[64] = "", text[2][40] = {"something", "something else"};
    difference(whole, record, what, text);
    return err_set(
        e,
        "%s: of a run with other settings or other text (%s: expected %s, found %s): give "
        "another folder, or remove it",
        path, what, text[0], text[1]);
}

int train_record_read(const char *path, const struct train_whole *w, struct train_result *x,
                      struct err *e)
{
    json_t *j = json_record(path, FORMAT, "a training", e), *whole = train_whole_json(w);
    int status = j && whole ? 0 : j ? err_memory(e, path) : -1;
    if (!status && !(json_equal(json_object_get(whole, "run"), json_object_get(j, "run")) &&
                     json_equal(json_object_get(whole, "data"), json_object_get(j, "data"))))
        status = other_run(path, whole, j, e);
    const struct {
        const char *key;
        double *to;
        bool optional; /* null: not known */
    } reals[] = {{"loss", &x->loss, true},
                 {"error", &x->error, true},
                 {"train_loss", &x->train_loss, true},
                 {"N", &x->N, false},
                 {"D", &x->D, false},
                 {"unique_tokens", &x->unique, false},
                 {"flop_6nd", &x->flop_6nd, false},
                 {"flop", &x->flop, false},
                 {"seconds", &x->seconds, false}};
    const json_t *result = json_object_get(j, "result");
    for (size_t i = 0; i < sizeof reals / sizeof *reals && !status; i++) {
        const json_t *v = json_object_get(result, reals[i].key);
        if (!json_is_number(v) && !(reals[i].optional && json_is_null(v)))
            status =
                err_kind(e, ERR_DAMAGED, "%s: result: %s: expected a number", path, reals[i].key);
        *reals[i].to = json_is_number(v) ? json_number_value(v) : NAN;
    }
    json_decref(j);
    json_decref(whole);
    return status;
}
