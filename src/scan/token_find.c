/* token_find.c - see token_find.h.
 *
 * A row is first looked at in its first and last column, which rules most rows out; only what is left
 * is widened and tested by the rules.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIND_BITS = 63 }; /* columns a word has bits for */
static const double plateau_first = 2.7, plateau_end = 11, plateau_step = 0.2;
static const double slack = 1e-9; /* of tests that only rule out: the grid's sums are rounded */

/* What a unit found, in order of rows. */
struct hit {
    uint64_t row;
    size_t list;
};
struct find_slot {
    struct hit *hit;
    size_t hits, hit_room;
    struct change *change; /* candidates for risers and fallers */
    size_t changes, change_room;
    uint64_t *first_below, *stay_below; /* [columns] */
    double *row;                        /* [columns] */
};

/* The lists' places. */
static size_t monogenic_list(size_t j)
{
    return j - 1;
}
static size_t plateau_list(const struct token_find *f, size_t j)
{
    return f->m->columns - 1 + j - 1;
}
enum { POLYGENIC, JUMPS, RISERS, FALLERS, SINGLE_LISTS };
static size_t single_list(const struct token_find *f, size_t which)
{
    return 2 * (f->m->columns - 1) + which;
}

static int grow(void **items, size_t n, size_t *room, size_t size)
{
    if (n < *room) return 0;
    size_t more = 2 * *room + 64;
    void *bigger = realloc(*items, more * size);
    if (!bigger) return -1;
    *items = bigger;
    *room = more;
    return 0;
}

static int add_hit(struct find_slot *s, uint64_t row, size_t list)
{
    if (grow((void **)&s->hit, s->hits, &s->hit_room, sizeof *s->hit)) return -1;
    s->hit[s->hits++] = (struct hit){row, list};
    return 0;
}

static int add_change(struct find_slot *s, uint64_t row, double change)
{
    if (grow((void **)&s->change, s->changes, &s->change_room, sizeof *s->change)) return -1;
    s->change[s->changes++] = (struct change){row, change};
    return 0;
}

/* --- the rules --- */

/* The column from which on all are below `low` while all before are above `high`; 0: none. */
static size_t monogenic(const struct find_request *q, const double *row, size_t columns)
{
    size_t j = 0;
    while (j < columns && row[j] > q->high) j++;
    for (size_t k = j; k < columns; k++) {
        if (!(row[k] < q->low)) return 0;
    }
    return j < columns ? j : 0;
}

/* The largest u and the smallest l of the grids that hold these ranges. */
static bool levels(const struct find_request *q, double before_lo, double before_hi,
                   double after_lo, double after_hi)
{
    if (!(before_lo >= plateau_first)) return false;
    double last = ceil((plateau_end - plateau_first) / plateau_step) - 1;
    double k = floor((before_lo - plateau_first) / plateau_step);
    if (k > last) k = last;
    while (k < last && plateau_first + (k + 1) * plateau_step <= before_lo) k++;
    while (k > 0 && plateau_first + k * plateau_step > before_lo) k--;
    const double u = plateau_first + k * plateau_step;
    double i = ceil((after_hi - q->plateau_width) / plateau_step);
    if (!(i > 0)) i = 0;
    while (i > 0 && after_hi <= (i - 1) * plateau_step + q->plateau_width) i--;
    while (after_hi > i * plateau_step + q->plateau_width) i++;
    const double l = i * plateau_step;
    return before_hi <= u + q->plateau_width && l <= after_lo && l < u - q->plateau_gap;
}

/* The least a loss falls from one plateau to the other. */
static double least_step(const struct token_find *f)
{
    return f->q.plateau_gap - f->q.plateau_width - slack;
}

static int plateaus(const struct token_find *f, struct find_slot *s, uint64_t at)
{
    const size_t columns = f->m->columns;
    const double *row = s->row, least = least_step(f);
    double lo = row[0], hi = row[0];
    for (size_t j = 1; j < columns; j++) {
        double after_lo = row[j], after_hi = row[j];
        bool numbers = !isnan(row[j - 1]) && !isnan(row[j]);
        if (row[j - 1] < lo) lo = row[j - 1];
        if (row[j - 1] > hi) hi = row[j - 1];
        if (!numbers || hi - lo > f->q.plateau_width + slack) return 0;
        if (row[j - 1] - row[j] < least) continue; /* no step here */
        for (size_t k = j + 1; k < columns; k++) {
            if (row[k] < after_lo) after_lo = row[k];
            if (row[k] > after_hi) after_hi = row[k];
            numbers = numbers && !isnan(row[k]);
        }
        if (numbers && levels(&f->q, lo, hi, after_lo, after_hi) &&
            add_hit(s, at, plateau_list(f, j)))
            return -1;
    }
    return 0;
}

/* Whether R^2 is above the limit, SLOPE being known. */
static bool fits_line(const struct token_find *f, const double *row, double slope)
{
    const size_t columns = f->m->columns;
    double mean = 0, squares = 0;
    for (size_t j = 0; j < columns; j++) mean += row[j];
    mean /= (double)columns;
    for (size_t j = 0; j < columns; j++) squares += (row[j] - mean) * (row[j] - mean);
    return slope * slope * f->xx / squares > f->q.r2;
}

/* --- a unit --- */

/* BELOW: bit j for column j, at most 63 of them. Rows of none are counted beside the last column:
 * branches that go either way cost more than all the arithmetic. */
static void count_bits(struct find_slot *s, uint64_t below, size_t columns)
{
    const unsigned first = (unsigned)__builtin_ctzll(below | UINT64_C(1) << columns);
    const uint64_t all = (UINT64_C(1) << columns) - 1;
    s->first_below[first]++;
    s->stay_below[first] += below >> first == all >> first;
}

static void count_columns(const struct token_find *f, struct find_slot *s, const double *row)
{
    const size_t columns = f->m->columns;
    size_t first = 0, last = columns; /* last: the columns from it on are below */
    while (first < columns && !(row[first] < f->q.zero)) first++;
    if (first == columns) return;
    while (last > first && row[last - 1] < f->q.zero) last--;
    s->first_below[first]++;
    s->stay_below[first] += last == first;
}

/* What makes a change worth a second look: a jump, or being among the largest as they were after the
 * last wave. */
struct ends {
    double rise, fall, jump;
};

static struct ends ends_of(const struct token_find *f)
{
    const size_t top = f->q.top;
    struct ends x = {INFINITY, -INFINITY, -f->q.jump};
    if (top) x.rise = f->risers < top ? 0 : f->riser[top - 1].change;
    if (top) x.fall = f->fallers < top ? 0 : f->faller[top - 1].change;
    return x;
}

static int compare_ends(const struct token_find *f, struct find_slot *s, uint64_t at, double change,
                        const struct ends *x)
{
    if (change < x->jump && add_hit(s, at, single_list(f, JUMPS))) return -1;
    bool far = (change > 0 && change >= x->rise) || (change < 0 && change <= x->fall);
    return far && isfinite(change) ? add_change(s, at, change) : 0;
}

/* Without branches, for every row: what the rules that need all columns go by. */
struct glance {
    uint64_t below;
    double slope, sum, squares;
};

/* WIDTH, 4 or 8 bytes, is a constant of the caller's, so that the loop is made for each. */
static inline __attribute__((always_inline)) struct glance
glance_at(const struct token_find *f, const char *p, size_t columns, size_t width)
{
    struct glance g = {0, 0, 0, 0};
    for (size_t j = 0; j < columns; j++, p += width) {
        double v;
        if (width == 8) {
            memcpy(&v, p, 8);
        } else {
            float narrow;
            memcpy(&narrow, p, 4);
            v = (double)narrow;
        }
        g.below |= (uint64_t)(v < f->q.zero) << (j & 63);
        g.slope += f->weight[j] * v;
        g.sum += v;
        g.squares += v * v;
    }
    return g;
}

/* Whether the row can be polygenic: R^2 by a short formula, with room for its rounding. */
static bool may_fit(const struct token_find *f, const struct glance *g)
{
    const double spread = g->squares - g->sum * g->sum * f->share;
    return f->sized & (g->slope < f->q.slope) &
           (g->slope * g->slope * f->xx > f->q.r2 * spread - 1e-9 * g->squares);
}

/* Whether the row can have plateaus: one step down, large enough to lead from one to the other, and
 * no other too large to be on one. */
static bool may_step(const struct token_find *f, const char *p)
{
    const double width = f->q.plateau_width + slack, least = least_step(f);
    size_t down = 0, large = 0;
    double before = matrix_value(f->m, p, 0);
    for (size_t j = 1; j < f->m->columns; j++) {
        const double now = matrix_value(f->m, p, j);
        down += before - now >= least;
        large += fabs(before - now) > width;
        before = now;
    }
    return (down > 0) & (large <= 1);
}

static inline __attribute__((always_inline)) int find_rows(const struct token_find *f,
                                                           struct find_slot *s,
                                                           const struct matrix_unit *u,
                                                           size_t width)
{
    const struct matrix *m = f->m;
    const size_t columns = m->columns;
    const double least = least_step(f);
    const struct ends x = ends_of(f);
    const char *p = u->values;
    for (size_t r = 0; r < u->n; r++, p += columns * width) {
        const struct glance g = glance_at(f, p, columns, width);
        const double a = matrix_value(m, p, 0), z = matrix_value(m, p, columns - 1);
        const double change = matrix_value(m, p, f->q.to) - matrix_value(m, p, f->q.from);
        const bool falls = (a > f->q.high) & (z < f->q.low),
                   steps = (a >= plateau_first) & (a - z >= least);
        const bool line = may_fit(f, &g);
        const bool far = (change >= x.rise) | (change <= x.fall) | (change < x.jump);
        const bool close = falls || (steps && may_step(f, p));
        if (close | line | (columns > FIND_BITS)) matrix_row(m, p, 0, s->row);
        if (columns <= FIND_BITS)
            count_bits(s, g.below, columns);
        else
            count_columns(f, s, s->row);
        const uint64_t at = u->first + r;
        const size_t j = falls ? monogenic(&f->q, s->row, columns) : 0;
        if ((j && add_hit(s, at, monogenic_list(j))) || (close && plateaus(f, s, at)) ||
            (far && compare_ends(f, s, at, change, &x)) ||
            (line && fits_line(f, s->row, g.slope) && add_hit(s, at, single_list(f, POLYGENIC))))
            return -1;
    }
    return 0;
}

static int find_unit(void *context, size_t slot, const struct matrix_unit *u)
{
    const struct token_find *f = context;
    struct find_slot *s = &f->slot[slot];
    s->hits = s->changes = 0;
    memset(s->first_below, 0, (f->m->columns + 1) * sizeof *s->first_below);
    memset(s->stay_below, 0, (f->m->columns + 1) * sizeof *s->stay_below);
    return f->m->wide ? find_rows(f, s, u, 8) : find_rows(f, s, u, 4);
}

/* --- in order --- */

static int take_row(struct find_list *l, uint64_t row, struct err *e)
{
    if (l->file.n < FIND_EXAMPLES) l->example[l->file.n] = row;
    return row_file_add(&l->file, &row, 1, e);
}

/* Into the list of the N largest, DIRECTION -1: of the smallest; the earlier row first among equals. */
static void rank(struct change *list, size_t *n, size_t top, struct change c, double direction)
{
    size_t i = *n;
    if (i == top && direction * c.change <= direction * list[top - 1].change) return;
    if (i == top) i--;
    for (; i > 0 && direction * list[i - 1].change < direction * c.change; i--)
        list[i] = list[i - 1];
    list[i] = c;
    if (*n < top) ++*n;
}

static int find_merge(void *context, size_t slot, const struct matrix_unit *u, struct err *e)
{
    struct token_find *f = context;
    f->rows += u->n;
    const struct find_slot *s = &f->slot[slot];
    for (size_t j = 0; j < f->m->columns; j++) {
        f->first_below[j] += s->first_below[j];
        f->stay_below[j] += s->stay_below[j];
    }
    for (size_t i = 0; i < s->hits; i++) {
        if (take_row(&f->list[s->hit[i].list], s->hit[i].row, e)) return -1;
    }
    for (size_t i = 0; i < s->changes; i++) {
        if (s->change[i].change > 0)
            rank(f->riser, &f->risers, f->q.top, s->change[i], 1);
        else
            rank(f->faller, &f->fallers, f->q.top, s->change[i], -1);
    }
    return 0;
}

struct matrix_visitor token_find_visitor(struct token_find *f)
{
    return (struct matrix_visitor){.context = f, .unit = find_unit, .merge = find_merge};
}

/* --- beginning and end --- */

/* Weights that give the slope of a row on ln N: (x - mean) / sum of squares. */
static void weigh(struct token_find *f)
{
    const size_t columns = f->m->columns;
    double mean = 0, squares = 0;
    for (size_t j = 0; j < columns; j++) {
        f->weight[j] = log(f->m->column[j].parameters);
        mean += f->weight[j];
    }
    mean /= (double)columns;
    for (size_t j = 0; j < columns; j++) {
        f->weight[j] -= mean;
        squares += f->weight[j] * f->weight[j];
    }
    f->xx = squares;
    f->share = 1 / (double)columns;
    f->sized = squares > 1e-12; /* else not known, or all the same */
    for (size_t j = 0; j < columns; j++) f->weight[j] = f->sized ? f->weight[j] / squares : 0;
}

static int open_slots(struct token_find *f, struct err *e)
{
    const size_t columns = f->m->columns;
    f->slots = matrix_slots(f->m);
    f->slot = calloc(f->slots, sizeof *f->slot);
    for (size_t i = 0; f->slot && i < f->slots; i++) {
        struct find_slot *s = &f->slot[i];
        s->first_below = calloc(columns + 1, sizeof *s->first_below);
        s->stay_below = calloc(columns + 1, sizeof *s->stay_below);
        s->row = calloc(columns, sizeof *s->row);
        if (!s->first_below || !s->stay_below || !s->row) return err_memory(e, f->m->path);
    }
    return f->slot ? 0 : err_memory(e, f->m->path);
}

static int open_list(struct token_find *f, const char *directory, size_t column, const char *name,
                     struct err *e)
{
    struct find_list *l = &f->list[f->lists];
    l->column = column;
    if (column)
        snprintf(l->name, sizeof l->name, "%s-%zu", name, column);
    else
        snprintf(l->name, sizeof l->name, "%s", name);
    f->lists++;
    return row_file_open(&l->file, directory, l->name, e);
}

int token_find_open(struct token_find *f, const struct matrix *m, const struct find_request *q,
                    const char *directory, struct err *e)
{
    static const char *const single[SINGLE_LISTS] = {"polygenic", "jumps", "risers", "fallers"};
    const size_t columns = m->columns;
    *f = (struct token_find){.m = m, .q = *q};
    if (columns < 2 || columns > FIND_MOST_COLUMNS)
        return err_set(e, "%s: expected 2 to %d columns to compare, found %zu", m->path,
                       FIND_MOST_COLUMNS, columns);
    f->list = calloc(2 * (columns - 1) + SINGLE_LISTS, sizeof *f->list);
    f->first_below = calloc(columns, sizeof *f->first_below);
    f->stay_below = calloc(columns, sizeof *f->stay_below);
    f->weight = calloc(columns, sizeof *f->weight);
    f->riser = calloc(q->top + 1, sizeof *f->riser);
    f->faller = calloc(q->top + 1, sizeof *f->faller);
    if (!f->list || !f->first_below || !f->stay_below || !f->weight || !f->riser || !f->faller)
        return err_memory(e, m->path);
    weigh(f);
    if (open_slots(f, e) || make_directories(directory, e)) return -1;
    for (size_t j = 1; j < columns; j++) {
        if (open_list(f, directory, j, "monogenic", e)) return -1;
    }
    for (size_t j = 1; j < columns; j++) {
        if (open_list(f, directory, j, "plateau", e)) return -1;
    }
    for (size_t i = 0; i < SINGLE_LISTS; i++) {
        if (open_list(f, directory, 0, single[i], e)) return -1;
    }
    return 0;
}

int token_find_rank(struct token_find *f, struct err *e)
{
    struct find_list *up = &f->list[single_list(f, RISERS)],
                     *down = &f->list[single_list(f, FALLERS)];
    for (size_t i = 0; i < f->risers; i++) {
        if (take_row(up, f->riser[i].row, e)) return -1;
    }
    for (size_t i = 0; i < f->fallers; i++) {
        if (take_row(down, f->faller[i].row, e)) return -1;
    }
    return 0;
}

int token_find_finish(struct token_find *f, struct err *e)
{
    for (size_t i = 0; i < f->lists; i++) {
        /* A list that was not looked for is not an empty one. */
        if (i == single_list(f, POLYGENIC) && !f->sized)
            row_file_abort(&f->list[i].file);
        else if (row_file_commit(&f->list[i].file, e))
            return -1;
    }
    return 0;
}

void token_find_close(struct token_find *f)
{
    for (size_t i = 0; i < f->lists; i++) row_file_abort(&f->list[i].file);
    for (size_t i = 0; f->slot && i < f->slots; i++) {
        free(f->slot[i].hit);
        free(f->slot[i].change);
        free(f->slot[i].first_below);
        free(f->slot[i].stay_below);
        free(f->slot[i].row);
    }
    free(f->slot);
    free(f->list);
    free(f->first_below);
    free(f->stay_below);
    free(f->weight);
    free(f->riser);
    free(f->faller);
    *f = (struct token_find){0};
}
