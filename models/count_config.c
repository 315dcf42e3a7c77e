/* count_config.c - configurations to count: of a suite's member, of a config.json; see count.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>

#include "models/config.h"
#include "models/count.h"
#include "models/suite.h"

const char *const count_families[] = {"gpt", "neox", "chinchilla", "encoder", NULL};

void count_from_suite(const struct suite_model *m, struct count_config *c)
{
    *c = (struct count_config){.family = COUNT_NEOX,
                               .layers = m->layers,
                               .width = m->width,
                               .heads = m->heads,
                               .ffn = m->ffn,
                               .vocab = m->vocab,
                               .sequence = SUITE_SEQUENCE};
}

static int member(const json_t *o, const char *path, const char *name, uint64_t *value,
                  struct err *e)
{
    const json_t *v = json_object_get(o, name);
    if (!v || json_is_null(v)) return *value ? 0 : err_set(e, "%s: no '%s'", path, name);
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return err_set(e, "%s: %s: expected a whole number of at least 1", path, name);
    *value = (uint64_t)json_integer_value(v);
    return 0;
}

static int from_neo(const char *path, struct count_config *c, struct err *e)
{
    struct neox_config m;
    if (neox_config_read(&m, path, e)) return -1;
    *c = (struct count_config){.family = COUNT_GPT,
                               .layers = m.layers,
                               .width = m.hidden,
                               .heads = m.heads,
                               .ffn = m.ffn,
                               .vocab = m.vocab,
                               .sequence = m.max_positions,
                               .no_qkv_bias = true,
                               .window = m.window,
                               .local = neox_local_layers(&m),
                               .tied = m.tied_embeddings};
    return 0;
}

int count_from_config(const char *path, struct count_config *c, struct err *e)
{
    json_error_t where;
    *c = (struct count_config){0};
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!o) {
        if (where.line < 0) return err_errno(e, "%s: cannot open", path);
        return err_set(e, "%s: line %d: %s", path, where.line, where.text);
    }
    const char *type = json_string_value(json_object_get(o, "model_type"));
    const json_t *tied = json_object_get(o, "tie_word_embeddings");
    int status;
    if (type && !strcmp(type, "gpt_neox")) {
        c->family = COUNT_NEOX;
        c->tied = json_is_true(tied);
        c->no_attention_bias = json_is_false(json_object_get(o, "attention_bias"));
        status = member(o, path, "num_hidden_layers", &c->layers, e) ||
                 member(o, path, "hidden_size", &c->width, e) ||
                 member(o, path, "num_attention_heads", &c->heads, e) ||
                 member(o, path, "intermediate_size", &c->ffn, e) ||
                 member(o, path, "vocab_size", &c->vocab, e) ||
                 member(o, path, "max_position_embeddings", &c->sequence, e);
    } else if (type && !strcmp(type, "gpt2")) {
        c->family = COUNT_GPT;
        c->tied = !json_is_false(tied);
        c->ffn = 1;
        status =
            member(o, path, "n_layer", &c->layers, e) || member(o, path, "n_embd", &c->width, e) ||
            member(o, path, "n_head", &c->heads, e) || member(o, path, "n_inner", &c->ffn, e) ||
            member(o, path, "vocab_size", &c->vocab, e) ||
            member(o, path, "n_positions", &c->sequence, e);
        if (c->ffn == 1) c->ffn = 0;
    } else if (type && !strcmp(type, "gpt_neo")) {
        status = from_neo(path, c, e);
    } else {
        status = err_set(e, "%s: model_type: expected gpt_neox, gpt_neo or gpt2, found '%s'", path,
                         type ? type : "none");
    }
    json_decref(o);
    if (status) return -1;
    return count_check(c, e) ? err_prefix(e, "%s", path) : 0;
}
