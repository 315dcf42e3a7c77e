/* err.h - the one way errors travel: functions return 0 or -1 and fill a struct err.
 *
 * The text is written where the facts are known ("FILE: place: expected X, found Y", no newline, no
 * program name) and printed once, in main. The kind is for whoever has more to do: "this checkpoint
 * is damaged, go on with the next" is one thing, "the disk is full" another. Library code never
 * prints and never exits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ERR_H
#define TRIPOD_ERR_H

#include <stdbool.h>

enum err_kind {
    ERR_INPUT,       /* what was given cannot be used: a value, a name, a file of another kind */
    ERR_DAMAGED,     /* a file is of the right kind and broken: truncated, checksum, not finite */
    ERR_MISSING,     /* there is no such file */
    ERR_SYSTEM,      /* the system refused: permissions, a device's error */
    ERR_MEMORY,      /* out of memory */
    ERR_SPACE,       /* no space on the disk, or over the quota */
    ERR_INTERRUPTED, /* asked to stop */
};

struct err {
    char text[1024]; /* one line of valid bytes, whatever a file held: see err.c */
    enum err_kind kind;
};

/* Writes the message, kind ERR_INPUT, and returns -1, so that a caller can `return err_set(...)`. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with another kind. */
int err_kind(struct err *e, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Kind ERR_MEMORY: "WHAT: out of memory", or without WHAT where it is NULL. */
int err_memory(struct err *e, const char *what);

/* err_set with strerror(errno) appended: "FILE: cannot open: No such file or directory". The kind
 * follows from errno. */
int err_errno(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "PREFIX: " before the message already there; the kind stays. Returns -1. */
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of errors of several threads the first: where *STATUS is 0 it becomes -1, and *E is MINE. Any
 * thread. */
void err_first(struct err *e, int *status, const struct err *mine);
/* *STATUS, while other threads may set it. */
int err_status(const int *status);

/* Whether only the one input is to blame, so that work on others can go on. */
bool err_is_local(const struct err *e);

#endif
