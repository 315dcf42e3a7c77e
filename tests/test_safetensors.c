/* Unit tests of the safetensors reader: what the format forbids is refused with a message that
 * names the place; what it allows is read.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/safetensors.h"

/* The file with this header and DATA bytes behind it, in memory of exactly that size. */
static int parse(const char *header, size_t data, struct tensor_list *list, struct err *e)
{
    size_t n = strlen(header), size = 8 + n + data;
    uint8_t *file = malloc(size);
    assert_non_null(file);
    memset(file, 0, size);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)n >> 8 * i);
    memcpy(file + 8, header, n);
    *list = (struct tensor_list){0};
    int status = safetensors_parse(file, size, "F", 3, list, e);
    free(file);
    return status;
}

#define T(dtype, shape, begin, end)                                                                \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void accepted(void **state)
{
    (void)state;
    struct tensor_list list;
    struct err e = {0};
    const char *header =
        "{\"__metadata__\":{\"format\":\"pt\"},\"b\":" T("F32", "[2]", "12", "20") ",\"a\":" T(
            "F16", "[2,3]", "0", "12") ",\"s\":" T("BF16", "[]", "20",
                                                   "22") ",\"none\":" T("F16", "[0,7]", "22",
                                                                        "22") "}   ";
    if (parse(header, 22, &list, &e)) fail_msg("%s", e.text);
    assert_int_equal(list.count, 4);
    const struct checkpoint_tensor *b = &list.items[0], *a = &list.items[1];
    uint64_t data = 8 + strlen(header);
    assert_string_equal(b->name, "b");
    assert_int_equal(b->unit, data + 12);
    assert_int_equal(b->file, 3);
    assert_string_equal(b->type->name, "F32");
    assert_int_equal(a->unit, data);
    assert_int_equal(a->rank, 2);
    assert_int_equal(a->shape[0], 2);
    assert_int_equal(a->shape[1], 3);
    assert_int_equal(a->stride[0], 3);
    assert_int_equal(a->stride[1], 1);
    assert_int_equal(list.items[2].rank, 0);
    tensor_list_free(&list);
    assert_int_equal(parse("{}", 0, &list, &e), 0);
    tensor_list_free(&list);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } rows[] = {
        {"", 0, "header"},
        {"[]", 0, "expected a JSON object"},
        {"{\"a\":", 0, "header"},
        {"{\"a\":1}", 0, "a: expected dtype, shape"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1]}}", 2, "a: expected dtype, shape"},
        {"{\"a\":" T("F16", "[1]", "0", "2") ",\"a\":" T("F16", "[1]", "2", "4") "}", 4,
         "duplicate"},
        {"{\"a\":" T("Q3", "[1]", "0", "2") "}", 2, "a: unknown element type Q3"},
        {"{\"a\":" T("F16", "[-1]", "0", "2") "}", 2, "not a list of sizes"},
        {"{\"a\":" T("F16", "[1.5]", "0", "2") "}", 2, "not a list of sizes"},
        {"{\"a\":" T("F16", "[1,1,1,1,1,1,1,1,1]", "0", "2") "}", 2, "at most 8 dimensions"},
        {"{\"a\":" T("F16", "[4294967296,4294967296]", "0", "0") "}", 0, "overflows"},
        {"{\"a\":" T("F64", "[4611686018427387904]", "0", "0") "}", 0, "overflows"},
        {"{\"a\":" T("F16", "[2]", "0", "4") "}", 3, "outside the file's 3 bytes"},
        {"{\"a\":" T("F16", "[2]", "4", "0") "}", 4, "outside the file"},
        {"{\"a\":" T("F16", "[2]", "-4", "0") "}", 4, "expected dtype, shape"},
        {"{\"a\":" T("F16", "[2]", "9223372036854775800", "9223372036854775804") "}", 4,
         "outside the file"},
        {"{\"a\":" T("F16", "[3]", "0", "4") "}", 4, "needs 6 bytes, its offsets span 4"},
        {"{\"a\":" T("F16", "[2]", "0", "4") ",\"b\":" T("F16", "[2]", "2", "6") "}", 6,
         "b: its data starts at 2, overlapping"},
        {"{\"a\":" T("F16", "[2]", "0", "4") ",\"b\":" T("F16", "[2]", "0", "4") "}", 4,
         "overlapping"},
        {"{\"a\":" T("F16", "[2]", "0", "4") ",\"b\":" T("F16", "[2]", "6", "10") "}", 10,
         "with a hole after"},
        {"{\"a\":" T("F16", "[2]", "2", "6") "}", 6, "with a hole after"},
        {"{\"a\":" T("F16", "[2]", "0", "4") "}", 5, "expected 4 bytes of data, found 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tensor_list list;
        struct err e = {0};
        if (!parse(rows[i].header, rows[i].data, &list, &e))
            fail_msg("accepted: %s", rows[i].header);
        tensor_list_free(&list);
        assert_memory_equal(e.text, "F: ", 3);
        if (!strstr(e.text, rows[i].message))
            fail_msg("%s: expected '%s', found '%s'", rows[i].header, rows[i].message, e.text);
        bool other = strstr(e.text, "unknown element type") || strstr(e.text, "at most 8");
        assert_int_equal(e.kind, other ? ERR_INPUT : ERR_DAMAGED);
    }
}

static void lengths(void **state)
{
    (void)state;
    static const uint8_t longer[] = {200, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    static const uint8_t huge[] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    struct tensor_list list = {0};
    struct err e = {0};
    assert_int_equal(safetensors_parse(longer, sizeof longer, "F", 0, &list, &e), -1);
    assert_string_equal(e.text,
                        "F: header: it says it has 200 bytes, the file has 10 (truncated, or "
                        "not safetensors)");
    assert_int_equal(safetensors_parse(huge, sizeof huge, "F", 0, &list, &e), -1);
    for (size_t n = 0; n < 8; n++) {
        e.kind = ERR_SYSTEM;
        assert_int_equal(safetensors_parse(longer, n, "F", 0, &list, &e), -1);
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
    assert_int_equal(
        safetensors_parse((const uint8_t *)pointer, sizeof pointer - 1, "F", 0, &list, &e), -1);
    assert_non_null(strstr(e.text, "Git LFS"));
    tensor_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepted), cmocka_unit_test(refused),
                                       cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
