/* corpus.c - reading and writing tokenised corpora; see corpus.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/corpus.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEADER = 34, BUFFER = 1 << 20 };
static const char magic[9] = "MMIDIDX\0";

/* Bytes of a token by type code; 0: not an integer type. */
static const size_t widths[9] = {0, 1, 1, 2, 4, 8, 0, 0, 2};

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static int32_t load_size(const struct corpus *c, size_t document)
{
    int32_t v;
    memcpy(&v, c->idx.data + HEADER + 4 * document, 4);
    return v;
}

static uint64_t load_pointer(const struct corpus *c, size_t document)
{
    return load64(c->idx.data + HEADER + 4 * c->documents + 8 * document);
}

static bool ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n > m && !strcmp(s + n - m, suffix);
}

/* P of P, P.bin or P.idx; the caller frees. */
static char *prefix_of(const char *path)
{
    size_t n = strlen(path);
    if (ends_with(path, ".bin") || ends_with(path, ".idx")) n -= 4;
    return strndup(path, n);
}

bool corpus_exists(const char *path)
{
    char *prefix = prefix_of(path);
    char *idx = prefix ? format_string("%s.idx", prefix) : NULL;
    bool yes = idx && file_exists(idx);
    free(idx);
    free(prefix);
    return yes;
}

/* Maps P.bin or its shards. */
static int open_bin(struct corpus *c, struct err *e)
{
    char *path = format_string("%s.bin", c->prefix);
    if (!path) return err_set(e, "%s: out of memory", c->prefix);
    size_t shards = 1;
    bool sharded = false;
    if (!file_exists(path)) {
        /* Shards are named after the number of the last, which may stand for the count, too. */
        for (unsigned last = 0; last < 1000 && !sharded; last++) {
            char *first = format_string("%s-00000-of-%05u.bin", c->prefix, last);
            if (!first) break;
            if (file_exists(first)) {
                sharded = true;
                for (shards = 1;; shards++) {
                    char *next = format_string("%s-%05zu-of-%05u.bin", c->prefix, shards, last);
                    bool there = next && file_exists(next);
                    free(next);
                    if (!there) break;
                }
                if (shards != last && shards != (size_t)last + 1) {
                    free(path);
                    err_set(e, "%s: expected %u or %u shards, found %zu", first, last, last + 1, shards);
                    free(first);
                    return -1;
                }
                free(path);
                path = format_string("%s-%%05zu-of-%05u.bin", "", last); /* the part after the prefix */
            }
            free(first);
        }
    }
    int status = -1;
    c->bin = calloc(shards, sizeof *c->bin);
    c->shard_start = calloc(shards + 1, sizeof *c->shard_start);
    if (!path || !c->bin || !c->shard_start) {
        err_set(e, "%s: out of memory", c->prefix);
        goto out;
    }
    c->shards = shards;
    for (size_t i = 0; i < shards; i++) {
        char *name = NULL;
        if (sharded) {
            unsigned last = 0;
            sscanf(path, "-%%05zu-of-%u", &last);
            name = format_string("%s-%05zu-of-%05u.bin", c->prefix, i, last);
        }
        if (sharded && !name) {
            err_set(e, "%s: out of memory", c->prefix);
            goto out;
        }
        int bad = map_open(&c->bin[i], sharded ? name : path, e);
        free(name);
        if (bad) goto out;
        c->shard_start[i + 1] = c->shard_start[i] + c->bin[i].size;
    }
    status = 0;
out:
    free(path);
    return status;
}
