/* exact_plan.c - see exact_plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/exact_plan.h"

#include "simd/simd.h"
#include "src/base/num.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t exact_stage(const struct exact_plan *p, size_t first)
{
    const size_t rest = p->n - first;
    return rest <= p->resident + p->streamed ? rest : p->resident;
}

static void count(struct exact_plan *p)
{
    p->stages = 0;
    p->gradients = 0;
    p->product_flop = 0;
    for (size_t first = 0, held = 0, n; first < p->n; first += n, p->stages++) {
        n = exact_stage(p, first);
        const size_t rest = p->n - first - n;
        p->gradients += n - held + rest;
        held = least(rest, p->streamed);
        p->product_flop +=
            2.0 * (double)p->coordinates * (double)n * ((double)n / 2 + (double)rest);
    }
}

static uint64_t row_bytes(uint64_t coordinates)
{
    return (coordinates + SIMD_STRIP - 1) / SIMD_STRIP * SIMD_STRIP * sizeof(float);
}

/* The S that keeps the threads busy with the fewest gradients: 40 of them on 32 threads take as long as
 * 64. */
static void choose_streamed(struct exact_plan *p, size_t room)
{
    const double threads = p->threads;
    double best = 0;
    struct exact_plan found = *p;
    const size_t quarter = least(room / 4 / p->group * p->group, EXACT_NARROW);
    for (size_t s = quarter ? quarter : p->group; s <= least(room / 2, EXACT_WIDE); s += p->group) {
        p->streamed = s;
        p->resident = (room - s) / p->group * p->group;
        count(p);
        const double rounds = ((double)s + threads - 1) / threads;
        const double time = (double)p->gradients * (double)(uint64_t)rounds * threads / (double)s;
        if (best > 0 && time >= best) continue;
        best = time;
        found = *p;
    }
    *p = found;
}

int exact_plan_make(struct exact_plan *p, size_t n, uint64_t coordinates, uint64_t memory,
                    int threads, size_t kept, struct err *e)
{
    *p = (struct exact_plan){.n = n, .coordinates = coordinates, .threads = threads};
    /* What the threads need besides: their scratch, their sums for a block of pairs and the total. */
    const uint64_t per_row = EXACT_WIDE * sizeof(double), teams = (uint64_t)threads + 1;
    const uint64_t fixed = (uint64_t)threads * simd_scratch_bytes();
    const uint64_t each = row_bytes(coordinates) + teams * per_row;
    const uint64_t fit = memory > fixed ? (memory - fixed) / each : 0;
    const size_t room = fit < n ? (size_t)fit : n;
    char a[16], b[16], c[16];
    if (room < 2 && room < n)
        return err_set(
            e, "expected room for at least two gradients of %s and %s of scratch, found %s",
            format_bytes((double)each, a, sizeof a), format_bytes((double)fixed, b, sizeof b),
            format_bytes((double)memory, c, sizeof c));
    p->group = EXACT_GROUP;
    while (room < n && p->group > 1 && 8 * p->group > room) p->group /= 2;
    if (kept && (room == n || 2 * kept <= room)) p->group = kept;
    if (room == n) {
        p->resident = n;
        count(p);
    } else {
        choose_streamed(p, room);
    }
    p->bytes = fixed + (p->resident + p->streamed) * each;
    return 0;
}
