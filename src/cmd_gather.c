/* cmd_gather.c - `tripod gather`: the checkpoints of a scan put together.
 *
 * A table, points.csv (a row a checkpoint: what `tripod fit` reads) and, asked for, the (tokens x
 * models) matrix and a figure; the work is src/scan/gather.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/report/plot.h"
#include "src/report/report_losses.h"
#include "src/scan/gather.h"

struct args {
    struct cli_common common;
    const char *directory, *matrix, *points, *plot, *documents, *corpus, *tokenizer;
    int by;
};
#define ARGS struct args

static const char *const splits[] = {"model", NULL};

static const struct option_row options[] = {
    OPTION_PLAIN(directory, "DIR"),
    OPTION_TEXT("out", 'o', "M.npy", matrix,
                "Write the float32 matrix of losses, a row a token, a column a checkpoint, and "
                "M.json that names the columns"),
    OPTION_CHOICE("by", 0, by, splits,
                  "With -o: a matrix for each model, M-MODEL.npy, whose columns are its steps "
                  "(default: all in one)"),
    OPTION_TEXT("points", 'p', "FILE", points, "Where the points go (default: DIR/points.csv)"),
    OPTION_TEXT(
        "documents", 0, "FILE", documents,
        "Write a CSV with a row a document: mean loss and bits per byte of every checkpoint"),
    OPTION_TEXT("corpus", 'c', "P", corpus,
                "For --documents the tokenised corpus P.bin/P.idx, where it is no longer where the "
                "losses say"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer,
                "For --documents the tokenizer.json that bytes are counted with, or a folder that "
                "holds it (default: where the corpus or the losses say)"),
    OPTION_TEXT("plot", 0, "FIGURE", plot,
                "Draw loss against size and step: FIGURE.png, .svg or .pdf, with its data and "
                "gnuplot script"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct args defaults = {.common.beside = true, .by = -1};

static int check(void *args, struct err *e)
{
    const struct args *a = args;
    if (!a->directory) return err_set(e, "no directory: give the one `tripod scan -o` wrote to");
    if (!a->documents && (a->corpus || a->tokenizer))
        return err_set(e, "%s needs --documents", a->corpus ? "-c" : "-t");
    return a->by < 0 || a->matrix ? 0 : err_set(e, "--by needs -o");
}

/* The records of the joined checkpoints, as the tables take them: a shallow copy. */
static struct record *rows_of(const struct gathered *g)
{
    struct record *rows = malloc((g->count + 1) * sizeof *rows);
    for (size_t i = 0; rows && i < g->count; i++) rows[i] = g->checkpoints[i].whole;
    return rows;
}

static int write_results(const struct gathered *g, const struct args *a, const char *points,
                         struct err *e)
{
    struct record *rows = rows_of(g);
    if (!rows) return err_memory(e, NULL);
    bool drawn = true;
    int status = a->plot ? loss_plot(rows, g->count, a->plot, &drawn, e) : 0;
    if (!status && !drawn) plot_note(a->plot, drawn, stderr);
    if (!status) {
        struct sheet *s = sheet_open();
        report_losses(s, rows, g->count, false);
        json_t *list = json_array();
        for (size_t i = 0; i < g->count; i++)
            json_array_append_new(list, record_json(&rows[i], NULL));
        json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o}", "runs", list, "points",
                              json_utf8(points), "matrix", json_utf8(a->matrix), "plot",
                              json_utf8(a->plot), "provenance", provenance_json());
        if (o && a->documents) json_object_set_new(o, "documents", json_utf8(a->documents));
        status = cli_write(&a->common, s, o, e);
        sheet_free(s);
    }
    free(rows);
    return status;
}

/* One matrix, or one for each model: the checkpoints of a model are neighbours. */
static int write_matrices(const struct gathered *g, const struct args *a, struct err *e)
{
    if (a->by < 0) return gather_matrix(g, 0, g->count, a->matrix, e);
    const size_t length = strlen(a->matrix);
    if (length < 5 || strcmp(a->matrix + length - 4, ".npy"))
        return err_set(e, "%s: expected a name that ends in .npy", a->matrix);
    int status = 0;
    for (size_t i = 0, n; i < g->count && !status; i += n) {
        const char *model = g->checkpoints[i].whole.model;
        for (n = 1; i + n < g->count && !strcmp(g->checkpoints[i + n].whole.model, model);) n++;
        char *path = format_string("%.*s-%s.npy", (int)length - 4, a->matrix, model);
        status = path ? gather_matrix(g, i, n, path, e) : err_memory(e, NULL);
        free(path);
    }
    return status;
}

static int run(void *args, struct err *e)
{
    const struct args *a = args;
    struct gathered g;
    char *points = a->points ? strdup(a->points) : format_string("%s/points.csv", a->directory);
    if (!points) return err_memory(e, NULL);
    cli_use_threads(a->common.threads);
    int status = gather_open(&g, a->directory, e);
    if (!status && a->matrix) status = write_matrices(&g, a, e);
    if (!status && a->documents) {
        const struct documents_request q = {.path = a->documents,
                                            .directory = a->directory,
                                            .corpus = a->corpus,
                                            .tokenizer = a->tokenizer};
        status = gather_documents(&g, &q, e);
    }
    if (!status) status = gather_points(&g, points, e);
    if (!status) status = write_results(&g, a, points, e);
    gather_close(&g);
    free(points);
    return status;
}

const struct command cmd_gather = {
    .name = "gather",
    .summary = "put the checkpoints of a scan together: a table, points.csv, the loss matrix",
    .text = "Puts the checkpoints of a scan together: a table, points.csv for `tripod fit`, and "
            "the matrix of the papers.",
    .more =
        "points.csv has the columns model, N (parameters without embeddings), N_total, D "
        "(training tokens seen), step, predictions, loss (mean, nats), se (clustered by "
        "document), perplexity, bits_per_byte, word_perplexity, same_as (the first checkpoint of "
        "equal weights, empty where there is none or a record does not tell).\n\n"
        "--documents has the columns document (from 0 within what was scanned), tokens (of the "
        "whole document, before it was cut), predictions (of the document as it was cut, all "
        "tokens but the first), bytes (of the UTF-8 text of the predicted tokens, as the tokenizer "
        "writes each: text that is not predicted does not count, an added token such as "
        "<|endoftext|> does), and for each checkpoint loss:NAME (mean over the predictions, nats) "
        "and bits_per_byte:NAME (the sum of the losses in bits over those bytes). A document "
        "without predictions has empty cells.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
