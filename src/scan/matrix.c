/* matrix.c - see matrix.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/matrix.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <jansson.h>

#include "simd/simd.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/text/visible.h"

enum {
    UNIT_BYTES = 1 << 20,  /* of a unit, at most (a row may be longer) */
    WAVE_BYTES = 64 << 20, /* mapped at a time, at most (a unit a thread may be more) */
    THREAD_UNITS = 32,     /* of a wave, so that no thread waits long for the last */
    MOST_COLUMNS = 1 << 20,
};

/* --- the record beside it --- */

static int take_text(char **out, const json_t *o, const char *key, const char *path, struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_string(v)) return err_kind(e, ERR_DAMAGED, "%s: %s: expected a string", path, key);
    *out = strdup(json_string_value(v));
    return *out ? 0 : err_memory(e, path);
}

/* TEXT as it may be shown on a terminal: a record can come from anywhere. */
static char *shown(const char *text)
{
    struct bytes b = {0};
    if (!visible_append(&b, text, strlen(text), VISIBLE_LINE) && !bytes_append(&b, "", 1))
        return (char *)b.data;
    bytes_free(&b);
    return NULL;
}

static int take_column(struct matrix_column *c, const json_t *o, const char *path, struct err *e)
{
    const json_t *step = json_object_get(o, "step"), *n = json_object_get(o, "parameters");
    char *model;
    if (take_text(&model, o, "model", path, e)) return -1;
    c->model = shown(model);
    free(model);
    if (!c->model) return err_memory(e, path);
    if (json_is_integer(step) && json_integer_value(step) >= 0) c->step = json_integer_value(step);
    double parameters = json_number_value(n);
    if (parameters > 0) c->parameters = parameters;
    return 0;
}

static int take_record(struct matrix *m, const json_t *o, const char *path, struct err *e)
{
    const char *format = json_string_value(json_object_get(o, "format"));
    bool one = format && !strcmp(format, "tripod-losses 1");
    if (!format || (!one && strcmp(format, "tripod-matrix 1")))
        return err_set(e,
                       "%s: format: expected \"tripod-matrix 1\" or \"tripod-losses 1\", found %s",
                       path, format ? format : "none");
    const json_t *columns = json_object_get(o, "columns");
    if (!one && !json_is_array(columns))
        return err_kind(e, ERR_DAMAGED, "%s: columns: expected a list", path);
    size_t n = one ? 1 : json_array_size(columns);
    if (n != m->columns)
        return err_set(e, "%s: expected a record of the %zu column%s of %s, found %zu", path,
                       m->columns, m->columns == 1 ? "" : "s", m->path, n);
    if (take_text(&m->corpus_hash, o, "corpus_hash", path, e) ||
        take_text(&m->protocol, o, "protocol", path, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (take_column(&m->column[i], one ? o : json_array_get(columns, i), path, e)) return -1;
    }
    return 0;
}

static int read_record(struct matrix *m, struct err *e)
{
    size_t length = strlen(m->path);
    if (length < 5 || strcmp(m->path + length - 4, ".npy")) return 0;
    char *path = format_string("%.*s.json", (int)length - 4, m->path);
    if (!path) return err_memory(e, m->path);
    int status = 0;
    if (file_exists(path)) {
        json_error_t why;
        json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
        status = o ? take_record(m, o, path, e)
                   : err_kind(e, ERR_DAMAGED, "%s: line %d: %s", path, why.line, why.text);
        json_decref(o);
    }
    free(path);
    return status;
}

/* Bytes of TEXT that are at most MOST and end between characters. */
static int cut(const char *text, size_t most)
{
    size_t n = strlen(text);
    if (n > most) n = most;
    while (text[n] && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    return (int)n;
}

static void label_columns(struct matrix *m)
{
    for (size_t i = 0; i < m->columns; i++) {
        struct matrix_column *c = &m->column[i];
        char step[32] = "";
        if (c->step >= 0) snprintf(step, sizeof step, "-step%" PRId64, c->step);
        if (c->model)
            snprintf(c->label, sizeof c->label, "%.*s%s", cut(c->model, 40), c->model, step);
        else if (c->parameters > 0)
            snprintf(c->label, sizeof c->label, "N %.15g%s", c->parameters, step);
        else
            snprintf(c->label, sizeof c->label, "column %zu%s", i, step);
    }
}

int matrix_open(struct matrix *m, const char *path, struct err *e)
{
    *m = (struct matrix){.path = strdup(path)};
    if (!m->path) return err_memory(e, path);
    int status = npy_open(&m->npy, path, e);
    if (!status) {
        m->rows = m->npy.rows;
        m->columns = m->npy.columns ? (size_t)m->npy.columns : 1;
        m->wide = !strcmp(m->npy.descr, "<f8");
        if (!m->wide && strcmp(m->npy.descr, "<f4"))
            status = err_set(e, "%s: expected float32 or float64 losses, found type %s", path,
                             m->npy.descr);
        else if (m->rows == 0)
            status = err_set(e, "%s: no losses: the array has no rows", path);
        else if (m->columns > MOST_COLUMNS)
            status = err_set(e, "%s: expected at most %d columns, found %zu", path, MOST_COLUMNS,
                             m->columns);
    }
    if (!status) {
        m->column = calloc(m->columns, sizeof *m->column);
        if (!m->column) status = err_memory(e, path);
    }
    for (size_t i = 0; !status && i < m->columns; i++) {
        m->column[i].step = -1;
        m->column[i].parameters = NAN;
    }
    if (!status) status = read_record(m, e);
    if (status) {
        matrix_close(m);
        return -1;
    }
    label_columns(m);
    return 0;
}

void matrix_close(struct matrix *m)
{
    for (size_t i = 0; m->column && i < m->columns; i++) free(m->column[i].model);
    free(m->column);
    free(m->path);
    free(m->corpus_hash);
    free(m->protocol);
    npy_close(&m->npy);
    *m = (struct matrix){0};
}

int matrix_describe(struct matrix *m, const double *n, size_t count, int64_t step, struct err *e)
{
    if (count && count != m->columns)
        return err_set(e, "%s: --N: expected %zu sizes, one a column, found %zu", m->path,
                       m->columns, count);
    for (size_t i = 0; i < m->columns; i++) {
        if (count) m->column[i].parameters = n[i];
        if (step >= 0 && m->column[i].step < 0) m->column[i].step = step;
    }
    label_columns(m);
    return 0;
}

int matrix_find_column(const struct matrix *m, const char *text, const char *what, size_t *column,
                       struct err *e)
{
    uint64_t number;
    size_t found = 0;
    struct err ignored;
    if (!parse_count(text, what, 0, m->columns - 1, &number, &ignored)) {
        *column = (size_t)number;
        return 0;
    }
    for (size_t i = 0; i < m->columns; i++) {
        const struct matrix_column *c = &m->column[i];
        if (!strcmp(c->label, text)) {
            *column = i;
            return 0;
        }
        if (c->model && !strcmp(c->model, text)) {
            *column = i;
            found++;
        }
    }
    if (found == 1) return 0;
    return err_set(e, "%s: %s: expected a column 0 to %zu or its name (%s ...), found '%s'%s",
                   m->path, what, m->columns - 1, m->column[0].label, text,
                   found ? ", which several columns have" : "");
}

const void *matrix_at(const struct matrix *m, uint64_t row)
{
    return (const char *)m->npy.data + row * m->columns * m->npy.width;
}

void matrix_row(const struct matrix *m, const void *values, size_t r, double *row)
{
    for (size_t c = 0; c < m->columns; c++) row[c] = matrix_value(m, values, r * m->columns + c);
}

/* --- the pass --- */

size_t matrix_unit_rows(const struct matrix *m)
{
    static const size_t sizes[] = {10000, 5000, 2500, 1000, 500, 250, 100, 50, 20, 10, 5, 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] * m->columns * m->npy.width <= UNIT_BYTES) return sizes[i];
    }
    return 1;
}

size_t matrix_slots(const struct matrix *m)
{
    size_t threads = (size_t)omp_get_max_threads(), slots = threads * THREAD_UNITS;
    size_t fit = WAVE_BYTES / (matrix_unit_rows(m) * m->columns * m->npy.width);
    if (slots > fit) slots = fit;
    return slots > threads ? slots : threads;
}

static struct matrix_unit unit_at(const struct matrix *m, uint64_t rows, uint64_t unit)
{
    const size_t most = matrix_unit_rows(m);
    struct matrix_unit u = {.first = unit * most, .n = most};
    if (u.n > rows - u.first) u.n = (size_t)(rows - u.first);
    u.values = matrix_at(m, u.first);
    return u;
}

/* Whole huge pages of 2 MB, since cutting one up costs more than reading it. */
static void drop_pages(const struct matrix *m, uint64_t from, uint64_t to)
{
    const uintptr_t huge = 2 << 20, map = (uintptr_t)m->npy.map.data;
    uintptr_t a = (uintptr_t)matrix_at(m, from) / huge * huge,
              b = (uintptr_t)matrix_at(m, to) / huge * huge;
    if (a < map) a = map;
    if (a < b) madvise((void *)a, b - a, MADV_DONTNEED);
}

void matrix_drop(const struct matrix *m, uint64_t row)
{
    drop_pages(m, 0, row);
}

/* Room for a unit of each thread by columns; NULL where none wants that or it cannot be had. */
static float *column_room(const struct matrix *m, const struct matrix_visitor *visitors, size_t n)
{
    bool wanted = false;
    for (size_t v = 0; v < n; v++) wanted = wanted || visitors[v].columns;
    if (!wanted || m->wide || (uintptr_t)m->npy.data % sizeof(float)) return NULL;
    return malloc((size_t)omp_get_max_threads() * matrix_unit_rows(m) * m->columns * sizeof(float));
}

/* U by columns too, in this thread's part of ROOM. */
static void turn(struct matrix_unit *u, const struct matrix *m, const struct kernels *kernels,
                 float *room)
{
    u->stride = matrix_unit_rows(m);
    float *columns = room + (size_t)omp_get_thread_num() * u->stride * m->columns;
    kernels->columns(columns, u->stride, u->values, u->n, m->columns);
    u->columns = columns;
}

int matrix_pass(const struct matrix *m, uint64_t rows, const struct matrix_visitor *visitors,
                size_t n, struct err *e)
{
    if (rows == 0 || rows > m->rows) rows = m->rows;
    const size_t most = matrix_unit_rows(m), slots = matrix_slots(m);
    const uint64_t units = (rows + most - 1) / most;
    const struct kernels *kernels = simd_best();
    float *room = column_room(m, visitors, n);
    int failed = 0, status = 0;
    madvise((void *)(uintptr_t)m->npy.map.data, m->npy.map.size, MADV_SEQUENTIAL);
    progress_begin("tokens", "rows", rows);
    for (uint64_t first = 0; first < units && !status; first += slots) {
        const size_t wave = units - first < slots ? (size_t)(units - first) : slots;
#pragma omp parallel for schedule(dynamic, 1) reduction(| : failed)
        for (size_t slot = 0; slot < wave; slot++) {
            struct matrix_unit u = unit_at(m, rows, first + slot);
            if (room) turn(&u, m, kernels, room);
            for (size_t v = 0; v < n; v++) {
                if (visitors[v].unit && visitors[v].unit(visitors[v].context, slot, &u)) failed = 1;
            }
            progress_add(u.n);
        }
        if (failed) status = err_memory(e, m->path);
        for (size_t slot = 0; slot < wave && !status; slot++) {
            struct matrix_unit u = unit_at(m, rows, first + slot);
            for (size_t v = 0; v < n && !status; v++) {
                if (visitors[v].merge) status = visitors[v].merge(visitors[v].context, slot, &u, e);
            }
        }
        uint64_t end = (first + wave) * most;
        drop_pages(m, first * most, end < rows ? end : rows);
    }
    progress_end();
    free(room);
    return status;
}
