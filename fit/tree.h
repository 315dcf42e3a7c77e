/* tree.h - a formula as a tree: the grammar of expression.h, names and numbers, no meaning yet.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_TREE_H
#define TRIPOD_FIT_TREE_H

#include "fit/law.h"
#include "src/base/err.h"

enum { TREE_NODES = 256, TREE_NAME = 16 };

enum op {
    NUMBER,    /* value */
    VARIABLE,  /* a: 0 N, 1 D, 2 the third */
    PARAMETER, /* a */
    TERM,      /* parameter a times variable c to the minus parameter b */
    ADD,
    SUB,
    MUL,
    DIV,
    POW,
    NEG,
    EXP,
    LOG,
    SQRT
};

struct node {
    enum op op;
    int a, b, c; /* children, or as above */
    double value;
};

struct tree {
    unsigned variables; /* enum law_variables */
    int params;
    char names[LAW_PARAMS][TREE_NAME];
    struct node node[TREE_NODES]; /* children before parents */
    int n, root;
};

/* Parses TEXT into a zeroed *tree. Errors name the place, counted in characters from 1. */
int tree_parse(struct tree *tree, const char *text, struct err *e);

#endif
