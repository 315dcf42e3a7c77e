/* evals.c - see evals.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/evals.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/file.h"

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
static bool find_model(const char *path, struct eval *r)
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

static void read_values(const struct evals_options *o, const json_t *results, struct eval *r)
{
    double ppl = metric(results, "lambada_openai", "ppl");
    if (isnan(ppl)) ppl = metric(results, "lambada", "ppl");
    double se = metric(results, "lambada_openai", "ppl_stderr");
    r->value[EVALS_LAMBADA] = ppl > 0 ? log(ppl) : NAN;
    r->value[EVALS_LAMBADA_SE] = ppl > 0 ? se / ppl : NAN;
    r->value[EVALS_LAMBADA_ACC] = metric(results, "lambada_openai", "acc");
    double byte = metric(results, "wikitext", "byte_perplexity");
    double bits = metric(results, "wikitext", "bits_per_byte");
    double word = metric(results, "wikitext", "word_perplexity");
    if (isnan(bits) && byte > 0) bits = log2(byte);
    r->value[EVALS_WIKI_BPB] = bits;
    r->value[EVALS_WIKI_BYTE] = byte > 0 ? log(byte) : bits * M_LN2;
    r->value[EVALS_WIKI_WORD] = word > 0 ? log(word) : NAN;
    for (size_t i = 0; i < o->n_metrics; i++) {
        char task[128];
        const char *dot = strrchr(o->metrics[i], '.');
        snprintf(task, sizeof task, "%.*s", (int)(dot - o->metrics[i]), o->metrics[i]);
        r->value[EVALS_FIXED + i] = metric(results, task, dot + 1);
    }
}

static bool any_value(const struct evals_options *o, const struct eval *r)
{
    for (size_t i = 0; i < EVALS_FIXED + o->n_metrics; i++) {
        if (isfinite(r->value[i])) return true;
    }
    return false;
}

static int append(struct evals *v, const struct eval *r, struct err *e)
{
    if (v->n == v->room) {
        size_t room = v->room ? 2 * v->room : 256;
        struct eval *grown = realloc(v->row, room * sizeof *grown);
        if (!grown) return err_memory(e, r->file);
        v->row = grown;
        v->room = room;
    }
    v->row[v->n++] = *r;
    return 0;
}

/* Model, release, step and shots, from the path and the file's CONFIG. 1: no model of the suite. */
static int identify(const char *path, const json_t *config, struct eval *r, struct evals_tally *t,
                    struct err *e)
{
    const char *args = json_string_value(json_object_get(config, "model_args"));
    const char *kind = json_string_value(json_object_get(config, "model"));
    if (!find_model(path, r)) {
        /* The file was moved out of its folders: the hub name in the configuration. */
        const char *name = args ? strstr(args, "pythia-") : NULL;
        char text[64] = "";
        if (name) snprintf(text, sizeof text, "%.*s", (int)strcspn(name, ",/ "), name);
        if (!suite_find(text, &r->id)) return 1;
    }
    r->v0 = r->id.v0 || strstr(path, "pythia-v0/") || (kind && !strcmp(kind, "neox"));
    if (strstr(path, "pythia-v1/")) r->v0 = false;
    r->id.v0 = false;
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *revision = args ? strstr(args, "revision=step") : NULL;
    int64_t told = revision ? find_step(revision) : -1;
    r->step = find_step(base);
    if (r->step < 0) r->step = told;
    if (r->step < 0) return err_set(e, "%s: expected a step in the file's name, found none", path);
    t->steps_differ += told >= 0 && told != r->step;
    const json_t *shots = json_object_get(config, "num_fewshot");
    int folder = strstr(path, "five-shot/") || strstr(base, "5shot") ? 5 : 0;
    r->shots = json_is_integer(shots) ? (int)json_integer_value(shots) : folder;
    t->misfiled += r->shots != folder;
    return 0;
}

/* A batch that the path does not tell is the release's own. */
static void set_tokens(struct eval *r)
{
    if (r->batch > 0) {
        r->tokens = (double)r->step * r->batch * 1048576;
        return;
    }
    r->tokens = (double)(r->v0 ? suite_v0_tokens(r->id.model, r->step) : suite_tokens(r->step));
    r->batch = r->v0 && r->id.model->v0_large_batch ? 4 : 2;
}

/* FILE's content FOUND: nothing, or a row. */
static int take(struct evals *v, const char *path, const json_t *found,
                const struct evals_options *o, struct err *e)
{
    struct eval r = {.shots = -1};
    const json_t *results = json_object_get(found, "results");
    if (!json_is_object(results)) {
        /* Winobias: results in a list, or tables only. Anything else is not an evaluation. */
        if (!json_is_array(results) && !json_object_get(found, "table_results"))
            return err_set(e, "%s: expected an evaluation file with \"results\", found other JSON",
                           path);
        v->tally.other_layout++;
        return 0;
    }
    int status = identify(path, json_object_get(found, "config"), &r, &v->tally, e);
    if (status) {
        v->tally.other_model += status > 0;
        return status > 0 ? 0 : -1;
    }
    read_values(o, results, &r);
    if (!any_value(o, &r)) {
        v->tally.no_loss++;
        return 0;
    }
    if ((o->shots >= 0 && r.shots != o->shots) || (o->release >= 0 && r.v0 != !o->release))
        return 0;
    set_tokens(&r);
    r.file = strdup(path);
    status = r.file ? append(v, &r, e) : err_memory(e, path);
    if (status) free(r.file);
    return status;
}

static int read_file(struct evals *v, const char *path, const struct evals_options *o,
                     struct err *e)
{
    json_error_t where;
    json_t *found = json_load_file(path, 0, &where);
    if (!found && where.line < 0) return err_errno(e, "%s: cannot open", path);
    if (!found) return err_set(e, "%s: line %d: %s", path, where.line, where.text);
    v->tally.files++;
    int status = take(v, path, found, o, e);
    json_decref(found);
    return status;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* PATHS end with NULL. */
static int read_folders(struct evals *v, const char **paths, const struct evals_options *o,
                        struct err *e)
{
    FTS *tree = fts_open((char *const *)paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!tree) return err_errno(e, "%s: cannot read", paths[0]);
    int status = 0;
    for (FTSENT *f; !status && (errno = 0, f = fts_read(tree)) != NULL;) {
        size_t n = f->fts_namelen;
        if (f->fts_info == FTS_ERR || f->fts_info == FTS_DNR || f->fts_info == FTS_NS) {
            errno = f->fts_errno;
            status = err_errno(e, "%s: cannot read", f->fts_path);
        } else if (f->fts_info == FTS_F &&
                   (f->fts_level == 0 || (n > 5 && !strcasecmp(f->fts_name + n - 5, ".json")))) {
            status = read_file(v, f->fts_path, o, e);
        }
    }
    if (!status && errno) status = err_errno(e, "%s: cannot read", paths[0]);
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
    const struct eval *a = va, *b = vb;
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
    const char *a = ((const struct eval *)va)->file, *b = ((const struct eval *)vb)->file;
    const char *da = strstr(a, "eval_results"), *db = strstr(b, "eval_results");
    if (!c && da && db) c = strcmp(da, db);
    return c ? c : strcmp(a, b);
}

static bool same_values(const struct eval *a, const struct eval *b)
{
    for (size_t i = 0; i < EVALS_FIXED + EVALS_MOST_METRICS; i++) {
        if (isnan(a->value[i]) != isnan(b->value[i])) return false;
        if (!isnan(a->value[i]) && (a->value[i] < b->value[i] || a->value[i] > b->value[i]))
            return false;
    }
    return true;
}

/* Keeps the last file of each model, shots and step. */
static void drop_repeats(struct evals *v)
{
    size_t kept = 0;
    if (v->n) qsort(v->row, v->n, sizeof *v->row, by_run_and_file);
    for (size_t i = 0; i < v->n; i++) {
        struct eval *r = &v->row[i];
        if (kept && !by_run(&v->row[kept - 1], r)) {
            struct eval *before = &v->row[kept - 1];
            if (same_values(before, r))
                v->tally.repeats++;
            else
                v->tally.dates++;
            free(before->file);
            *before = *r;
            continue;
        }
        v->row[kept++] = *r;
    }
    v->n = kept;
}

int evals_read(struct evals *v, const char *const *paths, size_t n, const struct evals_options *o,
               struct err *e)
{
    *v = (struct evals){.n = 0};
    const char **list = calloc(n + 1, sizeof *list); /* fts wants a NULL at the end */
    if (!list) return err_memory(e, paths[0]);
    memcpy(list, paths, n * sizeof *list);
    int status = read_folders(v, list, o, e);
    free(list);
    if (!status) drop_repeats(v);
    if (!status && !v->n)
        status = err_set(e, "%s: no losses found in %zu JSON files", paths[0], v->tally.files);
    if (status) evals_close(v);
    return status;
}

void evals_close(struct evals *v)
{
    for (size_t i = 0; i < v->n; i++) free(v->row[i].file);
    free(v->row);
    *v = (struct evals){.n = 0};
}

char *evals_model(const struct eval *r, char *buffer, size_t size)
{
    struct suite_id id = r->id;
    id.v0 = r->v0;
    return suite_name(&id, buffer, size);
}

char *evals_run(const struct eval *r, char *buffer, size_t size)
{
    char model[SUITE_NAME_SIZE];
    evals_model(r, model, sizeof model);
    bool usual = r->batch >= 2 && r->batch <= 4; /* the suite's own; 4 is v0's */
    if (usual)
        snprintf(buffer, size, "%s-%dshot", model, r->shots);
    else
        snprintf(buffer, size, "%s-%gMtokBS-%dshot", model, r->batch, r->shots);
    return buffer;
}
