/* cli.c - what the commands share; see cli.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cli.h"

#include <errno.h>
#include <omp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "simd/amx.h"
#include "simd/simd.h"

static struct timespec started;

void cli_start(int argc, char **argv)
{
    provenance_start(argc, argv);
    clock_gettime(CLOCK_MONOTONIC, &started);
}

void cli_finish(const char *name)
{
    if (!isatty(STDERR_FILENO)) return;
    struct timespec now;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    double wall =
        (double)(now.tv_sec - started.tv_sec) + 1e-9 * (double)(now.tv_nsec - started.tv_nsec);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (wall < 0.5) return; /* a prompt answer needs no accounting */
    fprintf(stderr, "tripod %s: %.2f s wall, %.2f s CPU, %.0f MB peak\n", name, wall, cpu,
            (double)usage.ru_maxrss / 1024);
}

int cli_write_json(const struct cli_common *common, json_t *object, struct err *e)
{
    if (common->json && common->json_file) return json_save(common->json_file, object, e);
    if (object && !common->json) {
        json_decref(object);
        return 0;
    }
    char *text = json_text(object, e);
    if (!text) return -1;
    int status = 0;
    if (printf("%s\n", text) < 0) status = err_errno(e, "stdout: cannot write");
    free(text);
    return status;
}

/* --- what the tables of options share --- */

/* The FILE of --json, or NULL. */
static const char *json_file;

#define ARGS struct cli_common
static int take_json(void *args, const char *value, struct err *e)
{
    (void)e;
    struct cli_common *common = args;
    common->json = true;
    common->json_file = json_file = value;
    return 0;
}

int cli_json_apart(int argc, char **argv, struct err *e)
{
    if (!json_file || !file_exists(json_file)) return 0;
    for (int i = 1; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (json_file > argv[i] && json_file <= argv[i] + strlen(argv[i])) continue;
        for (int k = 0; k < 2; k++) {
            const char *path = k && *argv[i] == '-' && value ? value + 1 : argv[i];
            if (file_same(path, json_file))
                return err_set(e, "%s: is read from: expected another name to write to", json_file);
        }
    }
    return 0;
}

/* Where it goes is one for the whole program, like stderr. */
int cli_take_progress(void *args, const char *value, struct err *e)
{
    uint64_t fd;
    (void)args;
    if (parse_count(value, "--json-progress", 0, 65535, &fd, e)) return -1;
    return progress_json((int)fd, e) ? err_prefix(e, "--json-progress") : 0;
}

#define OUTPUT_ROWS                                                                                \
    OPTION_CALL("json", 0, "[FILE]", take_json,                                                    \
                "Write the result as one JSON object, to FILE or as the only output on stdout"),   \
        OPTION_FLAG("tsv", 0, tsv, "Tab-separated values in full precision, as a pipe gets them"), \
        OPTION_FLAG("details", 0, details, "On a terminal, show what is left out there otherwise")

const struct option_row cli_output_options[] = {OPTION_HEADING("Output:"), OUTPUT_ROWS, OPTION_END};

const struct option_row cli_common_options[] = {
    OPTION_HEADING("Output and threads:"),
    OUTPUT_ROWS,
    OPTION_INT("threads", 0, "N", threads, 1, 4096,
               "Threads to compute with (default: every CPU allowed)"),
    CLI_PROGRESS,
    OPTION_END,
};
#undef ARGS

static int take_simd(void *args, const char *value, struct err *e)
{
    struct cli_kernels *k = args;
    int isa = simd_isa_from_name(value);
    if (isa < 0)
        return err_set(e, "--simd: expected scalar, avx2, avx512 or amx, found '%s'", value);
    k->table = simd_kernels((enum simd_isa)isa);
    if (k->table) return 0;
    const char *why = NULL;
    if (isa == SIMD_AMX && !simd_amx(&why)) return err_set(e, "--simd amx: %s", why);
    return err_set(e, "--simd: this CPU has no %s", value);
}

const struct option_row cli_kernels_options[] = {
    OPTION_CALL("simd", 0, "scalar|avx2|avx512|amx", take_simd,
                "Instruction set (default: the best here); results do not depend on it"),
    OPTION_END,
};

const struct kernels *cli_kernels(const struct cli_kernels *k)
{
    return k->table ? k->table : simd_best();
}

size_t cli_width(int fd)
{
    struct winsize w;
    if (!ioctl(fd, TIOCGWINSZ, &w) && w.ws_col >= 40) return w.ws_col;
    return 80;
}

/* One file, or what would become one. */
static bool collide(const char *x, const char *y)
{
    return x && y && (!strcmp(x, y) || file_same(x, y));
}

int cli_check_apart(const char *const *in, size_t n, const char *const *out, size_t outs,
                    struct err *e)
{
    for (size_t i = 0; i < outs; i++) {
        for (size_t k = 0; k < n; k++)
            if (in[k] && strcmp(in[k], "-") && collide(in[k], out[i]))
                return err_set(e, "%s: is read from: expected another name to write to", out[i]);
        for (size_t k = 0; k < i; k++)
            if (collide(out[k], out[i]))
                return err_set(e, "%s: two results would be written to it: expected another name",
                               out[i]);
    }
    return 0;
}

int cli_apart(const char *in, const char *out, struct err *e)
{
    return cli_check_apart(&in, 1, &out, 1, e);
}

int cli_check_outputs(const struct cli_common *common, const char *plot, struct err *e)
{
    if (common->json_file && out_check(common->json_file, e)) return -1;
    return plot && !directory_exists(plot) /* a prefix */ ? out_check(plot, e) : 0;
}

int cli_write(const struct cli_common *common, const struct sheet *sheet, json_t *object,
              struct err *e)
{
    const bool terminal = isatty(STDOUT_FILENO) && !common->tsv;
    if (cli_write_json(common, object, e)) return -1;
    if (common->json && !common->json_file) return 0;
    if (common->json && !terminal && !common->tsv && !common->beside) return 0;
    struct sheet_style style = {
        .terminal = terminal, .details = common->details, .width = cli_width(STDOUT_FILENO)};
    return sheet_write(sheet, &style, stdout, e);
}

int cli_use_threads(int threads)
{
    if (threads <= 0) {
        cpu_set_t set;
        threads = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    }
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    return threads;
}
