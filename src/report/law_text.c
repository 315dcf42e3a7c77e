/* law_text.c - see law_text.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/law_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/table.h"

/* 478, 1.817, 0.347, 8.8e13: what a reader needs to recognise a law. A negative one in brackets: a
 * sign may stand before it. */
static void number(double v, char *buffer, size_t size)
{
    double a = fabs(v);
    char text[32];
    if (a >= 100 && a < 1e6)
        snprintf(text, sizeof text, "%.0f", a);
    else if (a >= 1e-4 && a < 1)
        snprintf(text, sizeof text, "%.3g", a);
    else
        table_number(a, TABLE_PLAIN, text, sizeof text);
    snprintf(buffer, size, v < 0 ? "(-%s)" : "%s", text);
}

char *law_text(const struct law *law, const double *params, const char *x, char buffer[LAW_TEXT])
{
    size_t used = 0;
    buffer[0] = 0;
    for (const char *s = law->formula; *s && used < LAW_TEXT - 1;) {
        char word[48] = "", value[40];
        size_t n = 0;
        while ((isalnum((unsigned char)s[n]) || s[n] == '_') && n < sizeof word - 1) n++;
        memcpy(word, s, n ? n : 1);
        int i = n ? law_param_index(law, word) : -1;
        const char *shown = word;
        if (i >= 0) {
            number(params[i], value, sizeof value);
            shown = value;
        } else if (x && law->variables & LAW_ANY && !strcmp(word, "x")) {
            shown = x;
        }
        used += (size_t)snprintf(buffer + used, LAW_TEXT - used, "%s", shown);
        s += n ? n : 1;
    }
    return buffer;
}
