/* Fuzz target: any bytes as a learning-rate schedule; what was accepted is read at steps within and
 * beyond it. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fit/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv table;
    struct schedule s;
    struct err e;
    if (csv_read_memory(&table, "fuzz", data, size, &e)) return 0;
    int status = schedule_rows(&s, &table, &e);
    csv_close(&table);
    if (status) {
        if (!e.text[0] || strpbrk(e.text, "\n\r") || s.curve) abort();
        return 0;
    }
    for (size_t i = 0; i < s.n; i++) {
        const struct schedule_curve *c = &s.curve[i];
        double end = c->step[c->n - 1], last = 0, area;
        for (size_t k = 0; k < c->n_drops; k++) {
            if (!(c->drop[k].from < c->drop[k].to) || c->drop[k].to > end) abort();
            if (k && c->drop[k].from < c->drop[k - 1].to) abort();
        }
        for (int k = 0; k <= 8; k++, last = area) {
            area = schedule_area(c, end * k / 4);
            if (schedule_rate(c, end * k / 4) < 0 || area < last * (1 - 1e-9)) abort();
        }
    }
    schedule_close(&s);
    return 0;
}
