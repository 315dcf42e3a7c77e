/* expression.c - see expression.h. A tree of nodes, children before parents; what the law table has
 * a place for (constants, power terms, parameters L is linear in) is found in the tree, and the rest
 * is evaluated with jets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/jet.h"

enum { NODES = 256, DEPTH = 64, NAME = 16, TEXT = 1000, SUMMANDS = 32 };

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

struct expression {
    struct law law; /* first: what the caller holds */
    char name[TEXT + 1], formula[TEXT + 8];
    char names[LAW_PARAMS][NAME];
    struct node node[NODES];
    int n, root;
};

/* --- text to tree --- */

struct parser {
    struct expression *x;
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
    if (p->x->n == NODES)
        return err_set(p->e, "law '%.80s': more than %d numbers, names and operations", p->text,
                       NODES);
    p->x->node[p->x->n] = (struct node){.op = op, .a = a, .b = b};
    return p->x->n++;
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
    unsigned *has = &p->x->law.variables;
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
    char name[NAME] = "";
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_') n++;
    if (n >= NAME) return wrong(p, at, "a name of at most 15 characters");
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
    struct law *law = &p->x->law;
    int i = 0;
    while (i < law->n && strcmp(p->x->names[i], name)) i++;
    if (i == LAW_PARAMS) return wrong(p, at, "at most 12 parameters");
    if (i == law->n) memcpy(p->x->names[law->n++], name, NAME);
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
        if (i >= 0) p->x->node[i].value = v;
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

/* --- what the tree says of the parameters --- */

struct uses {
    int count[LAW_PARAMS];
    bool either_sign[LAW_PARAMS], in_term[LAW_PARAMS];
};

static void count_uses(const struct expression *x, int i, bool exponent, struct uses *u)
{
    const struct node *n = &x->node[i];
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
    const struct node *n = &x->node[i];
    if (n->op != POW || x->node[n->a].op != VARIABLE) return NULL;
    const struct node *k = &x->node[n->b];
    if (!inverse) {
        if (k->op != NEG) return NULL;
        k = &x->node[k->a];
    }
    if (k->op != PARAMETER) return NULL;
    *q = k->a;
    return n;
}

/* A*V^-q, V^-q*A and A/V^q become terms where A stands nowhere else. */
static void find_terms(struct expression *x, struct uses *u)
{
    for (int i = 0; i < x->n; i++) {
        struct node *n = &x->node[i];
        int q, a = -1;
        const struct node *power = NULL;
        if (n->op != MUL && n->op != DIV) continue;
        if (x->node[n->a].op == PARAMETER) {
            a = x->node[n->a].a;
            power = power_of(x, n->b, n->op == DIV, &q);
        } else if (n->op == MUL && x->node[n->b].op == PARAMETER) {
            a = x->node[n->b].a;
            power = power_of(x, n->a, false, &q);
        }
        if (!power || u->count[a] != 1 || u->either_sign[a] || a == q) continue;
        *n = (struct node){.op = TERM, .a = a, .b = q, .c = x->node[power->a].a};
        u->in_term[a] = u->in_term[q] = true;
    }
}

struct summand {
    int node;
    bool minus;
};

static int summands(const struct expression *x, int i, bool minus, struct summand *s, int n)
{
    const struct node *node = &x->node[i];
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
    const struct node *n = &x->node[i];
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
    char names[LAW_PARAMS][NAME];
    int now[LAW_PARAMS] = {0};
    memcpy(names, x->names, sizeof names);
    for (int i = 0; i < x->law.n; i++) {
        now[order[i]] = i;
        memcpy(x->names[i], names[order[i]], NAME);
        u->count[i] = old.count[order[i]];
        u->either_sign[i] = old.either_sign[order[i]];
        u->in_term[i] = old.in_term[order[i]];
    }
    for (int i = 0; i < x->n; i++) {
        struct node *n = &x->node[i];
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
            const struct node *node = &x->node[s[i].node];
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
    const struct node *node = &x->node[i];
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
    const struct node *n = &x->node[i];
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
    const struct node *node = &x->node[i];
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
    struct jet j = evaluate(e, e->root, n, t, logs, x);
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
        *p = (struct law_param){x->names[i], "positive", MAP_LOG, 0, 0, -40, 40};
        if (u->either_sign[i])
            *p = (struct law_param){x->names[i], "of either sign", MAP_PLAIN, 0, 0, -100, 100};
        set_start(law, i, u->either_sign[i] ? -1.5 : -2, u->either_sign[i] ? 1.5 : 2);
    }
    for (int i = 0; i < x->n; i++) {
        const struct node *n = &x->node[i];
        if (n->op != TERM) continue;
        law->param[n->a] =
            (struct law_param){x->names[n->a], "coefficient", MAP_COEFFICIENT, n->b, n->c, -40, 80};
        law->param[n->b] = (struct law_param){x->names[n->b], "exponent", MAP_PLAIN, 0, 0, -3, 10};
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
        const struct node *node = &x->node[s[i].node];
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
    count_uses(x, x->root, false, &u);
    find_terms(x, &u);
    int n = summands(x, x->root, false, s, 0);
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
    struct parser p = {.x = x, .text = text, .at = text, .e = e};
    memcpy(x->name, text, length);
    x->root = parse_sum(&p);
    if (x->root >= 0) {
        blanks(&p);
        if (*p.at) x->root = wrong(&p, p.at, "+ - * / ^ or the end");
    }
    snprintf(x->formula, sizeof x->formula, "L = %s", x->name);
    x->law.name = x->name;
    x->law.formula = x->formula;
    x->law.text = "as written";
    x->law.citation = "";
    x->law.context = x;
    if (x->root >= 0 && !make_law(x, e)) return &x->law;
    for (char *c = e->text; *c; c++) { /* one line, whatever was quoted */
        if (iscntrl((unsigned char)*c)) *c = ' ';
    }
    free(x);
    return NULL;
}

const struct law *expression_or_name(const char *text, struct law **own, struct err *e)
{
    *own = NULL;
    if (!strpbrk(text, "*/^()=")) return law_find(text, e);
    return *own = expression_parse(text, e);
}

void expression_free(struct law *law)
{
    free(law); /* the expression's first member */
}
