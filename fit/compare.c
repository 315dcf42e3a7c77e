/* compare.c - see compare.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/scatter.h"

struct sorted {
    double C;
    size_t row;
};

static int by_c(const void *a, const void *b)
{
    const struct sorted *p = a, *q = b;
    if (p->C != q->C) return p->C < q->C ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

size_t compare_budgets(const double *C, size_t n, size_t *group)
{
    struct sorted *s = malloc((n + 1) * sizeof *s);
    if (!s || n == 0) {
        free(s);
        return 0;
    }
    for (size_t i = 0; i < n; i++) s[i] = (struct sorted){C[i], i};
    qsort(s, n, sizeof *s, by_c);
    size_t count = 1;
    group[s[0].row] = 0;
    for (size_t i = 1; i < n; i++) {
        count += s[i].C > 1.2 * s[i - 1].C;
        group[s[i].row] = count - 1;
    }
    if (count < 3 || count > n / 4) {
        count = n < 5 ? n : 5;
        for (size_t i = 0; i < n; i++) group[s[i].row] = i * count / n;
    }
    free(s);
    return count;
}

/* A law of one variable is another question, and so is one that reads a schedule. */
static bool applies(const struct law *law, const struct points *p)
{
    if (law->variables & (LAW_ANY | LAW_SCHEDULE)) return false;
    for (int k = 0; k < 3; k++) {
        enum points_column column = fit_data_column(law, k, POINTS_N);
        if (column == POINTS_COLUMNS) continue;
        if (!(p->have >> column & 1)) return false;
        for (size_t i = 0; i < p->n && k > 0; i++) {
            if (!(points_values(p, column)[i] > 0)) return false;
        }
    }
    return true;
}

static double predicted(const struct fit *f, const struct points *p, enum points_column x, size_t i)
{
    double v[3];
    for (int k = 0; k < 3; k++) v[k] = fit_data_value(f->law, k, x, p, i);
    return fit_predict(f, v[0], v[1], v[2]);
}

static int fit_rows_of(struct fit *f, const struct points *p, const size_t *rows, size_t n,
                       const struct law *law, enum points_column x, const struct fit_options *o,
                       struct err *e)
{
    struct points part;
    struct fit_data d;
    if (points_select(&part, p, rows, n, e)) return -1;
    int status = fit_data_open(&d, &part, law, x, e);
    if (!status) {
        status = fit_law(f, law, &d, o, e);
        fit_data_close(&d);
    }
    points_close(&part);
    return status;
}

/* What is left out: a budget, or the largest compute. */
struct holdout {
    const struct points *p;
    enum points_column x;
    const size_t *group; /* [p->n] the row's budget */
    const double *compute;
    double cut; /* C at or above it is the largest */
    size_t budgets;
};

static bool is_out(const struct holdout *h, size_t number, size_t row)
{
    return number < h->budgets ? h->group[row] == number : h->compute[row] >= h->cut;
}

/* Sum of squared errors of ln L on the rows of hold-out NUMBER, by a fit to the others; NaN without
 * one. */
static double left_out(const struct holdout *h, size_t number, const struct law *law,
                       const struct fit_options *o, size_t *count)
{
    const struct points *p = h->p;
    size_t *rows = malloc((p->n + 1) * sizeof *rows), n = 0;
    struct fit f;
    struct err ignored;
    double sum = NAN;
    *count = 0;
    if (!rows) return NAN;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_out(h, number, i)) rows[n++] = i;
    }
    if (!fit_rows_of(&f, p, rows, n, law, h->x, o, &ignored)) {
        sum = 0;
        for (size_t i = 0; i < p->n; i++) {
            if (!is_out(h, number, i)) continue;
            double r = log(predicted(&f, p, h->x, i)) - log(p->loss[i]);
            sum += r * r;
            ++*count;
        }
    }
    free(rows);
    return sum;
}

/* Every hold-out of one law, from the fit of all rows: the others are not far. */
static int hold_out(struct comparison *c, const struct holdout *h, const struct fit_options *o,
                    struct err *e)
{
    const size_t n = h->budgets + 1;
    double *sum = malloc(n * sizeof *sum), total = 0;
    size_t *count = malloc(n * sizeof *count), rows = 0;
    struct fit_options own = *o;
    int status = sum && count ? 0 : err_memory(e, NULL);
    /* The hold-outs are many; laws of few parameters afford to look for other valleys (Kaplan's; those
     * of sums of powers are not known to have any). */
    if (own.grid == 0) own.grid = scatter_has(c->law) || c->law->n > 5 ? 2 : c->law->terms ? 3 : 4;
    own.near = c->params;
#pragma omp parallel for schedule(dynamic) if (!status)
    for (size_t i = 0; i < n; i++) {
        if (!status) sum[i] = left_out(h, i, c->law, &own, &count[i]);
    }
    if (!status) {
        for (size_t i = 0; i < h->budgets; i++) {
            total += sum[i];
            rows += count[i];
        }
        c->budgets = sqrt(total / (double)(rows ? rows : 1));
        c->test = count[h->budgets];
        c->largest = c->test ? sqrt(sum[h->budgets] / (double)c->test) : NAN;
    }
    free(sum);
    free(count);
    return status;
}

static void information(struct comparison *c, const struct points *p, enum points_column x,
                        const struct fit_options *o)
{
    struct fit_options ls = *o;
    struct fit_data d;
    struct fit f;
    struct err e;
    ls.objective = (struct objective){.kind = OBJ_LOGLS, .ratio = 1};
    c->rss_log = c->aic = c->aicc = c->bic = NAN;
    if (fit_data_open(&d, p, c->law, x, &e)) {
        snprintf(c->reason, sizeof c->reason, "%.190s", e.text);
        return;
    }
    if (fit_law(&f, c->law, &d, &ls, &e)) {
        snprintf(c->reason, sizeof c->reason, "%.190s", e.text);
    } else {
        double n = (double)p->n, k = f.free + 1;
        memcpy(c->params, f.params, sizeof f.params);
        c->k = f.free;
        c->rss_log = f.rss_log;
        double fit2 = n * (log(2 * 3.14159265358979324 * f.rss_log / n) + 1);
        c->aic = fit2 + 2 * k;
        c->aicc = n - k - 1 > 0 ? c->aic + 2 * k * (k + 1) / (n - k - 1) : NAN;
        c->bic = fit2 + k * log(n);
    }
    fit_data_close(&d);
}

int compare_laws(struct comparison *rows, const struct points *p, const struct law *first,
                 enum points_column x, const struct fit_options *o, double holdout,
                 struct compare_split *used, struct err *e)
{
    size_t *group = malloc((p->n + 1) * sizeof *group);
    double *compute = malloc((p->n + 1) * sizeof *compute);
    int count = -1;
    if (!group || !compute) {
        err_memory(e, NULL);
        goto done;
    }
    /* Without a C, the variable itself orders the runs. */
    for (size_t i = 0; i < p->n; i++) compute[i] = p->C[i] > 0 ? p->C[i] : points_values(p, x)[i];
    used->budgets = compare_budgets(compute, p->n, group);
    /* The top budget, or as many as hold 5 rows: an error of one row says little. */
    used->cut = INFINITY;
    size_t top = 0;
    for (size_t g = used->budgets; g-- > 1 && top < 5;) {
        for (size_t i = 0; i < p->n; i++) {
            if (group[i] != g) continue;
            used->cut = fmin(used->cut, compute[i]);
            top++;
        }
    }
    if (holdout > 0) used->cut = holdout;
    const struct holdout h = {p, x, group, compute, used->cut, used->budgets};
    count = 0;
    for (size_t l = 0; l <= n_laws; l++) {
        const struct law *law = l ? &laws[l - 1] : first;
        bool same_kind = first->variables & LAW_ANY && law->variables & LAW_ANY;
        if (l &&
            (law == first || !(same_kind || (!(first->variables & LAW_ANY) && applies(law, p)))))
            continue;
        struct comparison *c = &rows[count++];
        *c = (struct comparison){.law = law, .largest = NAN, .budgets = NAN};
        struct fit_options own = *o;
        if (law != first) {
            memset(own.pinned, 0, sizeof own.pinned);
            memset(own.bounded, 0, sizeof own.bounded);
        }
        information(c, p, x, &own);
        if (c->reason[0]) continue;
        if (hold_out(c, &h, &own, e)) {
            count = -1;
            break;
        }
    }
done:
    free(group);
    free(compute);
    return count;
}
