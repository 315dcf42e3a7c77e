/* cmd_export.c - `tripod export`: a model as a Hugging Face folder, which everybody else's programs read.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "models/flat/export.h"
#include "models/flat/locate.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/text/tokenizer.h"

struct args {
    struct cli_common common;
    const char *model, *out, *tokenizer;
    int dtype;
};
#define ARGS struct args

static const char *const dtypes[] = {"f32", "f16", "bf16", NULL}; /* enum simd_dtype */

static const struct option_row options[] = {
    OPTION_PLAIN(model, "MODEL"),
    OPTION_TEXT("out", 'o', "FOLDER", out, "Folder to write; it must not have a model yet"),
    OPTION_CHOICE("dtype", 0, dtype, dtypes, "Element type (default: as the model has them)"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer,
                "tokenizer.json to put beside it (default: the model's own)"),
    OPTION_GROUP(cli_output_options, common),
    CLI_PROGRESS,
    OPTION_END,
};

static const struct args defaults = {.dtype = -1};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->model) return err_set(e, "expected a model to export");
    return a->out ? 0 : err_set(e, "no folder: give one with -o");
}

/* FROM as FOLDER/tokenizer.json. */
static int copy_tokenizer(const char *from, const char *folder, struct err *e)
{
    char *path = format_string("%s/tokenizer.json", folder);
    int status = path ? file_copy(from, path, e) : err_memory(e, folder);
    free(path);
    return status;
}

static int write_all(const struct args *a, const struct flat_model *m, const char *tokenizer,
                     struct export_result *r, struct err *e)
{
    struct export_options o = {.dtype = a->dtype, .end = -1};
    struct tokenizer *t = NULL;
    if (tokenizer) {
        if (tokenizer_open(&t, tokenizer, e)) return -1;
        o.end = tokenizer_added(t, "<|endoftext|>");
        const size_t size = tokenizer_size(t);
        tokenizer_close(t);
        if (size > m->config.vocab)
            return err_set(e, "%s: expected at most the model's %zu ids, found %zu", tokenizer,
                           m->config.vocab, size);
    }
    int status = model_export(m, a->out, &o, r, e);
    return status || !tokenizer ? status : copy_tokenizer(tokenizer, a->out, e);
}

static int report(const struct args *a, const struct flat_model *m, const char *tokenizer,
                  const struct export_result *r, struct err *e)
{
    static const struct column columns[] = {{.name = NULL}, {.name = NULL}};
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, 2, "-", false);
    table_text(t, "model");
    table_text(t, "%s", *m->name ? m->name : m->path);
    table_text(t, "tensors");
    table_whole(t, r->tensors);
    table_text(t, "bytes");
    table_whole_in(t, r->bytes, TABLE_BYTES);
    table_text(t, "tokenizer");
    table_text(t, "%s", tokenizer ? tokenizer : "none found: give one with -t");
    int status =
        cli_write(&a->common, s,
                  json_pack("{s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "out", json_utf8(a->out),
                            "model", json_utf8(m->name), "step", (json_int_t)m->step, "tensors",
                            (json_int_t)r->tensors, "bytes", (json_int_t)r->bytes, "tokenizer",
                            json_utf8(tokenizer), "provenance", provenance_json()),
                  e);
    sheet_free(s);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct flat_model m;
    struct export_result r;
    char *folder;
    if (model_open(&m, a->model, &folder, e)) return -1;
    char *found = !a->tokenizer && folder ? model_tokenizer(folder) : NULL;
    const char *tokenizer = a->tokenizer ? a->tokenizer : found;
    int status = write_all(a, &m, tokenizer, &r, e);
    if (!status) status = report(a, &m, tokenizer, &r, e);
    free(found);
    free(folder);
    flat_close(&m);
    return status;
}

const struct command cmd_export = {
    .name = "export",
    .summary = "a model as a Hugging Face folder",
    .text =
        "Writes config.json, model.safetensors and tokenizer.json of a model: a checkpoint that "
        "`tripod train` made, a flat file, one of an archive (FILE@stepN). transformers and "
        "whatever else reads GPT-NeoX and GPT-Neo take it; `tripod import` of the folder gives "
        "the same tensors back, bit for bit, unless --dtype narrowed them.",
    .more = "Examples:\n"
            "  tripod export book/step1000.tripod -o book-hf\n"
            "  tripod export suite.tripod@step512 -o early --dtype bf16\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
