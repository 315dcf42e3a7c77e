/* cmd_quanta_similarity.c - `tripod quanta similarity`: the cosines between the gradients of a folder;
 * the work is src/quanta/similarity.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/check.h"
#include "src/report/report_similarity.h"

struct args {
    struct cli_common common;
    struct cli_kernels kernels;
    const char *folder, *out, *angular, *model, *corpus;
    size_t check_rows;
    uint64_t memory;
    bool halves;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_PLAIN(folder, "DIR"),
    OPTION_TEXT("out", 'o', "C.npy", out,
                "Write the cosines, float32 [n, n], and C.json that says what they are of"),
    OPTION_TEXT("angular", 0, "A.npy", angular,
                "Write the angular similarities 1 - arccos(C) / pi, the same shape"),
    OPTION_FLAG("halves", 0, halves,
                "With -o: what each of a sketch's two vectors says alone, C.first.npy and "
                "C.second.npy"),
    OPTION_HEADING("The error of the sketches, measured:"),
    OPTION_TEXT("check", 0, "MODEL", model,
                "Compute whole gradients of some of the samples again, of this model, and compare"),
    OPTION_TEXT("corpus", 'c', "CORPUS", corpus, "The corpus the gradients were computed from"),
    OPTION_SIZE("check-rows", 0, "N", check_rows, 2, 100000, "Of so many samples, evenly spread"),
    OPTION_BYTES("memory", 0, "BYTES", memory, 1 << 20, 1e15,
                 "Memory for that, e.g. 8G: with less most are computed several times (default: "
                 "what the machine has)"),
    OPTION_HEADING("How it is computed:"),
    OPTION_GROUP(cli_kernels_options, kernels),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true, .check_rows = 100};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->folder)
        return err_set(e, "no folder: give the one `tripod quanta gradients -o` wrote to");
    if (a->halves && !a->out) return err_set(e, "--halves needs -o");
    if (!a->model && (a->check_rows != defaults.check_rows || a->memory))
        return err_set(e, "--%s is for --check MODEL", a->memory ? "memory" : "check-rows");
    if (!a->model != !a->corpus) return err_set(e, "--check MODEL and -c CORPUS go together");
    return 0;
}

/* "C.npy" with another end. */
static char *with_end(const char *path, const char *end)
{
    const size_t length = strlen(path);
    const bool npy = length > 4 && !strcmp(path + length - 4, ".npy");
    return format_string("%.*s%s", (int)(npy ? length - 4 : length), path, end);
}

static int write_record(const struct report_similarity *r, struct err *e)
{
    char *path = with_end(r->files->cosines, ".json");
    json_t *o = report_similarity_json(r);
    if (o) json_object_set_new(o, "provenance", provenance_json());
    int status = path ? json_save(path, o, e) : err_memory(e, NULL);
    free(path);
    return status;
}

static int write_results(const struct args *a, const struct report_similarity *r, struct err *e)
{
    if (a->out && write_record(r, e)) return -1;
    struct sheet *s = sheet_open();
    report_similarity(s, r);
    json_t *o = report_similarity_json(r);
    if (o) json_object_set_new(o, "provenance", provenance_json());
    int status = cli_write(&a->common, s, o, e);
    sheet_free(s);
    return status;
}

/* The files that are written are not the folder's own, and each is another; all can be written. */
static int check_files(const struct args *a, const struct similarity_files *f, struct err *e)
{
    static const char *const names[] = {"sketch.npy", "rows.npy",  "losses.npy",
                                        "norms.npy",  "exact.npy", "gradients.json"};
    enum { NAMES = sizeof names / sizeof *names };
    char *own[NAMES], *record = f->cosines ? with_end(f->cosines, ".json") : NULL;
    int status = f->cosines && !record ? err_memory(e, f->cosines) : 0;
    for (size_t i = 0; i < NAMES; i++) {
        own[i] = format_string("%s/%s", a->folder, names[i]);
        if (!own[i] && !status) status = err_memory(e, a->folder);
    }
    const char *const out[] = {f->cosines,   record,       f->angular,
                               f->halves[0], f->halves[1], a->common.json_file};
    if (!status)
        status = cli_check_apart((const char *const *)own, NAMES, out, sizeof out / sizeof *out, e);
    if (!status) status = cli_check_outputs(&a->common, NULL, e);
    for (size_t i = 0; i < NAMES; i++) free(own[i]);
    free(record);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct sketches s;
    struct similarity found;
    const int threads = cli_use_threads(a->common.threads);
    if (sketches_open(&s, a->folder, e)) return -1;
    char *first = a->halves ? with_end(a->out, ".first.npy") : NULL,
         *second = a->halves ? with_end(a->out, ".second.npy") : NULL;
    const struct similarity_files files = {a->out, a->angular, {first, second}};
    const struct check_request q = {.model = a->model,
                                    .corpus = a->corpus,
                                    .samples = a->check_rows,
                                    .threads = threads,
                                    .memory = a->memory,
                                    .kernels = cli_kernels(&a->kernels)};
    struct check_result checked = {.samples = 0};
    int status = a->halves && (!first || !second) ? err_memory(e, NULL) : 0;
    if (!status) status = similarity_check(&s, &files, e);
    if (!status) status = check_files(a, &files, e);
    if (!status && a->model) status = check_run(&checked, &s, &q, e);
    if (!status) status = similarity_write(&s, &files, q.kernels, &found, e);
    const struct report_similarity r = {&s, &found, &files, checked.samples, checked.error};
    if (!status) status = write_results(a, &r, e);
    free(first);
    free(second);
    sketches_close(&s);
    return status;
}

const struct command cmd_quanta_similarity = {
    .name = "quanta similarity",
    .summary = "how alike the gradients of samples are: C [n, n]",
    .text = "The cosines between the gradients of all samples of a folder that `tripod quanta "
            "gradients` filled, in parts or as one.",
    .more =
        "C is symmetric bit for bit, within [-1, 1], its diagonal 1. What a sketch of k numbers "
        "may be off by is said: by theory, (1 - C^2) / sqrt(k); and by the two "
        "vectors of every sketch, which know nothing of each other and whose cosines differ by "
        "twice the error of the whole.\n"
        "Example:\n"
        "  tripod quanta similarity gradients -o C.npy",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
