/* requests.c - see requests.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/requests.h"

#include <jansson.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "src/text/source.h"
#include "src/text/unicode.h"

enum { LINES = 4096, BYTES = 1 << 24 }; /* parsed at a time, about */

void requests_free(struct requests *r)
{
    for (size_t i = 0; i < r->lines; i++) free(r->line[i].id);
    free(r->item);
    free(r->line);
    ids_free(&r->ids);
    *r = (struct requests){0};
}

/* Room for one more of an array. */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room) return array;
    size_t more = *room ? 2 * *room : 16;
    void *p = realloc(array, more * size);
    if (p) *room = more;
    return p;
}

static int add_request(struct requests *r, struct request q, struct err *e)
{
    struct request *p = grow(r->item, r->n, &r->room, sizeof *p);
    if (!p) return err_memory(e, "requests");
    r->item = p;
    q.loss = r->predictions;
    r->item[r->n++] = q;
    r->predictions += q.tokens;
    return 0;
}

static int add_line(struct requests *r, struct request_line line, struct err *e)
{
    struct request_line *p = grow(r->line, r->lines, &r->lines_room, sizeof *p);
    if (!p) return err_memory(e, "requests");
    r->line = p;
    r->line[r->lines++] = line;
    return 0;
}

/* --- one request --- */

/* What Python's str.isspace says. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Bytes of valid UTF-8 without the white space at its end. */
static size_t stripped(const char *text, size_t bytes)
{
    while (bytes) {
        size_t at = bytes - 1, length;
        while (at && ((uint8_t)text[at] & 0xC0) == 0x80) at--;
        if (!is_space(utf8_read((const uint8_t *)text + at, &length))) break;
        bytes = at;
    }
    return bytes;
}

static uint64_t characters(const char *text, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n += ((uint8_t)text[i] & 0xC0) != 0x80;
    return n;
}

/* What is read of a line. */
struct reader {
    struct requests *r;
    const struct requests_options *o;
    struct encoder *encoder;
    struct bytes text; /* scratch */
    struct err *e;
};

/* The request whose COUNT ids from AT on were appended, the first CONTEXT of them the context's: the
 * prefix token goes in front where there is no context, and it is noted. */
static int close_request(struct reader *in, struct request q, size_t context)
{
    struct ids *ids = &in->r->ids;
    size_t count = ids->count - (size_t)q.at;
    if (context == 0 && count) {
        int64_t prefix = in->o->prefix;
        if (prefix < 0 && in->o->tokenizer) {
            prefix = tokenizer_added(in->o->tokenizer, "<|endoftext|>");
            in->r->encoded = true;
        }
        if (prefix < 0)
            return err_set(in->e, "an empty context needs a prefix token: the tokenizer has no "
                                  "<|endoftext|>, give one with --prefix-token");
        if (ids->id[q.at] != (uint32_t)prefix) {
            if (ids_reserve(ids, 1, in->e)) return -1;
            memmove(ids->id + q.at + 1, ids->id + q.at, count * sizeof *ids->id);
            ids->id[q.at] = (uint32_t)prefix;
            ids->count++;
            count++;
        }
        context = 1;
    }
    if (count <= context)
        return err_set(in->e, "the continuation has no token of its own after %zu of the context",
                       context);
    if (count > INT32_MAX) return err_set(in->e, "more than 2^31 - 1 tokens");
    q.context = (uint32_t)context;
    q.tokens = (uint32_t)(count - context);
    return add_request(in->r, q, in->e);
}

/* CONTEXT and DELIMITER + CONTINUATION as text. */
static int add_text(struct reader *in, const json_t *context, const char *delimiter,
                    size_t delimiter_bytes, const json_t *continuation)
{
    const char *before = json_string_value(context), *after = json_string_value(continuation);
    size_t bytes = json_string_length(continuation);
    size_t own = stripped(before, json_string_length(context)), all = json_string_length(context);
    struct ids *ids = &in->r->ids;
    struct request q = {.line = in->r->lines,
                        .at = ids->count,
                        .bytes = bytes,
                        .characters = characters(after, bytes)};
    if (!in->encoder)
        return err_set(in->e, "text needs a tokenizer: no tokenizer.json found beside the model, "
                              "give one with -t");
    in->r->encoded = true;
    if (own && encoder_encode(in->encoder, before, own, ids, NULL, in->e)) return -1;
    size_t tokens = ids->count - (size_t)q.at;
    in->text.count = 0;
    if (bytes_append(&in->text, before, all) ||
        bytes_append(&in->text, delimiter, delimiter_bytes) ||
        bytes_append(&in->text, after, bytes))
        return err_memory(in->e, "requests");
    /* The whole behind the context, then what stands for the context again goes. */
    size_t whole = ids->count;
    if (encoder_encode(in->encoder, (const char *)in->text.data, in->text.count, ids, NULL, in->e))
        return -1;
    size_t n = ids->count - whole, drop = tokens < n ? tokens : n;
    if (n) memmove(ids->id + whole, ids->id + whole + drop, (n - drop) * sizeof *ids->id);
    ids->count -= drop;
    return close_request(in, q, tokens);
}

static int append_ids(struct reader *in, const json_t *list, const char *what)
{
    struct ids *ids = &in->r->ids;
    size_t n = json_array_size(list);
    if (ids_reserve(ids, n + 1, in->e)) return -1;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        json_int_t id = json_integer_value(v);
        if (!json_is_integer(v) || id < 0 || id > INT32_MAX)
            return err_set(in->e, "\"%s\"[%zu]: expected a token id", what, i);
        ids->id[ids->count++] = (uint32_t)id;
    }
    return 0;
}

static int add_ids(struct reader *in, const json_t *context, const json_t *continuation,
                   const char *what)
{
    struct request q = {.line = in->r->lines, .at = in->r->ids.count};
    if (!json_is_array(continuation))
        return err_set(in->e, "\"%s\": expected a list of token ids", what);
    if (append_ids(in, context, "context_ids") || append_ids(in, continuation, what)) return -1;
    return close_request(in, q, json_array_size(context));
}

/* --- one line --- */

/* The value of KEY if it is there: of TYPE, described by WORDS. */
static int take(const json_t *o, const char *key, json_type type, const char *words,
                const json_t **value, struct err *e)
{
    *value = json_object_get(o, key);
    if (!*value || json_typeof(*value) == type) return 0;
    return err_set(e, "\"%s\": expected %s", key, words);
}

/* What a line has, text or ids. */
struct keys {
    const json_t *context, *continuation, *choices, *gold, *delimiter, *id;
    const char *one, *many; /* names of continuation and choices */
    bool text;
};

static int take_keys(struct keys *k, const json_t *o, struct err *e)
{
    const json_t *text = json_object_get(o, "context"), *ids = json_object_get(o, "context_ids");
    if (!json_is_object(o)) return err_set(e, "expected a JSON object");
    if (!text == !ids)
        return err_set(e, "expected \"context\" or \"context_ids\", %s",
                       text ? "not both" : "found neither");
    k->text = text != NULL;
    k->one = k->text ? "continuation" : "continuation_ids";
    k->many = k->text ? "choices" : "choices_ids";
    if (take(o, k->text ? "context" : "context_ids", k->text ? JSON_STRING : JSON_ARRAY,
             k->text ? "text" : "a list of token ids", &k->context, e) ||
        take(o, k->one, k->text ? JSON_STRING : JSON_ARRAY,
             k->text ? "text" : "a list of token ids", &k->continuation, e) ||
        take(o, k->many, JSON_ARRAY, "a list", &k->choices, e) ||
        take(o, "gold", JSON_INTEGER, "the index of a choice", &k->gold, e) ||
        take(o, "delimiter", JSON_STRING, "text", &k->delimiter, e))
        return -1;
    if (!k->continuation == !k->choices)
        return err_set(e, "expected \"%s\" or \"%s\", %s", k->one, k->many,
                       k->choices ? "not both" : "found neither");
    if (k->choices && !json_array_size(k->choices))
        return err_set(e, "\"%s\": expected at least one", k->many);
    json_int_t gold = k->gold ? json_integer_value(k->gold) : 0;
    if (k->gold && (gold < 0 || (size_t)gold >= json_array_size(k->choices)))
        return err_set(e, "\"gold\": expected the index of one of %zu choices, found %lld",
                       json_array_size(k->choices), (long long)gold);
    k->id = json_object_get(o, "id");
    if (k->id && !json_is_string(k->id) && !json_is_integer(k->id))
        return err_set(e, "\"id\": expected text or an integer");
    return 0;
}

static int add_requests(struct reader *in, const struct keys *k)
{
    const char *delimiter = k->delimiter ? json_string_value(k->delimiter) : "";
    size_t bytes = k->delimiter ? json_string_length(k->delimiter) : 0;
    size_t n = k->choices ? json_array_size(k->choices) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = k->choices ? json_array_get(k->choices, i) : k->continuation;
        int status;
        if (!k->text)
            status = add_ids(in, k->context, one, k->choices ? k->many : k->one);
        else if (!json_is_string(one))
            status = err_set(in->e, "expected text");
        else
            status =
                add_text(in, k->context, k->choices ? delimiter : "", k->choices ? bytes : 0, one);
        if (status) return k->choices ? err_prefix(in->e, "choice %zu", i) : -1;
    }
    return 0;
}

int requests_add(struct requests *r, const char *text, size_t bytes, size_t line,
                 const struct requests_options *o, struct encoder *encoder, struct err *e)
{
    struct reader in = {.r = r, .o = o, .encoder = encoder, .e = e};
    struct request_line l = {.number = line, .first = r->n, .gold = -1};
    json_error_t why;
    json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    struct keys k = {0};
    int status = 0;
    if (!object)
        status = err_set(e, "not JSON: column %d: %s", why.column, why.text);
    else if (take_keys(&k, object, e) || add_requests(&in, &k))
        status = -1;
    if (!status) {
        l.count = r->n - l.first;
        l.choices = k.choices != NULL;
        if (k.gold) l.gold = json_integer_value(k.gold);
        if (k.id) l.id = json_dumps(k.id, JSON_ENCODE_ANY | JSON_COMPACT);
        status = k.id && !l.id ? err_memory(e, NULL) : add_line(r, l, e);
        if (status) free(l.id);
    }
    bytes_free(&in.text);
    json_decref(object);
    return status ? err_prefix(e, "line %zu", line) : 0;
}

/* --- a file --- */

/* Lines of the file that are parsed together. */
struct block {
    struct {
        size_t at, bytes, number;
    } line[LINES];
    size_t n;
    struct bytes text;
    struct requests part[LINES];
};

/* Moves what PART holds behind what R has. */
static int append(struct requests *r, struct requests *part, struct err *e)
{
    size_t ids = r->ids.count, items = r->n, lines = r->lines;
    if (ids_reserve(&r->ids, part->ids.count + 1, e)) return -1;
    if (part->ids.count)
        memcpy(r->ids.id + ids, part->ids.id, part->ids.count * sizeof *part->ids.id);
    r->ids.count += part->ids.count;
    r->encoded |= part->encoded;
    for (size_t i = 0; i < part->n; i++) {
        struct request q = part->item[i];
        q.at += ids;
        q.line += lines;
        if (add_request(r, q, e)) return -1;
    }
    for (size_t i = 0; i < part->lines; i++) {
        struct request_line l = part->line[i];
        l.first += items;
        if (add_line(r, l, e)) return -1;
        part->line[i].id = NULL;
    }
    return 0;
}

/* Parses the lines of a block on all threads; of several errors the first line's counts. */
static int parse(struct requests *r, struct block *b, const struct requests_options *o,
                 struct err *e)
{
    size_t bad = b->n;
    struct err first;
    int status = 0;
#pragma omp parallel
    {
        struct encoder *encoder = o->tokenizer ? encoder_open(o->tokenizer) : NULL;
        bool failed = o->tokenizer && !encoder;
#pragma omp for schedule(dynamic, 16)
        for (size_t i = 0; i < b->n; i++) {
            struct err own;
            int s = failed ? err_memory(&own, "tokenizer")
                           : requests_add(&b->part[i], (const char *)b->text.data + b->line[i].at,
                                          b->line[i].bytes, b->line[i].number, o, encoder, &own);
#pragma omp critical(requests_error)
            if (s && i < bad) {
                bad = i;
                first = own;
            }
        }
        encoder_close(encoder);
    }
    if (bad < b->n) {
        *e = first;
        status = -1;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (!status) status = append(r, &b->part[i], e);
        requests_free(&b->part[i]);
    }
    b->n = 0;
    return status;
}

/* Takes the line text[at .. end) into the block, unless it is blank. */
static void take_line(struct block *b, size_t at, size_t end, size_t number)
{
    while (end > at && strchr(" \t\r", b->text.data[end - 1]) && b->text.data[end - 1]) end--;
    if (end == at) return;
    b->line[b->n].at = at;
    b->line[b->n].bytes = end - at;
    b->line[b->n++].number = number;
}

static int read_lines(struct requests *r, struct source *s, struct block *b,
                      const struct requests_options *o, struct err *e)
{
    enum { CHUNK = 1 << 18 };
    size_t at = 0, look = 0, number = 0, got = 1; /* a line begins at `at`, no end before `look` */
    while (got) {
        if (bytes_reserve(&b->text, CHUNK)) return err_memory(e, s->path);
        if (source_read(s, b->text.data + b->text.count, CHUNK, &got, e)) return -1;
        b->text.count += got;
        while (at < b->text.count) {
            uint8_t *end = look < b->text.count
                               ? memchr(b->text.data + look, '\n', b->text.count - look)
                               : NULL;
            if (!end && got) break;
            size_t stop = end ? (size_t)(end - b->text.data) : b->text.count;
            take_line(b, at, stop, ++number);
            at = look = stop + (end != NULL);
            if (b->n == LINES && parse(r, b, o, e)) return err_prefix(e, "%s", s->path);
        }
        look = b->text.count;
        if (b->n && got && b->text.count < BYTES) continue;
        if (b->n && parse(r, b, o, e)) return err_prefix(e, "%s", s->path);
        memmove(b->text.data, b->text.data + at, b->text.count - at);
        b->text.count -= at;
        look -= at;
        at = 0;
    }
    return 0;
}

int requests_read(struct requests *r, const char *path, const struct requests_options *o,
                  struct err *e)
{
    struct source s;
    struct block *b = calloc(1, sizeof *b);
    *r = (struct requests){0};
    if (!b) return err_memory(e, path);
    json_object_seed(0); /* before threads make objects */
    int status = source_open(&s, path, e);
    if (!status) {
        status = read_lines(r, &s, b, o, e);
        source_close(&s);
    }
    if (!status && !r->n) status = err_set(e, "%s: expected requests, found no line", path);
    for (size_t i = 0; i < LINES; i++) requests_free(&b->part[i]);
    bytes_free(&b->text);
    free(b);
    if (status) requests_free(r);
    return status;
}

void requests_part(struct requests *r, size_t index, size_t parts)
{
    size_t from = r->lines * index / parts, to = r->lines * (index + 1) / parts;
    size_t first = from < r->lines ? r->line[from].first : r->n;
    size_t end = to < r->lines ? r->line[to].first : r->n;
    for (size_t i = 0; i < r->lines; i++)
        if (i < from || i >= to) free(r->line[i].id);
    memmove(r->line, r->line + from, (to - from) * sizeof *r->line);
    memmove(r->item, r->item + first, (end - first) * sizeof *r->item);
    r->lines = to - from;
    r->n = end - first;
    r->predictions = 0;
    for (size_t i = 0; i < r->lines; i++) r->line[i].first -= first;
    for (size_t i = 0; i < r->n; i++) {
        r->item[i].line -= from;
        r->item[i].loss = r->predictions;
        r->predictions += r->item[i].tokens;
    }
}
