/* report_plan.c - see report_plan.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report_plan.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "src/base/json.h"

enum { MANY = 24 }; /* models that a terminal shows one by one */

static const struct column columns[] = {
    {.name = "model"},
    {.name = "step", .unit = TABLE_EXACT},
    {.name = "state"},
    {.name = "import_bytes", .unit = TABLE_BYTES, .head = "import"},
    {.name = "tokens", .unit = TABLE_COUNT},
    {.name = "flop", .format = "%.17g", .unit = TABLE_FLOP, .head = "FLOP"},
    {.name = "seconds", .unit = TABLE_SECONDS, .head = "time"},
    {.name = "memory", .unit = TABLE_BYTES},
    {.name = "disk", .unit = TABLE_BYTES},
    {.name = "source", .flags = TABLE_DETAIL},
    {.name = "problem", .flags = TABLE_NO_TERMINAL},
    {.name = "seen", .unit = TABLE_EXACT}, /* only where training rows are scanned */
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double seconds(double flop, const struct queue_rate *r)
{
    return r->peak > 0 ? flop / (r->peak * r->share) : NAN;
}

static bool bad(const struct queue_entry *x)
{
    return x->state == QUEUE_MISSING || x->state == QUEUE_FAILED;
}

/* A name may hold anything: one line of it. */
static void put_name(struct table *t, const char *name)
{
    struct err line;
    err_set(&line, "%s", name);
    table_text(t, "%s", line.text);
}

/* The training rows that are scanned; end 0: it is documents. */
static struct train_rows rows_of(const struct queue *q)
{
    return q->job ? q->job->o->protocol.rows : (struct train_rows){0, 0};
}

static void put_entry(struct table *t, const struct queue *q, const struct queue_entry *x,
                      const struct queue_rate *rate)
{
    const struct catalog_entry *m = x->model;
    const bool work = queue_open_work(x);
    put_name(t, *m->is.name ? m->is.name : m->model);
    if (m->is.step >= 0)
        table_whole(t, (uint64_t)m->is.step);
    else
        table_none(t);
    table_text(t, "%s", queue_states[x->state]);
    if (work && m->state == CATALOG_TO_IMPORT)
        table_whole(t, m->bytes);
    else
        table_none(t);
    if (bad(x)) {
        for (int i = 0; i < 5; i++) table_none(t);
    } else {
        table_whole(t, q->job->plan.predictions);
        table_real(t, x->flop);
        table_real(t, work ? seconds(x->flop, rate) : 0);
        table_whole(t, x->memory);
        table_whole(t, x->disk);
    }
    put_name(t, m->model);
    table_text(t, "%s", bad(x) ? x->why.text : "");
    const struct train_rows rows = rows_of(q);
    if (rows.end && m->is.step >= 0)
        table_whole(t, train_rows_seen(rows, (uint64_t)m->is.step));
    else if (rows.end)
        table_none(t);
}

static const char *bytes_text(uint64_t bytes, char *buffer, size_t size)
{
    return bytes == UINT64_MAX ? "?" : table_number((double)bytes, TABLE_BYTES, buffer, size);
}

static bool same_name(const struct queue *q, size_t i, size_t j)
{
    return !strcmp(q->entries[i].model->is.name, q->entries[j].model->is.name);
}

/* The entries of the I-th's name in one line. */
static void put_group(struct sheet *s, const struct queue *q, size_t i,
                      const struct queue_rate *rate)
{
    const char *name = q->entries[i].model->is.name;
    size_t states[QUEUE_FAILED + 1] = {0}, at = 0;
    int64_t least = INT64_MAX, most = -1;
    double flop = 0;
    for (size_t j = i; j < q->n; j++) {
        const struct queue_entry *x = &q->entries[j];
        if (!same_name(q, i, j)) continue;
        if (x->model->is.step < least) least = x->model->is.step;
        if (x->model->is.step > most) most = x->model->is.step;
        if (queue_open_work(x)) flop += x->flop;
        states[x->state]++;
    }
    char text[160] = "", a[32], b[32];
    for (int k = 0; k <= QUEUE_FAILED; k++) {
        if (states[k])
            at += (size_t)snprintf(text + at, sizeof text - at, ", %zu %s", states[k],
                                   queue_states[k]);
    }
    if (flop > 0)
        snprintf(text + at, sizeof text - at, ", %s FLOP, %s",
                 table_number(flop, TABLE_FLOP, a, sizeof a),
                 table_number(seconds(flop, rate), TABLE_SECONDS, b, sizeof b));
    if (most > least && least >= 0)
        sheet_headline(s, "%s: steps %lld to %lld%s", *name ? name : "?", (long long)least,
                       (long long)most, text);
    else
        sheet_headline(s, "%s%s%s", *name ? name : "?", text[0] ? ":" : "",
                       text[0] ? text + 1 : "");
}

static void put_groups(struct sheet *s, const struct queue *q, const struct queue_rate *rate)
{
    size_t groups = 0;
    for (size_t i = 0; i < q->n; i++) {
        size_t j = 0;
        while (j < i && !same_name(q, i, j)) j++;
        if (j == i && groups++ < MANY) put_group(s, q, i, rate);
    }
    if (groups > MANY) sheet_headline(s, "and models of %zu other names", groups - MANY);
}

static void put_rate(struct sheet *s, const struct queue *q, double flop,
                     const struct queue_rate *r)
{
    char a[32], b[32], from[96];
    if (r->records)
        snprintf(from, sizeof from, "what %zu scans with these kernels reached there", r->records);
    else
        snprintf(from, sizeof from, "assumed: there are no scans with these kernels yet");
    sheet_remark(
        s,
        "work: %s FLOP, %s on %d threads at %.3g GFLOP/s: float32's FMA peak measured now, %.3g, "
        "times %.3g (%s)",
        table_number(flop, TABLE_FLOP, a, sizeof a),
        table_number(seconds(flop, r), TABLE_SECONDS, b, sizeof b), q->job->o->threads,
        r->peak * r->share * 1e-9, r->peak * 1e-9, r->share, from);
}

static void put_totals(struct sheet *s, const struct queue *q, const struct queue_needs *n,
                       const struct queue_rate *rate)
{
    char text[160] = "", a[32], b[32], c[32], twice[64] = "";
    size_t at = 0;
    for (int k = 0; k <= QUEUE_FAILED; k++) {
        if (n->states[k])
            at += (size_t)snprintf(text + at, sizeof text - at, ", %zu %s", n->states[k],
                                   queue_states[k]);
    }
    if (q->twice) snprintf(twice, sizeof twice, " (%zu given twice were left out)", q->twice);
    sheet_remark(s, "plan: %zu models%s%s", q->n, text, twice);
    if (!q->job) return;
    const struct plan *p = &q->job->plan;
    sheet_remark(s, "corpus: %s: %zu documents, %s tokens to predict of each model (%s)",
                 q->job->corpus.prefix, p->end - p->begin,
                 table_number((double)p->predictions, TABLE_COUNT, a, sizeof a), q->job->protocol);
    const struct train_rows rows = rows_of(q);
    if (rows.end)
        sheet_remark(s,
                     "training rows %" PRIu64 " to %" PRIu64 ": 'seen' is how many of the %" PRIu64
                     " a checkpoint had been trained on (stepN: rows 0 to 1024 N - 1)",
                     rows.begin, rows.end - 1, rows.end - rows.begin);
    if (!n->flop) return;
    put_rate(s, q, n->flop, rate);
    if (n->imports)
        sheet_remark(s, "imports first: %zu, %s to read, %s to write (%s free)", n->imports,
                     bytes_text(n->import_read, a, sizeof a),
                     bytes_text(n->import_bytes, b, sizeof b),
                     bytes_text(n->imports_free, c, sizeof c));
    sheet_remark(s, "memory: %s for the largest model, its weights included (%s available)",
                 bytes_text(n->memory, a, sizeof a),
                 n->memory_available ? bytes_text(n->memory_available, b, sizeof b) : "?");
    if (n->streamed)
        sheet_remark(s, "streamed, as memory does not hold them: %zu models, %s of weights to read",
                     n->streamed, bytes_text(n->streamed_read, a, sizeof a));
    sheet_remark(s, "losses: %s in %s (%s free)", bytes_text(n->losses_bytes, a, sizeof a),
                 q->job->o->out, bytes_text(n->losses_free, b, sizeof b));
}

static size_t columns_of(const struct queue *q)
{
    return rows_of(q).end ? COLUMNS : COLUMNS - 1;
}

static struct table *put_entries(struct table *t, const struct queue *q,
                                 const struct queue_rate *rate)
{
    for (size_t i = 0; i < q->n; i++) put_entry(t, q, &q->entries[i], rate);
    return t;
}

/* What is wrong with each; what downloads the missing stands in lines of its own, to be pasted. */
static void put_problems(struct sheet *s, const struct queue *q)
{
    static const char how[] = "; to get it: ";
    for (int commands = 0; commands < 2; commands++) {
        for (size_t i = 0; i < q->n; i++) {
            const char *text = q->entries[i].why.text,
                       *line = bad(&q->entries[i]) ? strstr(text, how) : NULL;
            if (commands && line)
                sheet_headline(s, "%s", line + strlen(how));
            else if (!commands && bad(&q->entries[i]))
                sheet_headline(s, "%.*s", (int)(line ? (size_t)(line - text) : strlen(text)), text);
        }
    }
}

void report_plan(struct sheet *s, const struct queue *q, const struct queue_rate *rate,
                 bool problems)
{
    struct queue_needs n = queue_needs(q);
    put_totals(s, q, &n, rate);
    if (q->n > MANY) put_groups(s, q, rate);
    put_entries(sheet_table(s, columns, columns_of(q), "-", q->n > MANY), q, rate);
    if (problems) put_problems(s, q);
}

static json_t *whole(uint64_t n)
{
    return n == UINT64_MAX ? json_null() : json_integer((json_int_t)n);
}

json_t *plan_json(const struct queue *q, const struct queue_rate *rate)
{
    struct queue_needs n = queue_needs(q);
    struct table *t = table_open(columns, columns_of(q), "-");
    json_t *models = table_json(put_entries(t, q, rate), false), *states = json_object();
    table_free(t);
    for (int k = 0; k <= QUEUE_FAILED; k++)
        json_object_set_new(states, queue_states[k], json_integer((json_int_t)n.states[k]));
    const struct job *job = q->job;
    json_t *corpus =
        job ? json_pack("{s:o, s:s, s:I, s:I, s:s}", "prefix", json_utf8(job->corpus.prefix),
                        "hash", "", "documents", (json_int_t)(job->plan.end - job->plan.begin),
                        "tokens", (json_int_t)job->plan.predictions, "protocol", job->protocol)
            : json_null();
    if (job) json_object_set_new(corpus, "hash", json_hex(job->corpus_hash));
    if (rows_of(q).end)
        json_object_set_new(
            corpus, "train_rows",
            json_pack("[I, I]", (json_int_t)rows_of(q).begin, (json_int_t)rows_of(q).end));
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:f, s:o, s:o, s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
        "models", models, "states", states, "given_twice", (json_int_t)q->twice, "corpus", corpus,
        "flop", n.flop, "seconds", json_finite(seconds(n.flop, rate)), "peak_flop_per_s",
        json_finite(rate->peak > 0 ? rate->peak : NAN), "share_of_peak", rate->share,
        "share_measured_in", (json_int_t)rate->records, "imports", (json_int_t)n.imports,
        "import_read", whole(n.import_read), "import_bytes", whole(n.import_bytes), "memory",
        whole(n.memory), "memory_available",
        n.memory_available ? whole(n.memory_available) : json_null(), "streamed",
        (json_int_t)n.streamed, "streamed_read", whole(n.streamed_read), "losses_bytes",
        whole(n.losses_bytes), "losses_free", whole(n.losses_free));
}
