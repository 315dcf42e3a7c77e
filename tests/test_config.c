/* Unit tests of config.json: both dialects, defaults, what is refused, and the tensors that follow.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "models/config.h"
#include "models/suite.h"

#define NEOX "\"model_type\":\"gpt_neox\""
#define BASE NEOX ",\"hidden_size\":80,\"num_attention_heads\":4,\"num_hidden_layers\":2"

static int parse(const char *text, struct neox_config *c, struct err *e)
{
    return neox_config_parse(c, text, strlen(text), "F", e);
}

static void dialects(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t rotary;
        double theta;
        enum neox_activation activation;
    } rows[] = {
        {"{" BASE ",\"rotary_pct\":0.5,\"rotary_emb_base\":500}", 10, 500, NEOX_GELU_ERF},
        {"{" BASE ",\"rope_parameters\":{\"partial_rotary_factor\":0.5,\"rope_theta\":500.0,"
         "\"rope_type\":\"default\"}}",
         10, 500, NEOX_GELU_ERF},
        {"{" BASE ",\"rope_parameters\":{\"partial_rotary_factor\":1.0},\"rotary_emb_base\":7,"
         "\"rotary_pct\":0.5}",
         20, 7, NEOX_GELU_ERF},
        {"{" BASE ",\"rope_parameters\":null,\"rope_scaling\":null,\"rotary_pct\":0.5}", 10, 10000,
         NEOX_GELU_ERF},
        {"{" BASE ",\"rope_scaling\":{\"type\":\"default\"},\"rotary_pct\":0.5}", 10, 10000,
         NEOX_GELU_ERF},
        {"{" BASE ",\"rotary_pct\":0.5,\"hidden_act\":\"gelu_new\"}", 10, 10000, NEOX_GELU_TANH},
        {"{" BASE ",\"rotary_pct\":0.5,\"hidden_act\":\"gelu_fast\"}", 10, 10000, NEOX_GELU_TANH},
        {"{" BASE ",\"rotary_pct\":0.5,\"hidden_act\":\"gelu_pytorch_tanh\",\"unknown\":[1]}", 10,
         10000, NEOX_GELU_TANH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct neox_config c;
        struct err e = {0};
        if (parse(rows[i].text, &c, &e)) fail_msg("%s", e.text);
        assert_int_equal(c.head_size, 20);
        assert_int_equal(c.rotary, rows[i].rotary);
        assert_true(c.rope_theta == rows[i].theta);
        assert_int_equal(c.activation, rows[i].activation);
    }
}

/* What is missing gets transformers' defaults: the 20B model's. */
static void defaults(void **state)
{
    (void)state;
    struct neox_config c;
    struct err e = {0};
    assert_int_equal(parse("{" NEOX "}", &c, &e), 0);
    assert_int_equal(c.layers, 44);
    assert_int_equal(c.hidden, 6144);
    assert_int_equal(c.heads, 64);
    assert_int_equal(c.ffn, 24576);
    assert_int_equal(c.vocab, 50432);
    assert_int_equal(c.max_positions, 2048);
    assert_int_equal(c.rotary, 24);
    assert_true(c.layer_norm_eps == 1e-5 && c.rope_theta == 10000);
    assert_true(c.parallel_residual && c.attention_bias && !c.tied_embeddings);
    assert_int_equal(parse("{\"architectures\":[\"GPTNeoXForCausalLM\"],"
                           "\"use_parallel_residual\":false,\"attention_bias\":false,"
                           "\"tie_word_embeddings\":true,\"layer_norm_eps\":0.01}",
                           &c, &e),
                     0);
    assert_true(!c.parallel_residual && !c.attention_bias && c.tied_embeddings);
    assert_true(c.layer_norm_eps == 0.01);
}

/* A GPT-Neo of three layers, of these kinds. */
#define TYPES(types) "\"model_type\":\"gpt_neo\",\"num_layers\":3,\"attention_types\":" types

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "line"},
        {"[]", "expected a JSON object"},
        {"{}", "no model_type"},
        {"{\"model_type\":\"llama\"}", "model_type: expected gpt_neox or gpt_neo, found llama"},
        {"{\"model_type\":7}", "model_type: expected a string"},
        {"{" NEOX ",\"architectures\":[\"GPTNeoXForTokenClassification\"]}", "architectures"},
        {"{" BASE "}", "even number from 2 to 20, found 5"},
        {"{" BASE ",\"rotary_pct\":0}", "rotary_pct"},
        {"{" BASE ",\"rotary_pct\":1.5}", "rotary_pct"},
        {"{" BASE ",\"rotary_pct\":\"half\"}", "rotary_pct: expected a number"},
        {"{" BASE ",\"rotary_pct\":0.5,\"rotary_emb_base\":-1}", "rotary_emb_base"},
        {"{" BASE ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", "rope_scaling"},
        {"{" BASE ",\"rope_scaling\":{\"factor\":2}}", "rope scaling is not supported"},
        {"{" BASE ",\"rope_scaling\":\"yes\"}", "rope_scaling: expected an object"},
        {"{" BASE ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4}}", "found yarn"},
        {"{" BASE ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}}",
         "full_attention"},
        {"{" BASE ",\"rotary_pct\":0.5,\"hidden_act\":\"relu\"}", "hidden_act: expected"},
        {"{" BASE ",\"rotary_pct\":0.5,\"hidden_act\":\"quick_gelu\"}", "found quick_gelu"},
        {"{" NEOX ",\"hidden_size\":82,\"num_attention_heads\":4}", "not a multiple"},
        {"{" NEOX ",\"hidden_size\":-512}", "hidden_size: expected 1 to"},
        {"{" NEOX ",\"hidden_size\":512.0}", "hidden_size: expected an integer"},
        {"{" NEOX ",\"hidden_size\":\"512\"}", "hidden_size: expected an integer, found a string"},
        {"{" NEOX ",\"num_hidden_layers\":1000000000}", "num_hidden_layers: expected 1 to"},
        {"{" NEOX ",\"vocab_size\":9223372036854775807}", "vocab_size: expected 1 to"},
        {"{" NEOX ",\"layer_norm_eps\":-1}", "layer_norm_eps"},
        {"{" NEOX ",\"use_parallel_residual\":1}", "use_parallel_residual: expected true or false"},
        {"{" NEOX ",\"hidden_size\":512,\"hidden_size\":512}", "duplicate"},
        {"{\"model_type\":\"gpt_neo\",\"architectures\":[\"GPTNeoXForCausalLM\"]}",
         "expected GPTNeoForCausalLM, found GPTNeoXForCausalLM"},
        {"{" TYPES("[]") "}", "expected num_layers = 3 of them, found 0"},
        {"{" TYPES("[[[\"global\"],2]]") "}", "expected num_layers = 3 of them, found 2"},
        {"{" TYPES("[[[\"global\"],1000000000]]") "}", "more than 4096 layers"},
        {"{" TYPES("[[[],1000000000]]") "}", "item 0: expected a list of kinds"},
        {"{" TYPES("[[[\"global\"],-3]]") "}", "item 0: expected a list of kinds"},
        {"{" TYPES("[[\"global\",3]]") "}", "item 0: expected a list of kinds"},
        {"{" TYPES("[[[\"global\"]]]") "}", "item 0: expected a list of kinds"},
        {"{" TYPES("[[[\"sparse\"],3]]") "}", "found sparse"},
        {"{" TYPES("[[[7],3]]") "}", "found an integer"},
        {"{" TYPES("{}") "}", "attention_types: expected an array, found an object"},
        {"{" TYPES("[[[\"local\"],3]],\"attention_layers\":[\"local\",\"local\",\"global\"]") "}",
         "attention_layers: other layers are local than attention_types says"},
        {"{\"model_type\":\"gpt_neo\",\"num_layers\":3}", "which of the 3 layers are local?"},
        {"{\"model_type\":\"gpt_neo\",\"num_layers\":65,\"attention_types\":[[[\"local\"],65]]}",
         "more than 64 layers with local ones"},
        {"{\"model_type\":\"gpt_neo\",\"num_layers\":66,"
         "\"attention_types\":[[[\"local\"],1],[[\"global\"],65]]}",
         "local layers: expected among 64 layers at most"},
        {"{\"model_type\":\"gpt_neo\",\"window_size\":0}", "window_size: expected 1 to"},
        {"{\"model_type\":\"gpt_neo\",\"num_heads\":7}", "not a multiple of num_heads 7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct neox_config c;
        struct err e = {0};
        if (!parse(rows[i].text, &c, &e)) fail_msg("accepted: %s", rows[i].text);
        assert_memory_equal(e.text, "F: ", 3);
        if (!strstr(e.text, rows[i].message))
            fail_msg("%s: expected '%s', found '%s'", rows[i].text, rows[i].message, e.text);
    }
}

#define NEO "\"model_type\":\"gpt_neo\""
#define TINY_STORIES                                                                               \
    NEO ",\"hidden_size\":768,\"num_heads\":16,\"num_layers\":4,\"intermediate_size\":null,"       \
        "\"attention_types\":[[[\"global\",\"local\"],2]],\"vocab_size\":50257"

/* GPT-Neo: the hub's keys, transformers' defaults (the 1.3B model's), and what follows from them. */
static void neo(void **state)
{
    (void)state;
    struct neox_config c;
    struct err e = {0};
    if (parse("{" NEO "}", &c, &e)) fail_msg("%s", e.text);
    assert_true(c.layers == 24 && c.hidden == 2048 && c.heads == 16 && c.ffn == 4 * 2048);
    assert_true(c.vocab == 50257 && c.max_positions == 2048 && c.head_size == 128);
    assert_true(c.window == 256 && c.local == 0xaaaaaa && c.rotary == 0);
    assert_true(c.activation == NEOX_GELU_TANH && c.layer_norm_eps == 1e-5 && c.tied_embeddings);
    assert_true(c.learned_positions && c.unscaled_scores && c.dense_bias);
    assert_true(!c.parallel_residual && !c.attention_bias);
    if (parse("{" TINY_STORIES ",\"window_size\":9,\"layer_norm_epsilon\":0.01,"
              "\"attention_layers\":[\"global\",\"local\",\"global\",\"local\"]}",
              &c, &e))
        fail_msg("%s", e.text);
    assert_true(c.window == 9 && c.local == 10 && c.ffn == 3072 && c.layer_norm_eps == 0.01);
    assert_true(neox_layer_window(&c, 0) == 0 && neox_layer_window(&c, 3) == 9);
    if (parse("{" NEO ",\"num_hidden_layers\":3,\"num_attention_heads\":8,"
              "\"activation_function\":\"gelu\",\"tie_word_embeddings\":false,"
              "\"attention_layers\":[\"global\",\"global\",\"global\"]}",
              &c, &e))
        fail_msg("%s", e.text);
    assert_true(c.layers == 3 && c.heads == 8 && c.window == 0 && c.local == 0);
    assert_true(c.activation == NEOX_GELU_ERF && !c.tied_embeddings);
}

/* TinyStories-33M: the published gradient has 28,329,984 coordinates, of matrices and biases without
 * ln, wte and wpe. */
static void neo_tensors(void **state)
{
    (void)state;
    struct neox_config c;
    struct err e = {0};
    if (parse("{" TINY_STORIES "}", &c, &e)) fail_msg("%s", e.text);
    const size_t n = neox_tensor_count(&c);
    assert_int_equal(n, 1 + 4 * 11 + 2 + 1 + 1);
    size_t body = 0, norms = 0, embeddings = 0;
    for (size_t i = 0; i < n; i++) {
        struct neox_tensor t;
        neox_tensor_at(&c, i, &t);
        size_t elements = t.rows * t.columns;
        if (strstr(t.name, "norm"))
            norms += elements;
        else if (strstr(t.name, "embed"))
            embeddings += elements;
        else
            body += elements;
        assert_null(strstr(t.name, "query_key_value.bias"));
        assert_true(!t.vector || !t.panels);
    }
    assert_int_equal(body, 28329984);
    assert_int_equal(norms, 4 * 4 * 768 + 2 * 768);
    assert_int_equal(embeddings, (2 * 50257 + 2048) * 768); /* the head is stored, too */
    assert_true(neox_parameters(&c, false) == (double)(body + norms));
    assert_true(neox_parameters(&c, true) == (double)(body + norms + (50257 + 2048) * 768));
    struct neox_tensor t;
    neox_tensor_at(&c, n - 2, &t);
    assert_string_equal(t.name, "gpt_neox.embed_positions.weight");
    assert_true(t.rows == 2048 && t.columns == 768 && !t.panels && !t.vector);
    neox_tensor_at(&c, n - 3, &t);
    assert_string_equal(t.name, "gpt_neox.final_layer_norm.bias");
    neox_tensor_at(&c, 1 + 11, &t);
    assert_string_equal(t.name, "gpt_neox.layers.1.input_layernorm.weight");
    neox_tensor_at(&c, 1 + 11 + 6, &t);
    assert_string_equal(t.name, "gpt_neox.layers.1.attention.dense.bias");
}

/* Every size of the suite: the tensors add up to the table's parameters. */
static void suite(void **state)
{
    (void)state;
    for (const struct suite_model *m = suite_models; m->size; m++) {
        char text[512];
        struct neox_config c;
        struct err e = {0};
        snprintf(text, sizeof text,
                 "{" NEOX ",\"hidden_size\":%u,\"num_attention_heads\":%u,\"num_hidden_layers\":%u,"
                 "\"intermediate_size\":%u,\"vocab_size\":%u,\"rotary_pct\":0.25}",
                 m->width, m->heads, m->layers, m->ffn, m->vocab);
        if (parse(text, &c, &e)) fail_msg("%s", e.text);
        assert_true(neox_parameters(&c, false) == (double)m->body);
        assert_true(neox_parameters(&c, true) == (double)m->total);
        assert_int_equal(c.rotary, m->rotary);
        assert_int_equal(neox_tensor_count(&c), 12 * m->layers + 4);
        struct neox_tensor first, last;
        neox_tensor_at(&c, 0, &first);
        neox_tensor_at(&c, neox_tensor_count(&c) - 1, &last);
        assert_string_equal(first.name, "gpt_neox.embed_in.weight");
        assert_string_equal(last.name, "embed_out.weight");
        assert_true(!first.panels && last.panels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dialects), cmocka_unit_test(defaults),
                                       cmocka_unit_test(refused),  cmocka_unit_test(suite),
                                       cmocka_unit_test(neo),      cmocka_unit_test(neo_tensors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
