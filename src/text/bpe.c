/* bpe.c - byte pair encoding of one word.
 *
 * Merging takes the pair of lowest rank, leftmost first: by scanning for a short word, with a heap
 * over linked symbols for a long one, so that a megabyte of one letter costs n log n. Two caches of
 * words come before: text repeats itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/text/tokenizer_private.h"

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

void bpe_put(struct tokenizer *t, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    size_t i = merge_hash(pair) & t->merge_mask;
    while (t->merges[i].pair != NO_PAIR && t->merges[i].pair != pair) i = (i + 1) & t->merge_mask;
    t->merges[i] = (struct merge){pair, rank, id};
}

int bpe_reserve(struct tokenizer *t, size_t count)
{
    size_t slots = 16;
    while (slots < 2 * count + 2) slots *= 2;
    t->merges = malloc(slots * sizeof *t->merges);
    if (!t->merges) return -1;
    for (size_t i = 0; i < slots; i++) t->merges[i] = (struct merge){NO_PAIR, 0, 0};
    t->merge_mask = slots - 1;
    return 0;
}

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
        if (!symbols)
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
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
        if (push_pair(c, i))
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
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
            return err_kind(e, ERR_MEMORY, "out of memory for a word of %zu bytes", bytes);
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

int bpe_word(struct encoder *c, const uint8_t *p, size_t bytes, struct ids *out, struct err *e)
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
