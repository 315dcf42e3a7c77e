/* cmd_info_archive.c - tripod info of an archive: its checkpoints, what they take, whether they decode.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/archive.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/cmd_info.h"

/* Decodes all; the error is the first one's, and how many there are. */
static int verify(struct archive *a, const char *path, uint64_t bytes, struct err *e)
{
    size_t damaged = 0;
    progress_begin("verify", "bytes", bytes);
    for (size_t i = 0; i < archive_count(a); i++) {
        struct flat_model m;
        struct err found;
        if (!archive_open_checkpoint(&m, a, i, &found)) {
            progress_add(m.bytes);
            flat_close(&m);
        } else if (!damaged++) {
            *e = found;
        }
    }
    progress_end();
    if (damaged > 1)
        err_prefix(e, "%s: %zu of %zu checkpoints cannot be decoded, the first", path, damaged,
                   archive_count(a));
    return damaged ? -1 : 0;
}

static json_t *checkpoint_json(const struct archive *a, size_t i, const char *path)
{
    const struct flat_model *m = archive_at(a, i);
    size_t counts[ARCHIVE_CODECS];
    json_int_t stored = (json_int_t)archive_stored(a, i, counts);
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "checkpoint",
                     json_utf8(m->path + strlen(path) + 1), "model", json_utf8(m->name), "step",
                     m->step < 0 ? json_null() : json_integer(m->step), "tokens_seen",
                     m->tokens_seen < 0 ? json_null() : json_real(m->tokens_seen), "bytes",
                     (json_int_t)m->bytes, "stored_bytes", stored, "tensors_whole",
                     (json_int_t)counts[ARCHIVE_WHOLE], "tensors_difference",
                     (json_int_t)counts[ARCHIVE_DIFFERENCE], "tensors_same",
                     (json_int_t)counts[ARCHIVE_SAME]);
}

int info_archive(const char *path, bool verified, json_t *o, struct err *e)
{
    struct archive *a;
    if (archive_open(&a, path, e)) return -1;
    uint64_t decoded = 0, bytes = archive_bytes(a);
    json_t *list = json_array();
    for (size_t i = 0; i < archive_count(a); i++) {
        decoded += archive_at(a, i)->bytes;
        json_array_append_new(list, checkpoint_json(a, i, path));
    }
    int status = verified ? verify(a, path, decoded, e) : 0;
    json_object_set_new(o, "file", json_utf8(path));
    json_object_set_new(o, "kind", json_string("archive"));
    json_object_set_new(o, "model", json_utf8(archive_at(a, 0)->name));
    json_object_set_new(o, "checkpoints", json_integer((json_int_t)archive_count(a)));
    info_config(o, &archive_at(a, 0)->config);
    json_object_set_new(o, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(o, "decoded_bytes", json_integer((json_int_t)decoded));
    json_object_set_new(o, "ratio", json_real((double)bytes / (double)decoded));
    if (verified) json_object_set_new(o, "verified", json_true());
    json_object_set_new(o, "checkpoint_list", list);
    archive_close(a);
    return status;
}

static void put_number(struct table *t, const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    if (json_is_integer(v))
        table_whole(t, (uint64_t)json_integer_value(v));
    else
        table_real(t, json_is_real(v) ? json_real_value(v) : NAN);
}

void info_put_checkpoints(struct sheet *s, const json_t *o, bool sum)
{
    static const struct column columns[] = {
        {.name = "checkpoint"},
        {.name = "tokens_seen", .format = "%.12g", .unit = TABLE_COUNT, .head = "tokens"},
        {.name = "bytes", .unit = TABLE_BYTES},
        {.name = "stored_bytes", .unit = TABLE_BYTES, .head = "stored"},
        {.name = "ratio", .format = "%.4f"},
        {.name = "tensors_whole", .unit = TABLE_EXACT, .head = "whole"},
        {.name = "tensors_difference", .unit = TABLE_EXACT, .head = "differences"},
        {.name = "tensors_same", .unit = TABLE_EXACT, .head = "same"}};
    const json_t *list = json_object_get(o, "checkpoint_list");
    if (sum)
        sheet_remark(s, "%s: %zu checkpoints of %s in %.4g of the bytes of their flat files",
                     json_string_value(json_object_get(o, "file")), json_array_size(list),
                     json_string_value(json_object_get(o, "model")),
                     json_real_value(json_object_get(o, "ratio")));
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        table_text(t, "%s", json_string_value(json_object_get(row, "checkpoint")));
        put_number(t, row, "tokens_seen");
        put_number(t, row, "bytes");
        put_number(t, row, "stored_bytes");
        table_real(t, (double)json_integer_value(json_object_get(row, "stored_bytes")) /
                          (double)json_integer_value(json_object_get(row, "bytes")));
        put_number(t, row, "tensors_whole");
        put_number(t, row, "tensors_difference");
        put_number(t, row, "tensors_same");
    }
}
