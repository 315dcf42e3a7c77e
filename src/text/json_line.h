/* json_line.h - the text in a line of JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_JSON_LINE_H
#define TRIPOD_JSON_LINE_H

#include "src/base/err.h"
#include "src/text/unicode.h"

/* The string FIELD of the JSON object LINE, its escapes undone, appended to *out. Lone surrogates
 * become U+FFFD and are counted in *invalid; other bytes are passed through, valid UTF-8 or not.
 * The whole line is checked; of equal keys the last counts. Errors (without file or line): the
 * column and what is wrong, no such field, not a string. */
int json_line_field(const uint8_t *line, size_t bytes, const char *field, struct bytes *out,
                    uint64_t *invalid, struct err *e);

#endif
