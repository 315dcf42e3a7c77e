/* The tokenizer against Hugging Face's: digests of generated strings' ids
 * (tests/golden/tokenizer_reference.py), and what a tokenizer.json may not ask for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/file.h"
#include "src/text/tokenizer.h"
#include "src/text/unicode.h"

#define GOLDEN "tests/golden/"
enum { BLOCK = 2048 };

/* --- the generator of tokenizer_reference.py --- */

static const struct {
    const char *name;
    uint32_t count;
} kinds[] = {{"points", 69632},    {"blocks", 17408}, {"marks", 16384}, {"spaces", 16384},
             {"fragments", 32768}, {"bytes", 8192},   {"long", 256}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const uint32_t marks[][2] = {
    {0x300, 112},  {0x300, 112}, {0x591, 55},  {0x610, 11}, {0x64B, 21},  {0x93C, 1},
    {0x9BE, 1},    {0xE31, 10},  {0xF71, 20},  {0x102E, 1}, {0x1161, 21}, {0x11A8, 27},
    {0x1DC0, 64},  {0x20D0, 33}, {0x302A, 6},  {0x3099, 2}, {0xFE20, 16}, {0x1D165, 14},
    {0x1E000, 43}, {0x1ABE, 20}, {0x11930, 1}, {0x16D67, 2}};
static const uint32_t bases[][2] = {{0x41, 58},      {0xC0, 64},    {0x391, 57},   {0x410, 64},
                                    {0x5D0, 27},     {0x621, 42},   {0x905, 53},   {0x1100, 19},
                                    {0xAC00, 11172}, {0x3041, 86},  {0x1E00, 256}, {0x1F00, 256},
                                    {0x11935, 4},    {0x105D2, 20}, {0x995, 40}};

static struct {
    char **text;
    size_t *bytes, count;
} fragments;

static uint64_t random_state;

static uint64_t next_random(void)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)((next_random() >> 32) * n >> 32);
}

static void put(struct bytes *out, const char *text)
{
    assert_int_equal(bytes_append(out, text, strlen(text)), 0);
}

static void put_point(struct bytes *out, uint32_t c)
{
    uint8_t utf8[4];
    size_t n = utf8_write(c < 0x110000 && !(c >= 0xD800 && c < 0xE000) ? c : 0xFFFD, utf8);
    assert_int_equal(bytes_append(out, utf8, n), 0);
}

static void generate(uint32_t kind, uint32_t i, struct bytes *out)
{
    static const char *const company[] = {"", " ", "a", "1", ".", "\n", "  ", "'"};
    static const char *const white[] = {"\n", "\t", "\r\n", "\n\n", "\xc2\xa0", "\xe3\x80\x80"};
    static const char *const between[] = {"a",  "foo",   "1",        "!",
                                          "'s", "x = 1", "\xc3\xa9", "\xcc\x81"};
    static const char *const units[] = {
        "a", "ab", "the", "1", "=-", "\xc3\xa9", "\xe4\xb8\xad\xe6\x96\x87"};
    static const char odd[] = "\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xf4\x90\xc0\xc2\xff\xe0\xef";
    random_state = (uint64_t)kind << 32 | i;
    out->count = 0;
    switch (kind) {
    case 0:
        for (uint32_t c = 16 * i; c < 16 * i + 16; c++) {
            put(out, company[below(8)]);
            put_point(out, c);
        }
        break;
    case 1:
        for (uint32_t n = 1 + below(24), base = i % 0x1100 * 256; n; n--) {
            if (below(6) == 0) put(out, " ");
            put_point(out, base + below(256));
        }
        break;
    case 2:
        for (uint32_t n = 1 + below(12); n; n--) {
            uint32_t k = below(8);
            const uint32_t *range = k < 3 ? bases[below(sizeof bases / sizeof *bases)]
                                          : marks[below(sizeof marks / sizeof *marks)];
            if (k == 7)
                put(out, " ");
            else
                put_point(out, range[0] + below(range[1]));
        }
        break;
    case 3:
        for (uint32_t n = 1 + below(8); n; n--) {
            uint32_t k = below(8);
            if (k < 4) {
                for (uint32_t m = 1 + below(60); m; m--) put(out, " ");
            } else if (k < 6) {
                const char *unit = white[below(6)];
                for (uint32_t m = 1 + below(3); m; m--) put(out, unit);
            } else {
                put(out, between[below(8)]);
            }
        }
        break;
    case 4:
        for (uint32_t n = 1 + below(16); n; n--) {
            size_t k = below((uint32_t)fragments.count);
            assert_int_equal(bytes_append(out, fragments.text[k], fragments.bytes[k]), 0);
        }
        break;
    case 5:
        for (uint32_t n = below(24); n; n--) {
            uint32_t k = below(4);
            char c = k < 2 ? odd[below(16)] : (char)(k == 2 ? below(256) : 0x20 + below(95));
            assert_int_equal(bytes_append(out, &c, 1), 0);
        }
        break;
    default: {
        const char *unit = units[below(7)];
        for (uint32_t n = 1 + below(1500); n; n--) {
            if (below(50)) {
                put(out, unit);
            } else {
                char c = (char)(0x61 + below(26));
                assert_int_equal(bytes_append(out, &c, 1), 0);
            }
        }
    }
    }
}

static int read_fragments(void **state)
{
    (void)state;
    FILE *f = fopen(GOLDEN "tokenizer_fragments.jsonl", "r");
    if (!f) return -1;
    char row[4096];
    while (fgets(row, sizeof row, f)) {
        json_t *v = json_loads(row, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        size_t n = fragments.count++;
        fragments.text = realloc(fragments.text, fragments.count * sizeof *fragments.text);
        fragments.bytes = realloc(fragments.bytes, fragments.count * sizeof *fragments.bytes);
        if (!json_is_string(v) || !fragments.text || !fragments.bytes) return -1;
        fragments.bytes[n] = json_string_length(v);
        fragments.text[n] = malloc(fragments.bytes[n] + 1);
        if (!fragments.text[n]) return -1;
        memcpy(fragments.text[n], json_string_value(v), fragments.bytes[n] + 1);
        json_decref(v);
    }
    fclose(f);
    return 0;
}

static int free_fragments(void **state)
{
    (void)state;
    for (size_t i = 0; i < fragments.count; i++) free(fragments.text[i]);
    free(fragments.text);
    free(fragments.bytes);
    return 0;
}

/* --- digests --- */

static void digest(uint64_t *d, uint64_t word)
{
    uint64_t v = (*d ^ word) * 0x9E3779B97F4A7C15u;
    *d = v ^ v >> 29;
}

/* Valid UTF-8 from any bytes. */
static void repaired(const struct bytes *in, struct bytes *out)
{
    out->count = 0;
    for (size_t at = 0, skip = 1; skip;) {
        size_t n = utf8_valid(in->data + at, in->count - at, &skip);
        assert_int_equal(bytes_append(out, in->data + at, n), 0);
        if (skip) put(out, "\xEF\xBF\xBD");
        at += n + skip;
    }
}

/* Digests of one block of strings, their ids and their decoding; also that every cut is
 * harmless. */
static void block_digests(const struct tokenizer *t, uint32_t kind, uint32_t block, uint64_t d[3])
{
    struct bytes text = {0}, raw = {0}, fixed = {0};
    struct ids ids = {0}, parts = {0};
    struct err e;
    for (int i = 0; i < 3; i++) d[i] = 0xCBF29CE484222325u;
    for (uint32_t i = block * BLOCK; i < (block + 1) * BLOCK && i < kinds[kind].count; i++) {
        generate(kind, i, &text);
        const char *p = text.count ? (const char *)text.data : "";
        uint64_t invalid = 0;
        ids.count = 0;
        assert_int_equal(tokenizer_encode(t, p, text.count, &ids, &invalid, &e), 0);
        size_t cut = tokenizer_cut(t, p, text.count);
        if (cut) {
            uint64_t apart = 0;
            parts.count = 0;
            assert_int_equal(tokenizer_encode(t, p, cut, &parts, &apart, &e), 0);
            assert_int_equal(tokenizer_encode(t, p + cut, text.count - cut, &parts, &apart, &e), 0);
            assert_int_equal(parts.count, ids.count);
            assert_memory_equal(parts.id, ids.id, ids.count * sizeof *ids.id);
            assert_int_equal(apart, invalid);
        }
        raw.count = 0;
        size_t n = tokenizer_decode(t, ids.id, ids.count, NULL, 0);
        assert_int_equal(bytes_reserve(&raw, n + 1), 0);
        raw.count = tokenizer_decode(t, ids.id, ids.count, (char *)raw.data, n);
        assert_int_equal(raw.count, n);
        repaired(&raw, &fixed);
        for (size_t k = 0; k < text.count; k++) digest(&d[0], text.data[k]);
        for (size_t k = 0; k < ids.count; k++) digest(&d[1], ids.id[k]);
        for (size_t k = 0; k < fixed.count; k++) digest(&d[2], fixed.data[k]);
        digest(&d[0], text.count + ((uint64_t)1 << 40));
        digest(&d[1], ids.count + ((uint64_t)1 << 40));
        digest(&d[2], fixed.count + ((uint64_t)1 << 40));
    }
    bytes_free(&text);
    bytes_free(&raw);
    bytes_free(&fixed);
    ids_free(&ids);
    ids_free(&parts);
}

/* Compares every line of the digests for one tokenizer. */
static void compare(const char *name, const char *path)
{
    struct err e;
    struct tokenizer *t;
    if (tokenizer_open(&t, path, &e)) fail_msg("%s", e.text);
    FILE *f = fopen(GOLDEN "tokenizer_digests.txt", "r");
    assert_non_null(f);
    char row[256], of[16], kind_name[16];
    unsigned long long expected[3];
    uint32_t block;
    size_t strings = 0;
    while (fgets(row, sizeof row, f)) {
        if (sscanf(row, "%15s %15s %u %llx %llx %llx", of, kind_name, &block, &expected[0],
                   &expected[1], &expected[2]) != 6)
            fail_msg("tokenizer_digests.txt: %s", row);
        if (strcmp(of, name)) continue;
        uint32_t kind = 0;
        while (kind < KINDS && strcmp(kinds[kind].name, kind_name)) kind++;
        assert_in_range(kind, 0, KINDS - 1);
        uint64_t d[3];
        block_digests(t, kind, block, d);
        static const char *const what[] = {"the strings themselves", "ids", "decoded text"};
        for (int i = 0; i < 3; i++) {
            if (d[i] != expected[i])
                fail_msg("%s: %s, block %u: %s differ", name, kind_name, block, what[i]);
        }
        uint32_t left = kinds[kind].count - block * BLOCK;
        strings += left < BLOCK ? left : BLOCK;
    }
    fclose(f);
    tokenizer_close(t);
    printf("%s: %zu strings have the ids of Hugging Face tokenizers\n", name, strings);
    assert_true(strings >= 100000);
}

static void ids_small(void **state)
{
    (void)state;
    compare("small", GOLDEN "tokenizer_small.json");
}

static void ids_odd(void **state)
{
    (void)state;
    compare("odd", GOLDEN "tokenizer_odd.json");
}

static void ids_gpt2(void **state)
{
    (void)state;
    compare("gpt2", GOLDEN "tokenizer_gpt2.json");
}

/* 20B_tokenizer.json is not ours to commit: looked for beside the checkout. */
static char *find_20b(void)
{
    const char *shared = getenv("TRIPOD_SHARED");
    const char *const places[] = {shared ? shared : "../shared", "../../shared"};
    for (size_t i = 0; i < 2; i++) {
        char *path = format_string("%s/data/20B_tokenizer.json", places[i]);
        if (path && file_exists(path)) return path;
        free(path);
    }
    return NULL;
}

static void ids_20b(void **state)
{
    (void)state;
    char *path = find_20b();
    if (!path) {
        printf("SKIP ids_20b: no ../shared/data/20B_tokenizer.json (TRIPOD_SHARED names another "
               "folder)\n");
        skip();
    }
    compare("20B", path);
    struct tokenizer *t;
    struct err e;
    struct ids ids = {0};
    assert_int_equal(tokenizer_open(&t, path, &e), 0);
    assert_int_equal(tokenizer_size(t), 50277);
    assert_int_equal(tokenizer_added(t, "<|endoftext|>"), 0);
    assert_int_equal(tokenizer_added(t, "the"), -1);
    static const char text[] = "  foo\n\n<|endoftext|> the\t";
    assert_int_equal(tokenizer_encode(t, text, sizeof text - 1, &ids, NULL, &e), 0);
    static const uint32_t expected[] = {50276, 12110, 535, 0, 253, 186};
    assert_int_equal(ids.count, 6);
    assert_memory_equal(ids.id, expected, sizeof expected);
    size_t n;
    assert_memory_equal(tokenizer_bytes(t, 253, &n), " the", 4);
    assert_int_equal(n, 4);
    assert_null(tokenizer_bytes(t, 50277, &n));
    ids_free(&ids);
    tokenizer_close(t);
    free(path);
}

/* --- single facts --- */

static void invalid_utf8_is_counted(void **state)
{
    (void)state;
    /* Text, replacements: Unicode 3.9 and Python's errors="replace". */
    static const struct {
        const char *text;
        uint64_t count;
    } cases[] = {{"a", 0},
                 {"\xe2\x82", 1},
                 {"\xe2\x82x", 1},
                 {"\xf0\x9f\x98", 1},
                 {"\xed\xa0\x80", 3},
                 {"\xc0\x80", 2},
                 {"\xf4\x90\x80\x80", 4},
                 {"\xff\xfe", 2},
                 {"\x80", 1},
                 {"\xe2\x82\xac", 0},
                 {"\xe2\xe2\x82", 2}};
    struct tokenizer *t;
    struct err e;
    struct ids ids = {0};
    assert_int_equal(tokenizer_open(&t, GOLDEN "tokenizer_small.json", &e), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t invalid = 0;
        ids.count = 0;
        assert_int_equal(
            tokenizer_encode(t, cases[i].text, strlen(cases[i].text), &ids, &invalid, &e), 0);
        assert_int_equal(invalid, cases[i].count);
    }
    ids_free(&ids);
    tokenizer_close(t);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A word of a megabyte must not cost the square of it: marks in reverse order, one letter, no place
 * to cut. */
static void long_words_are_cheap(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const char *const units[] = {"a", "\xcc\x95\xcc\xb4", "1", "ab", "\n"};
    struct tokenizer *t;
    struct err e;
    char *text = malloc(N);
    assert_non_null(text);
    assert_int_equal(tokenizer_open(&t, GOLDEN "tokenizer_odd.json", &e), 0);
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        struct ids ids = {0};
        size_t n = strlen(units[k]);
        for (size_t i = 0; i < N; i++) text[i] = units[k][i % n];
        double start = cpu_seconds();
        assert_int_equal(tokenizer_encode(t, text, N, &ids, NULL, &e), 0);
        double seconds = cpu_seconds() - start;
        if (seconds > 20) fail_msg("1 MB of '%s' took %.1f s", units[k], seconds);
        ids_free(&ids);
    }
    tokenizer_close(t);
    free(text);
}

/* A tokenizer.json of two letters with PIECE in place of what stands between the markers. */
static void refuses(const char *key, const char *value, const char *message)
{
    static const char *const parts[][2] = {
        {"truncation", "null"},
        {"padding", "null"},
        {"added_tokens", "[]"},
        {"normalizer", "null"},
        {"pre_tokenizer", "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"},
        {"post_processor", "null"},
        {"decoder", "{\"type\": \"ByteLevel\"}"},
        {"model",
         "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]}"}};
    struct bytes json = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        put(&json, i ? ", \"" : "{\"");
        put(&json, parts[i][0]);
        put(&json, "\": ");
        put(&json, key && !strcmp(key, parts[i][0]) ? value : parts[i][1]);
    }
    put(&json, "}");
    struct tokenizer *t;
    struct err e = {0};
    int status = tokenizer_parse(&t, (const char *)json.data, json.count, "T", &e);
    if (!message) {
        if (status) fail_msg("%s = %s: %s", key ? key : "", value ? value : "", e.text);
        tokenizer_close(t);
    } else if (!status || strncmp(e.text, "T: ", 3) || !strstr(e.text, message)) {
        fail_msg("%s = %s: expected '%s', found '%s'", key, value, message,
                 status ? e.text : "success");
    }
    bytes_free(&json);
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    (void)state;
    refuses(NULL, NULL, NULL);
    refuses("normalizer", "{\"type\": \"NFC\"}", NULL);
    refuses("normalizer", "{\"type\": \"Sequence\", \"normalizers\": []}", NULL);
    refuses("normalizer", "{\"type\": \"NFKC\"}", "normalizer: expected NFC or null, found NFKC");
    refuses("normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}]}",
            "Lowercase");
    refuses("pre_tokenizer", "null", "pre_tokenizer: expected ByteLevel, found nothing");
    refuses("pre_tokenizer", "{\"type\": \"Whitespace\"}", "expected ByteLevel, found Whitespace");
    refuses("pre_tokenizer", "{\"type\": \"ByteLevel\", \"use_regex\": 3}",
            "use_regex: expected true or false");
    refuses("pre_tokenizer",
            "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\"}, {\"type\": "
            "\"ByteLevel\"}]}",
            "Digits");
    refuses("post_processor", "{\"type\": \"ByteLevel\"}", NULL);
    refuses("post_processor",
            "{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\"}}]}",
            NULL);
    refuses("post_processor",
            "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {}}, "
            "{\"Sequence\": {}}]}",
            "TemplateProcessing that adds tokens");
    refuses("post_processor", "{\"type\": \"BertProcessing\"}", "BertProcessing");
    refuses("decoder", "{\"type\": \"WordPiece\"}", "decoder: expected ByteLevel, found WordPiece");
    refuses("truncation", "{\"max_length\": 5}", "truncation: expected null");
    refuses("padding", "{}", "padding: expected null");
    refuses("model", "{\"type\": \"Unigram\"}", "model: expected BPE, found Unigram");
    refuses("model", "null", "expected an object 'model'");
    refuses("model", "{\"vocab\": [], \"merges\": []}", "model.vocab: expected an object");
    refuses("model", "{\"vocab\": {}, \"merges\": []}", "no tokens");
    refuses("model", "{\"vocab\": {\"a\": -1}, \"merges\": []}", "'a': expected an id");
    refuses("model", "{\"vocab\": {\"a\": 4000000000}, \"merges\": []}", "'a': expected an id");
    refuses("model", "{\"vocab\": {\"a\": 1, \"b\": 1}, \"merges\": []}",
            "id 1 stands for another token");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}",
            "merges[0]: 'b' is not in the vocabulary");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}",
            "merges[0]: 'aa' is not in the vocabulary");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [\"aa\"]}",
            "merges[0]: expected two tokens");
    refuses("model", "{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [[\"a\", \"a\"], \"a a\"]}",
            "merges[1]");
    refuses("model", "{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [[\"a\", \"a\"]]}", NULL);
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": 0.1}", "model.dropout");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [], \"byte_fallback\": true}",
            "model.byte_fallback");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [], \"ignore_merges\": true}",
            "model.ignore_merges");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [], \"unk_token\": \"a\"}",
            "model.unk_token");
    refuses("model", "{\"vocab\": {\"a\": 0}, \"merges\": [], \"end_of_word_suffix\": \"x\"}",
            "end_of_word_suffix");
    refuses("added_tokens", "[{\"id\": 3, \"content\": \"x\"}]", NULL);
    refuses("added_tokens", "[{\"id\": 4, \"content\": \"x\"}]",
            "added_tokens[0] ('x'): expected id 3, found 4");
    refuses("added_tokens", "[{\"id\": 1, \"content\": \"x\"}]", "expected id 3, found 1");
    refuses("added_tokens", "[{\"id\": 3, \"content\": \"x\", \"lstrip\": true}]",
            "lstrip is not supported");
    refuses("added_tokens", "[{\"id\": 3, \"content\": \"x\", \"single_word\": true}]",
            "single_word is not supported");
    refuses("added_tokens", "[{\"id\": 3}]", "expected an id and a content");
    refuses("added_tokens", "{}", "added_tokens: expected an array");
    struct tokenizer *t;
    struct err e;
    assert_int_equal(tokenizer_parse(&t, "{", 1, "T", &e), -1);
    assert_non_null(strstr(e.text, "T: not a tokenizer.json: line 1"));
    assert_int_equal(tokenizer_open(&t, "/nonexistent/tokenizer.json", &e), -1);
    assert_int_equal(tokenizer_open(&t, "/dev/null", &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_small),
        cmocka_unit_test(ids_gpt2),
        cmocka_unit_test(ids_odd),
        cmocka_unit_test(ids_20b),
        cmocka_unit_test(invalid_utf8_is_counted),
        cmocka_unit_test(long_words_are_cheap),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, read_fragments, free_fragments);
}
