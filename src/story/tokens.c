/* tokens.c - tokens in the text they stand in: those a larger model learned, the hardest ones, and
 * samples of clusters; see story.h.
 *
 * The text is looked for where the records say, and in the folder itself. Where it is not found, or is
 * not the one that was scanned, the page says what to give.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/quanta/cluster.h"
#include "src/quanta/sampled.h"
#include "src/report/report_cluster_show.h"
#include "src/report/report_tokens.h"
#include "src/scan/model_tokenizer.h"
#include "src/story/story.h"

enum { CANDIDATES = 256, BEFORE = 40, AFTER = 6, CLUSTERS = 5, SAMPLES = 3 };

/* --- the text --- */

struct text {
    char *prefix;                /* NULL: none is known */
    struct tokenizer *tokenizer; /* NULL: none was found */
};

static bool has_corpus(const char *prefix)
{
    char *path = format_string("%s.idx", prefix);
    const bool found = path && file_exists(path);
    free(path);
    return found;
}

/* The corpus of that hash: as given, where the scan had it, in the folder under its name. */
static char *find_prefix(const struct story *s, const char *hash)
{
    if (s->options->corpus) return strdup(s->options->corpus);
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        const char *prefix = result_string(r->json, "corpus.prefix");
        const size_t n = strlen(r->path);
        if (strcmp(result_string(r->json, "corpus_hash"), hash) != 0) continue;
        char *path = folder_format(r, "tripod-corpus") && n > 5
                         ? format_string("%.*s", (int)n - 5, r->path)
                         : strdup(prefix);
        if (path && *path && has_corpus(path)) return path;
        free(path);
        if (!*prefix) continue;
        char *name = path_last(prefix);
        path = name ? format_string("%s/%s", s->folder.path, name) : NULL;
        free(name);
        if (path && has_corpus(path)) return path;
        free(path);
    }
    return NULL;
}

/* What a scan in the folder had tokenised with, if it is still there. */
static const char *scan_tokenizer(const struct story *s, const char *hash)
{
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        if (r->kind == RESULT_LOSSES && !strcmp(result_string(r->json, "corpus_hash"), hash) &&
            *result_string(r->json, "tokenizer.path"))
            return result_string(r->json, "tokenizer.path");
    }
    return NULL;
}

static void say(struct story *s, const char *text)
{
    page_element(&s->page, "p class=soft", "%s", text);
}

/* Whether there is a text to read; says what is missing. */
static bool text_open(struct text *x, struct story *s, const char *hash)
{
    struct err why;
    char *gone = NULL;
    *x = (struct text){.prefix = find_prefix(s, hash)};
    if (!x->prefix) {
        say(s, "Tokens in context need the text that was scanned: tripod report DIR -c CORPUS");
        return false;
    }
    if (corpus_tokenizer_open(&x->tokenizer, &gone, x->prefix, s->options->tokenizer,
                              scan_tokenizer(s, hash), &why))
        say(s, why.text);
    else if (!x->tokenizer)
        say(s, "No tokenizer was found: tokens are shown as their ids; give one with -t");
    free(gone);
    return true;
}

static void text_close(struct text *x)
{
    tokenizer_close(x->tokenizer);
    free(x->prefix);
}

/* --- which tokens --- */

struct candidate {
    double merit;
    uint64_t row;
};

/* The last step of the smallest and of the largest model. */
static void choose_columns(const struct matrix *m, size_t *small, size_t *large)
{
    *small = *large = 0;
    for (size_t j = 1; j < m->columns; j++) {
        const struct matrix_column *c = &m->column[j], *a = &m->column[*small],
                                   *b = &m->column[*large];
        if (c->parameters < a->parameters || (c->parameters == a->parameters && c->step > a->step))
            *small = j;
        if (c->parameters > b->parameters || (c->parameters == b->parameters && c->step > b->step))
            *large = j;
    }
}

/* The rows that fell most from SMALL to LARGE; where these are one, of the largest losses. In order. */
static size_t choose_rows(const struct matrix *m, size_t small, size_t large,
                          struct candidate best[CANDIDATES])
{
    size_t n = 0;
    for (uint64_t row = 0; row < m->rows; row++) {
        const void *values = matrix_at(m, row);
        const double after = matrix_value(m, values, large);
        const double merit = small == large ? after : matrix_value(m, values, small) - after;
        if (!(merit > 0) || (n == CANDIDATES && merit <= best[n - 1].merit)) continue;
        size_t i = n < CANDIDATES ? n++ : n - 1;
        for (; i > 0 && best[i - 1].merit < merit; i--) best[i] = best[i - 1];
        best[i] = (struct candidate){merit, row};
    }
    return n;
}

static void show_token(struct story *s, const struct token_context *c, const struct matrix *m,
                       size_t small, size_t large)
{
    page_markup(&s->page, "<p class=sample><span class=\"text\">");
    page_context(&s->page, c);
    page_markup(&s->page, "</span><br><span class=place>");
    if (small != large)
        page_text(&s->page, "%.3f nats by %s, %.3f by %s; ", c->loss[small], m->column[small].label,
                  c->loss[large], m->column[large].label);
    else
        page_text(&s->page, "%.3f nats; ", c->loss[large]);
    page_text(&s->page, "document %zu, token %zu, row %llu", c->document, c->position,
              (unsigned long long)c->row);
    page_markup(&s->page, "</span></p>\n");
}

/* One of each token, best first. */
static size_t show_rows(struct story *s, const struct matrix *m, const struct token_index *index,
                        const struct tokenizer *t, size_t small, size_t large)
{
    struct candidate best[CANDIDATES];
    const size_t n = choose_rows(m, small, large, best);
    uint32_t seen[CANDIDATES];
    size_t shown = 0;
    for (size_t i = 0; i < n && shown < s->options->tokens && !s->page.status; i++) {
        struct token_context c;
        bool again = false;
        if (token_context_read(&c, index, m, t, best[i].row, BEFORE, AFTER, s->page.e)) {
            s->page.status = -1;
            break;
        }
        for (size_t k = 0; k < shown; k++) again = again || seen[k] == c.id;
        if (!again) {
            seen[shown++] = c.id;
            show_token(s, &c, m, small, large);
        }
        token_context_free(&c);
    }
    return shown;
}

static size_t tokens_of(struct story *s, const struct result *r)
{
    struct matrix m;
    struct token_index index;
    struct err why;
    struct text x = {0};
    size_t shown = 0, small, large;
    const struct protocol none = {0};
    if (matrix_open(&m, r->path, &why)) {
        say(s, why.text);
        return 0;
    }
    choose_columns(&m, &small, &large);
    page_element(&s->page, "h3", "%s: %s",
                 small == large ? "The hardest tokens"
                                : "Tokens that the largest model learned and the smallest did not",
                 folder_inside(&s->folder, r->path));
    if (!m.corpus_hash)
        say(s, "The matrix has no record of its text");
    else if (text_open(&x, s, m.corpus_hash) && token_index_open(&index, &m, x.prefix, &none, &why))
        say(s, why.text);
    else if (x.prefix) {
        shown = show_rows(s, &m, &index, x.tokenizer, small, large);
        token_index_close(&index);
    }
    text_close(&x);
    matrix_close(&m);
    return shown;
}

/* --- clusters --- */

/* The finest clustering whose clusters have five samples on average. */
static size_t choose_kind(const struct clustering *r)
{
    size_t best = 0;
    for (size_t i = 1; i < r->kinds; i++) {
        const size_t k = r->kind[i].clusters;
        if (k * 5 <= r->n && k > r->kind[best].clusters) best = i;
    }
    return best;
}

static size_t show_clusters(struct story *s, const struct clustering *r, const struct sampled *from,
                            const struct tokenizer *t)
{
    const size_t kind = choose_kind(r), k = r->kind[kind].clusters;
    struct cluster_sample shown[CLUSTERS * SAMPLES];
    size_t n = 0, *size = calloc(2 * k + 1, sizeof *size), *order = size ? size + k : NULL;
    if (!size) {
        if (!s->page.status) s->page.status = err_memory(s->page.e, NULL);
        return 0;
    }
    if (!s->page.status) s->page.status = clustering_ranks(r, kind, size, order, s->page.e);
    for (size_t rank = 0; rank < CLUSTERS && rank < k; rank++) {
        for (size_t i = 0, taken = 0; i < r->n && taken < SAMPLES && !s->page.status; i++) {
            if ((size_t)r->labels[kind * r->n + i] != order[rank]) continue;
            taken++;
            shown[n] = (struct cluster_sample){.rank = rank + 1,
                                               .size = size[order[rank]],
                                               .sample = i,
                                               .loss = (double)from->loss[i],
                                               .similarity = NAN};
            s->page.status = token_context_text(&shown[n].context, &from->index, t, from->row[i],
                                                BEFORE, AFTER, s->page.e);
            n += !s->page.status;
        }
    }
    page_clusters(&s->page, shown, n);
    for (size_t i = 0; i < n; i++) token_context_free(&shown[i].context);
    free(size);
    return n;
}

static size_t clusters_of(struct story *s, const struct result *labels,
                          const struct result *gradients)
{
    struct clustering r;
    struct sampled from;
    struct text x;
    struct err why;
    size_t shown = 0;
    if (clustering_read(&r, labels->path, &why)) {
        say(s, why.text);
        return 0;
    }
    if (text_open(&x, s, result_string(gradients->json, "corpus_hash"))) {
        if (sampled_open(&from, gradients->path, x.prefix, &why)) {
            say(s, why.text);
        } else {
            if (from.n == r.n) shown = show_clusters(s, &r, &from, x.tokenizer);
            sampled_close(&from);
        }
    }
    text_close(&x);
    clustering_free(&r);
    return shown;
}

/* --- all --- */

/* The losses to look into where there is no matrix: of the largest model, its last step. */
static const struct result *best_losses(const struct folder *f)
{
    const struct result *best = NULL;
    size_t i = 0;
    for (const struct result *r; (r = folder_next(f, RESULT_LOSSES, &i));) {
        const double n = result_number(r->json, "parameters"),
                     step = result_number(r->json, "step");
        const double most = best ? result_number(best->json, "parameters") : -1;
        if (!best || n > most || (n == most && step > result_number(best->json, "step"))) best = r;
    }
    return best;
}

size_t story_tokens(struct story *s)
{
    const struct folder *f = &s->folder;
    size_t i = 0, k = 0, g = 0, shown = 0;
    const struct result *matrix = folder_next(f, RESULT_MATRIX, &i);
    if (!matrix) matrix = best_losses(f);
    const struct result *labels = folder_next(f, RESULT_CLUSTERS, &k),
                        *gradients = folder_next(f, RESULT_GRADIENTS, &g);
    if (!s->options->tokens || (!matrix && !(labels && gradients))) return 0;
    page_section(&s->page, "Tokens in context");
    if (matrix) shown += tokens_of(s, matrix);
    if (labels && gradients) shown += clusters_of(s, labels, gradients);
    return shown;
}
