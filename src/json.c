/* json.c - values that JSON has no form for; see json.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

json_t *json_finite(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_utf8(const char *text)
{
    json_t *s = text ? json_string(text) : json_null();
    return s ? s : json_string("?");
}

json_t *json_hex(uint64_t value)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}
