/* json.h - values that JSON has no form for: NaN, hashes, text that is not UTF-8.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_JSON_H
#define TRIPOD_JSON_H

#include <jansson.h>
#include <stdint.h>

/* A real, null when it is not finite ("not known"). */
json_t *json_finite(double value);

/* A string, null for NULL, "?" when it is not UTF-8 (a file's name may be anything). */
json_t *json_utf8(const char *text);

/* 16 hexadecimal digits: numbers end at 2^53 in many readers. */
json_t *json_hex(uint64_t value);

#endif
