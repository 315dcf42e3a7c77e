/* flat.c - reading and writing the flat model file; the format is in FORMAT.md.
 *
 * The order, names and shapes of the tensors follow from the config, so a reader checks the
 * directory against the list it would have written itself. Data is written first, at places that
 * are known before any of it is read; directory and header follow when the checksums are known.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/flat.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/flat/bytes.h"
#include "src/base/progress.h"

enum {
    HEADER_BYTES = 256,
    ENTRY_BYTES = 64,
    ALIGNMENT = 64,
    VERSION = 1,
    MAX_PROVENANCE = 16 << 20,
    MAX_NAME = 255,
};
static const uint8_t magic[8] = {'T', 'R', 'I', 'P', 'O', 'D', 0x1a, '\n'};

/* The fields of the header, by offset. */
enum {
    AT_VERSION = 8,
    AT_FLAGS = 12,
    AT_FILE_SIZE = 16,
    AT_METADATA_HASH = 24,
    AT_DIRECTORY = 32,
    AT_COUNT = 40,
    AT_NAMES = 48,
    AT_NAMES_BYTES = 56,
    AT_PROVENANCE = 64,
    AT_PROVENANCE_BYTES = 72,
    AT_LAYERS = 80,
    AT_ROPE_THETA = 144,
    AT_EPS = 152,
    AT_ACTIVATION = 160,
    AT_BITS = 164,
    AT_STEP = 168,
    AT_TOKENS = 176,
    AT_NAME = 184,
    AT_WINDOW = 192,
    AT_LOCAL = 200,
    AT_ZERO = 208,
    AT_HEADER_HASH = 248,
};

/* What is said at AT_FLAGS. */
enum { PACKED = 1 };

/* What is said at AT_BITS. */
enum {
    PARALLEL_RESIDUAL = 1,
    ATTENTION_BIAS = 2,
    TIED_EMBEDDINGS = 4,
    LEARNED_POSITIONS = 8,
    UNSCALED_SCORES = 16,
    DENSE_BIAS = 32,
    ALL_BITS = 63,
};

const char *flat_dtype_name(enum simd_dtype dtype)
{
    static const char *const names[] = {
        [SIMD_F32] = "f32", [SIMD_F16] = "f16", [SIMD_BF16] = "bf16", [SIMD_I16] = "i16"};
    return names[dtype];
}

bool flat_is(const void *data, size_t size)
{
    return size >= sizeof magic && !memcmp(data, magic, sizeof magic);
}

uint64_t flat_tensor_bytes(const struct neox_tensor *t, enum simd_dtype dtype)
{
    return t->panels ? panels_bytes(dtype, t->rows, t->columns)
                     : (uint64_t)t->rows * t->columns * simd_dtype_bytes(dtype);
}

/* --- reading --- */

struct parse {
    struct flat_model *m;
    const uint8_t *data;     /* the header, and the rest of the file unless head_bytes is set */
    const uint8_t *metadata; /* the directory to the file's end */
    size_t head_bytes;       /* header and metadata alone are there, one after the other */
    uint64_t size, directory, count, names, names_bytes; /* by the file's offsets */
    const char *path;
    struct err *e;
};

static int parse_header(struct parse *p)
{
    const uint8_t *d = p->data;
    struct neox_config *c = &p->m->config;
    if (!flat_is(d, p->size)) return err_set(p->e, "%s: not a tripod model file", p->path);
    if (p->size < HEADER_BYTES)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: expected %d bytes, the file has %llu",
                        p->path, HEADER_BYTES, (unsigned long long)p->size);
    if (get32(d + AT_VERSION) != VERSION)
        return err_set(p->e, "%s: header: expected version %d, found %u", p->path, VERSION,
                       get32(d + AT_VERSION));
    uint64_t hash = XXH3_64bits(d, AT_HEADER_HASH);
    if (hash != get64(d + AT_HEADER_HASH))
        return err_kind(p->e, ERR_DAMAGED, "%s: header: its checksum is wrong", p->path);
    if (get32(d + AT_FLAGS) > PACKED)
        return err_set(p->e,
                       "%s: header: flags: expected 0 or 1, found 0x%x (a newer kind of file)",
                       p->path, get32(d + AT_FLAGS));
    p->m->packed = get32(d + AT_FLAGS) == PACKED;
    if (get64(d + AT_FILE_SIZE) != p->size)
        return err_kind(p->e, ERR_DAMAGED,
                        "%s: truncated or extended: expected %llu bytes, found %llu", p->path,
                        (unsigned long long)get64(d + AT_FILE_SIZE), (unsigned long long)p->size);
    size_t *const fields[] = {&c->layers, &c->hidden, &c->heads, &c->head_size,
                              &c->rotary, &c->ffn,    &c->vocab, &c->max_positions};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = (size_t)get64(d + AT_LAYERS + 8 * i);
    c->rope_theta = get_double(d + AT_ROPE_THETA);
    c->layer_norm_eps = get_double(d + AT_EPS);
    uint32_t activation = get32(d + AT_ACTIVATION), bits = get32(d + AT_BITS);
    if (activation > 1)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: activation: expected 0 or 1, found %u",
                        p->path, activation);
    c->activation = activation ? NEOX_GELU_TANH : NEOX_GELU_ERF;
    if (bits > ALL_BITS)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: unknown bits 0x%x", p->path, bits);
    c->parallel_residual = bits & PARALLEL_RESIDUAL;
    c->attention_bias = bits & ATTENTION_BIAS;
    c->tied_embeddings = bits & TIED_EMBEDDINGS;
    c->learned_positions = bits & LEARNED_POSITIONS;
    c->unscaled_scores = bits & UNSCALED_SCORES;
    c->dense_bias = bits & DENSE_BIAS;
    c->window = (size_t)get64(d + AT_WINDOW);
    c->local = get64(d + AT_LOCAL);
    if (neox_config_check(c, p->e)) {
        p->e->kind = ERR_DAMAGED;
        return err_prefix(p->e, "%s: header", p->path);
    }
    p->m->step = (int64_t)get64(d + AT_STEP);
    p->m->tokens_seen = get_double(d + AT_TOKENS);
    if (p->m->step < -1 || !(p->m->tokens_seen >= -1 && isfinite(p->m->tokens_seen)))
        return err_kind(p->e, ERR_DAMAGED, "%s: header: step or tokens out of range", p->path);
    for (size_t i = AT_ZERO; i < AT_HEADER_HASH; i++) {
        if (d[i])
            return err_kind(p->e, ERR_DAMAGED, "%s: header: byte %zu: expected 0", p->path, i);
    }
    return 0;
}

/* Of what weights the integers were made. */
static int parse_packed(struct parse *p)
{
    const json_t *packed = json_object_get(p->m->provenance, "packed");
    const char *weights = json_string_value(json_object_get(packed, "weights"));
    if (!weights || strlen(weights) != 16 || strspn(weights, "0123456789abcdef") != 16)
        return err_kind(p->e, ERR_DAMAGED,
                        "%s: provenance: packed.weights: expected 16 hexadecimal digits", p->path);
    p->m->packed_of = strtoull(weights, NULL, 16);
    return 0;
}

/* The pieces of the metadata must fill the file from the directory to its end. */
static int parse_metadata(struct parse *p)
{
    const uint8_t *d = p->data;
    p->directory = get64(d + AT_DIRECTORY);
    p->count = get64(d + AT_COUNT);
    p->names = get64(d + AT_NAMES);
    p->names_bytes = get64(d + AT_NAMES_BYTES);
    uint64_t provenance = get64(d + AT_PROVENANCE), bytes = get64(d + AT_PROVENANCE_BYTES);
    uint64_t expected = neox_tensor_count(&p->m->config);
    if (p->count != expected)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: expected %llu tensors, found %llu", p->path,
                        (unsigned long long)expected, (unsigned long long)p->count);
    if (p->directory < HEADER_BYTES || p->directory % ALIGNMENT || p->directory > p->size ||
        p->count > (p->size - p->directory) / ENTRY_BYTES ||
        p->names != p->directory + p->count * ENTRY_BYTES || p->names_bytes < 1 ||
        p->names_bytes > p->size - p->names || provenance != p->names + p->names_bytes ||
        bytes != p->size - provenance || bytes > MAX_PROVENANCE)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: the metadata does not lie within the file",
                        p->path);
    if (p->head_bytes && p->head_bytes - HEADER_BYTES != p->size - p->directory)
        return err_kind(p->e, ERR_DAMAGED,
                        "%s: header: expected %llu bytes of metadata, found %llu", p->path,
                        (unsigned long long)(p->size - p->directory),
                        (unsigned long long)(p->head_bytes - HEADER_BYTES));
    p->metadata = d + (p->head_bytes ? HEADER_BYTES : p->directory);
    const uint8_t *text = p->metadata + (p->names - p->directory);
    if (XXH3_64bits(p->metadata, p->size - p->directory) != get64(d + AT_METADATA_HASH))
        return err_kind(p->e, ERR_DAMAGED, "%s: directory: its checksum is wrong", p->path);
    if (text[p->names_bytes - 1])
        return err_kind(p->e, ERR_DAMAGED, "%s: names: the last one does not end", p->path);
    uint64_t at = get64(d + AT_NAME);
    if (at >= p->names_bytes)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: the model's name is out of range", p->path);
    const char *name = (const char *)text + at;
    if (strlen(name) > MAX_NAME)
        return err_kind(p->e, ERR_DAMAGED, "%s: header: the model's name is too long", p->path);
    p->m->name = strdup(name);
    if (!p->m->name) return err_memory(p->e, p->path);
    json_error_t error;
    p->m->provenance = json_loadb((const char *)text + p->names_bytes, bytes, 0, &error);
    if (!json_is_object(p->m->provenance))
        return err_kind(p->e, ERR_DAMAGED, "%s: provenance: expected a JSON object", p->path);
    return p->m->packed ? parse_packed(p) : 0;
}

static int parse_tensor(struct parse *p, size_t i, uint64_t *end)
{
    const uint8_t *d = p->metadata + i * ENTRY_BYTES;
    struct flat_tensor *t = &p->m->tensors[i];
    struct neox_tensor is;
    neox_tensor_at(&p->m->config, i, &is);
    uint64_t name = get64(d), offset = get64(d + 32);
    uint32_t dtype = get32(d + 8), layout = get32(d + 12);
    if (name >= p->names_bytes)
        return err_kind(p->e, ERR_DAMAGED, "%s: tensor %zu: its name is out of range", p->path, i);
    t->name = (const char *)p->metadata + (p->names - p->directory) + name;
    if (strcmp(t->name, is.name))
        return err_kind(p->e, ERR_DAMAGED, "%s: tensor %zu: expected %s, found %.128s", p->path, i,
                        is.name, t->name);
    if (dtype > SIMD_I16)
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: unknown element type %u", p->path, is.name,
                        dtype);
    if ((dtype == SIMD_I16) != (p->m->packed && is.panels))
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: expected element type %s, found %s", p->path,
                        is.name, p->m->packed && is.panels ? "i16" : "of a float",
                        flat_dtype_name((enum simd_dtype)dtype));
    t->dtype = (enum simd_dtype)dtype;
    t->layout = is.panels ? FLAT_PANELS : FLAT_ROWS;
    if (layout != t->layout)
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: expected layout %d, found %u", p->path, is.name,
                        t->layout, layout);
    if (get64(d + 16) != is.rows || get64(d + 24) != is.columns)
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: expected shape [%zu, %zu], found [%llu, %llu]",
                        p->path, is.name, is.rows, is.columns, (unsigned long long)get64(d + 16),
                        (unsigned long long)get64(d + 24));
    t->rows = is.rows;
    t->columns = is.columns;
    uint64_t bytes = flat_tensor_bytes(&is, t->dtype);
    if (get64(d + 40) != bytes)
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: expected %llu bytes, found %llu", p->path,
                        is.name, (unsigned long long)bytes, (unsigned long long)get64(d + 40));
    if (offset % ALIGNMENT || offset < *end || offset > p->directory ||
        bytes > p->directory - offset)
        return err_kind(p->e, ERR_DAMAGED,
                        "%s: %s: its data is unaligned, overlaps or lies outside the file", p->path,
                        is.name);
    if (get64(d + 56))
        return err_kind(p->e, ERR_DAMAGED, "%s: %s: expected a zero", p->path, is.name);
    t->offset = offset;
    t->data = p->head_bytes ? NULL : p->data + offset;
    t->bytes = (size_t)bytes;
    t->xxh3 = get64(d + 48);
    *end = offset + bytes;
    return 0;
}

static int parse(struct parse *p)
{
    struct flat_model *m = p->m;
    *m = (struct flat_model){.path = strdup(p->path), .bytes = p->size};
    if (!m->path) return err_memory(p->e, p->path);
    if (parse_header(p) || parse_metadata(p)) goto bad;
    m->tensors = calloc(p->count, sizeof *m->tensors);
    if (!m->tensors) {
        err_memory(p->e, p->path);
        goto bad;
    }
    uint64_t end = HEADER_BYTES;
    for (size_t i = 0; i < p->count; i++) {
        if (parse_tensor(p, i, &end)) goto bad;
    }
    m->tensor_count = p->count;
    m->parameters = neox_parameters(&m->config, false);
    m->parameters_total = neox_parameters(&m->config, true);
    if (!p->head_bytes) m->file = p->data;
    return 0;
bad:
    flat_close(m);
    return -1;
}

int flat_parse(struct flat_model *m, const void *data, size_t size, const char *path, struct err *e)
{
    struct parse p = {.m = m, .data = data, .size = size, .path = path, .e = e};
    return parse(&p);
}

int flat_parse_head(struct flat_model *m, const void *head, size_t bytes, const char *path,
                    struct err *e)
{
    struct parse p = {.m = m, .data = head, .head_bytes = bytes, .path = path, .e = e};
    *m = (struct flat_model){0};
    if (bytes < HEADER_BYTES)
        return err_kind(e, ERR_DAMAGED, "%s: header: expected %d bytes, found %zu", path,
                        HEADER_BYTES, bytes);
    p.size = get64(p.data + AT_FILE_SIZE);
    if (p.size < bytes)
        return err_kind(e, ERR_DAMAGED, "%s: header: the metadata is larger than the file", path);
    return parse(&p);
}

uint8_t *flat_head(const struct flat_model *m, size_t *bytes)
{
    uint64_t directory = get64(m->file + AT_DIRECTORY);
    *bytes = HEADER_BYTES + (m->bytes - directory);
    uint8_t *head = malloc(*bytes);
    if (!head) return NULL;
    memcpy(head, m->file, HEADER_BYTES);
    memcpy(head + HEADER_BYTES, m->file + directory, m->bytes - directory);
    return head;
}

void flat_place_head(uint8_t *file, const uint8_t *head, size_t bytes)
{
    memcpy(file, head, HEADER_BYTES);
    memcpy(file + get64(head + AT_DIRECTORY), head + HEADER_BYTES, bytes - HEADER_BYTES);
}

int flat_open(struct flat_model *m, const char *path, struct err *e)
{
    *m = (struct flat_model){0};
    struct map map;
    if (map_open(&map, path, e)) return -1;
    if (flat_parse(m, map.data, map.size, path, e)) {
        map_close(&map);
        return -1;
    }
    m->map = map;
    return 0;
}

char *flat_label(const struct flat_model *m)
{
    if (m->name && *m->name) return strdup(m->name);
    char *file = path_last(m->path), *dot = file ? strrchr(file, '.') : NULL;
    if (dot && dot != file) *dot = 0;
    return file;
}

void flat_close(struct flat_model *m)
{
    map_close(&m->map);
    flat_memory_release(m->memory);
    free(m->path);
    free(m->name);
    free(m->tensors);
    json_decref(m->provenance);
    *m = (struct flat_model){0};
}

struct flat_memory *flat_memory_new(size_t bytes)
{
    struct flat_memory *memory = malloc(sizeof *memory);
    uint8_t *data = memory ? simd_alloc(bytes) : NULL;
    if (!data) {
        free(memory);
        return NULL;
    }
    *memory = (struct flat_memory){.bytes = bytes, .data = data};
    atomic_init(&memory->users, 1);
    return memory;
}

struct flat_memory *flat_memory_share(struct flat_memory *memory)
{
    atomic_fetch_add(&memory->users, 1);
    return memory;
}

void flat_memory_release(struct flat_memory *memory)
{
    if (!memory || atomic_fetch_sub(&memory->users, 1) > 1) return;
    simd_free(memory->data, memory->bytes);
    free(memory);
}

const struct flat_tensor *flat_find(const struct flat_model *m, const char *name)
{
    for (size_t i = 0; i < m->tensor_count; i++) {
        if (!strcmp(m->tensors[i].name, name)) return &m->tensors[i];
    }
    return NULL;
}

int flat_save(const struct flat_model *m, const char *path, struct err *e)
{
    struct out out;
    if (out_open(&out, path, e)) return -1;
    if (!out_write(&out, m->file, m->bytes, e)) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

int flat_verify(const struct flat_model *m, struct err *e)
{
    size_t bad = m->tensor_count;
#pragma omp parallel for schedule(dynamic, 1) reduction(min : bad)
    for (size_t i = 0; i < m->tensor_count; i++) {
        const struct flat_tensor *t = &m->tensors[i];
        if (XXH3_64bits(t->data, t->bytes) != t->xxh3 && i < bad) bad = i;
        progress_add(t->bytes);
    }
    if (bad < m->tensor_count)
        return err_kind(e, ERR_DAMAGED, "%s: %s: its checksum is wrong: the data is damaged",
                        m->path, m->tensors[bad].name);
    return 0;
}

/* --- writing --- */

static uint64_t align(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int flat_create(struct flat_writer *w, const char *path, const struct neox_config *config,
                const enum simd_dtype *dtypes, struct err *e)
{
    *w = (struct flat_writer){.config = *config, .count = neox_tensor_count(config)};
    if (out_open(&w->out, path, e)) {
        flat_abort(w);
        return -1;
    }
    w->tensors = calloc(w->count, sizeof *w->tensors);
    if (!w->tensors) {
        flat_abort(w);
        return err_memory(e, path);
    }
    uint64_t end = HEADER_BYTES;
    for (size_t i = 0; i < w->count; i++) {
        struct flat_writer_tensor *t = &w->tensors[i];
        neox_tensor_at(config, i, &t->is);
        t->dtype = dtypes[i];
        t->offset = align(end);
        t->bytes = flat_tensor_bytes(&t->is, t->dtype);
        end = t->offset + t->bytes;
    }
    w->end = align(end);
    /* Where the file system cannot reserve, a full disk shows when it is reached. */
    if (fallocate(fileno(w->out.file), 0, 0, (off_t)w->end) && errno != EOPNOTSUPP &&
        errno != ENOSYS && errno != EINVAL) {
        err_errno(e, "%s: cannot write", path);
        flat_abort(w);
        return -1;
    }
    return 0;
}

static int put_at(struct flat_writer *w, uint64_t at, const void *data, size_t bytes, struct err *e)
{
    const uint8_t *p = data;
    while (bytes) {
        ssize_t n = pwrite(fileno(w->out.file), p, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return err_errno(e, "%s: cannot write", w->out.path);
        }
        p += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

int flat_put(struct flat_writer *w, size_t i, uint64_t at, const void *data, size_t bytes,
             struct err *e)
{
    return put_at(w, w->tensors[i].offset + at, data, bytes, e);
}

static void put_config(uint8_t *h, const struct neox_config *c)
{
    const size_t fields[] = {c->layers, c->hidden, c->heads, c->head_size,
                             c->rotary, c->ffn,    c->vocab, c->max_positions};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        put64(h + AT_LAYERS + 8 * i, fields[i]);
    put_double(h + AT_ROPE_THETA, c->rope_theta);
    put_double(h + AT_EPS, c->layer_norm_eps);
    put32(h + AT_ACTIVATION, c->activation == NEOX_GELU_TANH);
    put32(h + AT_BITS, (c->parallel_residual ? PARALLEL_RESIDUAL : 0) |
                           (c->attention_bias ? ATTENTION_BIAS : 0) |
                           (c->tied_embeddings ? TIED_EMBEDDINGS : 0) |
                           (c->learned_positions ? LEARNED_POSITIONS : 0) |
                           (c->unscaled_scores ? UNSCALED_SCORES : 0) |
                           (c->dense_bias ? DENSE_BIAS : 0));
    put64(h + AT_WINDOW, c->window);
    put64(h + AT_LOCAL, c->local);
}

int flat_finish(struct flat_writer *w, const char *name, int64_t step, double tokens_seen,
                const json_t *provenance, struct err *e)
{
    char *json = json_dumps(provenance, JSON_INDENT(1) | JSON_SORT_KEYS);
    size_t json_bytes = json ? strlen(json) : 0, names = strlen(name) + 1;
    for (size_t i = 0; i < w->count; i++) names += strlen(w->tensors[i].is.name) + 1;
    size_t directory = w->count * ENTRY_BYTES, total = directory + names + json_bytes;
    uint8_t *meta = calloc(1, total), h[HEADER_BYTES] = {0};
    int status = -1;
    if (!json || !meta) {
        err_memory(e, w->out.path);
        goto out;
    }
    if (strlen(name) > MAX_NAME || json_bytes > MAX_PROVENANCE) {
        err_set(e, "%s: the model's name or its provenance is too long", w->out.path);
        goto out;
    }
    size_t at = strlen(name) + 1;
    memcpy(meta + directory, name, at);
    for (size_t i = 0; i < w->count; i++) {
        const struct flat_writer_tensor *t = &w->tensors[i];
        uint8_t *d = meta + i * ENTRY_BYTES;
        put64(d, at);
        put32(d + 8, t->dtype);
        put32(d + 12, t->is.panels ? FLAT_PANELS : FLAT_ROWS);
        put64(d + 16, t->is.rows);
        put64(d + 24, t->is.columns);
        put64(d + 32, t->offset);
        put64(d + 40, t->bytes);
        put64(d + 48, t->xxh3);
        memcpy(meta + directory + at, t->is.name, strlen(t->is.name) + 1);
        at += strlen(t->is.name) + 1;
    }
    memcpy(meta + directory + names, json, json_bytes);
    memcpy(h, magic, sizeof magic);
    put32(h + AT_VERSION, VERSION);
    for (size_t i = 0; i < w->count; i++)
        if (w->tensors[i].dtype == SIMD_I16) put32(h + AT_FLAGS, PACKED);
    put64(h + AT_FILE_SIZE, w->end + total);
    put64(h + AT_METADATA_HASH, XXH3_64bits(meta, total));
    put64(h + AT_DIRECTORY, w->end);
    put64(h + AT_COUNT, w->count);
    put64(h + AT_NAMES, w->end + directory);
    put64(h + AT_NAMES_BYTES, names);
    put64(h + AT_PROVENANCE, w->end + directory + names);
    put64(h + AT_PROVENANCE_BYTES, json_bytes);
    put_config(h, &w->config);
    put64(h + AT_STEP, (uint64_t)step);
    put_double(h + AT_TOKENS, tokens_seen);
    put64(h + AT_NAME, 0);
    put64(h + AT_HEADER_HASH, XXH3_64bits(h, AT_HEADER_HASH));
    if (put_at(w, w->end, meta, total, e) || put_at(w, 0, h, sizeof h, e)) goto out;
    status = out_commit(&w->out, e);
out:
    free(json);
    free(meta);
    flat_abort(w);
    return status;
}

void flat_abort(struct flat_writer *w)
{
    if (w->out.path) out_abort(&w->out);
    free(w->tensors);
    *w = (struct flat_writer){0};
}
