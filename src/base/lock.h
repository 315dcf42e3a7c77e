/* lock.h - a file that one process at a time has.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_LOCK_H
#define TRIPOD_LOCK_H

#include <stdbool.h>

#include "src/base/err.h"

/* Opens PATH to read and write, makes it where it is not there, and locks it until *fd is closed. 1:
 * another process has it, and *fd, open all the same, can say who. Where the file system knows no
 * locks *unlocked is set and nothing keeps anybody out. Whoever removes the file does so before
 * closing it. Errors: cannot write, cannot lock; *fd is -1 then. */
int lock_open(int *fd, const char *path, bool *unlocked, struct err *e);

#endif
