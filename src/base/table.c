/* table.c - cells, their three writers' common part and the JSON one; see table.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

struct table *table_open(const struct column *columns, size_t n, const char *missing)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->columns = malloc((n + 1) * sizeof *t->columns);
    t->missing = missing;
    t->n = n;
    if (!t->columns) {
        free(t);
        return NULL;
    }
    memcpy(t->columns, columns, n * sizeof *columns);
    return t;
}

void table_free(struct table *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->used; i++) free(t->cells[i].text);
    free(t->cells);
    free(t->columns);
    free(t);
}

static struct cell *next_cell(struct table *t)
{
    if (!t || t->failed) return NULL;
    if (t->used == t->room) {
        size_t room = t->room ? 2 * t->room : 8 * t->n;
        struct cell *bigger = realloc(t->cells, room * sizeof *bigger);
        if (!bigger) {
            t->failed = true;
            return NULL;
        }
        t->cells = bigger;
        t->room = room;
    }
    struct cell *c = &t->cells[t->used];
    *c = (struct cell){.kind = CELL_NONE, .unit = t->columns[t->used % t->n].unit};
    t->used++;
    return c;
}

void table_text(struct table *t, const char *format, ...)
{
    struct cell *c = next_cell(t);
    if (!c) return;
    va_list args;
    va_start(args, format);
    c->kind = CELL_TEXT;
    if (vasprintf(&c->text, format, args) < 0) {
        c->text = NULL;
        t->failed = true;
    }
    va_end(args);
}

void table_real_in(struct table *t, double value, enum table_unit unit)
{
    struct cell *c = next_cell(t);
    if (!c) return;
    c->kind = CELL_REAL;
    c->real = value;
    c->unit = unit;
}

void table_real(struct table *t, double value)
{
    if (t) table_real_in(t, value, t->columns[t->used % t->n].unit);
}

void table_whole(struct table *t, uint64_t value)
{
    struct cell *c = next_cell(t);
    if (!c) return;
    c->kind = CELL_WHOLE;
    c->whole = value;
}

void table_flag(struct table *t, bool value)
{
    struct cell *c = next_cell(t);
    if (!c) return;
    c->kind = CELL_FLAG;
    c->whole = value;
}

void table_none(struct table *t)
{
    next_cell(t);
}

void table_between(struct table *t, double lo, double hi, enum table_unit unit)
{
    char from[32], to[32];
    if (isnan(lo) && isnan(hi))
        table_none(t);
    else
        table_text(t, "%s .. %s", table_number(lo, unit, from, sizeof from),
                   table_number(hi, unit, to, sizeof to));
}

size_t table_rows(const struct table *t)
{
    return t ? t->used / t->n : 0;
}

static json_t *cell_json(const struct cell *c)
{
    switch (c->kind) {
    case CELL_TEXT:
        return json_utf8(c->text);
    case CELL_REAL:
        return json_finite(c->real);
    case CELL_WHOLE:
        return json_integer((json_int_t)c->whole);
    case CELL_FLAG:
        return json_boolean(c->whole);
    default:
        return json_null();
    }
}

/* Sets PATH, keys between dots, in OBJECT; consumes VALUE. */
static void set_path(json_t *object, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    if (!dot) {
        json_object_set_new(object, path, value);
        return;
    }
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
    json_t *inner = json_object_get(object, key);
    if (!inner) {
        inner = json_object();
        json_object_set_new(object, key, inner);
    }
    set_path(inner, dot + 1, value);
}

json_t *table_json(const struct table *t, bool keyed)
{
    if (!t || t->failed) return NULL;
    json_t *all = keyed ? json_object() : json_array();
    for (size_t r = 0; r < table_rows(t); r++) {
        const struct cell *row = &t->cells[r * t->n];
        json_t *object = json_object();
        for (size_t k = keyed; k < t->n; k++) {
            const struct column *c = &t->columns[k];
            if (!(c->flags & TABLE_NO_JSON))
                set_path(object, c->json ? c->json : c->name, cell_json(&row[k]));
        }
        if (keyed)
            json_object_set_new(all, row[0].text ? row[0].text : "", object);
        else
            json_array_append_new(all, object);
    }
    return all;
}

/* --- numbers for people --- */

/* "1.2e+05" to "1.2e5". */
static void tidy_exponent(char *text)
{
    char *e = strchr(text, 'e');
    if (!e) return;
    char *from = e + 1, *to = e + 1;
    if (*from == '-') to++;
    if (*from == '-' || *from == '+') from++;
    while (*from == '0' && from[1]) from++;
    memmove(to, from, strlen(from) + 1);
}

/* Four significant digits: whole numbers up to a million in full, beyond and below by exponent. */
static void plain(double v, char *buffer, size_t size)
{
    double a = fabs(v);
    if (a >= 1e4 && a < 1e6)
        snprintf(buffer, size, "%.0f", v);
    else
        snprintf(buffer, size, "%.4g", v);
    tidy_exponent(buffer);
}

struct step {
    double size; /* of one, in the unit below */
    const char *name;
};

/* V in the largest step it reaches, at most DIGITS significant. */
static void stepped(double v, const struct step *step, size_t n, int digits, char *b, size_t size)
{
    double unit = 1, v_unit = v;
    size_t i = 0;
    for (; i + 1 < n; i++) {
        double next = unit * step[i + 1].size;
        /* What would round to one of the next is that. */
        if (fabs(v) < next * (1 - 0.5 * pow(10, -digits))) break;
        unit = next;
        v_unit = v / unit;
    }
    snprintf(b, size, "%.*g%s%s", digits, v_unit, *step[i].name ? " " : "", step[i].name);
    tidy_exponent(b);
}

char *table_number(double v, enum table_unit unit, char *buffer, size_t size)
{
    static const struct step counts[] = {{1, ""}, {1e3, "K"}, {1e3, "M"}, {1e3, "B"}, {1e3, "T"}};
    static const struct step bytes[] = {
        {1, "B"}, {1e3, "kB"}, {1e3, "MB"}, {1e3, "GB"}, {1e3, "TB"}};
    static const struct step times[] = {{1, "us"},   {1e3, "ms"}, {1e3, "s"},
                                        {60, "min"}, {60, "h"},   {24, "d"}};
    if (!isfinite(v)) {
        snprintf(buffer, size, "%s", isnan(v) ? "-" : v > 0 ? "inf" : "-inf");
        return buffer;
    }
    switch (unit) {
    case TABLE_COUNT:
        if (fabs(v) < 1e4 && v == floor(v))
            snprintf(buffer, size, "%.0f", v);
        else
            stepped(v, counts, 5, 4, buffer, size);
        break;
    case TABLE_BYTES:
        stepped(v, bytes, 5, 4, buffer, size);
        break;
    case TABLE_SECONDS:
        stepped(v * 1e6, times, 6, 3, buffer, size);
        break;
    case TABLE_PERCENT:
        snprintf(buffer, size, "%.4g %%", 100 * v);
        tidy_exponent(buffer);
        break;
    case TABLE_FLOP:
        snprintf(buffer, size, "%.4g", v);
        tidy_exponent(buffer);
        break;
    case TABLE_EXACT:
        snprintf(buffer, size, "%.10g", v);
        break;
    default:
        plain(v, buffer, size);
    }
    return buffer;
}
