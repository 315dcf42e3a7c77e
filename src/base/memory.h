/* memory.h - how much memory this process takes; room.h has what is left.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_MEMORY_H
#define TRIPOD_MEMORY_H

#include <stdint.h>

/* Bytes resident now, mapped files' pages among them; 0 where the system does not say. */
uint64_t memory_resident(void);

#endif
