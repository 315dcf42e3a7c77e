/* gather_documents.c - a row a document of gather.h's checkpoints: the losses' own corpus is found and
 * planned again, for where each document's losses are; then blocks of documents are summed up and
 * written in order, whatever the rows and documents are, in the memory of a few blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/csv.h"
#include "src/base/progress.h"
#include "src/scan/gather.h"
#include "src/scan/loss_column.h"
#include "src/scan/model_tokenizer.h"
#include "src/scan/text_counts.h"
#include "src/text/known.h"
#include "src/text/unicode.h"

enum { DROP_LOSSES = 1 << 20 }; /* after so many their pages are given back */

struct documents {
    const struct gathered *g;
    const struct documents_request *o;
    struct corpus corpus;
    struct plan plan;
    struct text_counter counter;
    bool bytes; /* there is a tokenizer */
    struct loss_column *columns;
    uint64_t total;   /* bytes of the text so far */
    uint64_t dropped; /* losses whose pages have been given back */
    struct out out;
};

/* --- the text --- */

/* Opens the corpus as the losses' record has it. */
static int open_corpus(struct documents *d, struct err *e)
{
    const struct record *r = &d->g->checkpoints[0].whole;
    const char *prefix = d->o->corpus ? d->o->corpus : r->corpus;
    struct protocol p;
    size_t documents;
    if (protocol_parse(&p, &documents, r->protocol, r->losses, e)) return -1;
    if (!prefix)
        return err_set(e, "%s: does not say where its corpus is: give it with -c", r->losses);
    if (!d->o->corpus && !corpus_exists(prefix))
        return err_kind(e, ERR_MISSING, "%s: its corpus %s is not there: give it with -c",
                        r->losses, prefix);
    if (protocol_open_corpus(&d->corpus, &p, prefix, e)) return -1;
    if (corpus_is(&d->corpus, documents, r->corpus_hash, r->losses, d->o->directory, e) ||
        plan_make(&d->plan, &d->corpus, &p, 0, documents ? documents : SIZE_MAX, e))
        return -1;
    return (double)d->plan.predictions == r->moments.predictions
               ? 0
               : err_kind(e, ERR_DAMAGED,
                          "%s: expected %" PRIu64 " losses of its corpus (%s), found %.0f",
                          r->losses, d->plan.predictions, r->protocol, r->moments.predictions);
}

/* Without a tokenizer there is a warning. */
static int open_counter(struct documents *d, struct err *e)
{
    const char *scan = d->g->checkpoints[0].whole.tokenizer;
    struct tokenizer *t;
    char *gone;
    int status = corpus_tokenizer_open(&t, &gone, d->corpus.prefix, d->o->tokenizer, scan, e);
    if (!status && !t)
        progress_warn(
            "%s: bytes and bits per byte are left out: there is no tokenizer at hand%s%s; "
            "give one with -t",
            d->o->path, gone ? ", it is no longer " : "", gone ? gone : "");
    if (!status && t) status = text_counter_open(&d->counter, t, e);
    d->bytes = t != NULL;
    tokenizer_close(t);
    free(gone);
    return status;
}

/* --- the rows --- */

static int put(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int put(struct bytes *b, const char *format, ...)
{
    char text[64];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return bytes_append(b, text, (size_t)n);
}

/* ",VALUE", or nothing after the comma. */
static int put_real(struct bytes *b, double v)
{
    return isfinite(v) ? put(b, ",%.17g", v) : put(b, ",");
}

/* One document, whose losses begin at AT; PARTS: a hint for each column. */
static int put_document(const struct documents *d, size_t document, uint64_t at, size_t *parts,
                        struct bytes *b, uint64_t *bytes, struct err *e)
{
    const size_t n = plan_predictions(&d->plan, document);
    uint64_t words;
    *bytes = 0;
    if (d->bytes && text_count_document(&d->counter, &d->plan, document, bytes, &words, e))
        return -1;
    int bad = put(b, "%zu,%zu,%zu", document, corpus_length(&d->corpus, document), n);
    if (d->bytes) bad |= put(b, ",%" PRIu64, *bytes);
    for (size_t j = 0; j < d->g->count; j++) {
        const double sum = loss_column_sum(&d->columns[j], at, n, &parts[j]);
        bad |= put_real(b, n ? sum / (double)n : NAN);
        if (d->bytes) bad |= put_real(b, *bytes ? sum / M_LN2 / (double)*bytes : NAN);
    }
    bad |= put(b, "\n");
    return bad ? err_memory(e, d->o->path) : 0;
}

/* The documents of a block of the plan, as text. */
static int put_block(const struct documents *d, size_t block, struct bytes *b, uint64_t *bytes,
                     struct err *e)
{
    const size_t first = block * PLAN_BLOCK, left = d->plan.end - first;
    const size_t end = left < PLAN_BLOCK ? d->plan.end : first + PLAN_BLOCK;
    uint64_t at = plan_offset(&d->plan, first), one;
    size_t *parts = calloc(d->g->count, sizeof *parts);
    int status = parts ? 0 : err_memory(e, d->o->path);
    *bytes = 0;
    for (size_t i = first; i < end && !status; i++) {
        status = put_document(d, i, at, parts, b, &one, e);
        at += plan_predictions(&d->plan, i);
        *bytes += one;
    }
    free(parts);
    return status;
}

/* Writes what a block has become, the blocks before it being written. */
static int write_block(struct documents *d, size_t block, const struct bytes *b, uint64_t bytes,
                       struct err *e)
{
    const uint64_t at = plan_offset(&d->plan, block * PLAN_BLOCK);
    d->total += bytes;
    if (at - d->dropped >= DROP_LOSSES) {
        for (size_t j = 0; j < d->g->count; j++)
            loss_column_drop(&d->columns[j], d->dropped, at - d->dropped);
        d->dropped = at;
    }
    return out_write(&d->out, b->data, b->count, e);
}

static int write_documents(struct documents *d, struct err *e)
{
    const size_t n = d->plan.end, blocks = (n + PLAN_BLOCK - 1) / PLAN_BLOCK;
    int status = 0;
    progress_begin("documents", "documents", n);
#pragma omp parallel for schedule(dynamic, 1) ordered
    for (size_t block = 0; block < blocks; block++) {
        struct bytes b = {0};
        struct err mine;
        uint64_t bytes = 0;
        int bad = err_status(&status) ? 0 : put_block(d, block, &b, &bytes, &mine);
#pragma omp ordered
        {
            if (!bad && !err_status(&status)) bad = write_block(d, block, &b, bytes, &mine);
            if (bad) err_first(e, &status, &mine);
        }
        bytes_free(&b);
        progress_add(block + 1 < blocks ? PLAN_BLOCK : n - block * PLAN_BLOCK);
    }
    progress_end();
    return status;
}

/* ",WHAT:NAME" */
static int put_name(struct out *out, const char *what, const char *name, struct err *e)
{
    char *text = format_string("%s:%s", what, name);
    int status = text ? out_printf(out, e, ",") : err_memory(e, out->path);
    if (!status) status = csv_write_text(out, text, e);
    free(text);
    return status;
}

static int write_header(struct documents *d, struct err *e)
{
    int status = out_printf(&d->out, e, "document,tokens,predictions%s", d->bytes ? ",bytes" : "");
    for (size_t j = 0; j < d->g->count && !status; j++) {
        char *name = record_checkpoint(&d->g->checkpoints[j].whole);
        status = name ? put_name(&d->out, "loss", name, e) : err_memory(e, d->o->path);
        if (!status && d->bytes) status = put_name(&d->out, "bits_per_byte", name, e);
        free(name);
    }
    return status ? status : out_printf(&d->out, e, "\n");
}

/* The scan counted the same text, if it had a tokenizer. */
static int check_bytes(const struct documents *d, struct err *e)
{
    const struct record *r = &d->g->checkpoints[0].whole;
    if (!d->bytes || r->bytes < 0 || r->bytes == (double)d->total) return 0;
    return err_set(e,
                   "%s: expected the %.0f bytes of text that %s counted, found %" PRIu64
                   ": another tokenizer",
                   d->o->path, r->bytes, r->losses, d->total);
}

int gather_documents(const struct gathered *g, const struct documents_request *o, struct err *e)
{
    struct documents d = {.g = g, .o = o, .out = {.slot = -1}};
    d.columns = calloc(g->count, sizeof *d.columns);
    int status = d.columns ? open_corpus(&d, e) : err_memory(e, o->path);
    if (!status) status = open_counter(&d, e);
    for (size_t j = 0; j < g->count && !status; j++)
        status = loss_column_open(&d.columns[j], &g->checkpoints[j], e);
    if (!status) status = out_open(&d.out, o->path, e);
    if (!status) status = write_header(&d, e);
    if (!status) status = write_documents(&d, e);
    if (!status) status = check_bytes(&d, e);
    if (!status) status = out_commit(&d.out, e);
    out_abort(&d.out);
    for (size_t j = 0; d.columns && j < g->count; j++) loss_column_close(&d.columns[j]);
    free(d.columns);
    text_counter_close(&d.counter);
    plan_free(&d.plan);
    if (d.corpus.prefix) corpus_close(&d.corpus);
    return status;
}
