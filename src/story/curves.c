/* curves.c - the figures that belong to the results, drawn as tripod plot draws them; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/plot/figures.h"
#include "src/story/story.h"

enum { MOST_OF_A_KIND = 3 };

struct curves {
    struct story *story;
    char *svg; /* where each is drawn */
    size_t left_out, of_kind[RESULT_KINDS];
};

static void left_out(struct curves *c, const struct result *r, const char *why)
{
    c->left_out++;
    page_element(&c->story->page, "p class=soft", "%s: no figure: %s",
                 folder_inside(&c->story->folder, r->path), why);
}

static size_t file_bytes(const char *path)
{
    struct map m;
    struct err ignored;
    if (map_open(&m, path, &ignored)) return 0;
    const size_t bytes = m.size;
    map_close(&m);
    return bytes;
}

/* NAME NULL: the one that belongs to the results. */
static void draw(struct curves *c, struct result *results, size_t n, const char *name)
{
    struct page *h = &c->story->page;
    const struct figure_inputs in = {results, n};
    struct err why = {0};
    struct plot_output o = {.size = PLOT_PAGE};
    const struct figure *f = name ? figure_find(name, &why) : figure_for(&in, &why);
    if (h->status) return;
    if (!f || figure_draw(f, &in, false, c->svg, &o, &why)) {
        left_out(c, &results[0], why.text);
    } else if (h->bytes + file_bytes(c->svg) > c->story->options->most_bytes) {
        left_out(c, &results[0], "the page would be too large; tripod plot draws it");
    } else {
        char caption[600];
        snprintf(caption, sizeof caption, "%s: %s",
                 folder_inside(&c->story->folder, results[0].path), f->text);
        page_figure(h, c->svg, caption);
    }
    unlink(c->svg);
}

/* Points that have no figure of their own: those of networks of sparse parity, and of one run of several
 * that were trained, which the folder above has. */
static bool has_other_figure(const struct folder *f, const struct result *points)
{
    size_t trained = 0;
    bool run = false;
    for (size_t i = 0; i < f->n; i++) {
        const struct result *r = &f->result[i];
        const bool here = folder_same(r, points), one = folder_format(r, "tripod-train");
        if (here && r->kind == RESULT_RUNS) return true;
        trained += one;
        run = run || (one && here);
    }
    return run && trained > 1;
}

/* The rows a result was made of, where they have moved with it: points of this folder with their hash. */
static const struct result *moved_rows(const struct folder *f, const struct result *r)
{
    json_t *first = json_array_get(json_object_get(r->json, "groups"), 0);
    const char *was = result_string(first ? first : r->json, "data.file");
    const char *hash = result_string(first ? first : r->json, "data.xxh3");
    size_t i = 0;
    if (!*was || file_exists(was)) return NULL;
    for (const struct result *points; (points = folder_next(f, RESULT_POINTS, &i));) {
        struct csv c;
        struct err ignored;
        char found[32];
        if (csv_read(&c, points->path, &ignored)) continue;
        snprintf(found, sizeof found, "%016llx", (unsigned long long)c.hash);
        csv_close(&c);
        if (!strcmp(found, hash)) return points;
    }
    return NULL;
}

/* The folder of runs as one, once. */
static void draw_runs(struct curves *c, const struct result *r)
{
    struct result all = {0};
    struct err why;
    char *folder = strndup(r->path, folder_directory(r->path));
    if (folder && !result_open(&all, folder, &why) && all.kind == RESULT_RUNS)
        draw(c, &all, 1, NULL);
    result_close(&all);
    free(folder);
}

/* With the cosines they are made of, where these are here. */
static void draw_clusters(struct curves *c, const struct result *r)
{
    struct result both[2] = {*r};
    size_t i = 0, n = 1;
    const char *made_of = result_string(r->json, "similarity");
    const char *name = made_of + folder_directory(made_of);
    for (const struct result *x; (x = folder_next(&c->story->folder, RESULT_SIMILARITY, &i));)
        if (n == 1 && !strcmp(x->path + folder_directory(x->path) + 1, name + (*name == '/')))
            both[n++] = *x;
    draw(c, both, n, NULL);
}

static void draw_one(struct curves *c, struct result *r)
{
    static const char *const checks[] = {"residuals", "profiles"};
    struct result both[2] = {*r};
    const struct folder *f = &c->story->folder;
    if (r->kind == RESULT_RUNS && c->of_kind[r->kind]++) return;
    if (r->kind == RESULT_POINTS && has_other_figure(f, r)) return;
    if (r->kind == RESULT_SIMILARITY && folder_count(f, RESULT_CLUSTERS)) return;
    if (r->kind == RESULT_LOSSES &&
        (folder_count(f, RESULT_MATRIX) || folder_count(f, RESULT_LOSSES) > 1))
        return;
    if (r->kind != RESULT_RUNS && c->of_kind[r->kind]++ >= MOST_OF_A_KIND) {
        left_out(c, r, "enough of its kind; tripod plot draws it");
        return;
    }
    const struct result *rows = moved_rows(f, r);
    const size_t n = rows ? 2 : 1;
    if (rows) both[1] = *rows;
    if (r->kind == RESULT_RUNS)
        draw_runs(c, r);
    else if (r->kind == RESULT_CLUSTERS)
        draw_clusters(c, r);
    else
        draw(c, both, n, NULL);
    if (r->kind != RESULT_FIT) return;
    page_markup(&c->story->page, "<details><summary>How the law fits: what it leaves, and how well "
                                 "each parameter is known</summary>\n");
    for (size_t k = 0; k < sizeof checks / sizeof *checks; k++) draw(c, both, n, checks[k]);
    page_markup(&c->story->page, "</details>\n");
}

size_t story_curves(struct story *s, const char *folder)
{
    struct curves c = {.story = s, .svg = format_string("%s/figure.svg", folder)};
    if (!s->options->figures || s->no_gnuplot) {
        free(c.svg);
        return 0;
    }
    page_section(&s->page, "Curves");
    if (!c.svg && !s->page.status) s->page.status = err_memory(s->page.e, folder);
    for (size_t i = 0; i < s->folder.n && !s->page.status; i++)
        if (s->folder.result[i].kind < RESULT_KINDS) draw_one(&c, &s->folder.result[i]);
    free(c.svg);
    return c.left_out;
}
