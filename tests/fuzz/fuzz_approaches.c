/* Fuzz target: runs of any size, tokens and loss into Approaches 1 and 2, and any path into the
 * suite's name reader. What is accepted must be usable: a minimum inside its interval, finite
 * exponents. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fit/envelope.h"
#include "fit/isoflop.h"
#include "src/report/report_approaches.h"
#include "models/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 40 };

static void names(const uint8_t *data, size_t size)
{
    char *path = malloc(size + 1), name[SUITE_NAME_SIZE];
    struct suite_id id;
    int64_t step;
    if (!path) return;
    memcpy(path, data, size);
    path[size] = 0;
    bool found = suite_parse_name(path, name, &step);
    if (found != suite_find(name, &id) || step < -1 || step > 999999999) abort();
    free(path);
}

static size_t lines[MOST];

static void minima(double *N, double *D, double *C, double *loss, size_t n, uint8_t mode)
{
    struct isoflop f;
    struct isoflop_corrected c;
    struct err e = {0};
    struct isoflop_options o = {
        .reject = (enum isoflop_reject)(mode % 3), .keep = mode & 64, .tolerance = 0.2};
    if (isoflop_fit(N, D, C, loss, n, &o, &f, &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
        return;
    }
    for (size_t i = 0; i < f.n; i++) {
        const struct isoflop_budget *b = &f.budget[i];
        if (b->used && !(b->N > 0)) abort();
        if (b->status == ISOFLOP_OK && !(b->N_lo <= b->N && b->N <= b->N_hi)) abort();
        if (b->status == ISOFLOP_OK && !(b->curvature_lo > 0)) abort();
    }
    if (!isfinite(f.N_of_C.slope) && f.used > 1 && f.N_of_C.sxx > 0 && isfinite(f.N_of_C.sxx) &&
        !(mode & 64))
        abort();
    if (!isoflop_correct(&f, N, 0.34, 0.28, &c, &e)) isoflop_corrected_free(&c);
    struct points p = {.path = "x", .N = N, .loss = loss, .line = lines, .n = n};
    struct sheet *s = sheet_open();
    json_decref(isoflop_report(s, &p, &f, &(struct approaches_correction){.known = false}));
    sheet_free(s);
    isoflop_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double N[MOST], D[MOST], C[MOST], loss[MOST];
    size_t run[MOST], n = 0;
    if (size < 1) return 0;
    uint8_t mode = *data++;
    size--;
    if (mode & 128) {
        names(data, size);
        return 0;
    }
    for (; n < MOST && size >= 4; n++, data += 4, size -= 4) {
        /* Sizes on a grid of half octaves and budgets of whole decades make groups likely. */
        N[n] = 1e6 * pow(2, 0.5 * data[0]);
        C[n] = pow(10, 15 + data[1] % 8);
        D[n] = C[n] / (6 * N[n]);
        uint16_t l;
        memcpy(&l, data + 2, 2);
        loss[n] = 1 + l / 8192.0;
        run[n] = mode & 32 ? n / 4 : data[0];
        if (l == 65535) loss[n] = INFINITY;
    }
    minima(N, D, C, loss, n, mode);
    struct envelope f;
    struct envelope_options o = {.budgets = 50, .keep_edges = mode & 64};
    struct err e = {0};
    if (!envelope_fit(&(struct envelope_rows){N, D, C, loss, run, n}, &o, &f, &e)) {
        if (!isfinite(f.N_of_C.slope)) abort();
        struct points p = {.path = "x", .n = n};
        struct sheet *s = sheet_open();
        json_decref(envelope_report(s, &p, &f));
        sheet_free(s);
        envelope_free(&f);
    }
    return 0;
}
