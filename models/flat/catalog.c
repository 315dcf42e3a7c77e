/* catalog.c - see catalog.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/catalog.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/flat/compare.h"
#include "models/flat/hub.h"
#include "models/flat/import.h"
#include "models/flat/locate.h"
#include "models/flat/words.h"
#include "models/suite.h"

bool catalog_usable(const struct catalog_entry *x)
{
    return x->state == CATALOG_READY || x->state == CATALOG_TO_IMPORT;
}

static void forget(struct catalog_entry *x)
{
    flat_close(&x->is);
    free(x->folder);
    free(x->import);
    *x = (struct catalog_entry){.model = x->model, .given = x->given};
}

static uint64_t hash_text(const char *s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s, strlen(s), seed);
}

/* Of a flat file that is open: all but what needs it to stay so. */
static void keep_head(struct catalog_entry *x)
{
    struct flat_model *m = &x->is;
    x->weights = flat_weights_hash(m);
    x->bytes = m->bytes;
    map_close(&m->map);
    flat_memory_release(m->memory);
    m->memory = NULL;
    free(m->tensors);
    json_decref(m->provenance);
    m->tensors = NULL;
    m->provenance = NULL;
    m->tensor_count = 0;
}

/* Of a folder: what its import will give. */
static int foresee(struct catalog_entry *x, struct err *e)
{
    struct import_result r;
    if (model_import_plan(x->folder, NULL, &r, e)) return -1;
    x->is = (struct flat_model){.path = strdup(x->import),
                                .name = strdup(r.name),
                                .config = r.config,
                                .step = r.step,
                                .tokens_seen = r.tokens_seen,
                                .parameters = neox_parameters(&r.config, false),
                                .parameters_total = neox_parameters(&r.config, true)};
    x->import_bytes = r.bytes_read;
    x->bytes = r.bytes_written;
    x->state = CATALOG_TO_IMPORT;
    return x->is.path && x->is.name ? 0 : err_memory(e, x->model);
}

/* What cannot be opened is still put where its name says. */
static int guess(struct catalog_entry *x, struct err *e)
{
    char name[256];
    struct suite_id id;
    flat_close(&x->is);
    folder_identity(x->model, name, &x->is.step);
    x->is.name = strdup(name);
    x->is.parameters = suite_find(name, &id) ? (double)id.model->body : -1;
    return x->is.name ? 0 : err_memory(e, x->model);
}

int catalog_look(struct catalog_entry *x, struct err *e)
{
    forget(x);
    int status = model_peek(&x->is, x->model, &x->folder, &x->import, &x->why);
    if (!status && x->import)
        status = foresee(x, &x->why);
    else if (!status)
        keep_head(x);
    if (status && x->why.kind == ERR_MEMORY) {
        *e = x->why;
        return -1;
    }
    if (status) {
        x->state = x->why.kind == ERR_MISSING ? CATALOG_MISSING : CATALOG_UNUSABLE;
        if (guess(x, e)) return -1;
    }
    /* One file under two names is two models: that is to be told, not hidden. */
    const char *place = status ? x->model : x->import ? x->folder : x->is.path;
    char *real = realpath(place, NULL);
    x->key = hash_text(x->is.name, hash_text(real ? real : place, (uint64_t)x->is.step));
    free(real);
    return 0;
}

static int by_key(const void *pa, const void *pb)
{
    const struct catalog_entry *a = *(struct catalog_entry *const *)pa;
    const struct catalog_entry *b = *(struct catalog_entry *const *)pb;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->given < b->given ? -1 : a->given > b->given;
}

/* Leaves the first of each. */
static int drop_twice(struct catalog *c, struct err *e)
{
    struct catalog_entry **order = malloc((c->n + 1) * sizeof *order);
    bool *twice = calloc(c->n + 1, sizeof *twice);
    if (order && twice) {
        for (size_t i = 0; i < c->n; i++) order[i] = &c->entries[i];
        qsort(order, c->n, sizeof *order, by_key);
        for (size_t i = 1; i < c->n; i++)
            twice[order[i] - c->entries] = order[i]->key == order[i - 1]->key;
        size_t kept = 0;
        for (size_t i = 0; i < c->n; i++) {
            if (twice[i]) {
                forget(&c->entries[i]);
                free(c->entries[i].model);
                c->twice++;
            } else {
                c->entries[kept++] = c->entries[i];
            }
        }
        c->n = kept;
    }
    int status = order && twice ? 0 : err_memory(e, "models");
    free(order);
    free(twice);
    return status;
}

/* An entry of what could not be found. */
static int add_nothing(struct catalog_entry *x, const char *word, struct err *e)
{
    char *cache = hub_cache();
    err_kind(&x->why, ERR_MISSING,
             "%s: no file and no folder matches, nor does anything in the Hugging Face cache (%s)",
             word, cache ? cache : "HOME is not set");
    free(cache);
    x->state = CATALOG_MISSING;
    x->model = strdup(word);
    x->is = (struct flat_model){.name = strdup(""), .step = -1, .parameters = -1};
    x->key = hash_text(word, 1);
    return x->model && x->is.name ? 0 : err_memory(e, word);
}

/* Entries for the models of one word. */
static int add_word(struct catalog *c, const char *word, struct err *e)
{
    struct words models = {0};
    int status = words_expand(&models, word, e);
    size_t more = models.n ? models.n : 1;
    struct catalog_entry *bigger =
        status ? NULL : realloc(c->entries, (c->n + more) * sizeof *bigger);
    if (!status && !bigger) status = err_memory(e, word);
    if (bigger) c->entries = bigger;
    for (size_t i = 0; i < more && !status; i++) {
        struct catalog_entry *x = &c->entries[c->n];
        *x = (struct catalog_entry){.given = c->n};
        c->n++;
        if (!models.n) {
            status = add_nothing(x, word, e);
        } else {
            x->model = models.item[i];
            models.item[i] = NULL;
            status = catalog_look(x, e);
        }
    }
    words_free(&models);
    return status;
}

int catalog_open(struct catalog *c, const char *const *words, size_t n, struct err *e)
{
    *c = (struct catalog){0};
    for (size_t i = 0; i < n; i++) {
        if (add_word(c, words[i], e)) return -1;
    }
    return drop_twice(c, e);
}

void catalog_close(struct catalog *c)
{
    for (size_t i = 0; i < c->n; i++) {
        forget(&c->entries[i]);
        free(c->entries[i].model);
    }
    free(c->entries);
    *c = (struct catalog){0};
}

/* --- order --- */

static int by_given(const void *pa, const void *pb)
{
    const struct catalog_entry *a = pa, *b = pb;
    return a->given < b->given ? -1 : a->given > b->given;
}

static int by_step(const void *pa, const void *pb)
{
    const struct catalog_entry *a = pa, *b = pb;
    if (a->is.step != b->is.step) return a->is.step < b->is.step ? -1 : 1;
    return by_given(pa, pb);
}

static int by_size(const void *pa, const void *pb)
{
    const struct catalog_entry *a = pa, *b = pb;
    if (a->is.parameters != b->is.parameters) {
        if (a->is.parameters < 0 || b->is.parameters < 0) return a->is.parameters < 0 ? 1 : -1;
        return a->is.parameters < b->is.parameters ? -1 : 1;
    }
    return by_step(pa, pb);
}

void catalog_sort(struct catalog *c, enum catalog_order order)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_step, by_given};
    if (c->n) qsort(c->entries, c->n, sizeof *c->entries, orders[order]);
}
