/* gather_matrix.c - the (tokens x checkpoints) matrix of gather.h, written by all threads a block of rows
 * at a time, so that it may be larger than memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/scan/gather.h"
#include "src/scan/loss_column.h"

enum {
    BLOCK_BYTES = 8 << 20, /* written at a time: the page cache then has it in large pages */
    TILE = 1024,           /* rows of a column that are in the cache with the block's */
};

struct matrix_file {
    struct loss_column *columns;
    size_t n;
    uint64_t rows;
    size_t block; /* rows */
    struct out out;
};

static int write_block(const struct matrix_file *m, uint64_t row, float *block, struct err *e)
{
    size_t some = m->rows - row < m->block ? (size_t)(m->rows - row) : m->block;
    for (size_t at = 0; at < some; at += TILE) {
        size_t n = some - at < TILE ? some - at : TILE;
        for (size_t j = 0; j < m->n; j++)
            loss_column_copy(&m->columns[j], row + at, n, block + at * m->n + j, m->n);
    }
    for (size_t j = 0; j < m->n; j++) loss_column_drop(&m->columns[j], row, some);
    const uint64_t width = m->n * sizeof *block;
    progress_add(some);
    return write_at(fileno(m->out.file), block, some * width, NPY_HEADER + row * width)
               ? err_errno(e, "%s: cannot write", m->out.path)
               : 0;
}

static int write_rows(struct matrix_file *m, struct err *e)
{
    const int64_t blocks = (int64_t)((m->rows + m->block - 1) / m->block);
    int status = 0;
    progress_begin("matrix", "rows", m->rows);
#pragma omp parallel
    {
        float *block = malloc(m->block * m->n * sizeof *block);
        struct err mine;
        int bad = block ? 0 : err_memory(&mine, m->out.path);
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < blocks; i++)
            if (!bad && !err_status(&status))
                bad = write_block(m, (uint64_t)i * m->block, block, &mine);
        if (bad) err_first(e, &status, &mine);
        free(block);
    }
    progress_end();
    return status;
}

static int write_names(const struct gathered *g, size_t first, size_t n, const char *path,
                       struct err *e)
{
    json_t *names = json_array();
    for (size_t i = first; i < first + n; i++)
        json_array_append_new(names, record_json(&g->checkpoints[i].whole, NULL));
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o}", "format", "tripod-matrix 1", "corpus_hash",
                          g->records[0].corpus_hash, "protocol", g->records[0].protocol, "columns",
                          names, "provenance", provenance_json());
    return json_save(path, o, e);
}

int gather_matrix(const struct gathered *g, size_t first, size_t n, const char *path, struct err *e)
{
    size_t length = strlen(path);
    if (length < 5 || strcmp(path + length - 4, ".npy"))
        return err_set(e, "%s: expected a name that ends in .npy", path);
    struct matrix_file m = {
        .columns = calloc(n, sizeof *m.columns),
        .n = n,
        .rows = (uint64_t)g->checkpoints[0].whole.moments.predictions,
        .block = (BLOCK_BYTES / (n * sizeof(float)) + TILE - 1) / TILE * TILE,
        .out = {.slot = -1},
    };
    int status = m.columns ? 0 : err_memory(e, NULL);
    for (size_t i = 0; i < n && !status; i++)
        status = loss_column_open(&m.columns[i], &g->checkpoints[first + i], e);
    if (!status) status = out_open(&m.out, path, e);
    if (!status) {
        char header[NPY_HEADER];
        npy_header(header, "<f4", m.rows, n);
        status = out_write(&m.out, header, sizeof header, e);
    }
    if (!status) status = write_rows(&m, e);
    char *names = format_string("%.*s.json", (int)length - 4, path);
    if (!status) status = names ? write_names(g, first, n, names, e) : err_memory(e, NULL);
    if (!status)
        status = out_commit(&m.out, e);
    else
        out_abort(&m.out);
    free(names);
    for (size_t i = 0; m.columns && i < n; i++) loss_column_close(&m.columns[i]);
    free(m.columns);
    return status;
}
