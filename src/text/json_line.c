/* json_line.c - see json_line.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/json_line.h"

#include <string.h>

enum { DEPTH = 512 };

struct scan {
    const uint8_t *start, *p, *end;
    struct err *e;
};

static int scan_fail(struct scan *s, const char *expected)
{
    return err_set(s->e, "column %zu: not JSON: expected %s%s", (size_t)(s->p - s->start) + 1,
                   expected, s->p == s->end ? ", found the end" : "");
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static int hex4(struct scan *s, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        uint8_t c = s->p < s->end ? *s->p : 0;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)c - '0'
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16;
        if (digit > 15) return scan_fail(s, "four hexadecimal digits");
        *value = *value << 4 | digit;
    }
    return 0;
}

/* A string from its opening quote; its text is appended to OUT unless that is NULL. */
static int scan_string(struct scan *s, struct bytes *out, uint64_t *invalid)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end || *s->p != '"') return scan_fail(s, "a string");
    s->p++;
    for (;;) {
        const uint8_t *run = s->p;
        while (s->p < s->end && *s->p != '"' && *s->p != '\\' && *s->p >= 0x20) s->p++;
        if (out && bytes_append(out, run, (size_t)(s->p - run))) return err_memory(s->e, NULL);
        if (s->p == s->end) return scan_fail(s, "the end of a string");
        uint8_t c = *s->p;
        if (c < 0x20) return scan_fail(s, "no control character in a string");
        s->p++;
        if (c == '"') return 0;
        const char *name = s->p < s->end && *s->p ? strchr(names, *s->p) : NULL;
        uint8_t buffer[4];
        size_t n = 1;
        if (name) {
            buffer[0] = (uint8_t)values[name - names];
            s->p++;
        } else if (s->p < s->end && *s->p == 'u') {
            uint32_t point, low;
            s->p++;
            if (hex4(s, &point)) return -1;
            if (point >= 0xD800 && point < 0xDC00 && s->end - s->p >= 2 && s->p[0] == '\\' &&
                s->p[1] == 'u') {
                const uint8_t *here = s->p;
                s->p += 2;
                if (hex4(s, &low)) return -1;
                if (low >= 0xDC00 && low < 0xE000)
                    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                else
                    s->p = here; /* an escape of its own */
            }
            if (point >= 0xD800 && point < 0xE000) {
                point = 0xFFFD;
                if (invalid) ++*invalid;
            }
            n = utf8_write(point, buffer);
        } else {
            return scan_fail(s, "an escape");
        }
        if (out && bytes_append(out, buffer, n)) return err_memory(s->e, NULL);
    }
}

static bool take(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n)) return false;
    s->p += n;
    return true;
}

static size_t digits(struct scan *s)
{
    const uint8_t *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return (size_t)(s->p - from);
}

/* A number, true, false, null; and NaN and the infinities, which Python writes. */
static int scan_scalar(struct scan *s)
{
    if (take(s, "true") || take(s, "false") || take(s, "null") || take(s, "NaN") ||
        take(s, "Infinity") || take(s, "-Infinity"))
        return 0;
    if (s->p < s->end && *s->p == '-') s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!digits(s))
        return scan_fail(s, "a value");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s)) return scan_fail(s, "a digit");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!digits(s)) return scan_fail(s, "a digit");
    }
    return 0;
}

/* Any value, without recursion: nesting[] remembers which bracket each level waits for. */
static int scan_value(struct scan *s)
{
    char nesting[DEPTH];
    size_t depth = 0;
    bool value = true; /* a value comes next; else what follows one */
    for (;;) {
        skip_space(s);
        if (value && s->p < s->end && (*s->p == '{' || *s->p == '[')) {
            if (depth == DEPTH) return scan_fail(s, "less than 512 levels");
            char close = *s->p == '{' ? '}' : ']';
            s->p++;
            skip_space(s);
            if (s->p < s->end && *s->p == (uint8_t)close) {
                s->p++;
                value = false;
            } else {
                nesting[depth++] = close;
            }
        } else if (value) {
            if (s->p < s->end && *s->p == '"' ? scan_string(s, NULL, NULL) : scan_scalar(s))
                return -1;
            value = false;
        } else if (!depth) {
            return 0;
        } else if (s->p < s->end && *s->p == ',') {
            s->p++;
            value = true;
        } else if (s->p < s->end && *s->p == (uint8_t)nesting[depth - 1]) {
            s->p++;
            depth--;
            continue;
        } else {
            return scan_fail(s, nesting[depth - 1] == '}' ? "',' or '}'" : "',' or ']'");
        }
        if (value && depth && nesting[depth - 1] == '}') {
            skip_space(s);
            if (scan_string(s, NULL, NULL)) return -1;
            skip_space(s);
            if (s->p == s->end || *s->p != ':') return scan_fail(s, "':'");
            s->p++;
        }
        if (!value && !depth) return 0;
    }
}

static const char *kind_of(uint8_t c)
{
    switch (c) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a truth value";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

int json_line_field(const uint8_t *line, size_t bytes, const char *field, struct bytes *out,
                    uint64_t *invalid, struct err *e)
{
    struct scan s = {line, line, line + bytes, e};
    struct bytes key = {0};
    size_t wanted = strlen(field), start = out->count;
    uint64_t lone = 0;
    const char *other = NULL; /* what the field is if not a string */
    bool found = false;
    int status = -1;
    skip_space(&s);
    if (s.p == s.end || *s.p != '{') {
        scan_fail(&s, "an object in '{}'");
        goto done;
    }
    s.p++;
    skip_space(&s);
    if (s.p < s.end && *s.p == '}') {
        s.p++;
    } else {
        for (;;) {
            skip_space(&s);
            key.count = 0;
            if (scan_string(&s, &key, NULL)) goto done;
            skip_space(&s);
            if (s.p == s.end || *s.p != ':') {
                scan_fail(&s, "':'");
                goto done;
            }
            s.p++;
            skip_space(&s);
            if (key.count == wanted && (!wanted || !memcmp(key.data, field, wanted))) {
                found = true;
                out->count = start;
                lone = 0;
                other = s.p < s.end && *s.p != '"' ? kind_of(*s.p) : NULL;
                if (other ? scan_value(&s) : scan_string(&s, out, &lone)) goto done;
            } else if (scan_value(&s)) {
                goto done;
            }
            skip_space(&s);
            if (s.p < s.end && *s.p == ',') {
                s.p++;
                continue;
            }
            if (s.p == s.end || *s.p != '}') {
                scan_fail(&s, "',' or '}'");
                goto done;
            }
            s.p++;
            break;
        }
    }
    skip_space(&s);
    if (s.p != s.end) {
        scan_fail(&s, "nothing after the object");
        goto done;
    }
    if (!found)
        err_set(e, "no field '%.60s'", field);
    else if (other)
        err_set(e, "field '%.60s': expected a string, found %s", field, other);
    else
        status = 0;
    *invalid += lone;
done:
    bytes_free(&key);
    return status;
}
