/* page.c - see page.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/text/visible.h"

/* Figures stay on white in the dark: their colours were chosen for it. What is wider than the screen
 * scrolls in its own box, on paper it shrinks. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; img-src data:\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #666; --line: #ddd;"
    " --tint: #f5f5f3; --warn: #fdf1d6; --edge: #d55e00; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e6e4e0; --paper: #17181a; --soft: #a5a29c;"
    " --line: #3a3b3e; --tint: #222326; --warn: #3a2c12; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);"
    " max-width: 64em; margin: 0 auto; padding: 1em; overflow-wrap: anywhere; }\n"
    "h1 { font-size: 1.6em; line-height: 1.2; margin: .6em 0 .2em; }\n"
    "h2 { font-size: 1.25em; margin: 1.8em 0 .4em; padding-top: .4em; border-top: 1px solid "
    "var(--line); }\n"
    "h3 { font-size: 1em; margin: 1.4em 0 .3em; }\n"
    "p, ul { margin: .5em 0; } ul { padding-left: 1.3em; }\n"
    ".soft, figcaption, .place { color: var(--soft); font-size: .85em; }\n"
    ".warn { background: var(--warn); border-left: 4px solid var(--edge); padding: .4em .8em; margin: "
    ".5em 0; }\n"
    ".law { font-family: ui-monospace, monospace; background: var(--tint); padding: .4em .8em; }\n"
    ".wide { overflow-x: auto; }\n"
    "table { border-collapse: collapse; font-size: .85em; margin: .5em 0; overflow-wrap: normal; }\n"
    "td, th { padding: .15em .7em .15em 0; text-align: left; vertical-align: top; font-weight: normal;"
    " border-bottom: 1px solid var(--line); }\n"
    "th { color: var(--soft); white-space: nowrap; }\n"
    "td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }\n"
    "td.s { white-space: nowrap; }\n"
    /* Beyond a telephone's edge sentences would else be broken at every word. */
    "td.t { min-width: 16em; }\n"
    "code, pre { font: .85em/1.4 ui-monospace, monospace; }\n"
    "pre { background: var(--tint); padding: .5em .8em; margin: .4em 0; white-space: pre-wrap; }\n"
    "figure { margin: 1em 0; } figure > div { overflow-x: auto; }\n"
    "figure svg { display: block; width: 100%; min-width: 34em; height: auto; background: #fff;"
    " color: #000; border-radius: 4px; }\n"
    "summary { cursor: pointer; color: var(--soft); }\n"
    ".text { font-family: ui-monospace, monospace; font-size: .9em; white-space: pre-wrap; color: "
    "var(--soft); }\n"
    ".text mark { background: #ffd54f; color: #000; border-radius: 2px; }\n"
    ".losses { display: flex; gap: 1em; align-items: flex-start; flex-wrap: wrap; }\n"
    ".losses svg { background: var(--tint); }\n"
    ".sample { margin: .6em 0; padding-left: .6em; border-left: 3px solid var(--line); }\n"
    "@media print { :root { --ink: #000; --paper: #fff; --soft: #444; --line: #bbb; --tint: #f5f5f3;"
    " --warn: #fdf1d6; color-scheme: light; }\n"
    "body { font-size: 10pt; max-width: none; padding: 0; } @page { margin: 15mm; }\n"
    ".wide, figure > div { overflow: visible; } figure svg { min-width: 0; }\n"
    "figure, tr, .warn, .sample { break-inside: avoid; } h2, h3 { break-after: avoid; }\n"
    "td.n, td.s, th { white-space: normal; } td.t { min-width: 0; }\n"
    "details::details-content { content-visibility: visible; } }\n"
    "</style>\n";

static void put(struct page *h, const void *data, size_t n)
{
    if (h->status || !n) return;
    h->status = out_write(&h->out, data, n, h->e);
    h->bytes += n;
}

static void put_text(struct page *h, const char *text)
{
    struct bytes b = {0};
    if (visible_append(&b, text, strlen(text), VISIBLE_HTML) && !h->status)
        h->status = err_memory(h->e, h->out.path);
    put(h, b.data, b.count);
    bytes_free(&b);
}

static void put_format(struct page *h, bool escape, const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0) {
        if (!h->status) h->status = err_memory(h->e, h->out.path);
        return;
    }
    if (escape)
        put_text(h, text);
    else
        put(h, text, strlen(text));
    free(text);
}

void page_markup(struct page *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_format(h, false, format, args);
    va_end(args);
}

void page_text(struct page *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_format(h, true, format, args);
    va_end(args);
}

void page_element(struct page *h, const char *tag, const char *format, ...)
{
    va_list args;
    page_markup(h, "<%s>", tag);
    va_start(args, format);
    put_format(h, true, format, args);
    va_end(args);
    page_markup(h, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void page_section(struct page *h, const char *title)
{
    page_element(h, "h2", "%s", title);
}

void page_open(struct page *h, const char *path, const char *title, struct err *e)
{
    *h = (struct page){.e = e};
    h->status = out_open(&h->out, path, e);
    put(h, head, sizeof head - 1);
    page_element(h, "title", "%s", title);
    page_markup(h, "</head><body>\n");
}

int page_close(struct page *h)
{
    page_markup(h, "</body></html>\n");
    if (!h->status) return out_commit(&h->out, h->e);
    out_abort(&h->out);
    return -1;
}

/* --- tables --- */

enum { NARROW = 28 };

static bool is_number(const struct cell *c)
{
    return c->kind == CELL_REAL || c->kind == CELL_WHOLE || c->kind == CELL_NONE;
}

static void cell_text(struct page *h, const struct cell *c)
{
    char text[64];
    switch (c->kind) {
    case CELL_TEXT:
        put_text(h, c->text ? c->text : "");
        break;
    case CELL_REAL:
    case CELL_WHOLE:
        table_number(c->kind == CELL_REAL ? c->real : (double)c->whole, c->unit, text, sizeof text);
        put_text(h, text);
        break;
    case CELL_FLAG:
        put_text(h, c->whole ? "yes" : "no");
        break;
    default:
        put_text(h, "-");
    }
}

void page_table(struct page *h, const struct table *t, bool all)
{
    if (!t || t->failed) {
        if (!h->status) h->status = err_memory(h->e, h->out.path);
        return;
    }
    const unsigned hidden = TABLE_NO_TERMINAL | (all ? 0u : TABLE_DETAIL);
    const size_t rows = table_rows(t);
    page_markup(h, "<div class=wide><table>\n<tr>");
    for (size_t k = 0; k < t->n; k++) {
        const struct column *c = &t->columns[k];
        if (c->flags & hidden) continue;
        page_markup(h, rows && is_number(&t->cells[k]) ? "<th class=n>" : "<th>");
        put_text(h, c->head ? c->head : c->name ? c->name : "");
        page_markup(h, "</th>");
    }
    page_markup(h, "</tr>\n");
    for (size_t r = 0; r < rows; r++) {
        const struct cell *row = &t->cells[r * t->n];
        if (row->detail && !all) continue;
        page_markup(h, "<tr>");
        for (size_t k = 0; k < t->n; k++) {
            if (t->columns[k].flags & hidden) continue;
            const bool text = row[k].kind == CELL_TEXT && row[k].text;
            page_markup(h, is_number(&row[k])                         ? "<td class=n>"
                           : !text                                    ? "<td>"
                           : strlen(row[k].text) < NARROW /* whole */ ? "<td class=s>"
                                                                      : "<td class=t>");
            cell_text(h, &row[k]);
            page_markup(h, "</td>");
        }
        page_markup(h, "</tr>\n");
    }
    page_markup(h, "</table></div>\n");
}

/* --- figures --- */

/* Where TEXT is followed by an id: how long it is. */
static size_t before_id(const char *text)
{
    static const char *const marks[] = {" id='",    " id=\"", "href='#",
                                        "href=\"#", "url(#",  "url('#"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (!strncmp(text, marks[i], strlen(marks[i]))) return strlen(marks[i]);
    return 0;
}

/* The end of the element NAME that begins at TEXT; NULL: another one does. */
static const char *element_end(const char *text, const char *name)
{
    const size_t n = strlen(name);
    if (text[0] != '<' || strncmp(text + 1, name, n) != 0 || text[1 + n] != '>') return NULL;
    for (const char *end = strstr(text, "</"); end; end = strstr(end + 2, "</"))
        if (!strncmp(end + 2, name, n) && end[2 + n] == '>') return end + 3 + n;
    return NULL;
}

/* A tag [from, end) with the figure's number before every id and reference. */
static void put_tag(struct page *h, const char *from, const char *end)
{
    for (const char *p = from; p < end;) {
        const size_t n = before_id(p);
        p += n ? n : 1;
        if (!n && p < end) continue;
        put(h, from, (size_t)(p - from));
        if (n) page_markup(h, "f%zu-", h->figures);
        from = p;
    }
}

/* A label, again as text, so that what would turn other text round is escaped as everywhere. */
static void put_label(struct page *h, const char *label, size_t n)
{
    static const struct {
        const char *name, *is;
    } entities[] = {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}};
    char *text = strndup(label, n), *to = text;
    if (strspn(label, " \t\n") >= n) {
        put(h, label, n);
        free(text);
        return;
    }
    for (const char *p = text; p && *p;) {
        size_t k = 0;
        while (k < 3 && strncmp(p, entities[k].name, strlen(entities[k].name)) != 0) k++;
        *to++ = k < 3 ? *entities[k].is : *p;
        p += k < 3 ? strlen(entities[k].name) : 1;
    }
    if (to) *to = 0;
    if (text)
        put_text(h, text);
    else if (!h->status)
        h->status = err_memory(h->e, h->out.path);
    free(text);
}

void page_figure(struct page *h, const char *path, const char *caption)
{
    struct map m = {0};
    if (h->status) return;
    h->status = map_open(&m, path, h->e);
    char *text = h->status ? NULL : strndup((const char *)m.data, m.size);
    map_close(&m);
    if (h->status) return;
    const char *p = text ? strstr(text, "<svg") : NULL;
    if (!p) {
        h->status = text ? err_set(h->e, "%s: expected an SVG", path) : err_memory(h->e, path);
        free(text);
        return;
    }
    h->figures++;
    page_markup(h, "<figure><div>\n");
    while (*p) {
        /* Shown by browsers under the pointer: "gnuplot_plot_1". */
        const char *end = element_end(p, "title");
        if (!end) end = element_end(p, "desc");
        if (end) {
            p = end;
            continue;
        }
        size_t n = strcspn(p, *p == '<' ? ">" : "<");
        if (*p == '<' && p[n]) n++;
        if (*p == '<')
            put_tag(h, p, p + n);
        else
            put_label(h, p, n);
        p += n;
    }
    page_markup(h, "</div>");
    page_element(h, "figcaption", "%s", caption);
    page_markup(h, "</figure>\n");
    free(text);
}
