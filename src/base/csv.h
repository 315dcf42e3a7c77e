/* csv.h - a CSV file in memory: RFC 4180 (libcsv, strict), header row first; and text for one.
 *
 * Comma-separated; when the header has no comma, tabs, else semicolons. Blank lines are passed
 * over, a byte-order mark too; blanks around unquoted fields are cut. Every other row must have as
 * many fields as the header. Errors are one line: "FILE: line 7, column 3 (loss): expected a
 * number, found 'x'"; lines count from 1 as an editor does, a column is a field's number from 1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CSV_H
#define TRIPOD_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct out;

struct csv {
    char *path;     /* as given, for messages */
    size_t rows;    /* data rows, the header not counted */
    size_t columns; /* fields of every row; > 0 */
    size_t *line;   /* [rows + 1] file line on which a row starts; [0] is the header's */
    size_t *offset; /* [(rows + 1) * columns] of each field in text */
    char *text;     /* the fields, unquoted, each NUL-terminated */
    uint64_t hash;  /* XXH3-64 of the file's bytes */
};

/* Reads PATH ("-": stdin). Errors: cannot open, empty, a NUL byte (not text), broken quoting,
 * ragged rows, no data row. On error *c is empty. The caller calls csv_close. */
int csv_read(struct csv *c, const char *path, struct err *e);
/* The same from memory; NAME stands for the file in messages. */
int csv_read_memory(struct csv *c, const char *name, const void *data, size_t size, struct err *e);
void csv_close(struct csv *c); /* a zeroed one too */

/* Fields as text; rows from 0. Owned by *c. */
const char *csv_header(const struct csv *c, size_t column);
const char *csv_field(const struct csv *c, size_t row, size_t column);

/* The column of a name, letter case ignored: its index, CSV_NONE, or CSV_TWICE when two columns
 * have it. */
enum { CSV_NONE = -1, CSV_TWICE = -2 };
long csv_find(const struct csv *c, const char *name);

/* A field as a finite number: 1e21, 70M, 1.4B; a Unicode minus sign is a minus. */
int csv_number(const struct csv *c, size_t row, size_t column, double *value, struct err *e);

/* Text to number as csv_number does it: 0, or -1 when it is none (no message). */
int csv_parse_number(const char *text, double *value);

/* The message for a column that is not there: NAME, or whatever stands for WHAT when NULL; quotes the
 * header. Returns -1. */
int csv_missing(const struct csv *c, struct err *e, const char *name, const char *what);

/* err_set with "FILE: line L, column C (NAME): " before the message. Returns -1. */
int csv_err(const struct csv *c, size_t row, size_t column, struct err *e, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Writes TEXT as a field: in quotes where it has to be, which are doubled inside it. */
int csv_write_text(struct out *o, const char *text, struct err *e);

#endif
