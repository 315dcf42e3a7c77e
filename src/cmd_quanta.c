/* cmd_quanta.c - `tripod quanta`: which tokens a model predicts for the same reason; its sub-commands are
 * in cmd_quanta_*.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_quanta.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/cmd_tokens.h"
#include "src/commands.h"

int cmd_quanta_ranks(const char *text, size_t *first, size_t *last, struct err *e)
{
    double ranks[2];
    if (cmd_tokens_range(text, "--window", ranks, e)) return -1;
    if (ranks[0] < 1 || ranks[1] > 1e9 || ranks[0] != floor(ranks[0]) ||
        ranks[1] != floor(ranks[1]))
        return err_set(e, "--window: expected two ranks FIRST:LAST from 1 on, found '%s'", text);
    *first = (size_t)ranks[0];
    *last = (size_t)ranks[1];
    return 0;
}

struct args {
    struct cli_common common;
    const char *word;
};
#define ARGS struct args

static const struct option_row options[] = {OPTION_PLAIN(word, "SUB-COMMAND"),
                                            OPTION_GROUP(cli_common_options, common), OPTION_END};

static const struct args defaults = {.word = NULL};

static const struct command *const children[] = {
#define X(name) &cmd_quanta_##name,
    QUANTA_COMMANDS(X)
#undef X
        NULL};

/* "gradients, similarity or cluster" */
static const char *children_names(char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (size_t i = 0; children[i] && used < size; i++) {
        const char *before = !i ? "" : children[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", before,
                                 strrchr(children[i]->name, ' ') + 1);
    }
    return text;
}

static int no_command(void *args, struct err *e)
{
    const char *word = ((const struct args *)args)->word;
    char names[256];
    children_names(names, sizeof names);
    return word ? err_set(e, "expected %s, found '%s'", names, word)
                : err_set(e, "what? %s", names);
}

const struct command cmd_quanta = {
    .name = "quanta",
    .summary = "which tokens are predicted for the same reason: gradients, their clusters",
    .text =
        "Skills of a model, found by clustering the gradients of single tokens' losses (Michaud et "
        "al., \"The Quantization Model of Neural Scaling\", 2023).",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = no_command,
    .children = children,
};
