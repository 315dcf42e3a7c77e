/* err.c - formatting of the one-line errors of err.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A file name or a string from a hostile file must not be able to break the one line. */
static void one_line(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
    }
}

int err_set(struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    one_line(e->text);
    return -1;
}

int err_prefix(struct err *e, const char *format, ...)
{
    char prefix[512], old[sizeof e->text];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    memcpy(old, e->text, sizeof old);
    old[sizeof old - sizeof prefix - 2] = 0; /* a message cut short rather than no prefix */
    return err_set(e, "%s: %s", prefix, old);
}

int err_errno(struct err *e, const char *format, ...)
{
    int code = errno;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof e->text)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", strerror(code));
    one_line(e->text);
    return -1;
}
