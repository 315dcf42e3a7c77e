/* tokenize.c - text files to a tokenised corpus; see tokenize.h.
 *
 * The reader fills a batch of some MB with items: a document or, of a long plain text, a piece that
 * ends where encoding it apart changes nothing. Items go to the threads in jobs of about 64 KB
 * while one thread reads the next batch; then the finished batch is written in order. So neither
 * order nor content depends on the threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/tokenize.h"

#include <errno.h>
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/text/corpus.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/text/json_line.h"
#include "src/text/source.h"
#include "src/text/unicode.h"

enum {
    BLOCK = 1 << 18, /* read at a time */
    PIECE = 1 << 17, /* a plain text is cut into pieces of about so much */
    JOB = 1 << 16,
    BATCH = 1 << 22, /* at least, or half a MB a thread */
};

struct item {
    size_t start, bytes; /* in the batch's text */
    size_t source;
    uint64_t line; /* of JSON lines, from 1; 0: plain text */
    uint64_t at;   /* plain text: the first of its bytes in the source's text */
    bool ends;     /* a document ends here */
    /* results */
    size_t ids_end; /* of the job's ids */
    uint64_t text_bytes, words, invalid;
};

struct job {
    size_t first, last; /* items [first, last) */
    struct ids ids;
    int status;
    struct err e;
};

struct batch {
    struct bytes text;
    struct item *items;
    size_t count, capacity;
    struct job *jobs;
    size_t job_count, job_capacity;
    uint64_t read_bytes; /* of the sources, for the progress line */
    int status;          /* -1: reading failed after the items, with e */
    struct err e;
};

struct reader {
    char *const *paths;
    size_t n, at; /* at: the source being read */
    const struct tokenizer *t;
    const struct tokenize_options *o;
    struct text_file *files; /* [n] */
    struct source source;
    bool open, ended;     /* ended: the source has no more bytes */
    struct bytes pending; /* read, not in a batch yet */
    size_t try_at; /* plain text: no cut is looked for in a shorter pending; lines: no line ends
                      before it */
    uint64_t line, byte; /* of plain text: how much of it is in batches */
    uint64_t documents;
};

/* --- reading --- */

static int add_item(struct reader *r, struct batch *b, const uint8_t *p, size_t bytes, bool ends,
                    struct err *e)
{
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 256;
        struct item *items = realloc(b->items, capacity * sizeof *items);
        if (!items) return err_memory(e, r->source.path);
        b->items = items;
        b->capacity = capacity;
    }
    b->items[b->count++] = (struct item){.start = b->text.count,
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

static bool enough(const struct reader *r)
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
static int take_lines(struct reader *r, struct batch *b, struct err *e)
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
static int take_pieces(struct reader *r, struct batch *b, struct err *e)
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

static int open_next(struct reader *r, struct err *e)
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
    file->jsonl = r->o->format == TEXT_JSONL || (r->o->format == TEXT_AUTO && path_is_jsonl(path));
    return 0;
}

static void close_source(struct reader *r)
{
    struct text_file *file = &r->files[r->at];
    file->bytes = r->source.bytes;
    file->whole = r->source.finished;
    file->hash = source_hash(&r->source);
    source_close(&r->source);
    r->open = false;
    r->at++;
}

static int read_items(struct reader *r, struct batch *b, size_t target, struct err *e)
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
        if (r->ended || enough(r)) close_source(r);
    }
    return 0;
}

/* Reads a batch and makes jobs of consecutive items. What goes wrong is told when the items before
 * it are done, so that the first thing wrong in the input is what is reported, whatever the batches
 * are. */
static void fill_batch(struct reader *r, struct batch *b, size_t target)
{
    b->count = b->job_count = 0;
    b->text.count = 0;
    b->read_bytes = 0;
    b->status = read_items(r, b, target, &b->e);
    for (size_t i = 0; i < b->count;) {
        if (b->job_count == b->job_capacity) {
            size_t capacity = b->job_capacity ? 2 * b->job_capacity : 64;
            struct job *jobs = realloc(b->jobs, capacity * sizeof *jobs);
            if (!jobs) {
                b->status = err_memory(&b->e, NULL);
                return;
            }
            memset(jobs + b->job_capacity, 0, (capacity - b->job_capacity) * sizeof *jobs);
            b->jobs = jobs;
            b->job_capacity = capacity;
        }
        struct job *job = &b->jobs[b->job_count++];
        size_t bytes = 0;
        job->first = i;
        while (i < b->count && bytes < JOB) bytes += b->items[i++].bytes;
        job->last = i;
    }
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->job_capacity; i++) ids_free(&b->jobs[i].ids);
    bytes_free(&b->text);
    free(b->items);
    free(b->jobs);
}

/* --- encoding --- */

struct worker {
    struct encoder *encoder;
    struct bytes text;
};

static int run_item(struct worker *w, const char *field, const struct batch *b, struct item *item,
                    struct ids *ids, struct err *e)
{
    const uint8_t *p = item->bytes ? b->text.data + item->start : (const uint8_t *)"";
    size_t bytes = item->bytes;
    if (item->line) {
        w->text.count = 0;
        if (json_line_field(p, bytes, field, &w->text, &item->invalid, e)) return -1;
        p = w->text.data;
        bytes = w->text.count;
    }
    item->text_bytes = bytes;
    if (!bytes) return 0;
    item->words = count_words(p, bytes);
    return encoder_encode(w->encoder, (const char *)p, bytes, ids, &item->invalid, e);
}

static void run_job(struct worker *w, const struct reader *r, struct batch *b, struct job *job)
{
    const char *field = r->o->field ? r->o->field : "text";
    job->ids.count = 0;
    job->status = 0;
    for (size_t i = job->first; i < job->last && !job->status; i++) {
        struct item *item = &b->items[i];
        job->status = run_item(w, field, b, item, &job->ids, &job->e);
        item->ids_end = job->ids.count;
        if (!job->status) continue;
        if (item->line)
            err_prefix(&job->e, "%s: line %" PRIu64, r->paths[item->source], item->line);
        else
            err_prefix(&job->e, "%s", r->paths[item->source]);
    }
}

/* --- writing --- */

static void count_replaced(struct replaced *r, const struct batch *b, const struct item *item)
{
    size_t skip;
    if (!r->count && item->invalid) {
        r->line = item->line;
        if (!r->line)
            r->byte = item->at + utf8_valid(b->text.data + item->start, item->bytes, &skip);
    }
    r->count += item->invalid;
}

static int write_batch(struct corpus_writer *w, const struct batch *b, int64_t append,
                       struct tokenize_stats *stats, struct err *e)
{
    for (size_t j = 0; j < b->job_count; j++) {
        const struct job *job = &b->jobs[j];
        if (job->status) {
            *e = job->e;
            return -1;
        }
        size_t from = 0;
        for (size_t i = job->first; i < job->last; i++) {
            const struct item *item = &b->items[i];
            if (corpus_writer_add(w, job->ids.id + from, item->ids_end - from, e)) return -1;
            from = item->ids_end;
            stats->bytes += item->text_bytes;
            stats->words += item->words;
            stats->invalid += item->invalid;
            count_replaced(&stats->files[item->source].replaced, b, item);
            if (!item->ends) continue;
            stats->empty_documents += w->current == 0;
            uint32_t id = (uint32_t)append;
            if ((append >= 0 && corpus_writer_add(w, &id, 1, e)) || corpus_writer_end(w, e))
                return -1;
        }
    }
    progress_add(b->read_bytes);
    return 0;
}

/* Reads, encodes and writes everything. */
static int run(struct reader *r, struct corpus_writer *w, int64_t append,
               struct tokenize_stats *stats, struct err *e)
{
    int threads = omp_get_max_threads();
    size_t target = (size_t)threads << 19;
    if (target < BATCH) target = BATCH;
    struct batch batches[2];
    memset(batches, 0, sizeof batches);
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    int status = workers ? 0 : err_memory(e, NULL);
    for (int i = 0; i < threads && !status; i++) {
        workers[i].encoder = encoder_open(r->t);
        if (!workers[i].encoder) status = err_memory(e, NULL);
    }
    if (!status) fill_batch(r, &batches[0], target);
#pragma omp parallel num_threads(threads)
#pragma omp single
    for (int turn = 0; !status && (batches[turn].count || batches[turn].status); turn = !turn) {
        struct batch *now = &batches[turn], *next = &batches[!turn];
        if (!now->status) {
#pragma omp task firstprivate(next)
            fill_batch(r, next, target);
        }
        for (size_t j = 0; j < now->job_count; j++) {
#pragma omp task firstprivate(now, j)
            run_job(&workers[omp_get_thread_num()], r, now, &now->jobs[j]);
        }
#pragma omp taskwait
        status = write_batch(w, now, append, stats, e);
        if (!status && now->status) {
            *e = now->e;
            status = -1;
        }
    }
    for (int i = 0; workers && i < threads; i++) {
        encoder_close(workers[i].encoder);
        bytes_free(&workers[i].text);
    }
    free(workers);
    batch_free(&batches[0]);
    batch_free(&batches[1]);
    return status;
}

static int write_report(struct out *out, const struct reader *r, const struct corpus_writer *w,
                        const struct tokenize_stats *s, struct err *e)
{
    json_t *sources = json_array();
    bool lines = false;
    for (size_t i = 0; i < r->n; i++) {
        const struct text_file *p = &s->files[i];
        lines |= p->jsonl;
        json_array_append_new(sources,
                              json_pack("{s:o, s:I, s:o, s:s, s:b, s:I}", "path",
                                        json_utf8(r->paths[i]), "bytes", (json_int_t)p->bytes,
                                        "hash", p->whole ? json_hex(p->hash) : json_null(),
                                        "format", p->jsonl ? "jsonl" : "text", "zstd", (int)p->zstd,
                                        "documents", (json_int_t)p->documents));
    }
    json_t *tokenizer = json_pack("{s:o, s:o}", "path", json_utf8(tokenizer_path(r->t)), "hash",
                                  json_hex(tokenizer_hash(r->t)));
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "documents",
        (json_int_t)s->documents, "empty_documents", (json_int_t)s->empty_documents, "bytes",
        (json_int_t)s->bytes, "words", (json_int_t)s->words, "tokens", (json_int_t)s->tokens,
        "invalid_utf8", (json_int_t)s->invalid, "longest", (json_int_t)s->longest, "vocabulary",
        (json_int_t)tokenizer_size(r->t), "dtype", w->type == 8 ? "uint16" : "int32", "corpus_hash",
        json_hex(corpus_writer_hash(w)), "tokenizer", tokenizer, "sources", sources, "field",
        json_utf8(lines ? (r->o->field ? r->o->field : "text") : NULL), "append",
        json_utf8(r->o->append));
    if (root && r->o->provenance)
        json_object_set_new(root, "provenance", json_deep_copy(r->o->provenance));
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    int status = text ? out_printf(out, e, "%s\n", text) : err_memory(e, out->path);
    free(text);
    if (!status && fflush(out->file)) status = err_errno(e, "%s: cannot write", out->path);
    return status;
}

/* The outputs must not replace an input. */
static int check_names(char *const *paths, size_t n, char *const names[3], struct err *e)
{
    struct stat in, out;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(paths[i], "-")) continue;
        if (stat(paths[i], &in)) return err_errno(e, "%s: cannot open", paths[i]);
        for (size_t k = 0; k < 3; k++) {
            if (!stat(names[k], &out) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
                return err_set(e, "%s: would be overwritten by the output; give another prefix",
                               paths[i]);
        }
    }
    return 0;
}

static uint64_t total_bytes(char *const *paths, size_t n)
{
    uint64_t total = 0;
    struct stat st;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(paths[i], "-") || stat(paths[i], &st) || !S_ISREG(st.st_mode)) return 0;
        total += (uint64_t)st.st_size;
    }
    return total;
}

int tokenize_files(char *const *paths, size_t n, const struct tokenizer *t, const char *path,
                   const struct tokenize_options *o, struct tokenize_stats *result, struct err *e)
{
    if (result) *result = (struct tokenize_stats){0};
    static const struct tokenize_options defaults;
    struct tokenize_stats stats = {.files = calloc(n ? n : 1, sizeof *stats.files)};
    struct corpus_writer w = {0};
    struct out report = {.slot = -1};
    char *prefix = corpus_prefix(path), *names[3] = {NULL, NULL, NULL};
    struct reader r = {
        .paths = paths, .n = n, .files = stats.files, .t = t, .o = o ? o : &defaults};
    int64_t append = -1;
    int status = -1;
    r.source.fd = -1;
    if (prefix) {
        names[0] = format_string("%s.bin", prefix);
        names[1] = format_string("%s.idx", prefix);
        names[2] = format_string("%s.json", prefix);
    }
    if (!stats.files || !names[0] || !names[1] || !names[2]) {
        err_memory(e, path);
        goto out;
    }
    if (r.o->append && (append = tokenizer_added(t, r.o->append)) < 0) {
        err_set(e, "%s: no added token '%.60s'", tokenizer_path(t), r.o->append);
        goto out;
    }
    if (check_names(paths, n, names, e) || corpus_writer_open(&w, prefix, tokenizer_size(t), e) ||
        out_open(&report, names[2], e))
        goto out;
    progress_begin("tokenize", "bytes", total_bytes(paths, n));
    int bad = run(&r, &w, append, &stats, e);
    progress_end();
    if (bad) goto out;
    stats.documents = w.documents;
    stats.tokens = w.tokens;
    stats.longest = w.longest;
    for (size_t i = 0; i < n; i++) stats.read_bytes += stats.files[i].bytes;
    if (stats.documents == stats.empty_documents) {
        err_set(e, "%s: no text: %s", n ? paths[0] : path,
                stats.documents ? "every document is empty" : "the input has no documents");
        goto out;
    }
    if (write_report(&report, &r, &w, &stats, e) || corpus_writer_commit(&w, e)) goto out;
    status = out_commit(&report, e);
    if (status) {
        unlink(names[0]);
        unlink(names[1]);
    }
    if (!status && result) {
        *result = stats;
        stats.files = NULL;
    }
out:
    corpus_writer_abort(&w);
    out_abort(&report);
    source_close(&r.source);
    bytes_free(&r.pending);
    free(stats.files);
    for (size_t i = 0; i < 3; i++) free(names[i]);
    free(prefix);
    return status;
}

const char *replaced_text(const struct replaced *r, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s %" PRIu64 ": invalid UTF-8%s became U+FFFD, the first of %" PRIu64,
             r->line ? "line" : "byte", r->line ? r->line : r->byte,
             r->line ? " or a lone surrogate" : "", r->count);
    return buffer;
}

int tokenize_totals(const char *path, struct tokenize_stats *stats, struct err *e)
{
    *stats = (struct tokenize_stats){0};
    char *prefix = corpus_prefix(path), *name = prefix ? format_string("%s.json", prefix) : NULL;
    free(prefix);
    if (!name) return err_memory(e, path);
    json_error_t error;
    json_t *root = json_load_file(name, JSON_REJECT_DUPLICATES, &error);
    const char *const keys[] = {"documents", "bytes", "words", "tokens"};
    uint64_t *const values[] = {&stats->documents, &stats->bytes, &stats->words, &stats->tokens};
    int status = root ? 0 : err_set(e, "%s: %s", name, error.text);
    for (size_t i = 0; i < 4 && !status; i++) {
        const json_t *v = json_object_get(root, keys[i]);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            status = err_kind(e, ERR_DAMAGED, "%s: %s: expected a count", name, keys[i]);
        else
            *values[i] = (uint64_t)json_integer_value(v);
    }
    json_decref(root);
    free(name);
    return status;
}
