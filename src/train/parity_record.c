/* parity_record.c - see parity_record.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/base/provenance.h"

#define FORMAT "tripod-parity 1"
enum { MOST_LOGS = 1 << 24 };

json_t *parity_run_json(const struct parity_run *r)
{
#define I(v) (json_int_t)(v)
    const struct parity_shape *s = &r->shape;
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:{s:f, s:f, s:f, s:f, s:f}}",
                     "tasks", I(s->tasks), "n", I(s->n), "k", I(s->k), "zipf", s->zipf, "offset",
                     s->offset, "seed", I(s->seed), "width", I(r->width), "data", I(r->data),
                     "batch", I(r->batch), "steps", I(r->steps), "log", I(r->log), "test_points",
                     I(r->test_points), "task_points", I(r->task_points), "stop_from",
                     I(r->stop_from), "stop_rises", I(r->stop_rises), "adamw", "rate",
                     r->rates.rate, "beta1", r->rates.beta1, "beta2", r->rates.beta2, "epsilon",
                     r->rates.epsilon, "decay", r->rates.decay);
#undef I
}

int parity_settings_hash(const struct parity_run *r, uint64_t *hash, struct err *e)
{
    json_t *settings = parity_run_json(r);
    char *text = settings
                     ? json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17))
                     : NULL;
    json_decref(settings);
    if (!text) return err_memory(e, "settings");
    *hash = XXH3_64bits(text, strlen(text));
    free(text);
    return 0;
}

bool parity_record_is(const char *path)
{
    static const char member[] = "\"format\": \"tripod-parity ";
    struct err e;
    struct map m;
    if (map_open(&m, path, &e)) return false;
    const size_t some = m.size < 4096 ? m.size : 4096;
    const bool found = some && memmem(m.data, some, member, sizeof member - 1);
    map_close(&m);
    return found;
}

int parity_record_same(const char *path, const struct parity_run *r, struct err *e)
{
    json_t *found = json_record(path, FORMAT, "a parity run", e);
    if (!found) return -1;
    json_t *wanted = parity_run_json(r);
    int status = wanted ? 0 : err_memory(e, path);
    if (wanted && !json_equal(wanted, json_object_get(found, "parity")))
        status =
            err_set(e, "%s: of a run with other settings: give another folder, or remove it", path);
    json_decref(wanted);
    json_decref(found);
    return status;
}

/* PATH, which ends in .json, with another end. The caller frees. */
static char *beside(const char *path, const char *end)
{
    return format_string("%.*s%s", (int)(strlen(path) - strlen(".json")), path, end);
}

static int write_array(const char *path, const float *data, size_t rows, size_t columns,
                       struct err *e)
{
    return npy_save(path, "<f4", rows, columns, data, rows * columns * sizeof *data, e);
}

static int write_weights(const char *path, const struct parity_net *p, const struct parity_task *t,
                         struct err *e)
{
    const size_t rows = parity_net_rows(t);
    float *w = malloc(rows * p->width * sizeof *w);
    if (!w) return err_memory(e, path);
    for (size_t row = 0; row < rows; row++)
        for (size_t unit = 0; unit < p->width; unit++)
            w[row * p->width + unit] = p->w[parity_net_at(p, t, row, unit)];
    int status = write_array(path, w, rows, p->width, e);
    free(w);
    return status;
}

static json_t *reals(const double *v, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(a, json_finite(v[i]));
    return a;
}

int parity_record_write(const char *path, const struct parity_run *r, const struct parity_log *l,
                        const struct parity_net *p, const struct parity_task *t, struct err *e)
{
    char *matrix = beside(path, ".npy"), *weights = beside(path, "-weights.npy");
    const float *bias = p->w + p->blocks * p->block;
    int status = matrix && weights ? 0 : err_memory(e, path);
    if (!status) status = write_array(matrix, l->subtask, l->n, r->shape.tasks, e);
    if (!status) status = write_weights(weights, p, t, e);
    if (!status)
        status =
            json_save(path,
                      json_pack("{s:s, s:o, s:I, s:s, s:I, s:o, s:o, s:[o, o], s:I, s:f, s:o}",
                                "format", FORMAT, "parity", parity_run_json(r), "N",
                                (json_int_t)parity_parameters(&r->shape, r->width), "unit", "nats",
                                "steps_done", (json_int_t)p->steps, "mean", reals(l->mean, l->n),
                                "train", reals(l->train, l->n), "output_bias",
                                json_finite((double)bias[0]), json_finite((double)bias[1]),
                                "best_step", (json_int_t)(parity_log_best(l) * r->log), "seconds",
                                l->seconds, "provenance", provenance_json()),
                      e);
    free(matrix);
    free(weights);
    return status;
}

/* --- reading --- */

static int read_settings(struct parity_run *r, json_t *j, const char *path, struct err *e)
{
    json_int_t v[13];
    json_error_t bad;
    struct parity_shape *s = &r->shape;
    *r = (struct parity_run){.width = 0};
    if (json_unpack_ex(json_object_get(j, "parity"), &bad, 0,
                       "{s:I, s:I, s:I, s:F, s:F, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                       "s:I, s:{s:F, s:F, s:F, s:F, s:F}}",
                       "tasks", &v[0], "n", &v[1], "k", &v[2], "zipf", &s->zipf, "offset",
                       &s->offset, "seed", &v[3], "width", &v[4], "data", &v[5], "batch", &v[6],
                       "steps", &v[7], "log", &v[8], "test_points", &v[9], "task_points", &v[10],
                       "stop_from", &v[11], "stop_rises", &v[12], "adamw", "rate", &r->rates.rate,
                       "beta1", &r->rates.beta1, "beta2", &r->rates.beta2, "epsilon",
                       &r->rates.epsilon, "decay", &r->rates.decay))
        return err_kind(e, ERR_DAMAGED, "%s: parity: %s", path, bad.text);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        if (v[i] < 0)
            return err_kind(e, ERR_DAMAGED, "%s: parity: expected no negative number, found %lld",
                            path, (long long)v[i]);
    s->tasks = (size_t)v[0];
    s->n = (size_t)v[1];
    s->k = (size_t)v[2];
    s->seed = (uint64_t)v[3];
    r->width = (size_t)v[4];
    r->data = (uint64_t)v[5];
    r->batch = (size_t)v[6];
    r->steps = (size_t)v[7];
    r->log = (size_t)v[8];
    r->test_points = (uint64_t)v[9];
    r->task_points = (size_t)v[10];
    r->stop_from = (size_t)v[11];
    r->stop_rises = (size_t)v[12];
    if (!parity_shape_check(s, e) && !parity_run_check(r, e)) return 0;
    return err_prefix(e, "%s: parity", path);
}

/* json_finite's value: null is what was no number. */
static double known(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int read_reals(double **to, size_t *n, json_t *j, const char *key, const char *path,
                      struct err *e)
{
    const json_t *a = json_object_get(j, key);
    const size_t found = json_array_size(a);
    if (!json_is_array(a) || !found || found > MOST_LOGS)
        return err_kind(e, ERR_DAMAGED, "%s: %s: expected an array of 1 to %d numbers", path, key,
                        MOST_LOGS);
    if (*n && found != *n)
        return err_kind(e, ERR_DAMAGED, "%s: %s: expected %zu numbers, found %zu", path, key, *n,
                        found);
    *n = found;
    *to = malloc(found * sizeof **to);
    if (!*to) return err_memory(e, path);
    for (size_t i = 0; i < found; i++) (*to)[i] = known(json_array_get(a, i));
    return 0;
}

static int read_matrix(struct parity_log *l, size_t tasks, const char *path, struct err *e)
{
    struct npy a;
    if (npy_open(&a, path, e)) return -1;
    int status = 0;
    if (strcmp(a.descr, "<f4") || a.rows != l->n || a.columns != tasks)
        status = err_kind(e, ERR_DAMAGED,
                          "%s: expected float32 [%zu, %zu] by the record, found %s [%" PRIu64
                          ", %" PRIu64 "]",
                          path, l->n, tasks, a.descr, a.rows, a.columns);
    if (!status) {
        l->subtask = malloc(l->n * tasks * sizeof *l->subtask);
        if (l->subtask)
            memcpy(l->subtask, a.data, l->n * tasks * sizeof *l->subtask);
        else
            status = err_memory(e, path);
    }
    npy_close(&a);
    return status;
}

int parity_run_read(struct parity_run *r, struct parity_log *l, const char *path, struct err *e)
{
    *l = (struct parity_log){.n = 0};
    const size_t length = strlen(path);
    if (length < 6 || strcmp(path + length - 5, ".json"))
        return err_set(e, "%s: expected the record of a parity run, NAME.json", path);
    json_t *j = json_record(path, FORMAT, "a parity run", e);
    char *matrix = beside(path, ".npy");
    int status = j ? 0 : -1;
    if (!status && !matrix) status = err_memory(e, path);
    if (!status) status = read_settings(r, j, path, e);
    if (!status) status = read_reals(&l->mean, &l->n, j, "mean", path, e);
    if (!status) status = read_reals(&l->train, &l->n, j, "train", path, e);
    if (!status) status = read_matrix(l, r->shape.tasks, matrix, e);
    json_decref(j);
    free(matrix);
    if (status) parity_log_free(l);
    return status;
}

int parity_run_weights(struct parity_net *p, const struct parity_task *t, const char *path,
                       struct err *e)
{
    char *file = beside(path, "-weights.npy");
    const size_t rows = parity_net_rows(t);
    float *tail = p->w + p->blocks * p->block;
    struct npy a;
    json_t *j = file ? json_record(path, FORMAT, "a parity run", e) : NULL;
    const json_t *bias = json_object_get(j, "output_bias");
    int status = j ? 0 : file ? -1 : err_memory(e, path);
    size_t numbers = 0;
    for (size_t i = 0; i < json_array_size(bias); i++) {
        const json_t *v = json_array_get(bias, i);
        numbers += json_is_number(v) || json_is_null(v);
    }
    if (!status && (numbers != 2 || json_array_size(bias) != 2))
        status = err_kind(e, ERR_DAMAGED, "%s: output_bias: expected two numbers", path);
    if (!status && !npy_open(&a, file, e)) {
        const float *w = a.data;
        if (strcmp(a.descr, "<f4") || a.rows != rows || a.columns != p->width)
            status = err_kind(e, ERR_DAMAGED,
                              "%s: expected float32 [%zu, %zu] by the record, found %s [%" PRIu64
                              ", %" PRIu64 "]",
                              file, rows, p->width, a.descr, a.rows, a.columns);
        for (size_t row = 0; row < rows && !status; row++)
            for (size_t unit = 0; unit < p->width; unit++)
                memcpy(&p->w[parity_net_at(p, t, row, unit)], &w[row * p->width + unit], sizeof *w);
        npy_close(&a);
        for (size_t i = 0; i < 2; i++) tail[i] = (float)known(json_array_get(bias, i));
    } else if (!status) {
        status = -1;
    }
    json_decref(j);
    free(file);
    return status;
}
