/* Fuzz target: any bytes as a law's formula; what was accepted is evaluated, with and without
 * derivatives. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fit/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    struct law *law = expression_parse(text, &e);
    free(text);
    if (!law) {
        /* One line, and never an empty one. */
        if (!e.text[0] || strpbrk(e.text, "\n\r")) abort();
        return 0;
    }
    if (law->n < 1 || law->n > LAW_PARAMS || !(law->variables & 7)) abort();
    double params[LAW_PARAMS], t[LAW_PARAMS], g[LAW_PARAMS], h[LAW_HESSIAN];
    const double x[3] = {0.5, -0.5, 0.25}, centre[3] = {18, 22, 10};
    for (int i = 0; i < law->n; i++) {
        t[i] = 0.1 * i - 0.3;
        if (!law->param[i].name[0] || law_param_index(law, law->param[i].name) != i) abort();
        if (law->param[i].exponent < 0 || law->param[i].exponent >= law->n) abort();
    }
    double L = law_internal(law, t, x, centre, g, h),
           again = law_internal(law, t, x, centre, NULL, NULL);
    if (memcmp(&L, &again, sizeof L) && !(isnan(L) && isnan(again))) abort();
    law_to_natural(law, centre, t, params);
    law_to_internal(law, centre, params, t);
    expression_free(law);
    return 0;
}
