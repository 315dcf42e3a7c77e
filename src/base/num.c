/* num.c - see num.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/num.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parse_real(const char *text, const char *what, double *value, struct err *e)
{
    char *end;
    double v = strtod(text, &end);
    double scale = 1;
    if (end != text && *end) {
        const char suffixes[] = "KMBT";
        const char *s = strchr(suffixes, *end >= 'a' ? *end - 32 : *end);
        if (s && *s) {
            scale = pow(1000, (double)(s - suffixes) + 1);
            end++;
        }
    }
    if (end == text || *end || !isfinite(v * scale))
        return err_set(e, "%s: expected a number such as 1e21 or 70M, found '%s'", what, text);
    *value = v * scale;
    return 0;
}

int parse_count(const char *text, const char *what, uint64_t lo, uint64_t hi, uint64_t *value,
                struct err *e)
{
    double v;
    if (parse_real(text, what, &v, e)) return -1;
    v = nearbyint(v * 1e6) / 1e6; /* 1.4B is exact, 70.1K too */
    if (v != floor(v) || v < (double)lo || v > (double)hi || v > 9e15)
        return err_set(e, "%s: expected a whole number from %llu to %llu, found '%s'", what,
                       (unsigned long long)lo, (unsigned long long)hi, text);
    *value = (uint64_t)v;
    return 0;
}

int parse_bytes(const char *text, const char *what, uint64_t lo, uint64_t hi, uint64_t *value,
                struct err *e)
{
    static const char suffixes[] = "KMGT";
    char *end;
    double v = strtod(text, &end);
    bool number = end != text && *end != '-';
    const char *s = *end ? strchr(suffixes, *end >= 'a' ? *end - 32 : *end) : NULL;
    if (s) {
        v *= pow(1024, (double)(s - suffixes) + 1);
        end++;
        if (!strcmp(end, "B") || !strcmp(end, "iB")) end += strlen(end);
    }
    if (!number || *end || !isfinite(v))
        return err_set(e, "%s: expected a number of bytes such as 8G or 512M, found '%s'", what,
                       text);
    char least[24], most[24];
    if (v < (double)lo || v > (double)hi)
        return err_set(e, "%s: expected %s to %s bytes, found '%s'", what,
                       format_bytes((double)lo, least, sizeof least),
                       format_bytes((double)hi, most, sizeof most), text);
    *value = (uint64_t)v;
    return 0;
}

int parse_real_in(const char *text, const char *what, double lo, double hi, double *value,
                  struct err *e)
{
    double v;
    if (parse_real(text, what, &v, e)) return -1;
    if (!(v >= lo && v <= hi))
        return err_set(e, "%s: expected %g to %g, found '%s'", what, lo, hi, text);
    *value = v;
    return 0;
}

int parse_list(const char *text, const char *what, double *values, size_t room, size_t *n,
               struct err *e)
{
    char *copy = strdup(text), *rest = copy;
    int status = copy ? 0 : err_memory(e, what);
    *n = 0;
    for (char *s; !status && (s = strsep(&rest, ","));) {
        if (*n == room)
            status = err_set(e, "%s: too many numbers in '%s'", what, text);
        else if (!*s)
            status =
                err_set(e, "%s: expected numbers with commas between them, found '%s'", what, text);
        else if (parse_real(s, what, &values[*n], e))
            status = -1;
        else if (!(values[(*n)++] > 0))
            status = err_set(e, "%s: expected more than 0, found '%s'", what, s);
    }
    free(copy);
    return status;
}

char *format_bytes(double value, char *buffer, size_t size)
{
    static const char *const suffix[] = {"", "K", "M", "G", "T"};
    size_t i = 0;
    for (; fabs(value) >= 999.5 && i + 1 < sizeof suffix / sizeof *suffix; i++) value /= 1024;
    snprintf(buffer, size, "%.3g%s", value, suffix[i]);
    return buffer;
}

char *format_count(double value, char *buffer, size_t size)
{
    const char *suffix[] = {"", "K", "M", "B", "T"};
    int i = 0;
    double v = value;
    while (fabs(v) >= 999.5 && i < 4) {
        v /= 1000;
        i++;
    }
    if (fabs(v) >= 999.5)
        snprintf(buffer, size, "%.3g", value);
    else
        snprintf(buffer, size, "%.3g%s", v, suffix[i]);
    return buffer;
}

int compare_natural(const char *a, const char *b)
{
    const char *whole_a = a, *whole_b = b;
    while (*a && *b) {
        if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b)) {
            if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++;
            b++;
            continue;
        }
        a += strspn(a, "0");
        b += strspn(b, "0");
        size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
        if (n != m) return n < m ? -1 : 1;
        int order = memcmp(a, b, n);
        if (order) return order < 0 ? -1 : 1;
        a += n;
        b += n;
    }
    if (*a || *b) return *b ? -1 : 1;
    int order = strcmp(whole_a, whole_b); /* 01 and 1 are two names */
    return (order > 0) - (order < 0);
}
