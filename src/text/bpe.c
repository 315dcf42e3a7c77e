/* bpe.c - byte pair encoding of one word.
 *
 * Merging takes the pair of lowest rank, leftmost first: by scanning for a short word, with a heap
 * over linked symbols for a long one, so that a megabyte of one letter costs n log n. Two caches of
 * words come before: text repeats itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/bpe.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    SHORT_WORD = 96, /* symbols up to which scanning beats the heap */
    CACHE_BITS = 15, /* 1 MiB: larger loses in L2 what it wins in hits */
    KEY_BYTES = 15,
    KEY_IDS = 3,
    LONG_BITS = 12, /* half a MiB for words that do not fit a slot: most of the world's scripts */
    LONG_BYTES = 47,
    LONG_IDS = 19,
};

struct merge {
    uint64_t pair; /* left << 32 | right; NO_PAIR: free */
    uint32_t rank, id;
};
#define NO_PAIR UINT64_MAX

struct slot {
    uint8_t key[KEY_BYTES + 1]; /* made of the word's bytes; its length in the last (0: free) */
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

struct bpe_words {
    struct slot *cache;
    struct long_slot *long_cache;
    struct symbol *symbols; /* of a long word, and its heap */
    size_t symbol_room;
    uint64_t *heap;
    size_t heap_count, heap_room;
};

static inline size_t merge_hash(uint64_t pair)
{
    pair *= 0x9E3779B97F4A7C15u;
    return (size_t)(pair ^ pair >> 32);
}

static inline const struct merge *merge_find(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    for (size_t i = merge_hash(pair) & b->merge_mask;; i = (i + 1) & b->merge_mask) {
        if (b->merges[i].pair == pair) return &b->merges[i];
        if (b->merges[i].pair == NO_PAIR) return NULL;
    }
}

void bpe_put(struct bpe *b, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = merge_hash(pair) & b->merge_mask;
    while (b->merges[i].pair != NO_PAIR && b->merges[i].pair != pair) i = (i + 1) & b->merge_mask;
    b->merges[i] = (struct merge){pair, rank, id};
}

int bpe_reserve(struct bpe *b, size_t count)
{
    size_t slots = 16;
    while (slots < 2 * count + 2) slots *= 2;
    b->merges = malloc(slots * sizeof *b->merges);
    if (!b->merges) return -1;
    for (size_t i = 0; i < slots; i++) b->merges[i] = (struct merge){NO_PAIR, 0, 0};
    b->merge_mask = slots - 1;
    return 0;
}

void bpe_free(struct bpe *b)
{
    free(b->merges);
    b->merges = NULL;
}

struct bpe_words *bpe_words_open(void)
{
    struct bpe_words *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->cache = calloc((size_t)1 << CACHE_BITS, sizeof *w->cache);
    w->long_cache = calloc((size_t)1 << LONG_BITS, sizeof *w->long_cache);
    if (w->cache && w->long_cache) return w;
    bpe_words_close(w);
    return NULL;
}

void bpe_words_close(struct bpe_words *w)
{
    if (!w) return;
    free(w->cache);
    free(w->long_cache);
    free(w->symbols);
    free(w->heap);
    free(w);
}

/* Symbols [0, n) of a short word, in place; returns how many remain. */
static size_t merge_short(const struct bpe *b, uint32_t *id, size_t n)
{
    uint32_t rank[SHORT_WORD], merged[SHORT_WORD]; /* of the pair (i, i + 1) */
    for (size_t i = 0; i + 1 < n; i++) {
        const struct merge *m = merge_find(b, id[i], id[i + 1]);
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
            const struct merge *m = merge_find(b, id[i], id[i + 1]);
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

static int heap_push(struct bpe_words *w, uint64_t item)
{
    if (w->heap_count == w->heap_room) {
        size_t room = w->heap_room ? 2 * w->heap_room : 1024;
        uint64_t *heap = realloc(w->heap, room * sizeof *heap);
        if (!heap) return -1;
        w->heap = heap;
        w->heap_room = room;
    }
    size_t i = w->heap_count++;
    while (i && w->heap[(i - 1) / 2] > item) {
        w->heap[i] = w->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->heap[i] = item;
    return 0;
}

static int push_pair(const struct bpe *b, struct bpe_words *w, uint32_t left)
{
    uint32_t right = left == NO_ID ? NO_ID : w->symbols[left].next;
    if (right == NO_ID) return 0;
    const struct merge *m = merge_find(b, w->symbols[left].id, w->symbols[right].id);
    return m ? heap_push(w, (uint64_t)m->rank << 32 | left) : 0;
}

static int merge_long(const struct bpe *b, struct bpe_words *w, const uint8_t *p, size_t bytes,
                      struct ids *out, struct err *e)
{
    if (bytes >= NO_ID) return err_set(e, "a word of %zu bytes is too long", bytes);
    if (bytes > w->symbol_room) {
        struct symbol *symbols = realloc(w->symbols, bytes * sizeof *symbols);
        if (!symbols)
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
        w->symbols = symbols;
        w->symbol_room = bytes;
    }
    struct symbol *s = w->symbols;
    uint32_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (b->byte_id[p[i]] != NO_ID) s[n++].id = b->byte_id[p[i]];
    }
    if (!n) return 0;
    for (uint32_t i = 0; i < n; i++) {
        s[i].previous = i ? i - 1 : NO_ID;
        s[i].next = i + 1 < n ? i + 1 : NO_ID;
    }
    w->heap_count = 0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (push_pair(b, w, i))
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
    }
    while (w->heap_count) {
        uint64_t least = w->heap[0];
        w->heap[0] = w->heap[--w->heap_count];
        if (w->heap_count) heap_down(w->heap, w->heap_count, 0);
        /* An entry is out of date when its left symbol is gone (id NO_ID) or the pair is another
         * one now: then the rank differs, since every pair has its own. */
        uint32_t left = (uint32_t)least, right = s[left].next;
        if (s[left].id == NO_ID || right == NO_ID) continue;
        const struct merge *m = merge_find(b, s[left].id, s[right].id);
        if (!m || m->rank != least >> 32) continue;
        s[left].id = m->id;
        s[left].next = s[right].next;
        s[right].id = NO_ID;
        if (s[left].next != NO_ID) s[s[left].next].previous = left;
        if (push_pair(b, w, s[left].previous) || push_pair(b, w, left))
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
    }
    if (ids_reserve(out, n, e)) return -1;
    for (uint32_t i = 0; i != NO_ID; i = s[i].next) out->id[out->count++] = s[i].id;
    if (w->symbol_room > 1 << 20) { /* one monstrous word should not be paid for ever after */
        free(w->symbols);
        free(w->heap);
        w->symbols = NULL;
        w->heap = NULL;
        w->symbol_room = w->heap_room = 0;
    }
    return 0;
}

int bpe_word(const struct bpe *b, struct bpe_words *w, const uint8_t *p, size_t bytes,
             struct ids *out, struct err *e)
{
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
            uint32_t first, last;
            memcpy(&first, p, 4);
            memcpy(&last, p + bytes - 4, 4);
            key[0] = first | (uint64_t)last << 32;
        } else {
            key[0] = p[0] | (uint64_t)p[bytes / 2] << 8 | (uint64_t)p[bytes - 1] << 16;
        }
        key[1] |= (uint64_t)bytes << 56;
        uint64_t h = (key[0] ^ key[1] * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
        h *= 0xD6E8FEB86659FD93u;
        slot = &w->cache[h >> (64 - CACHE_BITS)];
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
        other = &w->long_cache[XXH3_64bits(p, bytes) >> (64 - LONG_BITS)];
        if (other->bytes == bytes && !memcmp(other->text, p, bytes)) {
            memcpy(out->id + out->count, other->id, other->count * sizeof *other->id);
            out->count += other->count;
            return 0;
        }
    }
    if (bytes > SHORT_WORD) return merge_long(b, w, p, bytes, out, e);
    uint32_t id[SHORT_WORD];
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (b->byte_id[p[i]] != NO_ID) id[n++] = b->byte_id[p[i]];
    }
    n = merge_short(b, id, n);
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
