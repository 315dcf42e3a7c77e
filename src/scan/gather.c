/* gather.c - see gather.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/gather.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/csv.h"
#include "src/base/json.h"
#include "src/base/provenance.h"

static int read_records(struct gathered *g, const char *directory, struct err *e)
{
    DIR *d = opendir(directory);
    if (!d) return err_errno(e, "%s: cannot open", directory);
    int status = 0;
    for (struct dirent *entry; !status && (entry = readdir(d));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".json")) continue;
        char *path = format_string("%s/%s", directory, entry->d_name);
        struct record *bigger =
            path ? realloc(g->records, (g->record_count + 1) * sizeof *bigger) : NULL;
        if (!bigger) {
            status = err_memory(e, directory);
        } else {
            g->records = bigger;
            if (record_is(path)) {
                status = record_read(&g->records[g->record_count], path, e);
                if (!status) g->record_count++;
            }
        }
        free(path);
    }
    closedir(d);
    if (!status && !g->record_count)
        status = err_set(e, "%s: no losses found: expected the directory `tripod scan -o` wrote to",
                         directory);
    return status;
}

/* What a record is of: documents [begin, end) of so many, or, of records of before, shards. */
struct stretch {
    size_t begin, end, of;
    const char *unit;
};

static struct stretch stretch_of(const struct record *r)
{
    if (r->shards == 1) return (struct stretch){0, SIZE_MAX, SIZE_MAX, "document"};
    if (!r->end) return (struct stretch){r->shard, r->shard + 1, r->shards, "shard"};
    return (struct stretch){r->begin, r->end, r->of, "document"};
}

/* By size, then model, step, place. */
static int by_checkpoint(const void *pa, const void *pb)
{
    const struct record *a = pa, *b = pb;
    if (a->parameters != b->parameters) return a->parameters < b->parameters ? -1 : 1;
    int name = strcmp(a->model, b->model);
    if (name) return name;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    struct stretch s = stretch_of(a), t = stretch_of(b);
    if (s.begin != t.begin) return s.begin < t.begin ? -1 : 1;
    if (s.end != t.end) return s.end < t.end ? -1 : 1;
    return strcmp(a->losses, b->losses);
}

static int same_checkpoint(const struct record *a, const struct record *b)
{
    return a->step == b->step && !strcmp(a->model, b->model);
}

/* Documents [BEGIN, END) are missing; LEFT, RIGHT: the parts beside them, one of them may be NULL. */
static int missing(const struct record *left, const struct record *right, size_t begin, size_t end,
                   struct err *e)
{
    const struct record *r = left ? left : right;
    size_t shard = left ? left->shard + 1 : right->shard ? right->shard - 1 : 0;
    return err_kind(e, ERR_MISSING,
                    "%s: expected %ss %zu to %zu of %s %s it, found none: shard %zu/%zu", r->losses,
                    stretch_of(r).unit, begin, end - 1, r->model, left ? "after" : "before", shard,
                    r->shards);
}

/* Whether the parts R[0 .. n), sorted, are everything once. */
static int check_cover(const struct record *r, size_t n, struct err *e)
{
    const struct stretch first = stretch_of(r);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct stretch s = stretch_of(&r[i]);
        if (s.begin < at)
            return err_set(e, "%s: has %ss that %s has, too: remove one of the two", r[i].losses,
                           s.unit, r[i - 1].losses);
        if (s.of != first.of || s.unit != first.unit)
            return err_set(e, "%s: expected a part of %zu %ss as %s is, found one of %zu %ss",
                           r[i].losses, first.of, first.unit, r->losses, s.of, s.unit);
        if (s.begin > at) return missing(i ? &r[i - 1] : NULL, &r[i], at, s.begin, e);
        at = s.end;
    }
    return at == first.of ? 0 : missing(&r[n - 1], NULL, at, first.of, e);
}

/* Records of before do not say. */
static const char *precision_of(const struct record *r)
{
    return r->precision ? r->precision : "float32";
}

/* Sums the parts R[0 .. n) of one checkpoint, which must be all of it, of the same corpus as FIRST
 * and in its precision. */
static int join(struct checkpoint *c, struct record *r, size_t n, const struct record *first,
                struct err *e)
{
    c->parts = malloc(n * sizeof *c->parts);
    if (!c->parts) return err_memory(e, r->losses);
    c->part_count = n;
    c->whole = *r;
    c->whole.shard = c->whole.end = 0;
    c->whole.shards = 1;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(r[i].corpus_hash, first->corpus_hash) || strcmp(r[i].protocol, first->protocol))
            return err_set(e, "%s: expected corpus %s (%s) as in %s, found %s (%s)", r[i].losses,
                           first->corpus_hash, first->protocol, first->losses, r[i].corpus_hash,
                           r[i].protocol);
        if (strcmp(precision_of(&r[i]), precision_of(first)))
            return err_set(e, "%s: expected losses in %s as %s has, found %s", r[i].losses,
                           precision_of(first), first->losses, precision_of(&r[i]));
        c->parts[i] = &r[i];
        if (i == 0) continue;
        if (r->weights && r[i].weights && strcmp(r->weights, r[i].weights))
            return err_set(e, "%s: expected losses of the same weights (%s) as %s, found %s",
                           r[i].losses, r->weights, r->losses, r[i].weights);
        moments_add(&c->whole.moments, &r[i].moments);
        c->whole.seconds += r[i].seconds;
        c->whole.bytes = c->whole.bytes < 0 || r[i].bytes < 0 ? -1 : c->whole.bytes + r[i].bytes;
        c->whole.words = c->whole.words < 0 || r[i].words < 0 ? -1 : c->whole.words + r[i].words;
    }
    if (n > 1) c->whole.deviation.tokens = 0; /* that of one part */
    if (check_cover(r, n, e)) return -1;
    moments_settle(&c->whole.moments);
    if (c->whole.moments.predictions != 0 && n > 1)
        c->whole.tokens_per_s =
            c->whole.seconds > 0 ? c->whole.moments.predictions / c->whole.seconds : 0;
    return 0;
}

static int join_parts(struct gathered *g, struct err *e)
{
    qsort(g->records, g->record_count, sizeof *g->records, by_checkpoint);
    g->checkpoints = calloc(g->record_count, sizeof *g->checkpoints);
    if (!g->checkpoints) return err_memory(e, NULL);
    for (size_t i = 0, n; i < g->record_count; i += n) {
        for (n = 1; i + n < g->record_count && same_checkpoint(&g->records[i], &g->records[i + n]);)
            n++;
        struct checkpoint *c = &g->checkpoints[g->count++];
        if (join(c, &g->records[i], n, &g->records[0], e)) return -1;
        if (c->whole.moments.predictions != g->checkpoints[0].whole.moments.predictions)
            return err_set(e, "%s: expected %.0f losses as in %s, found %.0f", c->whole.losses,
                           g->checkpoints[0].whole.moments.predictions,
                           g->checkpoints[0].whole.losses, c->whole.moments.predictions);
    }
    return 0;
}

/* Of checkpoints of equal weights all but the first are the same as that one, whatever the order was
 * in which they were scanned. */
static int find_same(struct gathered *g, struct err *e)
{
    for (size_t i = 0; i < g->count; i++) {
        struct checkpoint *c = &g->checkpoints[i];
        c->whole.same_as = NULL;
        for (size_t j = 0; j < i && c->whole.weights && !c->same_as; j++) {
            const struct record *r = &g->checkpoints[j].whole;
            if (!r->weights || strcmp(r->weights, c->whole.weights)) continue;
            c->same_as = c->whole.same_as = record_checkpoint(r);
            if (!c->same_as) return err_memory(e, c->whole.losses);
        }
    }
    return 0;
}

/* ",VALUE", nothing after the comma when it is not known. */
static int put_number(struct out *out, int digits, double v, struct err *e)
{
    return isfinite(v) && v >= 0 ? out_printf(out, e, ",%.*g", digits, v) : out_printf(out, e, ",");
}

int gather_points(const struct gathered *g, const char *path, struct err *e)
{
    struct out out;
    if (out_open(&out, path, e)) return -1;
    int status = out_printf(
        &out, e,
        "model,N,N_total,D,step,predictions,loss,se,perplexity,bits_per_byte,word_perplexity,"
        "same_as\n");
    for (size_t i = 0; i < g->count && !status; i++) {
        const struct record *r = &g->checkpoints[i].whole;
        const struct moments *m = &r->moments;
        double values[] = {r->parameters,           r->parameters_total,
                           r->tokens_seen,          (double)r->step,
                           m->predictions,          moments_mean(m),
                           moments_error(m),        record_perplexity(r),
                           record_bits_per_byte(r), record_word_perplexity(r)};
        status = csv_write_text(&out, r->model, e);
        for (size_t j = 0; j < sizeof values / sizeof *values && !status; j++)
            status = put_number(&out, j < 5 ? 15 : 17, values[j], e);
        if (!status) status = out_printf(&out, e, ",");
        if (!status && r->same_as) status = csv_write_text(&out, r->same_as, e);
        if (!status) status = out_printf(&out, e, "\n");
    }
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return status;
}

int gather_open(struct gathered *g, const char *directory, struct err *e)
{
    *g = (struct gathered){0};
    return read_records(g, directory, e) || join_parts(g, e) || find_same(g, e) ? -1 : 0;
}

void gather_close(struct gathered *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->checkpoints[i].parts);
        free(g->checkpoints[i].same_as);
    }
    for (size_t i = 0; i < g->record_count; i++) record_free(&g->records[i]);
    free(g->checkpoints);
    free(g->records);
}
