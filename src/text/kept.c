/* kept.c - see kept.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/progress.h"
#include "src/text/known.h"

/* --- is it this text's? --- */

/* XXH3-64 of a file, false when it cannot be read. */
static bool hash_file(const char *path, uint64_t *hash)
{
    enum { BLOCK = 1 << 20 };
    uint8_t *block = malloc(BLOCK);
    XXH3_state_t *state = XXH3_createState();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    if (block && state && fd >= 0) {
        XXH3_64bits_reset(state);
        while ((n = read(fd, block, BLOCK)) > 0 || (n < 0 && errno == EINTR))
            if (n > 0) XXH3_64bits_update(state, block, (size_t)n);
        *hash = XXH3_64bits_digest(state);
    }
    if (fd >= 0) close(fd);
    XXH3_freeState(state);
    free(block);
    return n == 0;
}

static bool same_options(const struct origin *r, const struct tokenizer *t,
                         const struct tokenize_options *o)
{
    const char *field = o->field ? o->field : "text";
    bool append = o->append ? r->append && !strcmp(r->append, o->append) : !r->append;
    return r->tokenizer_hash == tokenizer_hash(t) && append &&
           (!r->field || !strcmp(r->field, field)) && !o->max_documents;
}

/* The cheap comparisons of all texts before the first is read. */
static bool same_texts(const struct origin *r, char *const *paths, size_t n,
                       const struct tokenize_options *o)
{
    char stamp[SOURCE_STAMP];
    struct stat st;
    if (r->files != n) return false;
    for (size_t i = 0; i < n; i++) {
        const struct text_file *f = &r->stats.files[i];
        if (!f->whole || f->jsonl != text_is_jsonl(o->format, paths[i]) || stat(paths[i], &st) ||
            !S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->bytes)
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct text_file *f = &r->stats.files[i];
        uint64_t hash;
        if (stat(paths[i], &st)) return false;
        if (source_stamp(&st, stamp) && !strcmp(stamp, f->stamp)) continue;
        if (!hash_file(paths[i], &hash) || hash != f->hash) return false;
    }
    return true;
}

/* --- finding it --- */

/* Opens PREFIX if it is the corpus of that size and hash. */
static int open_hashed(struct corpus *c, const char *prefix, const struct tokenize_stats *s,
                       struct err *e)
{
    const char *slash = strrchr(prefix, '/');
    char *folder = slash ? strndup(prefix, (size_t)(slash - prefix)) : strdup(".");
    uint64_t hash;
    if (!folder) return err_memory(e, prefix);
    if (corpus_open(c, prefix, e)) {
        free(folder);
        return -1;
    }
    bool good = c->documents == s->documents && c->tokens == s->tokens &&
                !known_hash(c, c->documents, folder, &hash, e) && hash == s->corpus_hash;
    free(folder);
    if (good) return 0;
    corpus_close(c);
    return err_kind(e, ERR_DAMAGED, "%s: is not the corpus its .json says it is", prefix);
}

/* Whether NAME is BASE.json or BASE-HASH.json. */
static bool is_candidate(const char *name, const char *base)
{
    size_t n = strlen(base);
    if (strncmp(name, base, n)) return false;
    name += n;
    if (*name == '-' && strspn(name + 1, "0123456789abcdef") == 16) name += 17;
    return !strcmp(name, ".json");
}

static bool take(struct corpus *c, struct tokenize_stats *stats, const char *json,
                 const struct kept *k)
{
    struct origin origin;
    struct err e;
    bool taken = false;
    if (origin_read(&origin, json, &e)) return false;
    if (same_options(&origin, k->t, k->o) && same_texts(&origin, k->paths, k->n, k->o)) {
        char *prefix = strndup(json, strlen(json) - strlen(".json"));
        taken = prefix && !open_hashed(c, prefix, &origin.stats, &e);
        if (!taken) progress_warn("%s: the text is tokenised again", e.text);
        free(prefix);
    }
    if (taken) {
        *stats = origin.stats;
        origin.stats.files = NULL;
    }
    origin_free(&origin);
    return taken;
}

static bool find(struct corpus *c, struct tokenize_stats *stats, const struct kept *k)
{
    const char *slash = strrchr(k->base, '/'), *name = slash ? slash + 1 : k->base;
    char *folder = slash ? strndup(k->base, (size_t)(name - k->base)) : strdup("./");
    DIR *d = folder ? opendir(folder) : NULL;
    bool found = false;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        if (!is_candidate(entry->d_name, name)) continue;
        char *json = format_string("%s%s", folder, entry->d_name);
        found = json && take(c, stats, json, k);
        free(json);
    }
    if (d) closedir(d);
    free(folder);
    return found;
}

/* --- making it --- */

int kept_open(struct corpus *c, struct tokenize_stats *stats, const struct kept *k, struct err *e)
{
    struct tokenize_options options = *k->o;
    options.keep = true;
    if (!k->fresh && find(c, stats, k)) return 0;
    if (tokenize_files(k->paths, k->n, k->t, k->base, &options, stats, e)) return -1;
    char *prefix = stats->renamed ? format_string("%s-%016" PRIx64, k->base, stats->corpus_hash)
                                  : strdup(k->base);
    /* Not what was written: another process put another text's corpus there in the same moment. */
    int status = prefix ? open_hashed(c, prefix, stats, e) : err_memory(e, k->base);
    free(prefix);
    if (status) free(stats->files);
    return status;
}
