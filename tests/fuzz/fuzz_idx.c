/* Fuzz target: the .idx of a tokenised corpus beside a .bin of 4096 bytes. What opens can be read
 * to the end. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/text/train_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/tripod-fuzz-XXXXXX", idx[64], bin[64], prefix[64];

static void clean(void)
{
    unlink(idx);
    unlink(bin);
    rmdir(folder);
}

static void store(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    if (!ready) {
        uint8_t tokens[4096];
        if (!mkdtemp(folder)) abort();
        snprintf(prefix, sizeof prefix, "%s/P", folder);
        snprintf(idx, sizeof idx, "%s.idx", prefix);
        snprintf(bin, sizeof bin, "%s.bin", prefix);
        for (size_t i = 0; i < sizeof tokens; i++) tokens[i] = (uint8_t)(i * 37);
        store(bin, tokens, sizeof tokens);
        atexit(clean);
        ready = 1;
    }
    store(idx, data, size);
    struct corpus c;
    struct err e;
    if (corpus_open(&c, prefix, &e)) return 0;
    uint64_t tokens = 0, hash;
    for (size_t d = 0; d < c.documents; d++) {
        size_t n = corpus_length(&c, d);
        uint32_t *ids = malloc(n * sizeof *ids + 1);
        if (!ids) abort();
        corpus_read(&c, d, 0, n, ids, &e); /* may refuse negative ids */
        if (corpus_read(&c, d, 1, n, ids, &e) == 0 && n) abort();
        tokens += n;
        free(ids);
    }
    if (tokens != c.tokens) abort();
    corpus_hash(&c, c.documents, &hash, &e);
    corpus_hash(&c, c.documents / 2, &hash, &e);
    /* Training rows, any stretch of them: what remains has the same lengths. */
    struct train_rows rows = {c.documents / 3, c.documents / 3 + c.documents / 2};
    size_t first = c.documents ? corpus_length(&c, rows.begin) : 0;
    if (rows.begin < rows.end && !train_rows_take(&c, rows, &e)) {
        if (c.documents != rows.end - rows.begin || c.tokens != first * c.documents) abort();
        corpus_hash(&c, c.documents, &hash, &e);
    }
    corpus_close(&c);
    return 0;
}
