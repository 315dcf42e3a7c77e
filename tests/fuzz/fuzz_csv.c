/* Fuzz target: any bytes as a CSV file; every field that was accepted is looked at.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv c;
    struct err e;
    if (csv_read_memory(&c, "fuzz", data, size, &e)) {
        /* One line, and never an empty one. */
        if (!e.text[0] || strchr(e.text, '\n')) abort();
        return 0;
    }
    for (size_t i = 0; i < c.rows; i++) {
        if (c.line[i + 1] <= c.line[i]) abort();
        for (size_t k = 0; k < c.columns; k++) {
            double v;
            if (strlen(csv_field(&c, i, k)) > size) abort();
            csv_number(&c, i, k, &v, &e);
        }
    }
    for (size_t k = 0; k < c.columns; k++) {
        if (csv_find(&c, csv_header(&c, k)) == CSV_NONE) abort();
    }
    csv_close(&c);
    return 0;
}
