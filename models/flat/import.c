/* import.c - Hugging Face folder to flat model file; see import.h.
 *
 * The plan is made before any data is read: which source tensor each output needs, where it goes.
 * Then the source files are walked once, front to back, units in file order. One thread at a time
 * pulls the next unit in (hashing the file as it passes, which is also the read-ahead); packing,
 * checksums and writing run in parallel behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/flat/import.h"

#include <dirent.h>
#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/checkpoint/checkpoint.h"
#include "models/flat/flat.h"
#include "src/base/json.h"
#include "src/base/progress.h"

/* Bytes packed between writes: within L2, long enough for the disk. */
enum { CHUNK = 1 << 20, BLOCK = 32 };

/* One tensor of the output and where it comes from. */
struct job {
    size_t output;
    const struct checkpoint_tensor *from;
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

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

/* Buffers that checkpoints of older transformers carry; they are recomputed, never used. */
static bool is_buffer(const char *name)
{
    return ends_with(name, ".attention.bias") || ends_with(name, ".attention.masked_bias") ||
           ends_with(name, ".rotary_emb.inv_freq");
}

static const char *without_prefix(const char *name)
{
    return strncmp(name, "gpt_neox.", 9) ? name : name + 9;
}

/* The checkpoint's tensor for an output: the gpt_neox. prefix may be missing, the head may be
 * called lm_head, and with tied embeddings the embedding serves. */
static const struct checkpoint_tensor *find_source(const struct import *m, const char *name)
{
    const struct checkpoint_tensor *t = checkpoint_find(&m->checkpoint, name);
    if (!t) t = checkpoint_find(&m->checkpoint, without_prefix(name));
    if (t || strcmp(name, "embed_out.weight")) return t;
    t = checkpoint_find(&m->checkpoint, "lm_head.weight");
    return t || !m->config.tied_embeddings ? t : find_source(m, "gpt_neox.embed_in.weight");
}

static int check_source(const struct import *m, const struct neox_tensor *want,
                        const struct checkpoint_tensor *t, struct err *e)
{
    const char *path = m->checkpoint.files[t->file].path;
    char found[128];
    bool same = want->vector
                    ? t->rank == 1 && t->shape[0] == want->columns
                    : t->rank == 2 && t->shape[0] == want->rows && t->shape[1] == want->columns;
    if (!same && want->vector)
        return err_set(e, "%s: %s: expected shape [%zu], found %s", path, t->name, want->columns,
                       tensor_shape(t, found, sizeof found));
    if (!same)
        return err_set(e, "%s: %s: expected shape [%zu, %zu], found %s", path, t->name, want->rows,
                       want->columns, tensor_shape(t, found, sizeof found));
    if (t->type->weight < 0)
        return err_set(e, "%s: %s: expected element type F16, BF16 or F32, found %s", path, t->name,
                       t->type->name);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    if (x->from->file != y->from->file) return x->from->file < y->from->file ? -1 : 1;
    if (x->from->unit != y->from->unit) return x->from->unit < y->from->unit ? -1 : 1;
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
        neox_tensor_at(&m->config, i, &want);
        const struct checkpoint_tensor *t = find_source(m, want.name);
        if (!t) {
            err_set(e, "%s: %s is missing", m->folder, want.name);
            goto out;
        }
        if (check_source(m, &want, t, e)) goto out;
        m->jobs[m->job_count++] = (struct job){i, t};
        m->dtypes[i] = (enum simd_dtype)t->type->weight;
        used[t - m->checkpoint.tensors.items] = true;
    }
    for (size_t i = 0; i < m->checkpoint.tensors.count; i++) {
        const struct checkpoint_tensor *t = &m->checkpoint.tensors.items[i];
        if (used[i] || is_buffer(t->name)) continue;
        err_set(e, "%s: unexpected tensor %.128s (config.json has %zu layers%s)",
                m->checkpoint.files[t->file].path, t->name, m->config.layers,
                m->config.attention_bias ? "" : ", attention without bias");
        goto out;
    }
    qsort(m->jobs, m->job_count, sizeof *m->jobs, by_place);
    status = 0;
out:
    free(used);
    return status;
}

/* --- packing --- */

/* Row of the checkpoint that holds row R of the output: query_key_value is [head][q, k, v][dim]
 * there and [q, k, v][head][dim] here. */
static size_t source_row(const struct neox_config *c, bool qkv, size_t r)
{
    if (!qkv) return r;
    size_t part = r / c->hidden, head = r % c->hidden / c->head_size, dim = r % c->head_size;
    return (head * 3 + part) * c->head_size + dim;
}

/* Columns of 32 rows side by side: out[k][r] = rows[r][k]. In blocks of one cache line a row: read
 * column by column, rows whose distance is a power of two would evict each other. Four 16-bit
 * elements to a store: 3.0 instead of 2.3 GB/s a core (Zen 4). */
static void pack16(uint16_t *restrict out, const uint8_t *const *rows, size_t columns)
{
    uint16_t v[SIMD_PANEL][BLOCK] = {{0}};
    for (size_t k0 = 0; k0 < columns; k0 += BLOCK) {
        size_t n = columns - k0 < BLOCK ? columns - k0 : BLOCK;
        for (size_t r = 0; r < SIMD_PANEL; r++) {
            if (rows[r]) memcpy(v[r], rows[r] + 2 * k0, 2 * n);
        }
        for (size_t r = 0; r < SIMD_PANEL; r += 4) {
            for (size_t k = 0; k < n; k++) {
                uint64_t four = (uint64_t)v[r][k] | (uint64_t)v[r + 1][k] << 16 |
                                (uint64_t)v[r + 2][k] << 32 | (uint64_t)v[r + 3][k] << 48;
                memcpy(out + (k0 + k) * SIMD_PANEL + r, &four, sizeof four);
            }
        }
    }
}

static void pack32(uint32_t *restrict out, const uint8_t *const *rows, size_t columns)
{
    for (size_t k0 = 0; k0 < columns; k0 += BLOCK) {
        size_t n = columns - k0 < BLOCK ? columns - k0 : BLOCK;
        for (size_t r = 0; r < SIMD_PANEL; r++) {
            uint32_t v[BLOCK] = {0};
            if (rows[r]) memcpy(v, rows[r] + 4 * k0, 4 * n);
            for (size_t k = 0; k < n; k++) out[(k0 + k) * SIMD_PANEL + r] = v[k];
        }
    }
}

/* A thread's buffers. */
struct scratch {
    struct checkpoint_unit unit;
    uint8_t *packed, *rows; /* a chunk of output; a panel's rows when the source is strided */
    size_t packed_bytes, rows_bytes;
    struct err e;
};

static uint8_t *room(uint8_t **buffer, size_t *capacity, size_t bytes)
{
    if (bytes > *capacity) {
        free(*buffer);
        *capacity = 0;
        *buffer = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (*buffer) *capacity = bytes;
    }
    return *buffer;
}

/* N elements of SIZE bytes, STRIDE elements apart. */
static void gather(uint8_t *out, const uint8_t *from, size_t n, size_t stride, size_t size)
{
    for (size_t i = 0; i < n; i++) memcpy(out + i * size, from + i * stride * size, size);
}

struct tensor_job {
    struct import *m;
    const struct job *job;
    struct flat_writer_tensor *to;
    const uint8_t *base; /* first element of the source */
    size_t size;         /* bytes of an element */
    size_t row_stride, column_stride;
    XXH3_state_t *hash;
    uint64_t at;
    struct scratch *s;
};

static int emit(struct tensor_job *j, const void *data, size_t bytes)
{
    XXH3_64bits_update(j->hash, data, bytes);
    if (flat_put(&j->m->writer, j->job->output, j->at, data, bytes, &j->s->e)) return -1;
    j->at += bytes;
    if (!j->m->quiet) progress_add(bytes);
    return 0;
}

static int write_vector(struct tensor_job *j)
{
    size_t n = j->to->is.columns;
    uint8_t *out = room(&j->s->packed, &j->s->packed_bytes, n * j->size);
    if (!out) return err_memory(&j->s->e, j->m->folder);
    for (size_t i = 0; i < n; i++) {
        size_t from = source_row(&j->m->config, j->to->is.qkv, i);
        memcpy(out + i * j->size, j->base + from * j->column_stride * j->size, j->size);
    }
    return emit(j, out, n * j->size);
}

static int write_rows(struct tensor_job *j)
{
    size_t row = j->to->is.columns * j->size, rows = j->to->is.rows;
    size_t step = row < CHUNK ? CHUNK / row : 1;
    bool dense = j->column_stride == 1 && j->row_stride == j->to->is.columns;
    uint8_t *out = NULL;
    if (!dense && !(out = room(&j->s->packed, &j->s->packed_bytes, step * row)))
        return err_memory(&j->s->e, j->m->folder);
    for (size_t r = 0; r < rows; r += step) {
        size_t n = rows - r < step ? rows - r : step;
        const uint8_t *from = j->base + r * j->row_stride * j->size;
        for (size_t i = 0; i < n && !dense; i++)
            gather(out + i * row, from + i * j->row_stride * j->size, j->to->is.columns,
                   j->column_stride, j->size);
        if (emit(j, dense ? from : out, n * row)) return -1;
    }
    return 0;
}

static int write_panels(struct tensor_job *j)
{
    size_t columns = j->to->is.columns, rows = j->to->is.rows;
    size_t panel = columns * SIMD_PANEL * j->size;
    size_t step = panel < CHUNK ? CHUNK / panel : 1;
    size_t panels = (rows + SIMD_PANEL - 1) / SIMD_PANEL;
    bool dense = j->column_stride == 1;
    uint8_t *out = room(&j->s->packed, &j->s->packed_bytes, step * panel);
    uint8_t *strided = dense ? NULL : room(&j->s->rows, &j->s->rows_bytes, panel);
    if (!out || (!dense && !strided)) return err_memory(&j->s->e, j->m->folder);
    for (size_t p = 0; p < panels; p += step) {
        size_t n = panels - p < step ? panels - p : step;
        for (size_t i = 0; i < n; i++) {
            const uint8_t *from[SIMD_PANEL] = {NULL};
            for (size_t r = 0; r < SIMD_PANEL; r++) {
                size_t row = (p + i) * SIMD_PANEL + r;
                if (row >= rows) break;
                row = source_row(&j->m->config, j->to->is.qkv, row);
                from[r] = j->base + row * j->row_stride * j->size;
                if (dense) continue;
                uint8_t *copy = strided + r * columns * j->size;
                gather(copy, from[r], columns, j->column_stride, j->size);
                from[r] = copy;
            }
            void *to = out + i * panel;
            if (j->size == 2)
                pack16(to, from, columns);
            else
                pack32(to, from, columns);
        }
        if (emit(j, out, n * panel)) return -1;
    }
    return 0;
}

static int write_tensor(struct import *m, const struct job *job, struct scratch *s)
{
    const struct checkpoint_tensor *t = job->from;
    struct flat_writer_tensor *to = &m->writer.tensors[job->output];
    struct tensor_job j = {.m = m,
                           .job = job,
                           .to = to,
                           .base = s->unit.data + t->offset,
                           .size = t->type->bytes,
                           .row_stride = t->rank == 2 ? t->stride[0] : 0,
                           .column_stride = t->rank == 2 ? t->stride[1] : t->stride[0],
                           .hash = XXH3_createState(),
                           .s = s};
    if (!j.hash) return err_memory(&s->e, m->folder);
    XXH3_64bits_reset(j.hash);
    int status = to->is.vector   ? write_vector(&j)
                 : to->is.panels ? write_panels(&j)
                                 : write_rows(&j);
    to->xxh3 = XXH3_64bits_digest(j.hash);
    XXH3_freeState(j.hash);
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

/* Lets go of the pages of a unit that has been copied: resident memory stays small. */
static void drop_pages(const struct checkpoint_unit *u)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)u->data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)u->data + u->bytes) / page * page;
    if (u->data != u->buffer && end > begin) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* Jobs [FIRST, END) read file FILE. GROUPS[g] .. GROUPS[g + 1]: the jobs of one unit. */
static int walk_groups(struct import *m, size_t file, const size_t *groups, size_t group_count,
                       struct err *e)
{
    struct checkpoint_file *f = &m->checkpoint.files[file];
    int failed = 0;
    /* A PyTorch unit is read whole by each thread: few threads bound the memory. */
#pragma omp parallel num_threads(f->zip &&omp_get_max_threads() > 4 ? 4 : omp_get_max_threads())
    {
        struct scratch s = {0};
#pragma omp for ordered schedule(dynamic, 1)
        for (size_t g = 0; g < group_count; g++) {
            const struct job *jobs = m->jobs + groups[g];
            int status, skip;
#pragma omp ordered
            {
#pragma omp atomic read
                skip = failed;
                status = skip ? -1 : checkpoint_unit(&m->checkpoint, jobs->from, &s.unit, &s.e);
                if (!status) hash_up_to(m, f, s.unit.end);
            }
            for (size_t i = 0; !status && i < groups[g + 1] - groups[g]; i++)
                status = write_tensor(m, &jobs[i], &s);
            if (!status) drop_pages(&s.unit);
            if (status && !skip) {
#pragma omp critical(import_error)
                {
                    if (!failed) *e = s.e;
#pragma omp atomic write
                    failed = 1;
                }
            }
        }
        checkpoint_unit_free(&s.unit);
        free(s.packed);
        free(s.rows);
    }
    if (failed) return -1;
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
        const struct checkpoint_tensor *t = m->jobs[i].from;
        if (t->file != file) continue;
        if (!count || m->jobs[i - 1].from->unit != t->unit) groups[count++] = i;
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
    static const char *const indices[] = {"model.safetensors.index.json",
                                          "pytorch_model.bin.index.json"};
    const char *index = indices[!strcmp(m->checkpoint.format, "pytorch")];
    for (size_t i = 0; i < m->checkpoint.file_count + 2; i++) {
        const char *name = i == 0   ? "config.json"
                           : i == 1 ? index
                                    : m->checkpoint.files[i - 2].name;
        if (i == 1 &&
            (m->checkpoint.file_count == 1 &&
             !strncmp(m->checkpoint.files[0].name, index, strlen(m->checkpoint.files[0].name))))
            continue;
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

char *folder_absolute(const char *folder)
{
    char here[PATH_MAX] = "";
    if (folder[0] != '/' && !getcwd(here, sizeof here)) return NULL;
    if (strstr(folder, "..")) return realpath(folder, NULL);
    char *out = malloc(strlen(here) + strlen(folder) + 3), *p = out;
    if (!out) return NULL;
    p += sprintf(p, "%s", here);
    for (const char *s = folder; *s;) {
        while (*s == '/') s++;
        size_t n = strcspn(s, "/");
        if (n && !(n == 1 && *s == '.')) p += sprintf(p, "/%.*s", (int)n, s);
        s += n;
    }
    *p = 0;
    return out;
}

/* "stepN" -> N, else -1. */
static int64_t step_of(const char *s)
{
    if (strncmp(s, "step", 4) || s[4] < '0' || s[4] > '9' || strlen(s) > 16) return -1;
    char *end;
    int64_t n = strtoll(s + 4, &end, 10);
    return *end ? -1 : n;
}

/* In the Hugging Face cache: .../models--ORG--NAME/snapshots/HASH; refs/REVISION holds the hash. */
static void cache_identity(const char *path, char *name, int64_t *step)
{
    const char *hash = strrchr(path, '/');
    const char *models = strstr(path, "/models--"), *last = NULL;
    for (; models; models = strstr(models + 1, "/models--")) last = models;
    const char *snapshots = last ? strstr(last, "/snapshots/") : NULL;
    if (!snapshots || hash != snapshots + 10) return;
    if (!*name) {
        const char *org = strstr(last + 9, "--");
        const char *begin = org && org < snapshots ? org + 2 : last + 9;
        snprintf(name, 256, "%.*s", (int)(snapshots - begin), begin);
    }
    if (*step >= 0) return;
    char *refs = format_string("%.*s/refs", (int)(snapshots - path), path);
    DIR *d = refs ? opendir(refs) : NULL;
    bool is_main = false;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char *file = format_string("%s/%s", refs, entry->d_name), text[128] = "";
        FILE *f = file && entry->d_name[0] != '.' ? fopen(file, "re") : NULL;
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        text[n] = 0;
        text[strcspn(text, " \r\n")] = 0;
        if (f) fclose(f);
        free(file);
        if (strcmp(text, hash + 1)) continue;
        if (!strcmp(entry->d_name, "main"))
            is_main = true;
        else if (step_of(entry->d_name) >= 0)
            *step = step_of(entry->d_name);
    }
    if (d) closedir(d);
    free(refs);
    struct suite_id id;
    if (*step < 0 && is_main && suite_find(name, &id)) *step = SUITE_FINAL_STEP;
}

void folder_identity(const char *folder, char *name, int64_t *step)
{
    char suite[SUITE_NAME_SIZE] = "", *path = folder_absolute(folder);
    *name = 0;
    *step = -1;
    if (!path) return;
    suite_parse_name(path, suite, step);
    snprintf(name, 256, "%s", suite);
    cache_identity(path, name, step);
    /* Outside the suite: NAME/stepN, NAME-stepN or NAME. */
    if (!*name) {
        char *last = strrchr(path, '/');
        if (last && step_of(last + 1) >= 0) {
            *last = 0;
            last = strrchr(path, '/');
        }
        if (last) {
            snprintf(name, 256, "%.255s", last + 1);
            char *suffix = strstr(name, "-step");
            if (suffix && suffix > name && step_of(suffix + 1) >= 0) *suffix = 0;
        }
    }
    free(path);
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
    int status = file_exists(config)
                     ? neox_config_read(&m->config, config, e)
                     : err_set(e, "%s: not a model: it has no config.json", m->folder);
    free(config);
    if (status) return -1;
    return checkpoint_open(&m->checkpoint, m->folder, e);
}

int model_import(const char *folder, const char *out, const struct import_options *options,
                 struct import_result *result, struct err *e)
{
    static const struct import_options none;
    const struct import_options *o = options ? options : &none;
    struct import m = {.folder = folder, .quiet = o->quiet};
    struct import_result r = {.step = -1, .tokens_seen = -1};
    json_t *sources = NULL, *provenance = NULL;
    int status = -1;
    if (import_open(&m, e) || plan(&m, e)) goto out;
    if (!(sources = sources_of(&m, e))) goto out;
    folder_identity(folder, r.name, &r.step);
    if (o->name) snprintf(r.name, sizeof r.name, "%.255s", o->name);
    if (o->has_step) r.step = o->step;
    struct suite_id id;
    if (r.step >= 0 && o->step_tokens > 0)
        r.tokens_seen = (double)r.step * o->step_tokens;
    else if (r.step >= 0 && suite_find(r.name, &id))
        r.tokens_seen = (double)suite_tokens(r.step);
    if (flat_create(&m.writer, out, &m.config, m.dtypes, e)) goto out;
    r.config = m.config;
    r.tensors = m.writer.count;
    for (size_t i = 0; i < m.writer.count; i++) r.bytes_written += m.writer.tensors[i].bytes;
    if (!o->quiet) progress_begin("import", "bytes", r.bytes_written);
    status = 0;
    for (size_t i = 0; i < m.checkpoint.file_count && !status; i++) {
        r.bytes_read += m.checkpoint.files[i].map.size;
        status = walk_file(&m, i, sources, e);
    }
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
    checkpoint_close(&m.checkpoint);
    free(m.jobs);
    free(m.dtypes);
    return status;
}
