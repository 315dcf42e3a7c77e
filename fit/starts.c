/* starts.c - where descents begin: variable projection on a grid of exponents.
 *
 * With the exponents fixed, L = E + A u + B v is linear in (E, A, B): non-negative weighted least
 * squares (weights 1/L^2 stand for the logarithm to first order), solved exactly by trying every
 * set of active columns. Laws of another form borrow that: their nonlinear extras get a few values
 * each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/starts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/scatter.h"
#include "fit/solve.h"

/* Non-negative least squares of up to 3 columns from the sums s = packed lower triangle over
 * (columns, observation). Returns the residual sum of squares. */
static double nnls(int columns, const double *s, double *c)
{
    double best = INFINITY;
    int last = columns * (columns + 1) / 2;
    for (int set = 1; set < 1 << columns; set++) {
        double a[6], b[3], rss = s[last + columns];
        int k = 0, index[3];
        for (int i = 0; i < columns; i++) {
            if (set >> i & 1) index[k++] = i;
        }
        for (int i = 0; i < k; i++) {
            for (int j = 0; j <= i; j++)
                a[i * (i + 1) / 2 + j] = s[index[i] * (index[i] + 1) / 2 + index[j]];
            b[i] = s[last + index[i]];
        }
        if (!cholesky(k, a)) continue;
        cholesky_solve(k, a, b);
        bool positive = true;
        for (int i = 0; i < k; i++) {
            positive = positive && b[i] > 0;
            rss -= b[i] * s[last + index[i]];
        }
        if (!positive || !(rss < best)) continue;
        best = rss;
        for (int i = 0; i < columns; i++) c[i] = 0;
        for (int i = 0; i < k; i++) c[index[i]] = b[i];
    }
    return best;
}

struct start {
    double score, t[LAW_PARAMS];
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct start *)a)->score, y = ((const struct start *)b)->score;
    return (x > y) - (x < y);
}

static double grid_value(double lo, double hi, int i, int n)
{
    return n < 2 ? sqrt(lo * hi) : lo * pow(hi / lo, (double)i / (n - 1));
}

/* A coefficient that came out as 0 starts small but alive. */
static double alive(double c, double mean)
{
    return log(fmax(c, 0.1 * mean));
}

/* One node of the grid for a constant plus power terms with exponents k[]; the sums run over rows
 * with u and v given. terms may be 1 or 2; power < 1 raises L to 1/power first (Kaplan's form). */
static double project(const struct fit_rows *rows, bool relative, bool constant, int terms,
                      const double *u, const double *v, double power, double c[3])
{
    double s[10] = {0};
    int columns = constant + terms;
    for (size_t i = 0; i < rows->n; i++) {
        double L = power == 1 ? rows->L[i] : exp(rows->y[i] / power);
        double w = relative || power != 1 ? rows->w[i] / (L * L) : rows->w[i], f[4];
        int n = 0;
        if (constant) f[n++] = 1;
        f[n++] = u[i];
        if (terms > 1) f[n++] = v[i];
        f[n++] = L;
        for (int a = 0, k = 0; a < n; a++) {
            for (int b = 0; b <= a; b++, k++) s[k] += w * f[a] * f[b];
        }
    }
    double found[3] = {0}, score = nnls(columns, s, found);
    int n = 0;
    c[0] = constant ? found[n++] : 0;
    c[1] = found[n++];
    c[2] = terms > 1 ? found[n] : 0;
    return score;
}

/* exp(-k x) of every row. */
static void powers(const struct fit_rows *rows, int variable, double k, double *u)
{
    for (size_t i = 0; i < rows->n; i++) u[i] = -k * rows->x[variable][i];
    kernel_exp(rows->n, u, u);
}

static double mean_loss(const struct fit_rows *rows)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < rows->n; i++) {
        sum += rows->w[i] * rows->L[i];
        weight += rows->w[i];
    }
    return sum / weight;
}

/* Sums of terms with the given parameter indices; out[] gets grid^2 starts (or grid for one
 * exponent). */
static int sum_starts(const struct fit_problem *p, int constant, int terms,
                      const struct law_term *term, int grid, struct start *out, double *work)
{
    const struct fit_rows *rows = p->rows;
    bool relative = objective_is_log(&p->objective);
    bool one = terms == 1 || term[0].exponent == term[1].exponent;
    int na = one ? grid * grid : grid, nb = one ? 1 : grid, count = 0;
    double mean = mean_loss(rows), *u = work, *v = work + rows->n;
    for (int b = 0; b < nb; b++) {
        double beta = grid_value(0.05, 1.6, b, nb);
        if (!one) powers(rows, term[1].variable, beta, v);
        for (int a = 0; a < na; a++) {
            double alpha = grid_value(0.05, 1.6, a, na), c[3];
            struct start *s = &out[count];
            powers(rows, term[0].variable, alpha, u);
            if (one && terms > 1) powers(rows, term[1].variable, alpha, v);
            s->score = project(rows, relative, constant >= 0, terms, u, v, 1, c);
            if (!isfinite(s->score)) continue;
            if (constant >= 0) s->t[constant] = alive(c[0], mean);
            s->t[term[0].coefficient] = alive(c[1], mean);
            s->t[term[0].exponent] = alpha;
            if (terms > 1) {
                s->t[term[1].coefficient] = alive(c[2], mean);
                s->t[term[1].exponent] = one ? alpha : beta;
            }
            count++;
        }
    }
    qsort(out, (size_t)count, sizeof *out, by_score);
    return count;
}

void fit_project(const struct fit_problem *p, double *t, double *work)
{
    const struct law *law = p->law;
    const struct law_term *a = &law->term[0], *b = &law->term[1];
    const struct fit_rows *rows = p->rows;
    int constant = law->constant;
    double c[3], *u = work, *v = work + rows->n;
    bool two = law->terms > 1;
    if (!law->terms) return;
    for (int i = 0; i < law->n; i++) {
        if (p->lower[i] == p->upper[i]) return;
    }
    powers(rows, a->variable, t[a->exponent], u);
    if (two) powers(rows, b->variable, t[b->exponent], v);
    double score =
        project(rows, objective_is_log(&p->objective), constant >= 0, law->terms, u, v, 1, c);
    if (!isfinite(score) || (constant >= 0 && !(c[0] > 0)) || !(c[1] > 0) || (two && !(c[2] > 0)))
        return;
    if (constant >= 0) t[constant] = log(c[0]);
    t[a->coefficient] = log(c[1]);
    if (two) t[b->coefficient] = log(c[2]);
}

static int kaplan_starts(const struct fit_problem *p, int grid, struct start *out, double *work)
{
    const struct fit_rows *rows = p->rows;
    double *u = work, *v = work + rows->n;
    int count = 0;
    for (int a = 0; a < grid; a++) {
        for (int b = 0; b < grid; b++) {
            double alpha = grid_value(0.03, 0.6, a, grid), q = grid_value(0.03, 0.6, b, grid), c[3];
            powers(rows, 0, alpha / q, u);
            powers(rows, 1, 1, v);
            struct start *s = &out[count];
            s->score = q * q * project(rows, true, false, 2, u, v, q, c);
            if (!isfinite(s->score)) continue;
            double mean = fmax(c[1], c[2]);
            s->t[0] = q * alive(c[1], mean);
            s->t[1] = q * alive(c[2], mean);
            s->t[2] = alpha;
            s->t[3] = q;
            count++;
        }
    }
    qsort(out, (size_t)count, sizeof *out, by_score);
    return count;
}

/* The dozen best of Chinchilla's starts, each with every combination of the extras. */
static int extended_starts(const struct fit_problem *p, int grid, struct start *out, double *work,
                           int extras, int values, const double (*extra)[2])
{
    static const struct law_term term[2] = {{1, 3, 0}, {2, 4, 1}};
    struct start base[64];
    int n = sum_starts(p, 0, 2, term, grid < 8 ? grid : 8, base, work), count = 0;
    int keep = grid < 3 ? 1 : grid < 6 ? 4 : 12;
    if (n > keep) n = keep;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < values; k++) {
            out[count] = base[i];
            for (int x = 0; x < extras; x++) out[count].t[5 + x] = extra[k][x];
            count++;
        }
    }
    return count;
}

/* Linear least squares of ln(L - a) on (1, x, softplus terms), for breaks placed on a grid. */
static bool broken_start(const struct fit_problem *p, double a, int breaks, const double *place,
                         double width, struct start *s)
{
    const struct fit_rows *rows = p->rows;
    int k = 2 + breaks;
    double m[SOLVE_PACKED] = {0}, b[SOLVE_MAX] = {0}, yy = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double x = rows->x[0][i], f[SOLVE_MAX] = {1, -x}, y = log(rows->L[i] - a);
        /* An error of L counts for more once a is taken off. */
        double w = rows->w[i] * (1 - a / rows->L[i]) * (1 - a / rows->L[i]);
        for (int j = 0; j < breaks; j++) {
            double z = (x - place[j]) / width;
            f[2 + j] = -width * (z > 30 ? z : log1p(exp(z)));
        }
        for (int r = 0; r < k; r++) {
            b[r] += w * f[r] * y;
            for (int c = 0; c <= r; c++) m[r * (r + 1) / 2 + c] += w * f[r] * f[c];
        }
        yy += w * y * y;
    }
    double rhs[SOLVE_MAX];
    memcpy(rhs, b, sizeof rhs);
    if (!cholesky(k, m)) return false;
    cholesky_solve(k, m, b);
    s->score = yy;
    for (int r = 0; r < k; r++) s->score -= b[r] * rhs[r];
    s->t[0] = log(a);
    s->t[1] = b[0];
    s->t[2] = b[1];
    for (int j = 0; j < breaks; j++) {
        s->t[3 + 3 * j] = b[2 + j];
        s->t[4 + 3 * j] = place[j];
        s->t[5 + 3 * j] = log(width);
    }
    return true;
}

static int broken_starts(const struct fit_problem *p, struct start *out)
{
    const struct fit_rows *rows = p->rows;
    int breaks = (p->law->n - 3) / 3, count = 0;
    double lo = INFINITY, hi = -INFINITY, least = INFINITY;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->w[i] == 0) continue;
        lo = fmin(lo, rows->x[0][i]);
        hi = fmax(hi, rows->x[0][i]);
        least = fmin(least, rows->L[i]);
    }
    enum { PLACES = 7 };
    int sets = 1;
    for (int j = 0; j < breaks; j++) sets *= PLACES;
    for (int s = 0; s < sets && count < 400; s++) {
        double place[3];
        bool rising = true;
        for (int j = 0, k = s; j < breaks; j++, k /= PLACES) {
            place[j] = lo + (hi - lo) * (k % PLACES + 1) / (PLACES + 1);
            rising = rising && (j == 0 || place[j] > place[j - 1]);
        }
        if (!rising) continue;
        for (int a = 0; a < 4; a++) {
            static const double share[] = {0.01, 0.5, 0.85, 0.97};
            for (int w = 0; w < 2; w++) {
                double width = (hi - lo) * (w ? 0.1 : 0.02);
                count += broken_start(p, share[a] * least, breaks, place, width, &out[count]);
            }
        }
    }
    qsort(out, (size_t)count, sizeof *out, by_score);
    return count;
}

int fit_starts(const struct fit_problem *p, int grid, int max, double (*t)[LAW_PARAMS])
{
    const struct law *law = p->law;
    if (grid < 2) grid = 2;
    if (grid > 30) grid = 30;
    if (scatter_has(law)) return scatter_starts(p, grid, max, t);
    struct start *out = malloc((size_t)(grid * grid + 512) * sizeof *out);
    double *work = malloc(2 * p->rows->n * sizeof *work);
    int n = 0;
    if (!out || !work) goto done;
    if (law->terms) {
        n = sum_starts(p, law->constant, law->terms, law->term, grid, out, work);
    } else if (!strcmp(law->name, "kaplan")) {
        n = kaplan_starts(p, grid, out, work);
    } else if (!strcmp(law->name, "coupled")) {
        static const double k[][2] = {{-0.5}, {0}, {0.3}};
        n = extended_starts(p, grid, out, work, 1, 3, k);
    } else if (!strcmp(law->name, "repeated")) {
        static const double r[][2] = {{2.7, 1.7}, {1, 1}, {4, 4}};
        n = extended_starts(p, grid, out, work, 2, 3, r);
    } else {
        n = broken_starts(p, out);
    }
    if (n > max) n = max;
    for (int i = 0; i < n; i++) memcpy(t[i], out[i].t, sizeof t[i]);
done:
    free(out);
    free(work);
    return n;
}
