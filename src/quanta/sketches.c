/* sketches.c - see sketches.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/sketches.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- which parts --- */

/* The number of parts that the names in FOLDER speak of, the least of several; 0: there are none. */
static size_t parts_named(const char *folder)
{
    DIR *d = opendir(folder);
    size_t found = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        size_t i, n;
        int end = 0;
        if (sscanf(f->d_name, "gradients.shard-%zu-of-%zu.json%n", &i, &n, &end) == 2 && end &&
            !f->d_name[end] && n > 1 && (!found || n < found))
            found = n;
    }
    if (d) closedir(d);
    return found;
}

static int nothing_there(const char *folder, struct err *e)
{
    if (!directory_exists(folder))
        return err_kind(e, ERR_MISSING, "%s: expected a folder of gradients, found %s", folder,
                        file_exists(folder) ? "a file" : "nothing");
    char *part = gradients_path(folder, "sketch", "npy.partial", 0, 1);
    const bool started = part && file_exists(part);
    free(part);
    return err_kind(e, ERR_MISSING,
                    started
                        ? "%s: still being computed, or stopped: the command that began it goes "
                          "on with it"
                        : "%s: expected the gradients.json of `tripod quanta gradients`, found "
                          "none",
                    folder);
}

/* --- one part --- */

static int check_array(const struct npy *a, const char *path, size_t rows, size_t columns,
                       struct err *e)
{
    if (!strcmp(a->descr, "<f4") && a->rows == rows && a->columns == columns &&
        (uintptr_t)a->data % sizeof(float) == 0)
        return 0;
    return err_kind(e, ERR_DAMAGED,
                    "%s: expected float32 [%zu, %zu] by its record, found %s [%" PRIu64 ", %" PRIu64
                    "]",
                    path, rows, columns, a->descr, a->rows, a->columns);
}

static int open_part(struct sketches *s, size_t i, struct err *e)
{
    struct sketches_part *p = &s->part[i];
    char *path = gradients_path(s->folder, "gradients", "json", i, s->parts);
    int status = path ? 0 : err_memory(e, s->folder);
    if (!status && s->parts > 1 && !file_exists(path))
        status =
            err_kind(e, ERR_MISSING, "%s: not there: part %zu of %zu of the samples is missing",
                     path, i, s->parts);
    if (!status) status = gradients_record_read(&p->record, path, e);
    const struct gradients_record *r = &p->record, *first = &s->part[0].record;
    if (!status && !r->complete)
        status = err_set(e,
                         "%s: still being computed, or stopped: the command that began it goes on "
                         "with it",
                         path);
    if (!status && (r->shard != i || r->shards != s->parts))
        status = err_kind(e, ERR_DAMAGED, "%s: expected part %zu of %zu, found %zu of %zu", path, i,
                          s->parts, r->shard, r->shards);
    if (!status && gradients_key(r, true) != gradients_key(first, true))
        status = err_set(e, "%s: of another model, corpus, rows, coordinates or sketch than part 0",
                         path);
    const size_t begin = i ? s->part[i - 1].record.end : 0;
    if (!status && (r->first != begin || (i + 1 == s->parts && r->end != r->rows)))
        status = err_kind(e, ERR_DAMAGED,
                          "%s: expected samples from %zu%s, found %zu to %zu of %zu", path, begin,
                          i + 1 == s->parts ? " to the last" : "", r->first, r->end, r->rows);
    free(path);
    return status;
}

static int open_arrays(struct sketches *s, struct err *e)
{
    if (s->k && !(s->row = malloc(s->n * sizeof *s->row))) return err_memory(e, s->folder);
    for (size_t i = 0; i < s->parts; i++) {
        struct sketches_part *p = &s->part[i];
        const size_t rows = p->record.end - p->record.first;
        p->path = gradients_path(s->folder, s->k ? "sketch" : "exact", "npy", i, s->parts);
        if (!p->path) return err_memory(e, s->folder);
        if (npy_open(&p->sketch, p->path, e)) return -1;
        if (check_array(&p->sketch, p->path, rows, s->k ? s->k : s->n, e)) return -1;
        for (size_t r = 0; r < rows && s->k; r++)
            s->row[p->record.first + r] = (const float *)p->sketch.data + r * s->k;
    }
    if (!s->k) s->exact = s->part[0].sketch.data;
    return 0;
}

int sketches_open(struct sketches *s, const char *folder, struct err *e)
{
    *s = (struct sketches){.folder = strdup(folder)};
    char *whole = gradients_path(folder, "gradients", "json", 0, 1);
    int status = s->folder && whole ? 0 : err_memory(e, folder);
    if (!status) s->parts = file_exists(whole) ? 1 : parts_named(folder);
    free(whole);
    if (!status && !s->parts) status = nothing_there(folder, e);
    if (!status && !(s->part = calloc(s->parts, sizeof *s->part))) status = err_memory(e, folder);
    for (size_t i = 0; i < s->parts && !status; i++) status = open_part(s, i, e);
    if (!status) {
        s->n = s->part[0].record.rows;
        s->k = s->part[0].record.k;
        if (!s->k && s->parts > 1)
            status = err_kind(e, ERR_DAMAGED, "%s: exact cosines in parts", folder);
    }
    if (!status) status = open_arrays(s, e);
    if (status) sketches_close(s);
    return status;
}

void sketches_close(struct sketches *s)
{
    for (size_t i = 0; i < s->parts && s->part; i++) {
        npy_close(&s->part[i].sketch);
        gradients_record_free(&s->part[i].record);
        free(s->part[i].path);
    }
    free(s->part);
    free(s->row);
    free(s->folder);
    *s = (struct sketches){0};
}

/* --- which samples --- */

/* Numbers of WIDTH bytes to their places in ALL. */
static int read_list(const char *folder, const char *name, const char *descr, size_t width,
                     const struct gradients_record *r, void *all, struct err *e)
{
    const size_t n = r->end - r->first;
    struct npy a = {.data = NULL};
    if (!all) return 0;
    char *path = gradients_path(folder, name, "npy", r->shard, r->shards);
    int status = path ? npy_open(&a, path, e) : err_memory(e, folder);
    if (!status && (strcmp(a.descr, descr) || a.columns || a.rows != n))
        status = err_kind(e, ERR_DAMAGED,
                          "%s: expected %s [%zu] by its record, found %s [%" PRIu64 "%s]", path,
                          descr, n, a.descr, a.rows, a.columns ? ", ..." : "");
    if (!status) memcpy((char *)all + r->first * width, a.data, n * width);
    if (a.data) npy_close(&a);
    free(path);
    return status;
}

int sketches_samples(const char *folder, const struct gradients_record *r, uint64_t *row,
                     float *loss, struct err *e)
{
    if (read_list(folder, "rows", "<i8", sizeof *row, r, row, e)) return -1;
    return read_list(folder, "losses", "<f4", sizeof *loss, r, loss, e);
}

/* --- rows --- */

/* What sample I's sketch cannot be used for, with its place in its file. */
static int refuse_row(const struct sketches *s, size_t i, struct err *e)
{
    const struct sketches_part *p = s->part;
    while (p->record.end <= i) p++;
    const size_t row = i - p->record.first;
    for (size_t c = 0; c < s->k; c++)
        if (!isfinite(s->row[i][c]))
            return err_kind(e, ERR_DAMAGED, "%s: row %zu, column %zu: expected a number, found %g",
                            p->path, row, c, (double)s->row[i][c]);
    return err_kind(e, ERR_DAMAGED, "%s: row %zu: a sketch of zeros", p->path, row);
}

/* In 8 sums, so that it is not one long chain. */
static double square(const float *v, size_t n)
{
    double sum[8] = {0};
    for (size_t i = 0; i < n; i++) sum[i % 8] += (double)v[i] * (double)v[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static int row_norms(const struct sketches *s, size_t i, double norms[3], struct err *e)
{
    const float *row = s->row[i];
    const double a = square(row, s->k / 2), b = square(row + s->k / 2, s->k / 2);
    norms[0] = sqrt(a);
    norms[1] = sqrt(b);
    norms[2] = sqrt(a + b);
    /* Finite floats have a finite sum of squares in double. */
    return norms[2] > 0 && isfinite(norms[2]) ? 0 : refuse_row(s, i, e);
}

int sketches_norms(const struct sketches *s, const size_t *sample, size_t n, double (*norms)[3],
                   struct err *e)
{
    int status = 0;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        struct err mine;
        if (!err_status(&status) && row_norms(s, sample ? sample[i] : i, norms[i], &mine))
            err_first(e, &status, &mine);
    }
    return status;
}
