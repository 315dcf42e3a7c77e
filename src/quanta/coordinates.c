/* coordinates.c - see coordinates.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/coordinates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simd/layout.h"

enum ask { PUBLISHED, NO_FINAL_NORM, ALL, LAYERS, NAMES };

struct question {
    enum ask ask;
    size_t from, to;   /* layers */
    const char *words; /* between commas */
};

static int understand(struct question *q, const struct neox_config *config, const char *text,
                      struct err *e)
{
    int end = 0;
    *q = (struct question){.ask = PUBLISHED};
    if (!strcmp(text, "published")) return 0;
    if (!strcmp(text, "no-final-norm")) {
        q->ask = NO_FINAL_NORM;
    } else if (!strcmp(text, "all")) {
        q->ask = ALL;
    } else if (!strncmp(text, "names:", 6)) {
        q->ask = NAMES;
        q->words = text + 6;
    } else if (sscanf(text, "layers:%zu-%zu%n", &q->from, &q->to, &end) == 2 && !text[end] &&
               !strchr(text, ' ')) {
        q->ask = LAYERS;
        if (q->from > q->to || q->to >= config->layers)
            return err_set(e, "--coordinates %s: expected layers from 0 to %zu", text,
                           config->layers - 1);
    } else {
        return err_set(e,
                       "--coordinates: expected published, no-final-norm, all, layers:A-B or "
                       "names:WORD,..., found '%s'",
                       text);
    }
    return 0;
}

static bool has_any(const char *name, const char *words)
{
    char word[96];
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (n && strstr(name, word)) return true;
        at += n + (at[n] == ',');
    }
    return false;
}

/* The layer NAME stands in, -1: none. */
static long layer_of(const char *name)
{
    long layer;
    return sscanf(name, "gpt_neox.layers.%ld.", &layer) == 1 ? layer : -1;
}

/* GPT-Neo's checkpoints call the final norm ln_f: there it is a norm like all others. */
static bool published(const struct neox_config *config, const char *name)
{
    return !has_any(name, config->learned_positions ? "layernorm,embed,final_layer_norm"
                                                    : "layernorm,embed");
}

static bool wanted(const struct question *q, const struct neox_config *config, const char *name)
{
    const long layer = layer_of(name);
    switch (q->ask) {
    case ALL:
        return true;
    case NAMES:
        return has_any(name, q->words);
    case LAYERS:
        return published(config, name) && layer >= (long)q->from && layer <= (long)q->to;
    case NO_FINAL_NORM:
        return published(config, name) && layer >= 0;
    default:
        return published(config, name);
    }
}

int coordinates_open(struct coordinates *c, const struct neox_config *config, const char *text,
                     struct err *e)
{
    struct question q;
    *c = (struct coordinates){.tensors = neox_tensor_count(config)};
    if (understand(&q, config, text, e)) return -1;
    c->wanted = calloc(c->tensors, sizeof *c->wanted);
    c->first = calloc(c->tensors, sizeof *c->first);
    if (!c->wanted || !c->first) return err_memory(e, "coordinates");
    for (size_t i = 0; i < c->tensors; i++) {
        struct neox_tensor t;
        neox_tensor_at(config, i, &t);
        const bool again = i == c->tensors - 1 && config->tied_embeddings; /* the head */
        c->wanted[i] = !again && wanted(&q, config, t.name);
        if (!c->wanted[i]) continue;
        c->first[i] = c->padded;
        c->padded += t.panels ? panels_size(t.rows, t.columns) : (uint64_t)t.rows * t.columns;
        c->numbers += (uint64_t)t.rows * t.columns;
    }
    return c->numbers ? 0 : err_set(e, "--coordinates %s: no parameter is among these", text);
}

void coordinates_close(struct coordinates *c)
{
    free(c->wanted);
    free(c->first);
    *c = (struct coordinates){0};
}
