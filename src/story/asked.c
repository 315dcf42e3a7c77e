/* asked.c - what each part of the folder was made to answer, a sentence each; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "src/story/story.h"

/* A count for a sentence: "122,236" is "122.2 K". */
static const char *count(double value, char buffer[32])
{
    return table_number(value, TABLE_COUNT, buffer, 32);
}

/* A scan: the losses of one directory. */
static void asked_scan(struct story *s, const struct result *first, size_t checkpoints)
{
    char a[32], b[32];
    json_t *o = first->json;
    const char *corpus = result_string(o, "corpus.prefix");
    page_markup(&s->page, "<li>");
    page_text(&s->page, "What loss has every token of %s", *corpus ? corpus : "a text");
    page_text(&s->page, " (%s documents, %s predicted tokens; %s)",
              count(result_number(o, "documents"), a), count(result_number(o, "predictions"), b),
              result_string(o, "protocol"));
    page_text(&s->page, " under %zu checkpoint%s? ", checkpoints, checkpoints == 1 ? "" : "s");
    page_element(&s->page, "span class=place", "%.*s",
                 (int)folder_directory(folder_inside(&s->folder, first->path)),
                 folder_inside(&s->folder, first->path));
    page_markup(&s->page, "</li>\n");
}

static void asked_scans(struct story *s)
{
    size_t i = 0, n = 0;
    const struct result *first = NULL;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_LOSSES, &i));) {
        if (first && folder_same(first, r)) {
            n++;
            continue;
        }
        if (first) asked_scan(s, first, n);
        first = r;
        n = 1;
    }
    if (first) asked_scan(s, first, n);
}

static void ask(struct story *s, const struct result *r, const char *question)
{
    page_markup(&s->page, "<li>");
    page_text(&s->page, "%s ", question);
    page_element(&s->page, "span class=place", "%s", folder_inside(&s->folder, r->path));
    page_markup(&s->page, "</li>\n");
}

static void asked_fit(struct story *s, const struct result *r)
{
    char text[600], rows[64] = "the rows", used[32];
    json_t *first = json_array_get(json_object_get(r->json, "groups"), 0);
    json_t *o = first ? first : r->json;
    const char *formula = result_string(o, "formula"), *by = result_option(r, "by");
    if (!first && isfinite(result_number(o, "rows.used")))
        snprintf(rows, sizeof rows, "%s rows", count(result_number(o, "rows.used"), used));
    snprintf(text, sizeof text,
             "What are the numbers of %.200s (law %.100s) in %s of %.200s%s%.60s?", formula,
             result_string(o, "law"), rows, result_string(o, "data.file"), by ? ", by " : "",
             by ? by : "");
    ask(s, r, text);
}

static void asked_parity(struct story *s, const struct result *r)
{
    char text[300];
    json_t *p = json_object_get(r->json, "parity");
    snprintf(
        text, sizeof text,
        "How do networks of width %.0f learn %.0f subtasks, parities of %.0f bits that come with "
        "frequency i^-%.3g, in %.0f steps?",
        result_number(p, "width"), result_number(p, "tasks"), result_number(p, "k"),
        result_number(p, "zipf"), result_number(p, "steps"));
    ask(s, r, text);
}

static void asked_other(struct story *s, const struct result *r, size_t *trained, size_t most)
{
    char text[300], a[32], b[32];
    if (folder_is_sweep(r)) {
        snprintf(
            text, sizeof text,
            "Which size of model is best at each budget of compute? %.0f runs trained from nothing",
            result_number(r->json, "finished"));
        ask(s, r, text);
    } else if (folder_format(r, "tripod-train") && (*trained)++ < most) {
        snprintf(text, sizeof text, "A model of %s parameters trained on %s tokens",
                 count(result_number(r->json, "result.N"), a),
                 count(result_number(r->json, "result.D"), b));
        ask(s, r, text);
    }
}

void story_asked(struct story *s)
{
    static const char *const questions[RESULT_KINDS] = {
        [RESULT_SIMILARITY] = "How alike are the gradients of single tokens' losses?",
        [RESULT_CLUSTERS] = "Which predictions does the model make alike? Gradients, clustered",
        [RESULT_ISOFLOP] = "Which size is best at each budget, by parabolas through equal FLOP?",
        [RESULT_ENVELOPE] = "Which sizes win along the lower envelope of training curves?",
        [RESULT_APPROACHES] =
            "What do the three ways of finding compute-optimal models say, side by side?",
        [RESULT_ALLOCATION] = "How should compute be spent on parameters and tokens?",
        [RESULT_DESIGN] = "Which runs are worth training next?",
        [RESULT_HISTOGRAM] = "How are the losses of single tokens distributed?",
        [RESULT_BY] = "How does the loss depend on where and what a token is?",
        [RESULT_RANKS] = "How do the sizes of clusters fall with their rank?",
        [RESULT_THEORY] = "What does the quantization model say, exactly and drawn?",
        [RESULT_TOY] = "Does clustering find the slopes of a model whose clusters are known?",
        [RESULT_EXPONENTS] = "Which exponents do networks of many subtasks show?",
        [RESULT_EPOCH] = "Which exponents were published?",
    };
    size_t trained = 0;
    bool sweep = false;
    for (size_t i = 0; i < s->folder.n; i++) /* its runs are not asked about one by one */
        sweep = sweep || folder_is_sweep(&s->folder.result[i]);
    page_section(&s->page, "What was asked");
    page_markup(&s->page, "<ul>\n");
    asked_scans(s);
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        if (r->kind == RESULT_FIT || r->kind == RESULT_FITS) asked_fit(s, r);
        if (r->kind == RESULT_RUNS) asked_parity(s, r);
        if (r->kind < RESULT_KINDS && questions[r->kind]) ask(s, r, questions[r->kind]);
        if (r->kind == RESULT_KINDS) asked_other(s, r, &trained, sweep ? 0 : 3);
    }
    if (!sweep && trained > 3)
        page_markup(&s->page, "<li>and %zu models more, trained</li>\n", trained - 3);
    page_markup(&s->page, "</ul>\n");
}
