/* cmd_report.c - `tripod report`: a folder of results as one page.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/commands.h"
#include "src/story/story.h"

struct args {
    struct cli_common common;
    const char *folder, *out;
    struct story_options story;
    bool bare;
};
#define ARGS struct args

static const struct option_row options[] = {
    OPTION_PLAIN(folder, "DIR"),
    OPTION_TEXT("out", 'o', "FILE.html", out, "The page (default: DIR/report.html)"),
    OPTION_TEXT("title", 0, "TEXT", story.title, "Instead of the folder's name"),
    OPTION_FLAG("no-figures", 0, bare, "Text and tables only"),
    OPTION_HEADING("Tokens in context:"),
    OPTION_SIZE("tokens", 'n', "N", story.tokens, 0, 100, "How many of them"),
    OPTION_TEXT(
        "corpus", 'c', "CORPUS", story.corpus,
        "The tokenised corpus P.bin/P.idx that was scanned (default: as the records say, or "
        "in DIR)"),
    OPTION_TEXT("tokenizer", 't', "FILE", story.tokenizer,
                "tokenizer.json, or a folder that holds it (default: as the records say)"),
    OPTION_GROUP(cli_output_options, common),
    OPTION_END,
};

static const struct args defaults = {
    .story = {.tokens = 8, .figures = true, .most_bytes = 1900000}};

static int check(void *args, struct err *e)
{
    struct args *a = args;
    const size_t n = a->out ? strlen(a->out) : 0;
    a->story.figures = !a->bare;
    if (a->out && (n < 6 || strcmp(a->out + n - 5, ".html") != 0))
        return err_set(e, "--out: expected a name that ends in .html, found '%s'", a->out);
    return a->folder ? 0 : err_set(e, "no folder: give one with results");
}

static int run(void *args, struct err *e)
{
    static const struct column columns[] = {
        {.name = "page"},    {.name = "bytes", .unit = TABLE_BYTES},   {.name = "records"},
        {.name = "figures"}, {.name = "left_out", .head = "left out"}, {.name = "tokens"},
        {.name = "warnings"}};
    const struct args *a = args;
    struct story_told told;
    const size_t n = strlen(a->folder);
    char *path = a->out ? strdup(a->out)
                        : format_string("%s%sreport.html", a->folder,
                                        n && a->folder[n - 1] == '/' ? "" : "/");
    if (!path) return err_memory(e, a->folder);
    int status = story_write(a->folder, path, &a->story, &told, e);
    if (!status && told.warnings)
        progress_note("%s begins with %zu warning%s", path, told.warnings,
                      told.warnings == 1 ? "" : "s");
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, sizeof columns / sizeof *columns, "-", false);
    table_text(t, "%s", path);
    table_whole(t, told.bytes);
    table_whole(t, told.records);
    table_whole(t, told.figures);
    table_whole(t, told.left_out);
    table_whole(t, told.tokens);
    table_whole(t, told.warnings);
    json_t *rows = status ? NULL : table_json(t, false);
    if (!status) status = cli_write(&a->common, s, json_incref(json_array_get(rows, 0)), e);
    json_decref(rows);
    sheet_free(s);
    free(path);
    return status;
}

const struct command cmd_report = {
    .name = "report",
    .summary = "tell a folder of results as one page: warnings, laws, figures, tokens",
    .text =
        "Reads every record in a folder (losses, fits, allocations, clusters, runs of sparse "
        "parity, trained models, sweeps) and writes one HTML page that needs nothing else: "
        "warnings first, what was asked, the commands and hashes to repeat it, models, figures, "
        "laws with intervals and verdicts in words, allocations, tokens in context. Nothing is "
        "computed anew: what a page is to have is put into the folder, fits with --json=FILE.",
    .more = "The page is light or dark as the browser asks, fits telephones and prints.\n"
            "Examples:\n"
            "  tripod fit power losses/points.csv --json=losses/fit.json\n"
            "  tripod report losses/ -o report.html\n"
            "  tripod report runs/ --title 'Sparse parity' -o parity.html\n",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
