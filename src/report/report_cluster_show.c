/* report_cluster_show.c - see report_cluster_show.h.
 *
 * Text comes from anywhere, so all of it passes visible.h, as in report_contexts.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_cluster_show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/report/report_tokens.h"

/* Whether C begins a cluster's samples, or the list of similar ones. */
static bool begins(const struct cluster_sample *c, size_t i)
{
    return i == 0 || (c[i].rank != c[i - 1].rank && isnan(c[i].similarity));
}

void report_cluster_show(struct sheet *s, const struct cluster_sample *c, size_t n)
{
    static const struct column columns[] = {
        {.name = "cluster", .unit = TABLE_EXACT},  {.name = "size", .unit = TABLE_EXACT},
        {.name = "sample", .unit = TABLE_EXACT},   {.name = "row", .unit = TABLE_EXACT},
        {.name = "document", .unit = TABLE_EXACT}, {.name = "position", .unit = TABLE_EXACT},
        {.name = "token", .unit = TABLE_EXACT},    {.name = "loss", .format = "%.9g"},
        {.name = "similarity", .format = "%.7g"},  {.name = "context"}};
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < n; i++) {
        struct token_parts p;
        const struct token_context *x = &c[i].context;
        const bool bad = token_parts_make(&p, x, VISIBLE_LINE);
        table_whole(t, c[i].rank);
        table_whole(t, c[i].size);
        table_whole(t, c[i].sample);
        table_whole(t, x->row);
        table_whole(t, x->document);
        table_whole(t, x->position);
        table_whole(t, x->id);
        table_real(t, c[i].loss);
        table_real(t, c[i].similarity);
        if (bad)
            table_none(t);
        else
            table_text(t, "%s[[%s]]%s", p.before, p.token, p.after);
        token_parts_free(&p);
    }
}

json_t *report_cluster_sample_json(const struct cluster_sample *c)
{
    struct token_parts p;
    const struct token_context *x = &c->context;
    const bool bad = token_parts_make(&p, x, VISIBLE_TEXT);
    json_t *o = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "cluster", (json_int_t)c->rank,
        "size", (json_int_t)c->size, "sample", (json_int_t)c->sample, "row", (json_int_t)x->row,
        "document", (json_int_t)x->document, "position", (json_int_t)x->position, "token",
        (json_int_t)x->id, "loss", json_finite(c->loss), "before", json_utf8(bad ? NULL : p.before),
        "text", json_utf8(bad ? NULL : p.token), "after", json_utf8(bad ? NULL : p.after));
    if (o && !isnan(c->similarity))
        json_object_set_new(o, "similarity", json_finite(c->similarity));
    token_parts_free(&p);
    return o;
}

/* --- a terminal --- */

/* The last WIDTH characters of TEXT; *used gets how many that is. */
static const char *tail(const char *text, size_t width, size_t *used)
{
    const char *p = text + strlen(text);
    *used = 0;
    while (p > text && *used < width) {
        p--;
        if (((unsigned char)*p & 0xc0) != 0x80) ++*used;
    }
    return p;
}

/* At most WIDTH characters of TEXT; returns how many. */
static size_t put_some(FILE *f, const char *text, size_t width)
{
    size_t used = 0;
    for (const char *p = text; *p; p++) {
        if (((unsigned char)*p & 0xc0) != 0x80 && used++ == width) return width;
        fputc(*p, f);
    }
    return used;
}

static void heading(FILE *f, const struct cluster_sample *c, size_t i)
{
    if (!isnan(c[i].similarity))
        fputs("\033[1mmost similar samples, each with its cosine and cluster\033[0m\n", f);
    else
        fprintf(f, "%s\033[1mcluster %zu\033[0m: %zu sample%s\n", i ? "\n" : "", c[i].rank,
                c[i].size, c[i].size == 1 ? "" : "s");
}

int report_cluster_show_terminal(FILE *f, const struct cluster_sample *c, size_t n, size_t width,
                                 struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct token_parts p;
        if (token_parts_make(&p, &c[i].context, VISIBLE_LINE)) {
            token_parts_free(&p);
            return err_memory(e, NULL);
        }
        if (begins(c, i)) heading(f, c, i);
        size_t left = width, used;
        if (!isnan(c[i].similarity)) {
            char label[64];
            snprintf(label, sizeof label, "%6.3f %5zu ", c[i].similarity, c[i].rank);
            left -= put_some(f, label, left);
        }
        const size_t before = left * 2 / 3;
        const char *text = tail(p.before, before, &used);
        fprintf(f, "%*s%s\033[7m", (int)(before - used), "", text);
        left -= before;
        left -= put_some(f, p.token, left);
        fputs("\033[0m", f);
        put_some(f, p.after, left);
        fputc('\n', f);
        token_parts_free(&p);
    }
    return ferror(f) ? err_errno(e, "stdout: cannot write") : 0;
}

/* --- a page --- */

void page_clusters(struct page *h, const struct cluster_sample *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct token_context *x = &c[i].context;
        if (begins(c, i) && !isnan(c[i].similarity))
            page_element(h, "h3", "most similar samples");
        else if (begins(c, i))
            page_element(h, "h3", "cluster %zu: %zu sample%s", c[i].rank, c[i].size,
                         c[i].size == 1 ? "" : "s");
        page_markup(h, "<p class=sample><span class=\"text\">");
        page_context(h, x);
        page_markup(h,
                    "</span><br><span class=\"place\">row %" PRIu64
                    ", document %zu, token %zu, %.3f nats",
                    x->row, x->document, x->position, c[i].loss);
        if (!isnan(c[i].similarity))
            page_markup(h, ", cosine %.3f, cluster %zu", c[i].similarity, c[i].rank);
        page_markup(h, "</span></p>\n");
    }
}

int report_cluster_show_html(const char *path, const char *title, const struct cluster_sample *c,
                             size_t n, struct err *e)
{
    struct page h;
    page_open(&h, path, "clusters", e);
    page_element(&h, "h1", "%s", title);
    page_clusters(&h, c, n);
    return page_close(&h);
}
