/* Fuzz target: a tokenizer.json, a zero byte, and text for it to encode. Without the zero byte all
 * is text for a tokenizer of our own, with NFC, added tokens and merges. SPDX-License-Identifier:
 * GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char own[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<|e|>\",\"special\":true,\"normalized\":false},"
    "{\"id\":9,\"content\":\"   \",\"normalized\":true},{\"id\":10,\"content\":\"  "
    "\",\"normalized\":true}],"
    "\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_"
    "space\":false},"
    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"<|e|>\":0,\"a\":"
    "1,\"b\":2,"
    "\"ab\":3,\"\\u0120\":4,\"\\u0120a\":5,\"abab\":6,\"\\u00cc\":7,\"\\u00cc\\u00cc\":8},"
    "\"merges\":[\"a b\",\"\\u0120 a\",\"ab ab\",\"\\u00cc \\u00cc\"]}}";

static void check(int good)
{
    if (!good) abort();
}

/* What is encoded can be decoded; a cut changes nothing. */
static void encode(const struct tokenizer *t, const char *text, size_t bytes)
{
    struct err e;
    struct ids ids = {0}, parts = {0};
    check(tokenizer_encode(t, text, bytes, &ids, NULL, &e) == 0);
    for (size_t i = 0; i < ids.count; i++) check(ids.id[i] < tokenizer_size(t));
    size_t n = tokenizer_decode(t, ids.id, ids.count, NULL, 0);
    char *out = malloc(n + 1);
    check(out && tokenizer_decode(t, ids.id, ids.count, out, n) == n);
    free(out);
    size_t cut = tokenizer_cut(t, text, bytes);
    if (cut) {
        check(cut < bytes && tokenizer_encode(t, text, cut, &parts, NULL, &e) == 0);
        check(tokenizer_encode(t, text + cut, bytes - cut, &parts, NULL, &e) == 0);
        check(parts.count == ids.count && !memcmp(parts.id, ids.id, ids.count * sizeof *ids.id));
    }
    ids_free(&ids);
    ids_free(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *mine;
    struct tokenizer *t;
    struct err e;
    if (!mine && tokenizer_parse(&mine, own, sizeof own - 1, "own", &e)) {
        fputs(e.text, stderr);
        abort();
    }
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t json = zero ? (size_t)(zero - data) : 0;
    if (!zero) {
        encode(mine, size ? (const char *)data : "", size);
    } else if (tokenizer_parse(&t, (const char *)data, json, "fuzz", &e) == 0) {
        encode(t, (const char *)zero + 1, size - json - 1);
        tokenizer_close(t);
    }
    return 0;
}
