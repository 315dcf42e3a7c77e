/* report_tokens.h - how findings about single tokens look: tables, JSON, files.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_TOKENS_H
#define TRIPOD_REPORT_TOKENS_H

#include <jansson.h>
#include <stdio.h>

#include "src/base/sheet.h"
#include "src/report/page.h"
#include "src/scan/token_by.h"
#include "src/scan/token_changes.h"
#include "src/scan/token_context.h"
#include "src/scan/token_find.h"
#include "src/scan/token_histogram.h"

/* A column's three first cells, model, step and N, and its JSON {"model", "step", "N"}. */
#define REPORT_COLUMN_HEADS                                                                        \
    {.name = "model"}, {.name = "step", .unit = TABLE_EXACT},                                      \
    {                                                                                              \
        .name = "N", .unit = TABLE_COUNT                                                           \
    }
void report_column(struct table *t, const struct matrix_column *c);
json_t *report_column_json(const struct matrix_column *c);

/* --- histogram (report_histogram.c) --- */

/* Q and H in the same unit; BITS names it. */
void report_histogram(struct sheet *s, const struct matrix *m, const struct histogram *h,
                      const struct histogram_request *q, bool convergence);
json_t *report_histogram_json(const struct matrix *m, const struct histogram *h,
                              const struct histogram_request *q);
/* DIRECTORY/histogram.tsv and convergence.tsv; with C (may be NULL) change.tsv, start_change.tsv. */
int report_histogram_files(const char *directory, const struct matrix *m, const struct histogram *h,
                           const struct changes *c, struct err *e);
/* Density and loss x density, a curve a column: see plot_write. */
int report_histogram_plot(const char *path, const struct matrix *m, const struct histogram *h,
                          bool bits, bool *drawn, struct err *e);

/* --- find, groups --- */

/* Lists with their counts, and the persistence of each column. */
void report_find(struct sheet *s, const struct token_find *f, const char *directory);
json_t *report_find_json(const struct token_find *f, const char *directory);

void report_groups(struct sheet *s, const struct groups *g, const struct matrix *m,
                   const struct tokenizer *t);
json_t *report_groups_json(const struct groups *g, const struct matrix *m,
                           const struct tokenizer *t);

/* --- tokens in context (report_contexts.c) --- */

/* A context as the finding it belongs to. */
struct shown {
    const char *list; /* NULL: none */
    struct token_context context;
};

/* Rows of a table: brackets around the token, a sparkline, the losses. */
void report_contexts(struct sheet *s, const struct shown *shown, size_t n, const struct matrix *m);
json_t *report_contexts_json(const struct shown *shown, size_t n, const struct matrix *m);
/* For people: the token in reverse video, its losses below, at most WIDTH columns wide. */
int report_contexts_terminal(FILE *f, const struct shown *shown, size_t n, const struct matrix *m,
                             size_t width, struct err *e);
/* The text with the token marked, without losses. */
void page_context(struct page *h, const struct token_context *c);
/* A page that needs nothing else. */
int report_contexts_html(const char *path, const struct shown *shown, size_t n,
                         const struct matrix *m, struct err *e);

#endif
