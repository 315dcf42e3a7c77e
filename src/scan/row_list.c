/* row_list.c - see row_list.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/row_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/npy.h"

int row_list_add(struct row_list *l, uint64_t row)
{
    if (l->n == l->room) {
        size_t room = 2 * l->room + 64;
        uint64_t *bigger = realloc(l->row, room * sizeof *bigger);
        if (!bigger) return -1;
        l->row = bigger;
        l->room = room;
    }
    l->row[l->n++] = row;
    return 0;
}

void row_list_free(struct row_list *l)
{
    free(l->row);
    *l = (struct row_list){0};
}

/* Element I; a negative one comes out as a very large row. */
static uint64_t element(const struct npy *a, size_t i)
{
    const char *p = (const char *)a->data + i * a->width;
    if (a->width == 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return v;
    }
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return a->descr[1] == 'i' ? (uint64_t)(int64_t)(int32_t)v : v;
}

int row_list_read(struct row_list *l, const char *path, uint64_t rows, size_t first, struct err *e)
{
    struct npy a;
    if (npy_open(&a, path, e)) return -1;
    int status = 0;
    if (a.descr[1] == 'f' || a.width < 4 || a.columns)
        status = err_set(e, "%s: expected one dimension of int64 rows, found type %s%s", path,
                         a.descr, a.columns ? " in two" : "");
    size_t n = first && first < a.rows ? first : (size_t)a.rows;
    for (size_t i = 0; i < n && !status; i++) {
        uint64_t row = element(&a, i);
        if (row >= rows)
            status = err_set(e, "%s: element %zu: expected a row 0 to %" PRIu64 ", found %" PRId64,
                             path, i, rows - 1, (int64_t)row);
        else if (row_list_add(l, row))
            status = err_memory(e, path);
    }
    npy_close(&a);
    return status;
}

int row_file_open(struct row_file *f, const char *directory, const char *name, struct err *e)
{
    *f = (struct row_file){.out.slot = -1};
    char header[NPY_HEADER] = {0}, *path = format_string("%s/%s.npy", directory, name);
    if (!path) return err_memory(e, directory);
    int status = out_open(&f->out, path, e);
    free(path);
    return status ? status : out_write(&f->out, header, sizeof header, e);
}

int row_file_add(struct row_file *f, const uint64_t *rows, size_t n, struct err *e)
{
    f->n += n;
    return n ? out_write(&f->out, rows, n * sizeof *rows, e) : 0;
}

int row_file_commit(struct row_file *f, struct err *e)
{
    char header[NPY_HEADER];
    npy_header(header, "<i8", f->n, 0);
    if (fseek(f->out.file, 0, SEEK_SET)) return err_errno(e, "%s: cannot write", f->out.path);
    if (out_write(&f->out, header, sizeof header, e)) return -1;
    return out_commit(&f->out, e);
}

void row_file_abort(struct row_file *f)
{
    if (f->out.file) out_abort(&f->out);
}
