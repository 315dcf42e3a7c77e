/* parity_similarity.c - see parity_similarity.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/parity_similarity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/npy.h"
#include "src/quanta/gram.h"
#include "src/quanta/square.h"
#include "src/train/parity_record.h"

enum { BATCH = 1024, DRAWS = 1000 }; /* DRAWS: for each sample that is wanted */

/* The samples: M of each. */
struct samples {
    size_t n, width;
    uint64_t (*bits)[2];
    int32_t *task;
    float *sign;   /* of e */
    float *hidden; /* [n][width] relu(h) */
    float *slope;  /* [n][width] (W2[1] - W2[0]) [h > 0] */
};

static int samples_open(struct samples *s, size_t n, size_t width, struct err *e)
{
    *s = (struct samples){.n = n, .width = width};
    s->bits = malloc(n * sizeof *s->bits);
    s->task = malloc(n * sizeof *s->task);
    s->sign = malloc(n * sizeof *s->sign);
    s->hidden = malloc(n * width * sizeof *s->hidden);
    s->slope = malloc(n * width * sizeof *s->slope);
    return s->bits && s->task && s->sign && s->hidden && s->slope ? 0 : err_memory(e, "samples");
}

static void samples_close(struct samples *s)
{
    free(s->bits);
    free(s->task);
    free(s->sign);
    free(s->hidden);
    free(s->slope);
}

/* Draws until there are enough with small losses. */
static int draw(struct samples *s, struct parity_similarity *r, struct parity_net *p,
                const struct parity_task *t, const struct parity_similarity_request *q,
                struct err *e)
{
    struct parity_batch b;
    size_t n = 0;
    double sum = 0;
    if (parity_batch_make(&b, t, BATCH, e)) return -1;
    const uint64_t most = (uint64_t)q->samples * DRAWS,
                   tasks = PARITY_SIMILARITY_TASK | q->seed << 8,
                   bits = PARITY_SIMILARITY_BITS | q->seed << 8;
    for (r->drawn = 0; n < s->n && r->drawn < most;) {
        const uint64_t at = r->drawn;
        for (size_t i = 0; i < BATCH; i++) b.task[i] = (uint16_t)parity_task_of(t, tasks, at + i);
        parity_batch_test(&b, t, bits, at, BATCH);
        parity_net_test(p, &b);
        for (size_t i = 0; i < BATCH && n < s->n; i++, r->drawn++) {
            if (!((double)p->loss[i] < q->below)) continue;
            parity_bits_of(t, bits, at + i, s->bits[n]);
            s->task[n] = b.task[i];
            s->sign[n] = parity_label(t, b.task[i], s->bits[n]) ? -1 : 1;
            sum += (double)p->loss[i];
            n++;
        }
    }
    parity_batch_free(&b);
    r->mean_loss = sum / (double)s->n;
    return n == s->n ? 0
                     : err_set(e,
                               "%s: expected one sample in %d with a loss below %g nats, found %zu "
                               "in %" PRIu64 ": train it longer, or raise --below",
                               q->run, DRAWS, q->below, n, r->drawn);
}

/* Hidden layers by plain sums: there are few samples. */
static void pass(struct samples *s, const struct parity_net *p, const struct parity_task *t)
{
    const size_t tasks = t->shape.tasks, n = t->shape.n;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < s->n; i++) {
        for (size_t unit = 0; unit < s->width; unit++) {
            const float *out = p->w + parity_net_at(p, t, tasks + n + 1, unit);
            float h = p->w[parity_net_at(p, t, (size_t)s->task[i], unit)] +
                      p->w[parity_net_at(p, t, tasks + n, unit)];
            for (size_t j = 0; j < n; j++)
                if (s->bits[i][j / 64] >> j % 64 & 1)
                    h += p->w[parity_net_at(p, t, tasks + j, unit)];
            s->hidden[i * s->width + unit] = h > 0 ? h : 0;
            s->slope[i * s->width + unit] = h > 0 ? out[SIMD_LANES] - out[0] : 0;
        }
    }
}

struct products {
    struct strips hidden, slope; /* [n, n] */
};

static double inner(const struct samples *s, const struct products *p, size_t i, size_t j)
{
    const int together = __builtin_popcountll(s->bits[i][0] & s->bits[j][0]) +
                         __builtin_popcountll(s->bits[i][1] & s->bits[j][1]) +
                         (s->task[i] == s->task[j]);
    const double sign = (double)(s->sign[i] * s->sign[j]);
    return sign * ((double)*strip_at(p->slope, i, j) * (together + 1) +
                   2 * ((double)*strip_at(p->hidden, i, j) + 1));
}

static int write_cosines(struct parity_similarity *r, const struct samples *s,
                         const struct products *p, const char *path, struct err *e)
{
    struct square out = {.n = 0};
    double sums[2] = {0, 0}, pairs[2] = {0, 0};
    double *norm = malloc(s->n * sizeof *norm);
    float *tile = malloc((size_t)SQUARE_TILE * SQUARE_TILE * sizeof *tile);
    int status = norm && tile ? square_open(&out, path, s->n, e) : err_memory(e, path);
    for (size_t i = 0; i < s->n && !status; i++) norm[i] = sqrt(inner(s, p, i, i));
    for (size_t k = 0; !status && k < square_tiles(s->n); k++) {
        const struct square_tile at = square_tile_at(s->n, k);
        for (size_t i = 0; i < at.rows; i++)
            for (size_t j = 0; j < at.columns; j++) {
                const size_t a = at.row + i, b = at.column + j;
                const float c = a == b ? 1 : square_cosine(inner(s, p, a, b), norm[a], norm[b]);
                tile[i * SQUARE_TILE + j] = c;
                if (a >= b) continue;
                const bool same = s->task[a] == s->task[b];
                sums[0] += (double)c;
                pairs[0]++;
                if (same) sums[1] += (double)c;
                pairs[1] += same;
            }
        status = square_put(&out, &at, tile, e);
    }
    if (!status) status = square_commit(&out, e);
    square_abort(&out);
    free(norm);
    free(tile);
    r->mean_cosine = sums[0] / pairs[0];
    r->same_task = pairs[1] > 0 ? sums[1] / pairs[1] : NAN;
    return status;
}

static int write_tasks(struct parity_similarity *r, const struct samples *s, size_t tasks,
                       const char *path, struct err *e)
{
    bool *seen = calloc(tasks, sizeof *seen);
    r->tasks_file = format_string("%.*s-tasks.npy", (int)(strlen(path) - strlen(".npy")), path);
    int status = seen && r->tasks_file
                     ? npy_save(r->tasks_file, "<i4", s->n, 0, s->task, s->n * sizeof *s->task, e)
                     : err_memory(e, path);
    for (size_t i = 0; i < s->n && seen; i++) {
        r->tasks += !seen[s->task[i]];
        seen[s->task[i]] = true;
    }
    free(seen);
    return status;
}

static int compare(struct parity_similarity *r, const struct samples *s, size_t tasks,
                   const struct parity_similarity_request *q, struct err *e)
{
    const size_t bytes = strips_size(s->n, s->n) * sizeof(float);
    struct products p = {{simd_alloc(bytes), s->n}, {simd_alloc(bytes), s->n}};
    int status = p.hidden.data && p.slope.data &&
                         !gram(p.hidden, s->hidden, s->n, s->width, q->kernels) &&
                         !gram(p.slope, s->slope, s->n, s->width, q->kernels)
                     ? 0
                     : err_memory(e, "cosines");
    if (!status) status = write_cosines(r, s, &p, q->out, e);
    if (!status) status = write_tasks(r, s, tasks, q->out, e);
    simd_free(p.hidden.data, bytes);
    simd_free(p.slope.data, bytes);
    return status;
}

int parity_similarity(struct parity_similarity *r, const struct parity_similarity_request *q,
                      struct err *e)
{
    struct parity_run run;
    struct parity_log l;
    struct parity_task t;
    struct parity_net p = {.width = 0};
    struct samples s = {.n = 0};
    *r = (struct parity_similarity){.drawn = 0};
    if (parity_run_read(&run, &l, q->run, e)) return -1;
    parity_log_free(&l);
    if (parity_task_make(&t, &run.shape, e)) return -1;
    int status = parity_net_make(&p, &t, run.width, BATCH, q->kernels, e);
    if (!status) status = parity_run_weights(&p, &t, q->run, e);
    if (!status) status = samples_open(&s, q->samples, run.width, e);
    if (!status) status = draw(&s, r, &p, &t, q, e);
    if (!status) {
        pass(&s, &p, &t);
        status = compare(r, &s, t.shape.tasks, q, e);
    }
    if (status) free(r->tasks_file);
    samples_close(&s);
    parity_net_free(&p);
    parity_task_free(&t);
    return status;
}
