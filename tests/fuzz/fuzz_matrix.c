/* Fuzz target: any bytes as a matrix, its record and a list of rows. The first two bytes say how many
 * of the rest are M.npy, the others are M.json, and M.npy is the list too. What is accepted can be read
 * through and counted.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/scan/matrix.h"
#include "src/scan/row_list.h"
#include "src/scan/token_histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/tripod-fuzz-XXXXXX", npy[64], json[64];

static void clean(void)
{
    unlink(npy);
    unlink(json);
    rmdir(folder);
}

static void put(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
}

static void check_error(const struct err *e)
{
    if (!e->text[0] || strchr(e->text, '\n')) abort();
}

static void histogram(const struct matrix *m)
{
    static const double quantile[] = {0.01, 0.5, 1};
    const struct histogram_request q = {
        .bins = 7, .lo = -1, .hi = 3, .unit = 0.7, .quantile = quantile, .quantiles = 3};
    struct histogram h;
    struct err e = {0};
    if (histogram_make(&h, m, &q, NULL, 0, &e)) check_error(&e);
    for (size_t j = 0; h.count && j < m->columns; j++) {
        uint64_t inside = 0;
        for (size_t i = 0; i < 7; i++) inside += h.count[j * 7 + i];
        if (inside != h.inside[j] || inside > m->rows) abort();
    }
    histogram_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct matrix m;
    struct row_list rows = {0};
    struct err e = {0};
    if (!npy[0]) {
        if (!mkdtemp(folder)) abort();
        snprintf(npy, sizeof npy, "%s/m.npy", folder);
        snprintf(json, sizeof json, "%s/m.json", folder);
        atexit(clean);
    }
    if (size < 2) return 0;
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    if (n > size - 2) n = size - 2;
    put(npy, data + 2, n);
    if (n < size - 2)
        put(json, data + 2 + n, size - 2 - n);
    else
        unlink(json);
    if (row_list_read(&rows, npy, 1000, 0, &e)) check_error(&e);
    for (size_t i = 0; i < rows.n; i++) {
        if (rows.row[i] >= 1000) abort();
    }
    row_list_free(&rows);
    if (matrix_open(&m, npy, &e)) {
        check_error(&e);
        return 0;
    }
    size_t column;
    for (size_t j = 0; j < m.columns && j < 4; j++) {
        if (matrix_find_column(&m, m.column[j].label, "column", &column, &e)) check_error(&e);
    }
    if (m.columns < 64) histogram(&m);
    matrix_close(&m);
    return 0;
}
