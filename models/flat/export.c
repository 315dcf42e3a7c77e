/* export.c - see export.h.
 *
 * A safetensors file is a u64, a JSON directory of that many bytes, and the tensors back to back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/bytes.h"
#include "models/flat/elements.h"
#include "models/flat/sources.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"

enum { CHUNK = 1 << 18 /* elements written at a time, at least a row */ };

/* One tensor of the checkpoint: rows of a flat one. */
struct piece {
    struct neox_tensor is;
    const struct flat_tensor *from;
    size_t part; /* its place among those that make up FROM */
    enum simd_dtype dtype;
};

struct export
{
    const struct flat_model *m;
    struct piece *pieces;
    size_t n;
    struct out out;
    uint8_t *rows, *converted;
    float *scratch;
};

static int list_pieces(struct export *x, int dtype, struct err *e)
{
    const struct neox_config *c = &x->m->config;
    x->pieces = calloc(x->m->tensor_count * SOURCES_MOST, sizeof *x->pieces);
    if (!x->pieces) return err_memory(e, x->m->path);
    for (size_t i = 0; i < x->m->tensor_count; i++) {
        struct neox_tensor ours, theirs[SOURCES_MOST];
        neox_tensor_at(c, i, &ours);
        if (c->tied_embeddings && i == x->m->tensor_count - 1) continue; /* the embedding's copy */
        const struct flat_tensor *from = &x->m->tensors[i];
        for (size_t k = 0, parts = sources_names(theirs, c, &ours); k < parts; k++)
            x->pieces[x->n++] =
                (struct piece){.is = theirs[k],
                               .from = from,
                               .part = k,
                               .dtype = dtype < 0 ? from->dtype : (enum simd_dtype)dtype};
    }
    return 0;
}

static uint64_t piece_bytes(const struct piece *p)
{
    return (uint64_t)p->is.rows * p->is.columns * simd_dtype_bytes(p->dtype);
}

static int write_directory(struct export *x, uint64_t *bytes, struct err *e)
{
    static const char *const types[] = {"F32", "F16", "BF16"}; /* enum simd_dtype */
    const struct flat_model *m = x->m;
    char step[32];
    uint8_t length[8];
    uint64_t at = 0;
    snprintf(step, sizeof step, "%" PRId64, m->step);
    json_t *directory =
        json_pack("{s:{s:s, s:s, s:o, s:s}}", "__metadata__", "format", "pt", "tripod",
                  TRIPOD_VERSION, "model", json_utf8(m->name), "step", step);
    for (size_t i = 0; i < x->n; i++) {
        const struct piece *p = &x->pieces[i];
        const json_int_t end = (json_int_t)(at + piece_bytes(p));
        json_t *shape =
            p->is.vector ? json_pack("[I]", (json_int_t)p->is.columns)
                         : json_pack("[I, I]", (json_int_t)p->is.rows, (json_int_t)p->is.columns);
        json_object_set_new(directory, p->is.name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[p->dtype], "shape",
                                      shape, "data_offsets", (json_int_t)at, end));
        at = (uint64_t)end;
    }
    char *text = directory ? json_dumps(directory, JSON_COMPACT) : NULL;
    json_decref(directory);
    if (!text) return err_memory(e, x->out.path);
    const size_t n = strlen(text), padded = (n + 7) / 8 * 8; /* the data are aligned, too */
    put64(length, padded);
    int status = out_write(&x->out, length, sizeof length, e);
    if (!status) status = out_write(&x->out, text, n, e);
    if (!status && padded > n) status = out_write(&x->out, "       ", padded - n, e);
    free(text);
    *bytes = sizeof length + padded + at;
    return status;
}

/* The row of the flat tensor that is row R of the piece; of a vector, the element. */
static size_t flat_row(const struct export *x, const struct piece *p, size_t r)
{
    const struct neox_config *c = &x->m->config;
    if (!p->is.qkv) return p->part * (p->is.vector ? p->is.columns : p->is.rows) + r;
    const size_t head = r / c->head_size / 3, which = r / c->head_size % 3, dim = r % c->head_size;
    return which * c->hidden + head * c->head_size + dim;
}

/* Rows FIRST .. FIRST + n of a matrix, or elements of a vector, back to back as they are stored. */
static void collect(struct export *x, const struct piece *p, size_t first, size_t n)
{
    const size_t size = simd_dtype_bytes(p->from->dtype);
    const size_t columns = p->is.vector ? 1 : p->is.columns;
    const uint8_t *data = p->from->data;
    uint8_t *out = x->rows;
    for (size_t r = first; r < first + n; r++) {
        const size_t row = flat_row(x, p, r);
        const bool panels = p->from->layout == FLAT_PANELS;
        const uint8_t *from =
            data +
            (panels ? row / SIMD_PANEL * columns * SIMD_PANEL + row % SIMD_PANEL : row * columns) *
                size;
        for (size_t k = 0; k < columns && panels; k++)
            memcpy(out + k * size, from + k * SIMD_PANEL * size, size);
        if (!panels) memcpy(out, from, columns * size);
        out += columns * size;
    }
}

static int write_piece(struct export *x, const struct piece *p, struct err *e)
{
    const size_t columns = p->is.vector ? 1 : p->is.columns;
    const size_t rows = p->is.vector ? p->is.columns : p->is.rows;
    const size_t step = columns < CHUNK ? CHUNK / columns : 1;
    for (size_t first = 0; first < rows; first += step) {
        const size_t n = rows - first < step ? rows - first : step, count = n * columns;
        collect(x, p, first, n);
        elements_convert(x->converted, p->dtype, x->rows, p->from->dtype, count, x->scratch);
        const size_t bad = elements_not_finite(x->converted, p->dtype, count);
        if (bad < count)
            return err_kind(e, ERR_DAMAGED, "%s: %s: row %zu: expected finite numbers of type %s",
                            x->m->path, p->is.name, first + bad / columns,
                            flat_dtype_name(p->dtype));
        if (out_write(&x->out, x->converted, count * simd_dtype_bytes(p->dtype), e)) return -1;
        progress_add(count * simd_dtype_bytes(p->from->dtype));
    }
    return 0;
}

static int write_weights(struct export *x, const char *path, uint64_t *bytes, struct err *e)
{
    size_t most = CHUNK;
    for (size_t i = 0; i < x->n; i++)
        if (!x->pieces[i].is.vector && x->pieces[i].is.columns > most)
            most = x->pieces[i].is.columns;
    x->rows = malloc(most * sizeof(float));
    x->converted = malloc(most * sizeof(float));
    x->scratch = malloc(most * sizeof(float));
    if (!x->rows || !x->converted || !x->scratch) return err_memory(e, path);
    if (out_open(&x->out, path, e)) return -1;
    int status = write_directory(x, bytes, e);
    if (status) return -1;
    progress_begin("export", "bytes", *bytes);
    progress_add((uint64_t)ftell(x->out.file)); /* the directory */
    for (size_t i = 0; i < x->n && !status; i++) status = write_piece(x, &x->pieces[i], e);
    progress_end();
    return status ? -1 : out_commit(&x->out, e);
}

/* The element type of config.json: that of the first matrix of a product. */
static const char *type_name(const struct export *x)
{
    static const char *const names[] = {"float32", "float16", "bfloat16"};
    for (size_t i = 0; i < x->n; i++)
        if (x->pieces[i].from->layout == FLAT_PANELS) return names[x->pieces[i].dtype];
    return names[x->pieces[0].dtype];
}

static int write_config(const struct export *x, const char *path, int64_t end, struct err *e)
{
    char *text = neox_config_text(&x->m->config, type_name(x), end);
    struct out out = {.slot = -1};
    int status = text ? out_open(&out, path, e) : err_memory(e, path);
    if (!status) status = out_printf(&out, e, "%s\n", text);
    free(text);
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

int model_export(const struct flat_model *m, const char *folder, const struct export_options *o,
                 struct export_result *result, struct err *e)
{
    struct export x = {.m = m, .out = {.slot = -1}};
    char *config = format_string("%s/config.json", folder),
         *weights = format_string("%s/model.safetensors", folder);
    uint64_t bytes = 0;
    int status = config && weights ? 0 : err_memory(e, folder);
    if (!status && m->packed)
        status = err_set(e,
                         "%s: its weights are packed 16-bit integers: export the model they were "
                         "made of",
                         m->path);
    if (!status && (file_exists(config) || checkpoint_exists(folder)))
        status = err_set(e, "%s: has a model already: give another folder", folder);
    if (!status) status = flat_verify(m, e);
    if (!status) status = make_directories(folder, e);
    if (!status) status = list_pieces(&x, o->dtype, e);
    if (!status) status = write_weights(&x, weights, &bytes, e);
    if (!status && (status = write_config(&x, config, o->end, e))) unlink(weights);
    if (result) *result = (struct export_result){x.n, bytes};
    out_abort(&x.out);
    free(x.rows);
    free(x.converted);
    free(x.scratch);
    free(x.pieces);
    free(config);
    free(weights);
    return status;
}
