/* json.c - values that JSON has no form for; see json.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"

json_t *json_finite(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_number(double value)
{
    if (value == floor(value) && fabs(value) < 9e15) return json_integer((json_int_t)value);
    return json_real(value);
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

bool json_file_is(const char *path, const char *format)
{
    json_t *o = json_load_file(path, 0, NULL);
    const char *found = json_string_value(json_object_get(o, "format"));
    const bool yes = found && !strncmp(found, format, strlen(format));
    json_decref(o);
    return yes;
}

json_t *json_record(const char *path, const char *format, const char *what, struct err *e)
{
    struct map map;
    json_error_t bad;
    if (map_open(&map, path, e)) return NULL;
    json_t *o = json_loadb((const char *)map.data, map.size, 0, &bad);
    map_close(&map);
    const char *found = json_string_value(json_object_get(o, "format"));
    if (!o)
        err_kind(e, ERR_DAMAGED, "%s: line %d: %s", path, bad.line, bad.text);
    else if (!found)
        err_set(e, "%s: expected the record of %s, found something else", path, what);
    else if (strcmp(found, format))
        err_set(e, "%s: format: expected \"%s\", found %.64s", path, format, found);
    else
        return o;
    json_decref(o);
    return NULL;
}

char *json_text(json_t *object, struct err *e)
{
    if (!object) {
        err_memory(e, "--json");
        return NULL;
    }
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(object);
    if (!text) err_set(e, "--json: a value cannot be written as JSON");
    return text;
}

int json_save(const char *path, json_t *object, struct err *e)
{
    char *text = json_text(object, e);
    if (!text) return -1;
    struct out out;
    int status = out_open(&out, path, e);
    if (!status) {
        status = out_printf(&out, e, "%s\n", text);
        if (!status)
            status = out_commit(&out, e);
        else
            out_abort(&out);
    }
    free(text);
    return status;
}
