/* memory.c - see memory.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t memory_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    uint64_t pages = 0;
    if (f && fscanf(f, "%*u %" SCNu64, &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static FILE *open_under(const char *root, const char *path)
{
    char all[1024];
    snprintf(all, sizeof all, "%s%s", root, path);
    return fopen(all, "re");
}

/* What /proc/meminfo has as MemAvailable. */
static uint64_t machine_available(const char *root)
{
    FILE *f = open_under(root, "/proc/meminfo");
    uint64_t kib = 0;
    char line[128];
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f))
        found = sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1;
    if (f) fclose(f);
    return found ? kib * 1024 : UINT64_MAX;
}

/* The limit in HIERARCHY/GROUP/FILE, or in a group above it if that is lower: GROUP loses its last
 * name until nothing is left, which is also where a container sees its own. Without a number
 * ("max"), or where a file is not there, there is none. */
static uint64_t group_limit(const char *root, const char *hierarchy, char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[1024];
        uint64_t bytes;
        snprintf(path, sizeof path, "%s%s/%s", hierarchy, group, file);
        FILE *f = open_under(root, path);
        if (f && fscanf(f, "%" SCNu64, &bytes) == 1 && bytes < least) least = bytes;
        if (f) fclose(f);
        char *slash = strrchr(group, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* Lines "N:CONTROLLERS:GROUP"; version 2 has no controllers. */
static uint64_t groups_limit(const char *root)
{
    FILE *f = open_under(root, "/proc/self/cgroup");
    uint64_t least = UINT64_MAX;
    char line[512];
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        uint64_t limit = UINT64_MAX;
        if (!strcmp(controllers, ":"))
            limit = group_limit(root, "/sys/fs/cgroup", group, "memory.max");
        else if (strstr(controllers, ":memory") || strstr(controllers, ",memory"))
            limit = group_limit(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        if (limit < least) least = limit;
    }
    if (f) fclose(f);
    return least;
}

uint64_t memory_available_under(const char *root, uint64_t own)
{
    uint64_t machine = machine_available(root), groups = groups_limit(root);
    if (machine < UINT64_MAX) machine += own;
    return machine < groups ? machine : groups;
}

uint64_t memory_available(void)
{
    return memory_available_under("", memory_resident());
}
