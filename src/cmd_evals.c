/* cmd_evals.c - `tripod evals`: the losses in Pythia's published evaluation files, as points for
 * tripod fit.
 *
 * The files are what the Pythia repository keeps under evals/: one JSON per model, step and number
 * of shots, in three layouts of which one holds losses. Two tasks have any: lambada_openai's
 * perplexity (of a passage's last word: its logarithm is nats per final word) and, in the first
 * release only, wikitext's bits per byte. The traps are handled and counted: folders called
 * five-shot with zero-shot results (config.num_fewshot decides), several files of one step (the
 * latest date stays), steps of the first release that count batches of 4 Mi tokens, runs with
 * smaller batches.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/suite.h"
#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/base/file.h"
#include "src/base/json.h"

#define MOST_METRICS 16

struct args {
    struct cli_common common;
    char **folders;
    const char *out, *release;
    int shots; /* -1: all */
    const char *metric[MOST_METRICS];
    size_t n_metrics;
};

enum { KEY_SHOTS = 0x5001, KEY_RELEASE, KEY_METRIC };

static const struct argp_option options[] = {
    {"output", 'o', "FILE.csv", 0, "Write the points there instead of stdout", 1},
    {"shots", KEY_SHOTS, "0|5|all", 0,
     "Only results with so many examples in the prompt (default 0)", 1},
    {"release", KEY_RELEASE, "v0|v1|all", 0, "Only this release of the suite (default all)", 1},
    {"metric", KEY_METRIC, "TASK.METRIC", 0, "A further column, such as piqa.acc; may be repeated",
     1},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'o':
        a->out = arg;
        return 0;
    case KEY_SHOTS:
        if (strcmp(arg, "0") && strcmp(arg, "5") && strcmp(arg, "all"))
            cli_misuse(state, "--shots: expected 0, 5 or all, found '%s'", arg);
        a->shots = *arg == 'a' ? -1 : *arg - '0';
        return 0;
    case KEY_RELEASE:
        if (strcmp(arg, "v0") && strcmp(arg, "v1") && strcmp(arg, "all"))
            cli_misuse(state, "--release: expected v0, v1 or all, found '%s'", arg);
        a->release = *arg == 'a' ? NULL : arg;
        return 0;
    case KEY_METRIC:
        if (!strchr(arg, '.') || *arg == '.' || !strrchr(arg, '.')[1] || strpbrk(arg, ",\"\n"))
            cli_misuse(state, "--metric: expected TASK.METRIC, found '%s'", arg);
        if (a->n_metrics == MOST_METRICS) cli_misuse(state, "--metric: at most %d", MOST_METRICS);
        a->metric[a->n_metrics++] = arg;
        return 0;
    case ARGP_KEY_ARGS:
        a->folders = state->argv + state->next;
        return 0;
    case ARGP_KEY_END:
        if (!a->folders) cli_misuse(state, "give the folder of evaluation files");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 90}, {0}};
static const struct argp argp = {
    options,
    parse,
    "DIR...",
    "Reads the evaluation files of the Pythia repository (evals/ or any part of it) and writes one "
    "row per "
    "model, step and number of shots: points for tripod fit.\v"
    "N is without embeddings, N_total with; step is the file's own count of steps and tokens what "
    "they "
    "amount to; lambada_nats is nats per final word (ln of the perplexity); wikitext columns exist "
    "in the "
    "first release (v0) only.\n\n"
    "Examples:\n"
    "  tripod evals pythia/evals -o points.csv\n"
    "  tripod fit power points.csv --loss wikitext_nats_per_byte --where data=standard\n",
    children,
    NULL,
    NULL};

enum { LAMBADA, LAMBADA_SE, LAMBADA_ACC, WIKI_BPB, WIKI_BYTE, WIKI_WORD, FIXED };
static const char *const fixed_names[FIXED] = {
    "lambada_nats",           "lambada_nats_se",        "lambada_acc",
    "wikitext_bits_per_byte", "wikitext_nats_per_byte", "wikitext_nats_per_word"};

struct row {
    struct suite_id id;
    bool v0;
    double batch; /* Mi tokens a step */
    int shots;
    int64_t step;
    double tokens;
    double value[FIXED + MOST_METRICS];
    char *file;
};

/* What was met besides rows; told on stderr. */
struct tally {
    size_t files, other_layout, other_model, no_loss, misfiled, repeats, dates, steps_differ;
};

struct rows {
    struct row *row;
    size_t n, room;
};

/* "...-0.25MtokBS" cut off NAME; the Mi tokens a step, or 0. */
static double cut_batch(char *name)
{
    char *end = strstr(name, "MtokBS"), *dash = end;
    while (dash && dash > name && *dash != '-') dash--;
    if (!dash || *dash != '-') return 0;
    double v = strtod(dash + 1, NULL);
    *dash = 0;
    return v > 0 && v < 1000 ? v : 0;
}

/* The model from the path's components, the nearest to the file first; a bare "70m-deduped"
 * counts. */
static bool find_model(const char *path, struct row *r)
{
    char *copy = strdup(path), name[SUITE_NAME_SIZE];
    bool found = false;
    int64_t step;
    while (copy && !found && *copy) {
        char *slash = strrchr(copy, '/'), *part = slash ? slash + 1 : copy;
        double batch = cut_batch(part);
        if (batch > 0) r->batch = batch;
        found = suite_parse_name(part, name, &step) && suite_find(name, &r->id);
        if (!found && isdigit((unsigned char)*part)) {
            /* "70m-deduped-5shot_step3000.json": up to the shots or the step. */
            char *json = strstr(part, ".json");
            if (json) *json = 0;
            part[strcspn(part, "_")] = 0;
            char *shot = strstr(part, "shot");
            while (shot && shot > part && *shot != '-') shot--;
            if (shot) *shot = 0;
            char *full = format_string("pythia-%s", part);
            found = full && suite_find(full, &r->id);
            free(full);
        }
        if (!slash) break;
        *slash = 0;
    }
    free(copy);
    return found;
}

/* The digits after "step" in the file's name, -1 without. */
static int64_t find_step(const char *text)
{
    for (const char *s = strstr(text, "step"); s; s = strstr(s + 1, "step")) {
        if (!isdigit((unsigned char)s[4])) continue;
        unsigned long long v = strtoull(s + 4, NULL, 10);
        return v < 1000000000 ? (int64_t)v : -1;
    }
    return -1;
}

static double metric(const json_t *results, const char *task, const char *name)
{
    const json_t *v = json_object_get(json_object_get(results, task), name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void read_values(const struct args *a, const json_t *results, struct row *r)
{
    double ppl = metric(results, "lambada_openai", "ppl");
    if (isnan(ppl)) ppl = metric(results, "lambada", "ppl");
    double se = metric(results, "lambada_openai", "ppl_stderr");
    r->value[LAMBADA] = ppl > 0 ? log(ppl) : NAN;
    r->value[LAMBADA_SE] = ppl > 0 ? se / ppl : NAN;
    r->value[LAMBADA_ACC] = metric(results, "lambada_openai", "acc");
    double byte = metric(results, "wikitext", "byte_perplexity");
    double bits = metric(results, "wikitext", "bits_per_byte");
    double word = metric(results, "wikitext", "word_perplexity");
    if (isnan(bits) && byte > 0) bits = log2(byte);
    r->value[WIKI_BPB] = bits;
    r->value[WIKI_BYTE] = byte > 0 ? log(byte) : bits * M_LN2;
    r->value[WIKI_WORD] = word > 0 ? log(word) : NAN;
    for (size_t i = 0; i < a->n_metrics; i++) {
        char task[128];
        const char *dot = strrchr(a->metric[i], '.');
        snprintf(task, sizeof task, "%.*s", (int)(dot - a->metric[i]), a->metric[i]);
        r->value[FIXED + i] = metric(results, task, dot + 1);
    }
}

static bool any_value(const struct args *a, const struct row *r)
{
    for (size_t i = 0; i < FIXED + a->n_metrics; i++) {
        if (isfinite(r->value[i])) return true;
    }
    return false;
}

static int append(struct rows *rows, const struct row *r, struct err *e)
{
    if (rows->n == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 256;
        struct row *grown = realloc(rows->row, room * sizeof *grown);
        if (!grown) return err_memory(e, r->file);
        rows->row = grown;
        rows->room = room;
    }
    rows->row[rows->n++] = *r;
    return 0;
}

/* One file: nothing, or a row. */
static int read_file(const struct args *a, const char *path, struct rows *rows, struct tally *t,
                     struct err *e)
{
    json_error_t where;
    json_t *o = json_load_file(path, 0, &where);
    struct row r = {.shots = -1};
    if (!o) {
        if (where.line < 0) return err_errno(e, "%s: cannot open", path);
        return err_set(e, "%s: line %d: %s", path, where.line, where.text);
    }
    t->files++;
    const json_t *results = json_object_get(o, "results"), *config = json_object_get(o, "config");
    const char *args = json_string_value(json_object_get(config, "model_args"));
    const char *kind = json_string_value(json_object_get(config, "model"));
    int status = 0;
    if (!json_is_object(results)) {
        /* Winobias: results in a list, or tables only. Anything else is not an evaluation. */
        if (json_is_array(results) || json_object_get(o, "table_results"))
            t->other_layout++;
        else
            status = err_set(
                e, "%s: expected an evaluation file with \"results\", found other JSON", path);
        goto out;
    }
    if (!find_model(path, &r)) {
        /* The file was moved out of its folders: the hub name in the configuration. */
        const char *name = args ? strstr(args, "pythia-") : NULL;
        char text[64] = "";
        if (name) snprintf(text, sizeof text, "%.*s", (int)strcspn(name, ",/ "), name);
        if (!suite_find(text, &r.id)) {
            t->other_model++;
            goto out;
        }
    }
    r.v0 = r.id.v0 || strstr(path, "pythia-v0/") || (kind && !strcmp(kind, "neox"));
    if (strstr(path, "pythia-v1/")) r.v0 = false;
    r.id.v0 = false;
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *revision = args ? strstr(args, "revision=step") : NULL;
    int64_t told = revision ? find_step(revision) : -1;
    r.step = find_step(base);
    if (r.step < 0) r.step = told;
    if (r.step < 0) {
        status = err_set(e, "%s: expected a step in the file's name, found none", path);
        goto out;
    }
    t->steps_differ += told >= 0 && told != r.step;
    const json_t *shots = json_object_get(config, "num_fewshot");
    int folder = strstr(path, "five-shot/") || strstr(base, "5shot") ? 5 : 0;
    r.shots = json_is_integer(shots) ? (int)json_integer_value(shots) : folder;
    t->misfiled += r.shots != folder;
    read_values(a, results, &r);
    if (!any_value(a, &r)) {
        t->no_loss++;
        goto out;
    }
    if ((a->shots >= 0 && r.shots != a->shots) || (a->release && r.v0 != !strcmp(a->release, "v0")))
        goto out;
    if (r.batch > 0)
        r.tokens = (double)r.step * r.batch * 1048576;
    else
        r.tokens = (double)(r.v0 ? suite_v0_tokens(r.id.model, r.step) : suite_tokens(r.step));
    if (!(r.batch > 0)) r.batch = r.v0 && r.id.model->v0_large_batch ? 4 : 2;
    r.file = strdup(path);
    status = r.file ? append(rows, &r, e) : err_memory(e, path);
    if (status) free(r.file);
out:
    json_decref(o);
    return status;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int read_folders(const struct args *a, struct rows *rows, struct tally *t, struct err *e)
{
    FTS *tree = fts_open(a->folders, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!tree) return err_errno(e, "%s: cannot read", a->folders[0]);
    int status = 0;
    for (FTSENT *f; !status && (errno = 0, f = fts_read(tree)) != NULL;) {
        size_t n = f->fts_namelen;
        if (f->fts_info == FTS_ERR || f->fts_info == FTS_DNR || f->fts_info == FTS_NS) {
            errno = f->fts_errno;
            status = err_errno(e, "%s: cannot read", f->fts_path);
        } else if (f->fts_info == FTS_F &&
                   (f->fts_level == 0 || (n > 5 && !strcasecmp(f->fts_name + n - 5, ".json")))) {
            status = read_file(a, f->fts_path, rows, t, e);
        }
    }
    if (!status && errno) status = err_errno(e, "%s: cannot read", a->folders[0]);
    fts_close(tree);
    return status;
}

static int order(double a, double b)
{
    return (a > b) - (a < b);
}

/* Release, size, data, seed, batch, shots, step; then the file's name, whose end is a date in
 * v0. */
static int by_run(const void *va, const void *vb)
{
    const struct row *a = va, *b = vb;
    int c = order(!a->v0, !b->v0);
    if (!c) c = order((double)a->id.model->total, (double)b->id.model->total);
    if (!c) c = order(a->id.deduped, b->id.deduped);
    if (!c) c = order(a->id.seed, b->id.seed);
    if (!c) c = order(a->batch, b->batch);
    if (!c) c = order(a->shots, b->shots);
    return c ? c : order((double)a->step, (double)b->step);
}

static int by_run_and_file(const void *va, const void *vb)
{
    int c = by_run(va, vb);
    const char *a = ((const struct row *)va)->file, *b = ((const struct row *)vb)->file;
    const char *da = strstr(a, "eval_results"), *db = strstr(b, "eval_results");
    if (!c && da && db) c = strcmp(da, db);
    return c ? c : strcmp(a, b);
}

static bool same_values(const struct row *a, const struct row *b)
{
    for (size_t i = 0; i < FIXED + MOST_METRICS; i++) {
        if (isnan(a->value[i]) != isnan(b->value[i])) return false;
        if (!isnan(a->value[i]) && (a->value[i] < b->value[i] || a->value[i] > b->value[i]))
            return false;
    }
    return true;
}

/* Keeps the last file of each model, shots and step. */
static void drop_repeats(struct rows *rows, struct tally *t)
{
    size_t kept = 0;
    if (rows->n) qsort(rows->row, rows->n, sizeof *rows->row, by_run_and_file);
    for (size_t i = 0; i < rows->n; i++) {
        struct row *r = &rows->row[i];
        if (kept && !by_run(&rows->row[kept - 1], r)) {
            struct row *before = &rows->row[kept - 1];
            if (same_values(before, r))
                t->repeats++;
            else
                t->dates++;
            free(before->file);
            *before = *r;
            continue;
        }
        rows->row[kept++] = *r;
    }
    rows->n = kept;
}

static void model_name(const struct row *r, char name[SUITE_NAME_SIZE])
{
    struct suite_id id = r->id;
    id.v0 = r->v0;
    suite_name(&id, name, SUITE_NAME_SIZE);
}

/* A field of a CSV file: quoted when it has to be. */
static int put_text(struct out *o, const char *text, struct err *e)
{
    if (!strpbrk(text, ",\"\r\n")) return out_printf(o, e, "%s", text);
    int status = out_printf(o, e, "\"");
    for (; *text && !status; text++) {
        status = out_write(o, text, 1, e);
        if (!status && *text == '"') status = out_write(o, text, 1, e);
    }
    return status ? status : out_printf(o, e, "\"");
}

static int put_rows(const struct args *a, const struct rows *rows, struct out *o, struct err *e)
{
    int status =
        out_printf(o, e, "run,model,release,data,batch_Mi_tokens,shots,N,N_total,step,tokens");
    for (size_t k = 0; k < FIXED + a->n_metrics && !status; k++)
        status = out_printf(o, e, ",%s", k < FIXED ? fixed_names[k] : a->metric[k - FIXED]);
    if (!status) status = out_printf(o, e, ",file\n");
    for (size_t i = 0; i < rows->n && !status; i++) {
        const struct row *r = &rows->row[i];
        char name[SUITE_NAME_SIZE];
        model_name(r, name);
        bool usual = r->batch >= 2 && r->batch <= 4; /* the suite's own; 4 is v0's */
        status = usual ? out_printf(o, e, "%s-%dshot", name, r->shots)
                       : out_printf(o, e, "%s-%gMtokBS-%dshot", name, r->batch, r->shots);
        if (!status)
            status =
                out_printf(o, e, ",%s,%s,%s,%g,%d,%llu,%llu,%lld,%.0f", name, r->v0 ? "v0" : "v1",
                           r->id.deduped ? "deduped" : "standard", r->batch, r->shots,
                           (unsigned long long)r->id.model->body,
                           (unsigned long long)r->id.model->total, (long long)r->step, r->tokens);
        for (size_t k = 0; k < FIXED + a->n_metrics && !status; k++)
            status = isfinite(r->value[k]) ? out_printf(o, e, ",%.17g", r->value[k])
                                           : out_printf(o, e, ",");
        if (!status) status = out_printf(o, e, ",");
        if (!status) status = put_text(o, r->file, e);
        if (!status) status = out_printf(o, e, "\n");
    }
    return status;
}

static json_t *rows_json(const struct args *a, const struct rows *rows, const struct tally *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *r = &rows->row[i];
        char name[SUITE_NAME_SIZE];
        model_name(r, name);
        json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:i, s:I, s:I, s:I, s:f, s:o}", "model", name,
                              "release", r->v0 ? "v0" : "v1", "data",
                              r->id.deduped ? "deduped" : "standard", "batch_Mi_tokens", r->batch,
                              "shots", r->shots, "N", (json_int_t)r->id.model->body, "N_total",
                              (json_int_t)r->id.model->total, "step", (json_int_t)r->step, "tokens",
                              r->tokens, "file", json_utf8(r->file));
        for (size_t k = 0; k < FIXED + a->n_metrics; k++)
            json_object_set_new(o, k < FIXED ? fixed_names[k] : a->metric[k - FIXED],
                                json_finite(r->value[k]));
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

static void tell(const struct rows *rows, const struct tally *t)
{
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
    fprintf(stderr, "tripod evals: %zu points from %zu files", rows->n, t->files);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (notes[i].n) fprintf(stderr, "; %zu %s", notes[i].n, notes[i].text);
    }
    fputc('\n', stderr);
}

static int run(int argc, char **argv, struct err *e)
{
    struct args a = {0};
    struct rows rows = {0};
    struct tally t = {0};
    cli_parse(&cmd_evals, argc, argv, &a);
    int status = read_folders(&a, &rows, &t, e);
    if (!status) drop_repeats(&rows, &t);
    if (!status && !rows.n)
        status = err_set(e, "%s: no losses found in %zu JSON files", a.folders[0], t.files);
    struct out out = {0};
    if (!status && a.out) {
        status = out_open(&out, a.out, e);
        if (!status) {
            status = put_rows(&a, &rows, &out, e);
            status = status ? (out_abort(&out), -1) : out_commit(&out, e);
        }
    } else if (!status && !(a.common.json && !a.common.json_file)) {
        struct out console = {.file = stdout, .path = (char[]){"stdout"}};
        status = put_rows(&a, &rows, &console, e);
    }
    if (!status) tell(&rows, &t);
    if (!status && a.common.json) status = cli_write_json(&a.common, rows_json(&a, &rows, &t), e);
    for (size_t i = 0; i < rows.n; i++) free(rows.row[i].file);
    free(rows.row);
    return status;
}

const struct command cmd_evals = {
    .name = "evals",
    .summary = "losses in Pythia's evaluation files as points for tripod fit",
    .argp = &argp,
    .run_line = run};
