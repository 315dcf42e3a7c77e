/* err.c - formatting of the one-line errors of err.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at s, 0 where there is none: overlong forms, surrogates and C1
 * controls (which a terminal may obey) count as none. */
static int sequence(const unsigned char *s)
{
    int n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    static const unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};
    unsigned code = n < 2 ? s[0] : s[0] & (0x7fu >> n);
    if (n < 2) return code >= 0x20 && code < 0x7f;
    for (int i = 1; i < n; i++) {
        if (s[i] >> 6 != 2) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    return code < least[n] || code > 0x10ffff || code >> 11 == 27 ? 0 : n;
}

/* A file name or a string from a hostile file must not be able to break the one line, or to reach
 * the terminal as anything but text. */
static void one_line(char *s)
{
    while (*s) {
        int n = sequence((unsigned char *)s);
        if (n == 0) *s = '?';
        s += n ? n : 1;
    }
}

static int fill(struct err *e, enum err_kind kind, const char *format, va_list args)
{
    e->kind = kind;
    vsnprintf(e->text, sizeof e->text, format, args);
    one_line(e->text);
    return -1;
}

int err_set(struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, ERR_INPUT, format, args);
    va_end(args);
    return -1;
}

int err_kind(struct err *e, enum err_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(e, kind, format, args);
    va_end(args);
    return -1;
}

int err_memory(struct err *e, const char *what)
{
    return err_kind(e, ERR_MEMORY, "%s%sout of memory", what ? what : "", what ? ": " : "");
}

static enum err_kind kind_of(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return ERR_MISSING;
    case ENOMEM:
        return ERR_MEMORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_SPACE;
    case EINTR:
        return ERR_INTERRUPTED;
    default:
        return ERR_SYSTEM;
    }
}

int err_errno(struct err *e, const char *format, ...)
{
    int code = errno;
    char text[sizeof e->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_kind(e, kind_of(code), "%s: %s", text, strerror(code));
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
    return err_kind(e, e->kind, "%s: %s", prefix, old);
}

bool err_is_local(const struct err *e)
{
    return e->kind == ERR_INPUT || e->kind == ERR_DAMAGED || e->kind == ERR_MISSING;
}

void err_first(struct err *e, int *status, const struct err *mine)
{
#pragma omp critical(err_first)
    if (!*status) {
        *e = *mine;
#pragma omp atomic write
        *status = -1;
    }
}

int err_status(const int *status)
{
    int now;
#pragma omp atomic read
    now = *status;
    return now;
}
