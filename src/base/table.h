/* table.h - what a command found, written once: rows of named, typed cells, and three writers.
 *
 *   a terminal   aligned columns, 4 significant digits, the field's units: 1.82 B, 91.4 B, 2.3 h
 *   TSV          a header and full precision, remarks as lines that begin with "# "
 *   JSON         an array of objects (table_json); the caller puts it where it belongs
 *
 * sheet.h has the first two. Running out of memory while cells
 * are added is remembered and reported once, when the sheet is written or the table becomes JSON.
 * Not thread-safe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TABLE_H
#define TRIPOD_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/err.h"

/* How a terminal shows a number; TSV and JSON have it plain. */
enum table_unit {
    TABLE_PLAIN,   /* 0.3473 */
    TABLE_COUNT,   /* parameters, tokens: 1.82 B */
    TABLE_FLOP,    /* 1e21, 5.76e23 */
    TABLE_SECONDS, /* 4 ms, 12.3 s, 2.3 h, 5.1 d */
    TABLE_BYTES,   /* 141 MB */
    TABLE_PERCENT, /* a share: 0.926 is 92.6 % */
    TABLE_EXACT,   /* as in TSV: a step, a line number */
};

enum {
    TABLE_DETAIL = 1,  /* on a terminal only with --details */
    TABLE_NO_TSV = 2,  /* not in TSV */
    TABLE_NO_JSON = 4, /* not in JSON */
    TABLE_NO_TERMINAL = 8,
    TABLE_ONLY_JSON = TABLE_NO_TSV | TABLE_NO_TERMINAL,
    TABLE_ONLY_TERMINAL = TABLE_NO_TSV | TABLE_NO_JSON,
};

struct column {
    const char *name;   /* the TSV's header and, unless `json` says otherwise, the JSON's key */
    const char *format; /* of a real in TSV: "%.8g"; NULL: "%.6g". Of text and counts ignored */
    enum table_unit unit;
    unsigned flags;
    const char *json; /* key; "interval.lo" is {"interval": {"lo": ...}} */
    const char *head; /* a terminal's heading, when not `name` */
};

struct table;

/* COLUMNS [n] is copied (its strings are not) and must outlive the table only if they are not
 * literals. MISSING stands in TSV for a number that is not known (NaN): "-" or "". Returns NULL when
 * out of memory; every function takes that. The caller frees, unless a sheet owns it. */
struct table *table_open(const struct column *columns, size_t n, const char *missing);
void table_free(struct table *t);

/* The next cell, from left to right; a row is full after n cells. Text is copied. */
void table_text(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_real(struct table *t, double value); /* NaN: not known; may be infinite */
void table_real_in(struct table *t, double value, enum table_unit unit); /* not the column's */
void table_whole(struct table *t, uint64_t value);
void table_flag(struct table *t, bool value); /* "yes", "no"; true, false */
void table_none(struct table *t);             /* "-" or ""; null */
/* Text for people, "1.61 B .. 2.05 B": for a column TABLE_ONLY_TERMINAL beside lo and hi. */
void table_between(struct table *t, double lo, double hi, enum table_unit unit);

size_t table_rows(const struct table *t);

/* [{column: value}]; KEYED: {first column: {the others}} instead. Numbers that are not finite are
 * null. New reference, NULL when out of memory (now or before). */
json_t *table_json(const struct table *t, bool keyed);

/* A number as a terminal shows it, with its unit: at least 32 bytes. Returns buffer. */
char *table_number(double value, enum table_unit unit, char *buffer, size_t size);

/* --- the inside, for writers --- */

struct cell {
    enum { CELL_NONE, CELL_TEXT, CELL_REAL, CELL_WHOLE, CELL_FLAG } kind;
    enum table_unit unit;
    double real;
    uint64_t whole;
    char *text;
};

struct table {
    struct column *columns;
    size_t n;
    const char *missing;
    struct cell *cells;
    size_t used, room;
    bool failed; /* memory was out */
};

#endif
