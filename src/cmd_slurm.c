/* cmd_slurm.c - `tripod slurm`: the script that runs a scan as an array of Slurm jobs.
 *
 * models x corpus, as `tripod scan` takes them -> the number of shards and their time limit from
 * what the scan costs, and the script's text (src/scan/slurm.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/cmd_scan.h"
#include "src/commands.h"
#include "src/scan/peak_rate.h"
#include "src/scan/slurm.h"

struct args {
    struct cmd_scan scan;
    struct texts words; /* the scan's options as they came, "--name=VALUE"; allocated */
    size_t shards, cpus, verified;
    double hours, gflops;
    const char *name, *partition, *account, *memory, *time, *matrix;
    struct texts lines;
};
#define ARGS struct args

enum {
    MOST_SHARDS = 1000000,
    SLURM_ARRAY = 1001,    /* Slurm's MaxArraySize, unless configured */
    START_SECONDS = 600,   /* of the time limit: for a cold cache and a slow file system */
    DEFAULT_DOCUMENTS = 5, /* of each file verified */
};
static const double SHARE = 0.85, MARGIN = 1.5; /* of the peak; on the time that follows */

static const struct option_row options[] = {
    OPTION_GROUP(cmd_scan_options, scan),
    OPTION_HEADING("The jobs:"),
    OPTION_SIZE("shards", 0, "N", shards, 1, MOST_SHARDS, "Tasks of the array"),
    OPTION_REAL("hours", 0, "H", hours, 1e-3, 1e6,
                "As many tasks as make each take about H hours, where --shards is not given"),
    OPTION_SIZE("cpus", 0, "N", cpus, 1, 4096,
                "CPUs of a task, at most those of one socket (default: as many as here)"),
    OPTION_REAL("gflops", 0, "G", gflops, 1e-6, 1e9,
                "GFLOP/s of a task (default: 0.85 of the FMA peak measured here, by CPU)"),
    OPTION_TEXT(
        "time", 0, "D-HH:MM:SS", time,
        "Time limit of a task (default: half as much again as its work should take, and ten "
        "minutes); what is not done then is requeued"),
    OPTION_TEXT("mem", 0, "SIZE", memory, "Memory of a task, as sbatch --mem takes it"),
    OPTION_TEXT("name", 0, "NAME", name, "Name of the jobs"),
    OPTION_TEXT("partition", 0, "NAME", partition, "Partition"),
    OPTION_TEXT("account", 0, "NAME", account, "Account"),
    OPTION_TEXTS("sbatch", 0, "OPTIONS", lines,
                 "A further #SBATCH line, e.g. '--mail-type=FAIL'; may be repeated"),
    OPTION_HEADING("The job after them:"),
    OPTION_SIZE("verify", 0, "K", verified, 1, 1 << 30,
                "Documents of each file of losses that are computed again"),
    OPTION_TEXT("matrix", 0, "M.npy", matrix, "Gather the matrix of losses, too"),
    OPTION_END,
};

static const struct args defaults = {
    .scan = CMD_SCAN_DEFAULTS, .hours = 4, .verified = DEFAULT_DOCUMENTS, .name = "tripod"};

static int add_word(struct texts *words, char *word, struct err *e)
{
    const char **more = word ? realloc(words->item, (words->n + 1) * sizeof *more) : NULL;
    if (!more) {
        free(word);
        return err_memory(e, NULL);
    }
    words->item = more;
    more[words->n++] = word;
    return 0;
}

/* The options that are the scan's go to the tasks as they are. Models, texts and the folder are
 * written anew. */
static int seen(void *args, const struct option_row *row, const char *value, struct err *e)
{
    static const char *const anew[] = {"model", "corpus", "out"};
    if (row >= options && row < options + sizeof options / sizeof *options) return 0;
    for (size_t i = 0; i < sizeof anew / sizeof *anew; i++) {
        if (!strcmp(row->name, anew[i])) return 0;
    }
    char *word =
        value ? format_string("--%s=%s", row->name, value) : format_string("--%s", row->name);
    return add_word(&((struct args *)args)->words, word, e);
}

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    const struct {
        const char *text, *what;
    } words[] = {{a->name, "--name"},
                 {a->partition, "--partition"},
                 {a->account, "--account"},
                 {a->memory, "--mem"}};
    uint64_t seconds;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].text && slurm_word(words[i].text, words[i].what, e)) return -1;
    }
    for (size_t i = 0; i < a->lines.n; i++) {
        if (slurm_line(a->lines.item[i], "--sbatch", e)) return -1;
    }
    if (a->time && slurm_time(a->time, "--time", &seconds, e)) return -1;
    return cmd_scan_check(&((struct args *)args)->scan, e);
}

/* GFLOP/s of a task of so many CPUs. */
static double task_rate(const struct args *a, size_t cpus)
{
    const struct scan_request *o = &a->scan.request;
    if (a->gflops > 0) return a->gflops;
    double speedup = peak_speedup(o->gemm, o->kernels);
    if (o->compare) speedup = 2 / (1 / speedup + 1); /* half is float32's */
    return SHARE * speedup * peak_rate(o->kernels, o->threads, 0.2) * (double)cpus / o->threads;
}

/* Shards and time limit from the FLOP of the whole scan, and what they are to people. */
static int plan_jobs(const struct args *a, double flop, size_t models, size_t documents,
                     struct slurm_job *j, struct err *e)
{
    double rate = 1e9 * task_rate(a, j->cpus);
    if (!(rate > 0)) return err_set(e, "cannot measure this machine's rate: give --gflops");
    double shards = a->shards ? (double)a->shards : ceil(flop / rate / (3600 * a->hours));
    if (shards > MOST_SHARDS)
        return err_set(e, "%.0f shards of %g hours: expected at most %d: give --shards or --hours",
                       shards, a->hours, MOST_SHARDS);
    j->shards = shards < 1 ? 1 : (size_t)shards;
    double hours = flop / rate / 3600 / (double)j->shards;
    j->seconds = 60 * (uint64_t)ceil((MARGIN * hours * 3600 + START_SECONDS) / 60);
    if (a->time && slurm_time(a->time, "--time", &j->seconds, e)) return -1;
    progress_note(
        "%zu models, %zu documents: %.3g FLOP in %zu shards, each %.3g hours of %zu CPUs at "
        "%.4g GFLOP/s%s",
        models, documents, flop, j->shards, hours, j->cpus, 1e-9 * rate,
        a->gflops > 0 ? "" : " (as here)");
    if (j->shards > SLURM_ARRAY)
        progress_note("an array of %zu jobs: Slurm's MaxArraySize is %d, unless configured",
                      j->shards, SLURM_ARRAY);
    return 0;
}

/* The words of `tripod scan`: its options, models, the tokenised corpus, the folder. */
static int scan_words(struct args *a, const struct job *job, struct err *e)
{
    int status = 0;
    for (size_t i = 0; i < a->scan.models.n && !status; i++)
        status = add_word(&a->words, format_string("--model=%s", a->scan.models.item[i]), e);
    if (!status) status = add_word(&a->words, format_string("--corpus=%s", job->corpus.prefix), e);
    if (!status) status = add_word(&a->words, format_string("--out=%s", a->scan.request.out), e);
    return status;
}

static int write_script(struct args *a, const struct job *job, const struct catalog *models,
                        double flop, struct err *e)
{
    char program[PATH_MAX], folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0) return err_errno(e, "/proc/self/exe: cannot read");
    program[n] = 0;
    if (!getcwd(folder, sizeof folder)) return err_errno(e, "the current folder: cannot be named");
    const struct products *products = a->scan.request.gemm;
    const bool verifiable = products_verifiable(products);
    if (!verifiable)
        progress_note("losses in %s cannot be verified: the last job gathers them only",
                      products->precision);
    struct slurm_job j = {.program = program,
                          .folder = folder,
                          .out = a->scan.request.out,
                          .matrix = a->matrix,
                          .corpus = job->corpus.prefix,
                          .verified = verifiable ? a->verified : 0,
                          .cpus = a->cpus ? a->cpus : (size_t)a->scan.request.threads,
                          .name = a->name,
                          .partition = a->partition,
                          .account = a->account,
                          .memory = a->memory,
                          .lines = a->lines.item,
                          .lines_n = a->lines.n};
    if (plan_jobs(a, flop, models->n, job->work.documents, &j, e) || scan_words(a, job, e))
        return -1;
    j.scan = a->words.item;
    j.scan_n = a->words.n;
    char *text = slurm_script(&j, e);
    if (!text) return -1;
    int status = fputs(text, stdout) < 0 ? err_errno(e, "stdout: cannot write") : 0;
    free(text);
    return status;
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    struct catalog models = {0};
    struct job job = {0};
    bool any = false;
    double flop = 0;
    int status = cmd_scan_models(&a->scan, &models, &any, e);
    for (size_t i = 0; i < models.n && !status; i++) {
        if (catalog_usable(&models.entries[i])) continue;
        if (!any) *e = models.entries[i].why;
        if (!any) status = -1;
        if (any) progress_warn("%s", models.entries[i].why.text);
    }
    if (!status) status = job_open(&job, &a->scan.request, e);
    for (size_t i = 0; i < models.n && !status; i++) {
        if (!catalog_usable(&models.entries[i])) continue;
        const struct neox_cost cost = neox_cost(&models.entries[i].is.config);
        const unsigned times = a->scan.request.compare ? 2 : 1; /* float32's losses as well */
        flop += pieces_flop(&job.work.sums, &cost) * times;
    }
    if (!status) status = write_script(a, &job, &models, flop, e);
    if (any) job_close(&job);
    catalog_close(&models);
    for (size_t i = 0; i < a->words.n; i++) free((void *)(uintptr_t)a->words.item[i]);
    free(a->words.item);
    return status;
}

const struct command cmd_slurm = {
    .name = "slurm",
    .summary = "a script that runs a scan as an array of Slurm jobs",
    .text = "Writes to stdout the script that runs `tripod scan` of the same models, texts and "
            "options in shards of equal cost on a Slurm cluster, then verifies and gathers.",
    .more =
        "Examples:\n"
        "  tripod slurm models/*.tripod -c test.jsonl.zst -o losses/ --hours 2 --cpus 32 > job.sh\n"
        "  sh job.sh\n\n"
        "`sh job.sh` submits both: an array of jobs, a task a shard, and a job that waits until all "
        "have ended well. `sbatch job.sh` submits the array alone. Text is tokenised now, once, into "
        "the folder of losses; all else the tasks do. Folders of the script are as seen from where "
        "it was written, which, like this program, the nodes must have at the same place.\n\n"
        "A task is one process on the cores of one socket, with that socket's memory. Before its "
        "time is over it puts on disk what it has, and is requeued; so is one whose node failed or "
        "that was killed. Submitting the same script again computes only what is missing. A task "
        "that fails leaves the last job cancelled.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .seen = seen,
    .run = run,
};
