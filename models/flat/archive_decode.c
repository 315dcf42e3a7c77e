/* archive_decode.c - a checkpoint's tensors from an archive's bytes into memory; see archive.h.
 *
 * Tensors are stored in blocks, and block B of a difference needs block B of its base and nothing else: a
 * thread takes a block through all its differences in place, in its own cache. Three passes: the
 * checksums of what is stored, the blocks, the checksums of what came out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/flat/archive_private.h"
#include "models/flat/bytes.h"
#include "src/base/progress.h"

/* One stored form of a tensor: its bytes, and where each block's begin. */
struct link {
    size_t checkpoint;
    const uint8_t *table;
    uint64_t *at; /* [blocks], in the file */
    bool bad;
};

/* A tensor to decode: from FROM, or from nothing, through its links, the last one first. */
struct piece {
    const struct flat_tensor *tensor;
    size_t index; /* in the model */
    uint8_t *out;
    const uint8_t *from;
    struct link *links;
    size_t link_count;
    size_t first_block; /* among all pieces' */
    bool bad;
};

struct work {
    const struct archive *a;
    const struct flat_model *m;
    struct piece *pieces;
    size_t piece_count, block_count;
    struct link *links; /* of all pieces */
    size_t link_count;
    bool no_memory;
};

/* What is decoded already, to start from: all tensors of a checkpoint. */
struct have {
    const uint8_t *file; /* NULL: nothing */
    size_t checkpoint;
};

/* The entries that lead to a tensor of checkpoint I. */
static void find_links(struct work *w, struct piece *p, size_t i, const struct have *have)
{
    const struct archive *a = w->a;
    p->links = w->links + w->link_count;
    for (size_t at = archive_owner(a, i, p->index);;) {
        if (have->file && archive_owner(a, have->checkpoint, p->index) == at) {
            p->from = have->file + a->models[have->checkpoint].tensors[p->index].offset;
            break;
        }
        const struct archive_entry *x = archive_entry(a, at, p->index);
        p->links[p->link_count++] = (struct link){.checkpoint = at, .table = a->data + x->offset};
        if (x->codec == ARCHIVE_WHOLE) break;
        at = x->base;
    }
    w->link_count += p->link_count;
}

/* Finds the blocks: all planes together have what the table leaves. */
static bool check_table(const struct archive *a, const struct archive_entry *x,
                        const struct flat_tensor *t, struct link *link)
{
    size_t width = simd_dtype_bytes(t->dtype);
    uint64_t at = x->offset + archive_table(t), end = x->offset + x->bytes;
    for (size_t b = 0; b < archive_blocks(t); b++) {
        link->at[b] = at;
        for (size_t k = 0; k < width; k++) at += get32(link->table + (b * width + k) * 4);
    }
    return at == end && XXH3_64bits(a->data + x->offset, x->bytes) == x->xxh3;
}

static int damaged(const struct work *w, const struct piece *p, size_t checkpoint, struct err *e)
{
    const char *from = w->a->models[checkpoint].path;
    if (!strcmp(from, w->m->path))
        return err_kind(e, ERR_DAMAGED, "%s: %s: its stored bytes are damaged", from,
                        p->tensor->name);
    return err_kind(e, ERR_DAMAGED,
                    "%s: %s: the stored bytes of %s, which it is made from, are damaged",
                    w->m->path, p->tensor->name, from + strlen(w->a->path) + 1);
}

static int check_links(struct work *w, struct err *e)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t p = 0; p < w->piece_count; p++) {
        struct piece *piece = &w->pieces[p];
        for (size_t l = 0; l < piece->link_count; l++) {
            struct link *link = &piece->links[l];
            link->at = malloc(archive_blocks(piece->tensor) * sizeof *link->at);
            if (!link->at)
#pragma omp atomic write
                w->no_memory = true;
            else
                link->bad = !check_table(w->a, archive_entry(w->a, link->checkpoint, piece->index),
                                         piece->tensor, link);
        }
    }
    if (w->no_memory) return err_memory(e, w->m->path);
    for (size_t p = 0; p < w->piece_count; p++) {
        for (size_t l = 0; l < w->pieces[p].link_count; l++) {
            if (w->pieces[p].links[l].bad)
                return damaged(w, &w->pieces[p], w->pieces[p].links[l].checkpoint, e);
        }
    }
    return 0;
}

static bool decode_block(const struct work *w, const struct piece *p, size_t b,
                         struct planes *planes)
{
    const struct flat_tensor *t = p->tensor;
    size_t width = simd_dtype_bytes(t->dtype), at = b * PLANES_BLOCK;
    size_t n = archive_elements(t) - at;
    if (n > PLANES_BLOCK) n = PLANES_BLOCK;
    uint8_t *out = p->out + at * width;
    const uint8_t *base = p->from ? p->from + at * width : NULL;
    if (!p->link_count) memcpy(out, base, n * width);
    for (size_t l = p->link_count; l-- > 0; base = out) {
        uint32_t sizes[PLANES_MOST];
        for (size_t k = 0; k < width; k++)
            sizes[k] = get32(p->links[l].table + (b * width + k) * 4);
        if (planes_decode(planes, out, w->a->data + p->links[l].at[b], sizes, base, n, width))
            return false;
    }
    return true;
}

static int decode_blocks(struct work *w, struct err *e)
{
#pragma omp parallel
    {
        struct planes *planes = planes_new();
        size_t p = 0;
        if (!planes)
#pragma omp atomic write
            w->no_memory = true;
#pragma omp for schedule(dynamic, 1)
        for (size_t b = 0; b < w->block_count; b++) {
            while (p + 1 < w->piece_count && w->pieces[p + 1].first_block <= b) p++;
            while (w->pieces[p].first_block > b) p--;
            if (planes && !decode_block(w, &w->pieces[p], b - w->pieces[p].first_block, planes))
#pragma omp atomic write
                w->pieces[p].bad = true;
        }
        planes_free(planes);
    }
    if (w->no_memory) return err_memory(e, w->m->path);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t p = 0; p < w->piece_count; p++) {
        struct piece *x = &w->pieces[p];
        if (!x->bad) x->bad = XXH3_64bits(x->out, x->tensor->bytes) != x->tensor->xxh3;
    }
    for (size_t p = 0; p < w->piece_count; p++) {
        if (w->pieces[p].bad)
            return err_kind(e, ERR_DAMAGED, "%s: %s: it does not decode to what was stored",
                            w->m->path, w->pieces[p].tensor->name);
    }
    return 0;
}

/* Tensors FIRST to FIRST + COUNT - 1 of checkpoint I, into where M has their data. */
static int decode(const struct archive *a, size_t i, struct flat_model *m, size_t first,
                  size_t count, const struct have *have, struct err *e)
{
    struct work w = {.a = a, .m = m, .piece_count = count};
    w.pieces = calloc(count, sizeof *w.pieces);
    w.links = calloc(count * ARCHIVE_DEPTH, sizeof *w.links);
    int status = w.pieces && w.links ? 0 : err_memory(e, m->path);
    for (size_t p = 0; p < count && !status; p++) {
        const struct flat_tensor *t = &m->tensors[first + p];
        w.pieces[p] = (struct piece){.tensor = t,
                                     .index = first + p,
                                     .out = (uint8_t *)(uintptr_t)t->data,
                                     .first_block = w.block_count};
        w.block_count += archive_blocks(t);
        find_links(&w, &w.pieces[p], i, have);
    }
    if (!status) status = check_links(&w, e);
    if (!status) status = decode_blocks(&w, e);
    for (size_t l = 0; l < w.link_count; l++) free(w.links[l].at);
    free(w.links);
    free(w.pieces);
    return status;
}

/* --- the one decoded last --- */

static size_t machine_memory(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

static struct flat_memory *take_last(struct archive *a, size_t *checkpoint)
{
    pthread_mutex_lock(&a->lock);
    struct flat_memory *last = a->last ? flat_memory_share(a->last) : NULL;
    *checkpoint = a->last_index;
    pthread_mutex_unlock(&a->lock);
    return last;
}

static void keep_last(struct archive *a, struct flat_memory *memory, size_t checkpoint)
{
    if (memory && memory->bytes > machine_memory() / 4) memory = NULL;
    pthread_mutex_lock(&a->lock);
    struct flat_memory *old = a->last;
    a->last = memory ? flat_memory_share(memory) : NULL;
    a->last_index = checkpoint;
    pthread_mutex_unlock(&a->lock);
    flat_memory_release(old);
}

void archive_forget(struct archive *a)
{
    keep_last(a, NULL, 0);
}

/* --- opening --- */

/* Models of a damaged archive may claim any size. */
static struct flat_memory *new_memory(const char *path, size_t bytes, struct err *e)
{
    struct flat_memory *memory = bytes > machine_memory() ? NULL : flat_memory_new(bytes);
    if (!memory)
        err_kind(e, ERR_MEMORY, "%s: cannot have the %zu bytes of memory that it decodes to", path,
                 bytes);
    return memory;
}

int archive_open_checkpoint(struct flat_model *m, struct archive *a, size_t i, struct err *e)
{
    const struct archive_head *head = &a->heads[i];
    const char *path = a->models[i].path;
    struct have have = {0};
    *m = (struct flat_model){0};
    struct flat_memory *memory = NULL, *last = take_last(a, &have.checkpoint);
    bool there = last && have.checkpoint == i;
    int status = -1;
    if (last) have.file = last->data;
    memory = there ? flat_memory_share(last) : new_memory(path, a->models[i].bytes, e);
    if (!memory) goto out;
    if (!there) flat_place_head(memory->data, head->data, head->bytes);
    if (flat_parse(m, memory->data, memory->bytes, path, e)) {
        flat_memory_release(memory);
        goto out;
    }
    m->memory = memory;
    status = there ? 0 : decode(a, i, m, 0, a->tensors, &have, e);
    if (status)
        flat_close(m);
    else if (!there)
        keep_last(a, memory, i);
out:
    flat_memory_release(last);
    return status;
}

int archive_peek(struct flat_model *m, struct archive *a, size_t i, size_t tensor, struct err *e)
{
    const struct flat_model *is = &a->models[i];
    size_t head = a->heads[i].bytes, at = (head + 63) / 64 * 64;
    size_t bytes = tensor < a->tensors ? is->tensors[tensor].bytes : 0;
    *m = (struct flat_model){0};
    struct flat_memory *memory = new_memory(is->path, at + bytes, e);
    if (!memory) return -1;
    memcpy(memory->data, a->heads[i].data, head);
    if (flat_parse_head(m, memory->data, head, is->path, e)) {
        flat_memory_release(memory);
        return -1;
    }
    m->memory = memory;
    if (tensor >= a->tensors) return 0;
    m->tensors[tensor].data = memory->data + at;
    struct have none = {0};
    int status = decode(a, i, m, tensor, 1, &none, e);
    if (status) flat_close(m);
    return status;
}
