/* Fuzz target: any bytes as an archive, with the checksums that guard its parts set right so that the
 * checks behind them are reached: the metadata are given decoded and packed here, as many of the tensors'
 * checksums as there are bytes for. Whatever opens is listed, decoded and looked at.
 *
 * Input: u32 bytes of the decoded metadata, the metadata, the tensors' stored bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "models/flat/archive_private.h"
#include "models/flat/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The heads' own checksums, and those of the stored bytes. */
static void mend(uint8_t *m, size_t bytes, const uint8_t *stored, size_t stored_bytes)
{
    uint64_t count = get64(m), tensors = get64(m + 8);
    if (count > 64 || tensors > 1024) return;
    for (size_t i = 0; i < count && ARCHIVE_COUNTS + (i + 1) * ARCHIVE_HEAD <= bytes; i++) {
        uint64_t at = get64(m + ARCHIVE_COUNTS + i * ARCHIVE_HEAD);
        uint64_t n = get64(m + ARCHIVE_COUNTS + i * ARCHIVE_HEAD + 8);
        if (at > bytes || n > bytes - at || n < 256) continue;
        put64(m + at + 24, XXH3_64bits(m + at + 256, n - 256));
        put64(m + at + 248, XXH3_64bits(m + at, 248));
    }
    size_t entries = ARCHIVE_COUNTS + count * ARCHIVE_HEAD;
    for (size_t i = 0; i < count * tensors && entries + (i + 1) * ARCHIVE_ENTRY <= bytes; i++) {
        uint8_t *x = m + entries + i * ARCHIVE_ENTRY;
        uint64_t at = get64(x + 8), n = get64(x + 16);
        if (get32(x) == ARCHIVE_SAME || at < ARCHIVE_HEADER || at - ARCHIVE_HEADER > stored_bytes ||
            n > stored_bytes - (at - ARCHIVE_HEADER))
            continue;
        put64(x + 24, XXH3_64bits(stored + (at - ARCHIVE_HEADER), n));
    }
}

static uint8_t *make(const uint8_t *data, size_t size, size_t *total)
{
    if (size < 4 + ARCHIVE_COUNTS) return NULL;
    size_t bytes = get32(data), stored_bytes;
    if (bytes < ARCHIVE_COUNTS || bytes > size - 4) return NULL;
    stored_bytes = size - 4 - bytes;
    uint8_t *m = malloc(bytes), *file;
    size_t room = ZSTD_compressBound(bytes);
    file = malloc(ARCHIVE_HEADER + stored_bytes + room);
    if (!m || !file) abort();
    memcpy(m, data + 4, bytes);
    memset(file, 0, ARCHIVE_HEADER);
    memcpy(file + ARCHIVE_HEADER, data + 4 + bytes, stored_bytes);
    mend(m, bytes, file + ARCHIVE_HEADER, stored_bytes);
    size_t at = ARCHIVE_HEADER + stored_bytes;
    size_t packed = ZSTD_compress(file + at, room, m, bytes, 1);
    memcpy(file, archive_magic, sizeof archive_magic);
    put32(file + ARCHIVE_AT_VERSION, ARCHIVE_VERSION);
    put64(file + ARCHIVE_AT_FILE_SIZE, at + packed);
    put64(file + ARCHIVE_AT_METADATA, at);
    put64(file + ARCHIVE_AT_DECODED, bytes);
    put64(file + ARCHIVE_AT_METADATA_HASH, XXH3_64bits(file + at, packed));
    put64(file + ARCHIVE_AT_HEADER_HASH, XXH3_64bits(file, ARCHIVE_AT_HEADER_HASH));
    free(m);
    *total = at + packed;
    return file;
}

/* An error has one line, and nothing else is left. */
static void said(const struct err *e)
{
    if (!e->text[0] || strchr(e->text, '\n')) abort();
}

static void use(struct archive *a)
{
    struct err e = {0};
    size_t counts[ARCHIVE_CODECS];
    for (size_t i = 0; i < archive_count(a); i++) {
        struct flat_model m;
        archive_stored(a, i, counts);
        if (archive_find(a, strrchr(archive_at(a, i)->path, '@') + 1) != i) abort();
        if (archive_at(a, i)->bytes > 1 << 24) continue;
        if (archive_open_checkpoint(&m, a, i, &e)) {
            said(&e);
            if (m.memory || m.tensors) abort();
            continue;
        }
        if (flat_verify(&m, &e)) abort();
        flat_close(&m);
        if (archive_peek(&m, a, i, i, &e))
            said(&e);
        else
            flat_close(&m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* As it is, and made whole. */
    for (int made = 0; made < 2; made++) {
        struct archive *a;
        struct err e = {0};
        size_t bytes = size;
        uint8_t *file = made ? make(data, size, &bytes) : malloc(size ? size : 1);
        if (!file) continue;
        if (!made && size) memcpy(file, data, size);
        if (archive_parse(&a, file, bytes, "fuzz", &e)) {
            said(&e);
            if (a) abort();
        } else {
            use(a);
            archive_close(a);
        }
        free(file);
    }
    return 0;
}
