/* cmd_tokens.c - `tripod tokens`: what a matrix of losses says token by token; its children are in
 * cmd_tokens_*.c, here is what they share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_tokens.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/commands.h"
#include "src/scan/model_tokenizer.h"

#define ARGS struct cmd_tokens_matrix
const struct option_row cmd_tokens_columns[] = {
    OPTION_HEADING("Columns, where no record beside the matrix names them:"),
    OPTION_REALS("N", 0, "N1,N2,...", sizes, "Parameters of the model of each column"),
    OPTION_INT("step", 0, "S", step, 0, 2147483647, "Training step of all columns"),
    OPTION_END,
};
const struct option_row cmd_tokens_matrix[] = {
    OPTION_PLAIN(path, "MATRIX"),
    {.type = OPTION_TYPE_GROUP, .group = cmd_tokens_columns},
    OPTION_END,
};
#undef ARGS

#define ARGS struct cmd_tokens_corpus
const struct option_row cmd_tokens_corpus[] = {
    OPTION_HEADING("Text:"),
    OPTION_TEXT("corpus", 'c', "CORPUS", prefix,
                "The tokenised corpus P.bin/P.idx that was scanned"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer,
                "tokenizer.json, or a folder that holds it (default: the one the corpus was made "
                "with)"),
    OPTION_HEADING("How documents were cut, where no record says so:"),
    OPTION_SIZE("max-tokens", 0, "T", max_tokens, 0, 1 << 30,
                "Documents are cut to their first T tokens (default: 1024; with --window, or 0: "
                "not cut)"),
    OPTION_SIZE("window", 0, "W", window, 2, 1 << 30, "Whole documents in windows of W inputs"),
    OPTION_SIZE("stride", 0, "S", stride, 1, 1 << 30,
                "With --window, a window starts every S inputs (default: W)"),
    OPTION_END,
};
#undef ARGS

int cmd_tokens_check(const struct cmd_tokens_matrix *m, struct cmd_tokens_corpus *c, bool needed,
                     struct err *e)
{
    if (!m->path) return err_set(e, "no matrix: give an .npy written by `tripod gather -o`");
    if (!c) return 0;
    if (needed && !c->prefix) return err_set(e, "no corpus: give the one that was scanned with -c");
    if (c->stride && !c->window) return err_set(e, "--stride needs --window");
    if (c->stride > c->window) return err_set(e, "--stride: expected at most the window");
    if (!c->max_tokens && !c->window) return err_set(e, "--max-tokens 0 needs --window");
    return 0;
}

int cmd_tokens_open(struct matrix *m, const struct cmd_tokens_matrix *a, struct err *e)
{
    if (matrix_open(m, a->path, e)) return -1;
    if (!matrix_describe(m, a->sizes.value, a->sizes.n, a->step, e)) return 0;
    matrix_close(m);
    return -1;
}

int cmd_tokens_index(struct token_index *x, const struct matrix *m,
                     const struct cmd_tokens_corpus *a, struct err *e)
{
    struct protocol p = {.max_tokens = a->max_tokens == SIZE_MAX ? 0 : a->max_tokens,
                         .window = a->window,
                         .stride = a->stride};
    protocol_complete(&p);
    return token_index_open(x, m, a->prefix, &p, e);
}

int cmd_tokens_tokenizer(struct tokenizer **t, const struct token_index *x,
                         const struct cmd_tokens_corpus *a, struct err *e)
{
    char *gone;
    int status = corpus_tokenizer_open(t, &gone, x->corpus.prefix, a->tokenizer, NULL, e);
    free(gone);
    if (!status && !*t)
        progress_warn("%s: no tokenizer found: tokens are shown as ids; give one with -t",
                      x->corpus.prefix);
    return status;
}

int cmd_tokens_range(const char *text, const char *what, double range[2], struct err *e)
{
    const char *colon = strchr(text, ':');
    char *lo = colon ? strndup(text, (size_t)(colon - text)) : NULL;
    int status = -1;
    if (!colon)
        err_set(e, "%s: expected LO:HI, found '%s'", what, text);
    else if (!lo)
        err_memory(e, NULL);
    else
        status = parse_real(lo, what, &range[0], e) || parse_real(colon + 1, what, &range[1], e);
    free(lo);
    if (status) return -1;
    return range[0] < range[1] ? 0 : err_set(e, "%s: expected LO < HI, found '%s'", what, text);
}

/* --- the command without a child --- */

struct args {
    struct cli_common common;
    const char *word;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_PLAIN(word, "histogram|find|slopes|induction|by|show|index"),
    OPTION_GROUP(cli_common_options, common), OPTION_END};

static const struct args defaults = {.word = NULL};

static int no_command(void *args, struct err *e)
{
    const char *word = ((const struct args *)args)->word;
    return word ? err_set(e,
                          "expected histogram, find, slopes, induction, by, show or index, found "
                          "'%s'",
                          word)
                : err_set(e, "what? histogram, find, slopes, induction, by, show or index");
}

static const struct command *const children[] = {
    &cmd_tokens_histogram, &cmd_tokens_find, &cmd_tokens_slopes,        &cmd_tokens_induction,
    &cmd_tokens_by,        &cmd_tokens_show, &cmd_tokens_index_command, NULL};

const struct command cmd_tokens = {
    .name = "tokens",
    .summary = "look at single tokens: distributions, learned at once, induction, in context",
    .text = "What a matrix of losses (a row a token, a column a checkpoint, from `tripod gather "
            "-o`) says token by token.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = no_command,
    .children = children,
};
