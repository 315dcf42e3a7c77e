/* tokenizer.c - byte-level BPE with Hugging Face's ids; see tokenizer.h.
 *
 *   text -> UTF-8 repaired -> special added tokens cut out -> NFC -> other added tokens cut out
 *        -> words (GPT-2's rule) -> ids of a word from the encoder's cache, or by merging its bytes
 *
 * Words are found by a scanner written out by hand (ASCII by table, the rest by code point).
 * Merging takes the pair of lowest rank, leftmost first: by scanning for a short word, with a heap
 * over linked symbols for a long one, so that a megabyte of one letter costs n log n.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/tokenizer.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/file.h"
#include "src/unicode.h"

enum {
    MAX_ID = (1 << 24) - 1, /* a table of ids is kept: a larger one is a damaged file */
    SHORT_WORD = 96,        /* symbols up to which scanning beats the heap */
    CACHE_BITS = 15,        /* 1 MiB an encoder: larger loses in L2 what it wins in hits */
    KEY_BYTES = 15,
    KEY_IDS = 3,
    LONG_BITS = 12, /* half a MiB for words that do not fit a slot: most of the world's scripts */
    LONG_BYTES = 47,
    LONG_IDS = 19,
};
#define NO_ID UINT32_MAX

struct token {
    uint32_t offset, bytes; /* in text; offset NO_ID: not in use */
};

struct merge {
    uint64_t pair; /* left << 32 | right; NO_PAIR: free */
    uint32_t rank, id;
};
#define NO_PAIR UINT64_MAX

struct added_token {
    uint8_t *text;
    size_t bytes;
    uint32_t id;
};

/* Added tokens of one kind, longest first among those that begin with the same byte. */
struct added {
    struct added_token *token;
    size_t count;
    uint32_t first[257]; /* token[first[b] .. first[b + 1]) begin with byte b */
    /* If every token begins with the same two bytes, those, to search for; else pairs is false. */
    bool pairs;
    uint8_t pair[2];
};

struct tokenizer {
    char *path;
    uint64_t hash;
    size_t size;
    bool nfc, prefix_space, words; /* words: split by GPT-2's rule */
    bool cut_ok;                   /* no added token spans a cut */
    struct token *token;           /* [size] */
    struct bytes text;             /* of all tokens */
    uint32_t byte_id[256];
    struct merge *merges; /* open addressing */
    size_t merge_mask;
    struct added special, plain;
    json_t *added_ids; /* content -> id */
    pthread_mutex_t lock;
    struct encoder *idle; /* those tokenizer_encode lends out */
};

struct slot {
    uint8_t key[KEY_BYTES + 1]; /* the word, zeros, its length in the last byte (0: free) */
    uint32_t id[KEY_IDS];
    uint32_t count;
};

struct long_slot {
    uint8_t text[LONG_BYTES], bytes; /* bytes 0: free */
    uint32_t count, id[LONG_IDS];
};

struct symbol {
    uint32_t id, previous, next; /* indices; NO_ID: none */
};

struct encoder {
    const struct tokenizer *t;
    struct encoder *next;
    struct bytes repaired, normal, prefixed;
    struct slot *cache;
    struct long_slot *long_cache;
    struct symbol *symbols;
    size_t symbol_room;
    uint64_t *heap;
    size_t heap_count, heap_room;
};

/* ---- ids ---- */

int ids_reserve(struct ids *ids, size_t more, struct err *e)
{
    if (ids->capacity - ids->count >= more) return 0;
    size_t capacity = ids->capacity ? ids->capacity : 256;
    while (capacity - ids->count < more) {
        if (capacity > SIZE_MAX / 16) return err_set(e, "too many tokens: out of memory");
        capacity *= 2;
    }
    uint32_t *id = realloc(ids->id, capacity * sizeof *id);
    if (!id) return err_set(e, "out of memory for %zu tokens", capacity);
    ids->id = id;
    ids->capacity = capacity;
    return 0;
}

void ids_free(struct ids *ids)
{
    free(ids->id);
    *ids = (struct ids){0};
}

/* ---- merges ---- */

static inline size_t merge_hash(uint64_t pair)
{
    pair *= 0x9E3779B97F4A7C15u;
    return (size_t)(pair ^ pair >> 32);
}

static inline const struct merge *merge_find(const struct tokenizer *t, uint32_t left,
                                             uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    for (size_t i = merge_hash(pair) & t->merge_mask;; i = (i + 1) & t->merge_mask) {
        if (t->merges[i].pair == pair) return &t->merges[i];
        if (t->merges[i].pair == NO_PAIR) return NULL;
    }
}

static void merge_put(struct tokenizer *t, uint32_t left, uint32_t right, uint32_t rank,
                      uint32_t id)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = merge_hash(pair) & t->merge_mask;
    while (t->merges[i].pair != NO_PAIR && t->merges[i].pair != pair) i = (i + 1) & t->merge_mask;
    t->merges[i] =
        (struct merge){pair, rank, id}; /* of equal pairs the last counts, as in Hugging Face */
}

/* ---- reading tokenizer.json ---- */

/* GPT-2's alphabet: bytes that print stand for themselves, the others for U+0100 onwards in order.
 */
static void byte_alphabet(int32_t byte_of[512])
{
    for (int i = 0; i < 512; i++) byte_of[i] = -1;
    int next = 256;
    for (int b = 0; b < 256; b++) {
        bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        byte_of[prints ? b : next++] = b;
    }
}

/* What a token's name spells: bytes by the alphabet, or its UTF-8 if it holds any other character.
 */
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
        return err_set(e, "%s: out of memory", name);
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
            if (n == length && c < 512 && byte_of[c] >= 0) t->byte_id[byte_of[c]] = (uint32_t)id;
        }
    }
    return 0;
}

static int read_merges(struct tokenizer *t, const json_t *vocab, const json_t *merges,
                       const char *name, struct err *e)
{
    size_t count = json_array_size(merges), slots = 16;
    while (slots < 2 * count + 2) slots *= 2;
    t->merges = malloc(slots * sizeof *t->merges);
    struct bytes left = {0}, both = {0};
    int status = -1;
    if (!t->merges) {
        err_set(e, "%s: out of memory", name);
        goto out;
    }
    for (size_t i = 0; i < slots; i++) t->merges[i] = (struct merge){NO_PAIR, 0, 0};
    t->merge_mask = slots - 1;
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
            err_set(e, "%s: out of memory", name);
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
        merge_put(t, (uint32_t)json_integer_value(id_a), (uint32_t)json_integer_value(id_b),
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
            if (utf8_may_hold(b) && t->byte_id[b] == NO_ID)
                return err_set(
                    e,
                    "%s: model.unk_token: not supported with a vocabulary that lacks byte 0x%02X",
                    name, (unsigned)b);
        }
    }
    return read_merges(t, vocab, merges, name, e);
}

static int added_put(struct added *a, const uint8_t *text, size_t bytes, uint32_t id)
{
    if (!bytes) return 0; /* NFC of some text is never empty: cannot match */
    if (a->count % 64 == 0) {
        void *grown = realloc(a->token, (a->count + 64) * sizeof *a->token);
        if (!grown) return -1;
        a->token = grown;
    }
    uint8_t *copy = malloc(bytes);
    if (!copy) return -1;
    memcpy(copy, text, bytes);
    a->token[a->count].text = copy;
    a->token[a->count].bytes = bytes;
    a->token[a->count++].id = id;
    return 0;
}

static int compare_added(const void *x, const void *y)
{
    const struct added_token *a = x, *b = y;
    if (a->text[0] != b->text[0]) return a->text[0] < b->text[0] ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void added_index(struct added *a)
{
    if (a->count) qsort(a->token, a->count, sizeof *a->token, compare_added);
    size_t i = 0;
    for (unsigned b = 0; b < 256; b++) {
        a->first[b] = (uint32_t)i;
        while (i < a->count && a->token[i].text[0] == b) i++;
    }
    a->first[256] = (uint32_t)a->count;
    a->pairs = a->count > 0;
    for (i = 0; i < a->count; i++) {
        if (a->token[i].bytes < 2 || memcmp(a->token[i].text, a->token[0].text, 2))
            a->pairs = false;
    }
    if (a->pairs) memcpy(a->pair, a->token[0].text, 2);
}

static bool is_space_byte(uint8_t b)
{
    return b == ' ' || (b >= 9 && b <= 13);
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
            err_set(e, "%s: out of memory", name);
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
    if (!t) return err_set(e, "%s: out of memory", name);
    pthread_mutex_init(&t->lock, NULL);
    for (int b = 0; b < 256; b++) t->byte_id[b] = NO_ID;
    t->cut_ok = true;
    t->path = strdup(name);
    t->added_ids = json_object();
    if (!t->path || !t->added_ids) {
        err_set(e, "%s: out of memory", name);
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

void tokenizer_close(struct tokenizer *t)
{
    if (!t) return;
    while (t->idle) {
        struct encoder *c = t->idle;
        t->idle = c->next;
        encoder_close(c);
    }
    for (size_t i = 0; i < t->special.count; i++) free(t->special.token[i].text);
    for (size_t i = 0; i < t->plain.count; i++) free(t->plain.token[i].text);
    free(t->special.token);
    free(t->plain.token);
    free(t->merges);
    free(t->token);
    bytes_free(&t->text);
    json_decref(t->added_ids);
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t);
}

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->size;
}
uint64_t tokenizer_hash(const struct tokenizer *t)
{
    return t->hash;
}
const char *tokenizer_path(const struct tokenizer *t)
{
    return t->path;
}

int64_t tokenizer_added(const struct tokenizer *t, const char *content)
{
    const json_t *id = json_object_get(t->added_ids, content);
    return id ? (int64_t)json_integer_value(id) : -1;
}

/* ---- words ---- */

enum { OTHER, LETTER, NUMBER, SPACE, HIGH };

#define O16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define H16 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4
static const uint8_t ascii_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 0, 0, O16, /* controls */
    3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      /* space to / */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0,      /* digits */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1,   1,   1,   1,   1,
    1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1,   1,   1,   1,   1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, H16, H16, H16, H16, H16, H16, H16, H16};

/* Flags of unicode.h to a class. */
static const uint8_t flag_class[8] = {OTHER, LETTER, NUMBER, NUMBER, SPACE, SPACE, SPACE, SPACE};

static inline unsigned class_at(const uint8_t *p, const uint8_t *flags, size_t *bytes)
{
    unsigned class = ascii_class[*p];
    *bytes = 1;
    return class != HIGH ? class : flag_class[flags[utf8_read(p, bytes)] & 7];
}

/* The end of the run of CLASS that begins at p. */
static inline const uint8_t *run_end(const uint8_t *p, const uint8_t *end, unsigned class,
                                     const uint8_t *flags)
{
    size_t n;
    while (p < end) {
        if (ascii_class[*p] == class) {
            p++;
            continue;
        }
        if (ascii_class[*p] != HIGH || class_at(p, flags, &n) != class) break;
        p += n;
    }
    return p;
}

/* The end of the word that begins at p < end:
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static inline const uint8_t *word_end(const uint8_t *p, const uint8_t *end, const uint8_t *flags)
{
    size_t n;
    if (*p == '\'' && end - p >= 2) {
        uint8_t a = p[1], b = end - p >= 3 ? p[2] : 0;
        if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
        if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
            return p + 3;
    }
    const uint8_t *q = *p == ' ' && p + 1 < end ? p + 1 : p;
    unsigned class = class_at(q, flags, &n);
    if (class != SPACE) return run_end(q + n, end, class, flags);
    /* A run of white space: all of it at the end of the text, else all but its last character,
     * unless that is all. */
    const uint8_t *last = p;
    for (q = p; q < end; q += n) {
        if (class_at(q, flags, &n) != SPACE) break;
        last = q;
    }
    return q == end || last == p ? q : last;
}

/* ---- merging ---- */

/* Symbols [0, n) of a short word, in place; returns how many remain. */
static size_t merge_short(const struct tokenizer *t, uint32_t *id, size_t n)
{
    uint32_t rank[SHORT_WORD], merged[SHORT_WORD]; /* of the pair (i, i + 1) */
    for (size_t i = 0; i + 1 < n; i++) {
        const struct merge *m = merge_find(t, id[i], id[i + 1]);
        rank[i] = m ? m->rank : NO_ID;
        merged[i] = m ? m->id : 0;
    }
    while (n > 1) {
        size_t best = 0;
        uint32_t lowest = rank[0];
        for (size_t i = 1; i + 1 < n; i++) {
            if (rank[i] < lowest) {
                lowest = rank[i];
                best = i;
            }
        }
        if (lowest == NO_ID) break;
        id[best] = merged[best];
        n--;
        size_t tail = n - best - 1; /* symbols after the merged pair */
        memmove(id + best + 1, id + best + 2, tail * sizeof *id);
        if (tail) {
            memmove(rank + best + 1, rank + best + 2, (tail - 1) * sizeof *rank);
            memmove(merged + best + 1, merged + best + 2, (tail - 1) * sizeof *merged);
        }
        for (size_t i = best ? best - 1 : 0; i <= best && i + 1 < n; i++) {
            const struct merge *m = merge_find(t, id[i], id[i + 1]);
            rank[i] = m ? m->rank : NO_ID;
            merged[i] = m ? m->id : 0;
        }
    }
    return n;
}

/* The heap holds rank << 32 | position of the left symbol: the least is the next merge. */
static void heap_down(uint64_t *heap, size_t count, size_t i)
{
    uint64_t moving = heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= count) break;
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= moving) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moving;
}

static int heap_push(struct encoder *c, uint64_t item)
{
    if (c->heap_count == c->heap_room) {
        size_t room = c->heap_room ? 2 * c->heap_room : 1024;
        uint64_t *heap = realloc(c->heap, room * sizeof *heap);
        if (!heap) return -1;
        c->heap = heap;
        c->heap_room = room;
    }
    size_t i = c->heap_count++;
    while (i && c->heap[(i - 1) / 2] > item) {
        c->heap[i] = c->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    c->heap[i] = item;
    return 0;
}

static int push_pair(struct encoder *c, uint32_t left)
{
    uint32_t right = left == NO_ID ? NO_ID : c->symbols[left].next;
    if (right == NO_ID) return 0;
    const struct merge *m = merge_find(c->t, c->symbols[left].id, c->symbols[right].id);
    return m ? heap_push(c, (uint64_t)m->rank << 32 | left) : 0;
}

static int merge_long(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                      struct err *e)
{
    const struct tokenizer *t = c->t;
    if (bytes >= NO_ID) return err_set(e, "a word of %zu bytes is too long", bytes);
    if (bytes > c->symbol_room) {
        struct symbol *symbols = realloc(c->symbols, bytes * sizeof *symbols);
        if (!symbols) return err_set(e, "out of memory for a word of %zu bytes", bytes);
        c->symbols = symbols;
        c->symbol_room = bytes;
    }
    struct symbol *s = c->symbols;
    uint32_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (t->byte_id[p[i]] != NO_ID) s[n++].id = t->byte_id[p[i]];
    }
    if (!n) return 0;
    for (uint32_t i = 0; i < n; i++) {
        s[i].previous = i ? i - 1 : NO_ID;
        s[i].next = i + 1 < n ? i + 1 : NO_ID;
    }
    c->heap_count = 0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (push_pair(c, i)) return err_set(e, "out of memory for a word of %zu bytes", bytes);
    }
    while (c->heap_count) {
        uint64_t least = c->heap[0];
        c->heap[0] = c->heap[--c->heap_count];
        if (c->heap_count) heap_down(c->heap, c->heap_count, 0);
        /* An entry is out of date when its left symbol is gone (id NO_ID) or the pair is another
         * one now: then the rank differs, since every pair has its own. */
        uint32_t left = (uint32_t)least, right = s[left].next;
        if (s[left].id == NO_ID || right == NO_ID) continue;
        const struct merge *m = merge_find(t, s[left].id, s[right].id);
        if (!m || m->rank != least >> 32) continue;
        s[left].id = m->id;
        s[left].next = s[right].next;
        s[right].id = NO_ID;
        if (s[left].next != NO_ID) s[s[left].next].previous = left;
        if (push_pair(c, s[left].previous) || push_pair(c, left))
            return err_set(e, "out of memory for a word of %zu bytes", bytes);
    }
    if (ids_reserve(out, n, e)) return -1;
    for (uint32_t i = 0; i != NO_ID; i = s[i].next) out->id[out->count++] = s[i].id;
    if (c->symbol_room > 1 << 20) { /* one monstrous word should not be paid for ever after */
        free(c->symbols);
        free(c->heap);
        c->symbols = NULL;
        c->heap = NULL;
        c->symbol_room = c->heap_room = 0;
    }
    return 0;
}

/* Appends the ids of one word; *out has room for BYTES of them. */
static inline int encode_word(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                              struct err *e)
{
    const struct tokenizer *t = c->t;
    struct slot *slot = NULL;
    uint64_t key[2] = {0, 0};
    if (bytes <= KEY_BYTES) {
        if (bytes >= 8) {
            /* Two loads that overlap hold every byte; with the length they are as good a key as the
             * bytes in order. */
            memcpy(&key[0], p, 8);
            memcpy(&key[1], p + bytes - 8, 8);
            key[1] = bytes == 8 ? 0 : key[1] >> (8 * (16 - bytes));
        } else if (bytes >= 4) {
            uint32_t a, b;
            memcpy(&a, p, 4);
            memcpy(&b, p + bytes - 4, 4);
            key[0] = a | (uint64_t)b << 32;
        } else {
            key[0] = p[0] | (uint64_t)p[bytes / 2] << 8 | (uint64_t)p[bytes - 1] << 16;
        }
        key[1] |= (uint64_t)bytes << 56;
        uint64_t h = (key[0] ^ key[1] * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
        h *= 0xD6E8FEB86659FD93u;
        slot = &c->cache[h >> (64 - CACHE_BITS)];
        if (!memcmp(slot->key, key, 16)) {
            uint32_t *id = out->id + out->count;
            if (out->capacity - out->count >= KEY_IDS) { /* faster than a loop */
                memcpy(id, slot->id, sizeof slot->id);
            } else {
                for (uint32_t i = 0; i < slot->count; i++) id[i] = slot->id[i];
            }
            out->count += slot->count;
            return 0;
        }
    }
    struct long_slot *other = NULL;
    if (bytes <= LONG_BYTES) {
        other = &c->long_cache[XXH3_64bits(p, bytes) >> (64 - LONG_BITS)];
        if (other->bytes == bytes && !memcmp(other->text, p, bytes)) {
            memcpy(out->id + out->count, other->id, other->count * sizeof *other->id);
            out->count += other->count;
            return 0;
        }
    }
    if (bytes > SHORT_WORD) return merge_long(c, p, bytes, out, e);
    uint32_t id[SHORT_WORD];
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (t->byte_id[p[i]] != NO_ID) id[n++] = t->byte_id[p[i]];
    }
    n = merge_short(t, id, n);
    memcpy(out->id + out->count, id, n * sizeof *id);
    out->count += n;
    if (slot && n <= KEY_IDS) {
        memcpy(slot->key, key, 16);
        memcpy(slot->id, id, n * sizeof *id);
        slot->count = (uint32_t)n;
    } else if (other && n <= LONG_IDS) {
        other->bytes = (uint8_t)bytes;
        memcpy(other->text, p, bytes);
        memcpy(other->id, id, n * sizeof *id);
        other->count = (uint32_t)n;
    }
    return 0;
}

/* ---- encoding ---- */

/* Text without added tokens, normalised. */
static int encode_words(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                        struct err *e)
{
    const struct tokenizer *t = c->t;
    if (!bytes) return 0;
    if (t->prefix_space && p[0] != ' ') {
        c->prefixed.count = 0;
        if (bytes_append(&c->prefixed, " ", 1) || bytes_append(&c->prefixed, p, bytes))
            return err_set(e, "out of memory");
        p = c->prefixed.data;
        bytes++;
    }
    const uint8_t *end = p + bytes, *flags = unicode_flags();
    while (p < end) {
        const uint8_t *q = t->words ? word_end(p, end, flags) : end;
        size_t n = (size_t)(q - p);
        if (out->capacity - out->count < n && ids_reserve(out, n, e)) return -1;
        if (encode_word(c, p, n, out, e)) return -1;
        p = q;
    }
    return 0;
}

/* The first added token at or after p: its place, or END. */
static const uint8_t *added_find(const struct added *a, const uint8_t *p, const uint8_t *end,
                                 size_t *token)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    const uint64_t x = ones * a->pair[0], y = ones * a->pair[1];
    for (; p < end; p++) {
        if (a->pairs) {
            /* Eight places at a time: a zero byte where both bytes of the pair are found. */
            uint64_t u, v;
            while (end - p >= 9) {
                memcpy(&u, p, 8);
                memcpy(&v, p + 1, 8);
                uint64_t d = (u ^ x) | (v ^ y);
                if ((d - ones) & ~d & highs) break;
                p += 8;
            }
            while (end - p >= 2 && (p[0] != a->pair[0] || p[1] != a->pair[1])) p++;
            if (end - p < 2) return end;
        }
        for (size_t i = a->first[*p]; i < a->first[*p + 1]; i++) {
            if (a->token[i].bytes <= (size_t)(end - p) &&
                !memcmp(p, a->token[i].text, a->token[i].bytes)) {
                *token = i;
                return p;
            }
        }
    }
    return end;
}

/* Text without special tokens: NFC, then the other added tokens. */
static int encode_piece(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out,
                        struct err *e)
{
    const struct tokenizer *t = c->t;
    if (t->nfc && !utf8_is_ascii(p, bytes)) {
        c->normal.count = 0;
        int changed = unicode_nfc(p, bytes, &c->normal);
        if (changed < 0) return err_set(e, "out of memory");
        if (changed) {
            p = c->normal.data;
            bytes = c->normal.count;
        }
    }
    if (!t->plain.count) return encode_words(c, p, bytes, out, e);
    const uint8_t *end = p + bytes;
    size_t token = 0;
    while (p < end) {
        const uint8_t *q = added_find(&t->plain, p, end, &token);
        if (encode_words(c, p, (size_t)(q - p), out, e)) return -1;
        if (q == end) break;
        if (ids_reserve(out, 1, e)) return -1;
        out->id[out->count++] = t->plain.token[token].id;
        p = q + t->plain.token[token].bytes;
    }
    return 0;
}

/* Valid UTF-8 from any bytes, in c->repaired. */
static int repair(struct encoder *c, const uint8_t *p, size_t bytes, uint64_t *invalid,
                  struct err *e)
{
    c->repaired.count = 0;
    while (bytes) {
        size_t skip, n = utf8_valid(p, bytes, &skip);
        if (bytes_append(&c->repaired, p, n) ||
            (skip && bytes_append(&c->repaired, "\xEF\xBF\xBD", 3)))
            return err_set(e, "out of memory");
        if (skip) ++*invalid;
        p += n + skip;
        bytes -= n + skip;
    }
    return 0;
}

int encoder_encode(struct encoder *c, const char *text, size_t bytes, struct ids *out,
                   uint64_t *invalid_utf8, struct err *e)
{
    const struct tokenizer *t = c->t;
    const uint8_t *p = (const uint8_t *)text;
    size_t skip;
    uint64_t invalid = 0;
    utf8_valid(p, bytes, &skip);
    if (skip) {
        if (repair(c, p, bytes, &invalid, e)) return -1;
        p = c->repaired.data;
        bytes = c->repaired.count;
    }
    if (invalid_utf8) *invalid_utf8 += invalid;
    if (!bytes) return 0;
    if (!t->special.count) return encode_piece(c, p, bytes, out, e);
    const uint8_t *end = p + bytes;
    size_t token = 0;
    while (p < end) {
        const uint8_t *q = added_find(&t->special, p, end, &token);
        if (encode_piece(c, p, (size_t)(q - p), out, e)) return -1;
        if (q == end) break;
        if (ids_reserve(out, 1, e)) return -1;
        out->id[out->count++] = t->special.token[token].id;
        p = q + t->special.token[token].bytes;
    }
    return 0;
}

struct encoder *encoder_open(const struct tokenizer *t)
{
    struct encoder *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->t = t;
    c->cache = calloc((size_t)1 << CACHE_BITS, sizeof *c->cache);
    c->long_cache = calloc((size_t)1 << LONG_BITS, sizeof *c->long_cache);
    if (!c->cache || !c->long_cache) {
        encoder_close(c);
        return NULL;
    }
    return c;
}

void encoder_close(struct encoder *c)
{
    if (!c) return;
    bytes_free(&c->repaired);
    bytes_free(&c->normal);
    bytes_free(&c->prefixed);
    free(c->cache);
    free(c->long_cache);
    free(c->symbols);
    free(c->heap);
    free(c);
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, struct ids *out,
                     uint64_t *invalid_utf8, struct err *e)
{
    struct tokenizer *lender =
        (struct tokenizer *)(uintptr_t)t; /* what is lent is behind its lock */
    pthread_mutex_lock(&lender->lock);
    struct encoder *c = lender->idle;
    if (c) lender->idle = c->next;
    pthread_mutex_unlock(&lender->lock);
    if (!c) c = encoder_open(t);
    if (!c) return err_set(e, "out of memory");
    int status = encoder_encode(c, text, bytes, out, invalid_utf8, e);
    pthread_mutex_lock(&lender->lock);
    c->next = lender->idle;
    lender->idle = c;
    pthread_mutex_unlock(&lender->lock);
    return status;
}

size_t tokenizer_cut(const struct tokenizer *t, const char *text, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)text, *flags = unicode_flags();
    if (!t->cut_ok || !t->words) return 0;
    for (size_t i = bytes; i-- > 1;) {
        if (t->prefix_space ? p[i] != ' ' : !is_space_byte(p[i])) continue;
        if (is_space_byte(p[i - 1])) continue;
        if (p[i - 1] < 0x80) return i;
        /* The code point before, if it is one: it may be white space, too. */
        size_t start = i - 1, n;
        while (start > 0 && i - start < 4 && (p[start] & 0xC0) == 0x80) start--;
        size_t skip, valid = utf8_valid(p + start, i - start, &skip);
        if (valid != i - start) return i;
        if (!(flags[utf8_read(p + start, &n)] & UNICODE_SPACE)) return i;
    }
    return 0;
}

/* ---- decoding ---- */

const char *tokenizer_bytes(const struct tokenizer *t, uint32_t id, size_t *bytes)
{
    *bytes = 0;
    if (id >= t->size || t->token[id].offset == NO_ID) return NULL;
    *bytes = t->token[id].bytes;
    return t->text.data ? (const char *)t->text.data + t->token[id].offset : "";
}

size_t tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t count, char *out,
                        size_t capacity)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *text = tokenizer_bytes(t, ids[i], &bytes);
        if (!text) continue;
        if (total < capacity)
            memcpy(out + total, text, bytes < capacity - total ? bytes : capacity - total);
        total += bytes;
    }
    return total;
}
