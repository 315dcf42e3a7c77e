/* objective.c - see objective.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/objective.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

int objective_parse(struct objective *o, const char *text, struct err *e)
{
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    *o = (struct objective){.kind = OBJ_HUBER, .delta = 1e-3, .ratio = 1};
    if (n == 5 && !strncmp(text, "huber", n)) {
        if (!colon) return 0;
        if (!strcmp(colon + 1, "auto")) {
            o->delta = 0;
            return 0;
        }
        if (parse_real(colon + 1, "--objective huber", &o->delta, e)) return -1;
        if (!(o->delta >= 1e-9 && o->delta <= 1e9))
            return err_set(e, "--objective huber: expected a delta of 1e-9 to 1e9, found '%s'",
                           colon + 1);
        return 0;
    }
    if (n == 4 && !strncmp(text, "asym", n)) {
        o->kind = OBJ_ASYM;
        o->ratio = 10;
        if (colon && parse_real(colon + 1, "--objective asym", &o->ratio, e)) return -1;
        if (!(o->ratio >= 1e-3 && o->ratio <= 1e3))
            return err_set(e, "--objective asym: expected a ratio of 0.001 to 1000, found '%s'",
                           colon + 1);
        return 0;
    }
    static const struct {
        const char *name;
        int kind;
    } plain[] = {{"lad", OBJ_LAD}, {"logls", OBJ_LOGLS}, {"ls", OBJ_LS}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(text, plain[i].name)) continue;
        o->kind = plain[i].kind;
        return 0;
    }
    return err_set(e,
                   "--objective: expected huber:DELTA, huber:auto, lad, logls, ls or asym:RATIO, "
                   "found '%.60s'",
                   text);
}

void objective_text(const struct objective *o, char *text, size_t size)
{
    switch (o->kind) {
    case OBJ_HUBER:
        if (o->delta > 0)
            snprintf(text, size, "huber:%.6g", o->delta);
        else
            snprintf(text, size, "huber:auto");
        break;
    case OBJ_LAD:
        snprintf(text, size, "lad");
        break;
    case OBJ_LOGLS:
        snprintf(text, size, "logls");
        break;
    case OBJ_LS:
        snprintf(text, size, "ls");
        break;
    case OBJ_ASYM:
        snprintf(text, size, "asym:%.6g", o->ratio);
        break;
    }
}

bool objective_is_log(const struct objective *o)
{
    return o->kind != OBJ_LS && o->kind != OBJ_ASYM;
}
