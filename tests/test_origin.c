/* Unit tests of what is known of a text and its corpus: P.json read back, files that change while they
 * are read, bytes and words of the predicted text. tests/cli/corpus.sh has the rest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/rng.h"
#include "src/scan/text_counts.h"
#include "src/text/known.h"
#include "src/text/tokenize.h"
#include "tests/scratch.h"

static char *name(const char *suffix)
{
    return format_string("%s/%s", scratch, suffix);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void files_that_change_are_errors(void **state)
{
    (void)state;
    char *path = name("text");
    for (int change = 0; change < 4; change++) {
        struct source s;
        struct err e;
        uint8_t text[100];
        char stamp[SOURCE_STAMP];
        size_t got = 1;
        write_file(path, "some text");
        assert_int_equal(source_open(&s, path, &e), 0);
        /* Two writes may fall on the same tick of the file system's clock. */
        struct timespec times[2] = {s.before.st_atim, s.before.st_mtim};
        if (change == 1) times[1].tv_nsec ^= 1;
        while (got) assert_int_equal(source_read(&s, text, sizeof text, &got, &e), 0);
        FILE *f = change == 3 ? NULL : fopen(path, change == 0 ? "ab" : "r+b");
        if (change == 0) fputs("more", f);
        if (change == 1) fputs("SOME", f);
        if (change == 2) assert_int_equal(ftruncate(fileno(f), 5), 0);
        if (f) fclose(f);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        assert_int_equal(source_unchanged(&s, stamp, &e), change == 3 ? 0 : -1);
        if (change != 3) assert_non_null(strstr(e.text, "text: changed while it was read"));
        source_close(&s);
    }
    free(path);
}

/* Two files of the same text, one of them with something to replace. */
static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct tokenizer *t;
    struct tokenize_stats s;
    struct origin r;
    struct err e;
    char *a = name("a.txt"), *b = name("b.jsonl"), *prefix = name("o"), *json = name("o.json");
    char *const paths[] = {a, b};
    write_file(a, "one two \xff three");
    write_file(b, "{\"x\": \"four\"}\n{\"x\": \"\"}\n{\"x\": \"\\ud800\"}\n");
    if (tokenizer_open(&t, "tests/golden/tokenizer_small.json", &e)) fail_msg("%s", e.text);
    const struct tokenize_options o = {.field = "x"};
    if (tokenize_files(paths, 2, t, prefix, &o, &s, &e)) fail_msg("%s", e.text);
    if (origin_read(&r, json, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.files, 2);
    assert_true(r.tokenizer_hash == tokenizer_hash(t) && r.stats.corpus_hash == s.corpus_hash);
    assert_true(r.stats.documents == 4 && r.stats.empty_documents == 1 && r.stats.words == s.words);
    assert_true(r.stats.bytes == s.bytes && r.stats.tokens == s.tokens && r.stats.invalid == 2);
    assert_true(r.stats.longest == s.longest && r.stats.read_bytes == s.read_bytes);
    assert_string_equal(r.field, "x");
    assert_null(r.append);
    for (size_t i = 0; i < 2; i++) {
        const struct text_file *x = &r.stats.files[i], *y = &s.files[i];
        assert_true(x->bytes == y->bytes && x->hash == y->hash && x->documents == y->documents);
        assert_true(x->jsonl == (i == 1) && !x->zstd && x->whole);
        assert_string_equal(x->stamp, y->stamp);
        assert_true(x->replaced.count == 1 && x->replaced.line == (i ? 3 : 0));
        assert_int_equal(x->replaced.byte, i ? 0 : 8);
    }
    origin_free(&r);
    free(s.files);
    tokenizer_close(t);
    free(a);
    free(b);
    free(prefix);
    free(json);
}

/* A good P.json, each field in turn taken out or made wrong. */
static void damaged_records(void **state)
{
    (void)state;
    static const char *const keys[] = {"documents", "empty_documents", "bytes",   "words",
                                       "tokens",    "invalid_utf8",    "longest", "corpus_hash",
                                       "tokenizer", "sources",         "field",   "append"};
    static const char *const wrong[] = {
        "-1", "1.5", "\"0123\"", "{}", "[3]", "[{\"format\": 3}]", "false", NULL};
    struct origin r;
    struct err e;
    char *path = name("o.json"), *bad = name("bad.json");
    json_t *good = json_load_file(path, 0, NULL);
    assert_non_null(good);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            json_t *o = json_deep_copy(good);
            if (wrong[w])
                json_object_set_new(o, keys[k], json_loads(wrong[w], JSON_DECODE_ANY, NULL));
            else
                json_object_del(o, keys[k]);
            if ((!strcmp(keys[k], "field") || !strcmp(keys[k], "append")) && w == 2) {
                json_decref(o); /* any string will do */
                continue;
            }
            assert_int_equal(json_save(bad, o, &e), 0);
            if (!origin_read(&r, bad, &e)) fail_msg("%s: %s", keys[k], wrong[w] ? wrong[w] : "-");
            assert_int_equal(e.kind, ERR_DAMAGED);
            assert_non_null(strstr(e.text, "bad.json: "));
            assert_null(r.stats.files);
        }
    }
    json_decref(good);
    write_file(bad, "{\"documents\": 3}");
    assert_int_equal(origin_read(&r, bad, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    free(path);
    free(bad);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes and words of a document's text from its second token on, byte by byte. */
static void count_plainly(const struct corpus *c, size_t document, size_t most,
                          const struct tokenizer *t, double *bytes, double *words)
{
    struct err e;
    uint32_t ids[512];
    size_t n = corpus_length(c, document);
    bool space = true;
    if (n > most) n = most;
    assert_int_equal(corpus_read(c, document, 0, n, ids, &e), 0);
    for (size_t i = 0; i < n && n > 1; i++) {
        size_t length;
        const char *text = tokenizer_bytes(t, ids[i], &length);
        for (size_t j = 0; text && j < length; j++) {
            *bytes += i > 0;
            *words += i > 0 && space && !is_space(text[j]);
            space = is_space(text[j]);
        }
    }
}

static void bytes_and_words_are_counted(void **state)
{
    (void)state;
    enum { N = 5000, MOST = 300 };
    struct tokenizer *t;
    struct corpus_writer w;
    struct corpus c;
    struct plan plan;
    struct text_counts counts;
    struct err e;
    double bytes = 0, words = 0;
    char *prefix = name("counted");
    if (tokenizer_open(&t, "tests/golden/tokenizer_small.json", &e)) fail_msg("%s", e.text);
    const size_t vocabulary = tokenizer_size(t) + 20; /* rows no token has, too */
    assert_int_equal(corpus_writer_open(&w, prefix, vocabulary, &e), 0);
    for (size_t d = 0; d < N; d++) {
        size_t n = (size_t)rng_below(11, 0, d, d % 50 ? 20 : 500);
        for (size_t i = 0; i < n; i++) {
            uint32_t id = (uint32_t)rng_below(12, d, i, vocabulary);
            assert_int_equal(corpus_writer_add(&w, &id, 1, &e), 0);
        }
        assert_int_equal(corpus_writer_end(&w, &e), 0);
    }
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_int_equal(corpus_open(&c, prefix, &e), 0);
    assert_int_equal(plan_make(&plan, &c, &(struct protocol){.max_tokens = MOST}, 3, N - 1, &e), 0);
    for (size_t d = 3; d < N - 1; d++) count_plainly(&c, d, MOST, t, &bytes, &words);
    assert_int_equal(text_count(&plan, t, &counts, &e), 0);
    assert_true(bytes > 10000 && words > 1000);
    assert_true(counts.bytes == bytes && counts.words == words);
    plan_free(&plan);
    /* The first document that cannot be read is the one that is named. */
    char *bin = format_string("%s.bin", prefix);
    uint64_t half = c.tokens;
    assert_int_equal(truncate(bin, (off_t)half), 0);
    assert_int_equal(plan_make(&plan, &c, &(struct protocol){.max_tokens = MOST}, 0, N, &e), 0);
    assert_int_equal(text_count(&plan, t, &counts, &e), -1);
    assert_non_null(strstr(e.text, "counted.bin: cut short"));
    plan_free(&plan);
    corpus_close(&c);
    tokenizer_close(t);
    free(bin);
    free(prefix);
}

/* What is known of a corpus is believed as long as its files are as they were, and not before they are
 * old enough to tell; what is not whole is not believed. */
static void known_until_it_changes(void **state)
{
    (void)state;
    struct corpus_writer w;
    struct corpus c;
    struct err e;
    static uint32_t ids[KNOWN_LEAST];
    char *prefix = name("k"), *bin = name("k.bin"), *folder = name("known/here");
    char key[KNOWN_KEY], line[200];
    uint64_t real, hash, two[2], wrong = 7;
    assert_int_equal(corpus_writer_open(&w, prefix, 10, &e), 0);
    assert_int_equal(corpus_writer_add(&w, ids, KNOWN_LEAST, &e), 0);
    assert_int_equal(corpus_writer_end(&w, &e), 0);
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_int_equal(corpus_open(&c, prefix, &e), 0);
    assert_int_equal(corpus_hash(&c, 1, &real, &e), 0);
    assert_false(known_key(&c, "hash 1", key));
    assert_int_equal(known_hash(&c, 1, folder, &hash, &e), 0);
    assert_true(hash == real);
    assert_false(known_get(folder, key, &hash, 1)); /* too young */
    sleep(4);
    assert_int_equal(known_hash(&c, 1, folder, &hash, &e), 0);
    assert_true(hash == real);
    assert_true(known_key(&c, "hash 1", key));
    assert_true(known_get(folder, key, &hash, 1) && hash == real);
    assert_false(known_get(folder, key, two, 2));
    known_put(folder, key, &wrong, 1);
    assert_int_equal(known_hash(&c, 1, folder, &hash, &e), 0);
    assert_true(hash == wrong);
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, wrong);
    for (size_t n = 0; n < 3; n++) { /* of all, of so many, of more than there are */
        assert_int_equal(corpus_is(&c, n, text, "m.npy", folder, &e), 0);
        assert_int_equal(corpus_is(&c, n, text, "m.npy", NULL, &e), -1);
        assert_non_null(strstr(e.text, "expected the corpus of m.npy (0000000000000007), found"));
    }
    snprintf(text, sizeof text, "%016" PRIx64, real);
    assert_int_equal(corpus_is(&c, 1, text, "m.npy", NULL, &e), 0);
    assert_int_equal(known_hash(&c, 0, folder, &hash, &e), 0); /* another question */
    assert_true(hash != wrong);
    char *path = format_string("%s/.known/%s", folder, key);
    FILE *f = fopen(path, "rb");
    size_t n = fread(line, 1, sizeof line, f);
    fclose(f);
    for (size_t i = 0; i <= n; i++) { /* cut short anywhere, or one byte another */
        char bad[200];
        memcpy(bad, line, n);
        bad[i < n ? i : 0] ^= 1;
        for (int cut = 0; cut < 2; cut++) {
            f = fopen(path, "wb");
            fwrite(cut ? line : bad, 1, cut ? (i < n ? i : 0) : n, f);
            fclose(f);
            assert_false(known_get(folder, key, &hash, 1));
        }
    }
    known_put(folder, key, &wrong, 1);
    known_put("/dev/null", key, &wrong, 1); /* nothing happens */
    f = fopen(bin, "r+b");
    fputs("x", f);
    fclose(f);
    assert_int_equal(known_hash(&c, 1, folder, &hash, &e), 0);
    assert_true(hash != wrong && hash != real);
    assert_int_equal(corpus_is(&c, 1, text, "m.npy", folder, &e), -1);
    corpus_close(&c);
    assert_int_equal(corpus_open(&c, "tests/golden/folders/corpus", &e), 0);
    assert_false(known_key(&c, "hash 1", key)); /* too small */
    corpus_close(&c);
    free(path);
    free(prefix);
    free(bin);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_change_are_errors),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(damaged_records),
        cmocka_unit_test(known_until_it_changes),
        cmocka_unit_test(bytes_and_words_are_counted),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
