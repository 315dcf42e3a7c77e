/* loss_column.c - see loss_column.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/loss_column.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void loss_column_close(struct loss_column *c)
{
    for (size_t i = 0; i < c->count; i++) npy_close(&c->parts[i]);
    free(c->parts);
    free(c->start);
    *c = (struct loss_column){0};
}

int loss_column_open(struct loss_column *column, const struct checkpoint *c, struct err *e)
{
    *column = (struct loss_column){
        .parts = calloc(c->part_count, sizeof *column->parts),
        .start = calloc(c->part_count + 1, sizeof *column->start),
    };
    if (!column->parts || !column->start) return err_memory(e, NULL);
    for (size_t i = 0; i < c->part_count; i++) {
        struct npy *a = &column->parts[i];
        const struct record *r = c->parts[i];
        if (npy_open(a, r->losses, e)) return -1;
        column->count++;
        column->start[i + 1] = column->start[i] + a->rows;
        if (strcmp(a->descr, "<f4") || a->columns || (double)a->rows != r->moments.predictions)
            return err_set(e, "%s: expected %.0f float32 losses, found %" PRIu64 " of %s",
                           r->losses, r->moments.predictions, a->rows, a->descr);
    }
    return 0;
}

void loss_column_copy(const struct loss_column *c, uint64_t first, size_t n, float *out,
                      size_t stride)
{
    size_t part = 0;
    while (c->start[part + 1] <= first) part++;
    for (size_t done = 0; done < n; part++) {
        uint64_t at = first + done - c->start[part], left = c->parts[part].rows - at;
        size_t some = n - done < left ? n - done : (size_t)left;
        const float *loss = (const float *)c->parts[part].data + at;
        for (size_t i = 0; i < some; i++) out[(done + i) * stride] = loss[i];
        done += some;
    }
}

double loss_column_sum(const struct loss_column *c, uint64_t first, size_t n, size_t *part)
{
    double sum = 0;
    for (size_t done = 0; done < n;) {
        while (c->start[*part + 1] <= first + done) ++*part;
        uint64_t at = first + done - c->start[*part], left = c->parts[*part].rows - at;
        size_t some = n - done < left ? n - done : (size_t)left;
        const float *loss = (const float *)c->parts[*part].data + at;
        for (size_t i = 0; i < some; i++) sum += (double)loss[i];
        done += some;
    }
    return sum;
}

void loss_column_drop(const struct loss_column *c, uint64_t first, uint64_t n)
{
    for (size_t part = 0; part < c->count; part++) {
        if (c->start[part + 1] <= first || c->start[part] >= first + n) continue;
        uint64_t from = first > c->start[part] ? first - c->start[part] : 0;
        uint64_t to = first + n - c->start[part];
        if (to > c->parts[part].rows) to = c->parts[part].rows;
        map_drop((const float *)c->parts[part].data + from, (to - from) * sizeof(float));
    }
}
