/* memory.c - see memory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

uint64_t memory_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    uint64_t pages = 0;
    if (f && fscanf(f, "%*u %" SCNu64, &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
