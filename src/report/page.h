/* page.h - a page that needs nothing else: one style sheet for all that we write, light and dark, for
 * screens of any width and for print; no script.
 *
 * The first error is kept and reported once, by page_close; every function takes a page that has
 * failed. Text comes from anywhere (documents, names, JSON): all of it is escaped by visible.h, only
 * page_markup is not. Not thread-safe per page.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_PAGE_H
#define TRIPOD_REPORT_PAGE_H

#include "src/base/file.h"
#include "src/base/table.h"

struct page {
    struct out out;
    struct err *e;
    int status;
    size_t bytes; /* written so far */
    size_t figures;
};

/* Begins PATH, with TITLE as its title. Errors, kept in E, which must stay until page_close. */
void page_open(struct page *h, const char *path, const char *title, struct err *e);
/* Ends the page; on an error there is none, and -1 is returned. */
int page_close(struct page *h);

/* Our own markup, and numbers. Nothing else may come in. */
void page_markup(struct page *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text, escaped: newlines and other controls are seen as their pictures. */
void page_text(struct page *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* <TAG>TEXT</TAG>; TAG may have attributes: "p class=warn". */
void page_element(struct page *h, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A section's heading. */
void page_section(struct page *h, const char *title);
/* The table as a terminal has it (with its details, if ALL). */
void page_table(struct page *h, const struct table *t, bool all);
/* The SVG file as a figure of the page, with CAPTION; its ids become the page's own. */
void page_figure(struct page *h, const char *svg, const char *caption);

#endif
