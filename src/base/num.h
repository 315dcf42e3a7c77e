/* num.h - numbers as people write them: 70M, 1.4B, 1e21.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_NUM_H
#define TRIPOD_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* A finite real number, optionally followed by K, M, B or T (10^3, 10^6, 10^9, 10^12). WHAT names
 * the thing in the error: "--budget: expected a number such as 1e21 or 70M, found 'x'". */
int parse_real(const char *text, const char *what, double *value, struct err *e);

/* The same, but a whole number in [lo, hi]. */
int parse_count(const char *text, const char *what, uint64_t lo, uint64_t hi, uint64_t *value,
                struct err *e);

/* A number of bytes in [lo, hi]: 4096, 512M, 1.5G. K, M, G and T are powers of 1024 here, as in the
 * limits of systems and schedulers; a B or iB may follow. */
int parse_bytes(const char *text, const char *what, uint64_t lo, uint64_t hi, uint64_t *value,
                struct err *e);

/* A real number in [lo, hi]. */
int parse_real_in(const char *text, const char *what, double lo, double hi, double *value,
                  struct err *e);

/* Positive numbers between commas, at most ROOM; *n gets how many. */
int parse_list(const char *text, const char *what, double *values, size_t room, size_t *n,
               struct err *e);

/* -1, 0, 1: names as people sort them, runs of digits as numbers: step8 < step16 < step128. */
int compare_natural(const char *a, const char *b);

/* 70426624 -> "70.4M", three significant digits; at least 16 bytes. Returns buffer. */
char *format_count(double value, char *buffer, size_t size);

/* 8589934592 -> "8G", three significant digits, as parse_bytes reads it; at least 16 bytes. */
char *format_bytes(double value, char *buffer, size_t size);

#endif
