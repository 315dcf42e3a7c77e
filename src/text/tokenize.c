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

#include "src/text/corpus.h"
#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/text/json_line.h"
#include "src/text/reader.h"

enum { BATCH = 1 << 22 }; /* at least, or half a MB a thread */

/* --- encoding --- */

struct worker {
    struct encoder *encoder;
    struct bytes text;
};

static int run_item(struct worker *w, const char *field, const struct text_batch *b,
                    struct text_item *item, struct ids *ids, struct err *e)
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

static void run_job(struct worker *w, const struct text_reader *r, struct text_batch *b,
                    struct text_job *job)
{
    const char *field = r->o->field ? r->o->field : "text";
    job->ids.count = 0;
    job->status = 0;
    for (size_t i = job->first; i < job->last && !job->status; i++) {
        struct text_item *item = &b->items[i];
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

static void count_replaced(struct replaced *r, const struct text_batch *b,
                           const struct text_item *item)
{
    size_t skip;
    if (!r->count && item->invalid) {
        r->line = item->line;
        if (!r->line)
            r->byte = item->at + utf8_valid(b->text.data + item->start, item->bytes, &skip);
    }
    r->count += item->invalid;
}

static int write_batch(struct corpus_writer *w, const struct text_batch *b, int64_t append,
                       struct tokenize_stats *stats, struct err *e)
{
    for (size_t j = 0; j < b->job_count; j++) {
        const struct text_job *job = &b->jobs[j];
        if (job->status) {
            *e = job->e;
            return -1;
        }
        size_t from = 0;
        for (size_t i = job->first; i < job->last; i++) {
            const struct text_item *item = &b->items[i];
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
static int run(struct text_reader *r, struct corpus_writer *w, int64_t append,
               struct tokenize_stats *stats, struct err *e)
{
    int threads = omp_get_max_threads();
    size_t target = (size_t)threads << 19;
    if (target < BATCH) target = BATCH;
    struct text_batch batches[2];
    memset(batches, 0, sizeof batches);
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    int status = workers ? 0 : err_memory(e, NULL);
    for (int i = 0; i < threads && !status; i++) {
        workers[i].encoder = encoder_open(r->t);
        if (!workers[i].encoder) status = err_memory(e, NULL);
    }
    if (!status) text_reader_fill(r, &batches[0], target);
#pragma omp parallel num_threads(threads)
#pragma omp single
    for (int turn = 0; !status && (batches[turn].count || batches[turn].status); turn = !turn) {
        struct text_batch *now = &batches[turn], *next = &batches[!turn];
        if (!now->status) {
#pragma omp task firstprivate(next)
            text_reader_fill(r, next, target);
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
    text_batch_free(&batches[0]);
    text_batch_free(&batches[1]);
    return status;
}

static int write_origin(struct out *out, const struct text_reader *r,
                        const struct tokenize_stats *s, size_t width, struct err *e)
{
    json_t *root = origin_json(r->paths, r->n, r->t, r->o, s, width);
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
    struct stat in;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(paths[i], "-")) continue;
        if (stat(paths[i], &in)) return err_errno(e, "%s: cannot open", paths[i]);
        for (size_t k = 0; k < 3; k++) {
            if (file_same(paths[i], names[k]))
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

/* The files of a corpus. */
struct names {
    char *prefix, *file[3]; /* .bin, .idx, .json */
};

static void names_free(struct names *n)
{
    for (size_t i = 0; i < 3; i++) free(n->file[i]);
    free(n->prefix);
    *n = (struct names){0};
}

/* Takes PREFIX, which may be NULL. */
static int names_set(struct names *n, char *prefix, struct err *e)
{
    static const char *const ends[3] = {"bin", "idx", "json"};
    names_free(n);
    n->prefix = prefix;
    bool bad = !prefix;
    for (size_t i = 0; i < 3 && !bad; i++) {
        n->file[i] = format_string("%s.%s", prefix, ends[i]);
        bad = !n->file[i];
    }
    return bad ? err_memory(e, prefix) : 0;
}

/* Whether a corpus of that HASH takes nothing from anybody under these names. */
static bool replaceable(const struct names *n, uint64_t hash)
{
    struct origin origin;
    struct err e;
    struct stat st;
    if (!origin_read(&origin, n->file[2], &e)) {
        bool same = origin.stats.corpus_hash == hash;
        origin_free(&origin);
        return same;
    }
    return stat(n->file[0], &st) && stat(n->file[1], &st) && stat(n->file[2], &st);
}

/* PREFIX-HASH where PREFIX is another's. */
static int step_aside(struct names *names, struct text_reader *r, struct corpus_writer *w,
                      struct out *origin, struct tokenize_stats *s, struct err *e)
{
    if (replaceable(names, s->corpus_hash)) return 0;
    s->renamed = true;
    return names_set(names, format_string("%s-%016" PRIx64, names->prefix, s->corpus_hash), e) ||
                   check_names(r->paths, r->n, names->file, e) ||
                   corpus_writer_rename(w, names->prefix, e) ||
                   out_rename(origin, names->file[2], e)
               ? -1
               : 0;
}

/* The totals, then all three files into their places. */
static int finish(struct names *names, struct text_reader *r, struct corpus_writer *w,
                  struct out *origin, struct tokenize_stats *s, struct err *e)
{
    s->documents = w->documents;
    s->tokens = w->tokens;
    s->longest = w->longest;
    s->corpus_hash = corpus_writer_hash(w);
    for (size_t i = 0; i < r->n; i++) s->read_bytes += s->files[i].bytes;
    if (s->documents == s->empty_documents)
        return err_set(e, "%s: no text: %s", r->n ? r->paths[0] : names->prefix,
                       s->documents ? "every document is empty" : "the input has no documents");
    if (r->o->keep && step_aside(names, r, w, origin, s, e)) return -1;
    /* The .json first: what a power cut leaves under the names says whose it is. */
    if (write_origin(origin, r, s, w->type == 8 ? 2 : 4, e) || out_commit(origin, e)) return -1;
    int status = corpus_writer_commit(w, e);
    if (status) unlink(names->file[2]);
    return status;
}

int tokenize_files(char *const *paths, size_t n, const struct tokenizer *t, const char *path,
                   const struct tokenize_options *o, struct tokenize_stats *result, struct err *e)
{
    if (result) *result = (struct tokenize_stats){0};
    static const struct tokenize_options defaults;
    struct tokenize_stats stats = {.files = calloc(n ? n : 1, sizeof *stats.files)};
    struct corpus_writer w = {0};
    struct out origin = {.slot = -1};
    struct names names = {0};
    struct text_reader r = {
        .paths = paths, .n = n, .files = stats.files, .t = t, .o = o ? o : &defaults};
    int64_t append = -1;
    int status = names_set(&names, corpus_prefix(path), e);
    if (!status && !stats.files) status = err_memory(e, path);
    if (!status && r.o->append && (append = tokenizer_added(t, r.o->append)) < 0)
        status = err_set(e, "%s: no added token '%.60s'", tokenizer_path(t), r.o->append);
    if (!status) status = check_names(paths, n, names.file, e);
    if (!status) status = corpus_writer_open(&w, names.prefix, tokenizer_size(t), e);
    if (!status) status = out_open(&origin, names.file[2], e);
    if (!status) {
        progress_begin("tokenize", "bytes", total_bytes(paths, n));
        status = run(&r, &w, append, &stats, e);
        progress_end();
    }
    if (!status) status = finish(&names, &r, &w, &origin, &stats, e);
    if (!status && result) {
        *result = stats;
        stats.files = NULL;
    }
    corpus_writer_abort(&w);
    out_abort(&origin);
    text_reader_close(&r);
    free(stats.files);
    names_free(&names);
    return status;
}
