/* Unit tests of archives: planes of every length, type and pattern come back; checkpoints come back byte
 * for byte in any order; every damaged byte is noticed, and harms only the checkpoints that need it;
 * directories that lie are refused.
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
#include <xxhash.h>
#include <zstd.h>

#include "models/flat/archive_import.h"
#include "models/flat/archive_private.h"
#include "models/flat/bytes.h"
#include "models/flat/locate.h"
#include "tests/scratch.h"

static uint32_t next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

/* --- planes --- */

/* Codes and decodes; the base may be where the result goes. */
static void check_planes(struct planes *p, const void *data, const void *base, size_t n,
                         size_t width)
{
    uint8_t *coded = malloc(n * width), *out = malloc(n * width);
    uint32_t sizes[PLANES_MOST];
    size_t used = planes_encode(p, coded, sizes, data, base, n, width), sum = 0;
    for (size_t k = 0; k < width; k++) {
        assert_in_range(sizes[k], 1, n);
        sum += sizes[k];
    }
    assert_int_equal(used, sum);
    /* At their end there is no more to read: a copy of just those bytes. */
    uint8_t *exact = malloc(used);
    memcpy(exact, coded, used);
    assert_int_equal(planes_decode(p, out, exact, sizes, base, n, width), 0);
    assert_memory_equal(out, data, n * width);
    if (base) {
        memcpy(out, base, n * width);
        assert_int_equal(planes_decode(p, out, exact, sizes, out, n, width), 0);
        assert_memory_equal(out, data, n * width);
    }
    free(exact);
    free(out);
    free(coded);
}

static void test_planes(void **state)
{
    (void)state;
    struct planes *p = planes_new();
    assert_non_null(p);
    const size_t lengths[] = {
        1, 2, 15, 16, 17, 63, 64, 65, 127, 129, 1000, 65536, PLANES_BLOCK - 1, PLANES_BLOCK};
    const size_t room = (size_t)PLANES_BLOCK * PLANES_MOST;
    uint8_t *data = malloc(room), *base = malloc(room);
    uint32_t x = 12345;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (int pattern = 0; pattern < 4; pattern++) {
            for (size_t i = 0; i < room; i++) {
                uint8_t r = (uint8_t)next(&x);
                data[i] = (uint8_t[]){r, 0, (uint8_t)(r & 7), 0xff}[pattern];
                base[i] = pattern == 3 ? r : (uint8_t)(data[i] + (r > 250));
            }
            for (size_t width = 2; width <= 4; width += 2) {
                check_planes(p, data, NULL, lengths[l], width);
                check_planes(p, data, base, lengths[l], width);
            }
        }
    }
    planes_free(p);
    free(data);
    free(base);
}

/* Every 16-bit number against every kind of base; what differs least is smallest. */
static void test_differences(void **state)
{
    (void)state;
    struct planes *p = planes_new();
    static uint16_t data[65536], base[65536];
    uint32_t x = 99;
    for (int b = 0; b < 20; b++) {
        const uint16_t fixed[] = {0, 0x8000, 0x7fff, 0xffff, 0x7c00, 0xfc00, 1, 0x8001, 0x3c00};
        for (size_t i = 0; i < 65536; i++) {
            data[i] = (uint16_t)i;
            base[i] = b < 9 ? fixed[b] : (uint16_t)next(&x);
        }
        check_planes(p, data, base, 65536, 2);
    }
    /* Neighbours across a power of two and across zero: the high plane is nothing but zeros. */
    for (size_t i = 0; i < 65536; i++) {
        base[i] = i % 2 ? 0x3c00 : 0x8000;
        data[i] = i % 2 ? 0x3bff : 0x0000;
    }
    uint32_t sizes[PLANES_MOST];
    uint8_t *out = malloc(sizeof data);
    planes_encode(p, out, sizes, data, base, 65536, 2);
    assert_in_range(sizes[1], 1, 64);
    /* A frame of another length, and no frame, are refused. */
    assert_int_equal(planes_decode(p, data, out, sizes, NULL, 65535, 2), -1);
    memset(out, 0x55, 100);
    assert_int_equal(planes_decode(p, data, out, sizes, NULL, 65536, 2), -1);
    /* So is a frame that saves nothing. */
    uint8_t frame[2100];
    size_t used = ZSTD_compress(frame, sizeof frame, memset(out, 7, 1), 1, 1);
    sizes[0] = (uint32_t)used;
    sizes[1] = 1;
    assert_in_range(used, 2, 100);
    assert_int_equal(planes_decode(p, data, frame, sizes, NULL, 1, 2), -1);
    free(out);
    planes_free(p);
}

/* --- models --- */

enum { STEPS = 12 };

static const struct neox_config tiny = {.layers = 1,
                                        .hidden = 32,
                                        .heads = 2,
                                        .head_size = 16,
                                        .rotary = 4,
                                        .ffn = 64,
                                        .vocab = 5000,
                                        .max_positions = 64,
                                        .rope_theta = 10000,
                                        .layer_norm_eps = 1e-5,
                                        .parallel_residual = true,
                                        .attention_bias = true};

/* Step STEP of a run whose weights move a little each time; types are mixed, the final norm never
 * moves, and step 5 is step 4. The embedding has two blocks. */
static void write_step(const char *path, int64_t step)
{
    struct flat_writer w;
    struct err e = {0};
    enum simd_dtype dtypes[64];
    size_t n = neox_tensor_count(&tiny);
    for (size_t i = 0; i < n; i++) dtypes[i] = i == 3 ? SIMD_F32 : i == 4 ? SIMD_BF16 : SIMD_F16;
    if (step == 7) dtypes[2] = SIMD_F32; /* one that changes its type has no difference */
    if (flat_create(&w, path, &tiny, dtypes, &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < n; i++) {
        uint8_t *data = malloc(w.tensors[i].bytes);
        size_t width = simd_dtype_bytes(dtypes[i]), elements = w.tensors[i].bytes / width;
        uint32_t x = (uint32_t)i + 1, y = 1000 * (uint32_t)(step == 5 ? 4 : step) + x;
        bool still = strstr(w.tensors[i].is.name, "final") != NULL;
        for (size_t k = 0; k < elements; k++) {
            uint32_t bits = (next(&x) & 0x83ff83ff) | 0x24002400;
            bits += still ? 0 : next(&y) % 16;
            memcpy(data + k * width, &bits, width);
        }
        if (flat_put(&w, i, 0, data, w.tensors[i].bytes, &e)) fail_msg("%s", e.text);
        w.tensors[i].xxh3 = XXH3_64bits(data, w.tensors[i].bytes);
        free(data);
    }
    json_t *provenance = json_pack("{s:I}", "written for step", (json_int_t)step);
    if (flat_finish(&w, "tiny", step, step < 0 ? -1 : 1e6 * (double)step, provenance, &e))
        fail_msg("%s", e.text);
    json_decref(provenance);
}

static char paths[STEPS][64], archived[64];

static int make_archive(void **state)
{
    const char *models[STEPS];
    struct err e = {0};
    if (make_scratch(state)) return -1;
    for (int i = 0; i < STEPS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d.tripod", scratch, i);
        write_step(paths[i], i);
        models[(i + 5) % STEPS] = paths[i]; /* not in order */
    }
    snprintf(archived, sizeof archived, "%s/all.tripod", scratch);
    if (!archive_import(models, STEPS, archived, NULL, &e)) return 0;
    fprintf(stderr, "%s\n", e.text);
    return -1;
}

/* Whether checkpoint I is there, byte for byte. */
static bool reads(struct archive *a, size_t i, struct err *e)
{
    struct flat_model m;
    struct map file;
    struct err other;
    if (archive_open_checkpoint(&m, a, i, e)) return false;
    if (map_open(&file, paths[i], &other)) fail_msg("%s", other.text);
    assert_int_equal(m.bytes, file.size);
    assert_memory_equal(m.file, file.data, file.size);
    assert_int_equal(m.step, i);
    map_close(&file);
    flat_close(&m);
    return true;
}

static void test_order(void **state)
{
    (void)state;
    struct archive *a;
    struct err e = {0};
    if (archive_open(&a, archived, &e)) fail_msg("%s", e.text);
    assert_int_equal(archive_count(a), STEPS);
    for (int way = 0; way < 4; way++) {
        for (size_t i = 0; i < STEPS; i++) {
            /* in order, backwards, each alone, in leaps */
            size_t k = (size_t[]){i, STEPS - 1 - i, i, i * 5 % STEPS}[way];
            if (way == 2) archive_forget(a);
            if (!reads(a, k, &e)) fail_msg("%s", e.text);
            if (!reads(a, k, &e)) fail_msg("%s", e.text); /* shared */
        }
    }
    assert_int_equal(archive_find(a, "step3"), 3);
    assert_int_equal(archive_find(a, "step99"), SIZE_MAX);
    assert_int_equal(archive_find(a, "3"), SIZE_MAX);
    assert_string_equal(strrchr(archive_at(a, 11)->path, '@'), "@step11");
    archive_close(a);
}

/* What is stored: whole ones often enough, equal ones once, differences where they pay. */
static void test_stored(void **state)
{
    (void)state;
    struct archive *a;
    struct err e = {0};
    if (archive_open(&a, archived, &e)) fail_msg("%s", e.text);
    size_t counts[ARCHIVE_CODECS], n = neox_tensor_count(&tiny), differences = 0;
    archive_stored(a, 0, counts);
    assert_int_equal(counts[ARCHIVE_WHOLE], n);
    assert_int_equal(archive_stored(a, 5, counts), 0);
    assert_int_equal(counts[ARCHIVE_SAME], n);
    uint32_t deepest = 0;
    for (size_t i = 0; i < STEPS; i++) {
        for (size_t t = 0; t < n; t++) {
            const struct archive_entry *x = archive_entry(a, i, t);
            const char *name = archive_at(a, i)->tensors[t].name;
            if (x->depth > deepest) deepest = x->depth;
            differences += x->codec == ARCHIVE_DIFFERENCE;
            if (i && strstr(name, "final")) assert_int_equal(x->codec, ARCHIVE_SAME);
        }
    }
    assert_int_equal(deepest, ARCHIVE_DEPTH);
    assert_true(differences > 60);
    assert_int_equal(archive_entry(a, 7, 2)->codec, ARCHIVE_WHOLE);
    assert_int_equal(archive_entry(a, 8, 2)->codec, ARCHIVE_WHOLE);
    archive_close(a);
}

static void test_peek(void **state)
{
    (void)state;
    struct flat_model m, whole;
    struct err e = {0};
    char *name = format_string("%s@step9", archived);
    if (model_open(&whole, paths[9], NULL, &e)) fail_msg("%s", e.text);
    for (size_t t = 0; t <= whole.tensor_count; t++) {
        if (model_head(&m, name, t, &e)) fail_msg("%s", e.text);
        assert_string_equal(m.path, name);
        for (size_t k = 0; k < m.tensor_count; k++) {
            assert_int_equal(m.tensors[k].xxh3, whole.tensors[k].xxh3);
            if (k != t) assert_null(m.tensors[k].data);
            if (k == t) assert_int_equal((uintptr_t)m.tensors[k].data % 64, 0);
            if (k == t)
                assert_memory_equal(m.tensors[k].data, whole.tensors[k].data, m.tensors[k].bytes);
        }
        flat_close(&m);
    }
    flat_close(&whole);
    free(name);
}

/* An archive made of archives' checkpoints and flat files is the same file. */
static void test_again(void **state)
{
    (void)state;
    struct err e = {0};
    char part[80], again[80], member[80];
    snprintf(part, sizeof part, "%s/part.tripod", scratch);
    snprintf(again, sizeof again, "%s/again.tripod", scratch);
    snprintf(member, sizeof member, "%s@step6", archived);
    const char *some[] = {paths[9], paths[1], paths[0], paths[2]};
    if (archive_import(some, 4, part, NULL, &e)) fail_msg("%s", e.text);
    const char *all[] = {paths[3], part,     member,    paths[4], paths[5],
                         paths[7], paths[8], paths[10], paths[11]};
    /* The archive it adds to is the one it replaces. */
    if (archive_import(all, 9, part, NULL, &e)) fail_msg("%s", e.text);
    struct map x, y;
    if (map_open(&x, archived, &e) || map_open(&y, part, &e)) fail_msg("%s", e.text);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    map_close(&x);
    map_close(&y);
    /* The same step twice; nothing is left of the attempt. */
    const char *twice[] = {paths[3], part};
    assert_int_equal(archive_import(twice, 2, again, NULL, &e), -1);
    assert_non_null(strstr(e.text, "is step 3, as"));
    assert_int_not_equal(access(again, F_OK), 0);
}

/* A file of the format's first day still reads. */
static void test_kept(void **state)
{
    (void)state;
    struct archive *a;
    struct err e = {0};
    if (archive_open(&a, "tests/fuzz/seeds/archive/file", &e)) fail_msg("%s", e.text);
    assert_int_equal(archive_count(a), 4);
    for (size_t i = 0; i < 4; i++) {
        struct flat_model m;
        if (archive_open_checkpoint(&m, a, i, &e)) fail_msg("%s", e.text);
        assert_string_equal(m.name, "tiny");
        assert_int_equal(flat_verify(&m, &e), 0);
        flat_close(&m);
    }
    archive_close(a);
}

/* --- damage --- */

static uint8_t *copy_file(size_t *size)
{
    struct map file;
    struct err e = {0};
    if (map_open(&file, archived, &e)) fail_msg("%s", e.text);
    uint8_t *copy = malloc(file.size);
    memcpy(copy, file.data, *size = file.size);
    map_close(&file);
    return copy;
}

static void test_flipped_metadata(void **state)
{
    (void)state;
    size_t size;
    uint8_t *copy = copy_file(&size);
    uint64_t metadata = get64(copy + ARCHIVE_AT_METADATA);
    for (size_t at = 0; at < size; at = at + 1 == ARCHIVE_HEADER ? metadata : at + 1) {
        struct archive *a;
        struct err e = {0};
        copy[at] ^= (uint8_t)(1 << at % 8);
        if (!archive_parse(&a, copy, size, "flipped", &e)) fail_msg("byte %zu is not noticed", at);
        assert_null(a);
        assert_non_null(strstr(e.text, "flipped: "));
        copy[at] ^= (uint8_t)(1 << at % 8);
    }
    for (size_t cut = 0; cut < size; cut += cut < 300 || size - cut < 300 ? 1 : 997) {
        struct archive *a;
        struct err e = {0};
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, copy, cut);
        if (!archive_parse(&a, exact, cut, "cut", &e)) fail_msg("cut at %zu is not noticed", cut);
        free(exact);
    }
    free(copy);
}

/* Whether checkpoint I needs the byte at AT for one of its tensors. */
static bool needs(const struct archive *a, size_t i, size_t at)
{
    for (size_t t = 0; t < a->tensors; t++) {
        for (size_t c = archive_owner(a, i, t);; c = archive_entry(a, c, t)->base) {
            const struct archive_entry *x = archive_entry(a, c, t);
            if (at >= x->offset && at - x->offset < x->bytes) return true;
            if (x->codec == ARCHIVE_WHOLE) break;
        }
    }
    return false;
}

static void test_flipped_data(void **state)
{
    (void)state;
    size_t size, harmed = 0, unharmed = 0;
    uint8_t *copy = copy_file(&size);
    struct archive *a;
    struct err e = {0};
    if (archive_parse(&a, copy, size, "flipped", &e)) fail_msg("%s", e.text);
    for (size_t at = ARCHIVE_HEADER; at < a->data_end; at += a->data_end / 23) {
        copy[at] ^= 4;
        for (size_t i = 0; i < STEPS; i++) {
            archive_forget(a);
            bool bad = needs(a, i, at);
            *e.text = 0;
            if (reads(a, i, &e) == bad) fail_msg("byte %zu, checkpoint %zu: %s", at, i, e.text);
            if (bad) {
                assert_int_equal(e.kind, ERR_DAMAGED);
                assert_non_null(strstr(e.text, "damaged"));
                assert_non_null(strstr(e.text, archive_at(a, i)->path));
            }
            harmed += bad;
            unharmed += !bad;
        }
        copy[at] ^= 4;
    }
    assert_true(harmed > 20 && unharmed > 20);
    archive_close(a);
    free(copy);
}

/* --- directories that lie --- */

/* The file with its decoded metadata changed by LIE and packed again, checksums right; a byte of the
 * first tensor's at FLIP (0: none) is changed, too. *COPY is freed by the caller. */
static int open_lie(struct archive **a, uint8_t **out, size_t flip,
                    void (*lie)(uint8_t *metadata, uint8_t *entries, size_t tensors), struct err *e)
{
    size_t size;
    uint8_t *copy = copy_file(&size);
    uint64_t at = get64(copy + ARCHIVE_AT_METADATA), bytes = get64(copy + ARCHIVE_AT_DECODED);
    uint8_t *m = malloc(bytes);
    size_t room = ZSTD_compressBound(bytes);
    copy = realloc(copy, at + room);
    struct map file;
    if (map_open(&file, archived, e)) fail_msg("%s", e->text);
    assert_int_equal(ZSTD_decompress(m, bytes, file.data + at, size - at), bytes);
    map_close(&file);
    uint8_t *entries = m + ARCHIVE_COUNTS + get64(m) * ARCHIVE_HEAD;
    if (flip) copy[flip] ^= 1;
    put64(entries + 24, XXH3_64bits(copy + get64(entries + 8), get64(entries + 16)));
    lie(m, entries, get64(m + 8));
    size_t packed = ZSTD_compress(copy + at, room, m, bytes, 1);
    put64(copy + ARCHIVE_AT_FILE_SIZE, at + packed);
    put64(copy + ARCHIVE_AT_METADATA_HASH, XXH3_64bits(copy + at, packed));
    put64(copy + ARCHIVE_AT_HEADER_HASH, XXH3_64bits(copy, ARCHIVE_AT_HEADER_HASH));
    free(m);
    *out = copy;
    return archive_parse(a, copy, at + packed, "lie", e);
}

static uint8_t *entry(uint8_t *entries, size_t tensors, size_t checkpoint, size_t tensor)
{
    return entries + (checkpoint * tensors + tensor) * ARCHIVE_ENTRY;
}

/* Marks a head's checksums right again. */
static void seal(uint8_t *m, size_t checkpoint)
{
    uint8_t *head = m + get64(m + ARCHIVE_COUNTS + checkpoint * ARCHIVE_HEAD);
    put64(head + 248, XXH3_64bits(head, 248));
}

/* M: the metadata, X: the entries, N: tensors of each checkpoint. */
#define LIE(name)                                                                                  \
    static void name(uint8_t *m __attribute__((unused)), uint8_t *x __attribute__((unused)),       \
                     size_t n __attribute__((unused)))

LIE(lie_nothing) {}

LIE(lie_codec)
{
    put32(entry(x, n, 1, 0), 3);
}

LIE(lie_forward)
{
    put32(entry(x, n, 1, 0) + 4, 2);
}

LIE(lie_circle)
{
    put32(entry(x, n, 1, 0) + 4, 1);
}

LIE(lie_whole_base)
{
    put32(entry(x, n, 1, 0), 0);
    put32(entry(x, n, 1, 0) + 4, 1);
    put32(entry(x, n, 2, 0) + 4, 1);
}

LIE(lie_base_same)
{
    put32(entry(x, n, 6, 0) + 4, 5);
}

LIE(lie_type)
{
    put32(entry(x, n, 7, 2), 1);
    put32(entry(x, n, 7, 2) + 4, 6);
}

LIE(lie_depth)
{
    put32(entry(x, n, 9, 0), 1);
    put32(entry(x, n, 9, 0) + 4, 8);
}

LIE(lie_same)
{
    put32(entry(x, n, 5, 0) + 4, 3);
}

LIE(lie_same_bytes)
{
    put64(entry(x, n, 5, 0) + 24, 1);
}

LIE(lie_offset)
{
    put64(entry(x, n, 3, 1) + 8, get64(entry(x, n, 3, 1) + 8) - 1);
}

LIE(lie_outside)
{
    put64(entry(x, n, 3, 1) + 8, 1ull << 60);
}

LIE(lie_huge)
{
    put64(entry(x, n, 3, 1) + 16, UINT64_MAX - 8);
}

LIE(lie_few)
{
    put64(entry(x, n, 0, 0) + 16, 8);
}

LIE(lie_end)
{
    put64(entry(x, n, 11, n - 1) + 16, get64(entry(x, n, 11, n - 1) + 16) - 1);
}

LIE(lie_count)
{
    put64(m, 1ull << 40);
}

LIE(lie_none)
{
    put64(m, 0);
}

LIE(lie_tensors)
{
    put64(m + 8, UINT64_MAX / 16);
}

LIE(lie_tensors_less)
{
    put64(m + 8, n - 1);
}

LIE(lie_head)
{
    put64(m + ARCHIVE_COUNTS, 1 << 20);
}

LIE(lie_head_bytes)
{
    put64(m + ARCHIVE_COUNTS + 8, UINT64_MAX);
}

LIE(lie_head_longer)
{
    uint8_t *head = m + ARCHIVE_COUNTS;
    put64(head + 8, get64(head + 8) + 8);
    put64(head + ARCHIVE_HEAD, get64(head + ARCHIVE_HEAD) + 8);
    put64(head + ARCHIVE_HEAD + 8, get64(head + ARCHIVE_HEAD + 8) - 8);
}
LIE(lie_step)
{
    uint8_t *h = m + get64(m + ARCHIVE_COUNTS + 4 * ARCHIVE_HEAD);
    put64(h + 168, 3);
    seal(m, 4);
}

LIE(lie_unknown)
{
    uint8_t *h = m + get64(m + ARCHIVE_COUNTS);
    put64(h + 168, UINT64_MAX);
    seal(m, 0);
}

LIE(lie_config)
{
    uint8_t *h = m + get64(m + ARCHIVE_COUNTS + 4 * ARCHIVE_HEAD);
    put64(h + 136, 65);
    seal(m, 4);
}

static void test_lies(void **state)
{
    (void)state;
    struct err e = {0};
    struct archive *a;
    uint8_t *copy;
    const struct {
        void (*lie)(uint8_t *, uint8_t *, size_t);
        const char *says;
    } lies[] = {
        {lie_codec, "lie@step1: gpt_neox.embed_in.weight: unknown codec 3"},
        {lie_forward,
         "lie@step1: gpt_neox.embed_in.weight: its base, checkpoint 2, is none before"},
        {lie_circle, "its base, checkpoint 1, is none before"},
        {lie_whole_base, "its base, checkpoint 1, is none before"},
        {lie_base_same, "its base, checkpoint 5, is itself another's"},
        {lie_type, "of another type"},
        {lie_depth, "more than 8 checkpoints are needed"},
        {lie_same, "it is not the same as checkpoint 3's"},
        {lie_same_bytes, "its stored bytes are too few"},
        {lie_offset, "overlap"},
        {lie_outside, "overlap or lie outside"},
        {lie_huge,
         "lie@step3: gpt_neox.layers.0.input_layernorm.weight: its stored bytes are too few, overlap or lie"},
        {lie_few, "lie@step0: gpt_neox.embed_in.weight: its stored bytes are too few"},
        {lie_end, "expected the metadata at"},
        {lie_count, "do not fit into it"},
        {lie_none, "do not fit into it"},
        {lie_tensors, "do not fit into it"},
        {lie_tensors_less, "its head lies outside"},
        {lie_head, "checkpoint 0: its head lies outside"},
        {lie_head_bytes, "checkpoint 0: its head lies outside"},
        {lie_head_longer, "lie@0: header: expected"},
        {lie_step, "lie@4: it does not follow step 3"},
        {lie_unknown, "lie@1: it follows one whose step is not known"},
        {lie_config, "lie@4: its config is not that of the first"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        if (!open_lie(&a, &copy, 0, lies[i].lie, &e)) fail_msg("lie %zu is believed", i);
        free(copy);
        if (!strstr(e.text, lies[i].says)) fail_msg("lie %zu: %s", i, e.text);
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
}

/* Stored bytes whose own checksum is right and that are wrong. */
static void test_false_data(void **state)
{
    (void)state;
    struct archive *a;
    struct err e = {0};
    uint8_t *copy;
    if (open_lie(&a, &copy, 0, lie_nothing, &e)) fail_msg("%s", e.text);
    if (!reads(a, 1, &e)) fail_msg("%s", e.text);
    archive_close(a);
    free(copy);
    const struct {
        size_t at;
        const char *says;
    } places[] = {
        {ARCHIVE_HEADER, "lie@step0: gpt_neox.embed_in.weight: its stored bytes are damaged"},
        {ARCHIVE_HEADER + 3, "lie@step0: gpt_neox.embed_in.weight: its stored bytes are damaged"},
        {ARCHIVE_HEADER + 1000, "embed_in.weight: it does not decode to what was stored"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (open_lie(&a, &copy, places[i].at, lie_nothing, &e)) fail_msg("%s", e.text);
        for (int k = 0; k < 2; k++) {
            if (reads(a, 0, &e)) fail_msg("place %zu is believed", i);
            if (!strstr(e.text, places[i].says)) fail_msg("place %zu: %s", i, e.text);
        }
        archive_close(a);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planes),       cmocka_unit_test(test_differences),
        cmocka_unit_test(test_order),        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_peek),         cmocka_unit_test(test_again),
        cmocka_unit_test(test_kept),         cmocka_unit_test(test_flipped_metadata),
        cmocka_unit_test(test_flipped_data), cmocka_unit_test(test_lies),
        cmocka_unit_test(test_false_data),
    };
    return cmocka_run_group_tests(tests, make_archive, remove_scratch);
}
