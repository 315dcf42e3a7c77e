/* visible.h - any bytes as text that is safe to show: on a terminal, in a page, in JSON.
 *
 * Invalid UTF-8 (half a character at a token's end) becomes U+FFFD, one for each maximal subpart.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_VISIBLE_H
#define TRIPOD_VISIBLE_H

#include "src/text/unicode.h"

enum visible {
    /* Controls as their pictures (a newline as U+240A); what would move, hide or turn round other
     * text (formats, bidirectional marks, line separators, unassigned) as <U+202E>. */
    VISIBLE_LINE,
    VISIBLE_HTML, /* the same, with & < > " ' escaped */
    VISIBLE_TEXT, /* U+FFFD alone: what JSON takes */
};

/* Appends to *out. -1: out of memory. */
int visible_append(struct bytes *out, const void *data, size_t bytes, enum visible how);

#endif
