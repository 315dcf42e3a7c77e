/* options.c - parsing, help and defaults from a command's table of options; see options.h.
 *
 * glibc's argp does the reading of the line and the layout of the help; here its tables are made and
 * values go into their fields.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

enum { MOST_ROWS = 128, FIRST_KEY = 0x1000, PLAIN_TEXT = 160 };

/* A table with its groups laid flat: every row beside the struct its field stands in. */
struct flat_row {
    const struct option_row *row;
    char *args;
};
struct flat_rows {
    struct flat_row at[MOST_ROWS];
    size_t n;
};

static void flatten(struct flat_rows *f, const struct option_row *table, char *args)
{
    for (const struct option_row *o = table; o->type != OPTION_TYPE_END; o++) {
        if (o->type == OPTION_TYPE_GROUP)
            flatten(f, o->group, args ? args + o->offset : NULL);
        else if (f->n < MOST_ROWS)
            f->at[f->n++] = (struct flat_row){o, args};
    }
}

static bool is_option(const struct option_row *o)
{
    return o->name || o->letter;
}

void options_visit(const struct option_row *table, const void *args, options_visitor *visit,
                   void *context)
{
    struct flat_rows f = {.n = 0};
    flatten(&f, table, (char *)(uintptr_t)args); /* only read through */
    for (size_t i = 0; i < f.n; i++) visit(f.at[i].row, f.at[i].args, context);
}

/* --- words for people --- */

const char *option_argument(const struct option_row *o, char *b, size_t size)
{
    if (o->type != OPTION_TYPE_CHOICE) return o->argument;
    size_t used = 0;
    b[0] = 0;
    for (size_t i = 0; o->choices[i] && used < size; i++)
        used += (size_t)snprintf(b + used, size - used, "%s%s", i ? "|" : "", o->choices[i]);
    return b;
}

const char *option_default(const struct option_row *o, const void *args, char *b, size_t size)
{
    const char *field = args ? (const char *)args + o->offset : NULL;
    double v = 0;
    b[0] = 0;
    if (!field) return b;
    switch (o->type) {
    case OPTION_TYPE_TEXT:
        if (*(const char *const *)field) snprintf(b, size, "%s", *(const char *const *)field);
        return b;
    case OPTION_TYPE_CHOICE:
        if (*(const int *)field >= 0) snprintf(b, size, "%s", o->choices[*(const int *)field]);
        return b;
    case OPTION_TYPE_SIZE:
        v = (double)*(const size_t *)field;
        break;
    case OPTION_TYPE_BYTES:
        v = (double)*(const uint64_t *)field;
        if (v >= o->lo && v <= o->hi) format_bytes(v, b, size);
        return b;
    case OPTION_TYPE_INT:
        v = *(const int *)field;
        break;
    case OPTION_TYPE_REAL:
        v = *(const double *)field;
        break;
    default:
        return b;
    }
    if (v >= o->lo && v <= o->hi) snprintf(b, size, "%.15g", v);
    return b;
}

/* --- values into fields --- */

static int add_text(struct texts *t, const char *value, struct err *e)
{
    const char **bigger = realloc(t->item, (t->n + 1) * sizeof *bigger);
    if (!bigger) return err_memory(e, value);
    t->item = bigger;
    t->item[t->n++] = value;
    return 0;
}

static int add_reals(struct reals *r, const char *value, const char *what, struct err *e)
{
    size_t room = 1;
    for (const char *s = value; *s; s++) room += *s == ',';
    double *bigger = realloc(r->value, (r->n + room) * sizeof *bigger);
    if (!bigger) return err_memory(e, what);
    r->value = bigger;
    size_t n;
    if (parse_list(value, what, bigger + r->n, room, &n, e)) return -1;
    r->n += n;
    return 0;
}

static int choose(const struct option_row *o, const char *value, const char *what, int *field,
                  struct err *e)
{
    char words[256] = "";
    for (int i = 0; o->choices[i]; i++) {
        size_t used = strlen(words);
        if (!strcmp(value, o->choices[i])) {
            *field = i;
            return 0;
        }
        snprintf(words + used, sizeof words - used, "%s%s",
                 !i                  ? ""
                 : o->choices[i + 1] ? ", "
                                     : " or ",
                 o->choices[i]);
    }
    return err_set(e, "%s: expected %s, found '%s'", what, words, value);
}

static int set_field(const struct flat_row *r, const char *value, struct err *e)
{
    const struct option_row *o = r->row;
    char *field = r->args + o->offset;
    char what[48];
    if (o->name)
        snprintf(what, sizeof what, "--%s", o->name);
    else
        snprintf(what, sizeof what, "-%c", o->letter);
    uint64_t count;
    switch (o->type) {
    case OPTION_TYPE_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_TYPE_TEXT:
        *(const char **)field = value;
        return 0;
    case OPTION_TYPE_TEXTS:
        return add_text((struct texts *)field, value, e);
    case OPTION_TYPE_SIZE:
        if (parse_count(value, what, (uint64_t)o->lo, (uint64_t)o->hi, &count, e)) return -1;
        *(size_t *)field = count;
        return 0;
    case OPTION_TYPE_BYTES:
        return parse_bytes(value, what, (uint64_t)o->lo, (uint64_t)o->hi, (uint64_t *)field, e);
    case OPTION_TYPE_INT:
        if (parse_count(value, what, (uint64_t)o->lo, (uint64_t)o->hi, &count, e)) return -1;
        *(int *)field = (int)count;
        return 0;
    case OPTION_TYPE_REAL:
        return parse_real_in(value, what, o->lo, o->hi, (double *)field, e);
    case OPTION_TYPE_REALS:
        return add_reals((struct reals *)field, value, what, e);
    case OPTION_TYPE_CHOICE:
        return choose(o, value, what, (int *)field, e);
    default:
        return o->parse(r->args, value, e);
    }
}

/* --- argp --- */

struct parser {
    const struct command *command;
    void *args;
    struct flat_rows rows;
    size_t plain; /* arguments that are no options, so far */
    struct err *e;
};

/* The row that takes plain argument I, NULL: none does. */
static const struct flat_row *plain_row(const struct flat_rows *f, size_t i)
{
    for (size_t k = 0, seen = 0; k < f->n; k++) {
        enum option_type type = f->at[k].row->type;
        if (type == OPTION_TYPE_PLAINS || (type == OPTION_TYPE_PLAIN && seen++ == i))
            return &f->at[k];
    }
    return NULL;
}

/* "LAW FILE" from the rows of plain arguments. */
static void plain_text(const struct flat_rows *f, char *b, size_t size)
{
    size_t used = 0;
    b[0] = 0;
    for (size_t k = 0; k < f->n && used < size; k++) {
        const struct option_row *o = f->at[k].row;
        if (o->type == OPTION_TYPE_PLAIN || o->type == OPTION_TYPE_PLAINS)
            used += (size_t)snprintf(b + used, size - used, "%s%s", used ? " " : "", o->argument);
    }
}

/* An error found while parsing: misuse, unless memory is out. */
static error_t refuse(struct argp_state *state, const struct parser *p)
{
    if (p->e->kind == ERR_MEMORY) return ENOMEM;
    argp_error(state, "%s", p->e->text);
    return EINVAL;
}

static error_t take_plain(struct parser *p, const char *value, struct argp_state *state)
{
    const struct flat_row *r = plain_row(&p->rows, p->plain++);
    char expected[PLAIN_TEXT];
    if (!r) {
        plain_text(&p->rows, expected, sizeof expected);
        argp_error(state, "expected %s, found also '%s'", *expected ? expected : "options only",
                   value);
        return EINVAL;
    }
    if (r->row->type == OPTION_TYPE_PLAINS)
        return add_text((struct texts *)(r->args + r->row->offset), value, p->e) ? refuse(state, p)
                                                                                 : 0;
    *(const char **)(r->args + r->row->offset) = value;
    return 0;
}

static error_t check(struct parser *p, struct argp_state *state)
{
    if (p->command->check && p->command->check(p->args, p->e)) return refuse(state, p);
    const struct flat_row *r = plain_row(&p->rows, p->plain);
    if (r && r->row->argument[0] != '[' && !(r->row->type == OPTION_TYPE_PLAINS && p->plain)) {
        argp_error(state, "expected %s", r->row->argument);
        return EINVAL;
    }
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct parser *p = state->input;
    if (key == ARGP_KEY_ARG) return take_plain(p, value, state);
    if (key == ARGP_KEY_END) return check(p, state);
    for (size_t i = 0; i < p->rows.n; i++) {
        const struct option_row *o = p->rows.at[i].row;
        if (!is_option(o) || key != (o->letter ? o->letter : FIRST_KEY + (int)i)) continue;
        if (p->command->seen && p->command->seen(p->args, o, value, p->e)) return refuse(state, p);
        return set_field(&p->rows.at[i], value, p->e) ? refuse(state, p) : 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* What argp wants; its strings live until the next call. */
struct argp_tables {
    struct argp_option option[MOST_ROWS + 1];
    char argument[MOST_ROWS][64];
    char text[MOST_ROWS][512];
    char plain[PLAIN_TEXT];
    char doc[6000];
    struct argp argp;
};

static void fill_option(struct argp_tables *t, size_t i, const struct flat_row *r, int group)
{
    const struct option_row *o = r->row;
    char words[256];
    option_default(o, r->args, words, sizeof words);
    if (*words)
        snprintf(t->text[i], sizeof t->text[i], "%s (default: %s)", o->text, words);
    else
        snprintf(t->text[i], sizeof t->text[i], "%s", o->text);
    const char *argument = option_argument(o, words, sizeof words);
    bool optional = argument && argument[0] == '[';
    if (argument)
        snprintf(t->argument[i], sizeof t->argument[i], "%.*s",
                 (int)strlen(argument) - 2 * optional, argument + optional);
    t->option[i] = (struct argp_option){.name = o->name,
                                        .key = o->letter ? o->letter : FIRST_KEY + (int)i,
                                        .arg = argument ? t->argument[i] : NULL,
                                        .flags = optional ? OPTION_ARG_OPTIONAL : 0,
                                        .doc = t->text[i],
                                        .group = group};
}

static const struct argp *make_argp(const struct command *c, const struct flat_rows *f)
{
    static struct argp_tables t;
    memset(&t, 0, sizeof t);
    size_t n = 0;
    int group = 1;
    for (size_t i = 0; i < f->n; i++) {
        const struct option_row *o = f->at[i].row;
        if (o->type == OPTION_TYPE_HEADING) {
            t.option[n++] = (struct argp_option){.doc = o->text, .group = ++group};
        } else if (is_option(o)) {
            fill_option(&t, i, &f->at[i], group);
            t.option[n++] = t.option[i];
        }
    }
    memset(&t.option[n], 0, (MOST_ROWS + 1 - n) * sizeof t.option[0]);
    plain_text(f, t.plain, sizeof t.plain);
    size_t used = (size_t)snprintf(t.doc, sizeof t.doc, "%s\v%s", c->text, c->more ? c->more : "");
    for (const struct command *const *s = c->children; s && *s && used < sizeof t.doc; s++)
        used += (size_t)snprintf(t.doc + used, sizeof t.doc - used, "%s  %-16s %s\n",
                                 s == c->children ? "\nAlso, with options of their own:\n" : "",
                                 (*s)->name, (*s)->summary);
    t.argp = (struct argp){.options = t.option, .parser = parse, .args_doc = t.plain, .doc = t.doc};
    return &t.argp;
}

/* Help shows the defaults, not what the line has set so far: argp's strings are made before. */
int options_parse(const struct command *c, int argc, char **argv, void *args, struct err *e)
{
    static char name[64];
    static struct parser p;
    p = (struct parser){.command = c, .args = args, .e = e};
    flatten(&p.rows, c->options, args);
    snprintf(name, sizeof name, "tripod %s", c->name);
    argp_err_exit_status = 2;
    argv[0] = name;
    program_invocation_name = program_invocation_short_name = name;
    error_t code = argp_parse(make_argp(c, &p.rows), argc, argv, 0, NULL, &p);
    return code ? err_memory(e, NULL) : 0;
}

void options_help(const struct command *c)
{
    struct flat_rows f = {.n = 0};
    char full[64];
    flatten(&f, c->options, (char *)(uintptr_t)c->defaults);
    snprintf(full, sizeof full, "tripod %s", c->name);
    argp_help(make_argp(c, &f), stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, full);
}

void options_free(const struct option_row *table, void *args)
{
    struct flat_rows f = {.n = 0};
    flatten(&f, table, args);
    for (size_t i = 0; i < f.n; i++) {
        char *field = f.at[i].args + f.at[i].row->offset;
        enum option_type type = f.at[i].row->type;
        /* A field may have two rows: plain arguments and an option for the same. */
        if (type == OPTION_TYPE_TEXTS || type == OPTION_TYPE_PLAINS) {
            free(((struct texts *)field)->item);
            *(struct texts *)field = (struct texts){NULL, 0};
        } else if (type == OPTION_TYPE_REALS) {
            free(((struct reals *)field)->value);
            *(struct reals *)field = (struct reals){NULL, 0};
        }
    }
}

/* --- the first plain word --- */

/* Whether the option WORD ("--grid", "--grid=3", "-N", "-N3") takes the next argument too; -1: not
 * in the table. */
static int takes_next(const struct option_row *table, const char *word)
{
    struct flat_rows f = {.n = 0};
    flatten(&f, table, NULL);
    bool is_long = word[1] == '-';
    size_t length = is_long ? strcspn(word + 2, "=") : 0;
    int found = -1;
    for (size_t i = 0; i < f.n; i++) {
        const struct option_row *o = f.at[i].row;
        bool same = is_long ? o->name && !strncmp(o->name, word + 2, length) : o->letter == word[1];
        if (!is_option(o) || !same) continue;
        bool takes = o->type == OPTION_TYPE_CHOICE || (o->argument && o->argument[0] != '[');
        found = takes && !(is_long ? word[2 + length] : word[2]);
        if (is_long && !o->name[length]) break; /* the whole name: no abbreviation of another */
    }
    return found;
}

int options_first_plain(const struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--")) return i + 1 < argc ? i + 1 : 0;
        if (argv[i][0] != '-' || !argv[i][1]) return i;
        int next = takes_next(c->options, argv[i]);
        for (const struct command *const *s = c->children; next < 0 && s && *s; s++)
            next = takes_next((*s)->options, argv[i]);
        i += next > 0;
    }
    return 0;
}
