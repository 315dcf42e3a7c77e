/* reader.c - see reader.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/reader.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 1 << 18, /* read at a time */
    PIECE = 1 << 17, /* a plain text is cut into pieces of about so much */
    JOB = 1 << 16,
};

static int add_item(struct text_reader *r, struct text_batch *b, const uint8_t *p, size_t bytes,
                    bool ends, struct err *e)
{
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 256;
        struct text_item *items = realloc(b->items, capacity * sizeof *items);
        if (!items) return err_memory(e, r->source.path);
        b->items = items;
        b->capacity = capacity;
    }
    b->items[b->count++] = (struct text_item){.start = b->text.count,
                                              .bytes = bytes,
                                              .source = r->at,
                                              .line = r->files[r->at].jsonl ? r->line : 0,
                                              .at = r->byte,
                                              .ends = ends};
    r->byte += bytes;
    if (ends) {
        r->documents++;
        r->files[r->at].documents++;
    }
    return bytes_append(&b->text, p, bytes) ? err_memory(e, r->source.path) : 0;
}

static bool enough(const struct text_reader *r)
{
    return r->o->max_documents && r->documents >= r->o->max_documents;
}

static bool is_blank(const uint8_t *p, size_t n)
{
    while (n && (*p == ' ' || *p == '\t' || *p == '\r')) p++, n--;
    return n == 0;
}

/* Moves the whole lines of what is pending into the batch, and at the end of the source the rest,
 * too. */
static int take_lines(struct text_reader *r, struct text_batch *b, struct err *e)
{
    const uint8_t *p = r->pending.data, *end = p + r->pending.count;
    size_t known = r->try_at; /* no line ends before */
    while (p < end && !enough(r)) {
        const uint8_t *newline = memchr(p + known, '\n', (size_t)(end - p) - known);
        if (!newline && !r->ended) break;
        known = 0;
        const uint8_t *stop = newline ? newline : end, *from = p;
        r->line++;
        if (r->line == 1 && stop - from >= 3 && !memcmp(from, "\xEF\xBB\xBF", 3)) from += 3;
        if (!is_blank(from, (size_t)(stop - from)) &&
            add_item(r, b, from, (size_t)(stop - from), true, e))
            return -1;
        p = newline ? newline + 1 : end;
    }
    size_t rest = (size_t)(end - p);
    if (rest && p != r->pending.data) memmove(r->pending.data, p, rest);
    r->pending.count = rest;
    r->try_at = rest;
    return 0;
}

/* Moves pieces of plain text into the batch. */
static int take_pieces(struct text_reader *r, struct text_batch *b, struct err *e)
{
    const uint8_t *p = r->pending.data;
    size_t left = r->pending.count;
    while (left >= PIECE && left >= r->try_at) {
        /* A cut near the end of a piece; failing that, anywhere. */
        size_t cut = tokenizer_cut(r->t, (const char *)p, PIECE);
        if (!cut) cut = tokenizer_cut(r->t, (const char *)p, left);
        if (!cut) {
            r->try_at = 2 * left;
            break;
        }
        if (add_item(r, b, p, cut, false, e)) return -1;
        r->try_at = 0;
        p += cut;
        left -= cut;
    }
    if (r->ended) {
        if (add_item(r, b, p, left, true, e)) return -1;
        left = 0;
    }
    if (left && p != r->pending.data) memmove(r->pending.data, p, left);
    r->pending.count = left;
    return 0;
}

static int open_next(struct text_reader *r, struct err *e)
{
    const char *path = r->paths[r->at];
    struct text_file *file = &r->files[r->at];
    if (source_open(&r->source, path, e)) return -1;
    r->open = true;
    r->ended = false;
    r->line = r->byte = 0;
    r->try_at = 0;
    r->pending.count = 0;
    file->zstd = r->source.zstd;
    file->jsonl = text_is_jsonl(r->o->format, path);
    return 0;
}

static int close_source(struct text_reader *r, struct err *e)
{
    struct text_file *file = &r->files[r->at];
    file->bytes = r->source.bytes;
    file->whole = r->source.finished;
    file->hash = source_hash(&r->source);
    int status = source_unchanged(&r->source, file->stamp, e);
    source_close(&r->source);
    r->open = false;
    r->at++;
    return status;
}

static int read_items(struct text_reader *r, struct text_batch *b, size_t target, struct err *e)
{
    while (b->text.count < target && r->at < r->n && !(enough(r) && !r->open)) {
        if (!r->open && open_next(r, e)) return -1;
        uint64_t before = r->source.bytes;
        size_t got;
        if (bytes_reserve(&r->pending, BLOCK)) return err_memory(e, r->source.path);
        if (source_read(&r->source, r->pending.data + r->pending.count, BLOCK, &got, e)) return -1;
        r->pending.count += got;
        r->ended = got == 0;
        b->read_bytes += r->source.bytes - before;
        if (r->files[r->at].jsonl ? take_lines(r, b, e) : take_pieces(r, b, e)) return -1;
        if ((r->ended || enough(r)) && close_source(r, e)) return -1;
    }
    return 0;
}

void text_reader_fill(struct text_reader *r, struct text_batch *b, size_t target)
{
    b->count = b->job_count = 0;
    b->text.count = 0;
    b->read_bytes = 0;
    b->status = read_items(r, b, target, &b->e);
    for (size_t i = 0; i < b->count;) {
        if (b->job_count == b->job_capacity) {
            size_t capacity = b->job_capacity ? 2 * b->job_capacity : 64;
            struct text_job *jobs = realloc(b->jobs, capacity * sizeof *jobs);
            if (!jobs) {
                b->status = err_memory(&b->e, NULL);
                return;
            }
            memset(jobs + b->job_capacity, 0, (capacity - b->job_capacity) * sizeof *jobs);
            b->jobs = jobs;
            b->job_capacity = capacity;
        }
        struct text_job *job = &b->jobs[b->job_count++];
        size_t bytes = 0;
        job->first = i;
        while (i < b->count && bytes < JOB) bytes += b->items[i++].bytes;
        job->last = i;
    }
}

void text_reader_close(struct text_reader *r)
{
    if (r->open) source_close(&r->source);
    bytes_free(&r->pending);
}

void text_batch_free(struct text_batch *b)
{
    for (size_t i = 0; i < b->job_capacity; i++) ids_free(&b->jobs[i].ids);
    bytes_free(&b->text);
    free(b->items);
    free(b->jobs);
}
