/* token_find.c - see token_find.h.
 *
 * Rows are sifted by kernels first (token_sift.h); only what is left is widened and tested by the rules.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_find.h"

#include "src/scan/token_sift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    uint64_t *bits;                     /* of its rows: [columns + 4, words], [columns] */
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
    if (!(before_lo >= plateau_first && after_hi <= plateau_end + q->plateau_width)) return false;
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

/* --- a row --- */

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

static int test_change(const struct token_find *f, struct find_slot *s, const struct matrix_unit *u,
                       size_t r, const struct ends *x)
{
    const size_t at = r * f->m->columns;
    const double change =
        matrix_value(f->m, u->values, at + f->q.to) - matrix_value(f->m, u->values, at + f->q.from);
    if (change < x->jump && add_hit(s, u->first + r, single_list(f, JUMPS))) return -1;
    bool far = (change > 0 && change >= x->rise) || (change < 0 && change <= x->fall);
    return far && isfinite(change) ? add_change(s, u->first + r, change) : 0;
}

/* The row in s->row, which is ROW of the matrix. */
static int test_levels(const struct token_find *f, struct find_slot *s, uint64_t row)
{
    const size_t columns = f->m->columns;
    const double a = s->row[0], z = s->row[columns - 1];
    const bool falls = a > f->q.high && z < f->q.low,
               steps = a >= plateau_first && a - z >= least_step(f);
    const size_t j = falls ? monogenic(&f->q, s->row, columns) : 0;
    if (j && add_hit(s, row, monogenic_list(j))) return -1;
    return falls || steps ? plateaus(f, s, row) : 0;
}

static int test_line(const struct token_find *f, struct find_slot *s, uint64_t row)
{
    double slope = 0;
    for (size_t j = 0; j < f->m->columns; j++) slope += f->weight[j] * s->row[j];
    return f->sized && slope < f->q.slope && fits_line(f, s->row, slope)
               ? add_hit(s, row, single_list(f, POLYGENIC))
               : 0;
}

static void count_row(const struct token_find *f, struct find_slot *s)
{
    const size_t columns = f->m->columns;
    const double *row = s->row;
    size_t first = 0, last = columns; /* last: the columns from it on are below */
    while (first < columns && !(row[first] < f->q.zero)) first++;
    if (first == columns) return;
    while (last > first && row[last - 1] < f->q.zero) last--;
    s->first_below[first]++;
    s->stay_below[first] += last == first;
}

static int find_in_rows(const struct token_find *f, struct find_slot *s,
                        const struct matrix_unit *u, const struct ends *x)
{
    for (size_t r = 0; r < u->n; r++) {
        const uint64_t row = u->first + r;
        matrix_row(f->m, u->values, r, s->row);
        if (test_change(f, s, u, r, x) || test_levels(f, s, row) || test_line(f, s, row)) return -1;
        count_row(f, s);
    }
    return 0;
}

/* --- many rows --- */

static void describe_levels(const struct token_find *f, struct levels *l)
{
    *l = (struct levels){.high = f->q.high,
                         .low = f->q.low,
                         .first = plateau_first,
                         .least = least_step(f),
                         .width = f->q.plateau_width + slack};
}

/* The next row of a unit that has a bit, from row R on; u->n: none. */
static size_t next_row(const uint64_t *bits, const struct matrix_unit *u, size_t r)
{
    const size_t words = (u->n + 63) / 64;
    size_t w = r / 64;
    uint64_t left = w < words ? bits[w] & UINT64_MAX << r % 64 : 0;
    while (!left && ++w < words) left = bits[w];
    return left ? 64 * w + (size_t)__builtin_ctzll(left) : u->n;
}

static int find_in_columns(const struct token_find *f, struct find_slot *s,
                           const struct matrix_unit *u, const struct ends *x)
{
    const struct sift k = {.kernels = f->kernels, .unit = u, .columns = f->m->columns};
    const double fall = x->fall > x->jump ? x->fall : x->jump;
    uint64_t *bits = s->bits, *room = bits + (u->n + 63) / 64;
    struct levels levels;
    describe_levels(f, &levels);
    sift_persistence(s->first_below, s->stay_below, &k, f->q.zero, bits);
    sift_change(bits, &k, f->q.from, f->q.to, fall, x->rise);
    for (size_t r = 0; (r = next_row(bits, u, r)) < u->n; r++)
        if (test_change(f, s, u, r, x)) return -1;
    sift_levels(bits, &k, &levels, room);
    for (size_t r = 0; (r = next_row(bits, u, r)) < u->n; r++) {
        matrix_row(f->m, u->values, r, s->row);
        if (test_levels(f, s, u->first + r)) return -1;
    }
    if (!f->sized) return 0;
    k.kernels->lines(bits, u->columns, u->stride, u->n, &f->line);
    for (size_t r = 0; (r = next_row(bits, u, r)) < u->n; r++) {
        matrix_row(f->m, u->values, r, s->row);
        if (test_line(f, s, u->first + r)) return -1;
    }
    return 0;
}

static int find_unit(void *context, size_t slot, const struct matrix_unit *u)
{
    const struct token_find *f = context;
    struct find_slot *s = &f->slot[slot];
    const struct ends x = ends_of(f);
    s->hits = s->changes = 0;
    memset(s->first_below, 0, f->m->columns * sizeof *s->first_below);
    memset(s->stay_below, 0, f->m->columns * sizeof *s->stay_below);
    return u->columns ? find_in_columns(f, s, u, &x) : find_in_rows(f, s, u, &x);
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
    return (struct matrix_visitor){
        .context = f, .unit = find_unit, .merge = find_merge, .columns = true};
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
    f->sized = squares > 1e-12; /* else not known, or all the same */
    for (size_t j = 0; j < columns; j++) {
        f->weight[j] = f->sized ? f->weight[j] / squares : 0;
        f->narrow[j] = (float)f->weight[j];
    }
    f->line = (struct line_test){.weight = f->narrow,
                                 .columns = columns,
                                 .squares = (float)squares,
                                 .slope = (float)f->q.slope,
                                 .r2 = (float)f->q.r2};
}

static int open_slots(struct token_find *f, struct err *e)
{
    const size_t columns = f->m->columns, words = (matrix_unit_rows(f->m) + 63) / 64;
    f->slots = matrix_slots(f->m);
    f->slot = calloc(f->slots, sizeof *f->slot);
    for (size_t i = 0; f->slot && i < f->slots; i++) {
        struct find_slot *s = &f->slot[i];
        s->first_below = calloc(columns, sizeof *s->first_below);
        s->stay_below = calloc(columns, sizeof *s->stay_below);
        s->row = calloc(columns, sizeof *s->row);
        s->bits = calloc((columns + 4) * words + columns, sizeof *s->bits);
        if (!s->first_below || !s->stay_below || !s->row || !s->bits)
            return err_memory(e, f->m->path);
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
    *f = (struct token_find){.m = m, .q = *q, .kernels = simd_best()};
    if (columns < 2 || columns > FIND_MOST_COLUMNS)
        return err_set(e, "%s: expected 2 to %d columns to compare, found %zu", m->path,
                       FIND_MOST_COLUMNS, columns);
    f->list = calloc(2 * (columns - 1) + SINGLE_LISTS, sizeof *f->list);
    f->first_below = calloc(columns, sizeof *f->first_below);
    f->stay_below = calloc(columns, sizeof *f->stay_below);
    f->weight = calloc(columns, sizeof *f->weight);
    f->narrow = calloc(columns, sizeof *f->narrow);
    f->riser = calloc(q->top + 1, sizeof *f->riser);
    f->faller = calloc(q->top + 1, sizeof *f->faller);
    if (!f->list || !f->first_below || !f->stay_below || !f->weight || !f->narrow || !f->riser ||
        !f->faller)
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
        free(f->slot[i].bits);
    }
    free(f->slot);
    free(f->list);
    free(f->first_below);
    free(f->stay_below);
    free(f->weight);
    free(f->narrow);
    free(f->riser);
    free(f->faller);
    *f = (struct token_find){0};
}
