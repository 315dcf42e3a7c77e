/* report_contexts.c - tokens in their context, as a table, for a terminal, as a page; see
 * report_tokens.h.
 *
 * Text comes from anywhere, so all of it passes visible.h: nothing in it can move the cursor, colour
 * a line or open a tag.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/report/report_tokens.h"

/* A context's parts and its losses, safe to show. */
struct parts {
    struct token_parts text;
    char *spark;
};

static int parts_make(struct parts *p, const struct token_context *c, size_t columns,
                      enum visible how)
{
    p->spark = token_sparkline(c->loss, columns);
    return token_parts_make(&p->text, c, how) || !p->spark ? -1 : 0;
}

static void parts_free(struct parts *p)
{
    token_parts_free(&p->text);
    free(p->spark);
}

enum { FIXED = 8, MOST_LOSSES = 512 };

void report_contexts(struct sheet *s, const struct shown *shown, size_t n, const struct matrix *m)
{
    struct column heads[FIXED + MOST_LOSSES] = {{.name = "list"},
                                                {.name = "row", .unit = TABLE_EXACT},
                                                {.name = "document", .unit = TABLE_EXACT},
                                                {.name = "position", .unit = TABLE_EXACT},
                                                {.name = "token", .unit = TABLE_EXACT},
                                                {.name = "losses"},
                                                {.name = "context"}};
    const size_t losses = m->columns < MOST_LOSSES ? m->columns : MOST_LOSSES;
    for (size_t j = 0; j < losses; j++)
        heads[7 + j] = (struct column){
            .name = m->column[j].label, .format = "%.9g", .flags = TABLE_NO_TERMINAL};
    struct table *t = sheet_table(s, heads, 7 + losses, "-", false);
    for (size_t i = 0; i < n; i++) {
        const struct token_context *c = &shown[i].context;
        struct parts p;
        int bad = parts_make(&p, c, m->columns, VISIBLE_LINE);
        table_text(t, "%s", shown[i].list ? shown[i].list : "");
        table_whole(t, c->row);
        table_whole(t, c->document);
        table_whole(t, c->position);
        table_whole(t, c->id);
        table_text(t, "%s", bad ? "" : p.spark);
        if (bad)
            table_none(t);
        else
            table_text(t, "%s[[%s]]%s", p.text.before, p.text.token, p.text.after);
        for (size_t j = 0; j < losses; j++) table_real(t, c->loss[j]);
        parts_free(&p);
    }
}

json_t *report_contexts_json(const struct shown *shown, size_t n, const struct matrix *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct token_context *c = &shown[i].context;
        struct parts p;
        json_t *losses = json_array();
        int bad = parts_make(&p, c, m->columns, VISIBLE_TEXT);
        for (size_t j = 0; j < m->columns; j++)
            json_array_append_new(losses, json_finite(c->loss[j]));
        json_array_append_new(
            list, json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "list",
                            json_utf8(shown[i].list), "row", (json_int_t)c->row, "document",
                            (json_int_t)c->document, "position", (json_int_t)c->position, "token",
                            (json_int_t)c->id, "before", json_utf8(bad ? NULL : p.text.before),
                            "text", json_utf8(bad ? NULL : p.text.token), "after",
                            json_utf8(bad ? NULL : p.text.after), "losses", losses));
        parts_free(&p);
    }
    return list;
}

/* --- a terminal --- */

/* TEXT from column *at on, broken at WIDTH. */
static void flow(FILE *f, const char *text, size_t *at, size_t width)
{
    for (const char *p = text; *p; p++) {
        if (((unsigned char)*p & 0xc0) != 0x80 && (*at)++ >= width) {
            fputc('\n', f);
            *at = 1;
        }
        fputc(*p, f);
    }
}

static void losses_table(FILE *f, const struct token_context *c, const struct matrix *m,
                         const char *spark, size_t width)
{
    size_t widest = 0;
    for (size_t j = 0; j < m->columns; j++) {
        size_t n = strlen(m->column[j].label);
        if (n > widest) widest = n;
    }
    size_t at = 0;
    fputs("losses ", f);
    at = 7;
    flow(f, spark, &at, width);
    fputc('\n', f);
    const size_t each = widest + 11, across = width / each ? width / each : 1;
    for (size_t j = 0; j < m->columns; j++) {
        fprintf(f, "%-*s %7.3f%s", (int)widest, m->column[j].label, c->loss[j],
                (j + 1) % across == 0 || j + 1 == m->columns ? "\n" : "   ");
    }
}

int report_contexts_terminal(FILE *f, const struct shown *shown, size_t n, const struct matrix *m,
                             size_t width, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct token_context *c = &shown[i].context;
        struct parts p;
        if (parts_make(&p, c, m->columns, VISIBLE_LINE)) {
            parts_free(&p);
            return err_memory(e, m->path);
        }
        fprintf(f, "%s\033[1mrow %" PRIu64 "\033[0m  document %zu, token %zu (id %u)%s%s\n",
                i ? "\n" : "", c->row, c->document, c->position, (unsigned)c->id,
                shown[i].list ? "  " : "", shown[i].list ? shown[i].list : "");
        size_t at = 0;
        flow(f, p.text.before, &at, width);
        fputs("\033[1;7m", f);
        flow(f, p.text.token, &at, width);
        fputs("\033[0m", f);
        flow(f, p.text.after, &at, width);
        fputc('\n', f);
        losses_table(f, c, m, p.spark, width);
        parts_free(&p);
    }
    return ferror(f) ? err_errno(e, "stdout: cannot write") : 0;
}

/* --- a page --- */

/* The losses as a line, from 0 to the largest. */
static void page_line(struct page *h, const struct token_context *c, size_t columns)
{
    const double width = 240, height = 80, pad = 6;
    double most = 0;
    for (size_t j = 0; j < columns; j++) {
        if (isfinite(c->loss[j]) && c->loss[j] > most) most = c->loss[j];
    }
    page_markup(h, "<svg width=\"240\" height=\"80\"><polyline fill=\"none\" stroke=\"#3949ab\" "
                   "stroke-width=\"2\" points=\"");
    for (size_t j = 0; j < columns; j++) {
        if (!isfinite(c->loss[j])) continue;
        double x = pad + (columns > 1 ? (width - 2 * pad) * (double)j / (double)(columns - 1) : 0);
        double y = height - pad - (most > 0 ? (height - 2 * pad) * c->loss[j] / most : 0);
        page_markup(h, "%.1f,%.1f ", x, y);
    }
    page_markup(h, "\"/></svg>\n");
}

void page_context(struct page *h, const struct token_context *c)
{
    struct token_parts p;
    if (token_parts_make(&p, c, VISIBLE_HTML) && !h->status)
        h->status = err_memory(h->e, h->out.path);
    if (!h->status) page_markup(h, "%s<mark>%s</mark>%s", p.before, p.token, p.after);
    token_parts_free(&p);
}

static void page_row(struct page *h, const struct shown *shown, const struct matrix *m)
{
    const struct token_context *c = &shown->context;
    page_element(h, "h3", "row %" PRIu64 ": document %zu, token %zu (id %u)%s%s", c->row,
                 c->document, c->position, (unsigned)c->id, shown->list ? ", " : "",
                 shown->list ? shown->list : "");
    page_markup(h, "<div class=\"text\">");
    page_context(h, c);
    page_markup(h, "</div>\n<div class=\"losses\">");
    page_line(h, c, m->columns);
    page_markup(h, "<table><tr><th>checkpoint</th><th class=n>nats</th></tr>\n");
    for (size_t j = 0; j < m->columns; j++) {
        page_markup(h, "<tr><td>");
        page_text(h, "%s", m->column[j].label);
        page_markup(h, "</td><td class=n>%.4f</td></tr>\n", c->loss[j]);
    }
    page_markup(h, "</table></div>\n");
}

int report_contexts_html(const char *path, const struct shown *shown, size_t n,
                         const struct matrix *m, struct err *e)
{
    struct page h;
    page_open(&h, path, "tokens", e);
    for (size_t i = 0; i < n; i++) page_row(&h, &shown[i], m);
    return page_close(&h);
}
