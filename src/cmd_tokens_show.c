/* cmd_tokens_show.c - `tripod tokens show`: tokens in their context, with their losses.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/report/report_tokens.h"
#include "src/scan/row_list.h"

struct args {
    struct cli_common common;
    struct cmd_tokens_matrix matrix;
    struct cmd_tokens_corpus corpus;
    struct texts words;
    const char *list, *html;
    size_t first, before, after;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_GROUP(cmd_tokens_matrix, matrix),
    OPTION_PLAINS(words, "[ROW...]"),
    OPTION_HEADING("Tokens:"),
    OPTION_TEXT("rows", 0, "R.npy", list, "Rows from a list, as `tokens find` writes them"),
    OPTION_SIZE("first", 0, "K", first, 1, 1 << 20, "The first K rows of the list"),
    OPTION_SIZE("before", 0, "T", before, 0, 1 << 20, "Tokens shown before"),
    OPTION_SIZE("after", 0, "T", after, 0, 1 << 20, "Tokens shown after"),
    OPTION_TEXT("html", 0, "FILE", html, "Write a page with them"),
    OPTION_GROUP(cmd_tokens_corpus, corpus),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true,
                                     .matrix.step = -1,
                                     .corpus = CMD_TOKENS_CORPUS,
                                     .first = 20,
                                     .before = 40,
                                     .after = 5};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (cmd_tokens_check(&a->matrix, &a->corpus, true, e)) return -1;
    if (a->first != defaults.first && !a->list) return err_set(e, "--first needs --rows");
    return a->words.n || a->list ? 0 : err_set(e, "no rows: give their numbers or --rows R.npy");
}

static int take_rows(struct row_list *rows, const struct args *a, const struct matrix *m,
                     struct err *e)
{
    for (size_t i = 0; i < a->words.n; i++) {
        uint64_t row;
        if (parse_count(a->words.item[i], m->path, 0, m->rows - 1, &row, e)) return -1;
        if (row_list_add(rows, row)) return err_memory(e, m->path);
    }
    return a->list ? row_list_read(rows, a->list, m->rows, a->first, e) : 0;
}

static size_t terminal_width(void)
{
    struct winsize w;
    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 40 ? w.ws_col : 80;
}

static int report(const struct args *a, const struct shown *shown, size_t n, const struct matrix *m,
                  struct err *e)
{
    const bool terminal = isatty(STDOUT_FILENO) && !a->common.tsv;
    const bool text = !a->common.json || a->common.json_file;
    if (a->html && report_contexts_html(a->html, shown, n, m, e)) return -1;
    struct sheet *s = sheet_open();
    if (!terminal) report_contexts(s, shown, n, m);
    int status = cli_write(&a->common, s,
                           json_pack("{s:o, s:o, s:o}", "tokens", report_contexts_json(shown, n, m),
                                     "html", json_utf8(a->html), "provenance", provenance_json()),
                           e);
    sheet_free(s);
    if (!status && terminal && text)
        status = report_contexts_terminal(stdout, shown, n, m, terminal_width(), e);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct matrix m;
    struct token_index x = {.corpus = {0}};
    struct tokenizer *t = NULL;
    struct row_list rows = {0};
    struct shown *shown = NULL;
    size_t n = 0;
    cli_use_threads(a->common.threads);
    if (cmd_tokens_open(&m, &a->matrix, e)) return -1;
    int status = take_rows(&rows, a, &m, e) || cmd_tokens_index(&x, &m, &a->corpus, e) ||
                         cmd_tokens_tokenizer(&t, &x, &a->corpus, e)
                     ? -1
                     : 0;
    if (!status) {
        shown = calloc(rows.n + 1, sizeof *shown);
        if (!shown) status = err_memory(e, m.path);
    }
    while (!status && n < rows.n) {
        status =
            token_context_read(&shown[n].context, &x, &m, t, rows.row[n], a->before, a->after, e);
        n += !status;
    }
    if (!status) status = report(a, shown, n, &m, e);
    for (size_t i = 0; i < n; i++) token_context_free(&shown[i].context);
    free(shown);
    row_list_free(&rows);
    tokenizer_close(t);
    token_index_close(&x);
    matrix_close(&m);
    return status;
}

const struct command cmd_tokens_show = {
    .name = "tokens show",
    .summary = "tokens in their context, with their losses",
    .text = "Shows tokens in their context with their losses in every checkpoint: on a terminal "
            "highlighted, in a pipe as a table with [[the token]] in brackets.",
    .more = "Half a UTF-8 character is shown as U+FFFD, controls as their pictures, whatever would "
            "move or hide other text by its number. Blocks show the losses from 0 to the row's "
            "largest.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
