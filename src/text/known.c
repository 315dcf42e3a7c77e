/* known.c - see known.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/known.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

bool known_key(const struct corpus *c, const char *what, char key[KNOWN_KEY])
{
    uint64_t stamp;
    bool old = corpus_stamp(c, &stamp);
    char *all = c->first ? format_string("%016" PRIx64 " from %zu %s", stamp, c->first, what)
                         : format_string("%016" PRIx64 " %s", stamp, what);
    *key = 0;
    if (all) snprintf(key, KNOWN_KEY, "%016" PRIx64, (uint64_t)XXH3_64bits(all, strlen(all)));
    free(all);
    return old && *key && c->tokens >= KNOWN_LEAST;
}

/* A line of the numbers and their hash. */
static void write_line(char *line, size_t size, const char *key, const uint64_t *values, size_t n)
{
    int at = snprintf(line, size, "%s", key);
    for (size_t i = 0; i < n; i++)
        at += snprintf(line + at, size - (size_t)at, " %016" PRIx64, values[i]);
    snprintf(line + at, size - (size_t)at, " %016" PRIx64 "\n",
             (uint64_t)XXH3_64bits(line, (size_t)at));
}

enum { LINE = KNOWN_KEY + 17 * (KNOWN_MOST + 1) + 2 };

bool known_get(const char *folder, const char *key, uint64_t *values, size_t n)
{
    char found[LINE] = "", expected[LINE];
    char *path = format_string("%s/.known/%s", folder, key), *at = found + strlen(key);
    FILE *f = path ? fopen(path, "rbe") : NULL;
    free(path);
    if (!f) return false;
    size_t length = fread(found, 1, LINE - 1, f);
    fclose(f);
    found[length] = 0;
    if (length <= strlen(key)) return false;
    for (size_t i = 0; i < n; i++) values[i] = strtoull(at, &at, 16);
    write_line(expected, sizeof expected, key, values, n);
    return !strcmp(found, expected);
}

void known_put(const char *folder, const char *key, const uint64_t *values, size_t n)
{
    struct err e;
    struct out out = {.slot = -1};
    char line[LINE], *in = format_string("%s/.known", folder);
    char *path = format_string("%s/.known/%s", folder, key);
    write_line(line, sizeof line, key, values, n);
    if (in && path && !make_directories(in, &e) && !out_open(&out, path, &e) &&
        !out_printf(&out, &e, "%s", line))
        out_commit(&out, &e);
    out_abort(&out);
    free(path);
    free(in);
}

int known_hash(const struct corpus *c, size_t documents, const char *folder, uint64_t *hash,
               struct err *e)
{
    char what[40], key[KNOWN_KEY], now[KNOWN_KEY];
    snprintf(what, sizeof what, "hash %zu", documents);
    bool old = known_key(c, what, key);
    if (old && known_get(folder, key, hash, 1)) return 0;
    if (corpus_hash(c, documents, hash, e)) return -1;
    if (known_key(c, what, now) && !strcmp(key, now)) known_put(folder, key, hash, 1);
    return 0;
}

int corpus_is(const struct corpus *c, size_t documents, const char *hash, const char *of,
              const char *folder, struct err *e)
{
    uint64_t found;
    char text[17];
    if (!documents || documents > c->documents) documents = c->documents;
    if (folder ? known_hash(c, documents, folder, &found, e) : corpus_hash(c, documents, &found, e))
        return -1;
    snprintf(text, sizeof text, "%016" PRIx64, found);
    return strcmp(text, hash) ? err_set(e, "%s: expected the corpus of %s (%s), found another (%s)",
                                        c->prefix, of, hash, text)
                              : 0;
}
