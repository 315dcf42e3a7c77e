/* cmd_import.c - tripod import: Hugging Face GPT-NeoX folders to flat model files.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/flat/hub.h"
#include "models/flat/import.h"
#include "models/flat/locate.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"

struct arguments {
    struct cli_common common;
    struct texts folders;
    const char *out, *name;
    size_t step; /* SIZE_MAX: the folder's name tells */
    size_t step_tokens;
};
#define ARGS struct arguments

static const struct option_row options[] = {
    OPTION_PLAINS(folders, "DIR..."),
    OPTION_HEADING("The model file:"),
    OPTION_TEXT("output", 'o', "F", out,
                "File to write; with several folders, or when F ends in / or is a directory: the "
                "directory for files called NAME-stepN.tripod"),
    OPTION_TEXT("name", 0, "NAME", name, "The model's name (default: from the folder's)"),
    OPTION_SIZE("step", 0, "N", step, 0, 9e15,
                "Its training step (default: from the folder's name)"),
    OPTION_SIZE("step-tokens", 0, "N", step_tokens, 1, 1ull << 40,
                "Training tokens of a step, for models outside the Pythia suite (whose steps have "
                "2097152)"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct arguments defaults = {.step = SIZE_MAX};

static int check(void *args, struct err *e)
{
    const struct arguments *a = args;
    if (a->name && (!*a->name || strlen(a->name) > 255 || strchr(a->name, '/')))
        return err_set(e, "--name: expected a name of 1 to 255 bytes without /");
    if (!a->folders.n) return err_set(e, "expected a folder to import");
    return a->out ? 0 : err_set(e, "expected -o, the file to write");
}

/* The file for FOLDER: as asked, or NAME-stepN.tripod in the directory asked for. */
static char *out_path(const struct arguments *a, bool directory, const char *folder)
{
    if (!directory) return strdup(a->out);
    char name[256];
    int64_t step;
    folder_identity(folder, name, &step);
    if (a->name) snprintf(name, sizeof name, "%s", a->name);
    if (a->step != SIZE_MAX) step = (int64_t)a->step;
    const char *slash = a->out[strlen(a->out) - 1] == '/' ? "" : "/";
    if (step < 0) return format_string("%s%s%s.tripod", a->out, slash, name);
    return format_string("%s%s%s-step%lld.tripod", a->out, slash, name, (long long)step);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int import_one(const struct arguments *a, const char *folder, const char *out,
                      struct import_result *r, double *took, struct err *e)
{
    json_t *provenance = provenance_json();
    const struct import_options o = {.name = a->name,
                                     .has_step = a->step != SIZE_MAX,
                                     .step = (int64_t)a->step,
                                     .step_tokens = (double)a->step_tokens,
                                     .provenance = provenance};
    double start = seconds();
    int status = model_import(folder, out, &o, r, e);
    *took = seconds() - start;
    json_decref(provenance);
    return status;
}

/* --- what was written --- */

struct report {
    struct sheet *sheet;
    struct table *table;
    json_t *models;
};

static void report_open(struct report *p)
{
    static const struct column columns[] = {
        {.name = "model", .flags = TABLE_ONLY_TERMINAL},
        {.name = "step", .unit = TABLE_EXACT, .flags = TABLE_ONLY_TERMINAL},
        {.name = "parameters", .unit = TABLE_COUNT, .flags = TABLE_ONLY_TERMINAL},
        {.name = "tensors", .flags = TABLE_ONLY_TERMINAL},
        {.name = "size", .unit = TABLE_BYTES, .flags = TABLE_ONLY_TERMINAL},
        {.name = "time", .unit = TABLE_SECONDS, .flags = TABLE_ONLY_TERMINAL},
        {.name = "file", .flags = TABLE_ONLY_TERMINAL}};
    p->sheet = sheet_open();
    p->table = sheet_table(p->sheet, columns, sizeof columns / sizeof *columns, "-", false);
    p->models = json_array();
}

static void report_add(struct report *p, const char *folder, const char *out,
                       const struct import_result *r, double took)
{
    double n = neox_parameters(&r->config, false);
    char size[32], step[32] = "";
    if (r->step >= 0) snprintf(step, sizeof step, " step %lld", (long long)r->step);
    sheet_line(p->sheet, "%s: %s%s, %s parameters without embeddings, %zu tensors", out, r->name,
               step, format_count(n, size, sizeof size), r->tensors);
    table_text(p->table, "%s", r->name);
    if (r->step >= 0)
        table_whole(p->table, (uint64_t)r->step);
    else
        table_none(p->table);
    table_real(p->table, n);
    table_whole(p->table, r->tensors);
    table_whole(p->table, r->bytes_written);
    table_real(p->table, took);
    table_text(p->table, "%s", out);
    json_t *model = json_pack(
        "{s:o, s:o, s:o, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:f}", "out", json_utf8(out), "folder",
        json_utf8(folder), "model", json_utf8(r->name), "step", (json_int_t)r->step, "tokens",
        r->tokens_seen, "parameters", n, "parameters_total", neox_parameters(&r->config, true),
        "tensors", (json_int_t)r->tensors, "bytes_read", (json_int_t)r->bytes_read, "bytes_written",
        (json_int_t)r->bytes_written, "seconds", took);
    if (model) json_array_append_new(p->models, model);
}

/* --- command --- */

/* Folders and the files to make of them, each file once. */
static int find_all(const struct arguments *a, char **folders, char **outs, struct err *e)
{
    const struct texts *given = &a->folders;
    bool directory =
        given->n > 1 || a->out[strlen(a->out) - (*a->out != 0)] == '/' || directory_exists(a->out);
    if (directory && make_directories(a->out, e)) return -1;
    for (size_t i = 0; i < given->n; i++) {
        folders[i] = model_folder(given->item[i], e);
        if (!folders[i]) return -1;
        outs[i] = out_path(a, directory, folders[i]);
        if (!outs[i]) return err_memory(e, NULL);
        for (size_t j = 0; j < i; j++) {
            if (!strcmp(outs[i], outs[j]))
                return err_set(e, "%s: both %s and %s would be written to it", outs[i],
                               given->item[j], given->item[i]);
        }
    }
    return 0;
}

static int run(void *args, struct err *e)
{
    const struct arguments *a = args;
    const size_t n = a->folders.n;
    cli_use_threads(a->common.threads);
    char **folders = calloc(2 * n, sizeof *folders), **outs = folders ? folders + n : NULL;
    if (!folders) return err_memory(e, NULL);
    struct report report;
    report_open(&report);
    int status = find_all(a, folders, outs, e);
    size_t done = 0;
    for (; done < n && !status; done += !status) {
        struct import_result r;
        double took;
        status = import_one(a, folders[done], outs[done], &r, &took, e);
        if (!status) report_add(&report, folders[done], outs[done], &r, took);
    }
    if (!status) {
        status =
            cli_write(&a->common, report.sheet, json_pack("{s:O}", "models", report.models), e);
    } else if (done && !a->common.json) {
        /* What was imported before the failure is there to stay, and is told. */
        struct err ignored;
        cli_write(&a->common, report.sheet, json_object(), &ignored);
    }
    json_decref(report.models);
    sheet_free(report.sheet);
    for (size_t i = 0; i < 2 * n; i++) free(folders[i]);
    free(folders);
    return status;
}

const struct command cmd_import = {
    .name = "import",
    .summary = "Hugging Face folder to flat model file",
    .text = "Turns Hugging Face GPT-NeoX folders (config.json with model.safetensors, "
            "pytorch_model.bin, or shards of either) into flat model files that scan maps and "
            "starts with at once.",
    .more = "A DIR may also be a name in the local Hugging Face cache: "
            "EleutherAI/pythia-70m@step3000. Weights keep the type they have (f16, bf16, f32). "
            "PyTorch files are read without executing anything in them. scan imports a folder by "
            "itself; import is for keeping the result elsewhere or under another name.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
