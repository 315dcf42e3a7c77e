/* Unit tests of import and the flat model file: every form of checkpoint folder gives the same
 * model, element by element that of the source; every damaged byte of the metadata is noticed;
 * names, hub cache, staleness.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/hub.h"
#include "models/flat/import.h"
#include "models/flat/locate.h"
#include "tests/scratch.h"

#define FOLDERS "tests/golden/folders/"

static char *in_scratch(const char *name)
{
    return format_string("%s/%s", scratch, name);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* Copies a golden folder to a new one. */
static void copy_folder(const char *from, const char *to)
{
    struct err e = {0};
    char command[512];
    if (make_directories(to, &e)) fail_msg("%s", e.text);
    snprintf(command, sizeof command, "cp '%s'/* '%s'/", from, to);
    assert_int_equal(system(command), 0);
}

static void import_to(struct flat_model *m, const char *folder, const char *name)
{
    struct err e = {0};
    const struct import_options o = {.quiet = true};
    char *out = in_scratch(name);
    if (model_import(folder, out, &o, NULL, &e) || flat_open(m, out, &e)) fail_msg("%s", e.text);
    free(out);
}

/* Exactly the value, whatever the type. */
static double value(enum simd_dtype type, const void *p)
{
    uint16_t h;
    uint32_t w;
    float f;
    if (type == SIMD_F32) {
        memcpy(&f, p, 4);
        return (double)f;
    }
    memcpy(&h, p, 2);
    if (type == SIMD_BF16) {
        w = (uint32_t)h << 16;
        memcpy(&f, &w, 4);
        return (double)f;
    }
    double sign = h & 0x8000 ? -1 : 1, m = h & 0x3ff;
    int x = h >> 10 & 31;
    double scale = 1.0 / (1 << 24); /* of subnormals */
    for (int i = 1; i < x; i++) scale *= 2;
    return sign * (x ? 1024 + m : m) * scale;
}

/* Element (n, k) of a matrix, (0, k) of a vector, in the flat file's layout. */
static double element(const struct flat_tensor *t, size_t n, size_t k)
{
    size_t at =
        t->layout == FLAT_PANELS ? ((n / 32) * t->columns + k) * 32 + n % 32 : n * t->columns + k;
    return value(t->dtype, (const char *)t->data + at * simd_dtype_bytes(t->dtype));
}

/* Against the checkpoint itself: one element at a time, rows of query_key_value found by the view
 * [heads, 3, head_size] that the model's definition has. */
static void compare_with_source(const struct flat_model *m, const char *folder)
{
    struct checkpoint c;
    struct checkpoint_unit u = {0};
    struct err e = {0};
    if (checkpoint_open(&c, folder, &e)) fail_msg("%s", e.text);
    size_t H = m->config.heads, S = m->config.head_size, compared = 0;
    for (size_t i = 0; i < m->tensor_count; i++) {
        const struct flat_tensor *t = &m->tensors[i];
        const struct checkpoint_tensor *s = checkpoint_find(&c, t->name);
        if (!s && !strcmp(t->name, "embed_out.weight")) s = checkpoint_find(&c, "lm_head.weight");
        if (!s && m->config.tied_embeddings) s = checkpoint_find(&c, "gpt_neox.embed_in.weight");
        assert_non_null(s);
        if (checkpoint_unit(&c, s, &u, &e)) fail_msg("%s", e.text);
        const uint8_t *base = u.data + s->offset;
        bool qkv = strstr(t->name, "query_key_value") != NULL;
        size_t rows = s->rank == 2 ? s->shape[0] : 1, columns = s->shape[s->rank - 1];
        assert_int_equal(t->rows, rows);
        assert_int_equal(t->columns, columns);
        for (size_t r = 0; r < rows; r++) {
            for (size_t k = 0; k < columns; k++) {
                size_t at = s->rank == 2 ? r * s->stride[0] + k * s->stride[1] : k * s->stride[0];
                size_t which = s->rank == 2 ? r : k, moved = which;
                if (qkv) moved = which / S % 3 * H * S + which / S / 3 * S + which % S;
                double expected =
                    value((enum simd_dtype)s->type->weight, base + at * s->type->bytes);
                double found = s->rank == 2 ? element(t, moved, k) : element(t, 0, moved);
                if (expected != found)
                    fail_msg("%s: %s [%zu, %zu]: expected %g, found %g", folder, t->name, r, k,
                             expected, found);
                compared++;
            }
        }
        for (size_t r = rows; t->layout == FLAT_PANELS && r % 32; r++) {
            for (size_t k = 0; k < columns; k++) assert_true(element(t, r, k) == 0);
        }
    }
    assert_true(compared > 10000);
    checkpoint_close(&c);
}

static void elements(void **state)
{
    (void)state;
    static const char *const folders[] = {"st-hub",  "st-sharded", "st-mixed",
                                          "bin-f32", "bin-views",  "var-no-attention-bias",
                                          "var-tied"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *folder = format_string(FOLDERS "%s", folders[i]);
        struct flat_model m;
        struct err e = {0};
        import_to(&m, folder, "elements.tripod");
        compare_with_source(&m, folder);
        if (flat_verify(&m, &e)) fail_msg("%s", e.text);
        flat_close(&m);
        free(folder);
    }
}

/* The same weights in every form: the same checksums where the type is the same, the same values
 * where it is not. */
static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        bool f16;
    } rows[] = {
        {"st-f16", true},           {"st-sharded", true},  {"st-hub-sharded", true},
        {"st-buffers-bool", true},  {"bin", true},         {"bin-dict", true},
        {"bin-lm-head", true},      {"bin-sharded", true}, {"bin-buffers-u8", true},
        {"bin-buffers-bool", true}, {"bin-views", true},   {"bin-parameters", true},
        {"st-bf16", false},         {"st-f32", false},     {"st-mixed", false},
        {"bin-bf16", false},        {"bin-f32", false},
    };
    struct flat_model reference, m;
    import_to(&reference, FOLDERS "st-hub", "reference.tripod");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *folder = format_string(FOLDERS "%s", rows[i].folder);
        import_to(&m, folder, "form.tripod");
        assert_int_equal(m.tensor_count, reference.tensor_count);
        for (size_t k = 0; k < m.tensor_count; k++) {
            const struct flat_tensor *a = &reference.tensors[k], *b = &m.tensors[k];
            assert_string_equal(a->name, b->name);
            if (rows[i].f16) assert_int_equal(a->xxh3, b->xxh3);
            for (size_t r = 0; r < a->rows; r++) {
                for (size_t c = 0; c < a->columns; c++)
                    assert_true(element(a, r, c) == element(b, r, c));
            }
        }
        flat_close(&m);
        free(folder);
    }
    flat_close(&reference);
}

/* A weight that is not finite, wherever it stands, is named by the checkpoint's own indices; one
 * that only looks large is not. */
static void not_finite(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        size_t size;
        uint32_t inf, minus, nan, quiet_nan, largest;
    } rows[] = {
        {"st-f16", 2, 0x7c00, 0xfc00, 0x7c01, 0xfe00, 0xfbff},
        {"st-bf16", 2, 0x7f80, 0xff80, 0x7f81, 0xffc0, 0xff7f},
        {"st-f32", 4, 0x7f800000, 0xff800000, 0x7f800001, 0xffc00000, 0xff7fffff},
    };
    const struct import_options o = {.quiet = true};
    int threads = omp_get_max_threads();
    omp_set_num_threads(1); /* hundreds of tiny imports: a team costs more than they do */
    char *out = in_scratch("finite.tripod"), *folder = in_scratch("finite");
    char *path = in_scratch("finite/model.safetensors");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *from = format_string(FOLDERS "%s", rows[i].folder);
        const uint32_t bits[] = {rows[i].inf, rows[i].minus, rows[i].nan, rows[i].quiet_nan};
        static const char *const names[] = {"inf", "-inf", "nan", "nan"};
        struct checkpoint c;
        struct err e = {0};
        copy_folder(from, folder);
        if (checkpoint_open(&c, folder, &e)) fail_msg("%s", e.text);
        FILE *f = fopen(path, "r+");
        assert_non_null(f);
        setbuf(f, NULL);
        for (size_t k = 0; k < c.tensors.count; k++) {
            const struct checkpoint_tensor *t = &c.tensors.items[k];
            size_t columns = t->shape[t->rank - 1],
                   n = t->rank == 2 ? t->shape[0] * columns : columns;
            const size_t places[] = {0, n - 1, n / 2 + 3, n / 3};
            for (size_t j = 0; j < 4; j++) {
                long at = (long)(t->unit + t->offset + places[j] * rows[i].size);
                uint8_t old[4];
                char expected[512];
                assert_int_equal(fseek(f, at, SEEK_SET), 0);
                assert_int_equal(fread(old, 1, rows[i].size, f), rows[i].size);
                fseek(f, at, SEEK_SET);
                fwrite(&bits[j], 1, rows[i].size, f);
                e = (struct err){0};
                if (model_import(folder, out, &o, NULL, &e) != -1) fail_msg("%s", t->name);
                if (t->rank == 2)
                    snprintf(expected, sizeof expected,
                             "%s: %s[%zu, %zu]: expected a finite number, found %s", path, t->name,
                             places[j] / columns, places[j] % columns, names[j]);
                else
                    snprintf(expected, sizeof expected,
                             "%s: %s[%zu]: expected a finite number, found %s", path, t->name,
                             places[j], names[j]);
                assert_string_equal(e.text, expected);
                assert_int_equal(e.kind, ERR_DAMAGED);
                assert_false(file_exists(out));
                fseek(f, at, SEEK_SET);
                fwrite(&rows[i].largest, 1, rows[i].size, f);
                if (j == 0 && model_import(folder, out, &o, NULL, &e)) fail_msg("%s", e.text);
                if (j == 0) assert_int_equal(unlink(out), 0);
                fseek(f, at, SEEK_SET);
                fwrite(old, 1, rows[i].size, f);
            }
        }
        fclose(f);
        checkpoint_close(&c);
        free(from);
    }
    omp_set_num_threads(threads);
    free(out);
    free(folder);
    free(path);
}

static void header(void **state)
{
    (void)state;
    struct flat_model m;
    import_to(&m, FOLDERS "var-rotary-100", "header.tripod");
    assert_int_equal(m.config.layers, 2);
    assert_int_equal(m.config.hidden, 16);
    assert_int_equal(m.config.heads, 2);
    assert_int_equal(m.config.head_size, 8);
    assert_int_equal(m.config.rotary, 8);
    assert_int_equal(m.config.ffn, 64);
    assert_int_equal(m.config.vocab, 200);
    assert_int_equal(m.config.max_positions, 64);
    assert_true(m.config.rope_theta == 500);
    assert_true(m.config.layer_norm_eps == 1e-5);
    assert_true(m.config.parallel_residual && m.config.attention_bias);
    assert_false(m.config.tied_embeddings);
    assert_string_equal(m.name, "var-rotary-100");
    assert_int_equal(m.step, -1);
    assert_true(m.tokens_seen == -1);
    assert_true(m.parameters == 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16);
    assert_true(m.parameters_total == m.parameters + 2 * 200 * 16);
    for (size_t i = 0; i < m.tensor_count; i++) {
        assert_int_equal((uintptr_t)m.tensors[i].data % 64, 0);
        assert_ptr_equal(flat_find(&m, m.tensors[i].name), &m.tensors[i]);
    }
    assert_null(flat_find(&m, "no such tensor"));
    const json_t *sources = json_object_get(m.provenance, "sources");
    assert_int_equal(json_array_size(sources), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *hash = json_string_value(json_object_get(json_array_get(sources, i), "xxh3"));
        assert_int_equal(strlen(hash), 16);
    }
    flat_close(&m);
    import_to(&m, FOLDERS "var-tied", "header.tripod");
    assert_true(m.config.tied_embeddings);
    assert_true(m.parameters_total == m.parameters + 200 * 16);
    flat_close(&m);
    import_to(&m, FOLDERS "var-no-attention-bias", "header.tripod");
    assert_false(m.config.attention_bias);
    assert_int_equal(m.tensor_count, 24);
    assert_true(m.parameters == 2 * (12 * 16 * 16 + 9 * 16) + 2 * 16);
    flat_close(&m);
}

/* Query, key and value of three tensors, in whatever files and strides, are the joined one's rows. */
static void joined(void **state)
{
    (void)state;
    static const char *const folders[] = {"st-f16", "st-sharded", "bin-hub", "bin-sharded",
                                          "bin-views"};
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        struct flat_model m;
        struct checkpoint c;
        struct err e = {0};
        char *folder = format_string("tests/golden/neo/%s", folders[f]);
        import_to(&m, folder, "neo.tripod");
        if (checkpoint_open(&c, folder, &e)) fail_msg("%s", e.text);
        const size_t d = m.config.hidden;
        for (size_t i = 0; i < 3 * m.config.layers; i++) {
            struct checkpoint_unit u = {0};
            char *ours =
                format_string("gpt_neox.layers.%zu.attention.query_key_value.weight", i / 3);
            char *theirs = format_string("transformer.h.%zu.attn.attention.%c_proj.weight", i / 3,
                                         "qkv"[i % 3]);
            const struct flat_tensor *t = flat_find(&m, ours);
            const struct checkpoint_tensor *s = checkpoint_find(&c, theirs);
            assert_true(t && s && t->rows == 3 * d && t->columns == d);
            if (checkpoint_unit(&c, s, &u, &e)) fail_msg("%s", e.text);
            for (size_t at = 0; at < d * d; at++) {
                size_t from = at / d * s->stride[0] + at % d * s->stride[1];
                const uint8_t *p = u.data + s->offset + from * s->type->bytes;
                double expected = value((enum simd_dtype)s->type->weight, p);
                double found = element(t, i % 3 * d + at / d, at % d);
                if (expected != found)
                    fail_msg("%s: %s [%zu]: expected %g, found %g", folder, theirs, at, expected,
                             found);
            }
            free(ours);
            free(theirs);
        }
        assert_int_equal(flat_verify(&m, &e), 0);
        checkpoint_close(&c);
        flat_close(&m);
        free(folder);
    }
}

static void put_bytes(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* The fields that GPT-Neo has in the header: read back, and refused where they say what cannot be. */
static void neo_header(void **state)
{
    (void)state;
    static const struct {
        size_t at, bytes;
        uint64_t value;
        const char *message;
    } rows[] = {
        {112, 8, 4, "expected none with learned positions"},
        {144, 8, 0x40c3880000000000, "expected none with learned positions"},
        {164, 4, 4 | 8 | 16 | 32 | 64, "unknown bits 0x7c"},
        {164, 4, 4 | 16 | 32, "rotary dimensions of a head"}, /* then they have to turn */
        {164, 4, 2 | 4 | 8 | 16 | 32, "biases of attention"},
        {164, 4, 4 | 8 | 16, "expected 35 tensors, found 38"}, /* no bias on dense */
        {192, 8, 0, "window_size: expected one with local layers"},
        {192, 8, (uint64_t)1 << 40, "window_size: expected at most"},
        {200, 8, 0, "window_size: expected one with local layers"},
        {200, 8, 8, "local layers: expected among"}, /* there are three */
        {200, 8, (uint64_t)1 << 63, "local layers: expected among"},
        {208, 8, 1, "byte 208: expected 0"},
        {136, 8, 63, "expected shape [63, 16], found [64, 16]"},
    };
    struct flat_model m, d;
    struct err e;
    import_to(&m, "tests/golden/neo/st-f16", "neo.tripod");
    assert_true(m.config.learned_positions && m.config.unscaled_scores && m.config.dense_bias);
    assert_true(m.config.window == 5 && m.config.local == 2 && m.config.tied_embeddings);
    assert_true(!m.config.attention_bias && !m.config.rotary && m.config.rope_theta == 0);
    const size_t size = m.map.size;
    uint8_t *copy = aligned_alloc(64, (size + 63) / 64 * 64);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(copy, m.map.data, size);
        put_bytes(copy + rows[i].at, rows[i].value, rows[i].bytes);
        put_bytes(copy + 248, XXH3_64bits(copy, 248), 8);
        if (!flat_parse(&d, copy, size, "damaged", &e)) fail_msg("row %zu was accepted", i);
        if (!strstr(e.text, rows[i].message))
            fail_msg("row %zu: expected '%s', found '%s'", i, rows[i].message, e.text);
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
    free(copy);
    flat_close(&m);
}

/* Every byte outside the tensors' data, changed, makes the file refused; every byte of data,
 * changed, makes verify name its tensor; every truncation is refused. */
static void damage(void **state)
{
    (void)state;
    struct flat_model m;
    struct err e;
    import_to(&m, FOLDERS "st-hub", "damage.tripod");
    size_t size = m.map.size, end = 0;
    const uint8_t *last = m.tensors[m.tensor_count - 1].data;
    end = (size_t)(last - m.map.data) + m.tensors[m.tensor_count - 1].bytes;
    uint8_t *copy = aligned_alloc(64, (size + 127) / 64 * 64);
    memcpy(copy, m.map.data, size);
    struct flat_model d;
    for (size_t i = 0; i < size; i = i == 255 ? end : i + 1) {
        if (i == end) i = (end + 63) / 64 * 64;
        copy[i] ^= 0x10;
        if (!flat_parse(&d, copy, size, "damaged", &e)) fail_msg("byte %zu", i);
        assert_memory_equal(e.text, "damaged: ", 9);
        /* Without its magic it is no such file; another version is not ours to judge. */
        assert_int_equal(e.kind, i < 12 ? ERR_INPUT : ERR_DAMAGED);
        copy[i] ^= 0x10;
    }
    for (size_t k = 0; k < m.tensor_count; k++) {
        const struct flat_tensor *t = &m.tensors[k];
        size_t at = (size_t)((const uint8_t *)t->data - m.map.data) + t->bytes - 1;
        copy[at] ^= 1;
        assert_int_equal(flat_parse(&d, copy, size, "damaged", &e), 0);
        assert_int_equal(flat_verify(&d, &e), -1);
        assert_non_null(strstr(e.text, t->name));
        assert_int_equal(e.kind, ERR_DAMAGED);
        flat_close(&d);
        copy[at] ^= 1;
    }
    for (size_t n = 0; n < size; n += n < 300 || n > size - 300 ? 1 : 97) {
        assert_int_equal(flat_parse(&d, copy, n, "cut", &e), -1);
        assert_int_equal(e.kind, n < 8 ? ERR_INPUT : ERR_DAMAGED);
    }
    assert_int_equal(flat_parse(&d, copy, size + 1, "longer", &e), -1);
    assert_int_equal(flat_parse(&d, copy, size, "whole", &e), 0);
    flat_close(&d);
    free(copy);
    flat_close(&m);
}

/* A folder that cannot be imported: what is wrong with it, for whoever has more of them to read. */
static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *from, *command; /* run in a copy of the folder */
        enum err_kind kind;
    } rows[] = {
        {"st-hub", "truncate -s -100 model.safetensors", ERR_DAMAGED},
        {"st-hub", "truncate -s 5 model.safetensors", ERR_DAMAGED},
        {"st-hub", ": >model.safetensors", ERR_DAMAGED},
        {"st-hub", ": >config.json", ERR_DAMAGED},
        {"st-hub-sharded", "truncate -s -9 model.safetensors.index.json", ERR_DAMAGED},
        {"st-hub-sharded", "truncate -s -8 model-00002-of-00003.safetensors", ERR_DAMAGED},
        {"st-hub-sharded", "rm model-00002-of-00003.safetensors", ERR_MISSING},
        {"st-hub", "rm model.safetensors", ERR_MISSING},
        {"st-hub", "rm config.json", ERR_MISSING},
        {"st-hub", "rm -r \"$PWD\"", ERR_MISSING},
        {"bad-missing", ":", ERR_INPUT},
        {"bad-shape", ":", ERR_INPUT},
        {"bad-act", ":", ERR_INPUT},
        {"bad-old-torch", ":", ERR_INPUT},
    };
    const struct import_options o = {.quiet = true};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *from = format_string(FOLDERS "%s", rows[i].from), *folder = in_scratch("kinds");
        char *command = format_string("cd '%s' && %s", folder, rows[i].command);
        char *out = in_scratch("kinds.tripod"), *clean = format_string("rm -rf '%s'", folder);
        struct err e = {.kind = ERR_SYSTEM};
        copy_folder(from, folder);
        assert_int_equal(system(command), 0);
        assert_int_equal(model_import(folder, out, &o, NULL, &e), -1);
        if (e.kind != rows[i].kind)
            fail_msg("%s: expected kind %d, found %d: %s", rows[i].command, rows[i].kind, e.kind,
                     e.text);
        assert_true(err_is_local(&e));
        assert_int_equal(system(clean), 0);
        free(from);
        free(folder);
        free(command);
        free(out);
        free(clean);
    }
}

static void identity(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        int64_t step;
    } rows[] = {
        {"/data/pythia-70m/step3000", "pythia-70m", 3000},
        {"/data/pythia-70m-step3000/", "pythia-70m", 3000},
        {"/data/pythia-1.4b-deduped/./step143000", "pythia-1.4b-deduped", 143000},
        {"/data/pythia-70m", "pythia-70m", -1},
        {"/data/tiny/step512", "tiny", 512},
        {"/data/tiny-step512", "tiny", 512},
        {"/data/tiny-step-size-step512", "tiny-step-size", 512},
        {"/data/my-model", "my-model", -1},
        {"/data/my-stepwise", "my-stepwise", -1},
        {"/hub/models--EleutherAI--pythia-160m/snapshots/0123abcd", "pythia-160m", -1},
        {"/hub/models--someone--odd--name/snapshots/0123abcd", "odd--name", -1},
    };
    char name[256];
    int64_t step;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        folder_identity(rows[i].path, name, &step);
        assert_string_equal(name, rows[i].name);
        assert_int_equal(step, rows[i].step);
    }
}

/* A folder's import is kept in it, used again, and made anew when a source has changed. */
static void cached(void **state)
{
    (void)state;
    char *folder = in_scratch("pythia-14m/step8"),
         *file = in_scratch("pythia-14m/step8/model.tripod");
    char *config = in_scratch("pythia-14m/step8/config.json"), *found;
    struct flat_model m;
    struct err e = {0};
    struct stat a, b;
    copy_folder(FOLDERS "st-hub", folder);
    if (model_open(&m, folder, &found, &e)) fail_msg("%s", e.text);
    assert_string_equal(found, folder);
    assert_string_equal(m.name, "pythia-14m");
    assert_int_equal(m.step, 8);
    assert_true(m.tokens_seen == 8.0 * 2097152);
    free(found);
    flat_close(&m);
    assert_int_equal(stat(file, &a), 0);
    assert_int_equal(model_open(&m, folder, NULL, &e), 0);
    flat_close(&m);
    assert_int_equal(stat(file, &b), 0);
    assert_true(a.st_ino == b.st_ino);
    /* Another config of the same length: other size or time is enough. */
    write_text(config, "{\"model_type\":\"gpt_neox\",\"hidden_size\":16,\"num_hidden_layers\":2,"
                       "\"num_attention_heads\":4,\"intermediate_size\":64,\"vocab_size\":200,"
                       "\"rotary_pct\":0.5}");
    if (model_open(&m, folder, NULL, &e)) fail_msg("%s", e.text);
    assert_int_equal(m.config.heads, 4);
    flat_close(&m);
    /* A damaged cache is replaced. */
    assert_int_equal(truncate(file, 1000), 0);
    if (model_open(&m, folder, NULL, &e)) fail_msg("%s", e.text);
    flat_close(&m);
    /* The flat file alone is enough. */
    char command[512];
    snprintf(command, sizeof command, "rm '%s'/*.json '%s'/*.safetensors", folder, folder);
    assert_int_equal(system(command), 0);
    if (model_open(&m, folder, NULL, &e)) fail_msg("%s", e.text);
    flat_close(&m);
    free(folder);
    free(file);
    free(config);
}

static void hub(void **state)
{
    (void)state;
    char *cache = in_scratch("hub"), *found;
    char *root = in_scratch("hub/models--EleutherAI--pythia-31m");
    char *snapshot = format_string("%s/snapshots/89ab", root),
         *refs = format_string("%s/refs", root);
    char *ref = format_string("%s/step2000", refs);
    struct flat_model m;
    struct err e = {0};
    copy_folder(FOLDERS "bin", snapshot);
    assert_int_equal(make_directories(refs, &e), 0);
    write_text(ref, "89ab\n");
    setenv("HF_HUB_CACHE", cache, 1);
    static const char *const names[] = {"EleutherAI/pythia-31m@step2000", "pythia-31m@step2000",
                                        "EleutherAI/pythia-31m@89ab"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (model_open(&m, names[i], &found, &e)) fail_msg("%s", e.text);
        assert_string_equal(found, snapshot);
        assert_string_equal(m.name, "pythia-31m");
        assert_int_equal(m.step, 2000);
        flat_close(&m);
        free(found);
    }
    assert_int_equal(model_open(&m, "EleutherAI/pythia-31m@step3000", NULL, &e), -1);
    assert_non_null(strstr(e.text, "hf download EleutherAI/pythia-31m --revision step3000"));
    assert_int_equal(e.kind, ERR_MISSING);
    assert_int_equal(model_open(&m, "EleutherAI/pythia-70m", NULL, &e), -1);
    assert_non_null(strstr(e.text, "hf download EleutherAI/pythia-70m"));
    assert_null(strstr(e.text, "--revision"));
    assert_int_equal(model_open(&m, "EleutherAI/pythia-31m@../../x", NULL, &e), -1);
    unsetenv("HF_HUB_CACHE");
    char *home = in_scratch("home");
    setenv("HF_HOME", home, 1);
    assert_int_equal(model_open(&m, "pythia-31m@step2000", NULL, &e), -1);
    assert_non_null(strstr(e.text, "home/hub"));
    unsetenv("HF_HOME");
    free(home);
    free(cache);
    free(root);
    free(snapshot);
    free(refs);
    free(ref);
}

static void tokenizer(void **state)
{
    (void)state;
    char *folder = in_scratch("family/size/step1"), *path = in_scratch("family/tokenizer.json");
    struct err e = {0};
    assert_int_equal(make_directories(folder, &e), 0);
    assert_null(model_tokenizer(folder));
    write_text(path, "{}");
    char *found = model_tokenizer(folder);
    assert_string_equal(found, path);
    free(found);
    free(folder);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements), cmocka_unit_test(forms),      cmocka_unit_test(header),
        cmocka_unit_test(joined),   cmocka_unit_test(neo_header), cmocka_unit_test(not_finite),
        cmocka_unit_test(damage),   cmocka_unit_test(kinds),      cmocka_unit_test(identity),
        cmocka_unit_test(cached),   cmocka_unit_test(hub),        cmocka_unit_test(tokenizer),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
