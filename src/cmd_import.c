/* cmd_import.c - tripod import: Hugging Face GPT-NeoX folders to flat model files.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/flat/hub.h"
#include "models/flat/import.h"
#include "models/flat/locate.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"

struct arguments {
    struct cli_common common;
    char **folders;
    size_t count;
    const char *out, *name;
    bool has_step;
    uint64_t step, step_tokens;
};

enum { KEY_NAME = 0x2001, KEY_STEP, KEY_STEP_TOKENS };

static const struct argp_option options[] = {
    {"output", 'o', "F", 0,
     "File to write; with several folders, or when F ends in / or is a directory: the directory "
     "for "
     "files called NAME-stepN.tripod",
     0},
    {"name", KEY_NAME, "NAME", 0, "The model's name (default: from the folder's)", 0},
    {"step", KEY_STEP, "N", 0, "Its training step (default: from the folder's name)", 0},
    {"step-tokens", KEY_STEP_TOKENS, "N", 0,
     "Training tokens of a step, for models outside the Pythia suite (whose steps have 2097152)",
     0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'o':
        a->out = arg;
        return 0;
    case KEY_NAME:
        if (!*arg || strlen(arg) > 255 || strchr(arg, '/'))
            cli_misuse(state, "--name: expected a name of 1 to 255 bytes without /");
        a->name = arg;
        return 0;
    case KEY_STEP:
        a->step = cli_count(arg, "--step", 0, INT64_MAX, state);
        a->has_step = true;
        return 0;
    case KEY_STEP_TOKENS:
        a->step_tokens = cli_count(arg, "--step-tokens", 1, UINT64_C(1) << 40, state);
        return 0;
    case ARGP_KEY_ARGS:
        a->folders = state->argv + state->next;
        a->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (!a->count) cli_misuse(state, "expected a folder to import");
        if (!a->out) cli_misuse(state, "expected -o, the file to write");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "DIR...",
    .doc =
        "Turns Hugging Face GPT-NeoX folders (config.json with model.safetensors, "
        "pytorch_model.bin, or shards of either) into flat model files that scan maps and starts "
        "with at once.\vA DIR may also be a name in the local Hugging Face cache: "
        "EleutherAI/pythia-70m@step3000. Weights keep the type they have (f16, bf16, f32). "
        "PyTorch files are read without executing anything in them. scan imports a folder by "
        "itself; import is for keeping the result elsewhere or under another name.",
    .children = children,
};

/* The file for FOLDER: as asked, or NAME-stepN.tripod in the directory asked for. */
static char *out_path(const struct arguments *a, bool directory, const char *folder)
{
    if (!directory) return strdup(a->out);
    char name[256];
    int64_t step;
    folder_identity(folder, name, &step);
    if (a->name) snprintf(name, sizeof name, "%s", a->name);
    if (a->has_step) step = (int64_t)a->step;
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
                      json_t *models, struct err *e)
{
    struct import_result r;
    json_t *provenance = provenance_json();
    const struct import_options o = {.name = a->name,
                                     .has_step = a->has_step,
                                     .step = (int64_t)a->step,
                                     .step_tokens = (double)a->step_tokens,
                                     .provenance = provenance};
    double start = seconds();
    int status = model_import(folder, out, &o, &r, e);
    double took = seconds() - start;
    json_decref(provenance);
    if (status) return -1;
    double n = neox_parameters(&r.config, false);
    if (!a->common.json) {
        char size[32], step[32] = "";
        if (r.step >= 0) snprintf(step, sizeof step, " step %lld", (long long)r.step);
        printf("%s: %s%s, %s parameters without embeddings, %zu tensors\n", out, r.name, step,
               format_count(n, size, sizeof size), r.tensors);
    }
    json_t *model = json_pack(
        "{s:o, s:o, s:o, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:f}", "out", json_utf8(out), "folder",
        json_utf8(folder), "model", json_utf8(r.name), "step", (json_int_t)r.step, "tokens",
        r.tokens_seen, "parameters", n, "parameters_total", neox_parameters(&r.config, true),
        "tensors", (json_int_t)r.tensors, "bytes_read", (json_int_t)r.bytes_read, "bytes_written",
        (json_int_t)r.bytes_written, "seconds", took);
    if (model) json_array_append_new(models, model);
    return 0;
}

static int run(int argc, char **argv, struct err *e);
const struct command cmd_import = {.name = "import",
                                   .summary = "Hugging Face folder to flat model file",
                                   .argp = &argp,
                                   .run_line = run};

static int run(int argc, char **argv, struct err *e)
{
    struct arguments a = {0};
    cli_parse(&cmd_import, argc, argv, &a);
    cli_use_threads(a.common.threads);
    bool directory =
        a.count > 1 || a.out[strlen(a.out) - (*a.out != 0)] == '/' || directory_exists(a.out);
    json_t *models = json_array();
    char **outs = calloc(a.count, sizeof *outs), **folders = calloc(a.count, sizeof *folders);
    int status = outs && folders ? 0 : err_memory(e, NULL);
    if (!status && directory) status = make_directories(a.out, e);
    for (size_t i = 0; i < a.count && !status; i++) {
        folders[i] = model_folder(a.folders[i], e);
        outs[i] = folders[i] ? out_path(&a, directory, folders[i]) : NULL;
        if (!folders[i])
            status = -1;
        else if (!outs[i])
            status = err_memory(e, NULL);
        for (size_t j = 0; j < i && !status; j++) {
            if (!strcmp(outs[i], outs[j]))
                status = err_set(e, "%s: both %s and %s would be written to it", outs[i],
                                 a.folders[j], a.folders[i]);
        }
    }
    for (size_t i = 0; i < a.count && !status; i++)
        status = import_one(&a, folders[i], outs[i], models, e);
    if (!status) {
        status = cli_write_json(&a.common, json_pack("{s:o}", "models", models), e);
    } else {
        json_decref(models);
    }
    for (size_t i = 0; i < a.count; i++) {
        if (outs) free(outs[i]);
        if (folders) free(folders[i]);
    }
    free(outs);
    free(folders);
    return status;
}
