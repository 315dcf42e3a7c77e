/* import.c - Hugging Face folder to flat model file; see import.h.
 *
 * The plan is made before any data is read: which source tensor each output needs, where it goes.
 * Then the source files are walked once, front to back, units in file order. One thread at a time
 * pulls the next unit in (hashing the file as it passes, which is also the read-ahead); packing,
 * checksums and writing run in parallel behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/import.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/flat.h"
#include "models/flat/hub.h"
#include "models/flat/pack.h"
#include "models/flat/sources.h"
#include "src/base/json.h"
#include "src/base/progress.h"

/* One tensor of the output and where it comes from. */
struct job {
    size_t output;
    struct sources_of from;
    const struct checkpoint_tensor
        *last; /* of its sources in file order: packed when it is reached */
    struct checkpoint_unit unit[SOURCES_MOST]; /* where the sources are, from then on */
};

struct import {
    const char *folder;
    struct neox_config config;
    struct checkpoint checkpoint;
    struct flat_writer writer;
    struct job *jobs;
    size_t job_count;
    enum simd_dtype *dtypes;
    XXH3_state_t *hash; /* of the source file being walked */
    uint64_t hashed;
    bool quiet;
};

/* --- what is needed, what is there --- */

static bool is_after(const struct checkpoint_tensor *a, const struct checkpoint_tensor *b)
{
    return a->file != b->file ? a->file > b->file : a->unit > b->unit;
}

static int by_place(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    if (is_after(x->last, y->last)) return 1;
    if (is_after(y->last, x->last)) return -1;
    return x->output < y->output ? -1 : x->output > y->output;
}

static int plan(struct import *m, struct err *e)
{
    size_t n = neox_tensor_count(&m->config);
    m->jobs = calloc(n, sizeof *m->jobs);
    m->dtypes = calloc(n, sizeof *m->dtypes);
    bool *used = calloc(m->checkpoint.tensors.count + 1, sizeof *used);
    int status = -1;
    if (!m->jobs || !m->dtypes || !used) {
        err_memory(e, m->folder);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        struct neox_tensor want;
        struct job *job = &m->jobs[m->job_count++];
        *job = (struct job){.output = i};
        neox_tensor_at(&m->config, i, &want);
        if (sources_find(&job->from, &m->checkpoint, &m->config, &want, e)) goto out;
        for (size_t k = 0; k < job->from.parts; k++) {
            const struct checkpoint_tensor *t = job->from.part[k];
            if (!k || is_after(t, job->last)) job->last = t;
            used[t - m->checkpoint.tensors.items] = true;
        }
        m->dtypes[i] = (enum simd_dtype)job->last->type->weight;
    }
    for (size_t i = 0; i < m->checkpoint.tensors.count; i++) {
        const struct checkpoint_tensor *t = &m->checkpoint.tensors.items[i];
        if (used[i] || sources_is_buffer(t->name)) continue;
        err_set(e, "%s: unexpected tensor %.128s (config.json has %zu layers%s)",
                m->checkpoint.files[t->file].path, t->name, m->config.layers,
                m->config.attention_bias || m->config.dense_bias ? "" : ", attention without bias");
        goto out;
    }
    qsort(m->jobs, m->job_count, sizeof *m->jobs, by_place);
    status = 0;
out:
    free(used);
    return status;
}

/* --- packing --- */

/* A thread's own. */
struct worker {
    struct import *m;
    struct pack_buffers buffers;
    struct err e;
    const struct job *job; /* being written: */
    XXH3_state_t *hash;
    uint64_t at;
};

static int put(void *context, const void *data, size_t bytes, struct err *e)
{
    struct worker *w = context;
    XXH3_64bits_update(w->hash, data, bytes);
    if (flat_put(&w->m->writer, w->job->output, w->at, data, bytes, e)) return -1;
    w->at += bytes;
    if (!w->m->quiet) progress_add(bytes);
    return 0;
}

static int write_tensor(struct worker *w, const struct job *job)
{
    const struct import *m = w->m;
    struct flat_writer_tensor *to = &w->m->writer.tensors[job->output];
    struct pack_tensor t = {.config = &m->config, .is = &to->is, .parts = job->from.parts};
    for (size_t i = 0; i < t.parts; i++) {
        const struct checkpoint_tensor *from = job->from.part[i];
        t.part[i] = (struct pack_part){.from = from,
                                       .base = job->unit[i].data + from->offset,
                                       .path = m->checkpoint.files[from->file].path};
    }
    const struct pack_sink sink = {put, w};
    w->job = job;
    w->at = 0;
    XXH3_64bits_reset(w->hash);
    int status = pack_tensor(&t, &w->buffers, &sink, &w->e);
    to->xxh3 = XXH3_64bits_digest(w->hash);
    return status;
}

/* --- walking the source files --- */

static void hash_up_to(struct import *m, const struct checkpoint_file *f, uint64_t end)
{
    if (end > f->map.size) end = f->map.size;
    if (end <= m->hashed) return;
    XXH3_64bits_update(m->hash, f->map.data + m->hashed, end - m->hashed);
    m->hashed = end;
}

static bool same_unit(const struct checkpoint_tensor *a, const struct checkpoint_tensor *b)
{
    return a->file == b->file && a->unit == b->unit;
}

/* The units of N jobs that have the last one in common: *END is where it ends in its file. */
static int read_units(struct import *m, struct job *jobs, size_t n, uint64_t *end, struct err *e)
{
    struct checkpoint_unit last = {0};
    if (checkpoint_unit(&m->checkpoint, jobs->last, &last, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < jobs[i].from.parts; k++) {
            const struct checkpoint_tensor *t = jobs[i].from.part[k];
            jobs[i].unit[k] = last;
            if (!same_unit(t, jobs->last) &&
                checkpoint_unit(&m->checkpoint, t, &jobs[i].unit[k], e))
                return -1;
        }
    }
    *end = last.end;
    return 0;
}

/* What was copied is let go of. */
static void drop_units(const struct job *job)
{
    for (size_t k = 0; k < job->from.parts; k++) map_drop(job->unit[k].data, job->unit[k].bytes);
}

/* GROUPS[g] .. GROUPS[g + 1]: the jobs of one unit of file FILE. Of several failures the first in
 * file order is told: a group starts only after those before it have. */
static int walk_groups(struct import *m, size_t file, const size_t *groups, size_t group_count,
                       struct err *e)
{
    struct checkpoint_file *f = &m->checkpoint.files[file];
    size_t failed = group_count;
#pragma omp parallel
    {
        struct worker w = {.m = m, .hash = XXH3_createState()};
#pragma omp for ordered schedule(dynamic, 1)
        for (size_t g = 0; g < group_count; g++) {
            struct job *jobs = m->jobs + groups[g];
            size_t first, n = groups[g + 1] - groups[g];
            uint64_t end;
            int status = 0;
#pragma omp ordered
            {
#pragma omp atomic read
                first = failed;
                if (!w.hash) status = err_memory(&w.e, m->folder);
                if (first < g) status = -1;
                if (!status) status = read_units(m, jobs, n, &end, &w.e);
                if (!status) hash_up_to(m, f, end);
            }
            for (size_t i = 0; !status && i < n; i++) status = write_tensor(&w, &jobs[i]);
            for (size_t i = 0; !status && i < n; i++) drop_units(&jobs[i]);
            if (!status) continue;
#pragma omp critical(import_error)
            if (g < failed && first > g) {
                *e = w.e;
#pragma omp atomic write
                failed = g;
            }
        }
        pack_buffers_free(&w.buffers);
        XXH3_freeState(w.hash);
    }
    if (failed < group_count) return -1;
    hash_up_to(m, f, f->map.size);
    return 0;
}

static int walk_file(struct import *m, size_t file, json_t *sources, struct err *e)
{
    struct checkpoint_file *f = &m->checkpoint.files[file];
    size_t *groups = calloc(m->job_count + 1, sizeof *groups), count = 0, end = 0;
    m->hash = XXH3_createState();
    if (!groups || !m->hash) {
        free(groups);
        return err_memory(e, m->folder);
    }
    XXH3_64bits_reset(m->hash);
    m->hashed = 0;
    for (size_t i = 0; i < m->job_count; i++) {
        const struct checkpoint_tensor *t = m->jobs[i].last;
        if (t->file != file) continue;
        if (!count || !same_unit(m->jobs[i - 1].last, t)) groups[count++] = i;
        end = i + 1;
    }
    groups[count] = end;
    int status = walk_groups(m, file, groups, count, e);
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)XXH3_64bits_digest(m->hash));
    XXH3_freeState(m->hash);
    free(groups);
    for (size_t i = 0; i < json_array_size(sources) && !status; i++) {
        json_t *source = json_array_get(sources, i);
        const char *name = json_string_value(json_object_get(source, "file"));
        if (name && !strcmp(name, f->name))
            json_object_set_new(source, "xxh3", json_string(digest));
    }
    return status;
}

/* --- names, provenance --- */

static json_t *source_entry(const char *folder, const char *name, struct err *e)
{
    char *path = format_string("%s/%s", folder, name), text[32];
    struct stat st;
    json_t *entry = NULL;
    if (!path) {
        err_memory(e, folder);
    } else if (stat(path, &st)) {
        err_errno(e, "%s: cannot open", path);
    } else {
        snprintf(text, sizeof text, "%lld",
                 (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
        entry = json_pack("{s:s, s:I, s:s}", "file", name, "bytes", (json_int_t)st.st_size, "mtime",
                          text);
        if (!entry) err_set(e, "%s: its name is not UTF-8", path);
    }
    free(path);
    return entry;
}

/* Hash of a small file that is read whole (config.json, an index). */
static void add_hash(const char *folder, json_t *entry)
{
    char *path = format_string("%s/%s", folder, json_string_value(json_object_get(entry, "file")));
    struct map map;
    struct err ignored;
    if (path && !map_open(&map, path, &ignored)) {
        char digest[17];
        snprintf(digest, sizeof digest, "%016llx",
                 (unsigned long long)XXH3_64bits(map.data, map.size));
        json_object_set_new(entry, "xxh3", json_string(digest));
        map_close(&map);
    }
    free(path);
}

static json_t *sources_of(const struct import *m, struct err *e)
{
    json_t *list = json_array();
    const struct checkpoint *c = &m->checkpoint;
    for (size_t i = 0; i < c->file_count + 2; i++) {
        const char *name = i == 0 ? "config.json" : i == 1 ? c->index : c->files[i - 2].name;
        if (!name) continue;
        json_t *entry = source_entry(m->folder, name, e);
        if (!entry) {
            json_decref(list);
            return NULL;
        }
        if (i < 2) add_hash(m->folder, entry);
        json_array_append_new(list, entry);
    }
    return list;
}

/* --- the whole --- */

static json_t *provenance_of(const struct import *m, const struct import_options *o,
                             json_t *sources)
{
    json_t *p = o->provenance ? json_deep_copy(o->provenance) : json_object();
    char *path = folder_absolute(m->folder);
    json_object_set_new(p, "folder", json_utf8(path ? path : m->folder));
    free(path);
    json_object_set_new(p, "format", json_string(m->checkpoint.format));
    json_object_set(p, "sources", sources);
    return p;
}

static int import_open(struct import *m, struct err *e)
{
    if (!directory_exists(m->folder)) {
        struct stat st;
        if (stat(m->folder, &st)) return err_errno(e, "%s: cannot open", m->folder);
        return err_set(e, "%s: expected a Hugging Face folder, found a file", m->folder);
    }
    char *config = format_string("%s/config.json", m->folder);
    if (!config) return err_memory(e, m->folder);
    int status =
        file_exists(config)
            ? neox_config_read(&m->config, config, e)
            : err_kind(e, ERR_MISSING, "%s: not a model: it has no config.json", m->folder);
    free(config);
    if (status) return -1;
    return checkpoint_open(&m->checkpoint, m->folder, e);
}

/* Everything that can be known, and be wrong, before weights are read. */
static int prepare(struct import *m, const struct import_options *o, struct import_result *r,
                   struct err *e)
{
    *r = (struct import_result){.step = -1, .tokens_seen = -1};
    if (import_open(m, e) || plan(m, e)) return -1;
    folder_identity(m->folder, r->name, &r->step);
    if (o->name) snprintf(r->name, sizeof r->name, "%.255s", o->name);
    if (o->has_step) r->step = o->step;
    struct suite_id id;
    if (r->step >= 0 && o->step_tokens > 0)
        r->tokens_seen = (double)r->step * o->step_tokens;
    else if (r->step >= 0 && suite_find(r->name, &id))
        r->tokens_seen = (double)suite_tokens(r->step);
    r->config = m->config;
    r->tensors = m->job_count;
    for (size_t i = 0; i < r->tensors; i++) {
        struct neox_tensor is;
        neox_tensor_at(&m->config, i, &is);
        r->bytes_written += flat_tensor_bytes(&is, m->dtypes[i]);
    }
    for (size_t i = 0; i < m->checkpoint.file_count; i++)
        r->bytes_read += m->checkpoint.files[i].map.size;
    return 0;
}

static void finish(struct import *m)
{
    checkpoint_close(&m->checkpoint);
    free(m->jobs);
    free(m->dtypes);
}

static const struct import_options none;

int model_import_plan(const char *folder, const struct import_options *options,
                      struct import_result *result, struct err *e)
{
    struct import m = {.folder = folder};
    int status = prepare(&m, options ? options : &none, result, e);
    finish(&m);
    return status;
}

int model_import(const char *folder, const char *out, const struct import_options *options,
                 struct import_result *result, struct err *e)
{
    const struct import_options *o = options ? options : &none;
    struct import m = {.folder = folder, .quiet = o->quiet};
    struct import_result r;
    json_t *sources = NULL, *provenance = NULL;
    int status = -1;
    if (prepare(&m, o, &r, e)) goto out;
    if (!(sources = sources_of(&m, e))) goto out;
    if (flat_create(&m.writer, out, &m.config, m.dtypes, e)) goto out;
    if (!o->quiet) progress_begin("import", "bytes", r.bytes_written);
    status = 0;
    for (size_t i = 0; i < m.checkpoint.file_count && !status; i++)
        status = walk_file(&m, i, sources, e);
    if (!o->quiet) progress_end();
    if (!status) {
        provenance = provenance_of(&m, o, sources);
        status = flat_finish(&m.writer, r.name, r.step, r.tokens_seen, provenance, e);
    }
    if (result) *result = r;
out:
    if (m.writer.out.path) flat_abort(&m.writer);
    json_decref(sources);
    json_decref(provenance);
    finish(&m);
    return status;
}
