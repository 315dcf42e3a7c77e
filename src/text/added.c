/* added.c - see added.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/added.h"

#include <stdlib.h>
#include <string.h>

int added_put(struct added *a, const uint8_t *text, size_t bytes, uint32_t id)
{
    if (!bytes) return 0; /* would match everywhere */
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

void added_index(struct added *a)
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

const uint8_t *added_find(const struct added *a, const uint8_t *p, const uint8_t *end,
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

void added_free(struct added *a)
{
    for (size_t i = 0; i < a->count; i++) free(a->token[i].text);
    free(a->token);
    *a = (struct added){0};
}
