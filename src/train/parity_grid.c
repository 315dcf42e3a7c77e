/* parity_grid.c - see parity_grid.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_grid.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/progress.h"

void parity_grid_free(struct parity_grid *g)
{
    free(g->runs);
    *g = (struct parity_grid){.n = 0};
}

static int add_one(struct parity_grid *g, const struct parity_run *r, struct err *e)
{
    char name[96], other[96];
    parity_run_name(r, name, sizeof name);
    for (size_t i = 0; i < g->n; i++) {
        parity_run_name(&g->runs[i], other, sizeof other);
        if (!strcmp(name, other)) return 0;
    }
    if (parity_shape_check(&r->shape, e) || parity_run_check(r, e)) return -1;
    struct parity_run *more = realloc(g->runs, (g->n + 1) * sizeof *more);
    if (!more) return err_memory(e, "runs");
    g->runs = more;
    more[g->n++] = *r;
    return 0;
}

int parity_grid_add(struct parity_grid *g, const struct parity_run *base,
                    const struct parity_axes *a, struct err *e)
{
    const size_t n = a->widths * a->datas * a->zipfs * a->seeds;
    for (size_t i = 0; i < n; i++) {
        struct parity_run r = *base;
        size_t k = i;
        r.width = (size_t)a->width[k % a->widths];
        k /= a->widths;
        r.data = (uint64_t)a->data[k % a->datas];
        k /= a->datas;
        r.shape.zipf = a->zipf[k % a->zipfs];
        r.shape.seed += k / a->zipfs;
        if (add_one(g, &r, e)) return -1;
    }
    return 0;
}

static int by_cost(const void *x, const void *y)
{
    const double a = parity_run_cost(x), b = parity_run_cost(y);
    char name[2][96];
    if (a > b || a < b) return a < b ? 1 : -1;
    parity_run_name(x, name[0], sizeof name[0]);
    parity_run_name(y, name[1], sizeof name[1]);
    return compare_natural(name[0], name[1]);
}

void parity_grid_order(struct parity_grid *g, size_t shard, size_t shards)
{
    size_t kept = 0;
    qsort(g->runs, g->n, sizeof *g->runs, by_cost);
    for (size_t i = shard; i < g->n; i += shards) g->runs[kept++] = g->runs[i];
    g->n = kept;
}

int parity_grid_run(const struct parity_grid *g, const struct parity_how *how,
                    struct parity_tally *tally, struct err *e)
{
    uint64_t logs = 0;
    size_t ran = 0, there = 0;
    double flop = 0;
    int status = 0;
    for (size_t i = 0; i < g->n; i++) logs += parity_run_logs(&g->runs[i], g->runs[i].steps);
    progress_begin("training", "logs", logs);
    out_catch_interrupts(true);
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : ran, there, flop)
    for (size_t i = 0; i < g->n; i++) {
        struct err mine;
        struct parity_how here = *how;
        struct parity_done done;
        const struct parity_run *r = &g->runs[i];
        here.stop = &status;
        if (err_status(&status) || out_interrupted()) continue;
        if (parity_run_do(r, &here, &done, &mine)) {
            err_first(e, &status, &mine);
            continue;
        }
        ran += !done.there;
        there += done.there;
        flop += parity_run_flop(r, done.first, done.end);
        /* of what stopped early, or was there before */
        progress_add(parity_run_logs(r, r->steps) - parity_run_logs(r, done.end));
    }
    out_catch_interrupts(false);
    progress_end();
    *tally = (struct parity_tally){ran, there, flop};
    if (!status && out_interrupted())
        return err_kind(e, ERR_INTERRUPTED, "%s: interrupted; the same command goes on",
                        how->folder);
    return status;
}

/* --- a folder --- */

void parity_folder_free(struct parity_folder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->found[i].name);
        parity_log_free(&f->found[i].log);
    }
    free(f->found);
    *f = (struct parity_folder){.n = 0};
}

static int by_name(const void *x, const void *y)
{
    return compare_natural(((const struct parity_found *)x)->name,
                           ((const struct parity_found *)y)->name);
}

static int add_record(struct parity_folder *f, const char *folder, const char *file, struct err *e)
{
    char *path = format_string("%s/%s", folder, file);
    if (!path) return err_memory(e, folder);
    int status = 0;
    if (parity_record_is(path)) {
        struct parity_found *more = realloc(f->found, (f->n + 1) * sizeof *more);
        if (more) f->found = more;
        struct parity_found one = {.name = strndup(file, strlen(file) - strlen(".json"))};
        status =
            more && one.name ? parity_run_read(&one.run, &one.log, path, e) : err_memory(e, path);
        if (!status)
            more[f->n++] = one;
        else
            free(one.name);
    }
    free(path);
    return status;
}

int parity_folder_read(struct parity_folder *f, const char *folder, struct err *e)
{
    *f = (struct parity_folder){.n = 0};
    DIR *d = opendir(folder);
    if (!d) return err_errno(e, "%s: cannot open", folder);
    int status = 0;
    for (struct dirent *one; !status && (one = readdir(d));) {
        const size_t length = strlen(one->d_name);
        if (length > 5 && !strcmp(one->d_name + length - 5, ".json"))
            status = add_record(f, folder, one->d_name, e);
    }
    closedir(d);
    if (!status && !f->n)
        status =
            err_kind(e, ERR_MISSING, "%s: expected records of parity runs, found none", folder);
    if (status)
        parity_folder_free(f);
    else
        qsort(f->found, f->n, sizeof *f->found, by_name);
    return status;
}

int parity_points_write(const struct parity_folder *f, const char *folder, struct err *e)
{
    struct out out;
    char *path = format_string("%s/points.csv", folder);
    int status = path ? out_open(&out, path, e) : err_memory(e, folder);
    free(path);
    if (status) return -1;
    status = out_printf(&out, e, "run,N,D,step,loss,zipf,seed\n");
    for (size_t i = 0; i < f->n && !status; i++) {
        const struct parity_run *r = &f->found[i].run;
        char data[32] = "";
        if (r->data) snprintf(data, sizeof data, "%" PRIu64, r->data);
        for (size_t k = 0; k < f->found[i].log.n && !status; k++) {
            const double mean = f->found[i].log.mean[k];
            char loss[32] = ""; /* of a run that diverged: none */
            if (isfinite(mean)) snprintf(loss, sizeof loss, "%.17g", mean);
            status = out_printf(&out, e, "%s,%" PRIu64 ",%s,%zu,%s,%.10g,%" PRIu64 "\n",
                                f->found[i].name, parity_parameters(&r->shape, r->width), data,
                                k * r->log, loss, r->shape.zipf, r->shape.seed);
        }
    }
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}
