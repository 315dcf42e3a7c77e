/* source.c - see source.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { INPUT = 1 << 18 };

static bool ends_with(const char *s, size_t n, const char *suffix)
{
    size_t m = strlen(suffix);
    return n >= m && !memcmp(s + n - m, suffix, m);
}

/* The length of PATH without .zst or .zstd. */
static size_t plain_length(const char *path)
{
    size_t n = strlen(path);
    if (ends_with(path, n, ".zst")) return n - 4;
    if (ends_with(path, n, ".zstd")) return n - 5;
    return n;
}

bool path_is_jsonl(const char *path)
{
    size_t n = plain_length(path);
    return ends_with(path, n, ".jsonl") || ends_with(path, n, ".ndjson") ||
           ends_with(path, n, ".json");
}

/* Fills the input buffer when it is used up. */
static int refill(struct source *s, struct err *e)
{
    if (s->input_at < s->input_count || s->input_ended) return 0;
    ssize_t n;
    do {
        n = read(s->fd, s->input, INPUT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return err_errno(e, "%s: cannot read", s->path);
    s->input_at = 0;
    s->input_count = (size_t)n;
    s->input_ended = n == 0;
    s->bytes += (uint64_t)n;
    XXH3_64bits_update(s->hash, s->input, (size_t)n);
    return 0;
}

int source_open(struct source *s, const char *path, struct err *e)
{
    *s = (struct source){.path = path, .fd = -1};
    bool standard = !strcmp(path, "-");
    s->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    s->input = malloc(INPUT);
    s->hash = XXH3_createState();
    int status = -1;
    if (s->fd < 0) {
        err_errno(e, "%s: cannot open", path);
        goto out;
    }
    if (!s->input || !s->hash) {
        err_memory(e, path);
        goto out;
    }
    if (fstat(s->fd, &s->before)) {
        err_errno(e, "%s: cannot stat", path);
        goto out;
    }
    if (S_ISDIR(s->before.st_mode)) {
        err_set(e, "%s: expected a file, found a directory", path);
        goto out;
    }
    XXH3_64bits_reset(s->hash);
    /* Pipes may give a byte at a time: the first bytes are gathered before they are looked at. */
    while (s->input_count < 4) {
        ssize_t n = read(s->fd, s->input + s->input_count, INPUT - s->input_count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            err_errno(e, "%s: cannot read", path);
            goto out;
        }
        if (n == 0) break;
        s->input_count += (size_t)n;
    }
    s->bytes = s->input_count;
    XXH3_64bits_update(s->hash, s->input, s->input_count);
    uint32_t start = 0;
    if (s->input_count >= 4) memcpy(&start, s->input, 4);
    s->zstd = start == ZSTD_MAGICNUMBER || (start & 0xFFFFFFF0u) == ZSTD_MAGIC_SKIPPABLE_START;
    if ((start & 0xFFFF) == 0x8B1F) {
        err_set(e, "%s: compressed with gzip: expected plain text or zstd", path);
        goto out;
    }
    if (!s->zstd && plain_length(path) != strlen(path)) {
        err_set(e, "%s: expected zstd data, found %s", path,
                s->input_count ? "something else" : "an empty file");
        goto out;
    }
    if (s->zstd) {
        s->decoder = ZSTD_createDCtx();
        if (!s->decoder ||
            ZSTD_isError(ZSTD_DCtx_setParameter(s->decoder, ZSTD_d_windowLogMax, 31))) {
            err_memory(e, path);
            goto out;
        }
    }
    status = 0;
out:
    if (status) source_close(s);
    return status;
}

int source_read(struct source *s, uint8_t *out, size_t capacity, size_t *count, struct err *e)
{
    *count = 0;
    while (!s->finished && *count == 0 && capacity) {
        if (refill(s, e)) return -1;
        if (!s->zstd) {
            size_t n = s->input_count - s->input_at;
            if (n > capacity) n = capacity;
            memcpy(out, s->input + s->input_at, n);
            s->input_at += n;
            *count = n;
            s->finished = s->input_ended;
            continue;
        }
        ZSTD_inBuffer in = {s->input, s->input_count, s->input_at};
        ZSTD_outBuffer to = {out, capacity, 0};
        if (s->input_ended && !s->in_frame) {
            s->finished = true;
            break;
        }
        size_t code = ZSTD_decompressStream(s->decoder, &to, &in);
        if (ZSTD_isError(code)) {
            bool memory = ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation;
            return err_kind(e, memory ? ERR_MEMORY : ERR_DAMAGED, "%s: zstd: %s", s->path,
                            ZSTD_getErrorName(code));
        }
        s->input_at = in.pos;
        s->in_frame = code != 0;
        *count = to.pos;
        if (s->input_ended && code && !to.pos)
            return err_kind(e, ERR_DAMAGED, "%s: zstd data cut short after %llu bytes", s->path,
                            (unsigned long long)s->bytes);
    }
    return 0;
}

uint64_t source_hash(const struct source *s)
{
    return XXH3_64bits_digest(s->hash);
}

bool source_stamp(const struct stat *st, char stamp[SOURCE_STAMP])
{
    enum { YOUNG = 2 }; /* seconds: the coarsest clock of a file system, FAT's */
    const struct timespec *t = &st->st_ctim;
    *stamp = 0;
    if (S_ISREG(st->st_mode))
        snprintf(stamp, SOURCE_STAMP, "%llx-%llx-%llx.%08lx", (unsigned long long)st->st_dev,
                 (unsigned long long)st->st_ino, (unsigned long long)t->tv_sec,
                 (unsigned long)t->tv_nsec);
    return *stamp && time(NULL) - t->tv_sec > YOUNG;
}

int source_unchanged(const struct source *s, char stamp[SOURCE_STAMP], struct err *e)
{
    struct stat now;
    if (fstat(s->fd, &now)) return err_errno(e, "%s: cannot stat", s->path);
    const struct timespec *a = &s->before.st_mtim, *b = &now.st_mtim;
    if (S_ISREG(now.st_mode) &&
        (now.st_size != s->before.st_size || a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec))
        return err_set(e, "%s: changed while it was read", s->path);
    if (!source_stamp(&now, stamp)) *stamp = 0;
    return 0;
}

void source_close(struct source *s)
{
    if (s->fd >= 0) close(s->fd);
    ZSTD_freeDCtx(s->decoder);
    XXH3_freeState(s->hash);
    free(s->input);
    *s = (struct source){.fd = -1};
}
