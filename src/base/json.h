/* json.h - values that JSON has no form for (NaN, hashes, text that is not UTF-8), and its one way to
 * a file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_JSON_H
#define TRIPOD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

/* A real, null when it is not finite ("not known"). */
json_t *json_finite(double value);
/* An integer where it is one, so that 70426624 is not shown as 7.04e7. */
json_t *json_number(double value);

/* A string, null for NULL, "?" when it is not UTF-8 (a file's name may be anything). */
json_t *json_utf8(const char *text);

/* 16 hexadecimal digits: numbers end at 2^53 in many readers. */
json_t *json_hex(uint64_t value);

/* Whether PATH is one of our records: its member "format" begins with FORMAT. */
bool json_file_is(const char *path, const char *format);

/* The object in PATH, whose member "format" must be FORMAT: the record of WHAT. NULL with *e set: it
 * cannot be read, is no JSON, is of another kind. The caller frees. */
json_t *json_record(const char *path, const char *format, const char *what, struct err *e);

/* OBJECT as text with 17 digits a real, which the caller frees; consumes the reference. NULL with *e
 * set when OBJECT is NULL (out of memory) or cannot be written. */
char *json_text(json_t *object, struct err *e);

/* Writes OBJECT to PATH, all or nothing, in the same form; consumes the reference. */
int json_save(const char *path, json_t *object, struct err *e);

#endif
