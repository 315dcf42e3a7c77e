/* cmd_tokens_find.c - `tripod tokens find`: tokens learned at once, smoothly, in a jump; the work is
 * src/scan/token_find.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_tokens_find.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/report/report_tokens.h"

#define ARGS struct cmd_find
const struct option_row cmd_find_options[] = {
    OPTION_HEADING("What is looked for (nats):"),
    OPTION_REAL("high", 0, "L", request.high, 0, 1e6,
                "Monogenic: all columns before J have more than L"),
    OPTION_REAL("low", 0, "L", request.low, 0, 1e6,
                "Monogenic: all columns from J on have less than L"),
    OPTION_REAL("plateau-width", 0, "W", request.plateau_width, 0, 1e6,
                "Plateaus: all columns before J within W, all from J on within W"),
    OPTION_REAL("plateau-gap", 0, "G", request.plateau_gap, 0, 1e6,
                "Plateaus: their lower ends are more than G apart"),
    OPTION_REAL("slope", 0, "S", request.slope, -1e6, 1e6,
                "Polygenic: the loss falls with ln N, with a slope below S"),
    OPTION_REAL("r2", 0, "R", request.r2, -1, 1, "Polygenic: R^2 of that line is above R"),
    OPTION_REAL("zero", 0, "L", request.zero, 0, 1e6,
                "Persistence: tokens first below L in a column"),
    OPTION_TEXT("from", 0, "COLUMN", from,
                "Jumps, risers, fallers: from this column, by number (from 0) or name (default: "
                "the first)"),
    OPTION_TEXT("to", 0, "COLUMN", to,
                "Jumps, risers, fallers: to this column (default: the last)"),
    OPTION_REAL("jump", 0, "D", request.jump, 0, 1e6, "Jumps: the loss falls by more than D"),
    OPTION_SIZE("top", 0, "K", request.top, 0, 100000, "The K largest risers and fallers"),
    OPTION_END,
};
#undef ARGS

bool cmd_find_given(const struct cmd_find *a)
{
    const struct cmd_find none = CMD_FIND;
    const struct find_request *q = &a->request, *d = &none.request;
    return q->high != d->high || q->low != d->low || q->slope != d->slope || q->r2 != d->r2 ||
           q->zero != d->zero || q->plateau_width != d->plateau_width ||
           q->plateau_gap != d->plateau_gap || q->jump != d->jump || q->top != d->top;
}

int cmd_find_request(struct find_request *q, const struct cmd_find *a, const struct matrix *m,
                     struct err *e)
{
    *q = a->request;
    q->from = 0;
    q->to = m->columns - 1;
    if (a->from && matrix_find_column(m, a->from, "--from", &q->from, e)) return -1;
    if (a->to && matrix_find_column(m, a->to, "--to", &q->to, e)) return -1;
    if (q->from == q->to && m->columns > 1)
        return err_set(e, "%s: --from and --to are one column, %zu: nothing changes there", m->path,
                       q->to);
    return 0;
}

struct args {
    struct cli_common common;
    struct cmd_tokens_matrix matrix;
    struct cmd_tokens_corpus corpus;
    struct cmd_find find;
    const char *out;
    size_t rows, show, before, after;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_GROUP(cmd_tokens_matrix, matrix),
    OPTION_HEADING("Results:"),
    OPTION_TEXT("out", 'o', "DIR", out, "Write the lists of rows (.npy, int64) to DIR"),
    OPTION_SIZE("rows", 0, "N", rows, 1, 9e15, "Look at the first N rows only"),
    OPTION_SIZE("show", 0, "K", show, 0, FIND_EXAMPLES,
                "With -c, show the first K tokens of every list in their context"),
    OPTION_SIZE("before", 0, "T", before, 0, 100000, "Tokens shown before"),
    OPTION_SIZE("after", 0, "T", after, 0, 100000, "Tokens shown after"),
    OPTION_GROUP(cmd_find_options, find),
    OPTION_GROUP(cmd_tokens_corpus, corpus),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .matrix.step = -1,
                                     .corpus = CMD_TOKENS_CORPUS,
                                     .find = CMD_FIND,
                                     .show = 2,
                                     .before = 12,
                                     .after = 3};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (cmd_tokens_check(&a->matrix, &a->corpus, false, e)) return -1;
    if (!a->corpus.prefix && (a->show != defaults.show || a->before != defaults.before ||
                              a->after != defaults.after || a->corpus.tokenizer))
        return err_set(e, "--show, --before, --after and -t need -c: the text that was scanned");
    return a->out ? 0 : err_set(e, "no directory for the lists: give one with -o");
}

/* All that is opened, and what was found. */
struct work {
    struct matrix m;
    struct token_index x;
    struct token_find f;
    struct shown *shown;
    size_t examples;
};

/* Contexts of the lists' first rows. */
static int read_examples(struct work *w, const struct args *a, struct err *e)
{
    struct tokenizer *t = NULL;
    w->shown = calloc(w->f.lists * FIND_EXAMPLES + 1, sizeof *w->shown);
    if (!w->shown) return err_memory(e, NULL);
    if (!a->corpus.prefix || !a->show) return 0;
    int status = cmd_tokens_tokenizer(&t, &w->x, &a->corpus, e);
    for (size_t i = 0; i < w->f.lists; i++) {
        const struct find_list *l = &w->f.list[i];
        for (size_t k = 0; k < a->show && k < find_count(l) && !status; k++) {
            struct shown *s = &w->shown[w->examples];
            s->list = l->name;
            status = token_context_read(&s->context, &w->x, &w->m, t, l->example[k], a->before,
                                        a->after, e);
            w->examples += !status;
        }
    }
    tokenizer_close(t);
    return status;
}

/* The index comes first: a corpus that is not this matrix's is said before the pass. */
static int find(struct work *w, const struct args *a, struct err *e)
{
    struct find_request q;
    if (cmd_tokens_open(&w->m, &a->matrix, e) ||
        (a->corpus.prefix && cmd_tokens_index(&w->x, &w->m, &a->corpus, e)) ||
        cmd_find_request(&q, &a->find, &w->m, e) || token_find_open(&w->f, &w->m, &q, a->out, e))
        return -1;
    struct matrix_visitor v = token_find_visitor(&w->f);
    return matrix_pass(&w->m, a->rows, &v, 1, e) || token_find_rank(&w->f, e) ||
                   read_examples(w, a, e) || token_find_finish(&w->f, e)
               ? -1
               : 0;
}

static int report(const struct work *w, const struct args *a, struct err *e)
{
    if (!w->f.sized)
        progress_warn("%s: no sizes, or all the same: polygenic tokens were not looked for (--N)",
                      w->m.path);
    struct sheet *s = sheet_open();
    report_find(s, &w->f, a->out);
    if (w->examples) {
        sheet_gap(s);
        report_contexts(s, w->shown, w->examples, &w->m);
    }
    json_t *o = report_find_json(&w->f, a->out);
    if (o) {
        json_object_set_new(o, "examples", report_contexts_json(w->shown, w->examples, &w->m));
        json_object_set_new(o, "provenance", provenance_json());
    }
    int status = cli_write(&a->common, s, o, e);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct work w;
    memset(&w, 0, sizeof w);
    cli_use_threads(a->common.threads);
    int status = find(&w, a, e) || report(&w, a, e) ? -1 : 0;
    for (size_t i = 0; i < w.examples; i++) token_context_free(&w.shown[i].context);
    free(w.shown);
    token_find_close(&w.f);
    token_index_close(&w.x);
    matrix_close(&w.m);
    return status;
}

const struct command cmd_tokens_find = {
    .name = "tokens find",
    .summary = "tokens learned at once, smoothly, in a jump",
    .text =
        "Finds tokens whose loss depends on the model in a way worth looking at, and writes lists "
        "of them: rows of the matrix from 0, int64.",
    .more =
        "monogenic-J.npy: learned at once by column J (from 0): above --high in every column "
        "before it, below --low from it on. plateau-J.npy: the same with unknown levels. "
        "polygenic.npy: falling along a line in ln N. jumps.npy, risers.npy, fallers.npy: between "
        "--from and --to, the last two in order of size. Rules and defaults are those of Michaud "
        "et al., The Quantization Model of Neural Scaling (2023).",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
