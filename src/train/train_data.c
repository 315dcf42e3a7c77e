/* train_data.c - see train_data.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

/* Streams of random numbers, beyond those that weights are drawn from. */
#define STREAM_HELD  (UINT64_C(1) << 62)
#define STREAM_EPOCH (UINT64_C(1) << 63) /* | epoch */
enum { HELD_SEED = 0 };

/* --- sections --- */

static size_t sections_of(size_t length)
{
    return (length + TRAIN_SECTION - 1) / TRAIN_SECTION;
}

static double draw(size_t number)
{
    return rng_uniform(HELD_SEED, STREAM_HELD, number);
}

/* How many sections there are, how many of them are held out, and the one with the least number. */
static void count_sections(struct train_data *d, size_t *least)
{
    double smallest = 2;
    for (size_t i = 0; i < d->corpus->documents; i++)
        for (size_t k = sections_of(corpus_length(d->corpus, i)); k; k--) {
            const double u = draw(d->n);
            d->held_n += u < d->holdout;
            if (u < smallest) *least = d->n;
            if (u < smallest) smallest = u;
            d->n++;
        }
}

static void place_sections(struct train_data *d, size_t only)
{
    size_t number = 0, kept = 0, held = 0;
    struct train_section *before = NULL; /* the one that came last, if it is trained on */
    for (size_t i = 0; i < d->corpus->documents; i++) {
        const size_t length = corpus_length(d->corpus, i);
        for (size_t first = 0; first < length; first += TRAIN_SECTION, number++) {
            const size_t n = length - first < TRAIN_SECTION ? length - first : TRAIN_SECTION;
            struct train_section s = {.document = i, .first = first, .n = (uint32_t)n};
            if (only == SIZE_MAX ? draw(number) < d->holdout : number == only) {
                if (before && !before->closed && d->separator >= 0) {
                    before->closed = true;
                    d->tokens++;
                }
                before = NULL;
                d->held[held++] = s;
                continue;
            }
            s.at = d->tokens;
            s.closed = d->separator >= 0 && first + n == length;
            d->tokens += n + s.closed;
            d->sections[kept] = s;
            before = &d->sections[kept++];
        }
    }
}

int train_data_open(struct train_data *d, const struct corpus *corpus, uint64_t corpus_hash,
                    int64_t separator, double holdout, struct err *e)
{
    *d = (struct train_data){
        .corpus = corpus, .corpus_hash = corpus_hash, .separator = separator, .holdout = holdout};
    if (!(holdout >= 0 && holdout < 1))
        return err_set(e, "fraction held out: expected 0 to less than 1, found %g", holdout);
    if (separator >= 0 && corpus->limit && separator >= corpus->limit)
        return err_set(e, "separator: expected an id below %u, found %lld", corpus->limit,
                       (long long)separator);
    size_t least = SIZE_MAX;
    count_sections(d, &least);
    const size_t all = d->n;
    const bool one = holdout > 0 && !d->held_n && all; /* the least alone */
    if (one) d->held_n = 1;
    d->n -= d->held_n;
    if (!d->n)
        return err_set(e,
                       "%s: too little text: expected more than %zu sections of up to %d tokens to "
                       "train on some and hold out some, found %zu",
                       corpus->prefix, d->held_n, TRAIN_SECTION, all);
    d->sections = malloc(d->n * sizeof *d->sections);
    d->held = malloc((d->held_n + 1) * sizeof *d->held);
    if (!d->sections || !d->held) {
        train_data_close(d);
        return err_memory(e, corpus->prefix);
    }
    place_sections(d, one ? least : SIZE_MAX);
    return 0;
}

void train_data_close(struct train_data *d)
{
    free(d->sections);
    free(d->held);
    *d = (struct train_data){.corpus = NULL};
}

uint64_t train_data_windows(const struct train_data *d, size_t length)
{
    return d->tokens ? (d->tokens - 1) / length : 0;
}

/* The last section that begins at or before AT. */
static size_t section_at(const struct train_data *d, uint64_t at)
{
    size_t lo = 0, hi = d->n;
    while (hi - lo > 1) {
        const size_t mid = lo + (hi - lo) / 2;
        if (d->sections[mid].at <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

int train_data_read(const struct train_data *d, uint64_t first, size_t n, uint32_t *out,
                    struct err *e)
{
    for (size_t i = section_at(d, first); n; i++) {
        const struct train_section *s = &d->sections[i];
        const size_t skip = (size_t)(first - s->at), here = s->n - (skip < s->n ? skip : s->n);
        const size_t some = here < n ? here : n;
        if (some && corpus_read(d->corpus, s->document, s->first + skip, some, out, e)) return -1;
        out += some;
        n -= some;
        first += some;
        if (!n || !s->closed) continue;
        *out++ = (uint32_t)d->separator;
        n--;
        first++;
    }
    return 0;
}

int train_data_write_held(const struct train_data *d, const char *prefix, uint64_t most,
                          struct err *e)
{
    struct corpus_writer w = {0};
    uint32_t ids[TRAIN_SECTION];
    const size_t vocabulary = d->corpus->limit ? d->corpus->limit : (size_t)INT32_MAX;
    if (corpus_writer_open(&w, prefix, vocabulary, e)) return -1;
    int status = 0;
    for (size_t i = 0; i < d->held_n && !status && (!most || w.tokens < most); i++) {
        const struct train_section *s = &d->held[i];
        status = corpus_read(d->corpus, s->document, s->first, s->n, ids, e);
        if (!status) status = corpus_writer_add(&w, ids, s->n, e);
        if (!status) status = corpus_writer_end(&w, e);
    }
    if (!status) return corpus_writer_commit(&w, e);
    corpus_writer_abort(&w);
    return -1;
}

/* Whether the corpus is what train_data_write_held would write. */
static bool is_held(const struct train_data *d, const struct corpus *there, uint64_t most)
{
    uint32_t ours[TRAIN_SECTION], theirs[TRAIN_SECTION];
    uint64_t tokens = 0;
    struct err ignored;
    size_t i = 0;
    for (; i < d->held_n && (!most || tokens < most); i++) {
        const struct train_section *s = &d->held[i];
        if (i >= there->documents || corpus_length(there, i) != s->n ||
            corpus_read(d->corpus, s->document, s->first, s->n, ours, &ignored) ||
            corpus_read(there, i, 0, s->n, theirs, &ignored) ||
            memcmp(ours, theirs, s->n * sizeof *ours) != 0)
            return false;
        tokens += s->n;
    }
    return i == there->documents;
}

int train_data_keep_held(const struct train_data *d, const char *prefix, uint64_t most,
                         struct err *e)
{
    struct corpus there;
    if (!corpus_exists(prefix)) return train_data_write_held(d, prefix, most, e);
    if (corpus_open(&there, prefix, e)) return -1;
    const bool same = is_held(d, &there, most);
    corpus_close(&there);
    return same ? 0
                : err_set(e,
                          "%s: expected what these settings hold out of this text, found another: "
                          "give another folder, or remove it",
                          prefix);
}

/* --- order --- */

int train_order_open(struct train_order *o, uint64_t windows, uint64_t seed, struct err *e)
{
    *o = (struct train_order){.windows = windows, .seed = seed, .epoch = UINT64_MAX};
    if (!windows || windows > UINT32_MAX)
        return err_set(e, "windows of a batch's length: expected 1 to %u, found %" PRIu64,
                       UINT32_MAX, windows);
    o->number = malloc(windows * sizeof *o->number);
    return o->number ? 0 : err_memory(e, "the order of the windows");
}

void train_order_close(struct train_order *o)
{
    free(o->number);
    *o = (struct train_order){.number = NULL};
}

uint64_t train_order_at(struct train_order *o, uint64_t place)
{
    const uint64_t epoch = place / o->windows;
    for (uint64_t i = 0; epoch != o->epoch && i < o->windows; i++) {
        const uint64_t j = rng_below(o->seed, STREAM_EPOCH | epoch, i, i + 1);
        o->number[i] = o->number[j];
        o->number[j] = (uint32_t)i;
    }
    o->epoch = epoch;
    return o->number[place % o->windows];
}

int train_batch(const struct train_data *d, struct train_order *o, size_t rows, size_t length,
                uint64_t step, uint32_t *tokens, struct err *e)
{
    for (size_t i = 0; i < rows; i++) {
        const uint64_t window = train_order_at(o, step * rows + i);
        if (train_data_read(d, window * length, length + 1, tokens + i * (length + 1), e))
            return -1;
    }
    return 0;
}
