/* cmd_points.c - training runs as a command takes them; see cmd_points.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_points.h"

#include <string.h>

#include "src/base/num.h"
#include "src/cli.h"
#include "src/commands.h"

#define ARGS struct cmd_points

static int take_drop_line(void *args, const char *value, struct err *e)
{
    struct cmd_points *a = args;
    uint64_t line;
    if (a->options.n_drop_lines == CMD_POINTS_LINES)
        return err_set(e, "--drop-line: given more than %d times", CMD_POINTS_LINES);
    if (parse_count(value, "--drop-line", 1, 1000000000, &line, e)) return -1;
    a->drop_lines[a->options.n_drop_lines++] = line;
    return 0;
}

/* As enum points_unit. */
static const char *const units[] = {"auto", "nats", "bits", "perplexity", NULL};

const struct option_row cmd_points_columns[] = {
    OPTION_HEADING("Columns (names as in the header; recognised when not given):"),
    OPTION_TEXT("N", 0, "COLUMN", options.column[POINTS_N], "Parameters"),
    OPTION_TEXT("D", 0, "COLUMN", options.column[POINTS_D], "Training tokens"),
    OPTION_TEXT("C", 0, "COLUMN", options.column[POINTS_C],
                "Training FLOP; two of N, D, C give the third by C = 6ND"),
    OPTION_TEXT("flop", 0, "RULE[:FAMILY]", flop,
                "C by a rule of tripod count instead of 6ND, from a Pythia name or columns layers, "
                "width, heads"),
    OPTION_TEXT("loss", 0, "COLUMN", options.column[POINTS_LOSS],
                "Loss in nats, or perplexity, or bits"),
    OPTION_CHOICE("loss-unit", 0, options.unit, units, "auto: by the column's name"),
    OPTION_TEXT("step", 0, "COLUMN", options.column[POINTS_STEP], "Optimiser step"),
    OPTION_TEXT("run", 0, "COLUMN", options.column[POINTS_RUN], "Name of the training run"),
    OPTION_END,
};

const struct option_row cmd_points_rows[] = {
    OPTION_HEADING("Rows:"),
    OPTION_TEXTS("where", 0, "TEST", where,
                 "Keep rows where COLUMN=VALUE (or != < <= > >=; VALUE may be min or max); may be "
                 "repeated"),
    OPTION_SIZE("drop-highest", 0, "K", options.drop_highest, 0, 1000000000,
                "Drop the K highest losses"),
    OPTION_CALL("drop-line", 0, "LINE", take_drop_line,
                "Drop the row on this line of the file; may be repeated"),
    OPTION_FLAG("all-steps", 0, all_steps, "Keep every step where only a run's last would be used"),
    OPTION_END,
};

int cmd_points_options(struct points_options *o, const struct cmd_points *a,
                       struct points_flops *flops, unsigned need, bool last, struct err *e)
{
    *o = a->options;
    o->where = a->where.item;
    o->n_where = a->where.n;
    o->drop_lines = a->drop_lines;
    o->need = need;
    o->last_noted = last && !a->all_steps;
    if (a->flop && cmd_flop_rule(a->flop, flops, e)) return -1;
    if (a->flop) o->flops = flops;
    return 0;
}

int cmd_points_read(struct points *p, const struct cmd_points *a, const struct csv *c,
                    unsigned need, bool last, struct err *e)
{
    struct points_options o;
    struct points_flops flops;
    if (cmd_points_options(&o, a, &flops, need, last, e)) return -1;
    return points_read(p, c, &o, e);
}
