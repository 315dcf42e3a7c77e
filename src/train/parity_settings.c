/* parity_settings.c - see parity_settings.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_settings.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

int parity_run_check(const struct parity_run *r, struct err *e)
{
    const uint64_t most = UINT32_MAX;
    if (r->width < 1 || r->width > 1 << 20)
        return err_set(e, "width: expected 1 to %d, found %zu", 1 << 20, r->width);
    if (r->data > most)
        return err_set(e, "data: expected at most %" PRIu64 " samples, found %" PRIu64, most,
                       r->data);
    if (r->batch < 1 || r->batch > 1 << 24)
        return err_set(e, "batch: expected 1 to %d, found %zu", 1 << 24, r->batch);
    if (r->steps < 1 || r->steps > most || r->log < 1 || r->task_points < 1 ||
        r->task_points > 1 << 24 || r->test_points > UINT64_C(1) << 40)
        return err_set(e,
                       "expected at least one step, one step between logs and one test sample of "
                       "a subtask, at most %" PRIu64 " steps",
                       most);
    return 0;
}

void parity_run_name(const struct parity_run *r, char *name, size_t size)
{
    char data[32] = "";
    if (r->data) snprintf(data, sizeof data, "-d%" PRIu64, r->data);
    snprintf(name, size, "w%zu%s-z%.10g-s%" PRIu64, r->width, data, r->shape.zipf, r->shape.seed);
}

/* Samples of one log's tests. */
static double tested(const struct parity_run *r)
{
    return (double)r->shape.tasks * (double)r->task_points + (double)r->test_points;
}
uint64_t parity_run_logs(const struct parity_run *r, uint64_t steps)
{
    return (steps + r->log - 1) / r->log;
}
/* Samples of so many steps; the last batch of an epoch may be short. */
static double trained(const struct parity_run *r, double steps)
{
    const double batch = (double)(r->data && r->data < r->batch ? r->data : r->batch);
    if (!r->data) return steps * batch;
    return steps * (double)r->data / ceil((double)r->data / batch);
}

double parity_run_flop(const struct parity_run *r, uint64_t first, uint64_t end)
{
    const double logs = (double)(parity_run_logs(r, end) - parity_run_logs(r, first));
    return (4 * trained(r, (double)(end - first)) + 2 * logs * tested(r)) * (double)r->shape.n *
           (double)r->width;
}

/* By the kernels' times at widths 16 to 500: a scattered sum is about two looked-up ones; a sample
 * costs as much as 100 of these before a block sees it. */
double parity_run_cost(const struct parity_run *r)
{
    const double blocks = (double)((r->width + SIMD_LANES - 1) / SIMD_LANES),
                 groups = (double)((r->shape.n + 3) / 4);
    return trained(r, (double)r->steps) * (100 + blocks * (10 + 3 * groups)) +
           (double)parity_run_logs(r, r->steps) * tested(r) * (80 + blocks * (5 + groups)) +
           (double)r->steps * (double)parity_parameters(&r->shape, r->width);
}

uint64_t parity_run_bytes(const struct parity_run *r)
{
    const uint64_t batch = r->data && r->data < r->batch ? r->data : r->batch;
    const uint64_t room = batch > r->task_points ? batch : r->task_points;
    return parity_net_bytes(&r->shape, r->width, room) + r->data * sizeof(uint32_t) +
           parity_run_logs(r, r->steps) * (r->shape.tasks * sizeof(float) + 2 * sizeof(double)) * 2;
}
