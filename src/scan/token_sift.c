/* token_sift.c - see token_sift.h.
 *
 * Limits are doubles and the kernels compare floats. Rounding keeps order: a limit rounded away from
 * what is looked for, and one float further where a difference is rounded too, loses nothing; where a
 * bit rules a row out it is rounded the other way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/token_sift.h"

#include <math.h>
#include <string.h>

static size_t words_of(const struct sift *s)
{
    return (s->unit->n + 63) / 64;
}

static float float_up(double x)
{
    const float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

static float float_down(double x)
{
    return -float_up(-x);
}

/* x < LIMIT of a float x is x < the next float: exact. */
static void below(uint64_t *bits, const struct sift *s, size_t column, double limit)
{
    s->kernels->below(bits, s->unit->columns + column * s->unit->stride, s->unit->n,
                      float_up(limit));
}

static void apart(uint64_t *bits, const struct sift *s, size_t from, size_t to, float low,
                  float high)
{
    const struct matrix_unit *u = s->unit;
    s->kernels->apart(bits, u->columns + from * u->stride, u->columns + to * u->stride, u->n, low,
                      high);
}

void sift_change(uint64_t *bits, const struct sift *s, size_t from, size_t to, double fall,
                 double rise)
{
    apart(bits, s, from, to, nextafterf(float_up(fall), INFINITY),
          nextafterf(float_down(rise), -INFINITY));
}

void sift_levels(uint64_t *bits, const struct sift *s, const struct levels *l, uint64_t *room)
{
    const size_t words = words_of(s), last = s->columns - 1;
    uint64_t *now = room, *large = room + words, *twice = room + 2 * words;
    const float width = float_up(l->width);
    /* A step as high as that is a large one. */
    const uint64_t any = float_down(l->least) > width ? 0 : UINT64_MAX;
    memset(large, 0, 2 * words * sizeof *large);
    for (size_t j = 1; j <= last; j++) {
        apart(now, s, j - 1, j, -width, width);
        for (size_t w = 0; w < words; w++) {
            twice[w] |= large[w] & now[w];
            large[w] |= now[w];
        }
    }
    sift_change(bits, s, 0, last, -l->least, INFINITY);
    below(now, s, 0, l->first);
    for (size_t w = 0; w < words; w++) bits[w] &= (large[w] | any) & ~twice[w] & ~now[w];
    below(now, s, 0, nextafter(l->high, INFINITY)); /* not above HIGH */
    below(large, s, last, l->low);
    for (size_t w = 0; w < words; w++) bits[w] |= large[w] & ~now[w];
}

void sift_persistence(uint64_t *first, uint64_t *stay, const struct sift *s, double limit,
                      uint64_t *room)
{
    const size_t words = words_of(s);
    uint64_t *rest = room + s->columns * words; /* below from column j on */
    for (size_t j = 0; j < s->columns; j++) below(room + j * words, s, j, limit);
    for (size_t w = 0; w < words; w++) {
        uint64_t all = UINT64_MAX, before = 0;
        for (size_t j = s->columns; j-- > 0;) rest[j] = all &= room[j * words + w];
        for (size_t j = 0; j < s->columns; j++) {
            const uint64_t now = room[j * words + w] & ~before;
            first[j] += (uint64_t)__builtin_popcountll(now);
            stay[j] += (uint64_t)__builtin_popcountll(now & rest[j]);
            before |= now;
        }
    }
}
