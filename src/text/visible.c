/* visible.c - see visible.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/visible.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

static int append_text(struct bytes *out, const char *text)
{
    return bytes_append(out, text, strlen(text));
}

/* Whether a code point shows itself and leaves others alone. */
static bool shows(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

static int append_point(struct bytes *out, const uint8_t *p, size_t bytes, uint32_t c,
                        enum visible how)
{
    static const char *const entities[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    if (how == VISIBLE_TEXT) return bytes_append(out, p, bytes);
    if (c < 0x20 || c == 0x7f) {
        uint8_t picture[4];
        return bytes_append(out, picture, utf8_write(c == 0x7f ? 0x2421 : 0x2400 + c, picture));
    }
    if (!shows(c)) {
        char name[24];
        snprintf(name, sizeof name, how == VISIBLE_HTML ? "&lt;U+%04X&gt;" : "<U+%04X>",
                 (unsigned)c);
        return append_text(out, name);
    }
    if (how == VISIBLE_HTML && c < sizeof entities / sizeof *entities && entities[c])
        return append_text(out, entities[c]);
    return bytes_append(out, p, bytes);
}

int visible_append(struct bytes *out, const void *data, size_t bytes, enum visible how)
{
    const uint8_t *p = data;
    while (bytes) {
        size_t skip, n = utf8_valid(p, bytes, &skip);
        for (size_t at = 0, length; at < n; at += length) {
            uint32_t c = utf8_read(p + at, &length);
            if (append_point(out, p + at, length, c, how)) return -1;
        }
        if (skip && append_text(out, "\xEF\xBF\xBD")) return -1;
        p += n + skip;
        bytes -= n + skip;
    }
    return 0;
}
