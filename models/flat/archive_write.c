/* archive_write.c - see archive_write.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/archive_write.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "models/flat/archive_private.h"
#include "models/flat/bytes.h"
#include "models/flat/compare.h"
#include "src/base/progress.h"

/* A tensor's coded form: blocks where they would be were nothing saved. */
struct coded {
    uint8_t *table, *blocks;
    uint64_t *used; /* of each block */
    uint64_t bytes; /* table and blocks */
};

struct archive_writer {
    struct out out;
    uint64_t end; /* of what is written */
    const struct flat_model *previous;
    size_t count, tensors;
    struct archive_entry *entries; /* [count][tensors] */
    uint64_t *hashes;              /* of the tensors, likewise */
    struct head {
        uint8_t *data;
        size_t bytes;
    } * heads;              /* [count] */
    struct planes **planes; /* [threads] */
    int threads;
};

int archive_create(struct archive_writer **out, const char *path, struct err *e)
{
    static const uint8_t nothing[ARCHIVE_HEADER];
    struct archive_writer *w = *out = calloc(1, sizeof *w);
    if (!w) return err_memory(e, path);
    w->end = ARCHIVE_HEADER;
    w->threads = omp_get_max_threads();
    w->planes = calloc((size_t)w->threads, sizeof *w->planes);
    int status = w->planes ? 0 : err_memory(e, path);
    for (int i = 0; i < w->threads && !status; i++) {
        if (!(w->planes[i] = planes_new())) status = err_memory(e, path);
    }
    if (!status) status = out_open(&w->out, path, e);
    if (!status) status = out_write(&w->out, nothing, sizeof nothing, e);
    if (!status) return 0;
    archive_abort(w);
    *out = NULL;
    return -1;
}

void archive_abort(struct archive_writer *w)
{
    if (!w) return;
    if (w->out.path) out_abort(&w->out);
    for (int i = 0; w->planes && i < w->threads; i++) planes_free(w->planes[i]);
    for (size_t i = 0; i < w->count; i++) free(w->heads[i].data);
    free(w->planes);
    free(w->heads);
    free(w->entries);
    free(w->hashes);
    free(w);
}

/* --- a tensor --- */

static void coded_free(struct coded *c)
{
    free(c->table);
    free(c->blocks);
    free(c->used);
    *c = (struct coded){0};
}

/* BASE: NULL, or the same tensor of another checkpoint. */
static int encode(struct archive_writer *w, struct coded *c, const struct flat_tensor *t,
                  const uint8_t *base, struct err *e)
{
    const size_t width = simd_dtype_bytes(t->dtype), n = archive_elements(t);
    const size_t blocks = archive_blocks(t);
    const uint8_t *data = t->data;
    uint64_t bytes = archive_table(t);
    *c = (struct coded){.table = malloc(archive_table(t)),
                        .blocks = malloc(t->bytes),
                        .used = malloc(blocks * sizeof *c->used)};
    if (!c->table || !c->blocks || !c->used) return err_memory(e, t->name);
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : bytes) num_threads(w->threads)
    for (size_t b = 0; b < blocks; b++) {
        size_t at = b * PLANES_BLOCK, some = n - at < PLANES_BLOCK ? n - at : PLANES_BLOCK;
        uint32_t sizes[PLANES_MOST];
        c->used[b] = planes_encode(w->planes[omp_get_thread_num()], c->blocks + at * width, sizes,
                                   data + at * width, base ? base + at * width : NULL, some, width);
        for (size_t k = 0; k < width; k++) put32(c->table + (b * width + k) * 4, sizes[k]);
        bytes += c->used[b];
    }
    c->bytes = bytes;
    return 0;
}

static int store(struct archive_writer *w, const struct coded *c, const struct flat_tensor *t,
                 struct archive_entry *x, struct err *e)
{
    const size_t width = simd_dtype_bytes(t->dtype);
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) return err_memory(e, w->out.path);
    XXH3_64bits_reset(hash);
    XXH3_64bits_update(hash, c->table, archive_table(t));
    int status = out_write(&w->out, c->table, archive_table(t), e);
    for (size_t b = 0; b < archive_blocks(t) && !status; b++) {
        const uint8_t *block = c->blocks + b * PLANES_BLOCK * width;
        XXH3_64bits_update(hash, block, c->used[b]);
        status = out_write(&w->out, block, c->used[b], e);
    }
    x->offset = w->end;
    x->bytes = c->bytes;
    x->xxh3 = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    w->end += c->bytes;
    return status;
}

/* The entry that tensor I of the last checkpoint goes by. */
static struct archive_entry *entry_before(struct archive_writer *w, size_t t, size_t *checkpoint)
{
    struct archive_entry *x = &w->entries[(w->count - 1) * w->tensors + t];
    *checkpoint = x->codec == ARCHIVE_SAME ? x->base : w->count - 1;
    return &w->entries[*checkpoint * w->tensors + t];
}

static int add_tensor(struct archive_writer *w, const struct flat_model *m, size_t i, struct err *e)
{
    const struct flat_tensor *t = &m->tensors[i];
    struct archive_entry *x = &w->entries[w->count * w->tensors + i];
    uint64_t hash = w->hashes[w->count * w->tensors + i] = flat_tensor_hash(t);
    *x = (struct archive_entry){.codec = ARCHIVE_WHOLE, .depth = 1};
    for (size_t c = 0; c < w->count; c++) {
        if (w->hashes[c * w->tensors + i] != hash) continue;
        *x = (struct archive_entry){.codec = ARCHIVE_SAME, .base = (uint32_t)c, .offset = w->end};
        return 0;
    }
    struct coded whole, difference = {0};
    int status = encode(w, &whole, t, NULL, e);
    if (!status && w->count && w->previous->tensors[i].dtype == t->dtype) {
        size_t base;
        const struct archive_entry *before = entry_before(w, i, &base);
        if (before->depth < ARCHIVE_DEPTH)
            status = encode(w, &difference, t, w->previous->tensors[i].data, e);
        if (difference.bytes && difference.bytes < whole.bytes)
            *x = (struct archive_entry){
                .codec = ARCHIVE_DIFFERENCE, .base = (uint32_t)base, .depth = before->depth + 1};
    }
    if (!status) status = store(w, x->codec == ARCHIVE_WHOLE ? &whole : &difference, t, x, e);
    coded_free(&whole);
    coded_free(&difference);
    return status;
}

/* --- a checkpoint --- */

static int make_room(struct archive_writer *w, struct err *e)
{
    size_t n = w->count + 1;
    void *entries = realloc(w->entries, n * w->tensors * sizeof *w->entries);
    if (entries) w->entries = entries;
    void *hashes = realloc(w->hashes, n * w->tensors * sizeof *w->hashes);
    if (hashes) w->hashes = hashes;
    void *heads = realloc(w->heads, n * sizeof *w->heads);
    if (heads) w->heads = heads;
    return entries && hashes && heads ? 0 : err_memory(e, w->out.path);
}

int archive_add(struct archive_writer *w, const struct flat_model *m, struct err *e)
{
    if (!w->count) w->tensors = m->tensor_count;
    if (m->tensor_count != w->tensors || w->count == ARCHIVE_CHECKPOINTS)
        return err_set(e, "%s: expected at most %d checkpoints of %zu tensors", m->path,
                       ARCHIVE_CHECKPOINTS, w->tensors);
    if (flat_verify(m, e) || make_room(w, e)) return -1;
    for (size_t i = 0; i < w->tensors; i++) {
        if (add_tensor(w, m, i, e)) return -1;
        progress_add(m->tensors[i].bytes);
    }
    struct head *head = &w->heads[w->count];
    if (!(head->data = flat_head(m, &head->bytes))) return err_memory(e, m->path);
    w->count++;
    w->previous = m;
    return 0;
}

/* --- the end --- */

/* The metadata, decoded; the caller frees. */
static uint8_t *metadata_of(const struct archive_writer *w, size_t *bytes)
{
    size_t at = ARCHIVE_COUNTS + w->count * (ARCHIVE_HEAD + w->tensors * ARCHIVE_ENTRY);
    *bytes = at;
    for (size_t i = 0; i < w->count; i++) *bytes += w->heads[i].bytes;
    uint8_t *m = malloc(*bytes), *d = m ? m + ARCHIVE_COUNTS : NULL;
    if (!m) return NULL;
    put64(m, w->count);
    put64(m + 8, w->tensors);
    for (size_t i = 0; i < w->count; i++, d += ARCHIVE_HEAD) {
        put64(d, at);
        put64(d + 8, w->heads[i].bytes);
        memcpy(m + at, w->heads[i].data, w->heads[i].bytes);
        at += w->heads[i].bytes;
    }
    for (size_t i = 0; i < w->count * w->tensors; i++, d += ARCHIVE_ENTRY) {
        const struct archive_entry *x = &w->entries[i];
        put32(d, x->codec);
        put32(d + 4, x->base);
        put64(d + 8, x->offset);
        put64(d + 16, x->bytes);
        put64(d + 24, x->xxh3);
    }
    return m;
}

static int write_end(struct archive_writer *w, const uint8_t *packed, size_t bytes, size_t decoded,
                     struct err *e)
{
    uint8_t h[ARCHIVE_HEADER] = {0};
    memcpy(h, archive_magic, sizeof archive_magic);
    put32(h + ARCHIVE_AT_VERSION, ARCHIVE_VERSION);
    put64(h + ARCHIVE_AT_FILE_SIZE, w->end + bytes);
    put64(h + ARCHIVE_AT_METADATA, w->end);
    put64(h + ARCHIVE_AT_DECODED, decoded);
    put64(h + ARCHIVE_AT_METADATA_HASH, XXH3_64bits(packed, bytes));
    put64(h + ARCHIVE_AT_HEADER_HASH, XXH3_64bits(h, ARCHIVE_AT_HEADER_HASH));
    if (out_write(&w->out, packed, bytes, e)) return -1;
    if (fseek(w->out.file, 0, SEEK_SET)) return err_errno(e, "%s: cannot write", w->out.path);
    return out_write(&w->out, h, sizeof h, e) ? -1 : out_commit(&w->out, e);
}

int archive_finish(struct archive_writer *w, uint64_t *bytes, struct err *e)
{
    enum { LEVEL = 12 };
    size_t decoded;
    uint8_t *metadata = metadata_of(w, &decoded), *packed = NULL;
    size_t room = ZSTD_compressBound(decoded), used = 0;
    int status = 0;
    if (decoded > ARCHIVE_METADATA)
        status =
            err_set(e, "%s: the names and provenance of its checkpoints are too long", w->out.path);
    else if (!metadata || !(packed = malloc(room)))
        status = err_memory(e, w->out.path);
    else if (ZSTD_isError(used = ZSTD_compress(packed, room, metadata, decoded, LEVEL)))
        status = err_memory(e, w->out.path);
    *bytes = w->end + used;
    if (!status) status = write_end(w, packed, used, decoded, e);
    free(metadata);
    free(packed);
    archive_abort(w);
    return status;
}
