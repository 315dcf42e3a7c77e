/* Fuzz target: any bytes as a config.json; what is accepted must be a model that can be laid out.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct neox_config c;
    struct err e = {0};
    if (neox_config_parse(&c, (const char *)data, size, "fuzz", &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
        return 0;
    }
    if (c.heads * c.head_size != c.hidden || c.rotary > c.head_size || c.rotary % 2) abort();
    if (!c.rotary != c.learned_positions || !c.window != !c.local) abort();
    if (c.window && (c.layers > 64 || (c.layers < 64 && c.local >> c.layers))) abort();
    struct neox_tensor t;
    size_t n = neox_tensor_count(&c);
    for (size_t i = 0; i < n; i += 1 + n / 16) {
        neox_tensor_at(&c, i, &t);
        if (!t.rows || !t.columns || !t.name[0]) abort();
    }
    if (!(neox_parameters(&c, true) > neox_parameters(&c, false))) abort();
    return 0;
}
