/* Unit tests of what stands between a user's words and models: patterns, ranges, folders of
 * folders, the hub's cache, order, and the room there is for them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "models/flat/catalog.h"
#include "models/flat/words.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/room.h"

static char scratch[] = "/tmp/tripod-catalog-XXXXXX", home[4096];

static int make_scratch(void **state)
{
    (void)state;
    if (!mkdtemp(scratch) || !getcwd(home, sizeof home) || chdir(scratch)) return -1;
    return setenv("HF_HUB_CACHE", "hub", 1);
}

static int remove_scratch(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return chdir(home) || system(command);
}

static void write_text(const char *path, const char *text)
{
    struct err e;
    char *folder = strdup(path), *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    if (slash && make_directories(folder, &e)) fail_msg("%s", e.text);
    free(folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The names WORD stands for, between spaces. */
static const char *expand(const char *word)
{
    static char text[8192];
    struct words w = {0};
    struct err e;
    if (words_expand(&w, word, &e)) fail_msg("%s", e.text);
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < w.n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", w.item[i]);
    assert_true(at < sizeof text);
    words_free(&w);
    return text;
}

static void natural(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "7",
                                        "model-9",
                                        "model-10",
                                        "model-10a",
                                        "model-010b",
                                        "step",
                                        "step0",
                                        "step00",
                                        "step1",
                                        "step16",
                                        "step128",
                                        "step128-x",
                                        "step18446744073709551616",
                                        "step18446744073709551617",
                                        "stepx"};
    const size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            assert_int_equal(compare_natural(names[i], names[j]), (i > j) - (i < j));
    }
}

static void ranges(void **state)
{
    (void)state;
    int64_t first = 0, last = 0;
    assert_true(words_range("step1000..step143000", &first, &last));
    assert_true(first == 1000 && last == 143000);
    assert_true(words_range("step0..512", &first, &last));
    assert_true(first == 0 && last == 512);
    static const char *const bad[] = {"step5..step4",
                                      "step5",
                                      "..",
                                      "step1..",
                                      "..step5",
                                      "a..b",
                                      "step1..x",
                                      "step1...step5",
                                      "1..5",
                                      "step-1..5",
                                      "step1..-5",
                                      "step1..99999999999999999999999999999999999999",
                                      "step99999999999999999999999999999999999..step5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(words_range(bad[i], &first, &last));
}

static void folders(void **state)
{
    (void)state;
    for (int i = 1; i <= 16; i *= 4) {
        char path[64];
        snprintf(path, sizeof path, "p/b/step%d/config.json", i);
        write_text(path, "{}");
    }
    write_text("p/a/model.tripod", "");
    write_text("p/x.tripod", "TRIPOD");
    write_text("p/a/below/config.json", "{}"); /* of that model, not another */
    write_text("p/1/2/3/config.json", "{}");
    write_text("p/1/2/3x/4/config.json", "{}"); /* too deep */
    write_text("p/.hidden/config.json", "{}");
    write_text("p/README", "");
    write_text("p/odd\nname/config.json", "{}");
    assert_int_equal(symlink("../p", "p/loop"), 0);
    assert_int_equal(symlink("self", "p/self"), 0);
    assert_int_equal(symlink("nowhere", "p/dead"), 0);
    assert_int_equal(symlink("..", "p/b/up"), 0);
    const char *all = "p/1/2/3 p/a p/b/step1 p/b/step4 p/b/step16 p/odd\nname p/x.tripod";
    assert_string_equal(expand("p"), all);
    assert_string_equal(expand("p/b"), "p/b/step1 p/b/step4 p/b/step16 p/b/up/a p/b/up/odd\nname "
                                       "p/b/up/x.tripod");
    assert_string_equal(expand("p/a"), "p/a");
    assert_string_equal(expand("p/README"),
                        "p/README"); /* given: to be told what is wrong with it */
    assert_string_equal(expand("p/b/step4/"), "p/b/step4/");
    assert_string_equal(expand("p/*/step*"), "p/b/step1 p/b/step4 p/b/step16");
    assert_string_equal(expand("p/b/step[14]"), "p/b/step1 p/b/step4");
    assert_string_equal(expand("p/b/step1?"), "p/b/step16");
    assert_string_equal(expand("p/[xR]*"), "p/x.tripod");
    assert_string_equal(expand("p/1*"), "p/1/2/3 p/1/2/3x/4"); /* three below p/1 */
    assert_string_equal(expand("p/q*"), "");
    assert_string_equal(expand("nowhere"), "nowhere");
    assert_string_equal(expand("p/self"), "p/self");
    write_text("empty/nothing", "");
    assert_string_equal(expand("empty"), "empty");
    /* A flat file under any name, where a pattern finds it. */
    write_text("o/flat.bin", "TRIPOD\x1a\n");
    assert_string_equal(expand("o/*"), "o/flat.bin");
}

static void hub(void **state)
{
    (void)state;
    write_text("hub/models--EleutherAI--pythia-70m/refs/main", "aa");
    write_text("hub/models--EleutherAI--pythia-70m/refs/step1000", "bb");
    write_text("hub/models--EleutherAI--pythia-70m/refs/step64", "../../../../etc");
    write_text("hub/models--EleutherAI--pythia-70m/refs/pr/1", "cc");
    write_text("hub/models--EleutherAI--pythia-70m/refs/odd\nname", "bb");
    write_text("hub/models--EleutherAI--pythia-70m/refs/odd name", "bb");
    write_text("hub/models--EleutherAI--pythia-410m/refs/step8", "bb");
    write_text("hub/models--Else--pythia-x/refs/step5", "bb");
    write_text("hub/models--Else--pythia-x/refs/step500", "bb");
    write_text("hub/models--no", "a file");
    write_text("hub/models--..--../refs/step1", "bb");
    const char *two =
        "EleutherAI/pythia-70m@main EleutherAI/pythia-70m@step64 EleutherAI/pythia-70m@step1000";
    assert_string_equal(expand("EleutherAI/pythia-70m@*"), two);
    assert_string_equal(expand("pythia-70m@*"), two);
    assert_string_equal(expand("pythia-70m@step1*"), "EleutherAI/pythia-70m@step1000");
    assert_string_equal(expand("pythia-70m@step256..step3000"),
                        "EleutherAI/pythia-70m@step256 EleutherAI/pythia-70m@step512 "
                        "EleutherAI/pythia-70m@step1000 EleutherAI/pythia-70m@step2000 "
                        "EleutherAI/pythia-70m@step3000");
    assert_string_equal(expand("Else/pythia-x@step0..step100"), "Else/pythia-x@step5");
    assert_string_equal(expand("EleutherAI/pythia-*@step*"),
                        "EleutherAI/pythia-70m@step64 EleutherAI/pythia-70m@step1000 "
                        "EleutherAI/pythia-410m@step8");
    assert_string_equal(expand("*/pythia-*@step5*"), "Else/pythia-x@step5 Else/pythia-x@step500");
    assert_string_equal(expand("EleutherAI/pythia-410?"), "EleutherAI/pythia-410m@main");
    assert_string_equal(expand("EleutherAI/pythia-1b@*"), "");
    assert_string_equal(expand("EleutherAI/pythia-70m@step7"), "EleutherAI/pythia-70m@step7");
    assert_string_equal(expand("EleutherAI/../x@*"), "");
    assert_string_equal(expand("../../x@*"), "");
    assert_string_equal(expand("a/b@../*"), "");
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    strcpy(longest + sizeof longest - 3, "@*");
    assert_string_equal(expand(longest), "");
    assert_string_equal(expand(longest + 250), "");
    struct words w = {0};
    struct err e;
    assert_int_equal(words_expand(&w, "EleutherAI/pythia-70m@step0..step143000", &e), 0);
    assert_int_equal(w.n, 154);
    words_free(&w);
}

/* A flat file of zeros. */
static void flat_file(const char *path, size_t layers, const char *name, int64_t step)
{
    struct neox_config c = {.layers = layers,
                            .hidden = 16,
                            .heads = 2,
                            .head_size = 8,
                            .rotary = 2,
                            .ffn = 64,
                            .vocab = 64,
                            .max_positions = 64,
                            .rope_theta = 10000,
                            .layer_norm_eps = 1e-5,
                            .parallel_residual = true,
                            .attention_bias = true};
    enum simd_dtype *types = calloc(neox_tensor_count(&c), sizeof *types);
    struct flat_writer w;
    struct err e;
    for (size_t i = 0; i < neox_tensor_count(&c); i++) types[i] = SIMD_F16;
    json_t *provenance = json_object();
    if (flat_create(&w, path, &c, types, &e) || flat_finish(&w, name, step, -1, provenance, &e))
        fail_msg("%s", e.text);
    json_decref(provenance);
    free(types);
}

static const char *models_of(const struct catalog *c)
{
    static char text[1024];
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < c->n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
                               c->entries[i].model);
    return text;
}

static void order(void **state)
{
    (void)state;
    struct err e;
    struct catalog c;
    assert_int_equal(make_directories("s", &e), 0);
    flat_file("s/big8.tripod", 4, "big", 8);
    flat_file("s/small16.tripod", 2, "small", 16);
    flat_file("s/small2.tripod", 2, "small", 2);
    flat_file("s/other2.tripod", 2, "other", 2);
    write_text("s/cut.tripod", "TRIPOD\x1a\n");
    assert_int_equal(symlink("big8.tripod", "s/link.tripod"), 0);
    static const char *const given[] = {
        "s/small16.tripod", "s/big8.tripod",   "pythia-70m@step4",
        "s/other2.tripod",  "s/small2.tripod", "./s//small16.tripod",
        "s/link.tripod",    "s/cut.tripod",    "none*"};
    if (catalog_open(&c, given, 9, &e)) fail_msg("%s", e.text);
    assert_int_equal(c.twice, 2);
    assert_string_equal(models_of(&c), "s/small16.tripod s/big8.tripod pythia-70m@step4 "
                                       "s/other2.tripod s/small2.tripod s/cut.tripod none*");
    catalog_sort(&c, CATALOG_BY_SIZE);
    assert_string_equal(models_of(&c),
                        "s/other2.tripod s/small2.tripod s/small16.tripod s/big8.tripod "
                        "pythia-70m@step4 s/cut.tripod none*");
    catalog_sort(&c, CATALOG_BY_STEP);
    assert_string_equal(models_of(&c), "s/cut.tripod none* s/other2.tripod s/small2.tripod "
                                       "pythia-70m@step4 s/big8.tripod s/small16.tripod");
    catalog_sort(&c, CATALOG_AS_GIVEN);
    assert_string_equal(models_of(&c), "s/small16.tripod s/big8.tripod pythia-70m@step4 "
                                       "s/other2.tripod s/small2.tripod s/cut.tripod none*");
    const struct catalog_entry *x = c.entries;
    assert_int_equal(x[0].state, CATALOG_READY);
    assert_string_equal(x[0].is.name, "small");
    assert_true(x[0].is.step == 16 && x[0].is.config.layers == 2 && x[0].weights && !x[0].import);
    assert_true(x[0].weights == x[4].weights && x[0].weights != x[1].weights);
    struct stat st;
    assert_true(!stat("s/small16.tripod", &st) && x[0].bytes == (uint64_t)st.st_size);
    assert_int_equal(x[2].state, CATALOG_MISSING);
    assert_true(x[2].is.step == 4);
    assert_non_null(strstr(x[2].why.text, "hf download EleutherAI/pythia-70m --revision step4"));
    assert_int_equal(x[5].state, CATALOG_UNUSABLE);
    assert_int_equal(x[5].why.kind, ERR_DAMAGED);
    assert_int_equal(x[6].state, CATALOG_MISSING);
    catalog_close(&c);
}

/* A suite's worth of checkpoints. */
static void fast(void **state)
{
    (void)state;
    struct err e;
    struct catalog c;
    for (int model = 0; model < 10; model++) {
        char path[64];
        snprintf(path, sizeof path, "many/m%d", model);
        assert_int_equal(make_directories(path, &e), 0);
        for (int step = 0; step < 154; step++) {
            snprintf(path, sizeof path, "many/m%d/step%d.tripod", model, step * 1000);
            flat_file(path, 6, path + 5, step * 1000);
        }
    }
    static const char *const given[] = {"many"};
    struct timespec a, b; /* of this process alone: others may be busy */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    if (catalog_open(&c, given, 1, &e)) fail_msg("%s", e.text);
    catalog_sort(&c, CATALOG_BY_SIZE);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    print_message("1540 models: %.3f s\n", seconds);
    assert_int_equal(c.n, 1540);
    assert_true(c.entries[1539].is.step == 153000 && seconds < 2);
    catalog_close(&c);
}

static void memory(void **state)
{
    (void)state;
    assert_true(memory_available() > 0);
    assert_true(memory_available_at("m") == 0);
    write_text("m/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:       80 kB\n");
    assert_true(memory_available_at("m") == 80 * 1024);
    write_text("m/proc/self/cgroup", "0::/a/b\n");
    assert_true(memory_available_at("m") == 80 * 1024);
    write_text("m/sys/fs/cgroup/a/b/memory.max", "max\n");
    write_text("m/sys/fs/cgroup/a/b/memory.current", "5000\n");
    assert_true(memory_available_at("m") == 80 * 1024);
    write_text("m/sys/fs/cgroup/a/memory.max", "70000\n");
    write_text("m/sys/fs/cgroup/a/memory.current", "30000\n");
    assert_true(memory_available_at("m") == 40000);
    write_text("m/sys/fs/cgroup/a/memory.stat", "anon 1\nactive_file 8000\ninactive_file 2000\n");
    assert_true(memory_available_at("m") == 50000);
    write_text("m/sys/fs/cgroup/a/b/memory.max", "4000\n"); /* over its limit */
    assert_true(memory_available_at("m") == 0);
    write_text("n/proc/meminfo", "MemAvailable: 80 kB\n");
    write_text("n/proc/self/cgroup", "3:cpu:/x\n5:memory:/job\n0::/\n");
    write_text("n/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9000\n");
    write_text("n/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "7000\n");
    write_text("n/sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file 1000\n");
    assert_true(memory_available_at("n") == 3000);
    uint64_t bytes = 0, device = 0, other = 0;
    assert_true(disk_available("m/not/there/yet", &bytes, &device) && bytes > 0);
    assert_true(disk_available("/proc/self", &bytes, &other) && other != device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural), cmocka_unit_test(ranges), cmocka_unit_test(folders),
        cmocka_unit_test(hub),     cmocka_unit_test(order),  cmocka_unit_test(fast),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
