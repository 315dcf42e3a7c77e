/* tree.c - see tree.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/tree.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 64 };

struct parser {
    struct tree *tree;
    const char *text, *at;
    int depth;
    struct err *e;
};

static int wrong(const struct parser *p, const char *at, const char *expected)
{
    char found[24] = "the end";
    if (*at) snprintf(found, sizeof found, "'%.16s'", at);
    return err_set(p->e, "law '%.80s': character %zu: expected %s, found %s", p->text,
                   (size_t)(at - p->text) + 1, expected, found);
}

static int add(struct parser *p, enum op op, int a, int b)
{
    if (p->tree->n == TREE_NODES)
        return err_set(p->e, "law '%.80s': more than %d numbers, names and operations", p->text,
                       TREE_NODES);
    p->tree->node[p->tree->n] = (struct node){.op = op, .a = a, .b = b};
    return p->tree->n++;
}

static void blanks(struct parser *p)
{
    while (isspace((unsigned char)*p->at)) p->at++;
}

static bool take(struct parser *p, char c)
{
    blanks(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

static int parse_sum(struct parser *p);
static int parse_sign(struct parser *p);

/* N, D, U, V, C, step: -2 when the name is none of them, -1 with an error when two share a place. */
static int variable(struct parser *p, const char *name, const char *at)
{
    static const struct {
        const char *name;
        int place;
        unsigned use, clash;
    } known[] = {{"N", 0, LAW_N, LAW_C},    {"C", 0, LAW_N | LAW_C, 0},
                 {"D", 1, LAW_D, LAW_STEP}, {"step", 1, LAW_D | LAW_STEP, 0},
                 {"U", 2, LAW_U, LAW_V},    {"V", 2, LAW_U | LAW_V, 0}};
    unsigned *has = &p->tree->variables;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name)) continue;
        bool other = known[i].clash
                         ? *has & known[i].clash
                         : *has >> known[i].place & 1 && (*has & known[i].use) != known[i].use;
        if (other)
            return wrong(p, at,
                         known[i].place == 0   ? "either N or C (C is 6*N*D)"
                         : known[i].place == 1 ? "either D or step"
                                               : "either U or V");
        *has |= known[i].use;
        return add(p, VARIABLE, known[i].place, 0);
    }
    return -2;
}

static int parse_name(struct parser *p)
{
    static const struct {
        const char *name;
        enum op op;
    } functions[] = {{"exp", EXP}, {"log", LOG}, {"ln", LOG}, {"sqrt", SQRT}};
    const char *at = p->at;
    char name[TREE_NAME] = "";
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_') n++;
    if (n >= TREE_NAME) return wrong(p, at, "a name of at most 15 characters");
    memcpy(name, at, n);
    p->at += n;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(name, functions[i].name)) continue;
        if (!take(p, '(')) return wrong(p, p->at, "( after a function's name");
        int a = parse_sum(p);
        if (a < 0) return -1;
        return take(p, ')') ? add(p, functions[i].op, a, 0) : wrong(p, p->at, ")");
    }
    int known = variable(p, name, at);
    if (known != -2) return known;
    struct tree *tree = p->tree;
    int i = 0;
    while (i < tree->params && strcmp(tree->names[i], name)) i++;
    if (i == LAW_PARAMS) return wrong(p, at, "at most 12 parameters");
    if (i == tree->params) memcpy(tree->names[tree->params++], name, TREE_NAME);
    return add(p, PARAMETER, i, 0);
}

static int parse_atom(struct parser *p)
{
    blanks(p);
    if (isalpha((unsigned char)*p->at)) return parse_name(p);
    if (isdigit((unsigned char)*p->at) || *p->at == '.') {
        char *end;
        double v = strtod(p->at, &end);
        if (end == p->at || !isfinite(v)) return wrong(p, p->at, "a number");
        int i = add(p, NUMBER, 0, 0);
        if (i >= 0) p->tree->node[i].value = v;
        p->at = end;
        return i;
    }
    const char *open = p->at;
    if (!take(p, '(')) return wrong(p, p->at, "a number, a name or (");
    int a = parse_sum(p);
    if (a >= 0 && !take(p, ')')) {
        char expected[48];
        snprintf(expected, sizeof expected, ") for the ( of character %zu",
                 (size_t)(open - p->text) + 1);
        return wrong(p, p->at, expected);
    }
    return a;
}

static int parse_sign(struct parser *p)
{
    if (++p->depth > DEPTH) return wrong(p, p->at, "at most 64 levels of brackets and signs");
    int i;
    if (take(p, '-')) {
        i = parse_sign(p);
        if (i >= 0) i = add(p, NEG, i, 0);
    } else if (take(p, '+')) {
        i = parse_sign(p);
    } else {
        i = parse_atom(p);
        if (i >= 0 && take(p, '^')) {
            int b = parse_sign(p);
            i = b < 0 ? -1 : add(p, POW, i, b);
        }
    }
    p->depth--;
    return i;
}

static int parse_product(struct parser *p)
{
    int i = parse_sign(p);
    while (i >= 0) {
        enum op op = take(p, '*') ? MUL : take(p, '/') ? DIV : NUMBER;
        if (op == NUMBER) break;
        int b = parse_sign(p);
        i = b < 0 ? -1 : add(p, op, i, b);
    }
    return i;
}

static int parse_sum(struct parser *p)
{
    int i = parse_product(p);
    while (i >= 0) {
        enum op op = take(p, '+') ? ADD : take(p, '-') ? SUB : NUMBER;
        if (op == NUMBER) break;
        int b = parse_product(p);
        i = b < 0 ? -1 : add(p, op, i, b);
    }
    return i;
}

int tree_parse(struct tree *tree, const char *text, struct err *e)
{
    struct parser p = {.tree = tree, .text = text, .at = text, .e = e};
    tree->root = parse_sum(&p);
    if (tree->root < 0) return -1;
    blanks(&p);
    return *p.at ? wrong(&p, p.at, "+ - * / ^ or the end") : 0;
}
