/* cmd_points.c - training runs as a command takes them; see cmd_points.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cmd_points.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/commands.h"
#include "src/base/json.h"

enum {
    KEY_COLUMN = 0x7000, /* + enum points_column */
    KEY_UNIT = KEY_COLUMN + POINTS_COLUMNS,
    KEY_FLOP,
    KEY_WHERE,
    KEY_DROP_HIGHEST,
    KEY_DROP_LINE,
    KEY_ALL_STEPS
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Columns (names as in the header; recognised when not given):", 1},
    {"N", KEY_COLUMN + POINTS_N, "COLUMN", 0, "Parameters", 1},
    {"D", KEY_COLUMN + POINTS_D, "COLUMN", 0, "Training tokens", 1},
    {"C", KEY_COLUMN + POINTS_C, "COLUMN", 0,
     "Training FLOP; two of N, D, C give the third by C = 6ND", 1},
    {"flop", KEY_FLOP, "RULE[:FAMILY]", 0,
     "C by a rule of tripod count instead of 6ND, from a Pythia name or columns layers, width, "
     "heads",
     1},
    {"loss", KEY_COLUMN + POINTS_LOSS, "COLUMN", 0, "Loss in nats, or perplexity, or bits", 1},
    {"loss-unit", KEY_UNIT, "UNIT", 0, "nats, bits or perplexity (default: by the column's name)",
     1},
    {"step", KEY_COLUMN + POINTS_STEP, "COLUMN", 0, "Optimiser step", 1},
    {"run", KEY_COLUMN + POINTS_RUN, "COLUMN", 0, "Name of the training run", 1},
    {0, 0, 0, 0, "Rows:", 2},
    {"where", KEY_WHERE, "TEST", 0,
     "Keep rows where COLUMN=VALUE (or != < <= > >=; VALUE may be min or max); may be repeated", 2},
    {"drop-highest", KEY_DROP_HIGHEST, "K", 0, "Drop the K highest losses", 2},
    {"drop-line", KEY_DROP_LINE, "LINE", 0,
     "Drop the row on this line of the file; may be repeated", 2},
    {"all-steps", KEY_ALL_STEPS, 0, 0, "Keep every step where only a run's last would be used", 2},
    {0},
};

static enum points_unit unit(const char *arg, const struct argp_state *state)
{
    static const char *const names[] = {"nats", "bits", "perplexity"};
    for (int i = 0; i < 3; i++) {
        if (!strcmp(arg, names[i])) return (enum points_unit)(UNIT_NATS + i);
    }
    cli_misuse(state, "--loss-unit: expected nats, bits or perplexity, found '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cmd_points *a = state->input;
    struct points_options *o = &a->options;
    if (key >= KEY_COLUMN && key < KEY_COLUMN + POINTS_COLUMNS) {
        o->column[key - KEY_COLUMN] = arg;
        return 0;
    }
    switch (key) {
    case KEY_UNIT:
        o->unit = unit(arg, state);
        return 0;
    case KEY_FLOP:
        a->flop = arg;
        return 0;
    case KEY_WHERE:
        if (o->n_where == CMD_POINTS_MOST)
            cli_misuse(state, "--where: given more than %d times", CMD_POINTS_MOST);
        a->where[o->n_where++] = arg;
        return 0;
    case KEY_DROP_HIGHEST:
        o->drop_highest = cli_count(arg, "--drop-highest", 0, 1000000000, state);
        return 0;
    case KEY_DROP_LINE:
        if (o->n_drop_lines == CMD_POINTS_MOST)
            cli_misuse(state, "--drop-line: given more than %d times", CMD_POINTS_MOST);
        a->drop_lines[o->n_drop_lines++] = cli_count(arg, "--drop-line", 1, 1000000000, state);
        return 0;
    case KEY_ALL_STEPS:
        a->all_steps = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cmd_points_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

int cmd_points_options(struct points_options *o, const struct cmd_points *a,
                       struct points_flops *flops, unsigned need, bool last, struct err *e)
{
    *o = a->options;
    o->where = a->where;
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

void cmd_points_remarks(const struct points *p)
{
    printf("# %s (xxh3 %016" PRIx64 "): %zu rows used, %zu dropped", p->path, p->hash, p->n,
           p->n_dropped);
    if (p->loss_conversion) printf("; loss = %s", p->loss_conversion);
    if (p->flop_rule) printf("; C = %s", p->flop_rule);
    printf("\n");
    size_t shown = p->n_dropped <= 10 ? p->n_dropped : 3;
    for (size_t i = 0; i < shown; i++)
        printf("# line %zu dropped: %s\n", p->dropped[i].line, p->dropped[i].reason);
    if (shown < p->n_dropped)
        printf("# ... and %zu more (--json lists them)\n", p->n_dropped - shown);
    for (size_t i = 0; i < p->n_notes; i++) printf("# note: %s\n", p->notes[i]);
}

void cmd_points_json(json_t *object, const struct points *p)
{
    json_t *dropped = json_array(), *notes = json_array();
    for (size_t i = 0; i < p->n_dropped; i++)
        json_array_append_new(dropped,
                              json_pack("{s:I, s:o}", "line", (json_int_t)p->dropped[i].line,
                                        "reason", json_utf8(p->dropped[i].reason)));
    for (size_t i = 0; i < p->n_notes; i++) json_array_append_new(notes, json_utf8(p->notes[i]));
    json_object_set_new(object, "rows",
                        json_pack("{s:I, s:I, s:o}", "used", (json_int_t)p->n, "dropped",
                                  (json_int_t)p->n_dropped, "dropped_rows", dropped));
    json_object_set_new(object, "notes", notes);
    json_object_set_new(object, "data",
                        json_pack("{s:o, s:o, s:o, s:o}", "file", json_utf8(p->path), "xxh3",
                                  json_hex(p->hash), "loss",
                                  json_utf8(p->loss_conversion ? p->loss_conversion : "nats"),
                                  "flop_rule", json_utf8(p->flop_rule)));
}
