/* sheet.h - what one call prints: remarks and tables (table.h) in order, written as TSV or for a
 * terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SHEET_H
#define TRIPOD_SHEET_H

#include "src/base/table.h"

struct sheet;

struct sheet *sheet_open(void); /* NULL when out of memory; every function takes that */
void sheet_free(struct sheet *s);

/* A line of talk: "# TEXT" in TSV, TEXT on a terminal (wrapped). */
void sheet_remark(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, on a terminal only with --details. */
void sheet_detail(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Terminals only, as it is given unless it is wider: a law with its numbers, a heading. */
void sheet_headline(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* TSV only, as it is given, with a newline after it. */
void sheet_line(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An empty line in TSV; a terminal has its own spacing. */
void sheet_gap(struct sheet *s);
/* A table the sheet owns, printed here. DETAIL: on a terminal only with --details. */
struct table *sheet_table(struct sheet *s, const struct column *columns, size_t n,
                          const char *missing, bool detail);

/* How to print. */
struct sheet_style {
    bool terminal; /* else TSV */
    bool details;
    size_t width; /* of the terminal, in columns */
};

/* Errors: out of memory (earlier too), cannot write. */
int sheet_write(const struct sheet *s, const struct sheet_style *style, FILE *file, struct err *e);

#endif
