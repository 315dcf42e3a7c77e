/* cmd_tokens_by.c - `tripod tokens slopes, induction, by, index`: what is written or summed up row by
 * row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/cmd_tokens.h"
#include "src/report/report_tokens.h"
#include "src/scan/row_list.h"
#include "src/scan/token_induction.h"
#include "src/scan/token_slopes.h"

struct args {
    struct cli_common common;
    struct cmd_tokens_matrix matrix;
    struct cmd_tokens_corpus corpus;
    const char *out, *model, *column;
    struct texts words;
    size_t rows;
    double zero;
    enum slopes_axis axis;
};
#define ARGS struct args

#define DEFAULTS .common.beside = true, .matrix.step = -1, .corpus = CMD_TOKENS_CORPUS
#define COMMAND(word, table, start, checker, ...)                                                  \
    {                                                                                              \
        .name = "tokens " #word, .options = table, .defaults = &start, .size = sizeof start,       \
        .check = checker, .run = run_##word, __VA_ARGS__                                           \
    }

static int needs_corpus(void *args, struct err *e)
{
    struct args *a = args;
    return cmd_tokens_check(&a->matrix, &a->corpus, true, e);
}

static int needs_corpus_and_out(void *args, struct err *e)
{
    if (needs_corpus(args, e)) return -1;
    return ((struct args *)args)->out ? 0 : err_set(e, "no directory: give one with -o");
}

static int open_both(struct matrix *m, struct token_index *x, const struct args *a, struct err *e)
{
    cli_use_threads(a->common.threads);
    if (cmd_tokens_open(m, &a->matrix, e)) return -1;
    if (!cmd_tokens_index(x, m, &a->corpus, e)) return 0;
    matrix_close(m);
    return -1;
}

/* A sheet and an object that have nothing else to come. */
static int finish(const struct args *a, struct sheet *s, json_t *o, struct err *e)
{
    if (o) json_object_set_new(o, "provenance", provenance_json());
    int status = cli_write(&a->common, s, o, e);
    sheet_free(s);
    return status;
}

/* --- slopes --- */

static const char *const axes[] = {"N", "step", NULL}; /* enum slopes_axis */

static const struct option_row slopes_options[] = {
    OPTION_GROUP(cmd_tokens_matrix, matrix),
    OPTION_HEADING("Lines:"),
    OPTION_TEXT("out", 'o', "S.npy", out, "Write the slopes: float32 [rows, 4]"),
    OPTION_CHOICE("x", 0, axis, axes, "Against ln N, at every model's last step, or ln step"),
    OPTION_TEXT("model", 0, "NAME", model,
                "With --x step: the steps of this model (default: the largest)"),
    OPTION_SIZE("rows", 0, "N", rows, 1, 9e15, "Look at the first N rows only"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};
static const struct args slopes_defaults = {DEFAULTS, .axis = SLOPES_N};

static int slopes_check(void *args, struct err *e)
{
    const struct args *a = args;
    if (cmd_tokens_check(&a->matrix, NULL, false, e)) return -1;
    if (a->model && a->axis != SLOPES_STEP) return err_set(e, "--model needs --x step");
    return a->out ? 0 : err_set(e, "no file for the slopes: give one with -o");
}

static int run_slopes(void *args, struct err *e)
{
    const struct args *a = args;
    struct matrix m;
    struct slopes_points p;
    double means[2];
    cli_use_threads(a->common.threads);
    if (cli_apart(a->matrix.path, a->out, e) || cmd_tokens_open(&m, &a->matrix, e)) return -1;
    int status = slopes_points(&p, &m, a->axis, a->model, e);
    if (!status) {
        status = token_slopes(&m, a->rows, &p, a->out, means, e);
        static const struct column heads[] = {{.name = "out"},
                                              {.name = "rows", .unit = TABLE_COUNT},
                                              {.name = "points", .unit = TABLE_EXACT},
                                              {.name = "mean_slope", .head = "mean slope"},
                                              {.name = "mean_r2", .head = "mean R^2"}};
        uint64_t rows = a->rows && a->rows < m.rows ? a->rows : m.rows;
        struct sheet *s = sheet_open();
        sheet_remark(s, "d loss / d ln %s in nats, R^2, largest change, the column it leads to",
                     axes[a->axis]);
        struct table *t = sheet_table(s, heads, 5, "-", false);
        table_text(t, "%s", a->out);
        table_whole(t, rows);
        table_whole(t, p.n);
        for (int k = 0; k < 2; k++) table_real(t, means[k]);
        json_t *columns = json_array();
        for (size_t i = 0; i < p.n; i++)
            json_array_append_new(columns, json_integer((json_int_t)p.column[i]));
        json_t *o =
            json_pack("{s:o, s:s, s:I, s:o, s:o, s:o}", "out", json_utf8(a->out), "x",
                      axes[a->axis], "rows", (json_int_t)rows, "columns", columns, "mean_slope",
                      json_finite(means[0]), "mean_r2", json_finite(means[1]));
        if (status) {
            json_decref(o);
            sheet_free(s);
        } else {
            status = finish(a, s, o, e);
        }
        slopes_points_free(&p);
    }
    matrix_close(&m);
    return status;
}

const struct command cmd_tokens_slopes =
    COMMAND(slopes, slopes_options, slopes_defaults, slopes_check,
            .summary = "the slope of every token's loss on ln N or ln step",
            .text = "Draws a least-squares line through every row of a matrix, against ln N or ln "
                    "step.",
            .more = "S.npy has four columns: d loss / d ln x in nats, R^2, the largest change "
                    "between neighbouring columns with its sign, and the column it leads to.");

/* --- induction --- */

static const struct option_row induction_options[] = {
    OPTION_GROUP(cmd_tokens_matrix, matrix),
    OPTION_HEADING("Lists:"),
    OPTION_TEXT("out", 'o', "DIR", out,
                "Write zero.npy, induction.npy and non_induction_zeros.npy to DIR"),
    OPTION_REAL("zero", 0, "L", zero, 0, 1e6, "zero.npy: losses below L nats"),
    OPTION_TEXT("column", 0, "COLUMN", column,
                "Losses of this column, by number (from 0) or name (default: the first)"),
    OPTION_GROUP(cmd_tokens_corpus, corpus),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};
static const struct args induction_defaults = {DEFAULTS, .zero = 0.1};

static int run_induction(void *args, struct err *e)
{
    const struct args *a = args;
    struct matrix m;
    struct token_index x;
    struct induction_counts n;
    size_t column = 0;
    if (open_both(&m, &x, a, e)) return -1;
    int status = a->column ? matrix_find_column(&m, a->column, "--column", &column, e) : 0;
    if (!status) status = token_induction(&x, &m, column, a->zero, a->out, &n, e);
    if (!status) {
        static const struct column heads[] = {{.name = "list"},
                                              {.name = "tokens", .unit = TABLE_EXACT},
                                              {.name = "share", .unit = TABLE_PERCENT}};
        const struct {
            const char *name;
            uint64_t n;
        } lists[] = {{"zero", n.zero},
                     {"induction", n.induction},
                     {"non_induction_zeros", n.non_induction_zeros}};
        struct sheet *s = sheet_open();
        sheet_remark(s, "%s: of %" PRIu64 " tokens; zero: below %g nats in %s", a->out, n.rows,
                     a->zero, m.column[column].label);
        struct table *t = sheet_table(s, heads, 3, "-", false);
        json_t *o = json_pack("{s:o, s:I}", "out", json_utf8(a->out), "rows", (json_int_t)n.rows);
        for (size_t i = 0; i < 3; i++) {
            table_text(t, "%s", lists[i].name);
            table_whole(t, lists[i].n);
            table_real(t, (double)lists[i].n / (double)n.rows);
            if (o) json_object_set_new(o, lists[i].name, json_integer((json_int_t)lists[i].n));
        }
        status = finish(a, s, o, e);
    }
    token_index_close(&x);
    matrix_close(&m);
    return status;
}

const struct command cmd_tokens_induction =
    COMMAND(induction, induction_options, induction_defaults, needs_corpus_and_out,
            .summary = "tokens predicted well, without those that could be copied",
            .text = "Lists the tokens a model predicts with almost no loss, those whose trigram "
                    "occurred before in the same document, and the first without the second.",
            .more = "The lists are ascending rows of the matrix from 0 (int64). A trigram is the "
                    "token and the two before it, all within the document as it was cut.");

/* --- by --- */

static const struct option_row by_options[] = {
    OPTION_PLAINS(words, "token|frequency|position|length|occurrence MATRIX"),
    OPTION_GROUP(cmd_tokens_columns, matrix),
    OPTION_GROUP(cmd_tokens_corpus, corpus),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};
static const struct args by_defaults = {DEFAULTS};

static int find_word(const char *word, enum token_by *by)
{
    for (int i = 0; token_by_names[i]; i++) {
        if (strcmp(word, token_by_names[i]) != 0) continue;
        *by = (enum token_by)i;
        return 0;
    }
    return -1;
}

/* The word and the matrix, in either order. */
static int by_words(const struct args *a, enum token_by *by, const char **matrix)
{
    if (a->words.n != 2) return -1;
    int which = find_word(a->words.item[0], by) ? 1 : 0;
    if (which && find_word(a->words.item[1], by)) return -1;
    *matrix = a->words.item[!which];
    return 0;
}

static int by_check(void *args, struct err *e)
{
    struct args *a = args;
    enum token_by by;
    if (by_words(a, &by, &a->matrix.path))
        return err_set(e, "expected one of token, frequency, position, length, occurrence, and a "
                          "matrix");
    return needs_corpus(args, e);
}

static int run_by(void *args, struct err *e)
{
    struct args *a = args;
    struct matrix m;
    struct token_index x;
    struct groups g = {.n = 0};
    struct tokenizer *t = NULL;
    enum token_by by;
    by_words(a, &by, &a->matrix.path);
    if (open_both(&m, &x, a, e)) return -1;
    int status = token_groups(&g, &x, &m, by, e);
    if (!status && by == BY_TOKEN) status = cmd_tokens_tokenizer(&t, &x, &a->corpus, e);
    if (!status) {
        struct sheet *s = sheet_open();
        report_groups(s, &g, &m, t);
        status = finish(a, s, report_groups_json(&g, &m, t), e);
    }
    tokenizer_close(t);
    groups_free(&g);
    token_index_close(&x);
    matrix_close(&m);
    return status;
}

const struct command cmd_tokens_by =
    COMMAND(by, by_options, by_defaults, by_check,
            .summary = "mean losses by token, frequency, position, length and so on",
            .text = "Mean losses of groups of tokens, a row a group and checkpoint, with standard "
                    "errors clustered by document.",
            .more = "token: by id. frequency: by how often the id is predicted in the corpus. "
                    "position: by its place in the document, from 0. length: by the tokens of the "
                    "document as it was cut. These three in powers of two. occurrence: the first "
                    "of its id in the document, or a repeated one.");

/* --- index --- */

static const struct option_row index_options[] = {
    OPTION_PLAIN(matrix.path, "MATRIX"),
    OPTION_PLAINS(words, "[ROW...]"),
    OPTION_TEXT("out", 'o', "I.npy", out,
                "Write starting_index, int64 [documents + 1] (default without rows: MATRIX's name "
                "with .index.npy)"),
    OPTION_GROUP(cmd_tokens_corpus, corpus),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};
static const struct args index_defaults = {DEFAULTS};

static char *index_name(const char *matrix)
{
    size_t n = strlen(matrix);
    if (n > 4 && !strcmp(matrix + n - 4, ".npy")) n -= 4;
    return format_string("%.*s.index.npy", (int)n, matrix);
}

static int list_rows(const struct args *a, const struct matrix *m, const struct token_index *x,
                     struct sheet *s, json_t *list, struct err *e)
{
    static const struct column heads[] = {{.name = "row", .unit = TABLE_EXACT},
                                          {.name = "document", .unit = TABLE_EXACT},
                                          {.name = "position", .unit = TABLE_EXACT},
                                          {.name = "token", .unit = TABLE_EXACT}};
    struct table *t = sheet_table(s, heads, 4, "-", false);
    for (size_t i = 0; i < a->words.n; i++) {
        uint64_t row;
        size_t document, position;
        uint32_t id;
        if (parse_count(a->words.item[i], m->path, 0, m->rows - 1, &row, e)) return -1;
        token_index_find(x, row, &document, &position);
        if (corpus_read(&x->corpus, document, position, 1, &id, e)) return -1;
        const uint64_t cells[] = {row, document, position, id};
        for (int k = 0; k < 4; k++) table_whole(t, cells[k]);
        json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I}", "row", (json_int_t)row,
                                              "document", (json_int_t)document, "position",
                                              (json_int_t)position, "token", (json_int_t)id));
    }
    return 0;
}

static int run_index(void *args, struct err *e)
{
    const struct args *a = args;
    struct matrix m;
    struct token_index x;
    if (cli_apart(a->matrix.path, a->out, e) || open_both(&m, &x, a, e)) return -1;
    struct sheet *s = sheet_open();
    json_t *rows = json_array();
    char *out = a->out ? strdup(a->out) : a->words.n ? NULL : index_name(m.path);
    int status = a->words.n ? list_rows(a, &m, &x, s, rows, e) : 0;
    if (!status && out) status = token_index_write(&x, out, e);
    if (!status && out)
        sheet_remark(s, "%s: where each of %zu documents starts", out, token_index_documents(&x));
    json_t *o = json_pack("{s:o, s:I, s:I, s:o}", "out", json_utf8(out), "documents",
                          (json_int_t)token_index_documents(&x), "rows", (json_int_t)m.rows,
                          "tokens", rows);
    if (status) {
        json_decref(o);
        sheet_free(s);
    } else {
        status = finish(a, s, o, e);
    }
    free(out);
    token_index_close(&x);
    matrix_close(&m);
    return status;
}

const struct command cmd_tokens_index_command =
    COMMAND(index, index_options, index_defaults, needs_corpus,
            .summary = "which document and token a row is of",
            .text = "Writes where each document's rows start, or says of ROWs which token of "
                    "which document they are.",
            .more = "Row i is of document searchsorted(starting_index, i, 'right') - 1, and of "
                    "its token i - starting_index[document] + 1, counted from 0.");
