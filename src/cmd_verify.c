/* cmd_verify.c - `tripod verify`: stored losses computed again, bit for bit; the work is
 * src/scan/verify.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/scan/verify.h"

struct args {
    struct cli_common common;
    struct cli_kernels simd;
    struct texts losses, models;
    const char *corpus;
    size_t documents, seed;
};
#define ARGS struct args

enum { DEFAULT_DOCUMENTS = 20, MOST_DOCUMENTS = 1 << 30 };

static int take_documents(void *args, const char *value, struct err *e)
{
    uint64_t n = 0;
    if (strcmp(value, "all") && parse_count(value, "--documents", 1, MOST_DOCUMENTS, &n, e))
        return -1;
    ((struct args *)args)->documents = (size_t)n;
    return 0;
}

static const struct option_row options[] = {
    OPTION_PLAINS(losses, "LOSSES..."),
    OPTION_TEXTS("model", 'm', "MODEL", models,
                 "The model, where it is no longer where the losses say; for losses of several "
                 "models it may be repeated: each finds its own"),
    OPTION_TEXT("corpus", 'c', "P", corpus,
                "The tokenised corpus P.bin/P.idx, where it is no longer where the losses say"),
    OPTION_CALL("documents", 0, "K", take_documents,
                "Compute K random documents of every file again, or 'all' (default: 20)"),
    CLI_SEED(seed, "Which documents: the same ones for the same S on every machine"),
    OPTION_GROUP(cli_kernels_options, simd),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true, .documents = DEFAULT_DOCUMENTS};

static int check(void *args, struct err *e)
{
    return ((const struct args *)args)->losses.n
               ? 0
               : err_set(e, "no losses: give an .npy, its .json or the directory `tripod scan -o` "
                            "wrote to");
}

/* What was found of one file. */
struct finding {
    struct verified verified;
    char *problem; /* NULL: none */
};

static void add_row(struct table *t, const char *json, const struct finding *f)
{
    const struct verified *r = &f->verified;
    table_text(t, "%s", r->losses ? r->losses : json);
    table_text(t, "%s", r->model ? r->model : "-");
    if (r->step >= 0)
        table_whole(t, (uint64_t)r->step);
    else
        table_none(t);
    if (r->checked) {
        table_whole(t, r->documents);
        table_whole(t, r->compared);
        table_whole(t, r->differences);
        table_real(t, r->largest);
        table_text(t, "%s", r->sums ? "same" : "differ");
    } else {
        for (int i = 0; i < 5; i++) table_none(t);
    }
    table_text(t, "%s",
               !r->checked  ? "not checked"
               : f->problem ? "differs"
               : r->exact   ? "same bits"
                            : "close");
    if (f->problem)
        table_text(t, "%s", f->problem);
    else
        table_none(t);
}

static json_t *first_json(const struct verified *r)
{
    uint32_t stored, computed;
    char text[2][16];
    memcpy(&stored, &r->stored, sizeof stored);
    memcpy(&computed, &r->computed, sizeof computed);
    snprintf(text[0], sizeof text[0], "0x%08x", stored);
    snprintf(text[1], sizeof text[1], "0x%08x", computed);
    return json_pack("{s:I, s:I, s:I, s:o, s:s, s:o, s:s}", "document", (json_int_t)r->document,
                     "token", (json_int_t)r->token, "id", (json_int_t)r->id, "stored",
                     json_finite((double)r->stored), "stored_bits", text[0], "recomputed",
                     json_finite((double)r->computed), "recomputed_bits", text[1]);
}

static int write_results(const struct args *a, char *const *paths, const struct finding *found,
                         size_t n, struct err *e)
{
    static const struct column columns[] = {
        {.name = "losses"},
        {.name = "model"},
        {.name = "step", .unit = TABLE_EXACT},
        {.name = "documents", .unit = TABLE_EXACT},
        {.name = "compared", .unit = TABLE_EXACT},
        {.name = "differences", .unit = TABLE_EXACT},
        {.name = "largest", .format = "%.9g"},
        {.name = "sums"},
        {.name = "result"},
        {.name = "problem", .flags = TABLE_NO_TSV | TABLE_DETAIL}};
    struct sheet *s = sheet_open();
    bool close = false;
    for (size_t i = 0; i < n; i++) close |= found[i].verified.checked && !found[i].verified.exact;
    if (close)
        sheet_remark(s,
                     "losses made by --gemm onednn have no promised bits: compared with our own "
                     "products', to within %g nats",
                     VERIFY_TOLERANCE);
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < n; i++) add_row(t, paths[i], &found[i]);
    json_t *files = table_json(t, false);
    for (size_t i = 0; i < n && files; i++) {
        json_t *o = json_array_get(files, i);
        json_object_set_new(o, "first",
                            found[i].verified.differences ? first_json(&found[i].verified)
                                                          : json_null());
        json_object_set_new(o, "tolerance",
                            json_real(found[i].verified.exact ? 0 : VERIFY_TOLERANCE));
    }
    int status = cli_write(&a->common, s,
                           json_pack("{s:o, s:I, s:o}", "files", files, "seed", (json_int_t)a->seed,
                                     "provenance", provenance_json()),
                           e);
    sheet_free(s);
    return status;
}

/* Every file; what is wrong with one does not keep the others from being checked. The first problem
 * is the error. */
static int verify_all(const struct args *a, struct verifier *v, char *const *paths,
                      struct finding *found, size_t n, struct err *e)
{
    struct err first;
    size_t bad = 0, checked = 0;
    for (size_t i = 0; i < n; i++) {
        struct err why;
        bool good = !verify_losses(v, paths[i], &found[i].verified, &why);
        checked += found[i].verified.checked;
        if (good) continue;
        found[i].problem = strdup(why.text);
        if (!bad++) first = why;
        if (!found[i].problem || !err_is_local(&why)) {
            *e = why;
            return -1;
        }
    }
    if (checked && write_results(a, paths, found, n, e)) return -1;
    if (!bad) return 0;
    if (bad == 1) {
        *e = first;
        return -1;
    }
    return err_kind(e, first.kind, "%.900s (and %zu more of %zu files do not verify)", first.text,
                    bad - 1, n);
}

static int run(void *args, struct err *e)
{
    struct args *a = args;
    char **paths = NULL;
    size_t n = 0;
    int status = 0;
    for (size_t i = 0; i < a->losses.n && !status; i++)
        status = verify_find(&paths, &n, a->losses.item[i], e);
    struct verify_request request = {.models = a->models.item,
                                     .models_n = a->models.n,
                                     .corpus = a->corpus,
                                     .documents = a->documents,
                                     .seed = a->seed,
                                     .threads = cli_use_threads(a->common.threads),
                                     .kernels = cli_kernels(&a->simd)};
    struct verifier v = {0};
    struct finding *found = calloc(n + 1, sizeof *found);
    if (!status) status = found ? verify_open(&v, &request, e) : err_memory(e, NULL);
    if (!status) status = verify_all(a, &v, paths, found, n, e);
    verify_close(&v);
    for (size_t i = 0; i < n; i++) {
        if (found) {
            free(found[i].verified.losses);
            free(found[i].verified.model);
            free(found[i].problem);
        }
        free(paths[i]);
    }
    free(found);
    free(paths);
    return status;
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "stored losses computed again from their model and text, bit for bit",
    .text = "Computes random documents of stored losses again and compares bits: the proof, on any "
            "machine, that the losses come from these weights and this text.",
    .more =
        "The protocol is the record's (the .json beside the .npy). A model or a corpus with another "
        "hash than the record's is refused, and the sums of all losses must be the record's. Ends "
        "with 0 when all is the same, with 1 and the first difference otherwise. Losses made with "
        "--gemm onednn have no promised bits: they are compared with our own products', to within "
        "1e-4 nats.\n"
        "\n"
        "Examples:\n"
        "  tripod verify losses/\n"
        "  tripod verify pythia-70m-step3000.npy -m EleutherAI/pythia-70m@step3000 -c pile-test\n"
        "  tripod verify losses/ --documents all\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
