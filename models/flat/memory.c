/* memory.c - see memory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/memory.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/flat/elements.h"

enum { ALIGNED = 16 /* floats: 64 bytes */, CHUNK = 1 << 16 /* floats narrowed at a time */ };

static size_t tensor_floats(const struct neox_tensor *t)
{
    const size_t n = (size_t)(flat_tensor_bytes(t, SIMD_F32) / sizeof(float));
    return (n + ALIGNED - 1) / ALIGNED * ALIGNED;
}

uint64_t flat_floats_count(const struct neox_config *config)
{
    uint64_t count = 0;
    struct neox_tensor t;
    for (size_t i = 0, n = neox_tensor_count(config); i < n; i++) {
        neox_tensor_at(config, i, &t);
        count += tensor_floats(&t);
    }
    return count;
}

/* Their names stand behind the floats. */
int flat_make(struct flat_model *m, const struct neox_config *config, const char *path,
              struct err *e)
{
    *m = (struct flat_model){0};
    if (neox_config_check(config, e)) return err_prefix(e, "%s", path);
    struct neox_tensor is;
    const size_t count = neox_tensor_count(config);
    const uint64_t data = flat_floats_count(config) * sizeof(float);
    *m = (struct flat_model){.config = *config,
                             .path = strdup(path),
                             .name = strdup(""),
                             .step = -1,
                             .parameters = neox_parameters(config, false),
                             .parameters_total = neox_parameters(config, true),
                             .tokens_seen = -1,
                             .tensors = calloc(count, sizeof *m->tensors),
                             .provenance = json_object()};
    if (data < SIZE_MAX / 2) m->memory = flat_memory_new((size_t)data + count * sizeof is.name);
    if (!m->path || !m->name || !m->tensors || !m->provenance || !m->memory) {
        flat_close(m);
        return err_memory(e, path);
    }
    uint8_t *at = m->memory->data;
    for (size_t i = 0; i < count; i++) {
        neox_tensor_at(config, i, &is);
        char *name = (char *)m->memory->data + data + i * sizeof is.name;
        memcpy(name, is.name, sizeof is.name);
        m->tensors[i] = (struct flat_tensor){.name = name,
                                             .dtype = SIMD_F32,
                                             .layout = is.panels ? FLAT_PANELS : FLAT_ROWS,
                                             .rows = is.rows,
                                             .columns = is.columns,
                                             .data = at,
                                             .bytes = (size_t)flat_tensor_bytes(&is, SIMD_F32)};
        at += tensor_floats(&is) * sizeof(float);
    }
    m->tensor_count = count;
    return 0;
}

float *flat_floats(const struct flat_model *m, size_t *count)
{
    *count = (size_t)flat_floats_count(&m->config);
    return (float *)(void *)m->memory->data;
}

float *flat_floats_of(const struct flat_model *m, size_t i)
{
    const size_t at = (size_t)((const uint8_t *)m->tensors[i].data - m->memory->data);
    return (float *)(void *)(m->memory->data + at);
}

/* Tensor I of the file. BUFFER: CHUNK elements. */
static int write_tensor(struct flat_writer *w, const struct flat_tensor *t, size_t i,
                        uint16_t *buffer, struct err *e)
{
    const enum simd_dtype dtype = w->tensors[i].dtype;
    const size_t n = t->bytes / sizeof(float), size = simd_dtype_bytes(dtype);
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) return err_memory(e, w->out.path);
    XXH3_64bits_reset(hash);
    int status = 0;
    for (size_t at = 0; at < n && !status; at += CHUNK) {
        const size_t some = n - at < CHUNK ? n - at : CHUNK;
        const float *from = (const float *)t->data + at;
        const void *data = from;
        if (dtype != SIMD_F32) {
            elements_convert(buffer, dtype, from, SIMD_F32, some, NULL);
            data = buffer;
        }
        const size_t bad = elements_not_finite(data, dtype, some);
        if (bad < some)
            status = err_set(e, "%s: %s: expected finite numbers of type %s, found %g", w->out.path,
                             t->name, flat_dtype_name(dtype), (double)from[bad]);
        if (status) break;
        XXH3_64bits_update(hash, data, some * size);
        status = flat_put(w, i, at * size, data, some * size, e);
    }
    w->tensors[i].xxh3 = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    return status;
}

int flat_write(const struct flat_model *m, const char *path, enum simd_dtype dtype,
               const struct flat_title *title, struct err *e)
{
    for (size_t i = 0; i < m->tensor_count; i++)
        if (m->tensors[i].dtype != SIMD_F32)
            return err_set(e, "%s: %s: expected float32 weights to write, found %s", m->path,
                           m->tensors[i].name, flat_dtype_name(m->tensors[i].dtype));
    enum simd_dtype *dtypes = calloc(m->tensor_count, sizeof *dtypes);
    uint16_t *buffer = malloc(CHUNK * sizeof *buffer);
    struct flat_writer w = {0};
    int status = dtypes && buffer ? 0 : err_memory(e, path);
    for (size_t i = 0; i < m->tensor_count && !status; i++) dtypes[i] = dtype;
    if (!status) status = flat_create(&w, path, &m->config, dtypes, e);
    for (size_t i = 0; i < m->tensor_count && !status; i++)
        status = write_tensor(&w, &m->tensors[i], i, buffer, e);
    if (!status)
        status =
            flat_finish(&w, title->name, title->step, title->tokens_seen, title->provenance, e);
    flat_abort(&w);
    free(dtypes);
    free(buffer);
    return status;
}
