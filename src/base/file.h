/* file.h - files: read through a map, written aside and renamed.
 *
 * An output file exists under its final name only when it is complete: out_open writes to
 * "NAME.part-PID" (".part-PID.2" ... where another machine's process of that number writes it too),
 * out_commit flushes, checks and renames, out_abort (or a fatal signal, see
 * out_install_signals) removes the part. What is no file (a device, a pipe, /dev/stdout) is written to
 * as it is. Not thread-safe per object; different objects are
 * independent.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FILE_H
#define TRIPOD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/err.h"

/* Opens PATH to read: its descriptor, and its size in *size. Errors: cannot open, not a regular file
 * (a directory is named as such). */
int file_open(const char *path, uint64_t *size, struct err *e);

/* A whole file mapped read-only. `data` is NULL for an empty file. */
struct map {
    const uint8_t *data;
    size_t size;
};

/* Maps PATH. Errors: file_open's. */
int map_open(struct map *m, const char *path, struct err *e);
/* The same of a file that is open. */
int map_file(struct map *m, int fd, uint64_t size, const char *path, struct err *e);
void map_close(struct map *m);
/* Gives back the memory of the whole pages among these bytes of a map: they come from the file again
 * when they are read. */
void map_drop(const void *data, size_t bytes);

/* An output file being written. Zero-initialise; out_abort is safe on a zeroed or finished one. */
struct out {
    FILE *file;
    char *path;  /* final name, as given */
    char *part;  /* name it is written under */
    int slot;    /* in the table of parts the signal handler removes */
    bool direct; /* part is path */
};

int out_open(struct out *o, const char *path, struct err *e);
int out_write(struct out *o, const void *data, size_t bytes, struct err *e);
int out_printf(struct out *o, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Flushes, checks every late error (full disk), renames to the final name. The content is on the
 * disk before the name is, and both are when this returns: a power cut leaves the file whole or not
 * there. On error the part is gone. */
int out_commit(struct out *o, struct err *e);
void out_abort(struct out *o);
/* Whether PATH can be written, before the work whose result it is to hold: out_open's errors. */
int out_check(const char *path, struct err *e);
/* FROM's bytes as the file TO, all or nothing. */
int file_copy(const char *from, const char *to, struct err *e);
/* Another final name for what is being written, in the same folder. */
int out_rename(struct out *o, const char *path, struct err *e);

/* SIGINT, SIGTERM, SIGHUP, SIGUSR1 (a batch system's "time is nearly up"), SIGPIPE: remove the parts
 * being written and die by that signal (128+n). A write beyond the limit of a file's size (SIGXFSZ)
 * is an error like that of a full disk. */
void out_install_signals(void);

/* For work that can be stopped and gone on with. While ON, the first of these signals but SIGPIPE is
 * only noted; a terminal is told so. Whoever does the work asks between its steps, and returns
 * ERR_INTERRUPTED. A second signal acts at once. */
void out_catch_interrupts(bool on);
/* The signal noted, 0: none. */
int out_interrupted(void);
/* Dies by the signal noted, if there is one. */
void out_die_interrupted(void);

/* All BYTES at AT, or -1 with errno; a file that is too short to be read is an EIO. */
int write_at(int fd, const void *data, size_t bytes, uint64_t at);
int read_at(int fd, void *data, size_t bytes, uint64_t at);

/* What was made, renamed or removed in PATH's directory survives a power cut from here on. */
int sync_directory(const char *path, struct err *e);

/* mkdir -p. */
int make_directories(const char *path, struct err *e);

bool file_exists(const char *path); /* a regular file */
bool directory_exists(const char *path);
bool file_same(const char *a, const char *b); /* both are there, one file by two names or one */

/* printf into a fresh string, which the caller frees; NULL when out of memory. */
char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last component of a path, trailing slashes ignored; the caller frees. */
char *path_last(const char *path);

#endif
