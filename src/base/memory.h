/* memory.h - how much memory this process takes, and how much there is for it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MEMORY_H
#define TRIPOD_MEMORY_H

#include <stdint.h>

/* Bytes resident now, mapped files' pages among them; 0 where the system does not say. */
uint64_t memory_resident(void);

/* Bytes this process can have in all before others' memory or its own must go: what is available
 * now beside what it has, and no more than its control groups allow (version 1 or 2). UINT64_MAX
 * where the system does not say. */
uint64_t memory_available(void);

/* The same of a machine whose /proc and /sys are below ROOT, for a process that has OWN bytes. */
uint64_t memory_available_under(const char *root, uint64_t own);

#endif
