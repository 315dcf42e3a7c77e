/* Tokenised corpora: written and read back, every integer type, damaged indexes; JSON lines; words.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "src/text/corpus.h"
#include "src/base/file.h"
#include "src/text/json_line.h"
#include "src/text/source.h"

static char folder[] = "/tmp/tripod-corpus-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* every test removes what it wrote */
}

static char *name(const char *suffix)
{
    char *s = format_string("%s/%s", folder, suffix);
    assert_non_null(s);
    return s;
}

static void write_file(const char *suffix, const void *data, size_t bytes)
{
    struct out o;
    struct err e;
    char *path = name(suffix);
    assert_int_equal(out_open(&o, path, &e), 0);
    assert_int_equal(out_write(&o, data, bytes, &e), 0);
    assert_int_equal(out_commit(&o, &e), 0);
    free(path);
}

static void remove_file(const char *suffix)
{
    char *path = name(suffix);
    unlink(path);
    free(path);
}

static void round_trip(size_t vocabulary, int type)
{
    enum { DOCUMENTS = 5000 };
    struct corpus_writer w;
    struct corpus c;
    struct err e;
    char *prefix = name("P"), *idx = name("P.idx");
    uint32_t ids[300], back[300];
    assert_int_equal(corpus_writer_open(&w, prefix, vocabulary, &e), 0);
    assert_false(corpus_exists(prefix));
    uint64_t tokens = 0;
    for (uint32_t d = 0; d < DOCUMENTS; d++) {
        uint32_t n = d * 7919 % 300;
        for (uint32_t i = 0; i < n; i++) ids[i] = (uint32_t)((d * 31 + i * 65537ull) % vocabulary);
        assert_int_equal(corpus_writer_add(&w, ids, n / 2, &e), 0);
        assert_int_equal(corpus_writer_add(&w, ids + n / 2, n - n / 2, &e), 0);
        assert_int_equal(corpus_writer_end(&w, &e), 0);
        tokens += n;
    }
    assert_int_equal(w.documents, DOCUMENTS);
    assert_int_equal(w.tokens, tokens);
    uint64_t hash = corpus_writer_hash(&w), again;
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_true(corpus_exists(prefix) && corpus_exists(idx));
    if (corpus_open(&c, idx, &e)) fail_msg("%s", e.text);
    assert_int_equal(c.documents, DOCUMENTS);
    assert_int_equal(c.tokens, tokens);
    assert_int_equal(c.type, type);
    for (uint32_t d = 0; d < DOCUMENTS; d++) {
        uint32_t n = d * 7919 % 300;
        assert_int_equal(corpus_length(&c, d), n);
        assert_int_equal(corpus_read(&c, d, 0, n, back, &e), 0);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(back[i], (d * 31 + i * 65537ull) % vocabulary);
        if (n < 10) continue;
        assert_int_equal(corpus_read(&c, d, n - 7, 7, ids, &e), 0);
        assert_memory_equal(ids, back + n - 7, 7 * sizeof *ids);
        assert_int_equal(corpus_read(&c, d, n - 7, 8, ids, &e), -1);
        assert_int_equal(corpus_read(&c, d, SIZE_MAX, 2, ids, &e), -1);
    }
    assert_int_equal(corpus_read(&c, DOCUMENTS, 0, 0, ids, &e), -1);
    assert_int_equal(corpus_hash(&c, c.documents, &again, &e), 0);
    assert_true(again == hash);
    c.limit = 20;
    assert_int_equal(
        corpus_read(&c, 1, 0, 299 < corpus_length(&c, 1) ? 299 : corpus_length(&c, 1), back, &e),
        -1);
    assert_non_null(strstr(e.text, "P.bin: document 1, token "));
    corpus_close(&c);
    remove_file("P.bin");
    remove_file("P.idx");
    free(prefix);
    free(idx);
}

static void written_and_read_back(void **state)
{
    (void)state;
    round_trip(65536, 8);
    round_trip(65537, 4);
}

/* An index made by hand. */
struct index {
    uint8_t type;
    uint64_t version, n, m;
    int32_t sizes[8];
    int64_t pointers[8], groups[9];
};

static void write_index(const struct index *x, const char *suffix, size_t cut)
{
    uint8_t data[1024] = "MMIDIDX";
    size_t at = 34, n = x->n < 8 ? (size_t)x->n : 8, m = x->m < 9 ? (size_t)x->m : 9;
    memcpy(data + 9, &x->version, 8);
    data[17] = x->type;
    memcpy(data + 18, &x->n, 8);
    memcpy(data + 26, &x->m, 8);
    memcpy(data + at, x->sizes, 4 * n);
    at += 4 * n;
    memcpy(data + at, x->pointers, 8 * n);
    at += 8 * n;
    memcpy(data + at, x->groups, 8 * m);
    at += 8 * m;
    write_file(suffix, data, at - cut);
}

static void every_integer_type(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        size_t width;
    } types[] = {{1, 1}, {2, 1}, {3, 2}, {4, 4}, {5, 8}, {8, 2}};
    struct err e;
    struct corpus c;
    char *prefix = name("Q");
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        size_t w = types[k].width;
        struct index x = {.type = types[k].type,
                          .version = 1,
                          .n = 2,
                          .m = 3,
                          .sizes = {3, 2},
                          .pointers = {0, (int64_t)(3 * w)},
                          .groups = {0, 1, 2}};
        uint8_t bin[64] = {0};
        for (size_t i = 0; i < 5; i++) bin[i * w] = (uint8_t)(10 + i);
        memset(bin + 4 * w, 0xFF, w); /* -1, or the largest */
        write_index(&x, "Q.idx", 0);
        write_file("Q.bin", bin, 5 * w);
        if (corpus_open(&c, prefix, &e)) fail_msg("%s", e.text);
        uint32_t ids[3];
        assert_int_equal(corpus_read(&c, 0, 0, 3, ids, &e), 0);
        assert_int_equal(ids[2], 12);
        int status = corpus_read(&c, 1, 0, 2, ids, &e);
        if (types[k].type == 1 || types[k].type == 8) {
            assert_int_equal(status, 0);
            assert_int_equal(ids[1], w == 1 ? 255 : 65535);
        } else {
            assert_int_equal(status, -1);
            assert_non_null(
                strstr(e.text, "document 1, token 1: expected an id below 4294967295, found -1"));
        }
        corpus_close(&c);
    }
    remove_file("Q.bin");
    remove_file("Q.idx");
    free(prefix);
}

static void shards_are_one(void **state)
{
    (void)state;
    struct err e;
    struct corpus c;
    struct index x = {.type = 8,
                      .version = 1,
                      .n = 2,
                      .m = 3,
                      .sizes = {3, 2},
                      .pointers = {0, 6},
                      .groups = {0, 1, 2}};
    static const uint8_t bin[10] = {1, 0, 2, 0, 3, 0, 4, 0, 5, 0};
    char *prefix = name("S");
    write_index(&x, "S.idx", 0);
    write_file("S-00000-of-00002.bin", bin, 3); /* cut in the middle of a token */
    write_file("S-00001-of-00002.bin", bin + 3, 5);
    write_file("S-00002-of-00002.bin", bin + 8, 2);
    if (corpus_open(&c, prefix, &e)) fail_msg("%s", e.text);
    uint32_t ids[3];
    assert_int_equal(corpus_read(&c, 0, 0, 3, ids, &e), 0);
    assert_true(ids[0] == 1 && ids[1] == 2 && ids[2] == 3);
    assert_int_equal(corpus_read(&c, 1, 0, 2, ids, &e), 0);
    assert_true(ids[0] == 4 && ids[1] == 5);
    corpus_close(&c);
    remove_file("S-00001-of-00002.bin");
    assert_int_equal(corpus_open(&c, prefix, &e), -1);
    assert_non_null(strstr(e.text, "expected 2 or 3 shards, found 1"));
    assert_int_equal(e.kind, ERR_DAMAGED);
    remove_file("S-00000-of-00002.bin");
    remove_file("S-00002-of-00002.bin");
    remove_file("S.idx");
    free(prefix);
}

static void damaged_indexes(void **state)
{
    (void)state;
    const struct index good = {.type = 8,
                               .version = 1,
                               .n = 2,
                               .m = 3,
                               .sizes = {3, 2},
                               .pointers = {0, 6},
                               .groups = {0, 1, 2}};
    struct err e;
    struct corpus c;
    char *prefix = name("D");
    uint8_t bin[10] = {0};
    for (int k = 0;; k++) {
        struct index x = good;
        size_t cut = 0;
        const char *message;
        switch (k) {
        case 0:
            x.version = 2;
            message = "version: expected 1, found 2";
            break;
        case 1:
            x.type = 6;
            message = "floating point";
            break;
        case 2:
            x.type = 9;
            message = "expected an integer type";
            break;
        case 3:
            x.n = UINT64_MAX / 12 + 2;
            message = "do not make";
            break;
        case 4:
            x.m = UINT64_MAX / 8 + 4;
            message = "do not make";
            break;
        case 5:
            cut = 1;
            message = "cut short";
            break;
        case 6:
            cut = 24 + 24 + 1;
            message = "cut short";
            break;
        case 7:
            cut = 24 + 24 + 34 - 20;
            message = "cut short: expected 34 bytes of header, found 20";
            break;
        case 8:
            x.sizes[1] = -1;
            message = "sequence 1: expected a length, found -1";
            break;
        case 9:
            x.sizes[1] = 3;
            message = "sequence 1: 3 tokens at byte 6 do not fit";
            break;
        case 10:
            x.pointers[1] = -2;
            message = "sequence 1";
            break;
        case 11:
            x.pointers[0] = INT64_MAX;
            message = "sequence 0";
            break;
        case 12:
            x.groups[1] = 3;
            message = "document list[1]";
            break;
        case 13:
            x.groups[1] = 2;
            x.groups[2] = 1;
            message = "document list[2]";
            break;
        case 14:
            x.groups[0] = -1;
            message = "document list[0]";
            break;
        default:
            message = NULL;
        }
        if (!message) break;
        write_index(&x, "D.idx", cut);
        write_file("D.bin", bin, sizeof bin);
        assert_int_equal(corpus_open(&c, prefix, &e), -1);
        if (!strstr(e.text, message))
            fail_msg("case %d: expected '%s', found '%s'", k, message, e.text);
        assert_non_null(strstr(e.text, "D.idx: "));
        bool other = strstr(e.text, ": version:") || strstr(e.text, ": type of tokens:");
        assert_int_equal(e.kind, other ? ERR_INPUT : ERR_DAMAGED);
    }
    write_file("D.idx", "{\"not\": \"an index\"}", 19);
    assert_int_equal(corpus_open(&c, prefix, &e), -1);
    assert_non_null(strstr(e.text, "not an index of tokens"));
    assert_int_equal(e.kind, ERR_INPUT);
    write_index(&good, "D.idx", 0);
    remove_file("D.bin");
    assert_int_equal(corpus_open(&c, prefix, &e), -1);
    assert_non_null(strstr(e.text, "D.bin: cannot open"));
    assert_int_equal(e.kind, ERR_MISSING);
    remove_file("D.idx");
    free(prefix);
}

static void a_file_that_shrinks_is_an_error(void **state)
{
    (void)state;
    struct corpus_writer w;
    struct corpus c;
    struct err e;
    static uint32_t ids[20000];
    char *prefix = name("H"), *bin = name("H.bin");
    assert_int_equal(corpus_writer_open(&w, prefix, 10, &e), 0);
    assert_int_equal(corpus_writer_add(&w, ids, 20000, &e), 0);
    assert_int_equal(corpus_writer_end(&w, &e), 0);
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_int_equal(corpus_open(&c, prefix, &e), 0);
    assert_int_equal(truncate(bin, 5001), 0);
    assert_int_equal(corpus_read(&c, 0, 0, 2500, ids, &e), 0);
    assert_int_equal(corpus_read(&c, 0, 0, 2501, ids, &e), -1);
    assert_non_null(strstr(e.text, "H.bin: cut short: it had 40000 bytes"));
    assert_int_equal(e.kind, ERR_DAMAGED);
    corpus_close(&c);
    remove_file("H.bin");
    remove_file("H.idx");
    free(prefix);
    free(bin);
}

static void nothing_is_left_of_a_corpus_given_up(void **state)
{
    (void)state;
    struct corpus_writer w;
    struct err e;
    uint32_t ids[3] = {1, 2, 3};
    char *prefix = name("G"), *bad = name("no/such/folder/G");
    assert_int_equal(corpus_writer_open(&w, prefix, 10, &e), 0);
    assert_int_equal(corpus_writer_add(&w, ids, 3, &e), 0);
    corpus_writer_abort(&w);
    assert_int_equal(corpus_writer_open(&w, bad, 10, &e), -1);
    assert_non_null(strstr(e.text, "no/such/folder/G.bin: cannot write"));
    free(prefix);
    free(bad);
}

/* Reads all of a file made of the first BYTES of what zstd makes of a text, one byte of it changed at
 * CHANGED if that is inside. */
static int read_zstd(size_t bytes, size_t changed, struct err *e)
{
    static uint8_t text[5000], packed[8192], out[1000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)('a' + i * i % 23);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(c, packed, sizeof packed, text, sizeof text);
    ZSTD_freeCCtx(c);
    assert_false(ZSTD_isError(n));
    assert_true(n > 40);
    if (bytes > n) bytes = n;
    if (changed < bytes) packed[changed] ^= 0x41;
    write_file("z.zst", packed, bytes);
    char *path = name("z.zst");
    struct source s;
    size_t got = 1;
    int status = source_open(&s, path, e);
    assert_int_equal(status, 0);
    while (!status && got) status = source_read(&s, out, sizeof out, &got, e);
    source_close(&s);
    remove_file("z.zst");
    free(path);
    return status;
}

static void damaged_zstd(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(read_zstd(SIZE_MAX, SIZE_MAX, &e), 0);
    for (size_t bytes = 5; bytes < 40; bytes += 7) {
        assert_int_equal(read_zstd(bytes, SIZE_MAX, &e), -1);
        assert_non_null(strstr(e.text, "z.zst: zstd data cut short after "));
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
    for (size_t changed = 10; changed < 40; changed += 5) {
        assert_int_equal(read_zstd(SIZE_MAX, changed, &e), -1);
        assert_non_null(strstr(e.text, "z.zst: zstd"));
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
    write_file("z.zst", "plain", 5);
    char *path = name("z.zst");
    struct source s;
    assert_int_equal(source_open(&s, path, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT); /* a file of another kind */
    remove_file("z.zst");
    assert_int_equal(source_open(&s, path, &e), -1);
    assert_int_equal(e.kind, ERR_MISSING);
    free(path);
}

static void json_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *expected; /* expected: the text, or what the message holds after a '!' */
        int invalid;
    } cases[] = {
        {"{\"text\": \"abc\"}", "abc", 0},
        {" {\"a\":[1,-2.5e+3,{\"text\":\"no\"},[],{}],\"text\":\"x\",\"z\":null} ", "x", 0},
        {"{\"text\": \"\"}", "", 0},
        {"{\"text\": \"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"}", "a\n\t\"\\/\b\f\r", 0},
        {"{\"text\": \"\\u00e9\\u4e2d\\ud83d\\ude00\"}", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 0},
        {"{\"text\": \"\\ud83dx\"}", "\xef\xbf\xbdx", 1},
        {"{\"text\": \"\\ude00\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80",
         2},
        {"{\"text\": \"first\", \"text\": \"last\"}", "last", 0},
        {"{\"te\\u0078t\": \"escaped key\"}", "escaped key", 0},
        {"{\"score\": NaN, \"b\": -Infinity, \"text\": \"y\"}", "y", 0},
        {"{\"text\": \"raw \xff bytes\"}", "raw \xff bytes", 0},
        {"{\"body\": \"abc\"}", "!no field 'text'", 0},
        {"{}", "!no field 'text'", 0},
        {"{\"text\": 3}", "!field 'text': expected a string, found a number", 0},
        {"{\"text\": null}", "!expected a string, found null", 0},
        {"{\"text\": [\"a\"]}", "!expected a string, found an array", 0},
        {"[\"text\"]", "!column 1: not JSON: expected an object", 0},
        {"", "!column 1", 0},
        {"text", "!column 1", 0},
        {"{\"text\": \"abc\"", "!column 15: not JSON: expected ',' or '}', found the end", 0},
        {"{\"text\": \"abc", "!column 14: not JSON: expected the end of a string, found the end",
         0},
        {"{\"text\": \"abc\"} x", "!column 17: not JSON: expected nothing after the object", 0},
        {"{\"text\": \"a\\q\"}", "!expected an escape", 0},
        {"{\"text\": \"a\\u12g4\"}", "!four hexadecimal digits", 0},
        {"{\"text\": \"a\tb\"}", "!control character", 0},
        {"{\"text\" \"a\"}", "!expected ':'", 0},
        {"{\"text\": \"a\",}", "!expected a string", 0},
        {"{\"a\": 01, \"text\": \"a\"}", "!expected ',' or '}'", 0},
        {"{\"a\": 1., \"text\": \"a\"}", "!expected a digit", 0},
        {"{\"a\": [1 2], \"text\": \"a\"}", "!expected ',' or ']'", 0},
        {"{\"a\": [1,], \"text\": \"a\"}", "!expected a value", 0},
        {"{\"a\": {\"b\":1]}, \"text\": \"a\"}", "!expected ',' or '}'", 0},
        {"{\"a\": tru, \"text\": \"a\"}", "!expected a value", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes out = {0};
        struct err e = {0};
        uint64_t invalid = 0;
        const char *expected = cases[i].expected;
        int status = json_line_field((const uint8_t *)cases[i].line, strlen(cases[i].line), "text",
                                     &out, &invalid, &e);
        if (*expected == '!') {
            if (!status || !strstr(e.text, expected + 1))
                fail_msg("%s: expected '%s', found '%s'", cases[i].line, expected + 1,
                         status ? e.text : "success");
        } else {
            if (status) fail_msg("%s: %s", cases[i].line, e.text);
            assert_int_equal(out.count, strlen(expected));
            assert_true(!out.count || !memcmp(out.data, expected, out.count));
            assert_int_equal(invalid, cases[i].invalid);
        }
        bytes_free(&out);
    }
    /* Nesting is bounded, and costs no stack. */
    char *deep = malloc(100000);
    struct bytes out = {0};
    struct err e;
    uint64_t invalid = 0;
    assert_non_null(deep);
    memset(deep, '[', 100000);
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(json_line_field((const uint8_t *)deep, 100000, "text", &out, &invalid, &e),
                     -1);
    assert_non_null(strstr(e.text, "512 levels"));
    free(deep);
    bytes_free(&out);
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t words;
    } cases[] = {{"", 0},
                 {" \n", 0},
                 {"a", 1},
                 {" a b\tc\n", 3},
                 {"caf\xc3\xa9 noir", 2},
                 {"a\xc2\xa0"
                  "b",
                  2},
                 {"a\xe3\x80\x80"
                  "b\xe2\x80\x89",
                  2},
                 {"\xe2\x80\x94", 1},
                 {"\xe2\x80", 1},
                 {"a\xc2\x85\xc2\x85", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(count_words((const uint8_t *)cases[i].text, strlen(cases[i].text)),
                         cases[i].words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(every_integer_type),
        cmocka_unit_test(shards_are_one),
        cmocka_unit_test(damaged_indexes),
        cmocka_unit_test(a_file_that_shrinks_is_an_error),
        cmocka_unit_test(nothing_is_left_of_a_corpus_given_up),
        cmocka_unit_test(damaged_zstd),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
