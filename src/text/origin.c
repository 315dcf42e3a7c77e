/* origin.c - see origin.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/text/corpus_files.h"

/* The number changes whenever the ids of any text do: no older corpus is taken for one made now. */
static const char format_name[] = "tripod-corpus 1";

bool text_is_jsonl(enum text_format format, const char *path)
{
    return format == TEXT_JSONL || (format == TEXT_AUTO && path_is_jsonl(path));
}

static json_t *source_json(const char *path, const struct text_file *f)
{
    json_t *o =
        json_pack("{s:o, s:I, s:o, s:o, s:s, s:b, s:I}", "path", json_utf8(path), "bytes",
                  (json_int_t)f->bytes, "hash", f->whole ? json_hex(f->hash) : json_null(), "stamp",
                  json_utf8(*f->stamp ? f->stamp : NULL), "format", f->jsonl ? "jsonl" : "text",
                  "zstd", (int)f->zstd, "documents", (json_int_t)f->documents);
    if (f->replaced.count)
        json_object_set_new(o, "replaced",
                            json_pack("{s:I, s:I, s:I}", "count", (json_int_t)f->replaced.count,
                                      "line", (json_int_t)f->replaced.line, "byte",
                                      (json_int_t)f->replaced.byte));
    return o;
}

json_t *origin_json(char *const *paths, size_t n, const struct tokenizer *t,
                    const struct tokenize_options *o, const struct tokenize_stats *s, size_t width)
{
    json_t *sources = json_array();
    bool lines = false;
    for (size_t i = 0; i < n; i++) {
        lines |= s->files[i].jsonl;
        json_array_append_new(sources, source_json(paths[i], &s->files[i]));
    }
    json_t *tokenizer = json_pack("{s:o, s:o}", "path", json_utf8(tokenizer_path(t)), "hash",
                                  json_hex(tokenizer_hash(t)));
    json_t *root = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "format",
        format_name, "documents", (json_int_t)s->documents, "empty_documents",
        (json_int_t)s->empty_documents, "bytes", (json_int_t)s->bytes, "words",
        (json_int_t)s->words, "tokens", (json_int_t)s->tokens, "invalid_utf8",
        (json_int_t)s->invalid, "longest", (json_int_t)s->longest, "vocabulary",
        (json_int_t)tokenizer_size(t), "dtype", width == 2 ? "uint16" : "int32", "corpus_hash",
        json_hex(s->corpus_hash), "tokenizer", tokenizer, "sources", sources, "field",
        json_utf8(lines ? (o->field ? o->field : "text") : NULL), "append", json_utf8(o->append));
    if (root && o->provenance)
        json_object_set_new(root, "provenance", json_deep_copy(o->provenance));
    return root;
}

/* --- reading --- */

static int wrong(const char *path, const char *key, const char *expected, struct err *e)
{
    return err_kind(e, ERR_DAMAGED, "%s: %s: expected %s", path, key, expected);
}

static int read_count(const json_t *o, const char *key, uint64_t *value, const char *path,
                      struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0) return wrong(path, key, "a count", e);
    *value = (uint64_t)json_integer_value(v);
    return 0;
}

static int read_hash(const json_t *o, const char *key, uint64_t *value, const char *path,
                     struct err *e)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return wrong(path, key, "16 hexadecimal digits", e);
    *value = strtoull(text, NULL, 16);
    return 0;
}

static int read_text(const json_t *o, const char *key, char **value, const char *path,
                     struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_null(v)) return 0;
    if (!json_is_string(v)) return wrong(path, key, "a string or null", e);
    *value = strdup(json_string_value(v));
    return *value ? 0 : err_memory(e, path);
}

static int read_source(const json_t *o, struct text_file *f, const char *path, struct err *e)
{
    const char *format = json_string_value(json_object_get(o, "format"));
    const json_t *stamp = json_object_get(o, "stamp"), *more = json_object_get(o, "replaced");
    if (!format || (strcmp(format, "jsonl") && strcmp(format, "text")))
        return wrong(path, "sources: format", "\"jsonl\" or \"text\"", e);
    f->jsonl = !strcmp(format, "jsonl");
    f->zstd = json_is_true(json_object_get(o, "zstd"));
    f->whole = !json_is_null(json_object_get(o, "hash"));
    if (!json_is_null(stamp) &&
        (!json_is_string(stamp) || json_string_length(stamp) >= sizeof f->stamp))
        return wrong(path, "sources: stamp", "a short string or null", e);
    if (json_is_string(stamp)) strcpy(f->stamp, json_string_value(stamp));
    if (f->whole && read_hash(o, "hash", &f->hash, path, e)) return -1;
    if (read_count(o, "bytes", &f->bytes, path, e) ||
        read_count(o, "documents", &f->documents, path, e))
        return -1;
    return more && (read_count(more, "count", &f->replaced.count, path, e) ||
                    read_count(more, "line", &f->replaced.line, path, e) ||
                    read_count(more, "byte", &f->replaced.byte, path, e))
               ? -1
               : 0;
}

static int read_root(struct origin *r, const json_t *root, const char *path, struct err *e)
{
    struct tokenize_stats *s = &r->stats;
    const struct {
        const char *key;
        uint64_t *value;
    } counts[] = {{"documents", &s->documents}, {"empty_documents", &s->empty_documents},
                  {"bytes", &s->bytes},         {"words", &s->words},
                  {"tokens", &s->tokens},       {"invalid_utf8", &s->invalid},
                  {"longest", &s->longest}};
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, format_name))
        return err_set(e, "%s: format: expected \"%s\"", path, format_name);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (read_count(root, counts[i].key, counts[i].value, path, e)) return -1;
    const json_t *sources = json_object_get(root, "sources");
    if (read_hash(root, "corpus_hash", &s->corpus_hash, path, e) ||
        read_hash(json_object_get(root, "tokenizer"), "hash", &r->tokenizer_hash, path, e) ||
        read_text(root, "field", &r->field, path, e) ||
        read_text(root, "append", &r->append, path, e))
        return -1;
    r->files = json_array_size(sources);
    if (!r->files) return wrong(path, "sources", "an array of them", e);
    s->files = calloc(r->files, sizeof *s->files);
    if (!s->files) return err_memory(e, path);
    for (size_t i = 0; i < r->files; i++) {
        if (read_source(json_array_get(sources, i), &s->files[i], path, e)) return -1;
        s->read_bytes += s->files[i].bytes;
    }
    return 0;
}

int origin_read(struct origin *r, const char *path, struct err *e)
{
    *r = (struct origin){.files = 0};
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    int status = root ? read_root(r, root, path, e) : err_set(e, "%s: %s", path, error.text);
    json_decref(root);
    if (status) origin_free(r);
    return status;
}

void origin_free(struct origin *r)
{
    free(r->stats.files);
    free(r->field);
    free(r->append);
    *r = (struct origin){.files = 0};
}

/* --- the tokenizer alone, also of a P.json with less in it --- */

/* New reference; NULL where PREFIX.json does not say. */
static json_t *claimed_tokenizer(const char *prefix)
{
    char *own = corpus_prefix(prefix); /* it may be given as P.bin or P.idx */
    char *path = own ? format_string("%s.json", own) : NULL;
    json_t *o = path && file_exists(path) ? json_load_file(path, 0, NULL) : NULL;
    json_t *tokenizer = json_incref(json_object_get(o, "tokenizer"));
    json_decref(o);
    free(path);
    free(own);
    return tokenizer;
}

char *origin_tokenizer(const char *prefix)
{
    json_t *claimed = claimed_tokenizer(prefix);
    const char *path = json_string_value(json_object_get(claimed, "path"));
    char *copy = path ? strdup(path) : NULL;
    json_decref(claimed);
    return copy;
}

int origin_check_tokenizer(const char *prefix, const struct tokenizer *t, struct err *e)
{
    json_t *claimed = claimed_tokenizer(prefix);
    const char *hash = json_string_value(json_object_get(claimed, "hash"));
    char mine[24];
    int status = 0;
    snprintf(mine, sizeof mine, "%016" PRIx64, tokenizer_hash(t));
    if (hash && strcmp(mine, hash))
        status = err_set(e,
                         "%s: expected the tokenizer the corpus was made with (%s, says %s.json), "
                         "found %s",
                         tokenizer_path(t), hash, prefix, mine);
    json_decref(claimed);
    return status;
}

const char *replaced_text(const struct replaced *r, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s %" PRIu64 ": invalid UTF-8%s became U+FFFD, the first of %" PRIu64,
             r->line ? "line" : "byte", r->line ? r->line : r->byte,
             r->line ? " or a lone surrogate" : "", r->count);
    return buffer;
}
