/* tokenizer_json.c - reads a tokenizer.json; what it asks for and we do not do is refused by name.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/text/tokenizer.h"
#include "src/text/tokenizer_private.h"

enum { MAX_ID = (1 << 24) - 1 }; /* a table of ids is kept: a larger one is a damaged file */

void byte_alphabet(int32_t byte_of[512])
{
    for (int i = 0; i < 512; i++) byte_of[i] = -1;
    int next = 256;
    for (int b = 0; b < 256; b++) {
        bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        byte_of[prints ? b : next++] = b;
    }
}

/* What a token's name spells: bytes by the alphabet, or its UTF-8 if it holds any other
 * character. */
static int token_bytes(const char *name, size_t length, const int32_t byte_of[512],
                       struct bytes *out)
{
    size_t start = out->count;
    for (size_t i = 0, n; i < length; i += n) {
        uint32_t c = utf8_read((const uint8_t *)name + i, &n);
        if (c >= 512 || byte_of[c] < 0) {
            out->count = start;
            return bytes_append(out, name, length);
        }
        uint8_t b = (uint8_t)byte_of[c];
        if (bytes_append(out, &b, 1)) return -1;
    }
    return 0;
}

static bool is_null(const json_t *v)
{
    return !v || json_is_null(v);
}

static bool is_empty_string(const json_t *v)
{
    return is_null(v) || (json_is_string(v) && json_string_length(v) == 0);
}

/* A short name for a JSON value in messages. */
static const char *type_of(const json_t *object)
{
    const json_t *type = json_object_get(object, "type");
    if (json_is_string(type)) return json_string_value(type);
    return object ? "without a type" : "nothing";
}

static int read_bool(const json_t *object, const char *key, bool absent, bool *value,
                     const char *name, const char *place, struct err *e)
{
    const json_t *v = json_object_get(object, key);
    *value = v ? json_is_true(v) : absent;
    if (v && !json_is_boolean(v))
        return err_set(e, "%s: %s: %s: expected true or false", name, place, key);
    return 0;
}

static int read_normalizer(struct tokenizer *t, const json_t *v, const char *name, struct err *e)
{
    if (is_null(v)) return 0;
    const char *type = type_of(v);
    if (!strcmp(type, "NFC")) {
        t->nfc = true;
        return 0;
    }
    const json_t *list = json_object_get(v, "normalizers");
    if (strcmp(type, "Sequence") || !json_is_array(list))
        return err_set(e, "%s: normalizer: expected NFC or null, found %.60s", name, type);
    for (size_t i = 0; i < json_array_size(list); i++) {
        type = type_of(json_array_get(list, i));
        if (strcmp(type, "NFC"))
            return err_set(e, "%s: normalizer: expected NFC or null, found %.60s", name, type);
        t->nfc = true;
    }
    return 0;
}

static int read_pre_tokenizer(struct tokenizer *t, const json_t *v, const char *name, struct err *e)
{
    const char *type = is_null(v) ? "nothing" : type_of(v);
    if (!strcmp(type, "Sequence")) { /* of one is the thing itself */
        const json_t *list = json_object_get(v, "pretokenizers");
        if (json_array_size(list) == 1) {
            v = json_array_get(list, 0);
            type = type_of(v);
        } else {
            return err_set(
                e, "%s: pre_tokenizer: expected ByteLevel, found a sequence of %zu (first %.60s)",
                name, json_array_size(list), type_of(json_array_get(list, 0)));
        }
    }
    if (strcmp(type, "ByteLevel"))
        return err_set(e, "%s: pre_tokenizer: expected ByteLevel, found %.60s", name, type);
    if (read_bool(v, "add_prefix_space", true, &t->prefix_space, name, "pre_tokenizer", e))
        return -1;
    return read_bool(v, "use_regex", true, &t->words, name, "pre_tokenizer", e);
}

/* A post-processor may add tokens; those that only touch offsets are let through. */
static int read_post_processor(const json_t *v, const char *name, struct err *e)
{
    if (is_null(v)) return 0;
    const char *type = type_of(v);
    if (!strcmp(type, "ByteLevel")) return 0;
    if (!strcmp(type, "Sequence")) {
        const json_t *list = json_object_get(v, "processors");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *item = json_array_get(list, i);
            if (json_is_object(item) && !strcmp(type_of(item), "Sequence"))
                return err_set(e, "%s: post_processor: nested sequences are not supported", name);
            if (read_post_processor(item, name, e)) return -1;
        }
        return 0;
    }
    if (!strcmp(type, "TemplateProcessing")) {
        const json_t *single = json_object_get(v, "single");
        bool plain =
            json_array_size(single) == 1 && json_object_get(json_array_get(single, 0), "Sequence");
        if (plain) return 0;
        return err_set(
            e, "%s: post_processor: TemplateProcessing that adds tokens is not supported", name);
    }
    return err_set(e, "%s: post_processor: expected ByteLevel or null, found %.60s", name, type);
}

static int read_decoder(const json_t *v, const char *name, struct err *e)
{
    const char *type = is_null(v) ? "ByteLevel" : type_of(v);
    if (strcmp(type, "ByteLevel"))
        return err_set(e, "%s: decoder: expected ByteLevel, found %.60s", name, type);
    return 0;
}

/* Grows the table of ids to hold ID. */
static int token_room(struct tokenizer *t, size_t id, size_t *room)
{
    if (id >= *room) {
        size_t more = *room ? *room : 1024;
        while (more <= id) more *= 2;
        struct token *token = realloc(t->token, more * sizeof *token);
        if (!token) return -1;
        for (size_t i = *room; i < more; i++) token[i] = (struct token){NO_ID, 0};
        t->token = token;
        *room = more;
    }
    if (id >= t->size) t->size = id + 1;
    return 0;
}

static int token_put(struct tokenizer *t, size_t id, size_t *room, const char *content,
                     size_t length, const int32_t byte_of[512], const char *name, struct err *e)
{
    size_t start = t->text.count;
    if (token_room(t, id, room) || token_bytes(content, length, byte_of, &t->text))
        return err_memory(e, name);
    if (t->text.count >= NO_ID) return err_set(e, "%s: more than 4 GB of tokens", name);
    t->token[id] = (struct token){(uint32_t)start, (uint32_t)(t->text.count - start)};
    return 0;
}

static int read_vocabulary(struct tokenizer *t, json_t *vocab, size_t *room,
                           const int32_t byte_of[512], const char *name, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(vocab, key, value)
    {
        json_int_t id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0 || id > MAX_ID)
            return err_set(e, "%s: model.vocab: '%.60s': expected an id in 0..%d", name, key,
                           MAX_ID);
        if ((size_t)id < *room && t->token[id].offset != NO_ID)
            return err_set(e, "%s: model.vocab: '%.60s': id %d stands for another token, too", name,
                           key, (int)id);
        size_t length = strlen(key); /* jansson keeps no zero byte in a key */
        if (token_put(t, (size_t)id, room, key, length, byte_of, name, e)) return -1;
        size_t n;
        if (length && length <= 2) {
            uint32_t c = utf8_read((const uint8_t *)key, &n);
            if (n == length && c < 512 && byte_of[c] >= 0)
                t->bpe.byte_id[byte_of[c]] = (uint32_t)id;
        }
    }
    return 0;
}

static int read_merges(struct tokenizer *t, const json_t *vocab, const json_t *merges,
                       const char *name, struct err *e)
{
    size_t count = json_array_size(merges);
    struct bytes left = {0}, both = {0};
    int status = -1;
    if (bpe_reserve(&t->bpe, count)) {
        err_memory(e, name);
        goto out;
    }
    bool pairs = json_is_array(json_array_get(merges, 0));
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(merges, i);
        const char *a, *b;
        size_t a_length, b_length;
        if (pairs) {
            const json_t *x = json_array_get(item, 0), *y = json_array_get(item, 1);
            if (json_array_size(item) != 2 || !json_is_string(x) || !json_is_string(y)) {
                err_set(e, "%s: model.merges[%zu]: expected a pair of strings", name, i);
                goto out;
            }
            a = json_string_value(x);
            b = json_string_value(y);
            a_length = json_string_length(x);
            b_length = json_string_length(y);
        } else {
            const char *text = json_string_value(item);
            if (text && !strncmp(text, "#version", 8))
                continue; /* a line of the older merges.txt */
            const char *space = text ? strchr(text, ' ') : NULL;
            if (!space || strchr(space + 1, ' ')) {
                err_set(e, "%s: model.merges[%zu]: expected two tokens and one space", name, i);
                goto out;
            }
            a = text;
            b = space + 1;
            a_length = (size_t)(space - text);
            b_length = strlen(b);
        }
        left.count = both.count = 0;
        if (bytes_append(&left, a, a_length) || bytes_append(&left, "", 1) ||
            bytes_append(&both, a, a_length) || bytes_append(&both, b, b_length) ||
            bytes_append(&both, "", 1)) {
            err_memory(e, name);
            goto out;
        }
        const json_t *id_a = json_object_get(vocab, (const char *)left.data);
        const json_t *id_b = json_object_get(vocab, b);
        const json_t *id = json_object_get(vocab, (const char *)both.data);
        if (!id_a || !id_b || !id) {
            err_set(e, "%s: model.merges[%zu]: '%.60s' is not in the vocabulary", name, i,
                    !id_a   ? (const char *)left.data
                    : !id_b ? b
                            : (const char *)both.data);
            goto out;
        }
        bpe_put(&t->bpe, (uint32_t)json_integer_value(id_a), (uint32_t)json_integer_value(id_b),
                (uint32_t)i, (uint32_t)json_integer_value(id));
    }
    status = 0;
out:
    bytes_free(&left);
    bytes_free(&both);
    return status;
}

/* Bytes that well-formed UTF-8 may hold. */
static bool utf8_may_hold(int b)
{
    return b != 0xC0 && b != 0xC1 && b < 0xF5;
}

static int read_model(struct tokenizer *t, const json_t *model, size_t *room,
                      const int32_t byte_of[512], const char *name, struct err *e)
{
    if (!json_is_object(model))
        return err_set(e, "%s: not a tokenizer.json: expected an object 'model'", name);
    const json_t *type = json_object_get(model, "type");
    if (type && strcmp(type_of(model), "BPE"))
        return err_set(e, "%s: model: expected BPE, found %.60s", name, type_of(model));
    json_t *vocab = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_object(vocab)) return err_set(e, "%s: model.vocab: expected an object", name);
    if (!json_is_array(merges)) return err_set(e, "%s: model.merges: expected an array", name);
    const json_t *dropout = json_object_get(model, "dropout");
    if (!is_null(dropout) && !(json_is_number(dropout) && json_number_value(dropout) == 0))
        return err_set(e, "%s: model.dropout: expected null", name);
    const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++) {
        if (!is_empty_string(json_object_get(model, empty[i])))
            return err_set(e, "%s: model.%s: expected null", name, empty[i]);
    }
    const char *const off[] = {"byte_fallback", "ignore_merges"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_object_get(model, off[i]);
        if (!is_null(v) && !json_is_false(v))
            return err_set(e, "%s: model.%s: expected false", name, off[i]);
    }
    if (read_vocabulary(t, vocab, room, byte_of, name, e)) return -1;
    if (!is_null(json_object_get(model, "unk_token"))) {
        for (int b = 0; b < 256; b++) {
            if (utf8_may_hold(b) && t->bpe.byte_id[b] == NO_ID)
                return err_set(
                    e,
                    "%s: model.unk_token: not supported with a vocabulary that lacks byte 0x%02X",
                    name, (unsigned)b);
        }
    }
    return read_merges(t, vocab, merges, name, e);
}

static int read_added(struct tokenizer *t, const json_t *list, const json_t *vocab, size_t *room,
                      const int32_t byte_of[512], const char *name, struct err *e)
{
    if (is_null(list)) return 0;
    if (!json_is_array(list)) return err_set(e, "%s: added_tokens: expected an array", name);
    size_t next = json_object_size(
        vocab); /* the id Hugging Face gives a token that is not in the vocabulary */
    struct bytes normal = {0};
    int status = -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *content = json_object_get(item, "content");
        const json_t *id_value = json_object_get(item, "id");
        char place[96];
        snprintf(place, sizeof place, "added_tokens[%zu]", i);
        if (!json_is_string(content) || !json_is_integer(id_value)) {
            err_set(e, "%s: %s: expected an id and a content", name, place);
            goto out;
        }
        const char *text = json_string_value(content);
        size_t length = json_string_length(content);
        json_int_t id = json_integer_value(id_value);
        bool single, lstrip, rstrip, normalized, special;
        if (read_bool(item, "single_word", false, &single, name, place, e) ||
            read_bool(item, "lstrip", false, &lstrip, name, place, e) ||
            read_bool(item, "rstrip", false, &rstrip, name, place, e) ||
            read_bool(item, "special", false, &special, name, place, e) ||
            read_bool(item, "normalized", !special, &normalized, name, place, e))
            goto out;
        if (single || lstrip || rstrip) {
            err_set(e, "%s: %s ('%.40s'): %s is not supported", name, place, text,
                    single   ? "single_word"
                    : lstrip ? "lstrip"
                             : "rstrip");
            goto out;
        }
        if (!length) continue; /* as Hugging Face does */
        if (strlen(text) != length) {
            err_set(e, "%s: %s: a zero byte in a token is not supported", name, place);
            goto out;
        }
        const json_t *known = json_object_get(vocab, text);
        if (!known) known = json_object_get(t->added_ids, text);
        json_int_t expected = known ? json_integer_value(known) : (json_int_t)next;
        if (id != expected || id > MAX_ID) {
            err_set(e, "%s: %s ('%.40s'): expected id %lld, found %lld", name, place, text,
                    (long long)expected, (long long)id);
            goto out;
        }
        if (json_object_get(t->added_ids, text)) continue;
        if (!known) {
            if ((size_t)id < *room && t->token[id].offset != NO_ID) {
                err_set(e, "%s: %s ('%.40s'): id %lld stands for another token, too", name, place,
                        text, (long long)id);
                goto out;
            }
            next = (size_t)id + 1;
        } else if ((size_t)id >= next) {
            next = (size_t)id + 1; /* a vocabulary with gaps in its ids */
        }
        const uint8_t *found = (const uint8_t *)text;
        size_t found_bytes = length;
        normal.count = 0;
        int changed = normalized && t->nfc ? unicode_nfc(found, length, &normal) : 0;
        if (changed > 0) {
            found = normal.data;
            found_bytes = normal.count;
        }
        if (changed < 0 ||
            added_put(normalized ? &t->plain : &t->special, found, found_bytes, (uint32_t)id) ||
            json_object_set_new(t->added_ids, text, json_integer(id))) {
            err_memory(e, name);
            goto out;
        }
        /* It is decoded as what it is found as, by the alphabet if it can be, as Hugging Face does.
         */
        if (token_put(t, (size_t)id, room, (const char *)found, found_bytes, byte_of, name, e))
            goto out;
        for (size_t k = 1; k < length; k++) {
            if (is_space_byte((uint8_t)text[k]) && !is_space_byte((uint8_t)text[k - 1]))
                t->cut_ok = false;
        }
    }
    status = 0;
out:
    bytes_free(&normal);
    return status;
}

int tokenizer_parse(struct tokenizer **result, const char *json, size_t bytes, const char *name,
                    struct err *e)
{
    json_error_t error;
    json_t *root = NULL;
    int status = -1;
    *result = NULL;
    struct tokenizer *t = calloc(1, sizeof *t);
    if (!t) return err_memory(e, name);
    pthread_mutex_init(&t->lock, NULL);
    for (int b = 0; b < 256; b++) t->bpe.byte_id[b] = NO_ID;
    t->cut_ok = true;
    t->path = strdup(name);
    t->added_ids = json_object();
    if (!t->path || !t->added_ids) {
        err_memory(e, name);
        goto out;
    }
    root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root) {
        err_set(e, "%s: not a tokenizer.json: line %d: %s", name, error.line, error.text);
        goto out;
    }
    if (!json_is_object(root)) {
        err_set(e, "%s: not a tokenizer.json: expected an object", name);
        goto out;
    }
    const char *const absent[] = {"truncation", "padding"};
    for (size_t i = 0; i < 2; i++) {
        if (is_null(json_object_get(root, absent[i]))) continue;
        err_set(e, "%s: %s: expected null", name, absent[i]);
        goto out;
    }
    int32_t byte_of[512];
    byte_alphabet(byte_of);
    size_t room = 0;
    const json_t *model = json_object_get(root, "model");
    if (read_model(t, model, &room, byte_of, name, e) ||
        read_normalizer(t, json_object_get(root, "normalizer"), name, e) ||
        read_pre_tokenizer(t, json_object_get(root, "pre_tokenizer"), name, e) ||
        read_post_processor(json_object_get(root, "post_processor"), name, e) ||
        read_decoder(json_object_get(root, "decoder"), name, e) ||
        read_added(t, json_object_get(root, "added_tokens"), json_object_get(model, "vocab"), &room,
                   byte_of, name, e))
        goto out;
    if (!t->size) {
        err_set(e, "%s: model.vocab: no tokens", name);
        goto out;
    }
    added_index(&t->special);
    added_index(&t->plain);
    t->hash = XXH3_64bits(json, bytes);
    status = 0;
    *result = t;
    t = NULL;
out:
    json_decref(root);
    tokenizer_close(t);
    return status;
}

int tokenizer_open(struct tokenizer **t, const char *path, struct err *e)
{
    struct map m;
    *t = NULL;
    if (map_open(&m, path, e)) return -1;
    int status = m.size ? tokenizer_parse(t, (const char *)m.data, m.size, path, e)
                        : err_set(e, "%s: not a tokenizer.json: the file is empty", path);
    map_close(&m);
    return status;
}

int tokenizer_file_hash(uint64_t *hash, const char *path, struct err *e)
{
    struct map m;
    if (map_open(&m, path, e)) return -1;
    *hash = XXH3_64bits(m.data, m.size);
    map_close(&m);
    return 0;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t) return;
    while (t->idle) {
        struct encoder *c = t->idle;
        t->idle = c->next;
        encoder_close(c);
    }
    added_free(&t->special);
    added_free(&t->plain);
    bpe_free(&t->bpe);
    free(t->token);
    bytes_free(&t->text);
    json_decref(t->added_ids);
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t);
}
