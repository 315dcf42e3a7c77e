/* err.h - the one way errors travel: functions return 0 or -1 and fill a struct err.
 *
 * The text is written where the facts are known ("FILE: place: expected X, found Y", no newline, no
 * program name) and printed once, in main. Library code never prints and never exits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ERR_H
#define TRIPOD_ERR_H

#include <stdarg.h>

struct err {
    char text[1024]; /* one line; control characters are replaced when it is printed */
};

/* Writes the message and returns -1, so that a caller can `return err_set(...)`. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "PREFIX: " before the message already there. Returns -1. */
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* err_set with strerror(errno) appended: "FILE: cannot open: No such file or directory". */
int err_errno(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
