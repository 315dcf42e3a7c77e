/* cmd_batch.c - `tripod batch`: what a model was trained on at a step: rows of the preshuffled corpus as
 * an array, as text, or as statistics.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/npy.h"
#include "src/base/progress.h"
#include "src/commands.h"
#include "src/text/decode.h"
#include "src/text/train_rows.h"

enum { MOST = 1 << 30, MOST_U16 = 65536 };

struct args {
    const char *corpus, *out, *tokenizer, *steps, *range;
    size_t batch, eod;
    bool text, stats;
    struct train_rows rows; /* of --step or --rows */
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_PLAIN(corpus, "PREFIX"),
    OPTION_TEXT("step", 's', "S[:E]", steps,
                "The rows of step S, or of steps S to E, both included"),
    OPTION_TEXT("rows", 0, "A:B", range, "Rows A to B - 1"),
    OPTION_TEXT(
        "out", 'o', "DIR|FILE", out,
        "Where the array goes, uint16 [rows, tokens]: DIR/indicies.npy, or a FILE.npy; with "
        "--text and --stats: FILE (default: stdout)"),
    OPTION_FLAG("text", 0, text, "As text, documents parted where the end of a text stands"),
    OPTION_FLAG("stats", 0, stats,
                "Statistics as JSON lines: tokens, documents, distinct ids, the longest document"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer, "tokenizer.json, for --text"),
    OPTION_SIZE("batch", 0, "N", batch, 1, MOST, "Rows a step"),
    OPTION_SIZE("eod", 0, "ID", eod, 0, MOST, "The token at a text's end"),
    CLI_PROGRESS,
    OPTION_END,
};

static const struct args defaults = {.batch = TRAIN_BATCH};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    if (!a->corpus) return err_set(e, "no corpus: give the prefix of P.idx and P.bin");
    if (!a->steps == !a->range)
        return err_set(e, a->steps ? "give --step or --rows, not both"
                                   : "which rows? give --step or --rows");
    if (a->text && a->stats) return err_set(e, "give --text or --stats, not both");
    if (a->text && !a->tokenizer)
        return err_set(e, "--text needs a tokenizer.json: give one with -t");
    if (!a->text && !a->stats && !a->out) return err_set(e, "no output: give a directory with -o");
    return a->steps ? train_steps_parse(a->steps, "--step", a->batch, &a->rows, e)
                    : train_rows_parse(a->range, "--rows", &a->rows, e);
}

/* Rows on their way out. */
struct rows {
    const struct args *a;
    const struct corpus *corpus;
    struct train_rows range;
    size_t tokens;  /* of a row */
    uint32_t *ids;  /* of one */
    struct out out; /* zeroed: stdout */
};

static int write_bytes(struct rows *r, const void *data, size_t n, struct err *e)
{
    if (r->out.file) return out_write(&r->out, data, n, e);
    return fwrite(data, 1, n, stdout) == n ? 0 : err_errno(e, "stdout: cannot write");
}

static int write_line(struct rows *r, char *line, struct err *e)
{
    int status = line ? write_bytes(r, line, strlen(line), e) : err_memory(e, NULL);
    free(line);
    return status;
}

/* --- the array --- */

static int array_row(struct rows *r, uint64_t row, struct err *e)
{
    uint8_t *to = (uint8_t *)r->ids; /* in place: no element is written before it is read */
    for (size_t i = 0; i < r->tokens; i++) {
        const uint16_t id = (uint16_t)r->ids[i];
        if (r->ids[i] >= MOST_U16)
            return err_set(e,
                           "%s: row %" PRIu64 ", token %zu: expected an id below 65536, found %u",
                           r->corpus->prefix, row, i, r->ids[i]);
        memcpy(to + i * sizeof id, &id, sizeof id);
    }
    return write_bytes(r, to, r->tokens * sizeof(uint16_t), e);
}

/* --- text --- */

static int text_row(struct rows *r, const struct tokenizer *t, uint64_t row, struct err *e)
{
    struct decoder d = {.tokenizer = t};
    struct bytes text = {0};
    int status = write_line(
        r, format_string("=== row %" PRIu64 ", step %" PRIu64 "\n", row, row / r->a->batch), e);
    int bad = 0;
    for (size_t i = 0; i < r->tokens && !bad; i++) {
        if (r->ids[i] != r->a->eod)
            bad = decoder_add(&d, r->ids[i], &text);
        else
            bad = decoder_end(&d, &text) || bytes_append(&text, "\n---\n", 5);
    }
    if (bad || decoder_end(&d, &text) || bytes_append(&text, "\n", 1)) status = err_memory(e, NULL);
    if (!status) status = write_bytes(r, text.data, text.count, e);
    decoder_free(&d);
    bytes_free(&text);
    return status;
}

/* --- statistics --- */

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* A document is a run of tokens between ends, as far as it is in the row; the end is its last. */
static int stats_row(struct rows *r, uint64_t row, struct err *e)
{
    size_t documents = 0, ends = 0, longest = 0, length = 0, distinct = 0;
    for (size_t i = 0; i < r->tokens; i++) {
        bool end = r->ids[i] == r->a->eod;
        ends += end;
        length++;
        if (!end && i + 1 < r->tokens) continue;
        documents++;
        if (length > longest) longest = length;
        length = 0;
    }
    qsort(r->ids, r->tokens, sizeof *r->ids, by_id);
    for (size_t i = 0; i < r->tokens; i++) distinct += i == 0 || r->ids[i] != r->ids[i - 1];
    return write_line(
        r,
        format_string("{\"row\":%" PRIu64 ",\"step\":%" PRIu64
                      ",\"tokens\":%zu,\"documents\":%zu,\"ends\":%zu,\"longest\":%zu,"
                      "\"distinct\":%zu}\n",
                      row, row / r->a->batch, r->tokens, documents, ends, longest, distinct),
        e);
}

/* --- command --- */

static int write_rows(struct rows *r, const struct tokenizer *t, struct err *e)
{
    int status = 0;
    if (!r->a->text && !r->a->stats) {
        char header[NPY_HEADER];
        npy_header(header, "<u2", r->range.end - r->range.begin, r->tokens);
        status = write_bytes(r, header, sizeof header, e);
    }
    progress_begin("batch", "rows", r->range.end - r->range.begin);
    for (uint64_t row = r->range.begin; row < r->range.end && !status; row++) {
        status = corpus_read(r->corpus, (size_t)row, 0, r->tokens, r->ids, e);
        if (status) break;
        status = r->a->text    ? text_row(r, t, row, e)
                 : r->a->stats ? stats_row(r, row, e)
                               : array_row(r, row, e);
        progress_add(1);
    }
    progress_end();
    return status;
}

/* The seed's name for the array where -o is a directory; NULL: stdout. */
static int open_out(struct rows *r, struct err *e)
{
    const char *out = r->a->out;
    size_t n = out ? strlen(out) : 0;
    if (!out || !strcmp(out, "-")) return 0;
    if (r->a->text || r->a->stats || (n > 4 && !strcmp(out + n - 4, ".npy")))
        return out_open(&r->out, out, e);
    char *path = format_string("%s/indicies.npy", out);
    int status = path ? make_directories(out, e) : err_memory(e, NULL);
    if (!status) status = out_open(&r->out, path, e);
    free(path);
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct corpus corpus;
    struct tokenizer *t = NULL;
    struct rows r = {.a = a, .corpus = &corpus, .range = a->rows};
    if (corpus_open(&corpus, a->corpus, e)) return -1;
    int status = train_rows_check(&corpus, r.range, &r.tokens, e);
    if (!status && a->text) status = tokenizer_open(&t, a->tokenizer, e);
    if (!status && !(r.ids = malloc((r.tokens + 1) * sizeof *r.ids))) status = err_memory(e, NULL);
    if (!status) status = open_out(&r, e);
    if (!status) status = write_rows(&r, t, e);
    if (!status && r.out.file) status = out_commit(&r.out, e);
    out_abort(&r.out);
    tokenizer_close(t);
    free(r.ids);
    corpus_close(&corpus);
    return status;
}

const struct command cmd_batch = {
    .name = "batch",
    .summary = "what a model was trained on at a step, from the preshuffled corpus",
    .text =
        "Takes the rows of training steps out of Pythia's preshuffled corpus (P.idx with P.bin, or "
        "with its shards P-00000-of-00020.bin as they were downloaded): step S took rows 1024 S to "
        "1024 S + 1023, so that checkpoint stepN has seen rows 0 to 1024 N - 1.",
    .more = "Examples:\n"
            "  tripod batch document --step 0:9 -o batches/          batches/indicies.npy\n"
            "  tripod batch document --step 1000 --text -t tokenizer.json | less\n"
            "  tripod batch document --rows 0:5000 --stats -o rows.jsonl\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
