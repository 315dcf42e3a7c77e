/* corpus_files.c - see corpus_files.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/corpus_files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/progress.h"

char *corpus_prefix(const char *path)
{
    size_t n = strlen(path);
    if (n > 4 && (!strcmp(path + n - 4, ".bin") || !strcmp(path + n - 4, ".idx"))) n -= 4;
    return strndup(path, n);
}

static char *shard_name(const char *prefix, size_t shard, unsigned last)
{
    return format_string("%s-%05zu-of-%05u.bin", prefix, shard, last);
}

static bool shard_exists(const char *prefix, size_t shard, unsigned last)
{
    char *name = shard_name(prefix, shard, last);
    bool yes = name && file_exists(name);
    free(name);
    return yes;
}

/* The shards of PREFIX: how many there are (0: none), and the number all their names end in, which
 * may be the last shard's own or the count. */
static size_t find_shards(const char *prefix, unsigned *last)
{
    for (*last = 0; *last < 1000; ++*last) {
        size_t shards = 0;
        while (shard_exists(prefix, shards, *last)) shards++;
        if (shards) return shards;
    }
    return 0;
}

int corpus_bins_find(struct corpus_bins *b, const char *prefix, struct err *e)
{
    *b = (struct corpus_bins){.n = 0};
    char *whole = format_string("%s.bin", prefix);
    if (!whole) return err_memory(e, prefix);
    unsigned last = 0;
    b->whole = file_exists(whole);
    size_t n = b->whole ? 1 : find_shards(prefix, &last);
    int status = 0;
    if (!b->whole && n && n != last && n != (size_t)last + 1)
        status = err_kind(e, ERR_DAMAGED, "%s-*-of-%05u.bin: expected %u or %u shards, found %zu",
                          prefix, last, last, last + 1, n);
    b->name = status ? NULL : calloc(n + 1, sizeof *b->name);
    if (!status && !b->name) status = err_memory(e, prefix);
    for (; !status && b->n < n; b->n++) {
        b->name[b->n] = b->whole ? strdup(whole) : shard_name(prefix, b->n, last);
        if (!b->name[b->n]) status = err_memory(e, prefix);
    }
    free(whole);
    if (status) corpus_bins_free(b);
    return status;
}

void corpus_bins_free(struct corpus_bins *b)
{
    for (size_t i = 0; i < b->n; i++) free(b->name[i]);
    free(b->name);
    *b = (struct corpus_bins){.n = 0};
}

bool corpus_exists(const char *path)
{
    char *prefix = corpus_prefix(path);
    char *idx = prefix ? format_string("%s.idx", prefix) : NULL;
    char *bin = prefix ? format_string("%s.bin", prefix) : NULL;
    bool yes = idx && file_exists(idx);
    unsigned last;
    /* The tokens alone: P is no text either, and corpus_open says what is missing. */
    if (!yes && bin && access(path, F_OK)) yes = file_exists(bin) || find_shards(prefix, &last);
    free(bin);
    free(idx);
    free(prefix);
    return yes;
}

void corpus_warn_of_text(const char *path)
{
    char *prefix = corpus_prefix(path);
    if (prefix && !strcmp(prefix, path) && file_exists(path))
        progress_warn(
            "%s: the corpus %s.idx is read, not the text in the file %s: to read that, move "
            "one of them; %s.idx is the corpus without this warning",
            path, path, path, path);
    free(prefix);
}
