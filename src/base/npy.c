/* npy.c - see npy.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "\x93NUMPY\x01";

void npy_header(char header[NPY_HEADER], const char *descr, uint64_t rows, uint64_t columns)
{
    char shape[64], text[NPY_HEADER];
    if (columns)
        snprintf(shape, sizeof shape, "(%" PRIu64 ", %" PRIu64 ")", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%" PRIu64 ",)", rows);
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
             shape);
    memset(header, ' ', NPY_HEADER);
    memcpy(header, magic, sizeof magic);
    header[8] = NPY_HEADER - 10;
    header[9] = 0;
    memcpy(header + 10, text, strlen(text));
    header[NPY_HEADER - 1] = '\n';
}

int npy_save(const char *path, const char *descr, uint64_t rows, uint64_t columns, const void *data,
             size_t bytes, struct err *e)
{
    struct out out;
    char header[NPY_HEADER];
    npy_header(header, descr, rows, columns);
    if (out_open(&out, path, e)) return -1;
    if (!out_write(&out, header, sizeof header, e) && !out_write(&out, data, bytes, e))
        return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

/* The text after 'KEY': in the header's dictionary, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    const char *p = strstr(text, key);
    if (!p) return NULL;
    p += strlen(key);
    p += strspn(p, " ");
    if (*p != ':') return NULL;
    p++;
    return p + strspn(p, " ");
}

static int parse_shape(const char *p, struct npy *a)
{
    uint64_t dims[2] = {0, 0};
    int n = 0;
    if (*p++ != '(') return -1;
    for (;;) {
        p += strspn(p, " ");
        if (*p == ')') break;
        if (n == 2 || *p < '0' || *p > '9') return -1;
        char *end;
        dims[n] = strtoull(p, &end, 10);
        if (dims[n] > UINT64_C(1) << 56) return -1;
        n++;
        p = end + strspn(end, " ");
        if (*p == ',')
            p++;
        else if (*p != ')')
            return -1;
    }
    if (n == 0 || (n == 2 && dims[1] == 0)) return -1;
    a->rows = dims[0];
    a->columns = n == 2 ? dims[1] : 0;
    return 0;
}

static int parse_header(struct npy *a, const char *path, struct err *e)
{
    const uint8_t *p = a->map.data;
    if (a->map.size < 10 || memcmp(p, magic, 6))
        return err_set(e, "%s: byte 0: expected an .npy file, found something else", path);
    size_t start, length;
    if (p[6] == 1) {
        start = 10;
        length = (size_t)p[8] | (size_t)p[9] << 8;
    } else if (p[6] <= 3 && a->map.size >= 12) {
        start = 12;
        length = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    } else {
        return err_set(e, "%s: byte 6: expected .npy version 1 to 3, found %u", path, p[6]);
    }
    if (length > 65536 || length > a->map.size - start)
        return err_kind(e, ERR_DAMAGED, "%s: byte 8: header of %zu bytes does not fit in the file",
                        path, length);
    char *text = strndup((const char *)p + start, length);
    if (!text) return err_memory(e, path);
    const char *descr = value_of(text, "'descr'"), *order = value_of(text, "'fortran_order'"),
               *shape = value_of(text, "'shape'");
    int status = 0;
    if (!descr || !order || !shape || *descr != '\'')
        status =
            err_kind(e, ERR_DAMAGED, "%s: byte %zu: the header's keys are missing", path, start);
    else if (strncmp(order, "False", 5))
        status = err_set(e, "%s: expected an array in C order, found Fortran order", path);
    else if (parse_shape(shape, a))
        status = err_set(e, "%s: expected one or two dimensions, found %.40s", path, shape);
    if (!status) {
        snprintf(a->descr, sizeof a->descr, "%.*s", (int)strcspn(descr + 1, "'"), descr + 1);
        a->width = strlen(a->descr) == 3 && strchr("<|", a->descr[0]) && strchr("fiu", a->descr[1])
                       ? (size_t)(a->descr[2] - '0')
                       : 0;
        if (!a->width || a->width > 8 || (a->width & (a->width - 1)))
            status =
                err_set(e, "%s: expected little-endian numbers, found type %s", path, a->descr);
    }
    free(text);
    if (status) return status;
    uint64_t elements;
    if (__builtin_mul_overflow(a->rows, a->columns ? a->columns : 1, &elements) ||
        elements > (a->map.size - start - length) / a->width ||
        elements * a->width != a->map.size - start - length)
        return err_kind(
            e, ERR_DAMAGED,
            "%s: expected %" PRIu64 " x %" PRIu64 " values of %zu bytes, found %zu bytes", path,
            a->rows, a->columns ? a->columns : 1, a->width, a->map.size - start - length);
    a->data = p + start + length;
    return 0;
}

int npy_open(struct npy *a, const char *path, struct err *e)
{
    *a = (struct npy){0};
    if (map_open(&a->map, path, e)) return -1;
    if (!parse_header(a, path, e)) return 0;
    npy_close(a);
    return -1;
}

void npy_close(struct npy *a)
{
    map_close(&a->map);
    *a = (struct npy){0};
}
