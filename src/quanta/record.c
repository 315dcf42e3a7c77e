/* record.c - see record.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/quanta/sketch.h"

#define FORMAT "tripod-gradients 1"

enum { MOST_SAMPLES = 1 << 30, MOST_SHARDS = 1000000 };

uint64_t gradients_key(const struct gradients_record *r, bool whole)
{
    char *all =
        format_string("%s %s %s %s %s %s %zu %" PRIu64 " %zu-%zu of %zu", r->weights,
                      r->corpus_hash, r->protocol, r->gelu, r->rows_hash, r->coordinates, r->k,
                      r->seed, whole ? 0 : r->first, whole ? r->rows : r->end, r->rows);
    uint64_t key = all ? XXH3_64bits(all, strlen(all)) : 0;
    free(all);
    return key;
}

char *gradients_path(const char *folder, const char *name, const char *suffix, size_t shard,
                     size_t shards)
{
    return shards > 1
               ? format_string("%s/%s.shard-%zu-of-%zu.%s", folder, name, shard, shards, suffix)
               : format_string("%s/%s.%s", folder, name, suffix);
}

/* --- reading --- */

bool gradients_record_is(const char *path)
{
    return json_file_is(path, "tripod-gradients");
}

struct reader {
    const char *path;
    struct err *e;
    int status; /* of the first that failed */
};

static char *text(struct reader *r, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    char *copy = s ? strdup(s) : NULL;
    if (copy || r->status) return copy;
    r->status = s ? err_memory(r->e, r->path)
                  : err_kind(r->e, ERR_DAMAGED, "%s: %s: expected a string", r->path, key);
    return NULL;
}

static uint64_t whole(struct reader *r, const json_t *o, const char *key, uint64_t lo, uint64_t hi)
{
    const json_t *v = json_object_get(o, key);
    json_int_t n = json_integer_value(v);
    if (json_is_integer(v) && n >= 0 && (uint64_t)n >= lo && (uint64_t)n <= hi) return (uint64_t)n;
    if (!r->status)
        r->status = err_kind(r->e, ERR_DAMAGED,
                             "%s: %s: expected a whole number from %" PRIu64 " to %" PRIu64,
                             r->path, key, lo, hi);
    return lo;
}

/* A string that may be missing; "?" stands for one that JSON cannot hold. */
static char *known(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && strcmp(s, "?") ? strdup(s) : NULL;
}

static void read_members(struct gradients_record *g, struct reader *r, const json_t *o)
{
    const json_t *rows = json_object_get(o, "rows"), *shard = json_object_get(o, "shard");
    const json_t *coordinates = json_object_get(o, "coordinates");
    const json_t *sketch = json_object_get(o, "sketch"), *step = json_object_get(o, "step");
    g->complete = json_is_true(json_object_get(o, "complete"));
    g->model = text(r, o, "model");
    g->step =
        json_is_integer(step) && json_integer_value(step) >= 0 ? json_integer_value(step) : -1;
    g->weights = text(r, o, "weights");
    g->gelu = text(r, o, "gelu");
    g->corpus_hash = text(r, o, "corpus_hash");
    g->protocol = text(r, o, "protocol");
    g->rows_hash = text(r, rows, "hash");
    g->rows = whole(r, rows, "count", 1, MOST_SAMPLES);
    g->first = whole(r, rows, "first", 0, g->rows - 1);
    g->end = whole(r, rows, "end", g->first + 1, g->rows);
    g->shards = whole(r, shard, "of", 1, MOST_SHARDS);
    g->shard = whole(r, shard, "index", 0, g->shards - 1);
    g->coordinates = text(r, coordinates, "name");
    g->numbers = whole(r, coordinates, "parameters", 1, INT64_MAX);
    g->k = whole(r, sketch, "k", 0, SKETCH_MOST);
    g->seed = whole(r, sketch, "seed", 0, INT64_MAX);
    g->seconds = json_number_value(json_object_get(o, "seconds"));
    g->flop = json_number_value(json_object_get(o, "flop"));
    g->model_file = known(o, "model_file");
    g->corpus = known(json_object_get(o, "corpus"), "prefix");
    if (r->status) return;
    if (g->k % 2 || (g->k && g->k < SKETCH_LEAST)) {
        r->status = err_kind(r->e, ERR_DAMAGED,
                             "%s: sketch: k: expected an even number from %d on, or 0, found %zu",
                             r->path, SKETCH_LEAST, g->k);
        return;
    }
    char key[17];
    const char *found = json_string_value(json_object_get(o, "key"));
    snprintf(key, sizeof key, "%016" PRIx64, gradients_key(g, false));
    if (!found || strcmp(found, key))
        r->status = err_kind(r->e, ERR_DAMAGED, "%s: key: expected %s, found %s", r->path, key,
                             found ? found : "none");
}

int gradients_record_read(struct gradients_record *g, const char *path, struct err *e)
{
    struct reader r = {.path = path, .e = e};
    json_error_t why;
    *g = (struct gradients_record){0};
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!o) {
        bool absent = json_error_code(&why) == json_error_cannot_open_file;
        return err_kind(e, absent ? ERR_MISSING : ERR_DAMAGED, "%s: line %d: %s", path, why.line,
                        why.text);
    }
    const char *format = json_string_value(json_object_get(o, "format"));
    if (!format || strcmp(format, FORMAT))
        r.status = err_set(e, "%s: format: expected \"" FORMAT "\", found %s", path,
                           format ? format : "none");
    else
        read_members(g, &r, o);
    json_decref(o);
    if (r.status) gradients_record_free(g);
    return r.status;
}

void gradients_record_free(struct gradients_record *r)
{
    free(r->model);
    free(r->weights);
    free(r->corpus_hash);
    free(r->rows_hash);
    free(r->protocol);
    free(r->gelu);
    free(r->coordinates);
    free(r->model_file);
    free(r->corpus);
    *r = (struct gradients_record){0};
}

/* --- writing --- */

json_t *gradients_record_json(const struct gradients_record *r, json_t *extra)
{
#define I(v) (json_int_t)(v)
    json_t *o = json_pack(
        "{s:s, s:b, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:{s:I, s:I, s:I, s:s}, s:{s:I, s:I}, "
        "s:{s:s, s:I}, s:{s:I, s:I}, s:o, s:o, s:o}",
        "format", FORMAT, "complete", r->complete, "key", json_hex(gradients_key(r, false)),
        "model", json_utf8(r->model), "step", r->step < 0 ? json_null() : json_integer(r->step),
        "weights", r->weights, "gelu", r->gelu, "corpus_hash", r->corpus_hash, "protocol",
        r->protocol, "rows", "count", I(r->rows), "first", I(r->first), "end", I(r->end), "hash",
        r->rows_hash, "shard", "index", I(r->shard), "of", I(r->shards), "coordinates", "name",
        r->coordinates, "parameters", I(r->numbers), "sketch", "k", I(r->k), "seed", I(r->seed),
        "seconds", json_finite(r->seconds), "flop", json_finite(r->flop), "model_file",
        json_utf8(r->model_file));
#undef I
    if (o) json_object_set_new(o, "corpus", json_pack("{s:o}", "prefix", json_utf8(r->corpus)));
    if (o && extra) json_object_update(o, extra);
    json_decref(extra);
    return o;
}
