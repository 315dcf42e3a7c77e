/* pins.c - see pins.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/pins.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/num.h"

/* The index of the parameter before '=', *value what stands after it; -1 with *e. */
static int parameter(const struct law *law, const char *text, const char *what, const char **value,
                     struct err *e)
{
    const char *equal = strchr(text, '=');
    char name[32] = "";
    if (equal && (size_t)(equal - text) < sizeof name) memcpy(name, text, (size_t)(equal - text));
    int i = equal ? law_param_index(law, name) : -1;
    if (i >= 0) {
        *value = equal + 1;
        return i;
    }
    char all[200] = "";
    for (int k = 0; k < law->n; k++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", k ? ", " : "", law->param[k].name);
    }
    return err_set(e, "%s: expected NAME=... with a parameter of %s (%s), found '%.60s'", what,
                   law->name, all, text);
}

int pin_parse(struct fit_options *o, const struct law *law, const char *text, struct err *e)
{
    const char *value;
    int i = parameter(law, text, "--pin", &value, e);
    if (i < 0 || parse_real(value, "--pin", &o->pin[i], e)) return -1;
    if (o->pin[i] < 0 && law_param_positive(&law->param[i]))
        return err_set(e, "--pin %s: expected at least 0, found '%s'", law->param[i].name, value);
    if (o->pinned[i]) return err_set(e, "--pin %s: given twice", law->param[i].name);
    o->pinned[i] = true;
    return 0;
}

int bound_parse(struct fit_options *o, const struct law *law, const char *text, struct err *e)
{
    const char *value;
    int i = parameter(law, text, "--bound", &value, e);
    if (i < 0) return -1;
    if (o->bounded[i]) return err_set(e, "--bound %s: given twice", law->param[i].name);
    const char *colon = strchr(value, ':');
    char low[64] = "";
    if (!colon || (size_t)(colon - value) >= sizeof low)
        return err_set(e, "--bound %s: expected LOW:HIGH, found '%.60s'", law->param[i].name,
                       value);
    memcpy(low, value, (size_t)(colon - value));
    o->lower[i] = -INFINITY;
    o->upper[i] = INFINITY;
    if ((*low && parse_real(low, "--bound", &o->lower[i], e)) ||
        (colon[1] && parse_real(colon + 1, "--bound", &o->upper[i], e)))
        return -1;
    o->bounded[i] = true;
    return 0;
}
