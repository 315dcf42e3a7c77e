/* Fuzz target: any bytes as a result to draw. What is recognised is put on a chart, by every figure that
 * reads its kind, or refused in one line; nothing is drawn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/plot/figures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/tripod-fuzz-XXXXXX";

static void clean(void)
{
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    struct result r;
    static int fd = -1;
    if (fd < 0) {
        fd = mkstemp(path);
        if (fd < 0) abort();
        atexit(clean);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    int status = result_open(&r, path, &e);
    const struct figure_inputs in = {&r, 1};
    for (size_t i = 0; i < n_figures && !status; i++) {
        if (figures[i].reads != r.kind) continue;
        struct chart *c = chart_open(true);
        if (figures[i].build(c, &in, &e) && (!e.text[0] || strchr(e.text, '\n'))) abort();
        chart_free(c);
    }
    if (status && (!e.text[0] || strchr(e.text, '\n'))) abort();
    result_close(&r);
    return 0;
}
