/* archive_import.c - see archive_import.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/archive_import.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/archive_write.h"
#include "models/flat/hub.h"
#include "models/flat/archived.h"
#include "models/flat/archived.h"
#include "models/flat/locate.h"
#include "models/flat/words.h"
#include "src/base/progress.h"

/* A checkpoint to be stored. */
struct source {
    char *model;  /* for model_open, or: */
    char *folder; /* of Hugging Face, to be imported */
    struct neox_config config;
    int64_t step;
    size_t given; /* its place among what was given */
};

struct sources {
    struct source *items;
    size_t count;
};

static void sources_free(struct sources *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].model);
        free(s->items[i].folder);
    }
    free(s->items);
}

/* --- what is given --- */

static struct source *add(struct sources *s, const char *model, struct err *e)
{
    struct source *items = realloc(s->items, (s->count + 1) * sizeof *items);
    if (items) s->items = items;
    char *copy = strdup(model);
    if (!items || !copy) {
        free(copy);
        err_memory(e, model);
        return NULL;
    }
    s->items[s->count] = (struct source){.model = copy, .step = -1, .given = s->count};
    return &s->items[s->count++];
}

static int add_folder(struct sources *s, const char *model, struct err *e)
{
    char *folder = model_folder(model, e);
    if (!folder) return -1;
    struct source *x = add(s, model, e);
    if (!x) {
        free(folder);
        return -1;
    }
    x->folder = folder;
    struct stat st;
    if (stat(folder, &st)) return err_errno(e, "%s: cannot open", model);
    char name[256], *config = format_string("%s/config.json", folder);
    folder_identity(folder, name, &x->step);
    int status = !config ? err_memory(e, folder)
                 : file_exists(config)
                     ? neox_config_read(&x->config, config, e)
                     : err_kind(e, ERR_MISSING, "%s: not a model: it has no config.json", folder);
    free(config);
    return status;
}

static int add_flat(struct sources *s, const char *model, struct err *e)
{
    struct flat_model m;
    struct source *x = add(s, model, e);
    if (!x || model_head(&m, model, SIZE_MAX, e)) return -1;
    x->config = m.config;
    x->step = m.step;
    flat_close(&m);
    return 0;
}

/* A folder that holds nothing but the flat file is that. */
static int add_given(struct sources *s, const char *model, struct err *e)
{
    char *inside = format_string("%s/model.tripod", model);
    bool flat = inside && file_exists(inside) && !checkpoint_exists(model);
    free(inside);
    return flat || file_exists(model) || archived_is(model) ? add_flat(s, model, e)
                                                            : add_folder(s, model, e);
}

static int by_step(const void *pa, const void *pb)
{
    const struct source *a = pa, *b = pb;
    /* -1 as unsigned: the last */
    if (a->step != b->step) return (uint64_t)a->step < (uint64_t)b->step ? -1 : 1;
    return a->given < b->given ? -1 : a->given > b->given;
}

/* --- one model --- */

static int check_config(const struct source *first, const struct source *x, struct err *e)
{
    const struct neox_config *a = &first->config, *b = &x->config;
    const struct {
        const char *name;
        double a, b;
    } fields[] = {
        {"layers", (double)a->layers, (double)b->layers},
        {"hidden size", (double)a->hidden, (double)b->hidden},
        {"heads", (double)a->heads, (double)b->heads},
        {"head size", (double)a->head_size, (double)b->head_size},
        {"rotary dimensions", (double)a->rotary, (double)b->rotary},
        {"inner width of the MLP", (double)a->ffn, (double)b->ffn},
        {"vocabulary", (double)a->vocab, (double)b->vocab},
        {"context", (double)a->max_positions, (double)b->max_positions},
        {"rotary base", a->rope_theta, b->rope_theta},
        {"layer norm epsilon", a->layer_norm_eps, b->layer_norm_eps},
        {"activation (1: GELU by tanh)", a->activation, b->activation},
        {"parallel residual", a->parallel_residual, b->parallel_residual},
        {"biases of attention", a->attention_bias, b->attention_bias},
        {"tied embeddings", a->tied_embeddings, b->tied_embeddings},
        {"learned positions", a->learned_positions, b->learned_positions},
        {"unscaled attention", a->unscaled_scores, b->unscaled_scores},
        {"bias on dense alone", a->dense_bias, b->dense_bias},
        {"window of local layers", (double)a->window, (double)b->window},
        {"local layers, bits 0 to 31", (uint32_t)a->local, (uint32_t)b->local},
        {"local layers, bits 32 to 63", (double)(a->local >> 32), (double)(b->local >> 32)}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].a != fields[i].b)
            return err_set(e,
                           "%s: another model than %s: %s: expected %.17g, found %.17g (an archive "
                           "has checkpoints of one model)",
                           x->model, first->model, fields[i].name, fields[i].a, fields[i].b);
    }
    return 0;
}

static int check(struct sources *s, struct err *e)
{
    for (size_t i = 1; i < s->count; i++) {
        if (check_config(&s->items[0], &s->items[i], e)) return -1;
    }
    qsort(s->items, s->count, sizeof *s->items, by_step);
    for (size_t i = 1; i < s->count; i++) {
        const struct source *a = &s->items[i - 1], *b = &s->items[i];
        if (a->step >= 0 && a->step == b->step)
            return err_set(e, "%s: is step %lld, as %s is: an archive has each step once", b->model,
                           (long long)b->step, a->model);
    }
    return 0;
}

/* --- storing --- */

/* A folder's flat file is mapped and then has no name: whatever happens, nothing of it stays. */
static int open_folder(struct flat_model *m, const struct source *x, const char *out,
                       const struct import_options *o, struct err *e)
{
    char *beside = format_string("%s.checkpoint", out);
    struct out file = {0};
    int status = beside ? out_open(&file, beside, e) : err_memory(e, out);
    if (!status) status = model_import(x->folder, file.part, o, NULL, e);
    if (!status) status = flat_open(m, file.part, e);
    if (file.path) out_abort(&file);
    free(beside);
    if (status) return -1;
    free(m->path);
    m->path = strdup(x->model);
    if (m->path) return 0;
    flat_close(m);
    return err_memory(e, x->model);
}

static int store(struct archive_writer *w, const struct sources *s, const char *out,
                 const struct import_options *o, struct err *e)
{
    struct flat_model models[2]; /* this one and the one before it */
    memset(models, 0, sizeof models);
    int status = 0;
    for (size_t i = 0; i < s->count && !status; i++) {
        const struct source *x = &s->items[i];
        struct flat_model *m = &models[i % 2];
        flat_close(m);
        status = x->folder ? open_folder(m, x, out, o, e) : model_open(m, x->model, NULL, e);
        if (status) break;
        progress_begin(x->model, "bytes", 2 * m->bytes);
        status = archive_add(w, m, e);
        progress_end();
    }
    flat_close(&models[0]);
    flat_close(&models[1]);
    return status;
}

int archive_import(const char *const *models, size_t n, const char *out,
                   const struct import_options *options, struct err *e)
{
    struct sources s = {0};
    struct archive_writer *w = NULL;
    uint64_t bytes;
    struct words names = {0};
    int status = 0;
    for (size_t i = 0; i < n && !status; i++) status = words_expand(&names, models[i], e);
    for (size_t i = 0; i < names.n && !status; i++) status = add_given(&s, names.item[i], e);
    if (!status && !names.n) status = err_kind(e, ERR_MISSING, "%s: matches nothing", models[0]);
    words_free(&names);
    if (!status) status = check(&s, e);
    if (!status) status = archive_create(&w, out, e);
    if (!status) status = store(w, &s, out, options, e);
    if (!status)
        status = archive_finish(w, &bytes, e);
    else
        archive_abort(w);
    sources_free(&s);
    return status;
}
