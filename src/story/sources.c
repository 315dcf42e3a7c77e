/* sources.c - where the results come from: commands to repeat them, versions, hashes; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/story/story.h"

enum { MOST_COMMANDS = 60 };

/* A word as a shell takes it. */
static void shell_word(struct page *h, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=,:@+%";
    if (*word && strspn(word, plain) == strlen(word)) {
        page_text(h, "%s", word);
        return;
    }
    page_text(h, "'");
    for (const char *p = word; *p;) {
        const size_t n = strcspn(p, "'");
        page_text(h, "%.*s", (int)n, p);
        p += n;
        if (*p == '\'' && p++) page_text(h, "'\\''");
    }
    page_text(h, "'");
}

static int by_date(const void *a, const void *b)
{
    const struct result *const *x = a, *const *y = b;
    const int c = strcmp(result_string(folder_provenance(*x), "date"),
                         result_string(folder_provenance(*y), "date"));
    return c ? c : strcmp((*x)->path, (*y)->path);
}

static void command(struct page *h, json_t *provenance)
{
    size_t i;
    json_t *word;
    page_markup(h, "<pre>");
    json_array_foreach(json_object_get(provenance, "command"), i, word)
    {
        if (i) page_markup(h, " ");
        shell_word(h, json_is_string(word) ? json_string_value(word) : "?");
    }
    page_markup(h, "</pre>\n");
    page_markup(h, "<p class=soft>");
    page_text(h, "%s, tripod %s, %s", result_string(provenance, "date"),
              result_string(provenance, "tripod"), result_string(provenance, "cpu"));
    if (*result_string(provenance, "kernels"))
        page_text(h, ", %s", result_string(provenance, "kernels"));
    const double threads = result_number(provenance, "threads");
    if (threads > 0) page_text(h, ", %.0f threads", threads);
    page_markup(h, "</p>\n");
}

static void commands(struct story *s, const struct result **order, size_t n)
{
    json_t *before = NULL;
    size_t told = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *p = folder_provenance(order[i]), *line = json_object_get(p, "command");
        if (json_equal(line, before)) continue; /* a scan's checkpoints have one */
        before = line;
        if (told++ < MOST_COMMANDS) command(&s->page, p);
    }
    if (told > MOST_COMMANDS)
        page_markup(&s->page, "<p>and %zu commands more</p>\n", told - MOST_COMMANDS);
}

/* A row where the record has the hash; the text of many checkpoints is one. */
static void hash(struct table *t, const struct story *s, const struct result *r, const char *member,
                 const char *what)
{
    const char *value = result_string(r->json, member);
    if (!*value) return;
    for (size_t i = 0; i < table_rows(t); i++)
        if (!strcmp(t->cells[3 * i + 1].text, what) && !strcmp(t->cells[3 * i + 2].text, value))
            return;
    table_text(t, "%s", folder_inside(&s->folder, r->path));
    table_text(t, "%s", what);
    table_text(t, "%s", value);
}

static void hashes(struct story *s)
{
    static const struct column columns[] = {{.name = "record"}, {.name = "of"}, {.name = "hash"}};
    struct table *t = table_open(columns, 3, "-");
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        hash(t, s, r, "weights", "weights");
        hash(t, s, r, "corpus_hash", "text (token ids)");
        hash(t, s, r, "tokenizer.hash", "tokenizer");
        hash(t, s, r, "data.xxh3", "rows read");
        hash(t, s, r, "data.hash", "training text");
        hash(t, s, r, "rows.hash", "samples");
        if (t && t->failed) break;
    }
    if (table_rows(t)) page_table(&s->page, t, true);
    table_free(t);
}

void story_provenance(struct story *s)
{
    const struct folder *f = &s->folder;
    const struct result **order = calloc(f->n, sizeof *order);
    size_t n = 0;
    page_section(&s->page, "Where it comes from");
    for (size_t i = 0; order && i < f->n; i++)
        if (folder_provenance(&f->result[i])) order[n++] = &f->result[i];
    if (n) {
        qsort(order, n, sizeof *order, by_date);
        page_markup(&s->page, "<details><summary>The commands that repeat it</summary>\n");
        commands(s, order, n);
        page_markup(&s->page, "</details>\n");
    }
    page_markup(&s->page, "<details><summary>Hashes of what went in</summary>\n");
    hashes(s);
    page_markup(&s->page, "</details>\n");
    free(order);
}
