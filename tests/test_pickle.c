/* Unit tests of the restricted pickle machine and of PyTorch's zip around it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "models/checkpoint/pickle.h"
#include "models/checkpoint/torch_bin.h"

/* Pieces of pickles, protocol 2. A tensor's storage has `elements`, then offset, sizes, strides. */
#define START "\x80\x02"
#define NAME  "X\x01\0\0\0w"
#define STORAGE                                                                                    \
    "(X\x07\0\0\0storagectorch\nHalfStorage\nX\x01\0\0\0"                                          \
    "0X\x03\0\0\0"                                                                                 \
    "cpuK\x06tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n("
#define HOOKS                                                                                      \
    "\x89"                                                                                         \
    "ccollections\nOrderedDict\n)R"
#define TENSOR(offset, sizes, strides) REBUILD STORAGE "K" offset sizes strides HOOKS "tR"
#define GOOD                           TENSOR("\0", "K\x02K\x03\x86", "K\x03K\x01\x86")

/* A literal with its zero bytes. */
#define P(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static int parse(const uint8_t *data, size_t size, struct pickle_state *s, struct err *e)
{
    uint8_t *copy = malloc(size); /* exactly: a byte too far is seen by the sanitizers */
    memcpy(copy, data, size);
    int status = pickle_parse(s, copy, size, "F", e);
    free(copy);
    return status;
}

static void accepted(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t size;
    } rows[] = {
        {P(START "}" NAME GOOD "s.")},                                /* SETITEM on a dict */
        {P(START "}(" NAME GOOD "u.")},                               /* SETITEMS */
        {P(START "ccollections\nOrderedDict\n)R(" NAME GOOD "u.")},   /* OrderedDict */
        {P(START "ccollections\nOrderedDict\n)R(" NAME GOOD "u}b.")}, /* attributes */
        {P(START "}" NAME "ctorch._utils\n_rebuild_parameter\n(" GOOD HOOKS "tRs.")},
        {P(START "}q\0" NAME GOOD "q\x05sh\0.")},                            /* through the memo */
        {P("\x80\x04\x95\0\0\0\0\0\0\0\0}\x94\x8c\x01w\x94" GOOD "\x94s.")}, /* protocol 4 */
        {P(START "}" NAME REBUILD STORAGE "\x8a\x01\0K\x02K\x03\x86J\x03\0\0\0M\x01\0\x86" HOOKS
                 "tRs.")}, /* other integers */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pickle_state s;
        struct err e = {0};
        if (parse(rows[i].data, rows[i].size, &s, &e)) fail_msg("row %zu: %s", i, e.text);
        assert_int_equal(s.tensors.count, 1);
        const struct checkpoint_tensor *t = &s.tensors.items[0];
        assert_string_equal(t->name, "w");
        assert_string_equal(t->type->name, "F16");
        assert_int_equal(t->rank, 2);
        assert_int_equal(t->shape[0], 2);
        assert_int_equal(t->shape[1], 3);
        assert_int_equal(t->stride[0], 3);
        assert_int_equal(t->stride[1], 1);
        assert_string_equal(s.storages[t->unit].key, "0");
        assert_int_equal(s.storages[t->unit].elements, 6);
        pickle_free(&s);
    }
}

static void views(void **state)
{
    (void)state;
    struct pickle_state s;
    struct err e = {0};
    assert_int_equal(
        parse(P(START "}" NAME TENSOR("\x01", "K\x02K\x02\x86", "K\x01K\x03\x86") "s."), &s, &e),
        0);
    assert_int_equal(s.tensors.items[0].offset, 2);
    assert_int_equal(s.tensors.items[0].stride[1], 3);
    pickle_free(&s);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *data;
        size_t size;
        const char *message;
    } rows[] = {
        {P(START "cos\nsystem\nX\x02\0\0\0id\x85R."), "forbidden global os.system"},
        {P(START "cbuiltins\neval\n."), "forbidden global builtins.eval"},
        {P(START "c__builtin__\ngetattr\n."), "forbidden global"},
        {P(START "ctorch\nload\n."), "forbidden global torch.load"},
        {P(START "ctorch._utils\n_rebuild_tensor\n."), "forbidden global"},
        {P(START "ccollections\nOrderedDictionary\n."), "forbidden global"},
        {P("\x80\x04\x8c\x02os\x8c\x06system\x93."), "forbidden global os.system"},
        {P(START "X\x02\0\0\0osX\x06\0\0\0systemo."), "opcode 0x6f"},
        {P(START "ios\nsystem\n."), "opcode 0x69"},
        {P(START "]."), "opcode 0x5d"},
        {P(START "\x82\x01."), "opcode 0x82"}, /* EXT1 */
        {P(START "}\x81."), "opcode 0x81"},    /* NEWOBJ */
        {P("\x80\x01."), "protocol"},
        {P(START ""), "ends in the middle"},
        {P(START "}"), "ends in the middle"},
        {P(START "X\xff\xff\xff\xffw"), "ends in the middle"},
        {P(START "."), "stack is empty"},
        {P(START "K\x01."), "expected a dict of tensors, found an integer"},
        {P(START "}K\x01K\x02s."), "expected a tensor's name, found an integer"},
        {P(START "}" NAME "K\x02s."), "w: expected a tensor, found an integer"},
        {P(START "}" NAME "}s."), "w: expected a tensor, found a dict"},
        {P(START "}X\x01\0\0\0\0" GOOD "s."), "zero byte"},
        {P(START "}s."), "stack is empty"},
        {P(START "(s."), "found a mark"},
        {P(START "}(" NAME "u."), "do not pair"},
        {P(START "u."), "no mark"},
        {P(START "t."), "no mark"},
        {P(START "(."), "found a mark"},
        {P(START "K\x01(" NAME GOOD "u."), "expected a dict, found an integer"},
        {P(START "h\x07."), "never set"},
        {P(START "}r\xff\xff\xff\x7f."), "memo number out of range"},
        {P(START "K\x01K\x02R."), "expected a callable, found an integer"},
        {P(START "ccollections\nOrderedDict\nK\x01\x85R."), "made from arguments"},
        {P(START "ccollections\nOrderedDict\nK\x01R."), "expected a tuple of arguments"},
        {P(START "ctorch._utils\n_rebuild_tensor_v2\n)R."), "six or seven arguments"},
        {P(START "K\x01Q."), "persistent id"},
        {P(START "(X\x07\0\0\0storageK\x01K\x01K\x01K\x01tQ."), "expected a storage type"},
        {P(START "}" NAME TENSOR("\x01", "K\x02K\x03\x86", "K\x03K\x01\x86") "s."),
         "beyond its storage"},
        {P(START "}" NAME TENSOR("\0", "K\x02K\x03\x86", "K\x04K\x01\x86") "s."),
         "beyond its storage"},
        {P(START "}" NAME TENSOR("\0", "K\x02\x85", "K\x03K\x01\x86") "s."), "differ in number"},
        {P(START "}" NAME TENSOR("\0", "J\xff\xff\xff\xff\x85", "K\x01\x85") "s."), "negative"},
        {P(START "}" NAME TENSOR("\0", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
                                 "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85") "s."),
         "beyond its storage"},
        {P(START "\x8a\x09\0\0\0\0\0\0\0\0\x01."), "more than 64 bits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pickle_state s;
        struct err e = {0};
        if (!parse(rows[i].data, rows[i].size, &s, &e)) fail_msg("row %zu was accepted", i);
        assert_memory_equal(e.text, "F: ", 3);
        if (!strstr(e.text, rows[i].message))
            fail_msg("row %zu: expected '%s', found '%s'", i, rows[i].message, e.text);
    }
}

/* Any part of a good pickle is refused. */
static void cut(void **state)
{
    (void)state;
    static const char whole[] = START "}" NAME GOOD "s.";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct pickle_state s;
        struct err e = {0};
        assert_int_equal(parse((const uint8_t *)whole, n, &s, &e), -1);
        assert_int_equal(e.kind, ERR_DAMAGED);
    }
}

/* A byte changed in a PyTorch file is either in what no tensor needs or noticed. */
static void damaged_zip(void **state)
{
    (void)state;
    struct map map;
    struct err e = {0};
    char path[] = "tests/golden/folders/bin/pytorch_model.bin";
    assert_int_equal(map_open(&map, path, &e), 0);
    uint8_t *copy = malloc(map.size);
    size_t noticed = 0, tried = 0;
    for (size_t at = 0; at < map.size; at += 41) {
        struct checkpoint_file f = {.path = path, .map = {copy, map.size}};
        struct tensor_list list = {0};
        struct checkpoint_unit u = {0};
        memcpy(copy, map.data, map.size);
        copy[at] ^= 0x20;
        int status = torch_bin_open(&f, 0, &list, &e);
        for (size_t i = 0; i < list.count && !status; i++)
            status = torch_bin_read(&f, list.items[i].unit, &u, &e);
        tried++;
        noticed += status != 0;
        tensor_list_free(&list);
        torch_bin_close(&f);
    }
    /* Padding, time stamps and the archive's own notes are a fifth of this small file. */
    if (noticed * 10 < tried * 7) fail_msg("%zu of %zu", noticed, tried);
    for (size_t n = 0; n < map.size; n += n + 300 < map.size ? 331 : 1) {
        struct checkpoint_file f = {.path = path, .map = {map.data, n}};
        struct tensor_list list = {0};
        assert_int_equal(torch_bin_open(&f, 0, &list, &e), -1);
        tensor_list_free(&list);
        torch_bin_close(&f);
    }
    free(copy);
    map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(views),       cmocka_unit_test(refused),
        cmocka_unit_test(cut),      cmocka_unit_test(damaged_zip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
