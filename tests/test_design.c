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

#include "fit/design.h"
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

/* The fit to the rows and these candidates. */
static void fit_with(struct fit *f, const struct split *s, const struct law *law,
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
    if (fit_data_open(&d, &p, law, POINTS_N, &e) || fit_law(f, law, &d, &o, &e))
        fail_msg("%s", e.text);
    fit_data_close(&d);
    points_close(&p);
    free(index);
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
static double random_choice(const struct split *s, const struct law *law, double budget,
                            uint64_t seed)
{
    const size_t n = s->candidates.n;
    size_t *order = malloc(n * sizeof *order), count = 0;
    struct fit f;
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
    fit_with(&f, s, law, order, count);
    free(order);
    return r_squared(&f, &s->largest);
}

static double median_of_random(const struct split *s, const struct law *law, double budget, int n)
{
    double *r = malloc((size_t)n * sizeof *r);
    for (int k = 0; k < n; k++) r[k] = random_choice(s, law, budget, (uint64_t)k);
    double m = stats_median(r, (size_t)n);
    free(r);
    return m;
}

/* Chooses; the R^2 of the fit with the choice. The caller closes *d. */
static double chosen_r_squared(struct design *d, const struct split *s,
                               const struct design_options *o)
{
    struct err e;
    struct fit f;
    if (design_choose(d, &s->rows, &s->candidates, s->candidates.C, o, &e)) fail_msg("%s", e.text);
    size_t *chosen = malloc((d->n + 1) * sizeof *chosen);
    for (size_t i = 0; i < d->n; i++) chosen[i] = d->step[i].candidate;
    fit_with(&f, s, o->law, chosen, d->n);
    free(chosen);
    return r_squared(&f, &s->largest);
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
                struct design_options o = options(&s, (enum design_criterion)k, shares[b]);
                double clock = seconds(), r = chosen_r_squared(&d, &s, &o);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(farseer_rows),
    };
    return cmocka_run_group_tests_name("design", tests, NULL, NULL);
}
