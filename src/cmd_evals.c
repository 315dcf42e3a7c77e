/* cmd_evals.c - `tripod evals`: the losses in Pythia's published evaluation files (scan/evals.h), as
 * points for tripod fit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/csv.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/scan/evals.h"

struct args {
    struct cli_common common;
    struct texts folders, metrics;
    const char *out;
    int shots, release;
};
#define ARGS struct args

enum { SHOTS_0, SHOTS_5, SHOTS_ALL };
enum { RELEASE_V0, RELEASE_V1, RELEASE_ALL };
static const char *const shots[] = {"0", "5", "all", NULL};
static const char *const releases[] = {"v0", "v1", "all", NULL};

static const struct option_row options[] = {
    OPTION_PLAINS(folders, "DIR..."),
    OPTION_HEADING("Points:"),
    OPTION_TEXT("output", 'o', "FILE.csv", out, "Write the points there instead of stdout"),
    OPTION_CHOICE("shots", 0, shots, shots, "Only results with so many examples in the prompt"),
    OPTION_CHOICE("release", 0, release, releases, "Only this release of the suite"),
    OPTION_TEXTS("metric", 0, "TASK.METRIC", metrics,
                 "A further column, such as piqa.acc; may be repeated"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.shots = SHOTS_0, .release = RELEASE_ALL};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    for (size_t i = 0; i < a->metrics.n; i++) {
        const char *m = a->metrics.item[i];
        if (!strchr(m, '.') || *m == '.' || !strrchr(m, '.')[1] || strpbrk(m, ",\"\n"))
            return err_set(e, "--metric: expected TASK.METRIC, found '%s'", m);
    }
    if (a->metrics.n > EVALS_MOST_METRICS)
        return err_set(e, "--metric: at most %d", EVALS_MOST_METRICS);
    return a->folders.n ? 0 : err_set(e, "give the folder of evaluation files");
}

static const char *value_name(const struct args *a, size_t k)
{
    static const char *const names[EVALS_FIXED] = {
        "lambada_nats",           "lambada_nats_se",        "lambada_acc",
        "wikitext_bits_per_byte", "wikitext_nats_per_byte", "wikitext_nats_per_word"};
    return k < EVALS_FIXED ? names[k] : a->metrics.item[k - EVALS_FIXED];
}

static const char *release(const struct eval *r)
{
    return r->v0 ? "v0" : "v1";
}

static const char *data(const struct eval *r)
{
    return r->id.deduped ? "deduped" : "standard";
}

/* --- CSV, for tripod fit --- */

static int put_rows(const struct args *a, const struct evals *v, struct out *o, struct err *e)
{
    const size_t values = EVALS_FIXED + a->metrics.n;
    int status =
        out_printf(o, e, "run,model,release,data,batch_Mi_tokens,shots,N,N_total,step,tokens");
    for (size_t k = 0; k < values && !status; k++)
        status = out_printf(o, e, ",%s", value_name(a, k));
    if (!status) status = out_printf(o, e, ",file\n");
    for (size_t i = 0; i < v->n && !status; i++) {
        const struct eval *r = &v->row[i];
        char model[SUITE_NAME_SIZE], run[2 * SUITE_NAME_SIZE];
        status =
            out_printf(o, e, "%s,%s,%s,%s,%g,%d,%llu,%llu,%lld,%.0f", evals_run(r, run, sizeof run),
                       evals_model(r, model, sizeof model), release(r), data(r), r->batch, r->shots,
                       (unsigned long long)r->id.model->body,
                       (unsigned long long)r->id.model->total, (long long)r->step, r->tokens);
        for (size_t k = 0; k < values && !status; k++)
            status = isfinite(r->value[k]) ? out_printf(o, e, ",%.17g", r->value[k])
                                           : out_printf(o, e, ",");
        if (!status) status = out_printf(o, e, ",");
        if (!status) status = csv_write_text(o, r->file, e);
        if (!status) status = out_printf(o, e, "\n");
    }
    return status;
}

static int write_csv(const struct args *a, const struct evals *v, struct err *e)
{
    struct out out = {0};
    if (out_open(&out, a->out, e)) return -1;
    if (!put_rows(a, v, &out, e)) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

/* --- the same for people and as JSON --- */

/* A terminal leaves out what no file has. */
static unsigned shown(const struct evals *v, size_t k)
{
    for (size_t i = 0; i < v->n; i++) {
        if (isfinite(v->row[i].value[k])) return 0;
    }
    return TABLE_DETAIL;
}

static void put_table(struct sheet *s, const struct args *a, const struct evals *v)
{
    enum { BEFORE = 10, MOST = BEFORE + EVALS_FIXED + EVALS_MOST_METRICS + 1 };
    struct column columns[MOST] = {{.name = "run"},
                                   {.name = "model", .flags = TABLE_DETAIL},
                                   {.name = "release", .flags = TABLE_DETAIL},
                                   {.name = "data", .flags = TABLE_DETAIL},
                                   {.name = "batch_Mi_tokens", .flags = TABLE_DETAIL},
                                   {.name = "shots", .flags = TABLE_DETAIL},
                                   {.name = "N", .unit = TABLE_COUNT},
                                   {.name = "N_total", .unit = TABLE_COUNT, .flags = TABLE_DETAIL},
                                   {.name = "step", .unit = TABLE_EXACT, .flags = TABLE_DETAIL},
                                   {.name = "tokens", .format = "%.0f", .unit = TABLE_COUNT}};
    static const struct column fixed[EVALS_FIXED] = {
        {.head = "lambada"},   {.flags = TABLE_DETAIL}, {.head = "accuracy"},
        {.head = "bits/byte"}, {.flags = TABLE_DETAIL}, {.flags = TABLE_DETAIL}};
    size_t n = BEFORE;
    for (size_t k = 0; k < EVALS_FIXED + a->metrics.n; k++) {
        columns[n] = k < EVALS_FIXED ? fixed[k] : (struct column){.flags = 0};
        columns[n].name = value_name(a, k);
        columns[n].format = "%.17g";
        columns[n++].flags |= shown(v, k);
    }
    columns[n++] = (struct column){.name = "file", .flags = TABLE_DETAIL};
    struct table *t = sheet_table(s, columns, n, "", false);
    for (size_t i = 0; i < v->n; i++) {
        const struct eval *r = &v->row[i];
        char name[2 * SUITE_NAME_SIZE];
        table_text(t, "%s", evals_run(r, name, sizeof name));
        table_text(t, "%s", evals_model(r, name, sizeof name));
        table_text(t, "%s", release(r));
        table_text(t, "%s", data(r));
        table_real(t, r->batch);
        table_whole(t, (uint64_t)r->shots);
        table_whole(t, r->id.model->body);
        table_whole(t, r->id.model->total);
        table_whole(t, (uint64_t)r->step);
        table_real(t, r->tokens);
        for (size_t k = 0; k < EVALS_FIXED + a->metrics.n; k++)
            table_real(t, isfinite(r->value[k]) ? r->value[k] : NAN);
        table_text(t, "%s", r->file);
    }
}

static json_t *rows_json(const struct args *a, const struct evals *v)
{
    const struct evals_tally *t = &v->tally;
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++) {
        const struct eval *r = &v->row[i];
        char name[SUITE_NAME_SIZE];
        json_t *o =
            json_pack("{s:s, s:s, s:s, s:f, s:i, s:I, s:I, s:I, s:f, s:o}", "model",
                      evals_model(r, name, sizeof name), "release", release(r), "data", data(r),
                      "batch_Mi_tokens", r->batch, "shots", r->shots, "N",
                      (json_int_t)r->id.model->body, "N_total", (json_int_t)r->id.model->total,
                      "step", (json_int_t)r->step, "tokens", r->tokens, "file", json_utf8(r->file));
        for (size_t k = 0; k < EVALS_FIXED + a->metrics.n; k++)
            json_object_set_new(o, value_name(a, k), json_finite(r->value[k]));
        json_array_append_new(list, o);
    }
    return json_pack("{s:o, s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}, s:o}", "points", list, "files",
                     "read", (json_int_t)t->files, "other_layout", (json_int_t)t->other_layout,
                     "other_model", (json_int_t)t->other_model, "without_loss",
                     (json_int_t)t->no_loss, "misfiled_shots", (json_int_t)t->misfiled, "repeats",
                     (json_int_t)t->repeats, "later_date_kept", (json_int_t)t->dates,
                     "step_differs_from_revision", (json_int_t)t->steps_differ, "provenance",
                     provenance_json());
}

static void tell(const struct evals *v)
{
    const struct evals_tally *t = &v->tally;
    const struct {
        size_t n;
        const char *text;
    } notes[] = {
        {t->other_layout, "of the bias evaluations, no losses"},
        {t->other_model, "of models outside the suite"},
        {t->no_loss, "without a loss"},
        {t->misfiled, "whose config.num_fewshot contradicts the folder; the config is right"},
        {t->repeats, "repeating another's numbers"},
        {t->dates, "replaced by a later date"},
        {t->steps_differ,
         "whose step differs from the revision in their config; the name's is used"},
    };
    fprintf(stderr, "tripod evals: %zu points from %zu files", v->n, t->files);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (notes[i].n) fprintf(stderr, "; %zu %s", notes[i].n, notes[i].text);
    }
    fputc('\n', stderr);
}

/* To the file where one is named, else to stdout: a table for a terminal and for --tsv, CSV for a
 * pipe. */
static int write_points(const struct args *a, const struct evals *v, struct err *e)
{
    const struct cli_common *common = &a->common;
    if (!a->out && (isatty(STDOUT_FILENO) || common->tsv)) {
        struct sheet *s = sheet_open();
        put_table(s, a, v);
        int status = cli_write(common, s, rows_json(a, v), e);
        sheet_free(s);
        return status;
    }
    struct out console = {.file = stdout, .path = (char[]){"stdout"}};
    if (a->out ? write_csv(a, v, e)
               : !(common->json && !common->json_file) && put_rows(a, v, &console, e))
        return -1;
    return cli_write_json(common, rows_json(a, v), e);
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    static const int shots_of[] = {[SHOTS_0] = 0, [SHOTS_5] = 5, [SHOTS_ALL] = -1};
    struct evals_options o = {.shots = shots_of[a->shots],
                              .release = a->release == RELEASE_ALL ? -1 : a->release,
                              .metrics = a->metrics.item,
                              .n_metrics = a->metrics.n};
    struct evals v;
    if (evals_read(&v, a->folders.item, a->folders.n, &o, e)) return -1;
    int status = write_points(a, &v, e);
    if (!status) tell(&v);
    evals_close(&v);
    return status;
}

const struct command cmd_evals = {
    .name = "evals",
    .summary = "losses in Pythia's evaluation files as points for tripod fit",
    .text = "Reads the evaluation files of the Pythia repository (evals/ or any part of it) and "
            "writes one row per model, step and number of shots: points for tripod fit.",
    .more = "N is without embeddings, N_total with; step is the file's own count of steps and "
            "tokens what they amount to; lambada_nats is nats per final word (ln of the "
            "perplexity); wikitext columns exist in the first release (v0) only. FILE.csv and a "
            "pipe get CSV.\n\n"
            "Examples:\n"
            "  tripod evals pythia/evals -o points.csv\n"
            "  tripod fit power points.csv --loss wikitext_nats_per_byte --where data=standard\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
