/* plot_text.c - text as gnuplot takes it, and the room it needs; see plot_inside.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/plot_inside.h"

size_t plot_length(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80 && *text != '^' && *text != '_';
    return n;
}

size_t plot_characters(const struct plot_page *page, double mm)
{
    return (size_t)(mm / (page->font * 0.3528 * 0.52));
}

/* Bytes of the next line of TEXT at most WIDTH characters long, and *next where the one after it
 * starts. */
static size_t line_length(const char *text, size_t width, const char **next)
{
    size_t bytes = 0, characters = 0, space = 0;
    for (; text[bytes] && text[bytes] != '\n'; bytes++) {
        if (((unsigned char)text[bytes] & 0xc0) != 0x80) characters++;
        if (width && characters > width && space) {
            *next = text + space + 1;
            return space;
        }
        if (text[bytes] == ' ') space = bytes;
    }
    *next = text[bytes] ? text + bytes + 1 : NULL;
    return bytes;
}

size_t plot_lines(const char *text, size_t width)
{
    size_t lines = 0;
    for (const char *at = text && *text ? text : NULL; at; lines++) line_length(at, width, &at);
    return lines;
}

/* The bytes of an exponent at S, "-0.35" or "alpha"; 0: none. */
static size_t exponent_length(const char *s)
{
    size_t n = *s == '-' || *s == '+', sign = n;
    while (isalnum((unsigned char)s[n]) || (s[n] == '.' && isdigit((unsigned char)s[n + 1]))) n++;
    return n > sign ? n : 0;
}

/* Writes N bytes of S at W with their marks; returns the end. */
static char *mark_up(char *w, const char *s, size_t n, bool marks)
{
    const char *end = s + n, *start = s;
    while (s < end) {
        const bool raised = *s == '^',
                   lowered = *s == '_' && s > start && (unsigned char)s[-1] >= 0x80;
        size_t length = marks && (raised || lowered) ? exponent_length(s + 1) : 0;
        if (length > (size_t)(end - s) - 1) length = 0;
        if (length) {
            w += sprintf(w, "%c{%.*s}", *s, (int)length, s + 1);
            s += length + 1;
            continue;
        }
        if (marks && strchr("^_{}@&~\\", *s)) *w++ = '\\';
        if (*s == '\'') *w++ = '\'';
        *w++ = (unsigned char)*s < ' ' ? ' ' : *s;
        s++;
    }
    return w;
}

char *plot_quote_between(const char *text, bool marks, size_t width, const char *before,
                         const char *after)
{
    const size_t frame = strlen(before) + strlen(after) + 8;
    char *q = malloc(4 * strlen(text) + (plot_lines(text, width) + 1) * frame + 8), *w = q;
    if (!q) return NULL;
    for (const char *at = text, *next; at; at = next) {
        size_t n = line_length(at, width, &next);
        w += sprintf(w, "%s'%s", at == text ? "" : ".\"\\n\".", before);
        w = mark_up(w, at, n, marks);
        w += sprintf(w, "%s'", after);
    }
    *w = 0;
    return q;
}

char *plot_quote(const char *text, bool marks, size_t width)
{
    return plot_quote_between(text, marks, width, "", "");
}
