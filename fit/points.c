/* points.c - reads, filters and examines training runs; see points.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/points.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fit/where.h"

/* --- messages --- */

int points_note(struct points *p, struct err *e, const char *format, ...)
{
    va_list args;
    char text[512];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < p->n_notes; i++) {
        if (!strcmp(p->notes[i], text)) return 0;
    }
    char **more = realloc(p->notes, (p->n_notes + 1) * sizeof *more);
    if (more) p->notes = more;
    char *copy = strdup(text);
    if (!more || !copy) {
        free(copy);
        return err_memory(e, p->path);
    }
    p->notes[p->n_notes++] = copy;
    return 0;
}

static int drop(struct points *p, struct err *e, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int drop(struct points *p, struct err *e, size_t line, const char *format, ...)
{
    if ((p->n_dropped & (p->n_dropped - 1)) == 0) {
        size_t room = p->n_dropped ? 2 * p->n_dropped : 1;
        struct points_drop *more = realloc(p->dropped, room * sizeof *more);
        if (!more) return err_memory(e, p->path);
        p->dropped = more;
    }
    struct points_drop *d = &p->dropped[p->n_dropped++];
    va_list args;
    va_start(args, format);
    vsnprintf(d->reason, sizeof d->reason, format, args);
    va_end(args);
    d->line = line;
    return 0;
}

/* --- columns --- */

struct plan {
    long column[POINTS_COLUMNS]; /* -1: none */
    enum points_unit unit;
};

/* Before any conversion: can the losses be in the unit that the header says or leaves open? */
static int check_unit(const struct plan *plan, struct points *p, const struct csv *c, struct err *e)
{
    double *losses = malloc((c->rows + 1) * sizeof *losses);
    if (!losses) return err_memory(e, c->path);
    for (size_t i = 0; i < c->rows; i++) {
        if (csv_parse_number(csv_field(c, i, (size_t)plan->column[POINTS_LOSS]), &losses[i]))
            losses[i] = NAN;
    }
    char text[200];
    int doubt = points_doubt_unit(losses, c->rows, plan->unit, text, sizeof text);
    free(losses);
    if (doubt < 0) return err_set(e, "%s: column '%s': %s", c->path, p->column[POINTS_LOSS], text);
    return doubt ? points_note(p, e, "%s", text) : 0;
}

static int find_columns(struct plan *plan, struct points *p, const struct csv *c,
                        const struct points_options *o, struct err *e)
{
    plan->unit = o->unit;
    for (int k = 0; k < POINTS_COLUMNS; k++) {
        plan->column[k] = -1;
        if (o->column[k]) {
            long found = csv_find(c, o->column[k]);
            if (found == CSV_TWICE)
                return err_set(e, "%s: line %zu: expected one column '%s', found several", c->path,
                               c->line[0], o->column[k]);
            if (found == CSV_NONE) return csv_missing(c, e, o->column[k], points_text(k));
            plan->column[k] = found;
        }
        const char *name;
        for (size_t i = 0; !o->column[k] && (name = points_name(k, i)); i++) {
            long first = -1;
            for (size_t m = 0; m < c->columns; m++) {
                if (!points_same_name(csv_header(c, m), name)) continue;
                if (first >= 0)
                    return err_set(
                        e, "%s: line %zu: expected one column for %s, found '%s' and '%s'", c->path,
                        c->line[0], points_text(k), csv_header(c, (size_t)first), csv_header(c, m));
                first = (long)m;
            }
            if (first < 0) continue;
            if (plan->column[k] < 0) {
                plan->column[k] = first;
            } else if (k == POINTS_N || (k == POINTS_LOSS && points_unit_of(name) == UNIT_AUTO)) {
                /* Not silently: two columns could stand for it. */
                if (points_note(p, e, "%s is column '%s'; '%s' is not used", points_text(k),
                                csv_header(c, (size_t)plan->column[k]),
                                csv_header(c, (size_t)first)))
                    return -1;
            }
        }
        if (plan->column[k] < 0) continue;
        p->column[k] = strdup(csv_header(c, (size_t)plan->column[k]));
        if (!p->column[k]) return err_memory(e, c->path);
    }
    if (plan->column[POINTS_LOSS] < 0) return o->no_loss ? 0 : csv_missing(c, e, NULL, "the loss");
    plan->unit = o->unit == UNIT_AUTO ? points_unit_of(p->column[POINTS_LOSS]) : o->unit;
    char taken[400];
    if (points_taken(p->column, o->need, taken, sizeof taken) &&
        points_note(p, e, "columns: %s", taken))
        return -1;
    if (o->unit == UNIT_AUTO && check_unit(plan, p, c, e)) return -1;
    if (plan->unit == UNIT_PERPLEXITY) p->loss_conversion = "ln(perplexity)";
    if (plan->unit == UNIT_BITS) p->loss_conversion = "bits x ln 2";
    return 0;
}

/* --- rows --- */

static int allocate(struct points *p, size_t n)
{
    double **arrays[] = {&p->N,      &p->D,          &p->C,       &p->loss,  &p->step,
                         &p->unique, &p->vocabulary, &p->outcome, &p->weight};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = malloc(n * sizeof **arrays[i]);
        if (!*arrays[i]) return -1;
    }
    p->line = malloc(n * sizeof *p->line);
    p->run = malloc(n * sizeof *p->run);
    p->by = malloc(n * sizeof *p->by);
    return p->line && p->run && p->by ? 0 : -1;
}

static void copy_row(struct points *to, size_t i, const struct points *from, size_t k)
{
    to->N[i] = from->N[k];
    to->D[i] = from->D[k];
    to->C[i] = from->C[k];
    to->loss[i] = from->loss[k];
    to->step[i] = from->step[k];
    to->unique[i] = from->unique[k];
    to->vocabulary[i] = from->vocabulary[k];
    to->outcome[i] = from->outcome[k];
    to->weight[i] = from->weight[k];
    to->line[i] = from->line[k];
    to->run[i] = from->run[k];
    to->by[i] = from->by[k];
}

/* Index of a name, added when new. Runs come in blocks, so the last one is tried first. */
static int name_index(char ***names, size_t *n, const char *name, size_t *index)
{
    for (size_t i = *n; i-- > 0;) {
        if (!strcmp((*names)[i], name)) {
            *index = i;
            return 0;
        }
    }
    char **more = realloc(*names, (*n + 1) * sizeof *more);
    if (!more) return -1;
    *names = more;
    more[*n] = strdup(name);
    if (!more[*n]) return -1;
    *index = (*n)++;
    return 0;
}

static bool is_absent(const char *text)
{
    static const char *const words[] = {"", "na", "n/a", "nan", "null", "none", "-", "inf", "-inf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcasecmp(text, words[i])) return true;
    }
    return false;
}

/* A row of the table as the next point. *kept tells whether it can be used. */
static int read_row(struct points *p, const struct csv *c, size_t row, const struct plan *plan,
                    const struct points_options *o, bool *kept, struct err *e)
{
    double v[POINTS_RUN];
    const size_t line = c->line[row + 1];
    *kept = false;
    for (int k = 0; k < POINTS_RUN; k++) {
        v[k] = NAN;
        if (plan->column[k] < 0) continue;
        size_t column = (size_t)plan->column[k];
        const char *text = csv_field(c, row, column);
        bool needed = (k == POINTS_LOSS && !o->no_loss) || k == POINTS_WEIGHT || (o->need >> k & 1);
        if (is_absent(text)) {
            if (!needed) continue;
            return drop(p, e, line, "%s is '%s' (column %zu, %.40s)", points_text(k), text,
                        column + 1, csv_header(c, column));
        }
        if (csv_number(c, row, column, &v[k], e)) {
            /* A column recognised by name but not asked for may hold anything. */
            if (o->column[k] || needed || (k <= POINTS_C && o->need & 7)) return -1;
            v[k] = NAN;
        }
    }
    if (plan->unit == UNIT_PERPLEXITY) v[POINTS_LOSS] = log(v[POINTS_LOSS]);
    if (plan->unit == UNIT_BITS) v[POINTS_LOSS] *= 0.69314718055994530942;
    double n = v[POINTS_N], d = v[POINTS_D], flop = v[POINTS_C], per_token = 6 * n;
    if (o->flops) {
        if (o->flops->per_token(o->flops->context, c, row, &per_token, e)) return -1;
        flop = isnan(d) ? flop : per_token * d;
    }
    if (isnan(flop))
        flop = d * per_token;
    else if (isnan(d))
        d = flop / per_token;
    else if (isnan(n))
        n = flop / (6 * d);
    v[POINTS_N] = n;
    v[POINTS_D] = d;
    v[POINTS_C] = flop;
    for (int k = 0; k < POINTS_RUN; k++) {
        bool needed = (k == POINTS_LOSS && !o->no_loss) || (o->need >> k & 1);
        if (needed && !(v[k] > 0))
            return isnan(v[k])
                       ? drop(p, e, line, "%s is not known", points_text(k))
                       : drop(p, e, line, "%s is %g: expected more than 0", points_text(k), v[k]);
    }
    if (plan->column[POINTS_WEIGHT] < 0) v[POINTS_WEIGHT] = 1;
    if (v[POINTS_WEIGHT] < 0)
        return csv_err(c, row, (size_t)plan->column[POINTS_WEIGHT], e,
                       "expected a weight of at least 0, found %g", v[POINTS_WEIGHT]);
    if (v[POINTS_WEIGHT] == 0) return drop(p, e, line, "its weight is 0");
    size_t i = p->n;
    p->N[i] = n;
    p->D[i] = d;
    p->C[i] = flop;
    p->loss[i] = v[POINTS_LOSS];
    p->step[i] = v[POINTS_STEP];
    p->unique[i] = v[POINTS_UNIQUE];
    p->vocabulary[i] = v[POINTS_VOCABULARY];
    p->outcome[i] = v[POINTS_OUTCOME];
    p->weight[i] = v[POINTS_WEIGHT];
    p->line[i] = line;
    p->run[i] = p->by[i] = 0;
    long run = plan->column[POINTS_RUN], by = plan->column[POINTS_BY];
    if ((run >= 0 &&
         name_index(&p->run_names, &p->n_runs, csv_field(c, row, (size_t)run), &p->run[i])) ||
        (by >= 0 && name_index(&p->by_names, &p->n_by, csv_field(c, row, (size_t)by), &p->by[i])))
        return err_memory(e, c->path);
    *kept = true;
    return 0;
}

static int keep_last(struct points *p, struct err *e)
{
    double *top = malloc((p->n_runs + 1) * sizeof *top);
    if (!top) return err_memory(e, p->path);
    for (size_t i = 0; i < p->n_runs + 1; i++) top[i] = -INFINITY;
    for (size_t i = 0; i < p->n; i++) top[p->run[i]] = fmax(top[p->run[i]], p->step[i]);
    size_t n = 0;
    int status = 0;
    for (size_t i = 0; i < p->n && !status; i++) {
        if (p->step[i] == top[p->run[i]])
            copy_row(p, n++, p, i);
        else
            status = drop(p, e, p->line[i], "step %.0f is not the last of its run", p->step[i]);
    }
    p->n = n;
    free(top);
    return status;
}

static int keep_steps(struct points *p, const struct points_options *o, struct err *e)
{
    const unsigned step = 1u << POINTS_STEP, both = step | 1u << POINTS_RUN;
    if (!p->n) return 0;
    if (o->last) return p->have & step ? keep_last(p, e) : 0;
    if (!o->last_noted || (p->have & both) != both || p->n_runs == p->n) return 0;
    if (keep_last(p, e)) return -1;
    return points_note(p, e,
                       "only the last step of each run is used; --all-steps keeps the others");
}

static int drop_highest(struct points *p, size_t k, struct err *e)
{
    if (k >= p->n)
        return err_set(e, "%s: cannot drop the %zu highest losses of %zu rows", p->path, k, p->n);
    double *sorted = malloc(p->n * sizeof *sorted);
    if (!sorted) return err_memory(e, p->path);
    memcpy(sorted, p->loss, p->n * sizeof *sorted);
    gsl_sort(sorted, 1, p->n);
    double bar = sorted[p->n - k];
    free(sorted);
    size_t n = 0;
    int status = 0;
    for (size_t i = 0; i < p->n && !status; i++) {
        if (p->loss[i] < bar)
            copy_row(p, n++, p, i);
        else
            status = drop(p, e, p->line[i], "loss %.6g is one of the %zu highest", p->loss[i], k);
    }
    p->n = n;
    return status;
}

static bool listed(size_t line, const struct points_options *o)
{
    for (size_t i = 0; i < o->n_drop_lines; i++) {
        if (o->drop_lines[i] == line) return true;
    }
    return false;
}

/* A row that was to be dropped and is not would go unnoticed. */
static int find_listed(const struct csv *c, const struct points_options *o, struct err *e)
{
    for (size_t i = 0; i < o->n_drop_lines; i++) {
        size_t row = 1;
        while (row <= c->rows && c->line[row] != o->drop_lines[i]) row++;
        if (row > c->rows)
            return err_set(e, "%s: --drop-line %zu: expected a line with a row, %zu to %zu",
                           c->path, o->drop_lines[i], c->line[1], c->line[c->rows]);
    }
    return 0;
}

static int default_names(struct points *p, struct err *e)
{
    size_t ignored;
    if ((p->n_runs == 0 && name_index(&p->run_names, &p->n_runs, "all", &ignored)) ||
        (p->n_by == 0 && name_index(&p->by_names, &p->n_by, "all", &ignored)))
        return err_memory(e, p->path);
    return 0;
}

static void derived(struct points *p, const struct points_options *o)
{
    unsigned ndc = p->have & 7;
    for (int k = POINTS_N; k <= POINTS_C; k++) {
        if (ndc == (7u & ~(1u << k))) {
            p->have |= 1u << k;
            p->flop_rule = "6ND";
        }
    }
    if (o->flops && p->have & 1u << POINTS_C) p->flop_rule = o->flops->name;
}

static int read_rows(struct points *p, const struct csv *c, const struct plan *plan,
                     const struct points_options *o, const struct where *where, struct err *e)
{
    for (size_t row = 0; row < c->rows; row++) {
        size_t line = c->line[row + 1];
        if (listed(line, o)) {
            if (drop(p, e, line, "named in --drop-line")) return -1;
            continue;
        }
        size_t w = 0;
        while (w < o->n_where && where_holds(&where[w], c, row)) w++;
        if (w < o->n_where) {
            if (drop(p, e, line, "--where %.40s%s%.40s does not hold", where[w].column, where[w].op,
                     where[w].value))
                return -1;
            continue;
        }
        bool kept;
        if (read_row(p, c, row, plan, o, &kept, e)) return -1;
        p->n += kept;
    }
    if (keep_steps(p, o, e)) return -1;
    if (p->n && o->drop_highest && drop_highest(p, o->drop_highest, e)) return -1;
    if (p->n == 0) {
        const struct points_drop *d = p->dropped;
        return err_set(e, "%s: no row is left of %zu; line %zu: %s", c->path, c->rows,
                       d ? d->line : 0, d ? d->reason : "nothing read");
    }
    return 0;
}

int points_read(struct points *p, const struct csv *c, const struct points_options *o,
                struct err *e)
{
    struct plan plan = {.unit = UNIT_AUTO};
    struct where *where = NULL;
    *p = (struct points){.hash = c->hash};
    p->path = strdup(c->path);
    if (!p->path || allocate(p, c->rows)) {
        err_memory(e, c->path);
        goto fail;
    }
    if (find_listed(c, o, e) || find_columns(&plan, p, c, o, e)) goto fail;
    for (int k = 0; k < POINTS_COLUMNS; k++) p->have |= plan.column[k] >= 0 ? 1u << k : 0;
    derived(p, o);
    for (int k = 0; k < POINTS_COLUMNS; k++) {
        if (o->need >> k & 1 && !(p->have >> k & 1)) {
            csv_missing(c, e, NULL, points_text(k));
            goto fail;
        }
    }
    where = calloc(o->n_where + 1, sizeof *where);
    if (!where) {
        err_memory(e, c->path);
        goto fail;
    }
    for (size_t i = 0; i < o->n_where; i++) {
        if (where_parse(&where[i], o->where[i], c, e)) goto fail;
    }
    if (read_rows(p, c, &plan, o, where, e) || default_names(p, e)) goto fail;
    free(where);
    return 0;
fail:
    free(where);
    points_close(p);
    return -1;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) free(names[i]);
    free(names);
}

void points_close(struct points *p)
{
    free(p->path);
    free(p->N);
    free(p->D);
    free(p->C);
    free(p->loss);
    free(p->step);
    free(p->unique);
    free(p->vocabulary);
    free(p->outcome);
    free(p->weight);
    free(p->line);
    free(p->run);
    free(p->by);
    free(p->dropped);
    free_names(p->run_names, p->n_runs);
    free_names(p->by_names, p->n_by);
    free_names(p->notes, p->n_notes);
    for (int k = 0; k < POINTS_COLUMNS; k++) free(p->column[k]);
    *p = (struct points){0};
}

const double *points_values(const struct points *p, enum points_column column)
{
    const double *values[POINTS_RUN] = {[POINTS_N] = p->N,
                                        [POINTS_D] = p->D,
                                        [POINTS_C] = p->C,
                                        [POINTS_LOSS] = p->loss,
                                        [POINTS_STEP] = p->step,
                                        [POINTS_UNIQUE] = p->unique,
                                        [POINTS_VOCABULARY] = p->vocabulary,
                                        [POINTS_OUTCOME] = p->outcome,
                                        [POINTS_WEIGHT] = p->weight};
    return column < POINTS_RUN ? values[column] : NULL;
}

static int copy_names(char ***to, size_t *n_to, char **from, size_t n)
{
    *to = calloc(n + 1, sizeof **to);
    if (!*to) return -1;
    for (*n_to = 0; *n_to < n; (*n_to)++) {
        (*to)[*n_to] = strdup(from[*n_to]);
        if (!(*to)[*n_to]) return -1;
    }
    return 0;
}

int points_select(struct points *to, const struct points *from, const size_t *rows, size_t n,
                  struct err *e)
{
    *to = (struct points){.hash = from->hash, .have = from->have};
    to->loss_conversion = from->loss_conversion;
    to->flop_rule = from->flop_rule;
    to->path = strdup(from->path);
    if (!to->path || allocate(to, n + !n) ||
        copy_names(&to->run_names, &to->n_runs, from->run_names, from->n_runs) ||
        copy_names(&to->by_names, &to->n_by, from->by_names, from->n_by))
        goto fail;
    for (int k = 0; k < POINTS_COLUMNS; k++) {
        if (from->column[k] && !(to->column[k] = strdup(from->column[k]))) goto fail;
    }
    for (size_t i = 0; i < n; i++) copy_row(to, i, from, rows[i]);
    to->n = n;
    return 0;
fail:
    points_close(to);
    return err_memory(e, from->path);
}
