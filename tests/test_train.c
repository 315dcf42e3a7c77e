/* Unit tests of what a training run is made of: the stream of a corpus and what is held out of it, the
 * order of windows, the schedule, and the state an unfinished run leaves.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/train/train_data.h"
#include "src/train/train_settings.h"
#include "src/train/train_state.h"
#include "tests/scratch.h"

enum { END = 999, VOCAB = 1000 };

/* A corpus of documents of these lengths; token i of all is i mod END. */
static void make_corpus(struct corpus *c, const size_t *lengths, size_t n)
{
    char prefix[128];
    struct corpus_writer w = {0};
    struct err e;
    uint32_t next = 0;
    snprintf(prefix, sizeof prefix, "%s/c", scratch);
    assert_int_equal(corpus_writer_open(&w, prefix, VOCAB, &e), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < lengths[i]; k++) {
            const uint32_t id = next++ % END;
            assert_int_equal(corpus_writer_add(&w, &id, 1, &e), 0);
        }
        assert_int_equal(corpus_writer_end(&w, &e), 0);
    }
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_int_equal(corpus_open(c, prefix, &e), 0);
    c->limit = VOCAB;
}

/* --- data --- */

static void test_stream(void **state)
{
    (void)state;
    static const size_t lengths[] = {5, 0, 1, 4096, 9000, 3};
    struct corpus c;
    struct train_data d;
    struct err e;
    make_corpus(&c, lengths, 6);
    assert_int_equal(train_data_open(&d, &c, 7, END, 0, &e), 0);
    /* Documents one after the other, each with its end, the empty one without. */
    uint32_t *expected = malloc(14000 * sizeof *expected), *found = malloc(14000 * sizeof *found);
    size_t n = 0, next = 0;
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < lengths[i]; k++) expected[n++] = (uint32_t)(next++ % END);
        if (lengths[i]) expected[n++] = END;
    }
    assert_int_equal(d.tokens, n);
    assert_int_equal(d.n, 1 + 1 + 1 + 3 + 1);
    assert_int_equal(d.held_n, 0);
    assert_int_equal(train_data_read(&d, 0, n, found, &e), 0);
    assert_memory_equal(found, expected, n * sizeof *found);
    for (size_t first = 0; first < n; first += 7) {
        const size_t some = n - first < 300 ? n - first : 300;
        assert_int_equal(train_data_read(&d, first, some, found, &e), 0);
        assert_memory_equal(found, expected + first, some * sizeof *found);
    }
    assert_int_equal(train_data_windows(&d, n - 1), 1);
    assert_int_equal(train_data_windows(&d, n), 0);
    assert_int_equal(train_data_windows(&d, 100), (n - 1) / 100);
    train_data_close(&d);
    assert_int_equal(train_data_open(&d, &c, 7, -1, 0, &e), 0);
    assert_int_equal(d.tokens, next); /* without separators */
    train_data_close(&d);
    assert_int_equal(train_data_open(&d, &c, 7, VOCAB, 0, &e), -1);
    assert_non_null(strstr(e.text, "separator: expected an id below 1000, found 1000"));
    assert_int_equal(train_data_open(&d, &c, 7, END, 1, &e), -1);
    free(expected);
    free(found);
    corpus_close(&c);
}

/* What is held out and what is trained on are all there is, and separators stand where they should. */
static void check_held(const struct corpus *c, double holdout, size_t least, size_t most)
{
    struct train_data d;
    struct corpus held;
    struct err e;
    char prefix[128];
    assert_int_equal(train_data_open(&d, c, 7, END, holdout, &e), 0);
    assert_in_range(d.held_n, least, most);
    uint64_t sum = 0, closed = 0, at = 0;
    for (size_t i = 0; i < d.n; i++) {
        const struct train_section *s = &d.sections[i], *t = s + 1;
        const bool ends = s->first + s->n == corpus_length(c, s->document);
        const bool goes_on =
            i + 1 < d.n && t->document == s->document && t->first == s->first + s->n;
        assert_int_equal(s->at, at);
        assert_true(s->closed == (ends || !goes_on));
        at += s->n + s->closed;
        sum += s->n;
        closed += s->closed;
    }
    for (size_t i = 0; i < d.held_n; i++) sum += d.held[i].n;
    assert_int_equal(sum, c->tokens);
    assert_int_equal(d.tokens, at);
    assert_true(closed > 0);
    snprintf(prefix, sizeof prefix, "%s/held", scratch);
    assert_int_equal(train_data_write_held(&d, prefix, 0, &e), 0);
    assert_int_equal(corpus_open(&held, prefix, &e), 0);
    assert_int_equal(held.documents, d.held_n);
    for (size_t i = 0; i < d.held_n; i++) {
        uint32_t a[TRAIN_SECTION], b[TRAIN_SECTION];
        const struct train_section *s = &d.held[i];
        assert_int_equal(corpus_length(&held, i), s->n);
        assert_int_equal(corpus_read(&held, i, 0, s->n, a, &e), 0);
        assert_int_equal(corpus_read(c, s->document, s->first, s->n, b, &e), 0);
        assert_memory_equal(a, b, s->n * sizeof *a);
    }
    corpus_close(&held);
    if (d.held_n > 2) {
        assert_int_equal(train_data_write_held(&d, prefix, d.held[0].n + 1, &e), 0);
        assert_int_equal(corpus_open(&held, prefix, &e), 0);
        assert_int_equal(held.documents, 2);
        corpus_close(&held);
    }
    train_data_close(&d);
}

static void test_held(void **state)
{
    (void)state;
    size_t lengths[400];
    for (size_t i = 0; i < 400; i++) lengths[i] = 2 + i * 37 % 300 + (i % 40 ? 0 : 20000);
    struct corpus c;
    struct train_data d;
    struct err e;
    make_corpus(&c, lengths, 400);
    check_held(&c, 0.1, 25, 65);
    check_held(&c, 0.5, 190, 270);
    check_held(&c, 1e-9, 1, 1); /* one at least */
    corpus_close(&c);
    make_corpus(&c, lengths + 1, 1);
    assert_int_equal(train_data_open(&d, &c, 7, END, 0.01, &e), -1);
    assert_non_null(strstr(e.text, "too little text"));
    assert_int_equal(train_data_open(&d, &c, 7, END, 0, &e), 0);
    train_data_close(&d);
    corpus_close(&c);
}

/* --- order --- */

static void test_order(void **state)
{
    (void)state;
    struct train_order o, other;
    struct err e;
    enum { W = 101, EPOCHS = 5 };
    uint64_t order[EPOCHS][W];
    assert_int_equal(train_order_open(&o, W, 3, &e), 0);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        int seen[W] = {0};
        for (size_t i = 0; i < W; i++) {
            order[epoch][i] = train_order_at(&o, epoch * W + i);
            assert_true(order[epoch][i] < W);
            seen[order[epoch][i]]++;
        }
        for (size_t i = 0; i < W; i++) assert_int_equal(seen[i], 1);
        size_t fixed = 0, as_before = 0;
        for (size_t i = 0; i < W; i++) {
            fixed += order[epoch][i] == i;
            as_before += epoch && order[epoch][i] == order[epoch - 1][i];
        }
        assert_true(fixed < 10 && as_before < 10);
    }
    /* Any place at any time. */
    for (size_t place = EPOCHS * W; place-- > 0;)
        assert_int_equal(train_order_at(&o, place), order[place / W][place % W]);
    assert_int_equal(train_order_open(&other, W, 4, &e), 0);
    size_t equal = 0;
    for (size_t i = 0; i < W; i++) equal += train_order_at(&other, i) == order[0][i];
    assert_true(equal < 10);
    train_order_close(&other);
    train_order_close(&o);
    assert_int_equal(train_order_open(&o, 0, 3, &e), -1);
    assert_int_equal(train_order_open(&o, UINT64_C(1) << 32, 3, &e), -1);
}

static void test_batches(void **state)
{
    (void)state;
    static const size_t lengths[] = {300, 60};
    enum { T = 10, B = 8, W = 36 };
    struct corpus c;
    struct train_data d;
    struct train_order o;
    struct err e;
    make_corpus(&c, lengths, 2);
    assert_int_equal(train_data_open(&d, &c, 7, END, 0, &e), 0);
    assert_int_equal(train_data_windows(&d, T), W); /* of 362 tokens */
    assert_int_equal(train_order_open(&o, W, 1, &e), 0);
    int seen[W] = {0};
    uint32_t tokens[B][T + 1], window[T + 1];
    for (uint64_t step = 0; step < 9; step++) { /* 72 windows: two epochs, which meet in a batch */
        assert_int_equal(train_batch(&d, &o, B, T, step, tokens[0], &e), 0);
        for (size_t i = 0; i < B; i++) {
            const uint64_t k = train_order_at(&o, step * B + i);
            assert_int_equal(train_data_read(&d, k * T, T + 1, window, &e), 0);
            assert_memory_equal(tokens[i], window, sizeof window);
            seen[k]++;
        }
        for (size_t k = 0; step == 3 && k < W; k++) assert_in_range(seen[k], 0, 1);
    }
    for (size_t k = 0; k < W; k++) assert_int_equal(seen[k], 2);
    train_order_close(&o);
    train_data_close(&d);
    corpus_close(&c);
}

/* --- settings --- */

static void test_settings(void **state)
{
    (void)state;
    struct train_run r;
    struct err e;
    train_run_defaults(&r, 128, 0);
    r.config = train_config(4, 128, 0, 0, 0, 257, 256);
    r.steps = 2000;
    assert_int_equal(train_run_check(&r, &e), 0);
    assert_int_equal(r.config.heads, 4);
    assert_int_equal(r.config.rotary, 8);
    assert_true(r.rates.rate == 3e-3);
    assert_true(train_run_parameters(&r) == 4 * (12 * 128 * 128 + 13 * 128) + 2 * 128 + 257 * 128);
    assert_true(train_run_rate(&r, 0) == 3e-3 / 100);
    assert_true(train_run_rate(&r, 99) == 3e-3);
    assert_true(train_run_rate(&r, 100) == 3e-3);
    assert_true(fabs(train_run_rate(&r, 1050) - 3e-3 * 0.55) < 1e-12);
    assert_true(fabs(train_run_rate(&r, 1999) - 3e-4) < 1e-8);
    for (uint64_t s = 101; s < 2000; s++)
        assert_true(train_run_rate(&r, s) < train_run_rate(&r, s - 1));
    r.schedule = TRAIN_CONSTANT;
    assert_true(train_run_rate(&r, 49) == 1.5e-3 && train_run_rate(&r, 1999) == 3e-3);
    r.warmup = 0;
    assert_true(train_run_rate(&r, 0) == 3e-3);
    size_t saves = 0;
    for (uint64_t s = 0; s <= 2000; s++) saves += train_run_saves(&r, s);
    assert_int_equal(saves, 1 + 10 + 2);
    r.spaced_saves = false;
    r.save[0] = 0;
    r.save[1] = 700;
    r.saves = 2;
    for (uint64_t s = 0; s <= 2000; s++)
        assert_true(train_run_saves(&r, s) == (s == 0 || s == 700 || s == 2000));
    assert_true(train_run_tests(&r, 700) && train_run_tests(&r, 512) && !train_run_tests(&r, 699));
    assert_int_equal(train_run_check(&r, &e), 0);
    /* 20 tokens a parameter, or 4 epochs. */
    assert_int_equal(train_run_default_steps(&r, 1000000),
                     (uint64_t)(20 * train_run_parameters(&r) / 4096));
    assert_int_equal(train_run_default_steps(&r, 1000), 4 * 1000 / 16);
    assert_int_equal(train_run_default_steps(&r, 1), 1);
    r.save[1] = 2001;
    assert_int_equal(train_run_check(&r, &e), -1);
    r.saves = 0;
    r.rates.beta2 = 1;
    assert_int_equal(train_run_check(&r, &e), -1);
    r.rates.beta2 = 0.95;
    r.config.heads = 3;
    assert_int_equal(train_run_check(&r, &e), -1);
}

/* --- state --- */

enum { FLOATS = 50, STEPS = 20 };
struct run {
    float w[FLOATS], m[FLOATS], v[FLOATS];
    struct trainer t;
    struct train_log l;
};

static void open_run(struct run *r)
{
    memset(r, 0, sizeof *r);
    r->t = (struct trainer){.w = r->w, .m = r->m, .v = r->v, .floats = FLOATS};
}

static void test_state(void **state)
{
    (void)state;
    struct run a, b;
    struct err e;
    struct map map;
    char path[128];
    open_run(&a);
    open_run(&b);
    for (size_t i = 0; i < FLOATS; i++) {
        a.w[i] = (float)i;
        a.m[i] = 100 - (float)i;
        a.v[i] = 1 / (float)(i + 1);
    }
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(train_log_step(&a.l, 5. / (double)(i + 1), 0.1), 0);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(
            train_log_test(&a.l, &(struct train_test){i, 4 + 1. / (double)(i + 1), 0.5}), 0);
    a.t.steps = 12;
    a.l.seconds = 3.5;
    snprintf(path, sizeof path, "%s/x.state", scratch);
    assert_int_equal(train_state_write(path, 77, &a.t, &a.l, &e), 0);
    assert_int_equal(map_open(&map, path, &e), 0);
    uint8_t *copy = malloc(map.size);
    memcpy(copy, map.data, map.size);
    assert_int_equal(train_state_parse(&b.t, &b.l, 77, STEPS, "x", copy, map.size, &e), 0);
    assert_memory_equal(a.w, b.w, sizeof a.w);
    assert_memory_equal(a.m, b.m, sizeof a.m);
    assert_memory_equal(a.v, b.v, sizeof a.v);
    assert_int_equal(b.t.steps, 12);
    assert_int_equal(b.l.steps, 12);
    assert_int_equal(b.l.tests, 3);
    assert_memory_equal(a.l.loss, b.l.loss, 12 * sizeof *a.l.loss);
    assert_memory_equal(a.l.norm, b.l.norm, 12 * sizeof *a.l.norm);
    assert_memory_equal(a.l.test, b.l.test, 3 * sizeof *a.l.test);
    assert_true(b.l.seconds == 3.5);
    train_log_free(&b.l);
    assert_int_equal(train_state_parse(&b.t, &b.l, 78, STEPS, "x", copy, map.size, &e), -1);
    assert_non_null(strstr(e.text, "other settings"));
    assert_int_equal(train_state_parse(&b.t, &b.l, 77, 11, "x", copy, map.size, &e), -1);
    b.t.floats--;
    assert_int_equal(train_state_parse(&b.t, &b.l, 77, STEPS, "x", copy, map.size, &e), -1);
    b.t.floats++;
    /* Every byte counts, and every length but its own is refused. */
    for (size_t i = 0; i < map.size; i++) {
        copy[i] ^= 4;
        assert_int_equal(train_state_parse(&b.t, &b.l, 77, STEPS, "x", copy, map.size, &e), -1);
        copy[i] ^= 4;
        assert_int_equal(train_state_parse(&b.t, &b.l, 77, STEPS, "x", copy, i, &e), -1);
    }
    free(copy);
    map_close(&map);
    train_log_free(&a.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),   cmocka_unit_test(test_held),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_batches),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_state),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
