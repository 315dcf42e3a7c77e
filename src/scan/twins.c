/* twins.c - see twins.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/twins.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/flat/compare.h"
#include "models/flat/locate.h"
#include "src/base/progress.h"

/* A tensor of a model. */
struct entry {
    uint64_t hash;
    uint32_t model, tensor;
};

/* What a model has in common with one before it. */
struct share {
    uint32_t first, model;
    size_t tensors;    /* equal, constants left out */
    uint64_t elements; /* of them */
};

struct survey {
    const char *const *models;
    size_t n;
    size_t *first;
    struct seen {
        uint64_t weights, elements;
        size_t tensors;
        size_t constants;    /* among those that others have, too */
        uint64_t checkpoint; /* stands for name and step */
    } * seen;
    struct entry *entries;
    size_t entry_count;
    struct share *shares;
    size_t share_count;
};

static int by_hash(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->model < b->model ? -1 : a->model > b->model;
}

static int by_pair(const void *pa, const void *pb)
{
    const struct share *a = pa, *b = pb;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a->model < b->model ? -1 : a->model > b->model;
}

/* Alike to warn of in one line, then in the order given. */
static int by_finding(const void *pa, const void *pb)
{
    const struct share *a = pa, *b = pb;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    if (a->tensors != b->tensors) return a->tensors > b->tensors ? -1 : 1;
    if (a->elements != b->elements) return a->elements > b->elements ? -1 : 1;
    return a->model < b->model ? -1 : a->model > b->model;
}

/* Takes down what the I-th model's directory says. */
static int look(struct survey *s, size_t i, struct err *e)
{
    struct flat_model flat;
    struct seen *seen = &s->seen[i];
    if (model_head(&flat, s->models[i], SIZE_MAX, e)) return e->kind == ERR_MEMORY ? -1 : 0;
    seen->weights = flat_weights_hash(&flat);
    seen->tensors = flat.tensor_count;
    seen->checkpoint = XXH3_64bits_withSeed(flat.name, strlen(flat.name), (uint64_t)flat.step);
    for (size_t j = 0; j < i && s->first[i] == i; j++) {
        if (s->seen[j].tensors && s->seen[j].weights == seen->weights) s->first[i] = j;
    }
    struct entry *bigger =
        s->first[i] < i ? s->entries
                        : realloc(s->entries, (s->entry_count + seen->tensors) * sizeof *bigger);
    int status = bigger ? 0 : err_memory(e, s->models[i]);
    if (bigger) s->entries = bigger;
    for (size_t t = 0; t < flat.tensor_count && !status; t++) {
        seen->elements += (uint64_t)flat.tensors[t].rows * flat.tensors[t].columns;
        if (s->first[i] == i)
            s->entries[s->entry_count++] =
                (struct entry){flat_tensor_hash(&flat.tensors[t]), (uint32_t)i, (uint32_t)t};
    }
    flat_close(&flat);
    return status;
}

/* The tensor itself: whether it is a constant, and its elements. */
static int examine(const struct survey *s, const struct entry *x, bool *constant,
                   uint64_t *elements, struct err *e)
{
    struct flat_model flat;
    if (model_head(&flat, s->models[x->model], x->tensor, e)) return -1;
    const struct flat_tensor *t = &flat.tensors[x->tensor];
    *constant = x->tensor >= flat.tensor_count || flat_tensor_constant(t);
    *elements = *constant ? 0 : (uint64_t)t->rows * t->columns;
    flat_close(&flat);
    return 0;
}

/* A run of N entries is one tensor, which as many models have: each shares it with the first. */
static int share_run(struct survey *s, const struct entry *run, size_t n, struct err *e)
{
    bool constant;
    uint64_t elements;
    if (examine(s, run, &constant, &elements, e)) return e->kind == ERR_MEMORY ? -1 : 0;
    for (size_t i = 0; i < n && constant; i++) s->seen[run[i].model].constants++;
    if (constant) return 0;
    struct share *bigger = realloc(s->shares, (s->share_count + n) * sizeof *bigger);
    if (!bigger) return err_memory(e, NULL);
    s->shares = bigger;
    for (size_t i = 1; i < n; i++)
        s->shares[s->share_count++] = (struct share){run->model, run[i].model, 1, elements};
    return 0;
}

static int find_shares(struct survey *s, struct err *e)
{
    if (s->entry_count) qsort(s->entries, s->entry_count, sizeof *s->entries, by_hash);
    for (size_t i = 0, n; i < s->entry_count; i += n) {
        for (n = 1; i + n < s->entry_count && s->entries[i + n].hash == s->entries[i].hash;) n++;
        if (n > 1 && share_run(s, &s->entries[i], n, e)) return -1;
    }
    if (!s->share_count) return 0;
    qsort(s->shares, s->share_count, sizeof *s->shares, by_pair);
    size_t pairs = 0;
    for (size_t i = 0; i < s->share_count; i++) {
        struct share *last = pairs ? &s->shares[pairs - 1] : NULL;
        if (last && !by_pair(last, &s->shares[i])) {
            last->tensors++;
            last->elements += s->shares[i].elements;
        } else {
            s->shares[pairs++] = s->shares[i];
        }
    }
    s->share_count = pairs;
    qsort(s->shares, s->share_count, sizeof *s->shares, by_finding);
    return 0;
}

/* --- warnings --- */

/* "A", "A, B", "A, B, C and 83 more". */
struct names {
    char text[512];
    size_t n;
};

static void add_name(struct names *names, const char *name)
{
    enum { SHOWN = 3 };
    size_t length = strlen(names->text);
    if (names->n++ < SHOWN)
        snprintf(names->text + length, sizeof names->text - length, "%s%.160s", length ? ", " : "",
                 name);
}

static const char *all_names(struct names *names)
{
    size_t length = strlen(names->text), shown = names->n < 3 ? names->n : 3;
    if (names->n > shown)
        snprintf(names->text + length, sizeof names->text - length, " and %zu more",
                 names->n - shown);
    return names->text;
}

static void warn_same(const struct survey *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct names names = {.n = 0};
        for (size_t j = i + 1; j < s->n; j++) {
            if (s->first[j] == i && s->seen[j].checkpoint != s->seen[i].checkpoint)
                add_name(&names, s->models[j]);
        }
        if (names.n) progress_warn("%s: the same weights as %s", all_names(&names), s->models[i]);
    }
}

static void warn_shares(const struct survey *s)
{
    for (size_t i = 0, k; i < s->share_count; i += k) {
        const struct share *a = &s->shares[i];
        const struct seen *seen = &s->seen[a->model];
        size_t varied = seen->tensors - seen->constants;
        struct names names = {.n = 0};
        for (k = 0; i + k < s->share_count; k++) {
            const struct share *b = &s->shares[i + k];
            const struct seen *other = &s->seen[b->model];
            if (b->first != a->first || b->tensors != a->tensors || b->elements != a->elements ||
                other->tensors - other->constants != varied || other->elements != seen->elements)
                break;
            add_name(&names, s->models[b->model]);
        }
        progress_warn("%s: %zu of %zu tensors (%.3g %% of the weights) equal those of %s",
                      all_names(&names), a->tensors, varied,
                      100 * (double)a->elements / (double)seen->elements, s->models[a->first]);
    }
}

int twins_find(size_t *first, const char *const *models, size_t n, struct err *e)
{
    struct survey s = {.models = models, .n = n, .first = first};
    for (size_t i = 0; i < n; i++) first[i] = i;
    if (n < 2) return 0;
    s.seen = calloc(n, sizeof *s.seen);
    int status = s.seen ? 0 : err_memory(e, NULL);
    if (!status) progress_begin("weights", "models", n);
    for (size_t i = 0; i < n && !status; i++) {
        status = look(&s, i, e);
        progress_add(1);
    }
    progress_end();
    if (!status) status = find_shares(&s, e);
    if (!status) {
        warn_same(&s);
        warn_shares(&s);
    }
    free(s.seen);
    free(s.entries);
    free(s.shares);
    return status;
}
