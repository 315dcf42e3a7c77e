/* cmd_quanta_similarity.c - `tripod quanta similarity`: the cosines between the gradients of a folder;
 * the work is src/quanta/similarity.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/report/report_similarity.h"

struct args {
    struct cli_common common;
    struct cli_kernels kernels;
    const char *folder, *out, *angular;
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
    OPTION_GROUP(cli_kernels_options, kernels),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->folder)
        return err_set(e, "no folder: give the one `tripod quanta gradients -o` wrote to");
    return a->halves && !a->out ? err_set(e, "--halves needs -o") : 0;
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

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct sketches s;
    struct similarity found;
    cli_use_threads(a->common.threads);
    if (sketches_open(&s, a->folder, e)) return -1;
    char *first = a->halves ? with_end(a->out, ".first.npy") : NULL,
         *second = a->halves ? with_end(a->out, ".second.npy") : NULL;
    const struct similarity_files files = {a->out, a->angular, {first, second}};
    int status = a->halves && (!first || !second) ? err_memory(e, NULL) : 0;
    if (!status) status = similarity_write(&s, &files, cli_kernels(&a->kernels), &found, e);
    const struct report_similarity r = {.sketches = &s, .similarity = &found, .files = &files};
    if (!status) status = write_results(a, &r, e);
    free(first);
    free(second);
    sketches_close(&s);
    return status;
}

const struct command cmd_quanta_similarity = {
    .name = "quanta similarity",
    .summary = "how alike the gradients of samples are: C [n, n], and the error of the sketches",
    .text = "The cosines between the gradients of all samples of a folder that `tripod quanta "
            "gradients` filled, in parts or as one.",
    .more =
        "C is symmetric bit for bit, within [-1, 1], its diagonal 1. What a sketch of k numbers "
        "may be off by is said two ways: by theory, (1 - C^2) / sqrt(k); and by the two "
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
