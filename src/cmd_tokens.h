/* cmd_tokens.h - what the children of `tripod tokens` share: the matrix, its corpus and tokenizer.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CMD_TOKENS_H
#define TRIPOD_CMD_TOKENS_H

#include "src/cli.h"
#include "src/scan/token_index.h"
#include "src/text/tokenizer.h"

/* For OPTION_GROUP(cmd_tokens_matrix, matrix); .step = -1 is its default. */
struct cmd_tokens_matrix {
    const char *path;
    struct reals sizes;
    int step;
};
extern const struct option_row cmd_tokens_matrix[];
/* The same without the path. */
extern const struct option_row cmd_tokens_columns[];
int cmd_tokens_open(struct matrix *m, const struct cmd_tokens_matrix *a, struct err *e);

/* OPTION_GROUP(cmd_tokens_corpus, corpus); CMD_TOKENS_CORPUS are its defaults. */
struct cmd_tokens_corpus {
    const char *prefix, *tokenizer;
    size_t max_tokens, window, stride;
};
extern const struct option_row cmd_tokens_corpus[];
#define CMD_TOKENS_CORPUS                                                                          \
    {                                                                                              \
        .max_tokens = SIZE_MAX /* not given */                                                     \
    }
/* Misuse of these options, for a command's check; NEEDED: -c has to be there. */
int cmd_tokens_check(const struct cmd_tokens_matrix *m, struct cmd_tokens_corpus *c, bool needed,
                     struct err *e);
int cmd_tokens_index(struct token_index *x, const struct matrix *m,
                     const struct cmd_tokens_corpus *a, struct err *e);
/* The tokenizer of -t, else the one the corpus's own record names, as long as it is still that one.
 * *t is NULL, and a warning printed, when there is none. */
int cmd_tokens_tokenizer(struct tokenizer **t, const struct token_index *x,
                         const struct cmd_tokens_corpus *a, struct err *e);

/* "LO:HI" with LO < HI. */
int cmd_tokens_range(const char *text, const char *what, double range[2], struct err *e);

/* The children, in cmd_tokens_*.c. */
extern const struct command cmd_tokens_histogram, cmd_tokens_find, cmd_tokens_slopes,
    cmd_tokens_induction, cmd_tokens_by, cmd_tokens_show, cmd_tokens_index_command;

#endif
