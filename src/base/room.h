/* room.h - how much memory and disk there is left for what is planned.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_ROOM_H
#define TRIPOD_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that can still be taken without swapping: the least of the machine's MemAvailable and
 * what each control group above the process (version 2, or 1's memory controller) leaves below
 * its limit, files' pages counted as free. 0 when not known. */
uint64_t memory_available(void);

/* The same of a machine whose /proc and /sys lie below ROOT. */
uint64_t memory_available_at(const char *root);

/* Bytes that can still be written where PATH is, or will be: its nearest parent that exists. DEVICE
 * stands for that file system. False when not known. */
bool disk_available(const char *path, uint64_t *bytes, uint64_t *device);

#endif
