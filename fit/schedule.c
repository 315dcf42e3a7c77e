/* schedule.c - see schedule.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/csv.h"

enum { PIECES = 48 };

/* The last knot at or before a step, at most n - 2. */
static size_t knot(const struct schedule_curve *c, double step)
{
    size_t lo = 0, hi = c->n - 1;
    while (hi - lo > 1) {
        size_t middle = (lo + hi) / 2;
        if (c->step[middle] <= step)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

double schedule_rate(const struct schedule_curve *c, double step)
{
    size_t k = knot(c, step);
    if (step <= c->step[0]) return c->rate[0];
    if (step >= c->step[c->n - 1]) return c->rate[c->n - 1];
    double share = (step - c->step[k]) / (c->step[k + 1] - c->step[k]);
    return c->rate[k] + share * (c->rate[k + 1] - c->rate[k]);
}

double schedule_area(const struct schedule_curve *c, double step)
{
    size_t k = knot(c, step);
    if (step <= c->step[0]) return c->rate[0] * step;
    if (step >= c->step[c->n - 1])
        return c->area[c->n - 1] + c->rate[c->n - 1] * (step - c->step[c->n - 1]);
    return c->area[k] + 0.5 * (c->rate[k] + schedule_rate(c, step)) * (step - c->step[k]);
}

static void add_drop(struct schedule_curve *c, double from, double to)
{
    double middle = 0.5 * (from + to), rate = schedule_rate(c, from);
    c->drop[c->n_drops++] = (struct schedule_drop){
        from, to, rate - schedule_rate(c, to), schedule_rate(c, middle), schedule_area(c, middle)};
}

/* Areas, and the drops: long pieces are cut, and short ones put together, into about PIECES. */
static int prepare(struct schedule_curve *c, struct err *e)
{
    size_t first = 0;
    double fall = 0;
    c->area = malloc(c->n * sizeof *c->area);
    c->drop = malloc((3 * PIECES + 8) * sizeof *c->drop);
    if (!c->area || !c->drop) return err_memory(e, NULL);
    c->area[0] = c->rate[0] * c->step[0];
    for (size_t i = 1; i < c->n; i++)
        c->area[i] =
            c->area[i - 1] + 0.5 * (c->rate[i] + c->rate[i - 1]) * (c->step[i] - c->step[i - 1]);
    while (first + 1 < c->n && c->rate[first + 1] >= c->rate[first]) first++;
    for (size_t i = first; i + 1 < c->n; i++) fall += fabs(c->rate[i + 1] - c->rate[i]);
    double span = c->step[c->n - 1] - c->step[first], most = span / PIECES, part = fall / PIECES;
    double from = c->step[first];
    for (size_t i = first; i + 1 < c->n && fall > 0; i++) {
        double to = c->step[i + 1], change = c->rate[i + 1] - c->rate[i];
        bool last = i + 2 == c->n || (c->rate[i + 2] - c->rate[i + 1]) * change <= 0;
        double gone = fabs(schedule_rate(c, from) - c->rate[i + 1]);
        if (change == 0) {
            from = to;
            continue;
        }
        if (!last && gone < part && to - from < most) continue; /* with the next */
        double cuts = fmax(ceil(gone / part - 1e-9), ceil((to - from) / most - 1e-9));
        /* What was put together stands before this piece, whose own rate is linear. */
        int n = (int)fmin(fmax(cuts, 1), PIECES);
        if (c->n_drops + (size_t)n > 3 * PIECES + 8) n = 1;
        for (int k = 0; k < n && c->n_drops < 3 * PIECES + 8; k++)
            add_drop(c, from + (to - from) * k / n,
                     k + 1 == n ? to : from + (to - from) * (k + 1) / n);
        from = to;
    }
    return 0;
}

static int pythia(struct schedule *s, struct err *e)
{
    enum { KNOTS = 1001, WARM = 1430, STEPS = 143000 };
    struct schedule_curve *c = s->curve = calloc(1, sizeof *c);
    if (!c) return err_memory(e, NULL);
    s->n = 1;
    c->n = KNOTS + 1;
    c->step = malloc(c->n * sizeof *c->step);
    c->rate = malloc(c->n * sizeof *c->rate);
    if (!c->step || !c->rate) return err_memory(e, NULL);
    c->step[0] = c->rate[0] = 0;
    for (int i = 0; i < KNOTS; i++) {
        double share = (double)i / (KNOTS - 1);
        c->step[i + 1] = WARM + share * (STEPS - WARM);
        c->rate[i + 1] = 0.1 + 0.45 * (1 + cos(3.14159265358979323846 * share));
    }
    return prepare(c, e);
}

static long column(const struct csv *c, const char *const *names)
{
    for (; *names; names++) {
        long k = csv_find(c, *names);
        if (k != CSV_NONE) return k;
    }
    return CSV_NONE;
}

/* The curve of a run, added when new. */
static struct schedule_curve *curve_of(struct schedule *s, const char *run, size_t rows,
                                       struct err *e)
{
    for (size_t i = s->n; i-- > 0;) {
        if (!run || !strcmp(s->curve[i].run, run)) return &s->curve[i];
    }
    struct schedule_curve *more = realloc(s->curve, (s->n + 1) * sizeof *more), *c;
    if (more) s->curve = more;
    if (!more) {
        err_memory(e, s->name);
        return NULL;
    }
    c = &more[s->n];
    *c = (struct schedule_curve){.run = run ? strdup(run) : NULL,
                                 .step = malloc(rows * sizeof *c->step),
                                 .rate = malloc(rows * sizeof *c->rate)};
    s->n++;
    if (c->step && c->rate && (!run || c->run)) return c;
    err_memory(e, s->name);
    return NULL;
}

static int read_rows(struct schedule *s, const struct csv *c, struct err *e)
{
    static const char *const steps[] = {"step", "steps", "iteration", NULL},
                             *const rates[] = {"lr", "learning_rate", "eta", "rate", NULL},
                             *const runs[] = {"run", "schedule", "model", NULL};
    long at[3] = {column(c, steps), column(c, rates), column(c, runs)};
    if (at[0] == CSV_TWICE || at[1] == CSV_TWICE || at[2] == CSV_TWICE)
        return err_set(e, "%s: line %zu: expected one column each for step, lr and run, found two",
                       c->path, c->line[0]);
    if (at[0] < 0) return csv_missing(c, e, "step", "the step");
    if (at[1] < 0) return csv_missing(c, e, "lr", "the learning rate");
    for (size_t i = 0; i < c->rows; i++) {
        const char *run = at[2] >= 0 ? csv_field(c, i, (size_t)at[2]) : NULL;
        struct schedule_curve *u = curve_of(s, run, c->rows, e);
        double step, rate;
        if (!u || csv_number(c, i, (size_t)at[0], &step, e) ||
            csv_number(c, i, (size_t)at[1], &rate, e))
            return -1;
        if (!(rate >= 0))
            return csv_err(c, i, (size_t)at[1], e, "expected a rate of at least 0, found %g", rate);
        if (!(step >= 0) || (u->n && !(step > u->step[u->n - 1])))
            return csv_err(c, i, (size_t)at[0], e,
                           "expected steps that rise from row to row of a run, found %g", step);
        u->step[u->n] = step;
        u->rate[u->n++] = rate;
    }
    for (size_t i = 0; i < s->n; i++) {
        struct schedule_curve *u = &s->curve[i];
        const char *run = u->run ? u->run : "its run";
        if (u->n < 2)
            return err_set(e, "%s: expected at least 2 steps of %.60s, found 1", c->path, run);
        if (prepare(u, e)) return -1;
        if (!(u->area[u->n - 1] > 0))
            return err_set(e, "%s: every rate of %.60s is 0", c->path, run);
    }
    return 0;
}

int schedule_rows(struct schedule *s, const struct csv *c, struct err *e)
{
    *s = (struct schedule){.name = strdup(c->path)};
    int status = s->name ? read_rows(s, c, e) : err_memory(e, c->path);
    if (status) schedule_close(s);
    return status;
}

int schedule_read(struct schedule *s, const char *name, struct err *e)
{
    struct csv c;
    *s = (struct schedule){.name = NULL};
    if (strcmp(name, "pythia")) {
        if (csv_read(&c, name, e)) return -1;
        int status = schedule_rows(s, &c, e);
        csv_close(&c);
        return status;
    }
    s->name = strdup(name);
    int status = s->name ? pythia(s, e) : err_memory(e, name);
    if (status) schedule_close(s);
    return status;
}

void schedule_close(struct schedule *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct schedule_curve *c = &s->curve[i];
        free(c->run);
        free(c->step);
        free(c->rate);
        free(c->area);
        free(c->drop);
    }
    free(s->curve);
    free(s->name);
    *s = (struct schedule){0};
}

size_t schedule_number(const struct schedule *s, const char *run)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!s->curve[i].run || !strcmp(s->curve[i].run, run)) return i + 1;
    }
    return 0;
}

int schedule_holds(const struct schedule *s, double number, double step, struct err *e)
{
    if (!(number >= 1 && number <= (double)s->n && number == floor(number)))
        return err_set(e, "%s: expected the number of a schedule from 1 to %zu, found %g", s->name,
                       s->n, number);
    const struct schedule_curve *c = &s->curve[(size_t)number - 1];
    if (step > c->step[c->n - 1])
        return err_set(e, "step %.0f lies beyond the schedule of %s, which ends at step %.0f", step,
                       s->name, c->step[c->n - 1]);
    if (!(schedule_area(c, step) > 0))
        return err_set(e, "no learning rate was spent by step %.0f (%s)", step, s->name);
    return 0;
}

int schedule_check(const struct schedule *s, const struct points *p, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *run = p->run_names[p->run[i]];
        const size_t k = schedule_number(s, run);
        if (!k)
            return err_set(e, "%s: line %zu: %s has no schedule for run '%.60s'", p->path,
                           p->line[i], s->name, run);
        if (schedule_holds(s, (double)k, p->step[i], e))
            return err_prefix(e, "%s: line %zu", p->path, p->line[i]);
    }
    return 0;
}
