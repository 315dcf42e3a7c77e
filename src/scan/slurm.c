/* slurm.c - see slurm.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/slurm.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what users write --- */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

int slurm_word(const char *text, const char *what, struct err *e)
{
    for (const char *p = text; *p; p++) {
        if (!strchr(letters, *p) && !strchr("._-+,:%@/=[]", *p))
            return err_set(e, "%s: expected letters, digits and ._-+,:%%@/=[] only, found '%s'",
                           what, text);
    }
    return *text ? 0 : err_set(e, "%s: expected a word, found none", what);
}

int slurm_line(const char *text, const char *what, struct err *e)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
            return err_set(e, "%s: expected options of sbatch, found a control character", what);
    }
    return 0;
}

int slurm_time(const char *text, const char *what, uint64_t *seconds, struct err *e)
{
    static const struct {
        const char *format;
        unsigned unit[4]; /* seconds */
    } forms[] = {
        {"%9u%n", {60}},
        {"%9u:%9u%n", {60, 1}},
        {"%9u:%9u:%9u%n", {3600, 60, 1}},
        {"%9u-%9u%n", {86400, 3600}},
        {"%9u-%9u:%9u%n", {86400, 3600, 60}},
        {"%9u-%9u:%9u:%9u%n", {86400, 3600, 60, 1}},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        unsigned part[4] = {0};
        int end = 0, n = 0;
        while (n < 4 && forms[i].unit[n]) n++;
        void *at[5] = {&part[0], &part[1], &part[2], &part[3], &end};
        at[n] = &end; /* the format's %n comes after its last number */
        if (strspn(text, "0123456789:-") != strlen(text) || text[0] == '-' ||
            sscanf(text, forms[i].format, at[0], at[1], at[2], at[3], at[4]) != n ||
            (size_t)end != strlen(text) || strstr(text, "--") || strstr(text, ":-"))
            continue;
        *seconds = 0;
        for (int j = 0; j < n; j++) *seconds += (uint64_t)part[j] * forms[i].unit[j];
        if (*seconds >= 60) return 0;
    }
    return err_set(e, "%s: expected a time of a minute or more, M, H:M:S or D-H:M:S, found '%s'",
                   what, text);
}

/* --- the script --- */

/* A word for the shell. */
static void word(FILE *f, const char *text)
{
    size_t plain = 0;
    while (text[plain] && (strchr(letters, text[plain]) || strchr("._-/=:,+@", text[plain])))
        plain++;
    if (plain && !text[plain]) {
        fputs(text, f);
        return;
    }
    fputc('\'', f);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", f);
        else
            fputc(*text, f);
    }
    fputc('\'', f);
}

static void sbatch(FILE *f, const char *option, const char *value)
{
    if (value) fprintf(f, "#SBATCH --%s=%s\n", option, value);
}

/* Lines of the user's, each with its #SBATCH. */
static void sbatch_lines(FILE *f, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n) fprintf(f, "%s%.*s\n", strncmp(text, "#SBATCH", 7) ? "#SBATCH " : "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void header(FILE *f, const struct slurm_job *j)
{
    uint64_t t = j->seconds, warning = t / 4 < 180 ? t / 4 : 180;
    fprintf(
        f,
        "#!/bin/sh\n"
        "# A scan in %zu shards of equal cost, each a task of an array of Slurm jobs, and a job "
        "after them\n"
        "# that %sgathers all.\n"
        "#   sh FILE        submits both\n"
        "#   sbatch FILE    submits the array alone\n"
        "#   sh FILE finish does what that job does, here and now\n"
        "# What is computed stays: a task that was stopped goes on where it was, and after a "
        "failure the same\n"
        "# line submits what is left. TRIPOD in the environment names another program.\n",
        j->shards, j->verified ? "verifies some of the losses and " : "");
    sbatch(f, "job-name", j->name);
    fprintf(f, "#SBATCH --array=0-%zu\n", j->shards - 1);
    sbatch(f, "partition", j->partition);
    sbatch(f, "account", j->account);
    sbatch(f, "mem", j->memory);
    fprintf(f,
            "# One process, all of whose CPUs should be of one socket: it then reads its own "
            "memory.\n"
            "#SBATCH --ntasks=1\n"
            "#SBATCH --cpus-per-task=%zu\n"
            "# The hardware threads of a core share its multipliers: a second one gains nothing.\n"
            "#SBATCH --hint=nomultithread\n"
            "#SBATCH --time=%" PRIu64 "-%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "\n"
            "# After a node has failed or a job of more weight has come: again, in the same log.\n"
            "#SBATCH --requeue\n"
            "#SBATCH --open-mode=append\n"
            "# Before the time is over, while what has been computed can be put on disk.\n"
            "#SBATCH --signal=B:USR1@%" PRIu64 "\n",
            j->cpus, t / 86400, t / 3600 % 24, t / 60 % 60, t % 60, warning);
    for (size_t i = 0; i < j->lines_n; i++) sbatch_lines(f, j->lines[i]);
}

static void assign(FILE *f, const char *name, const char *text)
{
    fprintf(f, "%s=", name);
    word(f, text);
    fputc('\n', f);
}

/* How a task runs. */
static const char run_text[] =
    "\n"
    "# As the only process of its socket, with memory of that socket. srun takes --cpus-per-task from "
    "the job\n"
    "# only when told. Outside of a job: just so.\n"
    "run() {\n"
    "    if [ -n \"${SLURM_JOB_ID:-}\" ]; then\n"
    "        exec srun --ntasks=1 --cpus-per-task=\"$cpus\" --cpu-bind=sockets --mem-bind=local "
    "\"$tripod\" \"$@\"\n"
    "    fi\n"
    "    exec \"$tripod\" \"$@\"\n"
    "}\n";

static const char wait_text[] =
    "    child=$!\n"
    "    [ -z \"$asked\" ] || tell # asked before its number was known\n"
    "    wait \"$child\"\n"
    "    status=$?\n"
    "    # A signal ends the wait, not the child: what that ends with is still to be told, unless (127) it\n"
    "    # was told already.\n"
    "    while [ -n \"$asked\" ]; do\n"
    "        asked=''\n"
    "        wait \"$child\"\n"
    "        again=$?\n"
    "        [ \"$again\" -eq 127 ] || status=$again\n"
    "    done\n"
    "    [ \"$status\" -ne 0 ] || exit 0\n"
    "    # Stopped by the time limit: again, as often as it takes (if a hundred times do not, it never "
    "ends).\n"
    "    # Killed (memory?): a few times. A failure of its own would only be repeated.\n"
    "    most=0\n"
    "    if [ \"$status\" -gt 128 ]; then most=3; fi\n"
    "    if [ -n \"$over\" ]; then most=100; fi\n"
    "    if [ \"${SLURM_RESTART_COUNT:-0}\" -lt \"$most\" ]; then\n"
    "        echo \"ended with status $status: requeued\" >&2\n"
    "        scontrol requeue \"$SLURM_JOB_ID\" && sleep 60\n"
    "    fi\n"
    "    exit \"$status\"\n"
    "}\n";

/* The scan of one task. srun passes USR1 on; of TERM it makes an end at once. */
static const char part_text[] =
    "\n"
    "# The task's shard. USR1, before the time is over, and TERM go to the process as USR1, which\n"
    "# srun passes on: it puts on disk what it has and ends.\n"
    "tell() { [ -z \"$child\" ] || kill -USR1 \"$child\" 2>/dev/null; }\n"
    "part() {\n"
    "    child='' asked='' over=''\n"
    "    trap 'asked=1 over=1; tell' USR1\n"
    "    trap 'asked=1; tell' TERM\n"
    "    (run scan";

static void part(FILE *f, const struct slurm_job *j)
{
    fputs(part_text, f);
    for (size_t i = 0; i < j->scan_n; i++) {
        fputs(" \\\n        ", f);
        word(f, j->scan[i]);
    }
    fprintf(f, " \\\n        --shard \"$SLURM_ARRAY_TASK_ID/%zu\" --threads \"$cpus\") &\n",
            j->shards);
    fputs(wait_text, f);
}

static void finish(FILE *f, const struct slurm_job *j)
{
    fputs("\nfinish() {\n", f);
    if (j->verified) {
        fputs("    (run verify --corpus ", f);
        word(f, j->corpus);
        fprintf(f, " --documents %zu --threads \"$cpus\" -- ", j->verified);
        word(f, j->out);
        fputs(") || exit\n", f);
    }
    fputs("    (run gather ", f);
    if (j->matrix) {
        fputs("--out ", f);
        word(f, j->matrix);
        fputc(' ', f);
    }
    fputs("-- ", f);
    word(f, j->out);
    fputs(")\n}\n", f);
}

static void submit(FILE *f, const struct slurm_job *j)
{
    fprintf(
        f,
        "\n"
        "submit() {\n"
        "    if [ ! -f \"$script\" ]; then\n"
        "        echo \"$script: not a file: save this script, then: sh FILE\" >&2\n"
        "        exit 2\n"
        "    fi\n"
        "    array=$(sbatch --parsable \"$script\" part) || exit\n"
        "    array=${array%%%%;*}\n"
        "    # When every task has ended well; never, if one has not.\n"
        "    last=$(sbatch --parsable --array=0 --job-name=%s-finish --dependency=\"afterok:$array\" "
        "\\\n"
        "        --kill-on-invalid-dep=yes \"$script\" finish) || exit\n"
        "    echo \"job $array: %zu shards; job ${last%%%%;*}, after it: %sgather\"\n"
        "}\n",
        j->name, j->shards, j->verified ? "verify and " : "");
}

char *slurm_script(const struct slurm_job *j, struct err *e)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        err_memory(e, NULL);
        return NULL;
    }
    header(f, j);
    fputs("\ntripod=${TRIPOD:-}\n[ -n \"$tripod\" ] || ", f);
    assign(f, "tripod", j->program);
    fprintf(f, "cpus=${SLURM_CPUS_PER_TASK:-%zu}\nscript=$0\n", j->cpus);
    fputs(run_text, f);
    part(f, j);
    finish(f, j);
    submit(f, j);
    fputs(
        "\n"
        "stage=${1:-submit}\n"
        "if [ $# -eq 0 ] && [ -n \"${SLURM_ARRAY_TASK_ID:-}\" ]; then stage=part; fi # sbatch FILE\n"
        "if [ \"$stage\" != submit ]; then\n    cd ",
        f);
    word(f, j->folder);
    fputs(" || exit\n"
          "fi\n"
          "case $stage in\n"
          "part | finish | submit) \"$stage\" ;;\n"
          "*)\n"
          "    echo \"usage: sh $script [finish]\" >&2\n"
          "    exit 2\n"
          "    ;;\n"
          "esac\n",
          f);
    bool good = !ferror(f);
    if (fclose(f) || !good) {
        err_memory(e, NULL);
        free(text);
        return NULL;
    }
    return text;
}
