/* room.c - see room.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "src/base/file.h"

/* The number after KEY at the start of a line (KEY "": the file's first number). */
static bool read_number(const char *path, const char *key, uint64_t *value)
{
    FILE *f = path ? fopen(path, "re") : NULL;
    char line[256];
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key))) continue;
        found = sscanf(line + strlen(key), "%" SCNu64, value) == 1;
    }
    if (f) fclose(f);
    return found;
}

static bool read_in(const char *folder, const char *file, const char *key, uint64_t *value)
{
    char *path = format_string("%s/%s", folder, file);
    bool found = read_number(path, key, value);
    free(path);
    return found;
}

struct version {
    const char *mount, *limit, *usage, *active, *inactive;
};

/* What the group leaves, and each above it up to the mount: FOLDER is cut at its slashes. */
static void least_left(const struct version *v, char *folder, size_t mount, uint64_t *left)
{
    for (;;) {
        uint64_t limit, used, active = 0, inactive = 0;
        if (read_in(folder, v->limit, "", &limit) && read_in(folder, v->usage, "", &used)) {
            read_in(folder, "memory.stat", v->active, &active);
            read_in(folder, "memory.stat", v->inactive, &inactive);
            /* Pages of files are taken back before anything is swapped. */
            used -= active + inactive < used ? active + inactive : used;
            uint64_t room = used < limit ? limit - used : 0;
            if (room < *left) *left = room;
        }
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < mount) return;
        *slash = 0;
    }
}

uint64_t memory_available_at(const char *root)
{
    static const struct version two = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                       "active_file ", "inactive_file "},
                                one = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                       "memory.usage_in_bytes", "total_active_file ",
                                       "total_inactive_file "};
    char *path = format_string("%s/proc/meminfo", root), line[4096];
    uint64_t left = UINT64_MAX, kilobytes;
    if (read_number(path, "MemAvailable:", &kilobytes)) left = kilobytes * 1024;
    free(path);
    path = format_string("%s/proc/self/cgroup", root);
    FILE *f = path ? fopen(path, "re") : NULL;
    free(path);
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        const char *controllers = strchr(line, ':');
        const char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        const struct version *v = !strncmp(controllers, "::", 2)   ? &two
                                  : strstr(controllers, "memory:") ? &one
                                                                   : NULL;
        if (!v) continue;
        char *folder =
            format_string("%s%s%s", root, v->mount, strcmp(group + 1, "/") ? group + 1 : "");
        if (folder) least_left(v, folder, strlen(root) + strlen(v->mount), &left);
        free(folder);
    }
    if (f) fclose(f);
    return left == UINT64_MAX ? 0 : left;
}

uint64_t memory_available(void)
{
    return memory_available_at("");
}

bool disk_available(const char *path, uint64_t *bytes, uint64_t *device)
{
    char *at = strdup(path);
    struct statvfs v;
    struct stat st;
    bool known = false;
    while (at && !(known = !statvfs(at, &v) && !stat(at, &st))) {
        char *slash = strrchr(at, '/');
        if (!strcmp(at, ".") || !strcmp(at, "/")) break;
        if (slash)
            slash[slash == at] = 0;
        else
            strcpy(at, ".");
    }
    free(at);
    if (!known) return false;
    *bytes = (uint64_t)v.f_bavail * v.f_frsize;
    *device = (uint64_t)st.st_dev;
    return true;
}
