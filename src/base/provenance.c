/* provenance.c - see provenance.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/json.h"

static int saved_argc;
static char **saved_argv;

void provenance_start(int argc, char **argv)
{
    /* A copy: argp sorts the options before the other arguments. */
    saved_argv = malloc((size_t)(argc + 1) * sizeof *saved_argv);
    if (saved_argv) memcpy(saved_argv, argv, (size_t)(argc + 1) * sizeof *saved_argv);
    saved_argc = saved_argv ? argc : 0;
}

static void cpu_name(char *name, size_t size)
{
    snprintf(name, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "re");
    char row[256];
    while (f && fgets(row, sizeof row, f)) {
        char *colon = strchr(row, ':');
        if (strncmp(row, "model name", 10) || !colon) continue;
        row[strcspn(row, "\n")] = 0;
        snprintf(name, size, "%s", colon + 2);
        break;
    }
    if (f) fclose(f);
}

json_t *provenance_json(void)
{
    char cpu[256], date[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    cpu_name(cpu, sizeof cpu);
    json_t *command = json_array();
    json_array_append_new(command, json_string("tripod"));
    for (int i = 1; i < saved_argc; i++) json_array_append_new(command, json_utf8(saved_argv[i]));
    return json_pack("{s:s, s:o, s:s, s:s}", "tripod", TRIPOD_VERSION, "command", command, "cpu",
                     cpu, "date", date);
}
