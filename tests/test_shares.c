/* Unit tests of the shards: everything once, balanced to within a document, whatever the models,
 * lengths and number of shards; and of what Slurm says of a task.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/rng.h"
#include "src/scan/shares.h"
#include "tests/small_corpus.h"

/* What documents [begin, end) cost, from the pieces themselves. */
static double cost_of(const struct corpus *c, const struct protocol *p,
                      const struct neox_config *config, size_t begin, size_t end)
{
    struct plan plan;
    struct err e;
    if (begin == end || plan_make(&plan, c, p, begin, end, &e)) return 0;
    double flop = 0;
    struct piece piece = {.document = begin};
    while (plan_next(&plan, &piece)) flop += neox_flop(config, piece.n, piece.skip);
    plan_free(&plan);
    return flop;
}

enum { MODELS = 6, DOCUMENTS = 40 };
static const struct neox_config configs[MODELS] = {
    {.layers = 2, .hidden = 64, .ffn = 256, .vocab = 300},
    {.layers = 2, .hidden = 64, .ffn = 256, .vocab = 300},
    {.layers = 6, .hidden = 512, .ffn = 2048, .vocab = 50304},
    {.layers = 36, .hidden = 5120, .ffn = 20480, .vocab = 50688},
    {.layers = 1, .hidden = 8, .ffn = 8, .vocab = 2},
    {.layers = 3, .hidden = 64, .ffn = 64, .vocab = 9, .window = NEOX_NEAR, .local = 6},
};

/* Any number of shards of N models. */
static void check_shards(const struct work *w, const struct neox_config *models, size_t n,
                         size_t shards, double total, double largest)
{
    struct neox_cost costs[MODELS];
    struct share share[MODELS];
    size_t at[MODELS] = {0};
    for (size_t i = 0; i < n; i++) costs[i] = neox_cost(&models[i]);
    for (size_t s = 0; s < shards; s++) {
        double flop = 0;
        size_t first = n, last = n, parts = 0;
        shares_find(share, w, costs, n, s, shards);
        for (size_t i = 0; i < n; i++) {
            if (share[i].begin == share[i].end) continue;
            assert_int_equal(share[i].begin, at[i]); /* where the shards before left off */
            at[i] = share[i].end;
            double part =
                cost_of(w->corpus, &w->protocol, &models[i], share[i].begin, share[i].end);
            assert_true(part > 0);
            flop += part;
            if (first == n) first = i;
            last = i;
            parts++;
        }
        if (parts) assert_int_equal(parts, last - first + 1); /* a stretch of the line */
        assert_true(fabs(flop - total / (double)shards) <= largest * (1 + 1e-12));
    }
    for (size_t i = 0; i < n; i++) assert_int_equal(at[i], w->documents);
}

/* Pairs one by one, and what they make of a model's FLOP. */
static void pairs_within_a_window(void **state)
{
    (void)state;
    const size_t windows[] = {1, 2, 7, 256, 1000};
    for (size_t w = 0; w < 5; w++) {
        const struct neox_config near = {
            .layers = 4, .hidden = 8, .ffn = 8, .vocab = 9, .window = windows[w], .local = 11};
        struct neox_config all = near;
        all.window = all.local = 0;
        uint64_t pairs = 0;
        for (size_t n = 1; n <= 600; n++) {
            pairs += 2 * (n < windows[w] ? n : windows[w]);
            assert_int_equal(neox_pairs(n, windows[w]), pairs);
            double less = 3 * 2 * 8 * (double)(n * (n + 1) - pairs);
            assert_true(neox_flop(&near, n, n / 2) == neox_flop(&all, n, n / 2) - less);
        }
    }
}

static void shards_are_everything_once(void **state)
{
    (void)state;
    struct corpus c;
    struct err e;
    size_t lengths[DOCUMENTS];
    for (size_t i = 0; i < DOCUMENTS; i++)
        lengths[i] = (size_t)rng_below(3, 0, i, i % 4 ? 30 : 400);
    lengths[0] = lengths[1] = 0; /* nothing to predict at both ends */
    lengths[20] = lengths[21] = lengths[DOCUMENTS - 1] = 1;
    make_corpus(&c, lengths, DOCUMENTS);
    const struct protocol protocols[] = {{.max_tokens = 100},
                                         {.window = 64, .stride = 64},
                                         {.window = 50, .stride = 7},
                                         {.max_tokens = 1024},
                                         {.window = 300, .stride = 200}};
    for (size_t p = 0; p < 5; p++) {
        struct work w;
        assert_int_equal(work_open(&w, &c, &protocols[p], 0, &e), 0);
        for (size_t n = 1; n <= MODELS; n++) {
            double total = 0, largest = 0;
            for (size_t i = 0; i < n; i++) {
                const struct neox_cost cost = neox_cost(&configs[i]);
                double one = cost_of(&c, &protocols[p], &configs[i], 0, c.documents);
                assert_true(fabs(pieces_flop(&w.sums, &cost) / one - 1) < 1e-12);
                total += one;
                for (size_t d = 0; d < c.documents; d++)
                    largest = fmax(largest, cost_of(&c, &protocols[p], &configs[i], d, d + 1));
            }
            for (size_t shards = 1; shards <= 1000; shards += shards < 12 ? 1 : 247)
                check_shards(&w, configs, n, shards, total, largest);
        }
    }
    /* Only the first documents: the others are nobody's. */
    struct work w;
    assert_int_equal(work_open(&w, &c, &protocols[0], 13, &e), 0);
    struct share share;
    shares_find(&share, &w, &(struct neox_cost){.row = 1}, 1, 2, 3);
    assert_int_equal(share.end, 13);
    corpus_close(&c);
}

/* A cut is where it is nearest, and of equal models each shard gets one whole. */
static void shards_are_where_expected(void **state)
{
    (void)state;
    struct corpus c;
    struct work w;
    struct err e;
    const struct neox_cost rows[3] = {{.row = 1}, {.row = 1}, {.row = 1}};
    struct share s[3];
    make_corpus(&c, (size_t[]){11, 11, 31, 11}, 4); /* 10, 10, 30, 10 inputs */
    assert_int_equal(work_open(&w, &c, &(struct protocol){.max_tokens = 100}, 0, &e), 0);
    shares_find(s, &w, rows, 1, 0, 2); /* 30 of 60: between 20 and 50 */
    assert_int_equal(s[0].end, 2);
    shares_find(s, &w, rows, 1, 1, 4); /* 15: as near to 10 as to 20, the later; 30: 20 */
    assert_true(s[0].begin == 0 && s[0].end == 0);
    shares_find(s, &w, rows, 1, 0, 4);
    assert_true(s[0].begin == 0 && s[0].end == 2);
    for (size_t i = 0; i < 3; i++) {
        shares_find(s, &w, rows, 3, i, 3);
        for (size_t j = 0; j < 3; j++) assert_int_equal(s[j].end, i == j ? 4 : 0);
    }
    shares_find(s, &w, rows, 3, 0, 2); /* 90 of 180: 60 and 30 */
    assert_true(s[0].end == 4 && s[1].begin == 0 && s[1].end == 2 && s[2].end == 0);
    shares_find(s, &w, rows, 3, 1, 2);
    assert_true(s[0].end == 0 && s[1].begin == 2 && s[1].end == 4 && s[2].end == 4);
    corpus_close(&c);
    make_corpus(&c, (size_t[]){0, 1, 1}, 3);
    assert_int_equal(work_open(&w, &c, &(struct protocol){.max_tokens = 9}, 0, &e), -1);
    assert_non_null(strstr(e.text, "nothing to predict"));
    corpus_close(&c);
}

/* Sums beyond 64 bits: a document of 2^31 - 1 tokens cannot be made here, a line of cost can. */
static void costs_do_not_overflow(void **state)
{
    (void)state;
    struct corpus c;
    struct err e;
    make_corpus(&c, (size_t[]){300, 300, 300, 300}, 4);
    struct work w;
    assert_int_equal(work_open(&w, &c, &(struct protocol){.max_tokens = 1024}, 0, &e), 0);
    const struct neox_cost huge[2] = {
        {.row = UINT64_MAX, .pair = UINT64_MAX, .scored = UINT64_MAX},
        {.row = UINT64_MAX, .pair = UINT64_MAX, .scored = UINT64_MAX}};
    struct share s[2];
    for (size_t i = 0; i < 8; i++) {
        shares_find(s, &w, huge, 2, i, 8);
        assert_true(s[i / 4].begin == i % 4 && s[i / 4].end == i % 4 + 1);
        assert_int_equal(s[!(i / 4)].end, 0);
    }
    corpus_close(&c);
}

/* The cut of before: where the predictions come nearest, searched among their running sums. */
static void old_shards_are_found(void **state)
{
    (void)state;
    struct corpus c;
    struct err e;
    size_t lengths[DOCUMENTS], offset[DOCUMENTS + 1] = {0};
    for (size_t i = 0; i < DOCUMENTS; i++) {
        lengths[i] = (size_t)rng_below(4, 0, i, 50);
        offset[i + 1] = offset[i] + (lengths[i] > 20 ? 20 : lengths[i]) - (lengths[i] > 0);
        if (lengths[i] > 20) offset[i + 1] = offset[i] + 19;
    }
    make_corpus(&c, lengths, DOCUMENTS);
    struct work w;
    assert_int_equal(work_open(&w, &c, &(struct protocol){.max_tokens = 20}, 0, &e), 0);
    for (size_t shards = 1; shards < 60; shards++) {
        for (size_t s = 0; s < shards; s++) {
            size_t cut[2];
            for (size_t k = 0; k < 2; k++) {
                size_t target = offset[DOCUMENTS] * (s + k) / shards, at = 0;
                while (offset[at] < target) at++;
                cut[k] = at > 0 && target - offset[at - 1] < offset[at] - target ? at - 1 : at;
            }
            struct share share = share_by_predictions(&w, s, shards);
            assert_int_equal(offset[share.end] - offset[share.begin],
                             offset[cut[1]] - offset[cut[0]]);
            if (share.begin < share.end) assert_int_equal(offset[share.begin], offset[cut[0]]);
        }
    }
    corpus_close(&c);
}

static void slurm(const char *id, const char *count, const char *first, const char *last,
                  const char *step)
{
    const char *const names[] = {"ID", "COUNT", "MIN", "MAX", "STEP"};
    const char *const values[] = {id, count, first, last, step};
    for (size_t i = 0; i < 5; i++) {
        char name[40];
        snprintf(name, sizeof name, "SLURM_ARRAY_TASK_%s", names[i]);
        if (values[i])
            setenv(name, values[i], 1);
        else
            unsetenv(name);
    }
}

static void slurm_says_which_shard(void **state)
{
    (void)state;
    struct err e;
    size_t index, shards;
    static const struct {
        const char *id, *count, *first, *last, *step;
        size_t index, shards; /* shards 0: an error */
    } cases[] = {
        {NULL, NULL, NULL, NULL, NULL, 0, 1},
        {"3", NULL, NULL, NULL, NULL, 0, 1},
        {"7", "1", "7", "7", NULL, 0, 1},
        {"0", "4", "0", "3", "1", 0, 4},
        {"3", "4", "0", "3", NULL, 3, 4},
        {"5", "4", "5", "8", "1", 0, 4},
        {"25", "4", "10", "25", "5", 3, 4},
        {"20", "4", "10", "25", "5", 2, 4},
        {"12", "4", "10", "25", "5", 0, 0},
        {"7", "3", "1", "7", "1", 0, 0}, /* --array=1,3,7 */
        {"4", "4", "0", "3", "1", 0, 0},
        {"0", "4", "1", "4", "1", 0, 0},
        {"x", "4", "0", "3", "1", 0, 0},
        {"1", "-4", "0", "3", "1", 0, 0},
        {"1", "0", "0", "3", "1", 0, 0},
        {"1", "4", "0", "3", "0", 0, 0},
        {"1", "99999999999999999999", "0", "3", "1", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slurm(cases[i].id, cases[i].count, cases[i].first, cases[i].last, cases[i].step);
        int status = shard_from_slurm(&index, &shards, &e);
        assert_int_equal(status, cases[i].shards ? 0 : -1);
        if (status) {
            assert_non_null(strstr(e.text, "SLURM_ARRAY_TASK_"));
            continue;
        }
        assert_int_equal(index, cases[i].index);
        assert_int_equal(shards, cases[i].shards);
    }
    slurm(NULL, NULL, NULL, NULL, NULL);
}

static void a_shard_is_written(void **state)
{
    (void)state;
    struct err e;
    size_t index = 7, shards = 9;
    static const char *const bad[] = {"",     "3",    "3/",    "/3",  "3/3",       "-1/3",
                                      "1/-3", "1/3x", "1/3/4", "0/0", "0/1000001", "none",
                                      "a/b",  "1:3",  "1.0/3", "4/3", "0x1/3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!shard_parse(bad[i], &index, &shards, &e)) fail_msg("'%s' is taken", bad[i]);
        assert_non_null(strstr(e.text, "--shard: expected I/N with I from 0 to N - 1, found '"));
        assert_true(index == 7 && shards == 9);
    }
    assert_int_equal(shard_parse("999999/1000000", &index, &shards, &e), 0);
    assert_true(index == 999999 && shards == 1000000);
    assert_int_equal(shard_parse("0/1", &index, &shards, &e), 0);
    assert_true(index == 0 && shards == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_within_a_window),     cmocka_unit_test(shards_are_everything_once),
        cmocka_unit_test(shards_are_where_expected), cmocka_unit_test(costs_do_not_overflow),
        cmocka_unit_test(old_shards_are_found),      cmocka_unit_test(slurm_says_which_shard),
        cmocka_unit_test(a_shard_is_written),
    };
    return cmocka_run_group_tests_name("shares", tests, make_scratch, remove_scratch);
}
