/* cmd_info.c - tripod info: what a file holds: a flat model, a Hugging Face folder, a tokenised
 * corpus, an array, a JSON result.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/archive.h"
#include "models/flat/hub.h"
#include "models/flat/archived.h"
#include "models/flat/locate.h"
#include "src/cli.h"
#include "src/cmd_info.h"
#include "src/commands.h"
#include "src/text/corpus.h"
#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/base/progress.h"

struct arguments {
    struct cli_common common;
    struct texts files;
    bool verify, tensors, compare;
};
#define ARGS struct arguments

static const struct option_row options[] = {
    OPTION_PLAINS(files, "FILE..."),
    OPTION_FLAG("verify", 0, verify, "Recompute checksums and counts; a difference is an error"),
    OPTION_FLAG("tensors", 0, tensors,
                "List the tensors of models (on a terminal --details does, too)"),
    OPTION_FLAG(
        "compare", 0, compare,
        "Compare the weights of two or more models (flat files, folders, hub names, FILE@stepN) with "
        "the first's"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct arguments defaults = {.verify = false};

/* "f16", or "f16 f32" where tensors differ. */
enum { TYPES = SIMD_I16 + 1 };
static json_t *element_types(const bool found[TYPES])
{
    char s[24] = "";
    for (int i = 0; i < TYPES; i++) {
        if (!found[i]) continue;
        size_t n = strlen(s);
        snprintf(s + n, sizeof s - n, "%s%s", n ? " " : "", flat_dtype_name((enum simd_dtype)i));
    }
    return json_string(s);
}

/* --- the kinds of file --- */

static int info_model(const struct arguments *a, const char *path, json_t *o, struct err *e)
{
    struct flat_model m;
    if (model_open(&m, path, NULL, e)) return -1;
    int status = 0;
    if (a->verify) {
        progress_begin("verify", "bytes", m.bytes);
        status = flat_verify(&m, e);
        progress_end();
    }
    json_object_set_new(o, "kind", json_string("model"));
    json_object_set_new(o, "model", json_utf8(m.name));
    json_object_set_new(o, "step", m.step < 0 ? json_null() : json_integer(m.step));
    json_object_set_new(o, "tokens_seen",
                        m.tokens_seen < 0 ? json_null() : json_number(m.tokens_seen));
    info_config(o, &m.config);
    bool found[TYPES] = {false};
    json_t *list = json_array();
    for (size_t i = 0; i < m.tensor_count; i++) {
        const struct flat_tensor *t = &m.tensors[i];
        found[t->dtype] = true;
        json_t *row = json_pack("{s:s, s:s, s:s, s:[I, I], s:I, s:o}", "name", t->name, "type",
                                flat_dtype_name(t->dtype), "layout",
                                t->layout == FLAT_PANELS ? "panels" : "rows", "shape",
                                (json_int_t)t->rows, (json_int_t)t->columns, "bytes",
                                (json_int_t)t->bytes, "xxh3", json_hex(t->xxh3));
        json_array_append_new(list, row);
    }
    json_object_set_new(o, "type", element_types(found));
    json_object_set_new(o, "tensors", json_integer((json_int_t)m.tensor_count));
    json_object_set_new(o, "bytes", json_integer((json_int_t)m.bytes));
    json_object_del(json_object_get(m.provenance, "packed"), "exponents"); /* a letter a column */
    json_object_set(o, "provenance", m.provenance);
    if (a->verify) json_object_set_new(o, "verified", json_true());
    json_object_set_new(o, "tensor_list", list);
    flat_close(&m);
    return status;
}

/* PyTorch's zip has a CRC for each storage; safetensors has no checksums. */
static int verify_folder(struct checkpoint *c, json_t *o, struct err *e)
{
    struct checkpoint_unit u = {0};
    int status = 0;
    bool zip = !strcmp(c->format, "pytorch");
    for (size_t i = 0; i < c->tensors.count && zip && !status; i++)
        status = checkpoint_unit(c, &c->tensors.items[i], &u, e);
    json_object_set_new(o, "verified",
                        zip ? json_true() : json_string("safetensors has no checksums"));
    return status;
}

static int info_folder(const struct arguments *a, const char *path, json_t *o, struct err *e)
{
    struct neox_config config;
    struct checkpoint c;
    char name[256];
    int64_t step;
    char *file = format_string("%s/config.json", path);
    int status = !file                ? err_memory(e, path)
                 : !file_exists(file) ? err_set(e, "%s: not a model: it has no config.json", path)
                                      : neox_config_read(&config, file, e);
    free(file);
    if (status || checkpoint_open(&c, path, e)) return -1;
    folder_identity(path, name, &step);
    json_object_set_new(o, "kind", json_string("folder"));
    json_object_set_new(o, "model", json_utf8(name));
    json_object_set_new(o, "step", step < 0 ? json_null() : json_integer(step));
    info_config(o, &config);
    bool found[TYPES] = {false};
    json_t *list = json_array();
    for (size_t i = 0; i < c.tensors.count; i++) {
        const struct checkpoint_tensor *t = &c.tensors.items[i];
        if (t->type->weight >= 0) found[t->type->weight] = true;
        json_t *shape = json_array();
        for (size_t d = 0; d < t->rank; d++)
            json_array_append_new(shape, json_integer((json_int_t)t->shape[d]));
        json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o}", "name", json_utf8(t->name),
                                              "type", t->type->name, "shape", shape, "file",
                                              json_utf8(c.files[t->file].name)));
    }
    json_object_set_new(o, "type", element_types(found));
    json_object_set_new(o, "tensors", json_integer((json_int_t)c.tensors.count));
    json_object_set_new(o, "format", json_string(c.format));
    json_object_set_new(o, "files", json_integer((json_int_t)c.file_count));
    if (a->verify) status = verify_folder(&c, o, e);
    json_object_set_new(o, "tensor_list", list);
    checkpoint_close(&c);
    return status;
}

/* The .json beside a result, or NULL where there is none. PATH without its last EXTENSION bytes. */
static int load_beside(const char *path, size_t extension, json_t **o, struct err *e)
{
    char *file = format_string("%.*s.json", (int)(strlen(path) - extension), path);
    json_error_t error;
    *o = NULL;
    if (!file) return err_memory(e, path);
    int status = 0;
    if (file_exists(file) && !(*o = json_load_file(file, 0, &error)))
        status = err_set(e, "%s: line %d: %s", file, error.line, error.text);
    free(file);
    return status;
}

static int same_count(const json_t *beside, const char *key, double found, const char *path,
                      struct err *e)
{
    const json_t *v = json_object_get(beside, key);
    if (!json_is_number(v) || json_number_value(v) == found) return 0;
    return err_set(e, "%s: %s: its .json says %.0f, found %.0f", path, key, json_number_value(v),
                   found);
}

static int info_corpus(const struct arguments *a, const char *path, json_t *o, struct err *e)
{
    static const char *const types[] = {
        [1] = "uint8", [2] = "int8",    [3] = "int16",   [4] = "int32",
        [5] = "int64", [6] = "float32", [7] = "float64", [8] = "uint16"};
    struct corpus c;
    if (corpus_open(&c, path, e)) return -1;
    uint64_t longest = 0, empty = 0, hash = 0;
    for (size_t i = 0; i < c.documents; i++) {
        size_t n = corpus_length(&c, i);
        if (n > longest) longest = n;
        empty += n == 0;
    }
    json_object_set_new(o, "kind", json_string("corpus"));
    json_object_set_new(o, "prefix", json_utf8(c.prefix));
    json_object_set_new(o, "documents", json_integer((json_int_t)c.documents));
    json_object_set_new(o, "tokens", json_integer((json_int_t)c.tokens));
    json_object_set_new(o, "longest", json_integer((json_int_t)longest));
    json_object_set_new(o, "empty_documents", json_integer((json_int_t)empty));
    json_object_set_new(o, "type", json_string(c.type >= 1 && c.type <= 8 ? types[c.type] : "?"));
    int status = 0;
    json_t *beside = NULL;
    if (a->verify) {
        status = corpus_hash(&c, c.documents, &hash, e);
        if (!status) status = load_beside(c.prefix, 0, &beside, e);
        if (!status) status = same_count(beside, "documents", (double)c.documents, path, e);
        if (!status) status = same_count(beside, "tokens", (double)c.tokens, path, e);
        char mine[17];
        snprintf(mine, sizeof mine, "%016" PRIx64, hash);
        const char *theirs = json_string_value(json_object_get(beside, "corpus_hash"));
        if (!status && theirs && strcmp(mine, theirs))
            status = err_set(e, "%s: the tokens' checksum is %s, its .json says %.32s", path, mine,
                             theirs);
        json_object_set_new(o, "corpus_hash", json_hex(hash));
        json_object_set_new(o, "verified", json_true());
    }
    json_decref(beside);
    corpus_close(&c);
    return status;
}

struct summary {
    double mean, least, most;
    uint64_t count, not_finite;
};

/* Of float arrays; sums in double, rows of 4096 values at a time so that error stays far below the
 * values' own. */
static void summarise(const struct npy *n, struct summary *s)
{
    uint64_t count = n->rows * (n->columns ? n->columns : 1);
    double sum = 0, block = 0;
    *s = (struct summary){.count = count, .least = INFINITY, .most = -INFINITY};
    for (uint64_t i = 0; i < count; i++) {
        double v;
        if (n->width == 4) {
            float f;
            memcpy(&f, (const char *)n->data + 4 * i, sizeof f);
            v = (double)f;
        } else {
            memcpy(&v, (const char *)n->data + 8 * i, sizeof v);
        }
        if (isfinite(v)) {
            block += v;
            if (v < s->least) s->least = v;
            if (v > s->most) s->most = v;
        } else {
            s->not_finite++;
        }
        if (i % 4096 == 4095) {
            sum += block;
            block = 0;
        }
    }
    uint64_t finite = count - s->not_finite;
    s->mean = finite ? (sum + block) / (double)finite : NAN;
}

static int verify_losses(const char *path, const struct summary *s, struct err *e)
{
    json_t *beside = NULL;
    size_t length = strlen(path);
    int status =
        length > 4 && !strcmp(path + length - 4, ".npy") ? load_beside(path, 4, &beside, e) : 0;
    const json_t *mean = json_object_get(beside, "mean_loss");
    if (!status && s->not_finite)
        status = err_set(e, "%s: %llu of %llu values are not finite", path,
                         (unsigned long long)s->not_finite, (unsigned long long)s->count);
    if (!status) status = same_count(beside, "predictions", (double)s->count, path, e);
    if (!status && json_is_number(mean) &&
        !(fabs(json_number_value(mean) - s->mean) <= 1e-9 * fabs(s->mean)))
        status = err_set(e, "%s: the mean is %.12g, its .json says %.12g", path, s->mean,
                         json_number_value(mean));
    json_decref(beside);
    return status;
}

static int info_array(const struct arguments *a, const char *path, json_t *o, struct err *e)
{
    struct npy n;
    if (npy_open(&n, path, e)) return -1;
    int status = 0;
    json_object_set_new(o, "kind", json_string("array"));
    json_object_set_new(o, "type", json_utf8(n.descr));
    json_t *shape = json_array();
    json_array_append_new(shape, json_integer((json_int_t)n.rows));
    if (n.columns) json_array_append_new(shape, json_integer((json_int_t)n.columns));
    json_object_set_new(o, "shape", shape);
    if (!strcmp(n.descr, "<f4") || !strcmp(n.descr, "<f8")) {
        struct summary s;
        summarise(&n, &s);
        if (isfinite(s.mean)) {
            json_object_set_new(o, "mean", json_real(s.mean));
            json_object_set_new(o, "min", json_real(s.least));
            json_object_set_new(o, "max", json_real(s.most));
        }
        json_object_set_new(o, "not_finite", json_integer((json_int_t)s.not_finite));
        if (a->verify) {
            status = verify_losses(path, &s, e);
            json_object_set_new(o, "verified", json_true());
        }
    }
    npy_close(&n);
    return status;
}

/* Of a record "tripod-KIND VERSION"; of a result without a format what its keys tell. The caller
 * frees. */
static json_t *json_kind(const json_t *root)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    size_t length = 0;
    if (format && !strncmp(format, "tripod-", 7)) {
        format += 7;
        length = strspn(format, "abcdefghijklmnopqrstuvwxyz-");
        if (format[length] != ' ') length = 0;
    }
    if (length) return json_stringn(format, length);
    return json_string(json_object_get(root, "law")                   ? "fit"
                       : json_object_get(root, "mean_loss")           ? "losses"
                       : json_is_array(json_object_get(root, "runs")) ? "scan"
                       : json_object_get(root, "sketch")              ? "gradients"
                                                                      : "json");
}

/* A result of ours: its own keys, under its kind. */
static int info_json(const char *path, json_t *o, struct err *e)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) return err_set(e, "%s: line %d: %s", path, error.line, error.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(e, "%s: expected a JSON object", path);
    }
    json_object_set_new(o, "kind", json_kind(root));
    json_object_update_missing(o, root);
    json_decref(root);
    return 0;
}

static int info_one(const struct arguments *a, const char *path, json_t *o, struct err *e)
{
    uint8_t head[16] = {0};
    struct stat st;
    json_object_set_new(o, "file", json_utf8(path));
    if (stat(path, &st)) {
        if (corpus_exists(path)) return info_corpus(a, path, o, e);
        if (archived_is(path)) return info_model(a, path, o, e);
        /* A name in the Hugging Face cache is a folder. */
        char *folder = model_folder(path, e);
        if (!folder) return -1;
        int status = stat(folder, &st) ? err_errno(e, "%s: cannot open", path)
                                       : info_folder(a, folder, o, e);
        free(folder);
        return status;
    }
    if (S_ISDIR(st.st_mode)) return info_folder(a, path, o, e);
    if (!S_ISREG(st.st_mode)) return err_set(e, "%s: expected a regular file", path);
    FILE *f = fopen(path, "re");
    if (!f) return err_errno(e, "%s: cannot open", path);
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    const char *dot = strrchr(path, '.');
    if (flat_is(head, n)) return info_model(a, path, o, e);
    if (archive_is(head, n)) return info_archive(path, a->verify, o, e);
    if (n >= 6 && !memcmp(head, "\x93NUMPY", 6)) return info_array(a, path, o, e);
    if ((n >= 9 && !memcmp(head, "MMIDIDX\0\0", 9)) ||
        (dot && !strcmp(dot, ".bin") && corpus_exists(path)))
        return info_corpus(a, path, o, e);
    if (n && head[strspn((const char *)head, " \t\r\n")] == '{') return info_json(path, o, e);
    return err_set(
        e,
        "%s: not a file this program writes or reads: expected a flat model, an archive, a "
        ".npy, a .bin/.idx corpus or a .json",
        path);
}

/* --- output --- */

/* What a terminal makes of the numbers under these keys. */
static enum table_unit unit_of(const char *key)
{
    static const struct {
        const char *key;
        enum table_unit unit;
    } units[] = {{"parameters", TABLE_COUNT},     {"parameters_total", TABLE_COUNT},
                 {"tokens", TABLE_COUNT},         {"tokens_seen", TABLE_COUNT},
                 {"documents", TABLE_COUNT},      {"empty_documents", TABLE_COUNT},
                 {"predictions", TABLE_COUNT},    {"words", TABLE_COUNT},
                 {"bytes", TABLE_BYTES},          {"bytes_read", TABLE_BYTES},
                 {"decoded_bytes", TABLE_BYTES},  {"bytes_written", TABLE_BYTES},
                 {"seconds", TABLE_SECONDS},      {"cpu_seconds", TABLE_SECONDS},
                 {"wall_seconds", TABLE_SECONDS}, {"tokens_per_s", TABLE_COUNT},
                 {"mfu", TABLE_PERCENT}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!strcmp(key, units[i].key)) return units[i].unit;
    }
    return TABLE_PLAIN;
}

/* A row: key, value. Lists and objects that take more than a line are for --details. */
static void put_value(struct table *t, const char *key, const json_t *v)
{
    enum { LINE = 60 };
    table_text(t, "%s", key);
    if (json_is_null(v)) {
        table_none(t);
    } else if (json_is_string(v)) {
        table_text(t, "%s", json_string_value(v));
    } else if (json_is_real(v)) {
        table_real_in(t, json_real_value(v), unit_of(key));
    } else if (json_is_integer(v) && json_integer_value(v) >= 0) {
        table_whole_in(t, (uint64_t)json_integer_value(v), unit_of(key));
    } else {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        table_text(t, "%s", s ? s : "?");
        if (s && strlen(s) > LINE) table_detail(t);
        free(s);
    }
}

/* WANTED: --tensors; else a terminal has them with --details. */
static void put_tensors(struct sheet *s, const json_t *list, bool wanted)
{
    const unsigned where = wanted ? 0 : TABLE_ONLY_TERMINAL;
    const bool flat = json_object_get(json_array_get(list, 0), "layout");
    const struct column columns[] = {{.flags = where | TABLE_NO_TERMINAL},
                                     {.head = "tensor", .flags = where},
                                     {.head = "type", .flags = where},
                                     {.head = "shape", .flags = where},
                                     {.head = flat ? "layout" : "file", .flags = where}};
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", !wanted);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char *shape = json_dumps(json_object_get(row, "shape"), JSON_ENCODE_ANY);
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *type = json_string_value(json_object_get(row, "type"));
        const char *last = json_string_value(json_object_get(row, flat ? "layout" : "file"));
        table_text(t, "tensor");
        table_text(t, "%s", name ? name : "?");
        table_text(t, "%s", type ? type : "?");
        table_text(t, "%s", shape ? shape : "?");
        table_text(t, "%s", last ? last : "?");
        free(shape);
    }
}

static void put_file(struct sheet *s, const json_t *o, bool tensors)
{
    static const struct column columns[] = {{.name = NULL}, {.format = "%.10g"}};
    struct table *t = sheet_table(s, columns, 2, "null", false);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (strcmp(key, "tensor_list") && strcmp(key, "checkpoint_list")) put_value(t, key, v);
    }
    if (json_object_get(o, "checkpoint_list")) info_put_checkpoints(s, o, false);
    const json_t *list = json_object_get(o, "tensor_list");
    if (json_array_size(list)) put_tensors(s, list, tensors);
}

static int check(void *args, struct err *e)
{
    const struct arguments *a = args;
    return a->compare && a->files.n < 2 ? err_set(e, "--compare: expected two models or more") : 0;
}

static int run(void *args, struct err *e)
{
    const struct arguments *a = args;
    cli_use_threads(a->common.threads);
    if (a->compare) return info_compare(&a->common, &a->files, a->verify, a->tensors, e);
    json_t *files = json_array();
    struct sheet *s = sheet_open();
    int status = 0;
    for (size_t i = 0; i < a->files.n && !status; i++) {
        json_t *o = json_object();
        status = info_one(a, a->files.item[i], o, e);
        if (!status && i) sheet_gap(s);
        /* A list in a .json is part of it. */
        const char *kind = json_string_value(json_object_get(o, "kind"));
        bool model = kind && (!strcmp(kind, "model") || !strcmp(kind, "folder"));
        if (!status) put_file(s, o, a->tensors || !model);
        if (model && !a->tensors) json_object_del(o, "tensor_list");
        json_array_append_new(files, o);
    }
    if (!status) status = cli_write(&a->common, s, json_pack("{s:O}", "files", files), e);
    json_decref(files);
    sheet_free(s);
    return status;
}

const struct command cmd_info = {
    .name = "info",
    .summary = "what a model, corpus, loss or result file holds",
    .text = "Shows what files hold: a flat model file, an archive of checkpoints or one of them "
            "(FILE@stepN), a Hugging Face folder, a tokenised corpus "
            "(P, P.bin or P.idx), a .npy array, a .json written by scan, tokenize or fit.",
    .more = "With --verify a model's checksums are recomputed, a corpus is read and compared with "
            "its .json, and losses are counted and averaged anew and compared with theirs. Not on "
            "a terminal the output is KEY, a tab, VALUE.\n\n"
            "--compare takes models only and tells which tensors are equal (the same float32 bits) "
            "and how far the rest are apart: the largest difference of two weights, and the rms of "
            "the difference relative to the rms of the first model's. Tensors with equal checksums "
            "are taken to be equal; with --verify the checksums are recomputed first. A terminal "
            "shows the tensors that differ most, and all of them with --details.",

    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
