/* zip.c - the parts of a zip archive that PyTorch's files have; see zip.h.
 *
 * The end record (and zip64's before it) places the directory; a row of the directory places an
 * entry's own header, behind which its data lie. Nothing is copied but names. Written here because
 * the readers with a static archive do not do: Debian 12's minizip takes no entry beyond 4 GiB (it
 * compares zip64's mark with 64 bits of ones), zziplib knows no zip64, libarchive goes through a
 * file once, from its start. The layout: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END = 22, LOCATOR = 20, END64 = 56, ROW = 46, HEADER = 30 }; /* bytes, fixed parts */
enum { STORED = 0, ENCRYPTED = 1 << 0 | 1 << 6, SIZES_FOLLOW = 1 << 3 };

struct entry {
    char *name;
    uint64_t size, packed, header; /* bytes; packed; where its header is */
    uint32_t crc;
    uint16_t flags, method;
};

struct zip {
    const uint8_t *data;
    uint64_t size;
    const char *path;
    size_t count;
    struct entry *entries; /* in the directory's order */
    size_t *by_name;       /* entries in the names' order */
};

static uint16_t u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t u32(const uint8_t *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}
static uint64_t u64(const uint8_t *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

/* A part of BYTES bytes at AT that starts with "PK" and MARK; NULL where there is none. */
static const uint8_t *part(const struct zip *z, uint64_t at, uint64_t bytes, const char *mark)
{
    if (at > z->size || bytes > z->size - at) return NULL;
    const uint8_t *p = z->data + at;
    return p[0] == 'P' && p[1] == 'K' && !memcmp(p + 2, mark, 2) ? p : NULL;
}

/* --- the directory --- */

struct directory {
    uint64_t at, bytes, count;
};

/* Where the record that ends the archive is: a comment as long as it says is all that follows. */
static const uint8_t *find_end(const struct zip *z)
{
    for (uint64_t rest = 0; rest <= UINT16_MAX && rest + END <= z->size; rest++) {
        const uint8_t *p = part(z, z->size - END - rest, END, "\5\6");
        if (p && u16(p + 20) == rest) return p;
    }
    return NULL;
}

static int contradiction(const struct zip *z, const char *what, struct err *e)
{
    return err_kind(e, ERR_DAMAGED, "%s: not a readable zip archive: %s", z->path, what);
}

static int find_directory(const struct zip *z, struct directory *d, struct err *e)
{
    const uint8_t *p = find_end(z);
    if (!p) return contradiction(z, "its end is missing (truncated?)", e);
    uint64_t end = (uint64_t)(p - z->data);
    bool parts = u16(p + 4) || u16(p + 6) || u16(p + 8) != u16(p + 10);
    *d = (struct directory){.count = u16(p + 10), .bytes = u32(p + 12), .at = u32(p + 16)};
    const uint8_t *locator = end >= LOCATOR ? part(z, end - LOCATOR, LOCATOR, "\6\7") : NULL;
    if (locator) {
        const struct directory small = *d;
        const uint8_t *q = part(z, u64(locator + 8), END64, "\6\6");
        if (!q) return contradiction(z, "its zip64 end record is missing", e);
        end = (uint64_t)(q - z->data);
        parts = parts || u32(q + 16) || u32(q + 20) || u64(q + 24) != u64(q + 32);
        *d = (struct directory){.count = u64(q + 32), .bytes = u64(q + 40), .at = u64(q + 48)};
        if ((small.count != UINT16_MAX && small.count != d->count) ||
            (small.bytes != UINT32_MAX && small.bytes != d->bytes) ||
            (small.at != UINT32_MAX && small.at != d->at))
            return contradiction(z, "its two end records differ", e);
    }
    if (parts) return contradiction(z, "it is one of several parts", e);
    if (d->at > end || d->bytes > end - d->at || d->count > d->bytes / ROW)
        return contradiction(z, "its directory does not fit the file", e);
    return 0;
}

/* The values of zip64's extra field stand for those that are all ones, in this order. */
static bool widen(struct entry *t, const uint8_t *extra, size_t bytes)
{
    uint64_t *values[] = {&t->size, &t->packed, &t->header};
    const uint8_t *at = NULL, *end = NULL;
    while (bytes >= 4 && !at) {
        size_t length = u16(extra + 2);
        if (length > bytes - 4) return false;
        if (u16(extra) == 1) at = extra + 4, end = at + length;
        extra += 4 + length;
        bytes -= 4 + length;
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (*values[i] != UINT32_MAX) continue;
        if (!at || end - at < 8) return false;
        *values[i] = u64(at);
        at += 8;
    }
    return true;
}

static int read_row(struct zip *z, uint64_t *at, uint64_t end, struct err *e)
{
    const size_t index = z->count;
    struct entry *t = &z->entries[index];
    const uint8_t *p = end - *at >= ROW ? part(z, *at, ROW, "\1\2") : NULL;
    size_t name = p ? u16(p + 28) : 0, extra = p ? u16(p + 30) : 0;
    uint64_t bytes = ROW + name + extra + (p ? u16(p + 32) : 0);
    if (!p || bytes > end - *at) goto bad;
    *t = (struct entry){.flags = u16(p + 8),
                        .method = u16(p + 10),
                        .crc = u32(p + 16),
                        .packed = u32(p + 20),
                        .size = u32(p + 24),
                        .header = u32(p + 42)};
    if (!widen(t, p + ROW + name, extra)) goto bad;
    if (memchr(p + ROW, 0, name))
        return err_kind(e, ERR_DAMAGED, "%s: zip entry %zu: its name has a NUL byte", z->path,
                        index);
    t->name = strndup((const char *)p + ROW, name);
    if (!t->name) return err_memory(e, z->path);
    z->count++;
    *at += bytes;
    return 0;
bad:
    return err_kind(e, ERR_DAMAGED, "%s: zip entry %zu cannot be read", z->path, index);
}

static int compare_names(const void *a, const void *b, void *entries)
{
    const struct entry *list = entries;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

static int sort_names(struct zip *z, struct err *e)
{
    z->by_name = calloc(z->count + 1, sizeof *z->by_name);
    if (!z->by_name) return err_memory(e, z->path);
    for (size_t i = 0; i < z->count; i++) z->by_name[i] = i;
    qsort_r(z->by_name, z->count, sizeof *z->by_name, compare_names, z->entries);
    for (size_t i = 1; i < z->count; i++) {
        const char *name = z->entries[z->by_name[i]].name;
        if (!strcmp(name, z->entries[z->by_name[i - 1]].name))
            return err_kind(e, ERR_DAMAGED, "%s: %.128s: two entries of the archive have this name",
                            z->path, name);
    }
    return 0;
}

static int read_directory(struct zip *z, struct err *e)
{
    struct directory d = {0};
    if (find_directory(z, &d, e)) return -1;
    z->entries = calloc(d.count + 1, sizeof *z->entries);
    if (!z->entries) return err_memory(e, z->path);
    uint64_t at = d.at, end = d.at + d.bytes;
    while (z->count < d.count)
        if (read_row(z, &at, end, e)) return -1;
    if (at != end) return contradiction(z, "its directory has more entries than it says", e);
    return sort_names(z, e);
}

int zip_open(struct zip **z, const uint8_t *data, size_t size, const char *path, struct err *e)
{
    struct zip *new = *z = calloc(1, sizeof *new);
    if (!new) return err_memory(e, path);
    *new = (struct zip){.data = data, .size = size, .path = path};
    if (!read_directory(new, e)) return 0;
    zip_close(new);
    *z = NULL;
    return -1;
}

void zip_close(struct zip *z)
{
    if (!z) return;
    for (size_t i = 0; i < z->count; i++) free(z->entries[i].name);
    free(z->entries);
    free(z->by_name);
    free(z);
}

size_t zip_count(const struct zip *z)
{
    return z->count;
}

const char *zip_name(const struct zip *z, size_t entry)
{
    return z->entries[entry].name;
}

uint64_t zip_size(const struct zip *z, size_t entry)
{
    return z->entries[entry].size;
}

size_t zip_find(const struct zip *z, const char *name)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, z->entries[z->by_name[middle]].name);
        if (!order) return z->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return z->count;
}

/* --- an entry's bytes --- */

/* Whether the header P before the data says what the directory says, as far as it says it. */
static bool agrees(const struct entry *t, const uint8_t *p, const char *name)
{
    size_t length = strlen(t->name);
    if (u16(p + 8) != t->method || u16(p + 26) != length || memcmp(name, t->name, length))
        return false;
    if (u16(p + 6) & SIZES_FOLLOW) return true; /* behind the data */
    uint32_t packed = u32(p + 18), size = u32(p + 22);
    return u32(p + 14) == t->crc && (packed == t->packed || packed == UINT32_MAX) &&
           (size == t->size || size == UINT32_MAX);
}

int zip_read(const struct zip *z, size_t entry, const uint8_t **bytes, struct err *e)
{
    const struct entry *t = &z->entries[entry];
    if (t->flags & ENCRYPTED)
        return err_set(e, "%s: %.128s: the entry is encrypted", z->path, t->name);
    if (t->method != STORED)
        return err_set(e, "%s: %.128s: expected a stored entry, found a compressed one", z->path,
                       t->name);
    const uint8_t *p = part(z, t->header, HEADER, "\3\4");
    uint64_t before = p ? HEADER + (uint64_t)u16(p + 26) + u16(p + 28) : 0;
    if (!p || t->size != t->packed || before > z->size - t->header ||
        t->size > z->size - t->header - before)
        return err_kind(e, ERR_DAMAGED, "%s: %.128s: its place or size does not fit the file",
                        z->path, t->name);
    if (!agrees(t, p, (const char *)p + HEADER))
        return err_kind(e, ERR_DAMAGED, "%s: %.128s: its header differs from the directory",
                        z->path, t->name);
    if (crc32_z(0, p + before, t->size) != t->crc)
        return err_kind(e, ERR_DAMAGED, "%s: %.128s: CRC error: the data is damaged", z->path,
                        t->name);
    *bytes = p + before;
    return 0;
}
