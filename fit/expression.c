/* expression.c - see expression.h. What the law table has a place for (constants, power terms,
 * parameters L is linear in) is found in the tree, and the rest is evaluated with jets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/jet.h"
#include "fit/tree.h"

enum { TEXT = 1000, SUMMANDS = 32 };

struct expression {
    struct law law; /* first: what the caller holds */
    char name[TEXT + 1], formula[TEXT + 8];
    struct tree tree;
};

/* --- what the tree says of the parameters --- */

struct uses {
    int count[LAW_PARAMS];
    bool either_sign[LAW_PARAMS], in_term[LAW_PARAMS];
};

static void count_uses(const struct expression *x, int i, bool exponent, struct uses *u)
{
    const struct node *n = &x->tree.node[i];
    switch (n->op) {
    case NUMBER:
    case VARIABLE:
    case TERM:
        break;
    case PARAMETER:
        u->count[n->a]++;
        u->either_sign[n->a] |= exponent;
        break;
    case EXP:
        count_uses(x, n->a, true, u);
        break;
    case NEG:
    case LOG:
    case SQRT:
        count_uses(x, n->a, exponent, u);
        break;
    default:
        count_uses(x, n->a, exponent, u);
        count_uses(x, n->b, exponent || n->op == POW, u);
    }
}

/* V^-q with parameter q (inverse: V^q): its node, or NULL. */
static const struct node *power_of(const struct expression *x, int i, bool inverse, int *q)
{
    const struct node *n = &x->tree.node[i];
    if (n->op != POW || x->tree.node[n->a].op != VARIABLE) return NULL;
    const struct node *k = &x->tree.node[n->b];
    if (!inverse) {
        if (k->op != NEG) return NULL;
        k = &x->tree.node[k->a];
    }
    if (k->op != PARAMETER) return NULL;
    *q = k->a;
    return n;
}

/* A*V^-q, V^-q*A and A/V^q become terms where A stands nowhere else. */
static void find_terms(struct expression *x, struct uses *u)
{
    for (int i = 0; i < x->tree.n; i++) {
        struct node *n = &x->tree.node[i];
        int q, a = -1;
        const struct node *power = NULL;
        if (n->op != MUL && n->op != DIV) continue;
        if (x->tree.node[n->a].op == PARAMETER) {
            a = x->tree.node[n->a].a;
            power = power_of(x, n->b, n->op == DIV, &q);
        } else if (n->op == MUL && x->tree.node[n->b].op == PARAMETER) {
            a = x->tree.node[n->b].a;
            power = power_of(x, n->a, false, &q);
        }
        if (!power || u->count[a] != 1 || u->either_sign[a] || a == q) continue;
        *n = (struct node){.op = TERM, .a = a, .b = q, .c = x->tree.node[power->a].a};
        u->in_term[a] = u->in_term[q] = true;
    }
}

struct summand {
    int node;
    bool minus;
};

static int summands(const struct expression *x, int i, bool minus, struct summand *s, int n)
{
    const struct node *node = &x->tree.node[i];
    if (node->op == ADD || node->op == SUB) {
        n = summands(x, node->a, minus, s, n);
        return summands(x, node->b, node->op == SUB ? !minus : minus, s, n);
    }
    if (node->op == NEG) return summands(x, node->a, !minus, s, n);
    if (n < SUMMANDS) s[n] = (struct summand){i, minus};
    return n + 1;
}

/* The positive parameter that a product is proportional to, -1 when there is none. */
static int factor(const struct expression *x, int i, const struct uses *u)
{
    const struct node *n = &x->tree.node[i];
    if (n->op == TERM) return n->a;
    if (n->op == PARAMETER) return u->count[n->a] == 1 && !u->either_sign[n->a] ? n->a : -1;
    if (n->op == NEG) return factor(x, n->a, u);
    if (n->op != MUL && n->op != DIV) return -1;
    int a = factor(x, n->a, u);
    return a >= 0 || n->op == DIV ? a : factor(x, n->b, u);
}

/* Parameters in the order of the table: constants, coefficients, exponents of terms, others. */
static void reorder(struct expression *x, const int *order, struct uses *u)
{
    struct uses old = *u;
    char names[LAW_PARAMS][TREE_NAME];
    int now[LAW_PARAMS] = {0};
    memcpy(names, x->tree.names, sizeof names);
    for (int i = 0; i < x->law.n; i++) {
        now[order[i]] = i;
        memcpy(x->tree.names[i], names[order[i]], TREE_NAME);
        u->count[i] = old.count[order[i]];
        u->either_sign[i] = old.either_sign[order[i]];
        u->in_term[i] = old.in_term[order[i]];
    }
    for (int i = 0; i < x->tree.n; i++) {
        struct node *n = &x->tree.node[i];
        if (n->op == PARAMETER || n->op == TERM) n->a = now[n->a];
        if (n->op == TERM) n->b = now[n->b];
    }
}

static void choose_order(const struct expression *x, const struct summand *s, int n_s,
                         const struct uses *u, int *order)
{
    bool placed[LAW_PARAMS] = {false};
    int n = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < n_s; i++) {
            const struct node *node = &x->tree.node[s[i].node];
            int k = pass == 2 && node->op == TERM                        ? node->b
                    : pass < 2 && (node->op == PARAMETER) == (pass == 0) ? factor(x, s[i].node, u)
                                                                         : -1;
            if (k < 0 || placed[k]) continue;
            placed[k] = true;
            order[n++] = k;
        }
    }
    for (int i = 0; i < x->law.n; i++) {
        if (!placed[i]) order[n++] = i;
    }
}

/* --- the law --- */

static struct jet evaluate(const struct expression *x, int i, int n, const double *t,
                           const double *logs, const double *v);

/* ln of a node that is positive by itself. */
static struct jet log_of(const struct expression *x, int i, int n, const double *t,
                         const double *logs, const double *v)
{
    const struct node *node = &x->tree.node[i];
    if (node->op == VARIABLE) return jet_constant(n, logs[node->a]);
    if (node->op == TERM) {
        struct jet c = jet_variable(n, node->a, t[node->a]),
                   k = jet_variable(n, node->b, t[node->b]);
        return jet_linear(n, 1, &c, -v[node->c], &k, 0);
    }
    if (node->op == PARAMETER && law_param_positive(&x->law.param[node->a]))
        return jet_variable(n, node->a, t[node->a]);
    struct jet j = evaluate(x, i, n, t, logs, v);
    return jet_log(n, &j);
}

static bool constant(const struct expression *x, int i, double *value)
{
    const struct node *n = &x->tree.node[i];
    if (n->op == NEG && constant(x, n->a, value)) {
        *value = -*value;
        return true;
    }
    *value = n->value;
    return n->op == NUMBER;
}

static struct jet power(const struct expression *x, const struct node *node, int n, const double *t,
                        const double *logs, const double *v)
{
    double k;
    if (constant(x, node->b, &k)) {
        struct jet a = evaluate(x, node->a, n, t, logs, v);
        return jet_chain(n, &a, pow(a.v, k), k == 0 ? 0 : k * pow(a.v, k - 1),
                         k == 0 || k == 1 ? 0 : k * (k - 1) * pow(a.v, k - 2));
    }
    struct jet a = log_of(x, node->a, n, t, logs, v), b = evaluate(x, node->b, n, t, logs, v);
    a = jet_mul(n, &a, &b);
    return jet_exp(n, &a);
}

/* logs: ln of the variables; v: the same less their centres. */
static struct jet evaluate(const struct expression *x, int i, int n, const double *t,
                           const double *logs, const double *v)
{
    const struct node *node = &x->tree.node[i];
    struct jet a, b;
    switch (node->op) {
    case NUMBER:
        return jet_constant(n, node->value);
    case VARIABLE:
        return jet_constant(n, exp(logs[node->a]));
    case PARAMETER:
        a = jet_variable(n, node->a, t[node->a]);
        return law_param_positive(&x->law.param[node->a]) ? jet_exp(n, &a) : a;
    case TERM:
        a = log_of(x, i, n, t, logs, v);
        return jet_exp(n, &a);
    case POW:
        return power(x, node, n, t, logs, v);
    case LOG:
        return log_of(x, node->a, n, t, logs, v);
    default:
        break;
    }
    a = evaluate(x, node->a, n, t, logs, v);
    if (node->op == NEG) return jet_scale(n, -1, &a, 0);
    if (node->op == EXP) return jet_exp(n, &a);
    if (node->op == SQRT) {
        double r = sqrt(a.v);
        return jet_chain(n, &a, r, 0.5 / r, -0.25 / (r * a.v));
    }
    b = evaluate(x, node->b, n, t, logs, v);
    if (node->op == ADD) return jet_add(n, &a, &b);
    if (node->op == SUB) return jet_linear(n, 1, &a, -1, &b, 0);
    return node->op == MUL ? jet_mul(n, &a, &b) : jet_div(n, &a, &b);
}

static double form_expression(const struct law *law, const double *t, const double *x,
                              const double *centre, double *g, double *h)
{
    const int n = g ? law->n : 0;
    const struct expression *e = law->context;
    double logs[3];
    for (int k = 0; k < 3; k++) logs[k] = x[k] + centre[k];
    struct jet j = evaluate(e, e->tree.root, n, t, logs, x);
    if (g) {
        memcpy(g, j.g, (size_t)n * sizeof *g);
        memcpy(h, j.h, (size_t)(n * (n + 1) / 2) * sizeof *h);
    }
    return j.v;
}

static void set_start(struct law *law, int i, double from, double to)
{
    law->start[i][0] = from;
    law->start[i][1] = to;
}

static void describe_params(struct expression *x, const struct uses *u)
{
    struct law *law = &x->law;
    for (int i = 0; i < law->n; i++) {
        struct law_param *p = &law->param[i];
        *p = (struct law_param){x->tree.names[i], "positive", MAP_LOG, 0, 0, -40, 40};
        if (u->either_sign[i])
            *p = (struct law_param){x->tree.names[i], "of either sign", MAP_PLAIN, 0, 0, -100, 100};
        set_start(law, i, u->either_sign[i] ? -1.5 : -2, u->either_sign[i] ? 1.5 : 2);
    }
    for (int i = 0; i < x->tree.n; i++) {
        const struct node *n = &x->tree.node[i];
        if (n->op != TERM) continue;
        law->param[n->a] = (struct law_param){
            x->tree.names[n->a], "coefficient", MAP_COEFFICIENT, n->b, n->c, -40, 80};
        law->param[n->b] =
            (struct law_param){x->tree.names[n->b], "exponent", MAP_PLAIN, 0, 0, -3, 10};
        set_start(law, n->a, -4, 0.5);
        set_start(law, n->b, 0.05, 1.6);
    }
}

/* A constant and one or two power terms of different variables: the table's fast form. */
static void find_sum(struct expression *x, const struct summand *s, int n)
{
    struct law *law = &x->law;
    int terms = 0, params = 0;
    bool plain = n <= 3;
    law->constant = -1;
    for (int i = 0; i < n && i < SUMMANDS; i++) {
        const struct node *node = &x->tree.node[s[i].node];
        if (!s[i].minus && node->op == PARAMETER && law_param_positive(&law->param[node->a]) &&
            law->constant < 0) {
            law->constant = node->a;
            law->param[node->a].lower = -40; /* as E of the table's laws */
            law->param[node->a].upper = 1;
            law->param[node->a].text = "constant";
        } else if (plain && !s[i].minus && node->op == TERM && terms < 2) {
            law->term[terms++] = (struct law_term){node->a, node->b, node->c};
        } else {
            plain = false;
        }
    }
    if (!plain || terms == 0) return;
    if (terms == 2 && law->term[0].variable > law->term[1].variable) {
        struct law_term swap = law->term[0];
        law->term[0] = law->term[1];
        law->term[1] = swap;
    }
    if (terms == 2 && law->term[0].variable == law->term[1].variable) return;
    params = (law->constant >= 0) + terms + 1 +
             (terms == 2 && law->term[0].exponent != law->term[1].exponent);
    if (params != law->n) return;
    law->terms = terms;
    memset(law->start, 0, sizeof law->start);
}

static int make_law(struct expression *x, struct err *e)
{
    struct law *law = &x->law;
    struct uses u;
    struct summand s[SUMMANDS];
    int order[LAW_PARAMS];
    if (!law->n)
        return err_set(e,
                       "law '%.80s': expected a parameter to fit (any name but N, D, U, V, C and "
                       "step), found none",
                       x->name);
    if (!law->variables)
        return err_set(e, "law '%.80s': expected a variable (N, D, U, V, C or step), found none",
                       x->name);
    memset(&u, 0, sizeof u);
    count_uses(x, x->tree.root, false, &u);
    find_terms(x, &u);
    int n = summands(x, x->tree.root, false, s, 0);
    if (n > SUMMANDS) n = SUMMANDS;
    choose_order(x, s, n, &u, order);
    reorder(x, order, &u);
    describe_params(x, &u);
    find_sum(x, s, n);
    if (law->terms) return 0;
    law->function = form_expression;
    for (int i = 0; i < n; i++) {
        int k = factor(x, s[i].node, &u);
        if (k < 0) continue;
        law->linear |= 1u << k;
        set_start(law, k, 0, 0);
    }
    return 0;
}

struct law *expression_parse(const char *text, struct err *e)
{
    while (isspace((unsigned char)*text)) text++;
    if (*text == 'L') {
        const char *equals = text + 1 + strspn(text + 1, " \t");
        if (*equals == '=') text = equals + 1 + strspn(equals + 1, " \t");
    }
    size_t length = strlen(text);
    if (length > TEXT) {
        err_set(e, "law: expected at most %d characters, found %zu", TEXT, length);
        return NULL;
    }
    struct expression *x = calloc(1, sizeof *x);
    if (!x) {
        err_memory(e, "law");
        return NULL;
    }
    memcpy(x->name, text, length);
    int status = tree_parse(&x->tree, text, e);
    snprintf(x->formula, sizeof x->formula, "L = %s", x->name);
    x->law.name = x->name;
    x->law.formula = x->formula;
    x->law.text = "as written";
    x->law.citation = "";
    x->law.context = x;
    x->law.variables = x->tree.variables;
    x->law.n = x->tree.params;
    if (!status && !make_law(x, e)) return &x->law;
    for (char *c = e->text; *c; c++) { /* one line, whatever was quoted */
        if (iscntrl((unsigned char)*c)) *c = ' ';
    }
    free(x);
    return NULL;
}

const struct law *expression_or_name(const char *text, struct law **own, struct err *e)
{
    struct err of_formula;
    const struct law *law = NULL;
    *own = NULL;
    if (strpbrk(text, "*/^()=")) return *own = expression_parse(text, e);
    law = law_find(text, e);
    /* Names have + and -, too; of what is neither, what names there are says more. */
    if (!law && strpbrk(text, "+-")) law = *own = expression_parse(text, &of_formula);
    return law;
}

void expression_free(struct law *law)
{
    free(law); /* the expression's first member */
}
