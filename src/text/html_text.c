/* html_text.c - see html_text.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/html_text.h"

#include <string.h>

/* White space is held back until text follows, so that a run of it is one and lines have no ends. */
struct writer {
    struct bytes *out;
    size_t start;
    enum { GAP_NONE, GAP_SPACE, GAP_LINE } gap;
};

static int put(struct writer *w, const void *text, size_t bytes)
{
    if (w->gap != GAP_NONE && w->out->count > w->start &&
        bytes_append(w->out, w->gap == GAP_LINE ? "\n" : " ", 1))
        return -1;
    w->gap = GAP_NONE;
    return bytes_append(w->out, text, bytes);
}

static void gap(struct writer *w, bool line)
{
    if (line)
        w->gap = GAP_LINE;
    else if (w->gap == GAP_NONE)
        w->gap = GAP_SPACE;
}

static bool is_space(uint8_t b) /* or a control character */
{
    return b <= ' ';
}

/* Lower-case name of the tag that begins at p (after '<' and '/'): letters and digits. */
static size_t tag_name(const uint8_t *p, const uint8_t *end, char name[16])
{
    size_t n = 0;
    for (; p + n < end && n < 15; n++) {
        const uint8_t b = p[n] | 0x20;
        if (!(b >= 'a' && b <= 'z') && !(n && p[n] >= '0' && p[n] <= '9')) break;
        name[n] = (char)(p[n] >= '0' && p[n] <= '9' ? p[n] : b);
    }
    name[n] = 0;
    return n;
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}

/* After the '>' of a tag that begins at p; a quoted attribute may hold one. */
static const uint8_t *tag_end(const uint8_t *p, const uint8_t *end)
{
    uint8_t quote = 0;
    for (; p < end; p++) {
        if (quote) {
            if (*p == quote) quote = 0;
        } else if (*p == '>') {
            return p + 1;
        } else if (*p == '"' || *p == '\'') {
            if (p[-1] == '=') quote = *p;
        }
    }
    return end;
}

/* After the end tag of NAME. */
static const uint8_t *element_end(const uint8_t *p, const uint8_t *end, const char *name)
{
    char found[16];
    for (; end - p > 2; p++) {
        if (p[0] != '<' || p[1] != '/') continue;
        tag_name(p + 2, end, found);
        if (!strcmp(found, name)) return tag_end(p + 1, end);
    }
    return end;
}

/* A tag or comment that begins at p with '<': what follows it; p itself where it is none. */
static const uint8_t *skip_tag(struct writer *w, const uint8_t *p, const uint8_t *end)
{
    static const char *const hidden[] = {"head", "script", "style", NULL};
    static const char *const inside[] = {
        "a",      "abbr",   "acronym", "b",   "big", "cite", "code", "del",  "dfn",   "em",
        "font",   "i",      "img",     "ins", "kbd", "q",    "s",    "samp", "small", "span",
        "strike", "strong", "sub",     "sup", "tt",  "u",    "var",  NULL};
    char name[16];
    if (end - p >= 4 && !memcmp(p, "<!--", 4)) {
        const uint8_t *close = memmem(p + 4, (size_t)(end - p - 4), "-->", 3);
        return close ? close + 3 : end;
    }
    if (end - p >= 2 && (p[1] == '!' || p[1] == '?')) return tag_end(p + 1, end);
    const bool closes = end - p >= 2 && p[1] == '/';
    if (!tag_name(p + 1 + closes, end, name)) return p;
    const uint8_t *after = tag_end(p + 1, end);
    if (!is_one_of(name, inside)) gap(w, true);
    return !closes && is_one_of(name, hidden) ? element_end(after, end, name) : after;
}

/* A character reference at p: its code point and *BYTES; 0 where it is none that is known. */
static uint32_t reference(const uint8_t *p, const uint8_t *end, size_t *bytes)
{
    static const struct {
        const char *name;
        uint32_t code;
    } known[] = {{"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},
                 {"apos", '\''},     {"nbsp", 0xA0},    {"mdash", 0x2014}, {"ndash", 0x2013},
                 {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D},
                 {"hellip", 0x2026}, {"copy", 0xA9},    {"middot", 0xB7},  {"bull", 0x2022},
                 {"pound", 0xA3},    {"eacute", 0xE9},  {"egrave", 0xE8},  {"agrave", 0xE0},
                 {"ccedil", 0xE7},   {"ouml", 0xF6},    {"uuml", 0xFC},    {"auml", 0xE4}};
    const uint8_t *stop = memchr(p, ';', (size_t)(end - p) < 12 ? (size_t)(end - p) : 12);
    if (!stop) return 0;
    const size_t n = (size_t)(stop - p - 1); /* between '&' and ';' */
    *bytes = n + 2;
    if (n >= 2 && p[1] == '#') {
        const bool hex = (p[2] | 0x20) == 'x';
        uint32_t code = 0;
        if (n < (hex ? 3u : 2u)) return 0;
        for (const uint8_t *q = p + (hex ? 3 : 2); q < stop; q++) {
            const uint8_t low = *q | 0x20;
            const bool letter = hex && low >= 'a' && low <= 'f';
            if (!letter && !(*q >= '0' && *q <= '9')) return 0;
            code = code * (hex ? 16 : 10) + (uint32_t)(letter ? low - 'a' + 10 : *q - '0');
            if (code > 0x10FFFF) return 0;
        }
        return code >= 0xD800 && code < 0xE000 ? 0 : code;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == n && !memcmp(known[i].name, p + 1, n)) return known[i].code;
    return 0;
}

int html_text(const uint8_t *html, size_t bytes, struct bytes *out)
{
    const uint8_t *p = html, *end = html + bytes;
    struct writer w = {.out = out, .start = out->count};
    while (p < end) {
        const uint8_t *q = p;
        if (*p == '<' && (q = skip_tag(&w, p, end)) > p) {
            p = q;
            continue;
        }
        if (is_space(*p)) {
            gap(&w, false);
            p++;
            continue;
        }
        uint8_t decoded[4];
        size_t used = 1, n = 0;
        const uint32_t code = *p == '&' ? reference(p, end, &used) : 0;
        if (code == 0xA0 || (code && code <= ' ')) { /* &nbsp; too */
            gap(&w, false);
        } else {
            if (code)
                n = utf8_write(code, decoded);
            else
                used = 1;
            if (put(&w, code ? decoded : p, code ? n : 1)) return -1;
        }
        p += used;
    }
    return out->count > w.start ? bytes_append(out, "\n", 1) : 0;
}
