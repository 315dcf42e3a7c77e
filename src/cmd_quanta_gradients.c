/* cmd_quanta_gradients.c - `tripod quanta gradients`: the gradients of single tokens' losses, as
 * sketches; the work is src/quanta/gradients.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/progress.h"
#include "src/base/provenance.h"
#include "src/cmd_quanta.h"
#include "src/quanta/dump.h"
#include "src/quanta/gradients.h"
#include "src/quanta/sketch.h"
#include "src/scan/peak_rate.h"
#include "src/scan/shares.h"

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct gradients_request request;
    uint64_t dump; /* row; UINT64_MAX: none */
    bool dry_run, quiet, selecting, exact, sketching;
};
#define ARGS struct args

enum { MOST = 1 << 30 };

static const char *const gelus[] = {"erf", "tanh", NULL};

static int take_shard(void *args, const char *value, struct err *e)
{
    struct gradients_request *o = &((struct args *)args)->request;
    return shard_parse(value, &o->shard, &o->shards, e);
}

static int take_dump(void *args, const char *value, struct err *e)
{
    return parse_count(value, "--dump", 0, INT64_MAX, &((struct args *)args)->dump, e);
}

static const struct option_row options[] = {
    OPTION_PLAIN(request.model, "MODEL"),
    OPTION_TEXT("corpus", 'c', "CORPUS", request.samples.corpus,
                "The tokenised corpus P.bin/P.idx that was scanned"),
    OPTION_TEXT("out", 'o', "DIR", request.out, "Where the gradients go"),
    OPTION_HEADING("Which tokens:"),
    OPTION_TEXT("rows", 0, "ROWS.npy", request.samples.rows,
                "Rows of the losses, from 0, as `tripod tokens` lists them"),
    OPTION_TEXT(
        "losses", 0, "FILE.npy", request.samples.losses,
        "Losses of a scan, or gather's matrix: says how documents were cut; without --rows, "
        "tokens are selected by it"),
    OPTION_TEXT("column", 0, "COLUMN", request.samples.column,
                "Selected by this column of it, a number from 0 or a name (default: the only one)"),
    OPTION_REAL("below", 0, "L", request.samples.below, 0, 1e6,
                "Selected are tokens whose loss is below L nats"),
    OPTION_FLAG("no-induction", 0, request.samples.no_induction,
                "Selected are none that end a trigram which occurred before in the document, as "
                "published: they may be copied"),
    OPTION_SIZE("stride", 0, "S", request.samples.stride, 1, MOST,
                "Of the selected every S-th, from the first"),
    OPTION_SIZE("samples", 'n', "N", request.samples.most, 1, MOST,
                "At most N: the first of the rows, given or selected"),
    OPTION_SIZE("max-tokens", 0, "T", request.samples.max_tokens, 2, MOST,
                "Documents are cut to their first T tokens, where no record of losses says it"),
    OPTION_HEADING("What is computed:"),
    OPTION_TEXT(
        "coordinates", 0, "WHICH", request.coordinates,
        "The parameters that count: published, no-final-norm, all, layers:A-B or names:WORD,... "
        "(see below; default: published, of --dump all)"),
    OPTION_SIZE("sketch", 0, "K", request.k, SKETCH_LEAST, SKETCH_MOST,
                "Numbers kept of a gradient, even: a cosine c is known to (1 - c^2) / sqrt(K)"),
    CLI_SEED(request.seed, "Of the sketch's signs and shifts: cosines need the same S"),
    OPTION_FLAG("exact", 0, exact,
                "No sketches but the cosines of whole gradients, DIR/exact.npy: as many as fit in "
                "--memory stay while the others pass by, so that most are computed several times"),
    OPTION_CHOICE("gelu", 0, request.gelu, gelus, "GELU (default: the model's)"),
    OPTION_CALL("dump", 0, "ROW", take_dump,
                "Write the whole gradient of one row instead: DIR/row-ROW/PARAMETER.npy, float32, "
                "named and shaped as in the checkpoint"),
    OPTION_HEADING("How it is computed:"),
    OPTION_CALL("shard", 0, "I/N", take_shard,
                "Only part I (from 0) of N parts of equal cost; `tripod quanta similarity` joins "
                "them"),
    OPTION_BYTES("memory", 0, "BYTES", request.memory, 1 << 20, 1e15,
                 "Memory to stay within, e.g. 8G: fewer threads compute (default: what the machine "
                 "has)"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_FLAG("force", 0, request.force, "Begin anew where DIR holds other gradients"),
    OPTION_FLAG("dry-run", 0, dry_run, "Print what would be done, and stop"),
    OPTION_FLAG("quiet", 'q', quiet, "No progress; warnings and errors stay"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .request = {.samples = {.max_tokens = PROTOCOL_MAX_TOKENS, .below = 0.1, .stride = 1},
                .k = GRADIENTS_SKETCH,
                .shards = 1,
                .gelu = -1},
    .dump = UINT64_MAX};

/* What is only for selecting. */
static int seen(void *args, const struct option_row *row, const char *value, struct err *e)
{
    static const char *const names[] = {"below", "no-induction", "stride", "column"};
    (void)value;
    (void)e;
    struct args *a = args;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (row->name && !strcmp(row->name, names[i])) a->selecting = true;
    if (row->name && (!strcmp(row->name, "sketch") || !strcmp(row->name, "seed")))
        a->sketching = true;
    return 0;
}

static int check(void *args, struct err *e)
{
    struct args *a = args;
    struct gradients_request *o = &a->request;
    const bool dump = a->dump != UINT64_MAX;
    if (!o->model) return err_set(e, "no model");
    if (!o->samples.corpus) return err_set(e, "no corpus: give the one that was scanned with -c");
    if (!o->out) return err_set(e, "no output: give a directory with -o");
    if (!o->coordinates) o->coordinates = dump ? "all" : "published";
    if (o->k % 2) return err_set(e, "--sketch: expected an even number, found %zu", o->k);
    if (a->exact && (dump || o->shards > 1 || a->sketching))
        return err_set(e, "--exact makes no sketches and no parts: no --sketch, no --seed, no "
                          "--shard, no --dump");
    if (a->exact) o->k = o->seed = 0;
    if (dump && (o->samples.rows || a->selecting || o->shards > 1 || a->dry_run))
        return err_set(e,
                       "--dump takes one row: no --rows, no selection, no --shard, no --dry-run");
    if (!dump && !o->samples.rows && !o->samples.losses)
        return err_set(e, "which tokens? give --rows, or --losses to select from");
    if (o->samples.rows && a->selecting)
        return err_set(e, "--below, --no-induction, --stride and --column select from --losses: "
                          "not with --rows");
    return 0;
}

/* --- what comes out --- */

static json_t *result_json(const struct gradients *g, json_t *result)
{
    json_t *record = gradients_record_json(&g->record, NULL);
    json_object_set_new(record, "out", json_utf8(g->o->out));
    json_object_update(record, result);
    json_decref(result);
    return json_pack("{s:o, s:o}", "gradients", record, "provenance", provenance_json());
}

static int write_plan(const struct args *a, const struct gradients *g, struct err *e)
{
    static const struct column columns[] = {
        {.name = "samples", .unit = TABLE_EXACT},
        {.name = "documents", .unit = TABLE_EXACT},
        {.name = "tokens", .unit = TABLE_COUNT},
        {.name = "parameters", .unit = TABLE_EXACT},
        {.name = "flop", .format = "%.17g", .unit = TABLE_FLOP, .head = "FLOP"},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "memory", .unit = TABLE_BYTES},
        {.name = "disk", .unit = TABLE_BYTES},
    };
    struct gradients_needs n;
    if (gradients_needs(g, &n, e)) return -1;
    const double peak = 1e9 * peak_rate(g->o->kernels, n.threads, 0.05);
    const double seconds = peak > 0 ? n.flop / (peak * CMD_QUANTA_SHARE) : NAN;
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_whole(t, n.samples);
    table_whole(t, n.documents);
    table_whole(t, n.tokens);
    table_whole(t, g->record.numbers);
    table_real(t, n.flop);
    table_real(t, seconds);
    table_whole(t, n.memory);
    table_whole(t, n.disk);
    if (g->samples.found) sheet_remark(s, "%zu rows were found to select from", g->samples.found);
    if (n.done) sheet_remark(s, "all of it is there already");
    sheet_remark(
        s,
        "time on %d threads at %.2g of the FMA peak measured now, %.3g GFLOP/s; tokens are "
        "those of the prefixes",
        n.threads, CMD_QUANTA_SHARE, peak / 1e9);
    if (n.disk > n.disk_available)
        sheet_remark(s, "the disk does not hold it: %.3g GB are left",
                     (double)n.disk_available / 1e9);
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:i, s:I, s:I, s:I}", "samples",
                          (json_int_t)n.samples, "done", (json_int_t)n.done, "documents",
                          (json_int_t)n.documents, "tokens", (json_int_t)n.tokens, "flop", n.flop,
                          "seconds", json_finite(seconds), "threads", n.threads, "memory",
                          (json_int_t)n.memory, "disk", (json_int_t)n.disk, "parameters",
                          (json_int_t)g->record.numbers);
    int status = cli_write(&a->common, s,
                           json_pack("{s:o, s:o}", "plan", o, "provenance", provenance_json()), e);
    sheet_free(s);
    return status;
}

static int write_result(const struct args *a, const struct gradients *g,
                        const struct gradients_result *r, struct err *e)
{
    static const struct column columns[] = {
        {.name = "samples", .unit = TABLE_EXACT},
        {.name = "computed", .unit = TABLE_EXACT},
        {.name = "parameters", .unit = TABLE_EXACT},
        {.name = "sketch", .unit = TABLE_EXACT},
        {.name = "mean_loss", .format = "%.8g", .head = "mean loss"},
        {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
        {.name = "gflop_per_s", .head = "GFLOP/s"},
    };
    const double rate = r->seconds > 0 && r->computed ? r->flop / r->seconds / 1e9 : NAN;
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_whole(t, g->record.end - g->record.first);
    table_whole(t, r->computed);
    table_whole(t, g->record.numbers);
    table_whole(t, g->record.k);
    table_real(t, r->mean_loss);
    table_real(t, r->seconds);
    table_real(t, rate);
    json_t *o = json_pack("{s:I, s:o, s:f, s:o}", "computed", (json_int_t)r->computed, "mean_loss",
                          json_finite(r->mean_loss), "seconds", r->seconds, "gflop_per_s",
                          json_finite(rate));
    int status = cli_write(&a->common, s, result_json(g, o), e);
    sheet_free(s);
    return status;
}

static int dump(const struct args *a, struct gradients *g, struct err *e)
{
    static const struct column columns[] = {
        {.name = "row", .unit = TABLE_EXACT},   {.name = "document", .unit = TABLE_EXACT},
        {.name = "token", .unit = TABLE_EXACT}, {.name = "loss", .format = "%.9g"},
        {.name = "norm", .format = "%.9g"},     {.name = "parameters", .unit = TABLE_EXACT},
        {.name = "files", .unit = TABLE_EXACT}, {.name = "folder"},
    };
    struct dumped d;
    if (gradients_dump(g, &d, e)) {
        free(d.folder);
        return -1;
    }
    const struct sample *x = &g->samples.sample[0];
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_whole(t, x->row);
    table_whole(t, x->document);
    table_whole(t, x->target);
    table_real(t, (double)d.loss);
    table_real(t, d.norm);
    table_whole(t, g->record.numbers);
    table_whole(t, d.files);
    table_text(t, "%s", d.folder);
    json_t *o = json_pack("{s:I, s:o, s:o, s:I, s:o}", "row", (json_int_t)x->row, "loss",
                          json_finite((double)d.loss), "norm", json_finite(d.norm), "files",
                          (json_int_t)d.files, "folder", json_utf8(d.folder));
    int status = cli_write(&a->common, s, result_json(g, o), e);
    sheet_free(s);
    free(d.folder);
    return status;
}

static int compute(const struct args *a, struct gradients *g, struct err *e)
{
    struct gradients_result result;
    struct gradients_needs n;
    if (gradients_needs(g, &n, e)) return -1;
    if (n.threads < a->common.threads)
        progress_warn("memory holds %d threads of %d: %.3g GB of %.3g GB", n.threads,
                      a->common.threads, (double)n.memory / 1e9, (double)n.memory_available / 1e9);
    int status = gradients_run(g, &n, &result, e);
    if (status) return -1;
    return write_result(a, g, &result, e);
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    struct gradients_request *o = &a->request;
    struct gradients g;
    const bool one = a->dump != UINT64_MAX;
    progress_quiet(a->quiet);
    o->threads = a->common.threads = cli_use_threads(a->common.threads);
    o->kernels = cli_kernels(&a->simd);
    o->samples.row = one ? &a->dump : NULL;
    o->samples.row_n = one;
    int status = gradients_open(&g, o, e);
    if (!status) status = cli_check_outputs(&a->common, NULL, e);
    if (!status && g.longest > g.flat.config.max_positions)
        progress_warn("%s: %zu positions, but the model was trained on %zu", o->model, g.longest,
                      g.flat.config.max_positions);
    if (!status)
        status = one          ? dump(a, &g, e)
                 : a->exact   ? cmd_quanta_exact(&a->common, &g, a->dry_run, e)
                 : a->dry_run ? write_plan(a, &g, e)
                              : compute(a, &g, e);
    gradients_close(&g);
    return status;
}

const struct command cmd_quanta_gradients = {
    .name = "quanta gradients",
    .summary = "gradients of single tokens' losses, kept as sketches",
    .text =
        "The gradient of each of many tokens' losses with respect to the model's parameters, kept "
        "as a sketch of K numbers from which the cosine of any two follows: DIR/sketch.npy, with "
        "rows.npy, losses.npy, norms.npy and gradients.json, which says what they are of.",
    .more =
        "Examples:\n"
        "  tripod quanta gradients pythia-70m/ -c pile --losses l/pythia-70m-step143000.npy \\\n"
        "      --below 0.1 --no-induction --stride 50 -n 10000 -o g/        as published\n"
        "  tripod quanta gradients pythia-70m/ -c pile --rows rows.npy -o g/\n"
        "  tripod quanta gradients pythia-70m/ -c pile --dump 123456 -o check/\n\n"
        "Stopped, it goes on with the same command: samples are kept one by one. A sketch is two "
        "independent vectors of K / 2 numbers; the difference of their cosines tells the error.\n\n"
        "With --exact there are no sketches: `quanta similarity` then has the cosines themselves, "
        "from --memory 16G for 1,000 samples of Pythia-70M in about 3.5 times the time.\n\n"
        "Coordinates:\n"
        "  published        all parameters but those whose names contain \"layernorm\" or\n"
        "                   \"embed\": final_layer_norm is in, 18,903,040 for Pythia-70M;\n"
        "                   of GPT-Neo without \"ln\", \"wte\", \"wpe\"\n"
        "  no-final-norm    those without it, as the paper's text has it\n"
        "  all              every parameter\n"
        "  layers:A-B       the published ones of layers A to B, from 0\n"
        "  names:WORD,...   those whose names contain one of the words\n\n"
        "What it is not: a measure of which training text a prediction comes from. Of the methods "
        "compared for that, cosines of gradients do worst; the question here is which predictions "
        "the model makes alike.\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .seen = seen,
    .run = run,
};
