/* archive_read.c - what an archive says it holds, checked; see archive.h. Decoding is archive_decode.c's.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "models/flat/archive_private.h"
#include "models/flat/bytes.h"

const uint8_t archive_magic[8] = {'T', 'R', 'I', 'A', 'R', 'C', 0x1a, '\n'};

bool archive_is(const void *data, size_t size)
{
    return size >= sizeof archive_magic && !memcmp(data, archive_magic, sizeof archive_magic);
}

/* --- header and metadata --- */

static int check_header(const struct archive *a, struct err *e)
{
    const uint8_t *d = a->data;
    if (!archive_is(d, a->size)) return err_set(e, "%s: not a tripod archive", a->path);
    if (a->size < ARCHIVE_HEADER)
        return err_kind(e, ERR_DAMAGED, "%s: header: expected %d bytes, the file has %zu", a->path,
                        ARCHIVE_HEADER, a->size);
    if (get32(d + ARCHIVE_AT_VERSION) != ARCHIVE_VERSION)
        return err_set(e, "%s: header: expected version %d, found %u", a->path, ARCHIVE_VERSION,
                       get32(d + ARCHIVE_AT_VERSION));
    if (XXH3_64bits(d, ARCHIVE_AT_HEADER_HASH) != get64(d + ARCHIVE_AT_HEADER_HASH))
        return err_kind(e, ERR_DAMAGED, "%s: header: its checksum is wrong", a->path);
    if (get32(d + ARCHIVE_AT_FLAGS) || get64(d + ARCHIVE_AT_ZERO))
        return err_set(e, "%s: header: flags: expected 0, found 0x%x (a newer kind of file)",
                       a->path, get32(d + ARCHIVE_AT_FLAGS));
    if (get64(d + ARCHIVE_AT_FILE_SIZE) != a->size)
        return err_kind(e, ERR_DAMAGED,
                        "%s: truncated or extended: expected %" PRIu64 " bytes, found %zu", a->path,
                        get64(d + ARCHIVE_AT_FILE_SIZE), a->size);
    return 0;
}

/* The metadata is one zstd frame at the file's end. */
static int decode_metadata(struct archive *a, struct err *e)
{
    const uint8_t *d = a->data;
    uint64_t at = get64(d + ARCHIVE_AT_METADATA), bytes = get64(d + ARCHIVE_AT_DECODED);
    if (at < ARCHIVE_HEADER || at > a->size || bytes > ARCHIVE_METADATA || bytes < ARCHIVE_COUNTS)
        return err_kind(e, ERR_DAMAGED, "%s: header: the metadata's place or size is out of range",
                        a->path);
    if (XXH3_64bits(d + at, a->size - at) != get64(d + ARCHIVE_AT_METADATA_HASH))
        return err_kind(e, ERR_DAMAGED, "%s: metadata: its checksum is wrong", a->path);
    if (ZSTD_getFrameContentSize(d + at, a->size - at) != bytes)
        return err_kind(e, ERR_DAMAGED,
                        "%s: metadata: it does not decode to the %" PRIu64
                        " bytes that the header says",
                        a->path, bytes);
    a->metadata = malloc(bytes);
    if (!a->metadata) return err_memory(e, a->path);
    if (ZSTD_decompress(a->metadata, bytes, d + at, a->size - at) != bytes)
        return err_kind(e, ERR_DAMAGED, "%s: metadata: it does not decode", a->path);
    a->metadata_bytes = bytes;
    a->data_end = at;
    return 0;
}

/* --- checkpoints --- */

/* Where the parts of the metadata lie; the heads fill what the entries leave. */
static int parse_counts(struct archive *a, struct err *e)
{
    const uint8_t *m = a->metadata;
    uint64_t count = get64(m), tensors = get64(m + 8), left = a->metadata_bytes - ARCHIVE_COUNTS;
    if (!count || count > ARCHIVE_CHECKPOINTS || !tensors || tensors > left / ARCHIVE_ENTRY ||
        count > left / (ARCHIVE_HEAD + tensors * ARCHIVE_ENTRY))
        return err_kind(e, ERR_DAMAGED,
                        "%s: metadata: %" PRIu64 " checkpoints of %" PRIu64
                        " tensors do not fit into it",
                        a->path, count, tensors);
    a->count = count;
    a->tensors = tensors;
    a->heads = calloc(count, sizeof *a->heads);
    a->models = calloc(count, sizeof *a->models);
    a->entries = calloc(count * tensors, sizeof *a->entries);
    if (!a->heads || !a->models || !a->entries) return err_memory(e, a->path);
    uint64_t at = ARCHIVE_COUNTS + count * (ARCHIVE_HEAD + tensors * ARCHIVE_ENTRY);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *d = m + ARCHIVE_COUNTS + i * ARCHIVE_HEAD;
        uint64_t offset = get64(d), bytes = get64(d + 8);
        if (offset != at || bytes > a->metadata_bytes - at)
            return err_kind(e, ERR_DAMAGED, "%s: metadata: checkpoint %zu: its head lies outside",
                            a->path, i);
        a->heads[i] = (struct archive_head){m + at, bytes};
        at += bytes;
    }
    if (at != a->metadata_bytes)
        return err_kind(e, ERR_DAMAGED, "%s: metadata: %zu bytes are left over", a->path,
                        a->metadata_bytes - (size_t)at);
    return 0;
}

/* Of two heads. */
static bool same_config(const uint8_t *a, const uint8_t *b)
{
    return !memcmp(a + ARCHIVE_CONFIG, b + ARCHIVE_CONFIG, ARCHIVE_CONFIG_END - ARCHIVE_CONFIG) &&
           !memcmp(a + ARCHIVE_WINDOW, b + ARCHIVE_WINDOW, ARCHIVE_WINDOW_END - ARCHIVE_WINDOW);
}

static int parse_head(struct archive *a, size_t i, struct err *e)
{
    const struct archive_head *head = &a->heads[i];
    struct flat_model *m = &a->models[i];
    char *path = format_string("%s@%zu", a->path, i);
    if (!path) return err_memory(e, a->path);
    int status = flat_parse_head(m, head->data, head->bytes, path, e);
    if (!status && m->step >= 0) {
        free(m->path);
        m->path = format_string("%s@step%" PRId64, a->path, m->step);
        if (!m->path) status = err_memory(e, a->path);
    }
    if (!status && m->tensor_count != a->tensors)
        status = err_kind(e, ERR_DAMAGED, "%s: expected %zu tensors, found %zu", path, a->tensors,
                          m->tensor_count);
    if (!status && !same_config(a->heads[0].data, head->data))
        status =
            err_kind(e, ERR_DAMAGED, "%s: its config is not that of the first checkpoint", path);
    const int64_t before = i ? a->models[i - 1].step : 0;
    if (!status && i && m->step >= 0 && m->step <= before)
        status = err_kind(e, ERR_DAMAGED, "%s: it does not follow step %" PRId64, path, before);
    if (!status && i && m->step >= 0 && before < 0)
        status = err_kind(e, ERR_DAMAGED, "%s: it follows one whose step is not known", path);
    free(path);
    return status;
}

/* --- tensors --- */

/* *END is where the stored bytes before it end: there is nothing between them. */
static int parse_entry(struct archive *a, size_t i, size_t t, uint64_t *end, struct err *e)
{
    const uint8_t *d = a->metadata + ARCHIVE_COUNTS + a->count * ARCHIVE_HEAD +
                       (i * a->tensors + t) * ARCHIVE_ENTRY;
    const struct flat_model *m = &a->models[i];
    const struct flat_tensor *tensor = &m->tensors[t];
    uint32_t codec = get32(d), base = get32(d + 4);
    struct archive_entry x = {.base = base,
                              .depth = 1,
                              .offset = get64(d + 8),
                              .bytes = get64(d + 16),
                              .xxh3 = get64(d + 24)};
    if (codec > ARCHIVE_SAME)
        return err_kind(e, ERR_DAMAGED, "%s: %s: unknown codec %u", m->path, tensor->name, codec);
    x.codec = (enum archive_codec)codec;
    if (x.codec == ARCHIVE_WHOLE ? base != 0 : base >= i)
        return err_kind(e, ERR_DAMAGED, "%s: %s: its base, checkpoint %u, is none before it",
                        m->path, tensor->name, base);
    if (x.codec != ARCHIVE_WHOLE) {
        const struct archive_entry *b = archive_entry(a, base, t);
        const struct flat_tensor *other = &a->models[base].tensors[t];
        if (b->codec == ARCHIVE_SAME || other->dtype != tensor->dtype)
            return err_kind(e, ERR_DAMAGED,
                            "%s: %s: its base, checkpoint %u, is itself another's or of another "
                            "type",
                            m->path, tensor->name, base);
        x.depth = b->depth + (x.codec == ARCHIVE_DIFFERENCE);
        if (x.depth > ARCHIVE_DEPTH)
            return err_kind(e, ERR_DAMAGED, "%s: %s: more than %d checkpoints are needed for it",
                            m->path, tensor->name, ARCHIVE_DEPTH);
        if (x.codec == ARCHIVE_SAME && other->xxh3 != tensor->xxh3)
            return err_kind(e, ERR_DAMAGED, "%s: %s: it is not the same as checkpoint %u's",
                            m->path, tensor->name, base);
    }
    bool fits =
        x.codec == ARCHIVE_SAME ? x.bytes == 0 && x.xxh3 == 0 : x.bytes > archive_table(tensor);
    if (!fits || x.offset != *end || x.bytes > a->data_end - *end)
        return err_kind(e, ERR_DAMAGED,
                        "%s: %s: its stored bytes are too few, overlap or lie outside the "
                        "file",
                        m->path, tensor->name);
    *end += x.bytes;
    a->entries[i * a->tensors + t] = x;
    return 0;
}

static int parse_entries(struct archive *a, struct err *e)
{
    uint64_t end = ARCHIVE_HEADER;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t t = 0; t < a->tensors; t++) {
            if (parse_entry(a, i, t, &end, e)) return -1;
        }
    }
    if (end != a->data_end)
        return err_kind(e, ERR_DAMAGED,
                        "%s: expected the metadata at %" PRIu64 ", found it at %" PRIu64, a->path,
                        end, a->data_end);
    return 0;
}

/* --- the whole --- */

int archive_parse(struct archive **out, const void *data, size_t size, const char *path,
                  struct err *e)
{
    *out = NULL;
    struct archive *a = calloc(1, sizeof *a);
    if (!a) return err_memory(e, path);
    pthread_mutex_init(&a->lock, NULL);
    a->path = strdup(path);
    a->data = data;
    a->size = size;
    int status = a->path ? check_header(a, e) : err_memory(e, path);
    if (!status) status = decode_metadata(a, e);
    if (!status) status = parse_counts(a, e);
    for (size_t i = 0; i < a->count && !status; i++) status = parse_head(a, i, e);
    if (!status) status = parse_entries(a, e);
    if (status)
        archive_close(a);
    else
        *out = a;
    return status;
}

int archive_open(struct archive **a, const char *path, struct err *e)
{
    struct map map;
    *a = NULL;
    if (map_open(&map, path, e)) return -1;
    if (archive_parse(a, map.data, map.size, path, e)) {
        map_close(&map);
        return -1;
    }
    (*a)->map = map;
    return 0;
}

void archive_close(struct archive *a)
{
    if (!a) return;
    archive_forget(a);
    for (size_t i = 0; a->models && i < a->count; i++) flat_close(&a->models[i]);
    free(a->models);
    free(a->heads);
    free(a->entries);
    free(a->metadata);
    free(a->path);
    map_close(&a->map);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

size_t archive_count(const struct archive *a)
{
    return a->count;
}

uint64_t archive_bytes(const struct archive *a)
{
    return a->size;
}

const struct flat_model *archive_at(const struct archive *a, size_t i)
{
    return &a->models[i];
}

size_t archive_find(const struct archive *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!strcmp(a->models[i].path + strlen(a->path) + 1, name)) return i;
    }
    return SIZE_MAX;
}

uint64_t archive_stored(const struct archive *a, size_t i, size_t counts[ARCHIVE_CODECS])
{
    uint64_t bytes = 0;
    memset(counts, 0, ARCHIVE_CODECS * sizeof *counts);
    for (size_t t = 0; t < a->tensors; t++) {
        const struct archive_entry *x = archive_entry(a, i, t);
        bytes += x->bytes;
        counts[x->codec]++;
    }
    return bytes;
}
