/* cmd_import.c - tripod import: Hugging Face GPT-NeoX and GPT-Neo folders to flat model files.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/archive.h"
#include "models/flat/archive_import.h"
#include "models/flat/hub.h"
#include "models/flat/import.h"
#include "models/flat/archived.h"
#include "models/flat/locate.h"
#include "models/flat/words.h"
#include "models/neox/neox_save.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/cmd_info.h"
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
    bool archive;
    int precision;
};
#define ARGS struct arguments

static const char *const precisions[] = {"file", "int16", NULL};

static const struct option_row options[] = {
    OPTION_PLAINS(folders, "DIR..."),
    OPTION_HEADING("The model file:"),
    OPTION_TEXT("output", 'o', "F", out,
                "File to write; with several folders, or when F ends in / or is a directory: the "
                "directory for files called NAME-stepN.tripod"),
    OPTION_FLAG("archive", 0, archive,
                "Write one compressed file of all checkpoints; a DIR may also be a flat file or an "
                "archive, which may be F itself"),
    OPTION_CHOICE(
        "precision", 0, precision, precisions,
        "int16: weights packed for scan --precision int16, which then begins at once; a DIR may "
        "also be a flat file. file: as the checkpoint has them"),
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
    if (a->archive && (a->name || a->step != SIZE_MAX))
        return err_set(e,
                       "--archive: checkpoints keep their names and steps: no --name, no --step");
    if (a->precision && (a->archive || a->name || a->step != SIZE_MAX))
        return err_set(
            e, "--precision: no --archive, --name or --step: import first, then pack the file");
    return a->out ? 0 : err_set(e, "expected -o, the file to write");
}

/* The file for FOLDER (or an archive's checkpoint): as asked, or NAME-stepN.tripod in the directory
 * asked for. */
static char *out_path(const struct arguments *a, bool directory, const char *folder)
{
    if (!directory) return strdup(a->out);
    char name[256];
    int64_t step;
    struct flat_model m;
    struct err ignored;
    folder_identity(folder, name, &step);
    if (!directory_exists(folder) && !model_head(&m, folder, SIZE_MAX, &ignored)) {
        if (*m.name) snprintf(name, sizeof name, "%s", m.name);
        step = m.step;
        flat_close(&m);
    }
    if (a->name) snprintf(name, sizeof name, "%s", a->name);
    if (a->step != SIZE_MAX) step = (int64_t)a->step;
    const char *slash = a->out[strlen(a->out) - 1] == '/' ? "" : "/";
    if (step < 0) return format_string("%s%s%s.tripod", a->out, slash, name);
    return format_string("%s%s%s-step%lld.tripod", a->out, slash, name, (long long)step);
}

/* What was made of an open model; bytes_written are the caller's. */
static void describe(struct import_result *r, const struct flat_model *m)
{
    *r = (struct import_result){.config = m->config,
                                .step = m->step,
                                .tokens_seen = m->tokens_seen,
                                .tensors = m->tensor_count,
                                .bytes_read = m->bytes};
    snprintf(r->name, sizeof r->name, "%s", m->name);
}

/* A model becomes a file of packed integers. */
static int pack(const struct arguments *a, const char *model, const char *out, const json_t *extra,
                struct import_result *r, struct err *e)
{
    struct flat_model flat;
    struct neox loaded = {0};
    struct neox_narrowed narrowed;
    if (model_open(&flat, model, NULL, e)) return -1;
    describe(r, &flat);
    int status = flat.packed ? err_set(e, "%s: is packed already", model) : 0;
    if (!status) status = neox_load(&loaded, &flat, simd_best(), &products_int16, 1, e);
    if (!status && neox_narrow(&loaded, a->common.threads, &narrowed, e))
        status = err_prefix(e, "%s", model);
    if (!status) status = neox_save(&loaded, &narrowed, out, extra, &r->bytes_written, e);
    neox_unload(&loaded);
    flat_close(&flat);
    return status;
}

/* A checkpoint of an archive becomes the flat file it was. */
static int extract(const struct arguments *a, const char *model, const char *out,
                   struct import_result *r, struct err *e)
{
    struct flat_model m;
    if (a->name || a->step != SIZE_MAX)
        return err_set(e, "%s: an archive's checkpoint keeps its name and step", model);
    if (model_open(&m, model, NULL, e)) return -1;
    describe(r, &m);
    for (size_t i = 0; i < m.tensor_count; i++) r->bytes_written += m.tensors[i].bytes;
    int status = flat_save(&m, out, e);
    flat_close(&m);
    return status;
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
    double start = omp_get_wtime();
    int status = a->precision          ? pack(a, folder, out, provenance, r, e)
                 : archived_is(folder) ? extract(a, folder, out, r, e)
                                       : model_import(folder, out, &o, r, e);
    *took = omp_get_wtime() - start;
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

/* Whether the file OUT is MODEL, or the archive that MODEL is a checkpoint of. */
static bool is_file_of(const char *out, const char *model)
{
    const char *at = file_exists(model) ? NULL : strrchr(model, '@');
    char *file = strndup(model, at ? (size_t)(at - model) : strlen(model));
    const bool same = file && file_same(out, file);
    free(file);
    return same;
}

/* No model is written over one that is read: the original, other checkpoints would be lost. */
static int check_outs(char *const *outs, char *const *models, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!file_exists(outs[i])) continue;
        for (size_t j = 0; j < n; j++)
            if (is_file_of(outs[i], models[j]))
                return err_set(e, "%s: would be written over: give another -o", models[j]);
    }
    return 0;
}

/* Folders and the files to make of them, each file once. */
static int find_all(const struct arguments *a, char *const *given, size_t n, char **folders,
                    char **outs, struct err *e)
{
    bool directory =
        n > 1 || a->out[strlen(a->out) - (*a->out != 0)] == '/' || directory_exists(a->out);
    if (directory && make_directories(a->out, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        const bool file = archived_is(given[i]) ||
                          (a->precision && file_exists(given[i]) && !directory_exists(given[i]));
        folders[i] = file ? strdup(given[i]) : model_folder(given[i], e);
        if (!folders[i]) return -1;
        outs[i] = out_path(a, directory, folders[i]);
        if (!outs[i]) return err_memory(e, NULL);
        for (size_t j = 0; j < i; j++) {
            if (!strcmp(outs[i], outs[j]))
                return err_set(e, "%s: both %s and %s would be written to it", outs[i], given[j],
                               given[i]);
        }
    }
    return check_outs(outs, folders, n, e);
}

static int import_all(const struct arguments *a, char *const *given, size_t n, struct err *e)
{
    char **folders = calloc(2 * n, sizeof *folders), **outs = folders ? folders + n : NULL;
    if (!folders) return err_memory(e, NULL);
    struct report report;
    report_open(&report);
    int status = find_all(a, given, n, folders, outs, e);
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

static int import_archive(const struct arguments *a, struct err *e)
{
    json_t *provenance = provenance_json();
    const struct import_options of_folders = {.step_tokens = (double)a->step_tokens,
                                              .provenance = provenance};
    int status = archive_import(a->folders.item, a->folders.n, a->out, &of_folders, e);
    json_decref(provenance);
    if (status) return -1;
    json_t *o = json_object();
    struct sheet *s = sheet_open();
    status = info_archive(a->out, false, o, e);
    if (!status) {
        info_put_checkpoints(s, o, true);
        status = cli_write(&a->common, s, json_incref(o), e);
    }
    json_decref(o);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    struct arguments *a = args;
    a->common.threads = cli_use_threads(a->common.threads);
    if (a->archive) return import_archive(a, e);
    struct words given = {0};
    int status = 0;
    for (size_t i = 0; i < a->folders.n && !status; i++)
        status = words_expand(&given, a->folders.item[i], e);
    if (!status && !given.n)
        status = err_kind(e, ERR_MISSING, "%s: matches nothing", a->folders.item[0]);
    if (!status) status = import_all(a, given.item, given.n, e);
    words_free(&given);
    return status;
}

const struct command cmd_import = {
    .name = "import",
    .summary = "Hugging Face folders to flat model files or an archive",
    .text = "Turns Hugging Face folders of GPT-NeoX (Pythia) and GPT-Neo (TinyStories-33M) models, "
            "config.json with model.safetensors, pytorch_model.bin, or shards of either, into flat "
            "model files that scan maps and starts with at once.",
    .more =
        "A DIR may also be a name in the local Hugging Face cache: "
        "EleutherAI/pythia-70m@step3000. Weights keep the type they have (f16, bf16, f32). "
        "PyTorch files are read without executing anything in them. scan imports a folder by "
        "itself; import is for keeping the result elsewhere or under another name.\n\n"
        "--archive keeps the checkpoints of one model in one file, in which those of a sweep take "
        "half to four fifths of the space, without loss: scan, info and verify take them as "
        "FILE@stepN (FILE@0, FILE@1 ... where steps are not known), and scan takes the file for "
        "all of them. import FILE@stepN -o F gives the flat file back, byte for byte. To add "
        "checkpoints give the archive among the DIRs and as F:\n"
        "  tripod import --archive pythia-70m.tripod new/step*/ -o pythia-70m.tripod",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
