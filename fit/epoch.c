/* epoch.c - see epoch.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/epoch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const epoch_names[EPOCH_COLUMNS] = {
    [EPOCH_PAPER] = "Paper",
    [EPOCH_DATE] = "Date",
    [EPOCH_CATEGORY] = "Category",
    [EPOCH_TASK] = "Task",
    [EPOCH_DETAILS] = "Task details",
    [EPOCH_ARCHITECTURE] = "Architecture",
    [EPOCH_LOSS] = "Loss",
    [EPOCH_DEPENDENT] = "Dependent Variable",
    [EPOCH_VARIABLE_1] = "Scaling Variable 1",
    [EPOCH_VARIABLE_2] = "Scaling Variable 2",
    [EPOCH_TYPE] = "Type",
    [EPOCH_FORM] = "Functional form",
    [EPOCH_EXPONENT_1] = "Exponent 1",
    [EPOCH_EXPONENT_2] = "Exponent 2",
    [EPOCH_IRREDUCIBLE] = "Irreducible loss",
    [EPOCH_PARAMETERS] = "Parameter values",
    [EPOCH_COMPUTE_LO] = "Compute range (FLOP)",
    [EPOCH_COMPUTE_HI] = "",
    [EPOCH_DATA_LO] = "Data range (mixed)",
    [EPOCH_DATA_HI] = "",
    [EPOCH_DATA_UNIT] = "Data unit",
    [EPOCH_SIZE_LO] = "Size range (parameters)",
    [EPOCH_SIZE_HI] = "",
    [EPOCH_CONDITIONS] = "Additional Conditions",
    [EPOCH_STRATEGY] = "Scaling strategy",
};

static bool numeric(int c)
{
    return (c >= EPOCH_EXPONENT_1 && c <= EPOCH_IRREDUCIBLE) ||
           (c >= EPOCH_COMPUTE_LO && c <= EPOCH_DATA_HI) || c == EPOCH_SIZE_LO ||
           c == EPOCH_SIZE_HI;
}

/* "a=0.81, B=5.87e-2, Mi = -430": NAME = NUMBER, comma-separated. */
static int read_params(const struct csv *c, size_t r, size_t column, struct epoch_row *row,
                       struct err *e)
{
    char *copy = strdup(row->text[EPOCH_PARAMETERS]), *save = NULL;
    int status = copy ? 0 : err_memory(e, c->path);
    for (char *item = copy ? strtok_r(copy, ",", &save) : NULL; item && !status;
         item = strtok_r(NULL, ",", &save)) {
        struct epoch_param *p = &row->param[row->params];
        char *equals = strchr(item, '=');
        item += strspn(item, " ");
        size_t length = equals ? (size_t)(equals - item) : 0;
        while (length && item[length - 1] == ' ') length--;
        if (!length || length >= sizeof p->name || row->params == EPOCH_PARAMS) {
            status = csv_err(c, r, column, e, "expected NAME=NUMBER, found '%.40s'", item);
            break;
        }
        memcpy(p->name, item, length);
        char *value = equals + 1 + strspn(equals + 1, " "), *end = value + strlen(value);
        while (end > value && end[-1] == ' ') *--end = 0;
        if (csv_parse_number(value, &p->value))
            status =
                csv_err(c, r, column, e, "%s: expected a number, found '%.40s'", p->name, value);
        row->params++;
    }
    free(copy);
    return status;
}

int epoch_read(struct epoch *t, const char *path, struct err *e)
{
    long column[EPOCH_COLUMNS];
    *t = (struct epoch){0};
    if (csv_read(&t->csv, path, e)) return -1;
    const struct csv *c = &t->csv;
    int status = 0;
    for (int k = 0; k < EPOCH_COLUMNS && !status; k++) {
        /* A nameless column belongs to the named one on its left. */
        column[k] = *epoch_names[k] ? csv_find(c, epoch_names[k]) : column[k - 1] + 1;
        if (column[k] < 0 || (size_t)column[k] >= c->columns ||
            (!*epoch_names[k] && *csv_header(c, (size_t)column[k])))
            status = err_set(e, "%s: not Epoch's table of scaling laws: no column %s%s", path,
                             *epoch_names[k] ? "" : "without a name behind ",
                             *epoch_names[k] ? epoch_names[k] : epoch_names[k - 1]);
    }
    t->row = status ? NULL : calloc(c->rows, sizeof *t->row);
    if (!status && !t->row) status = err_memory(e, path);
    for (size_t r = 0; r < c->rows && !status; r++, t->n++) {
        struct epoch_row *row = &t->row[r];
        for (int k = 0; k < EPOCH_COLUMNS && !status; k++) {
            row->text[k] = csv_field(c, r, (size_t)column[k]);
            row->number[k] = NAN;
            if (numeric(k) && *row->text[k])
                status = csv_number(c, r, (size_t)column[k], &row->number[k], e);
        }
        if (!status) status = read_params(c, r, (size_t)column[EPOCH_PARAMETERS], row, e);
    }
    if (status) epoch_close(t);
    return status;
}

void epoch_close(struct epoch *t)
{
    free(t->row);
    csv_close(&t->csv);
    *t = (struct epoch){0};
}

int epoch_match(const struct epoch_row *row, const char *condition, bool *matches, struct err *e)
{
    size_t length = strcspn(condition, "=~<>");
    int column = -1;
    if (!length || !condition[length])
        return err_set(
            e, "--where: expected COLUMN=TEXT, COLUMN~TEXT, COLUMN<X or COLUMN>X, found '%s'",
            condition);
    /* The full name first: "Task" is also the start of "Task details". */
    for (int k = 0; k < EPOCH_COLUMNS; k++) {
        if (!*epoch_names[k] || strncasecmp(epoch_names[k], condition, length)) continue;
        if (column < 0 || strlen(epoch_names[k]) == length) column = k;
    }
    if (column < 0)
        return err_set(e, "--where: no column starts with '%.*s'", (int)length, condition);
    char op = condition[length];
    const char *text = condition + length + 1;
    if (op == '=') {
        *matches = !strcasecmp(row->text[column], text);
    } else if (op == '~') {
        *matches = strcasestr(row->text[column], text) != NULL;
    } else {
        double x;
        if (!numeric(column))
            return err_set(e, "--where: column '%s' has no numbers", epoch_names[column]);
        if (csv_parse_number(text, &x))
            return err_set(e, "--where: expected a number after %c, found '%s'", op, text);
        *matches = op == '<' ? row->number[column] < x : row->number[column] > x;
    }
    return 0;
}

static double param(const struct epoch_row *row, const char *name)
{
    for (size_t i = 0; i < row->params; i++) {
        if (!strcmp(row->param[i].name, name)) return row->param[i].value;
    }
    /* Several rows give E in its own column only. */
    if (!strcmp(name, "E")) return row->number[EPOCH_IRREDUCIBLE];
    return NAN;
}

/* Each form's value; p(x) is the parameter of that name. */
#define FORM(name) static double name(const struct epoch_row *r, const struct epoch_at *at)
#define P(x)       param(r, #x)

FORM(rosenfeld)
{
    double x = pow(at->N, -P(a)) + P(B) * pow(at->D, -P(b)) + P(E);
    return P(I) * x / hypot(x, P(n)); /* |x / (x - i n)| */
}
FORM(c_down)
{
    return P(K) * pow(at->C, -P(c));
}
FORM(c_up)
{
    return P(K) * pow(at->C, P(c));
}
FORM(c_down_e)
{
    return P(K) * pow(at->C, -P(c)) + P(E);
}
FORM(n_down)
{
    return P(A) * pow(at->N, -P(a));
}
FORM(n_up)
{
    return P(A) * pow(at->N, P(a));
}
FORM(n_down_e)
{
    return P(A) * pow(at->N, -P(a)) + P(E);
}
FORM(d_down)
{
    return P(B) * pow(at->D, -P(b));
}
FORM(d_down_e)
{
    return P(B) * pow(at->D, -P(b)) + P(E);
}
FORM(n_only)
{
    return pow(at->N, P(a));
}
FORM(c_only)
{
    return pow(at->C, P(c));
}
FORM(hoffmann)
{
    return n_down(r, at) + d_down_e(r, at);
}
FORM(steps)
{
    return n_down(r, at) + P(B) * pow(at->S, -P(b));
}
FORM(translation)
{
    return P(B) * pow(1 / at->D + P(E), P(b));
}
FORM(gordon)
{
    return pow(P(A) * pow(at->N, -P(a) / P(b)) + P(B) / at->D, P(b));
}
FORM(kaplan)
{
    return pow(pow(n_down(r, at), 1 / P(b)) + pow(d_down(r, at), 1 / P(b)), P(b));
}
FORM(transfer)
{
    return P(A) * pow(at->N, P(a)) * pow(at->D, P(b));
}
FORM(shifted)
{
    return P(K) * pow(at->C + P(C0), -P(c)) + P(E);
}

static const char kaplan_note[] =
    "taken as ((A N^-a)^(1/b) + (B D^-b)^(1/b))^b: A and B are those of L(N) and L(D); the form as "
    "printed rises with N";
static const char up_note[] =
    "the form's exponent has a plus sign: taken as decreasing, as its paper means";

static const struct {
    const char *text;
    double (*value)(const struct epoch_row *r, const struct epoch_at *at);
    const char *needs; /* variables */
    const char *note;
} forms[] = {
    {"L(N,D) = I * ||(N^-a + BD^-b + E)/(N^-a + BD^-b + E -in)||", rosenfeld, "ND", NULL},
    {"L(C) = KC^-c", c_down, "C", NULL},
    {"L(C) = KC^c", c_up, "C", NULL},
    {"L(C) = KC^-c + E", c_down_e, "C", NULL},
    {"L(C) = KC^c + E", c_down_e, "C", up_note},
    {"L(N) = AN^-a", n_down, "N", NULL},
    {"L(N) = AN^a", n_up, "N", NULL},
    {"L(N) = AN^-a + E", n_down_e, "N", NULL},
    {"L(N) = AN^a + E", n_down_e, "N", up_note},
    {"L(D) = BD^-b", d_down, "D", NULL},
    {"L(D) = BD^-b + E", d_down_e, "D", NULL},
    {"L(N) = N^a", n_only, "N", "no coefficient is published: a ratio, not a loss"},
    {"L(C) = C^c", c_only, "C", "no coefficient is published: a ratio, not a loss"},
    {"L(N,D) = AN^-a + BD^-b + E", hoffmann, "ND", NULL},
    {"L(N,S) = AN^-a + BS^-b", steps, "NS", NULL},
    {"L(D) = B(D^-1 + E)^b", translation, "D", NULL},
    {"L(N,D) = [AN^(-a/b) + BD^-1]^b", gordon, "ND", NULL},
    {"L(N,D) = [(A/N)^(a/b) + B/D]^-b", kaplan, "ND", kaplan_note},
    {"Dt(Df, N) = AN^a Df^b", transfer, "ND", "data transferred, not a loss"},
    {"L(C) = K(C+C0)^-c + E", shifted, "C", "the paper's C is not in FLOP"},
};

double epoch_value(const struct epoch_row *row, const struct epoch_at *at, const char **note)
{
    const struct epoch_at all = {1, 1, 1, 1};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].text, row->text[EPOCH_FORM])) continue;
        /* At 1 only a missing parameter makes NaN. */
        if (isnan(forms[i].value(row, &all))) {
            *note = "parameters are missing in the table";
            return NAN;
        }
        double v = forms[i].value(row, at);
        *note = forms[i].note;
        if (isnan(v)) {
            static const char *const asks[] = {"needs N", "needs D", "needs C", "needs N and D",
                                               "needs N and S"};
            const char *n = forms[i].needs;
            *note = n[1] == 'D'   ? asks[3]
                    : n[1] == 'S' ? asks[4]
                                  : asks[*n == 'N'   ? 0
                                         : *n == 'D' ? 1
                                                     : 2];
        }
        return v;
    }
    *note = *row->text[EPOCH_FORM] ? "this form is not evaluated" : "no law";
    return NAN;
}

static bool is(const struct epoch_row *row, int column, const char *text)
{
    return !strcmp(row->text[column], text);
}

size_t epoch_pairs(const struct epoch *t, struct epoch_pair *pairs)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct epoch_row *row = &t->row[i];
        bool both = is(row, EPOCH_VARIABLE_1, "Parameters") && is(row, EPOCH_VARIABLE_2, "Data");
        if (both && isfinite(row->number[EPOCH_EXPONENT_1]) &&
            isfinite(row->number[EPOCH_EXPONENT_2])) {
            pairs[n++] = (struct epoch_pair){i, i, row->number[EPOCH_EXPONENT_1],
                                             row->number[EPOCH_EXPONENT_2]};
            continue;
        }
        if (i + 1 >= t->n || *row->text[EPOCH_VARIABLE_2] || *t->row[i + 1].text[EPOCH_VARIABLE_2])
            continue;
        /* Two neighbours of one paper and task, one law in N and one in D. */
        size_t a = i, b = i + 1;
        if (is(row, EPOCH_VARIABLE_1, "Data")) {
            a = i + 1;
            b = i;
        }
        const struct epoch_row *p = &t->row[a], *d = &t->row[b];
        if (!is(p, EPOCH_VARIABLE_1, "Parameters") || !is(d, EPOCH_VARIABLE_1, "Data") ||
            strcmp(p->text[EPOCH_PAPER], d->text[EPOCH_PAPER]) ||
            strcmp(p->text[EPOCH_TASK], d->text[EPOCH_TASK]) ||
            isnan(p->number[EPOCH_EXPONENT_1]) || isnan(d->number[EPOCH_EXPONENT_1]))
            continue;
        bool bivariate = false;
        for (size_t k = 0; k < t->n; k++)
            bivariate |= !strcmp(t->row[k].text[EPOCH_PAPER], p->text[EPOCH_PAPER]) &&
                         is(&t->row[k], EPOCH_VARIABLE_1, "Parameters") &&
                         is(&t->row[k], EPOCH_VARIABLE_2, "Data");
        if (!bivariate)
            pairs[n++] =
                (struct epoch_pair){a, b, p->number[EPOCH_EXPONENT_1], d->number[EPOCH_EXPONENT_1]};
    }
    return n;
}

const char *epoch_authors(const char *paper)
{
    static const char *const known[][2] = {
        {"A Constructive Prediction of the Generalization Error", "Rosenfeld et al."},
        {"Scaling Laws for Neural Language Models", "Kaplan et al."},
        {"Training Compute-Optimal Large Language Models", "Hoffmann et al."},
        {"Understanding Scaling Laws for Recommendation", "Ardalani et al."},
        {"Data and Parameter Scaling Laws for Neural Machine Translation", "Gordon et al."},
        {"Scaling Laws for Acoustic Models", "Droppo and Elibol"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strncmp(paper, known[i][0], strlen(known[i][0]))) return known[i][1];
    }
    return paper;
}
