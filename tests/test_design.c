/* Designs: the linear algebra against sums over all subsets, Farseer's published runs (where the file
 * is there), and simulated truth. LONG=1 simulates more. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fit/allocate.h"
#include "fit/design.h"
#include "fit/ols.h"
#include "fit/pick.h"
#include "fit/prior.h"
#include "fit/solve.h"
#include "src/base/rng.h"
#include "src/base/stats.h"

static const struct law *law_named(const char *name)
{
    struct err e;
    const struct law *law = law_find(name, &e);
    assert_non_null(law);
    return law;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- rows, candidates and what is held out: parts of one table in rising compute --- */

struct split {
    struct points rows, candidates, largest;
};

static void part(struct points *to, const struct points *from, const size_t *order, size_t n)
{
    struct err e;
    if (points_select(to, from, order, n, &e)) fail_msg("%s", e.text);
}

static int by_compute(const void *a, const void *b, void *context)
{
    const double *C = context;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    return C[i] != C[k] ? (C[i] > C[k]) - (C[i] < C[k]) : (i > k) - (i < k);
}

static void split_open(struct split *s, const struct points *all, size_t cheap, size_t largest)
{
    size_t *order = malloc(all->n * sizeof *order);
    for (size_t i = 0; i < all->n; i++) order[i] = i;
    qsort_r(order, all->n, sizeof *order, by_compute, all->C);
    part(&s->rows, all, order, cheap);
    part(&s->candidates, all, order + cheap, all->n - cheap - largest);
    part(&s->largest, all, order + all->n - largest, largest);
    free(order);
}

static void split_close(struct split *s)
{
    points_close(&s->rows);
    points_close(&s->candidates);
    points_close(&s->largest);
}

static double r_squared(const struct fit *f, const struct points *p)
{
    double mean = 0, error = 0, spread = 0;
    for (size_t i = 0; i < p->n; i++) mean += p->loss[i] / (double)p->n;
    for (size_t i = 0; i < p->n; i++) {
        double r = fit_predict(f, p->N[i], p->D[i], 0) - p->loss[i], d = p->loss[i] - mean;
        error += r * r;
        spread += d * d;
    }
    return 1 - error / spread;
}

/* The fit to the rows and these candidates; false where they do not determine the law. */
static bool fit_with(struct fit *f, const struct split *s, const struct law *law,
                     const size_t *chosen, size_t n)
{
    struct err e;
    struct points p;
    struct fit_data d;
    const struct fit_options o = {.objective = {.kind = OBJ_LOGLS, .ratio = 1}, .grid = 3};
    size_t *index = calloc(s->rows.n + n, sizeof *index);
    for (size_t i = 0; i < s->rows.n; i++) index[i] = i;
    part(&p, &s->rows, index, s->rows.n + n);
    for (size_t i = 0; i < n; i++) {
        p.N[s->rows.n + i] = s->candidates.N[chosen[i]];
        p.D[s->rows.n + i] = s->candidates.D[chosen[i]];
        p.loss[s->rows.n + i] = s->candidates.loss[chosen[i]];
    }
    bool fitted = !fit_data_open(&d, &p, law, POINTS_N, &e) && !fit_law(f, law, &d, &o, &e);
    fit_data_close(&d);
    points_close(&p);
    free(index);
    return fitted;
}

static double total(const struct points *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) sum += p->C[i];
    return sum;
}

static struct design_options options(const struct split *s, enum design_criterion criterion,
                                     double share)
{
    return (struct design_options){.law = law_named("coupled"),
                                   .criterion = criterion,
                                   .budget = share * total(&s->candidates),
                                   .level = 0.95,
                                   .misfit = DESIGN_MISFIT,
                                   .target_N = s->largest.N,
                                   .target_D = s->largest.D,
                                   .n_targets = s->largest.n,
                                   .rounds = 1};
}

/* Candidates in random order as long as the budget holds; the R^2 of the fit with them. */
static double random_choice(struct fit *f, const struct split *s, const struct law *law,
                            double budget, uint64_t seed)
{
    const size_t n = s->candidates.n;
    size_t *order = malloc(n * sizeof *order), count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = rng_below(17, seed, i, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->candidates.C[order[i]] > budget) continue;
        budget -= s->candidates.C[order[i]];
        order[count++] = order[i];
    }
    bool fitted = fit_with(f, s, law, order, count);
    free(order);
    return fitted ? r_squared(f, &s->largest) : -INFINITY;
}

static double median_of_random(const struct split *s, const struct law *law, double budget, int n)
{
    double *r = malloc((size_t)n * sizeof *r);
    struct fit f;
    for (int k = 0; k < n; k++) r[k] = random_choice(&f, s, law, budget, (uint64_t)k);
    double m = stats_median(r, (size_t)n);
    free(r);
    return m;
}

/* Chooses; the R^2 of the fit with the choice. The caller closes *d. */
static double chosen_r_squared(struct design *d, struct fit *f, const struct split *s,
                               const struct design_options *o)
{
    struct err e;
    if (design_choose(d, &s->rows, &s->candidates, s->candidates.C, o, &e)) fail_msg("%s", e.text);
    size_t *chosen = malloc((d->n + 1) * sizeof *chosen);
    for (size_t i = 0; i < d->n; i++) chosen[i] = d->step[i].candidate;
    assert_true(fit_with(f, s, o->law, chosen, d->n));
    free(chosen);
    return r_squared(f, &s->largest);
}

/* --- Farseer's runs --- */

static bool farseer(struct points *p)
{
    const char *shared = getenv("TRIPOD_SHARED");
    const char *const places[] = {shared ? shared : "../shared", "../../shared"};
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3};
    for (size_t i = 0; i < 2; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/data/farseer_train.csv", places[i]);
        if (csv_read(&c, path, &e)) continue;
        if (points_read(p, &c, &o, &e)) fail_msg("%s", e.text);
        csv_close(&c);
        return true;
    }
    return false;
}

/* The bars: R^2 on what is held out with 5 and with 10 % of what the candidates cost. */
static void farseer_rows(void **state)
{
    (void)state;
    static const size_t held[] = {7, 10, 14, 20, 40};
    static const double shares[] = {0.01, 0.05, 0.10};
    static const double bars[] = {0.6, 0.9, 0.93};
    static const char *const names[] = {"v", "d", "mse"};
    const int draws = getenv("LONG") ? 51 : 5;
    struct points all;
    if (!farseer(&all)) {
        printf("SKIP farseer_rows: no ../shared/data/farseer_train.csv (TRIPOD_SHARED names "
               "another folder)\n");
        skip();
    }
    for (size_t h = 0; h < sizeof held / sizeof *held; h++) {
        struct split s;
        split_open(&s, &all, 20, held[h]);
        printf("the largest %zu held out\n", held[h]);
        for (size_t b = 0; b < 3; b++) {
            const double budget = shares[b] * total(&s.candidates);
            const double random = median_of_random(&s, law_named("coupled"), budget, draws);
            for (size_t k = 0; k < 3; k++) {
                struct design d;
                struct fit f;
                struct design_options o = options(&s, (enum design_criterion)k, shares[b]);
                double clock = seconds(), r = chosen_r_squared(&d, &f, &s, &o);
                clock = seconds() - clock;
                printf("  %2.0f %% %-3s: R^2 %6.3f, random %6.3f, %3zu runs, %.0f ms, half-width "
                       "%.4f -> %.4f\n",
                       100 * shares[b], names[k], r, random, d.n, 1000 * clock, d.half,
                       d.step[d.n - 1].half);
                assert_true(d.spent <= budget && clock < 1);
                if (k != DESIGN_D && !(r > random && (k != DESIGN_V || r >= bars[b])))
                    fail_msg("R^2 %.3f, random %.3f", r, random);
                design_close(&d);
            }
        }
        split_close(&s);
    }
    points_close(&all);
}

/* --- pick's algebra --- */

enum { ROWS = 5, CANDIDATES = 10, P = 3, AT = 2 };

/* Places with gradients and a covariance between all of them: rows, candidates, targets. */
struct small {
    double j[ROWS + CANDIDATES + AT][P], K[ROWS + CANDIDATES + AT][ROWS + CANDIDATES + AT];
    double cost[CANDIDATES], sigma2, prior;
};

static void small_make(struct small *x, uint64_t seed)
{
    enum { ALL = ROWS + CANDIDATES + AT };
    double at[ALL][2];
    for (size_t i = 0; i < ALL; i++) {
        for (size_t k = 0; k < 2; k++) at[i][k] = 4 * rng_uniform(seed, i, k);
        x->j[i][0] = 1;
        x->j[i][1] = at[i][0];
        x->j[i][2] = at[i][1];
    }
    for (size_t i = 0; i < ALL; i++) {
        for (size_t k = 0; k < ALL; k++) {
            double a = at[i][0] - at[k][0], b = at[i][1] - at[k][1];
            x->K[i][k] = 0.3 * exp(-(a * a + b * b) / 2);
        }
    }
    for (size_t i = 0; i < CANDIDATES; i++) x->cost[i] = 1 + 9 * rng_uniform(seed, 99, i);
    x->sigma2 = 0.2;
    x->prior = 0.01;
}

/* The expected squared error by its definition: theta is sum_i M^-1 j_i y_i. */
static double by_definition(const struct small *x, unsigned subset)
{
    double M[P][2 * P] = {{0}}, sum = 0;
    size_t in[ROWS + CANDIDATES], n = 0;
    for (size_t i = 0; i < ROWS + CANDIDATES; i++) {
        if (i < ROWS || subset >> (i - ROWS) & 1) in[n++] = i;
    }
    for (int a = 0; a < P; a++) {
        for (int b = 0; b < P; b++) {
            M[a][b] = a == b ? x->prior : 0;
            for (size_t i = 0; i < n; i++) M[a][b] += x->j[in[i]][a] * x->j[in[i]][b];
        }
        M[a][P + a] = 1;
    }
    for (int c = 0; c < P; c++) { /* Gauss and Jordan */
        double pivot = M[c][c];
        for (int k = 0; k < 2 * P; k++) M[c][k] /= pivot;
        for (int r = 0; r < P; r++) {
            double f = r == c ? 0 : M[r][c];
            for (int k = 0; k < 2 * P; k++) M[r][k] -= f * M[c][k];
        }
    }
    for (size_t t = ROWS + CANDIDATES; t < ROWS + CANDIDATES + AT; t++) {
        double w[P], a[ROWS + CANDIDATES], variance = 0, bias = x->K[t][t];
        for (int k = 0; k < P; k++) {
            w[k] = 0;
            for (int l = 0; l < P; l++) w[k] += M[k][P + l] * x->j[t][l];
            variance += x->j[t][k] * w[k];
        }
        for (size_t i = 0; i < n; i++) {
            a[i] = 0;
            for (int k = 0; k < P; k++) a[i] += w[k] * x->j[in[i]][k];
            bias -= 2 * a[i] * x->K[in[i]][t];
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < n; k++) bias += a[i] * a[k] * x->K[in[i]][in[k]];
        }
        sum += (x->sigma2 * variance + bias) / AT;
    }
    return sum;
}

struct small_model {
    struct pick_model m;
    double kernel[CANDIDATES * CANDIDATES], at_target[CANDIDATES * P], at_rows[CANDIDATES * P];
};

static void small_model(struct small_model *s, const struct small *x)
{
    memset(s, 0, sizeof *s);
    struct pick_model *m = &s->m;
    *m = (struct pick_model){.p = P,
                             .n = CANDIDATES,
                             .row = x->j[ROWS],
                             .cost = x->cost,
                             .sigma2 = x->sigma2,
                             .kernel = s->kernel,
                             .at_target = s->at_target,
                             .at_rows = s->at_rows};
    for (size_t a = 0; a < P; a++) {
        m->there[a * P + a] = x->prior;
        for (size_t b = 0; b < P; b++) {
            for (size_t i = 0; i < ROWS; i++) {
                m->there[a * P + b] += x->j[i][a] * x->j[i][b];
                for (size_t k = 0; k < ROWS; k++)
                    m->rows[a * P + b] += x->K[i][k] * x->j[i][a] * x->j[k][b];
            }
        }
    }
    for (size_t t = ROWS + CANDIDATES; t < ROWS + CANDIDATES + AT; t++) {
        m->own += x->K[t][t] / AT;
        for (size_t a = 0; a < P; a++) {
            for (size_t b = 0; b < P; b++) {
                m->target[a * P + b] += x->j[t][a] * x->j[t][b] / AT;
                for (size_t i = 0; i < ROWS; i++)
                    m->cross[a * P + b] += x->K[i][t] * x->j[t][a] * x->j[i][b] / AT;
            }
            for (size_t i = 0; i < CANDIDATES; i++)
                s->at_target[i * P + a] += x->K[ROWS + i][t] * x->j[t][a] / AT;
        }
    }
    for (size_t i = 0; i < CANDIDATES; i++) {
        for (size_t k = 0; k < CANDIDATES; k++)
            s->kernel[i * CANDIDATES + k] = x->K[ROWS + i][ROWS + k];
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t a = 0; a < P; a++) s->at_rows[i * P + a] += x->K[ROWS + i][r] * x->j[r][a];
        }
    }
}

/* Errors along a choice are those of the definition; the choice is the best subset's or nearly so. */
static void small_designs(void **state)
{
    (void)state;
    int best_found = 0;
    const int sets = 200;
    for (int k = 0; k < sets; k++) {
        struct small x;
        struct small_model s;
        struct err e;
        size_t chosen[CANDIDATES], n;
        double error[CANDIDATES + 1], least = INFINITY, cost = 0;
        const double budget = 8 + k % 4 * 4;
        small_make(&x, (uint64_t)k + 1);
        small_model(&s, &x);
        assert_int_equal(pick(&s.m, NULL, budget, chosen, &n, &e), 0);
        assert_int_equal(pick_follow(&s.m, chosen, n, error, &e), 0);
        for (unsigned subset = 0; subset < 1u << CANDIDATES; subset++) {
            double sum = 0;
            for (unsigned i = 0; i < CANDIDATES; i++) sum += subset >> i & 1 ? x.cost[i] : 0;
            if (sum <= budget) least = fmin(least, by_definition(&x, subset));
        }
        unsigned subset = 0;
        for (size_t i = 0; i <= n; i++) {
            if (i) subset |= 1u << chosen[i - 1];
            if (i) cost += x.cost[chosen[i - 1]];
            double truth = by_definition(&x, subset);
            if (!(fabs(error[i] - truth) < 1e-10 * truth))
                fail_msg("set %d, %zu chosen: error %.15g, by definition %.15g", k, i, error[i],
                         truth);
        }
        assert_true(cost <= budget);
        best_found += error[n] < least * (1 + 1e-9);
        if (!(error[n] < 1.1 * least))
            fail_msg("set %d: error %.6g, the best subset's %.6g", k, error[n], least);
    }
    printf("the best of all subsets in %d of %d\n", best_found, sets);
    assert_true(best_found > 0.98 * sets);
}

/* --- simulated truth --- */

static const double truth[6] = {0.2655, 9.0, 23.19, 0.18468, 0.20061, 2.12};

/* The law, and a smooth departure of that size. */
static double true_loss(double N, double D, uint64_t seed, double misfit)
{
    const struct law_at at = {N, D, 0};
    const double a = rng_uniform(seed, 2, 0) * 6.283, b = rng_uniform(seed, 2, 1) * 6.283;
    return law_value(law_named("coupled"), truth, &at) *
           exp(misfit * sin(a + log(N)) * cos(b + log(D)));
}

/* Farseer's kind of sweep. */
static void sweep(struct points *p, uint64_t seed, double noise, double misfit)
{
    struct err e;
    struct csv c;
    const struct points_options o = {.need = 3, .no_loss = true};
    char *text = malloc(64 * 400);
    size_t size = (size_t)sprintf(text, "N,D\n");
    for (int i = 0; i < 13; i++) {
        for (int k = 0; k < 13; k++) {
            double N = 1e8 * pow(2, i / 2.0), D = 1e9 * pow(2, k / 2.0 + 1);
            if (6 * N * D < 4e21) size += (size_t)sprintf(text + size, "%.8g,%.8g\n", N, D);
        }
    }
    if (csv_read_memory(&c, "sweep", text, size, &e) || points_read(p, &c, &o, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < p->n; i++)
        p->loss[i] =
            true_loss(p->N[i], p->D[i], seed, misfit) * exp(noise * rng_gaussian(seed, 1, i));
    csv_close(&c);
    free(text);
}

/* Every k-th candidate in rising compute, k as the budget wants it. */
static double grid_choice(struct fit *f, const struct split *s, const struct law *law,
                          double budget)
{
    size_t *chosen = malloc(s->candidates.n * sizeof *chosen), n;
    for (size_t step = 1;; step++) {
        double cost = 0;
        n = 0;
        for (size_t i = step / 2; i < s->candidates.n; i += step) {
            chosen[n++] = i;
            cost += s->candidates.C[i];
        }
        if (cost <= budget) break;
    }
    assert_true(fit_with(f, s, law, chosen, n));
    free(chosen);
    return r_squared(f, &s->largest);
}

static double squared_error(const struct fit *f, const struct points *p, uint64_t departure,
                            double misfit)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double L = true_loss(p->N[i], p->D[i], departure, misfit);
        sum += pow(log(fit_predict(f, p->N[i], p->D[i], 0) / L), 2) / (double)p->n;
    }
    return sum;
}

/* Designs against random choices and a grid of the same cost: the mean squared error at the target and
 * the median R^2. */
static void simulated_truth(void **state)
{
    (void)state;
    const int sets = getenv("LONG") ? 200 : 40;
    static const double misfits[] = {0, 0.003};
    for (size_t m = 0; m < 2; m++) {
        double error[3] = {0}, *r[3];
        for (int k = 0; k < 3; k++) r[k] = malloc((size_t)sets * sizeof *r[k]);
        for (int i = 0; i < sets; i++) {
            struct points all;
            struct split s;
            struct design d;
            struct fit f;
            const uint64_t seed = 1000 * (m + 1) + (uint64_t)i;
            sweep(&all, seed, 0.003, misfits[m]);
            split_open(&s, &all, 20, 12);
            const struct design_options o = options(&s, DESIGN_V, 0.1);
            r[0][i] = chosen_r_squared(&d, &f, &s, &o);
            error[0] += squared_error(&f, &s.largest, seed, misfits[m]) / sets;
            r[1][i] = random_choice(&f, &s, o.law, o.budget, seed);
            error[1] += squared_error(&f, &s.largest, seed, misfits[m]) / sets;
            r[2][i] = grid_choice(&f, &s, o.law, o.budget);
            error[2] += squared_error(&f, &s.largest, seed, misfits[m]) / sets;
            design_close(&d);
            split_close(&s);
            points_close(&all);
        }
        double median[3];
        for (int k = 0; k < 3; k++) {
            median[k] = stats_median(r[k], (size_t)sets);
            free(r[k]);
        }
        printf(
            "misfit %.3f, %d sets: rms error of ln L design %.5f, random %.5f, grid %.5f; median "
            "R^2 %.3f, %.3f, %.3f\n",
            misfits[m], sets, sqrt(error[0]), sqrt(error[1]), sqrt(error[2]), median[0], median[1],
            median[2]);
        assert_true(error[0] < error[1] && error[0] < error[2]);
        assert_true(median[0] > median[1] && median[0] > median[2]);
    }
}

/* The half-width of ln N* is the delta method's, with a gradient by differences. */
static void optimum_target(void **state)
{
    (void)state;
    struct points all;
    struct split s;
    struct design d;
    struct err e;
    double M[6][6] = {{0}}, a[LAW_HESSIAN], g[6], v[6], sd[LAW_PARAMS], variance = 0;
    const double C = 3e21, step = 1e-4;
    sweep(&all, 5, 0.003, 0);
    split_open(&s, &all, 100, 12);
    struct design_options o = options(&s, DESIGN_V, 0.1);
    o.misfit = 0;
    o.optimum = C;
    if (design_choose(&d, &s.rows, &s.candidates, s.candidates.C, &o, &e)) fail_msg("%s", e.text);
    prior_width(o.law, sd);
    for (int i = 0; i < 6; i++) {
        double ln_N[2];
        M[i][i] = pow(d.sigma / sd[i], 2);
        for (int side = 0; side < 2; side++) {
            double t[LAW_PARAMS], params[LAW_PARAMS];
            struct allocation best;
            const struct allocate p = {.law = o.law, .params = params};
            memcpy(t, d.fit.t, sizeof t);
            t[i] += side ? step : -step;
            law_to_natural(o.law, d.fit.centre, t, params);
            assert_int_equal(allocate_optimum(&p, C, &best, &e), 0);
            ln_N[side] = log(best.N);
        }
        v[i] = g[i] = (ln_N[1] - ln_N[0]) / (2 * step);
    }
    for (size_t r = 0; r < s.rows.n; r++) {
        double j[LAW_PARAMS], h[LAW_HESSIAN];
        const double x[3] = {log(s.rows.N[r]) - d.fit.centre[0], log(s.rows.D[r]) - d.fit.centre[1],
                             0};
        const double L = law_internal(o.law, d.fit.t, x, d.fit.centre, j, h);
        for (int i = 0; i < 6; i++) {
            for (int k = 0; k < 6; k++) M[i][k] += j[i] * j[k] / (L * L);
        }
    }
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k <= i; k++) a[PACKED(i, k)] = M[i][k];
    }
    assert_true(cholesky(6, a));
    cholesky_solve(6, a, v);
    for (int i = 0; i < 6; i++) variance += g[i] * v[i] * d.sigma * d.sigma;
    const double half = ols_t(0.95, (double)s.rows.n - 6) * sqrt(variance);
    if (!(fabs(d.target[0].half / half - 1) < 1e-3))
        fail_msg("half-width %.6g, by differences %.6g", d.target[0].half, half);
    assert_true(d.target[0].half_after < d.target[0].half);
    design_close(&d);
    split_close(&s);
    points_close(&all);
}

/* In rounds the fit sees losses, and no more than the budget is spent; the same for any thread count
 * is fit's own test. */
static void rounds(void **state)
{
    (void)state;
    struct points all;
    struct split s;
    struct design d;
    struct err e;
    sweep(&all, 6, 0.003, 0.003);
    split_open(&s, &all, 20, 12);
    struct design_options o = options(&s, DESIGN_MSE, 0.05);
    o.rounds = 4;
    if (design_choose(&d, &s.rows, &s.candidates, s.candidates.C, &o, &e)) fail_msg("%s", e.text);
    bool *seen = calloc(s.candidates.n, sizeof *seen);
    double spent = 0, weights = 0;
    for (size_t i = 0; i < d.n; i++) {
        assert_false(seen[d.step[i].candidate]);
        seen[d.step[i].candidate] = true;
        spent += s.candidates.C[d.step[i].candidate];
        assert_true(d.step[i].round >= 1 && d.step[i].round <= 4);
        assert_true(i == 0 || d.step[i].round >= d.step[i - 1].round);
    }
    for (size_t k = 0; k < d.laws; k++) weights += d.law[k].weight;
    assert_true(fabs(spent - d.spent) <= 1e-9 * spent && spent <= o.budget);
    assert_true(d.laws >= 4 && fabs(weights - 1) < 1e-12);
    assert_int_equal(d.last.rows, s.rows.n + d.n);
    assert_true(d.target[0].half_after < d.target[0].half);
    free(seen);
    design_close(&d);
    s.candidates.loss[3] = NAN;
    assert_int_equal(design_choose(&d, &s.rows, &s.candidates, s.candidates.C, &o, &e), -1);
    assert_non_null(strstr(e.text, "no loss"));
    design_close(&d);
    split_close(&s);
    points_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_designs), cmocka_unit_test(optimum_target),
        cmocka_unit_test(rounds),        cmocka_unit_test(simulated_truth),
        cmocka_unit_test(farseer_rows),
    };
    return cmocka_run_group_tests_name("design", tests, NULL, NULL);
}
