/* where.c - see where.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/where.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int where_parse(struct where *w, const char *text, const struct csv *c, struct err *e)
{
    size_t n = strcspn(text, "<>=!");
    const char *op = text + n;
    size_t length = op[0] && op[1] == '=' ? 2 : 1;
    if (n == 0 || !*op || (*op == '!' && length == 1) || n >= sizeof w->column ||
        strlen(op + length) >= sizeof w->value)
        return err_set(e, "--where: expected COLUMN=VALUE (or != < <= > >=), found '%.100s'", text);
    memcpy(w->column, text, n);
    while (n && w->column[n - 1] == ' ') n--;
    w->column[n] = 0;
    memcpy(w->op, op, length);
    w->op[length] = 0;
    if (!strcmp(w->op, "==")) w->op[1] = 0;
    const char *value = op + length;
    while (*value == ' ') value++;
    snprintf(w->value, sizeof w->value, "%s", value);
    w->index = csv_find(c, w->column);
    if (w->index < 0) return csv_missing(c, e, w->column, "--where");
    w->numeric = !csv_parse_number(w->value, &w->number);
    bool max = !strcmp(w->value, "max"), min = !strcmp(w->value, "min");
    if (!w->numeric && (max || min)) {
        w->number = max ? -INFINITY : INFINITY;
        w->numeric = true;
        for (size_t i = 0; i < c->rows; i++) {
            double v;
            if (csv_parse_number(csv_field(c, i, (size_t)w->index), &v)) continue;
            if (max ? v > w->number : v < w->number) w->number = v;
        }
    }
    if (!w->numeric && (*w->op == '<' || *w->op == '>'))
        return err_set(e, "--where: expected a number after '%s', found '%.60s'", w->op, w->value);
    return 0;
}

bool where_holds(const struct where *w, const struct csv *c, size_t row)
{
    const char *text = csv_field(c, row, (size_t)w->index);
    double v;
    if (w->numeric && !csv_parse_number(text, &v)) {
        if (*w->op == '<') return v < w->number || (w->op[1] && v == w->number);
        if (*w->op == '>') return v > w->number || (w->op[1] && v == w->number);
        return (v == w->number) == (*w->op == '=');
    }
    if (*w->op == '<' || *w->op == '>') return false;
    return !strcmp(text, w->value) == (*w->op == '=');
}
