/* library.h - shared libraries that are opened only where they are asked for, so that no start pays
 * for them and the program runs where they are not.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_LIBRARY_H
#define TRIPOD_SIMD_LIBRARY_H

#include <stddef.h>

/* FUNCTIONS[i] = the function NAMES[i] of FILE, which stays open, for all N of them. NULL, or the
 * reason why not in one line (valid until the thread's next call). Built with -DTRIPOD_STATIC, as
 * the portable binary is, it always has a reason. Thread-safe. */
const char *library_functions(const char *file, const char *const *names, void **functions,
                              size_t n);

#endif
