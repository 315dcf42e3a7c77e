/* unicode.c - see unicode.h.
 *
 * Classes come from a table of ranges written from Hugging Face's own behaviour. NFC takes
 * decompositions and compositions from utf8proc, but looks only at what that table marks: code
 * points whose normalisation is newer than Hugging Face's are left alone, as there, whatever
 * Unicode version utf8proc has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/unicode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const struct {
    uint32_t first, last;
    uint8_t flags;
} ranges[] = {
#include "src/text/unicode_ranges.h"
};

static uint8_t table[0x110000];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void build_table(void)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        memset(table + ranges[i].first, ranges[i].flags, ranges[i].last - ranges[i].first + 1);
}

const uint8_t *unicode_flags(void)
{
    pthread_once(&table_once, build_table);
    return table;
}

size_t utf8_write(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xC0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (c & 0x3F));
    return 4;
}

/* One sequence at p: its length if well-formed, else 0 and *skip set. Unicode 3.9, table 3-7. */
static size_t sequence(const uint8_t *p, size_t bytes, size_t *skip)
{
    uint8_t b = p[0], lo = 0x80, hi = 0xBF;
    size_t need;
    *skip = 1;
    if (b < 0x80) return 1;
    if (b < 0xC2 || b > 0xF4) return 0;
    if (b < 0xE0) {
        need = 2;
    } else if (b < 0xF0) {
        need = 3;
        if (b == 0xE0) lo = 0xA0;
        if (b == 0xED) hi = 0x9F;
    } else {
        need = 4;
        if (b == 0xF0) lo = 0x90;
        if (b == 0xF4) hi = 0x8F;
    }
    for (size_t i = 1; i < need; i++) {
        if (i >= bytes || p[i] < lo || p[i] > hi) {
            *skip = i;
            return 0;
        }
        lo = 0x80;
        hi = 0xBF;
    }
    return need;
}

/* The number of leading bytes below 0x80, found eight at a time. */
static size_t ascii_prefix(const uint8_t *p, size_t bytes)
{
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= bytes; i += 8) {
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080u) break;
    }
    while (i < bytes && p[i] < 0x80) i++;
    return i;
}

bool utf8_is_ascii(const uint8_t *p, size_t bytes)
{
    return ascii_prefix(p, bytes) == bytes;
}

size_t utf8_valid(const uint8_t *p, size_t bytes, size_t *skip)
{
    size_t i = 0;
    while (i < bytes) {
        if (p[i] < 0x80) {
            i += ascii_prefix(p + i, bytes - i);
            continue;
        }
        size_t n = sequence(p + i, bytes - i, skip);
        if (!n) return i;
        i += n;
    }
    *skip = 0;
    return i;
}

int bytes_reserve(struct bytes *b, size_t more)
{
    if (b->capacity - b->count >= more) return 0;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity - b->count < more) {
        if (capacity > SIZE_MAX / 4) return -1;
        capacity *= 2;
    }
    uint8_t *data = realloc(b->data, capacity);
    if (!data) return -1;
    b->data = data;
    b->capacity = capacity;
    return 0;
}

int bytes_append(struct bytes *b, const void *data, size_t count)
{
    if (bytes_reserve(b, count)) return -1;
    if (count) memcpy(b->data + b->count, data, count);
    b->count += count;
    return 0;
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* Puts code points [0, n) in canonical order: a stable sort of every run of marks by combining
 * class. By counting when a run is long, so that a hostile text costs no more than a friendly one.
 * 0, or -1 when out of memory. */
static int canonical_order(int32_t *c, size_t n)
{
    for (size_t first = 0; first < n;) {
        size_t last = first;
        while (last < n && utf8proc_get_property(c[last])->combining_class) last++;
        size_t length = last - first;
        if (length > 64) {
            size_t at[257] = {0};
            int32_t *sorted = malloc(length * sizeof *sorted);
            if (!sorted) return -1;
            for (size_t i = first; i < last; i++)
                at[(utf8proc_get_property(c[i])->combining_class & 255) + 1]++;
            for (size_t i = 1; i < 257; i++) at[i] += at[i - 1];
            for (size_t i = first; i < last; i++)
                sorted[at[utf8proc_get_property(c[i])->combining_class & 255]++] = c[i];
            memcpy(c + first, sorted, length * sizeof *sorted);
            free(sorted);
        } else {
            for (size_t i = first + 1; i < last; i++) {
                int32_t moving = c[i];
                int class = utf8proc_get_property(moving)->combining_class;
                size_t j = i;
                for (; j > first && utf8proc_get_property(c[j - 1])->combining_class > class; j--)
                    c[j] = c[j - 1];
                c[j] = moving;
            }
        }
        first = last + 1;
    }
    return 0;
}

/* NFC of p[0..bytes), one starter (perhaps none) and the marks after it, appended to *out. */
static int normalise_cluster(const uint8_t *p, size_t bytes, struct bytes *out)
{
    enum { EXPANSION = 4 }; /* the longest canonical decomposition, in code points */
    const uint8_t *flags = unicode_flags();
    size_t length;
    uint32_t starter = utf8_read(p, &length);
    /* A starter that Hugging Face's tables do not know as one that composes or is reordered:
     * Todhri's compositions (Unicode 16), marks newer than its tables. */
    if (!(flags[starter] & UNICODE_MARK) &&
        (utf8proc_get_property((utf8proc_int32_t)starter)->combining_class ||
         (starter >= 0x105C0 && starter < 0x10600))) {
        if (bytes_append(out, p, length)) return -1;
        p += length;
        bytes -= length;
        if (!bytes) return 0;
    }
    int32_t fixed[256], *c = fixed;
    size_t room = sizeof fixed / sizeof *fixed, n = 0;
    int status = -1;
    if (bytes > room / EXPANSION) {
        if (bytes > SIZE_MAX / (EXPANSION * sizeof *c)) return -1;
        room = bytes * EXPANSION / 2 + EXPANSION; /* such code points take two bytes or more */
        c = malloc(room * sizeof *c);
        if (!c) return -1;
    }
    for (size_t i = 0; i < bytes; i += length) {
        uint32_t point = utf8_read(p + i, &length);
        int boundary = 0;
        utf8proc_ssize_t got =
            utf8proc_decompose_char((utf8proc_int32_t)point, c + n, (utf8proc_ssize_t)(room - n),
                                    UTF8PROC_DECOMPOSE, &boundary);
        if (got < 0 || (size_t)got > room - n) goto out;
        n += (size_t)got;
    }
    if (canonical_order(c, n)) goto out;
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(c, (utf8proc_ssize_t)n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (composed < 0 || bytes_reserve(out, 4 * (size_t)composed)) goto out;
    for (utf8proc_ssize_t i = 0; i < composed; i++)
        out->count += utf8_write((uint32_t)c[i], out->data + out->count);
    status = 0;
out:
    if (c != fixed) free(c);
    return status;
}

int unicode_nfc(const uint8_t *p, size_t bytes, struct bytes *out)
{
    const uint8_t *flags = unicode_flags();
    size_t done = 0;     /* what comes before is in *out */
    size_t previous = 0; /* start of the code point before i */
    bool copied = false;
    for (size_t i = 0; i < bytes;) {
        if (p[i] < 0x80) {
            i += ascii_prefix(p + i, bytes - i);
            previous = i - 1;
            continue;
        }
        size_t length;
        uint32_t c = utf8_read(p + i, &length);
        if (!(flags[c] & UNICODE_MARK)) {
            previous = i;
            i += length;
            continue;
        }
        size_t end = i + length;
        while (end < bytes && p[end] >= 0x80) {
            c = utf8_read(p + end, &length);
            if (!(flags[c] & UNICODE_MARK)) break;
            end += length;
        }
        if (!copied && bytes_reserve(out, bytes)) return -1;
        copied = true;
        size_t start = i > done ? previous : i;
        if (bytes_append(out, p + done, start - done) ||
            normalise_cluster(p + start, end - start, out))
            return -1;
        done = i = end;
    }
    if (copied && bytes_append(out, p + done, bytes - done)) return -1;
    return copied;
}

uint64_t count_words(const uint8_t *p, size_t bytes)
{
    uint64_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes;) {
        uint8_t b = p[i];
        size_t n = 1;
        bool space = b == ' ' || (b >= 9 && b <= 13);
        if (b >= 0xC2 && b <= 0xE3) {
            /* White space above ASCII: U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F,
             * U+205F, U+3000. */
            uint8_t c = i + 1 < bytes ? p[i + 1] : 0, d = i + 2 < bytes ? p[i + 2] : 0;
            if (b == 0xC2 && (c == 0x85 || c == 0xA0)) {
                space = true;
                n = 2;
            } else if ((b == 0xE1 && c == 0x9A && d == 0x80) ||
                       (b == 0xE2 && c == 0x80 &&
                        ((d >= 0x80 && d <= 0x8A) || d == 0xA8 || d == 0xA9 || d == 0xAF)) ||
                       (b == 0xE2 && c == 0x81 && d == 0x9F) ||
                       (b == 0xE3 && c == 0x80 && d == 0x80)) {
                space = true;
                n = 3;
            }
        }
        words += !space && !inside;
        inside = !space;
        i += n;
    }
    return words;
}
