/* cmd_tokenize.c - tripod tokenize: text to P.bin/P.idx and back.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/text/byte_tokenizer.h"
#include "src/text/corpus.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/text/tokenize.h"
#include "src/text/unicode.h"

struct arguments {
    struct cli_common common;
    struct tokenize_options options;
    const char *tokenizer, *output;
    bool bytes, decode;
    struct texts paths;
};
#define ARGS struct arguments

static const char *const formats[] = {"auto", "text", "jsonl", NULL}; /* enum text_format */

static const struct option_row options[] = {
    OPTION_PLAINS(paths, "IN..."),
    OPTION_HEADING("Tokenizer and corpus:"),
    OPTION_TEXT("tokenizer", 't', "FILE", tokenizer,
                "The tokenizer.json, or the folder of a model that holds it"),
    OPTION_FLAG("bytes", 0, bytes,
                "A token a byte, without a tokenizer: 256 ids and '<|endoftext|>', written as "
                "P-tokenizer.json"),
    OPTION_TEXT("output", 'o', "P", output, "Write P.bin, P.idx and P.json"),
    OPTION_HEADING("Text:"),
    OPTION_CHOICE("format", 0, options.format, formats,
                  "text: one document a file; jsonl: one a line; auto: jsonl for the names .jsonl, "
                  ".ndjson, .json"),
    OPTION_TEXT("field", 0, "NAME", options.field,
                "Field of a JSON line that holds the text (default: text)"),
    OPTION_TEXT("append", 0, "TOKEN", options.append,
                "Put an added token, such as '<|endoftext|>', after every document"),
    OPTION_SIZE("max-documents", 0, "N", options.max_documents, 1, 9e15, "Stop after N documents"),
    OPTION_HEADING("The other way:"),
    OPTION_FLAG("decode", 0, decode, "Read P.bin/P.idx, print JSON lines (to -o FILE, if given)"),
    OPTION_GROUP(cli_common_options, common),
    OPTION_END,
};

static const struct arguments defaults = {.options.format = TEXT_AUTO};

static int check(void *args, struct err *e)
{
    const struct arguments *a = args;
    if (!a->paths.n) return err_set(e, "expected files to read ('-' is stdin)");
    if (a->tokenizer && a->bytes) return err_set(e, "give -t or --bytes, not both");
    if (!a->tokenizer && !a->bytes) return err_set(e, "expected -t tokenizer.json, or --bytes");
    if (a->output && !*a->output) return err_set(e, "-o: expected a name, found ''");
    if (a->decode && (a->options.format != TEXT_AUTO || a->options.field || a->options.append))
        return err_set(e, "--decode reads tokens: no --%s",
                       a->options.field    ? "field"
                       : a->options.append ? "append"
                                           : "format");
    if (a->decode && a->paths.n != 1) return err_set(e, "--decode reads one corpus");
    if (a->decode && a->common.json) return err_set(e, "--decode prints text, not --json");
    if (!a->decode && !a->output)
        return err_set(e, "expected -o P, the prefix of the files to write");
    return 0;
}

static int open_tokenizer(struct tokenizer **t, const char *path, struct err *e)
{
    if (!directory_exists(path)) return tokenizer_open(t, path, e);
    char *name = format_string("%s/tokenizer.json", path);
    int status = name ? tokenizer_open(t, name, e) : err_memory(e, path);
    free(name);
    return status;
}

/* {"text": ...} and a newline, appended to *line; what is not valid UTF-8 becomes U+FFFD and is
 * counted. */
static int json_line(struct bytes *line, const uint8_t *p, size_t bytes, uint64_t *replaced)
{
    if (bytes_append(line, "{\"text\": \"", 10)) return -1;
    while (bytes) {
        size_t skip, n = utf8_valid(p, bytes, &skip);
        for (size_t i = 0; i < n; i++) {
            char escape[8];
            int length;
            if (p[i] == '"' || p[i] == '\\')
                length = snprintf(escape, sizeof escape, "\\%c", p[i]);
            else if (p[i] == '\n')
                length = snprintf(escape, sizeof escape, "\\n");
            else if (p[i] < 0x20)
                length = snprintf(escape, sizeof escape, "\\u%04x", p[i]);
            else
                length = snprintf(escape, sizeof escape, "%c", p[i]);
            if (bytes_append(line, escape, (size_t)length)) return -1;
        }
        if (skip && bytes_append(line, "\xEF\xBF\xBD", 3)) return -1;
        *replaced += skip > 0;
        p += n + skip;
        bytes -= n + skip;
    }
    return bytes_append(line, "\"}\n", 3);
}

static int decode_document(const struct tokenizer *t, const struct corpus *c, size_t document,
                           struct out *out, uint64_t *replaced, struct err *e)
{
    size_t n = corpus_length(c, document), bytes;
    uint32_t *ids = malloc((n ? n : 1) * sizeof *ids);
    struct bytes text = {0}, line = {0};
    int status = -1;
    if (!ids) {
        err_kind(e, ERR_MEMORY, "%s: document %zu: out of memory", c->prefix, document);
        goto done;
    }
    if (corpus_read(c, document, 0, n, ids, e)) goto done;
    bytes = tokenizer_decode(t, ids, n, NULL, 0);
    if (bytes_reserve(&text, bytes + 1)) {
        err_kind(e, ERR_MEMORY, "%s: document %zu: out of memory", c->prefix, document);
        goto done;
    }
    tokenizer_decode(t, ids, n, (char *)text.data, bytes);
    if (json_line(&line, text.data, bytes, replaced)) {
        err_kind(e, ERR_MEMORY, "%s: document %zu: out of memory", c->prefix, document);
        goto done;
    }
    if (out->file)
        status = out_write(out, line.data, line.count, e);
    else
        status = fwrite(line.data, 1, line.count, stdout) == line.count
                     ? 0
                     : err_errno(e, "stdout: cannot write");
done:
    free(ids);
    bytes_free(&text);
    bytes_free(&line);
    return status;
}

/* Text is not written over the corpus it is of. */
static int apart(const char *prefix, const char *output, struct err *e)
{
    static const char *const ends[] = {"bin", "idx", "json"};
    int status = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !status; i++) {
        char *file = format_string("%s.%s", prefix, ends[i]);
        status = file ? cli_apart(file, output, e) : err_memory(e, prefix);
        free(file);
    }
    return status;
}

static int decode(const struct arguments *a, const struct tokenizer *t, struct err *e)
{
    struct corpus c;
    struct out out = {.slot = -1};
    if (corpus_open(&c, a->paths.item[0], e)) return -1;
    int status = origin_check_tokenizer(c.prefix, t, e);
    if (!status) status = apart(c.prefix, a->output, e);
    c.limit = (uint32_t)tokenizer_size(t);
    uint64_t replaced = 0;
    size_t first = 0; /* the document of the first */
    bool named = a->output && strcmp(a->output, "-");
    if (!status && named) status = out_open(&out, a->output, e);
    for (size_t i = 0; i < c.documents && !status; i++) {
        if (a->options.max_documents && i >= a->options.max_documents) break;
        if (!replaced) first = i;
        status = decode_document(t, &c, i, &out, &replaced, e);
    }
    if (!status && named)
        status = out_commit(&out, e);
    else
        out_abort(&out);
    if (!status && replaced)
        progress_warn("%s: document %zu: invalid UTF-8 became U+FFFD, the first of %" PRIu64,
                      c.prefix, first, replaced);
    corpus_close(&c);
    return status;
}

static int encode(struct arguments *a, const struct tokenizer *t, struct err *e)
{
    struct tokenize_stats s;
    json_t *provenance = provenance_json();
    a->options.provenance = provenance;
    int status =
        tokenize_files((char *const *)a->paths.item, a->paths.n, t, a->output, &a->options, &s, e);
    json_decref(provenance);
    if (status) return -1;
    for (size_t i = 0; i < a->paths.n; i++) {
        const struct replaced *r = &s.files[i].replaced;
        char text[128];
        if (r->count)
            progress_warn("%s: %s", a->paths.item[i], replaced_text(r, text, sizeof text));
    }
    free(s.files);
    static const struct column columns[] = {{.name = NULL}, {.name = NULL}};
    const struct {
        const char *key;
        uint64_t value;
        enum table_unit unit;
    } rows[] = {{"documents", s.documents, TABLE_COUNT}, {"empty", s.empty_documents, TABLE_COUNT},
                {"bytes", s.bytes, TABLE_BYTES},         {"words", s.words, TABLE_COUNT},
                {"tokens", s.tokens, TABLE_COUNT},       {"invalid_utf8", s.invalid, TABLE_COUNT}};
    struct sheet *sheet = sheet_open();
    struct table *table = sheet_table(sheet, columns, 2, "-", false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        table_text(table, "%s", rows[i].key);
        table_whole_in(table, rows[i].value, rows[i].unit);
    }
    status =
        cli_write(&a->common, sheet,
                  json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "out", json_utf8(a->output),
                            "documents", (json_int_t)s.documents, "empty_documents",
                            (json_int_t)s.empty_documents, "bytes", (json_int_t)s.bytes, "words",
                            (json_int_t)s.words, "tokens", (json_int_t)s.tokens, "invalid_utf8",
                            (json_int_t)s.invalid, "longest", (json_int_t)s.longest),
                  e);
    sheet_free(sheet);
    return status;
}

/* What is at PATH may be this tokenizer alone: others' corpora may need another. */
static int check_place(const struct tokenizer *t, const char *path, struct err *e)
{
    uint64_t there;
    if (!file_exists(path)) return 0;
    if (!tokenizer_file_hash(&there, path, e) && there == tokenizer_hash(t)) return 0;
    return err_set(e, "%s: would be overwritten, and is no tokenizer of bytes: expected another -o",
                   path);
}

/* The tokenizer of bytes goes beside the corpus, where P.json says it is. */
static int run_bytes(struct arguments *a, struct err *e)
{
    struct tokenizer *t = NULL;
    char *prefix = corpus_prefix(a->decode ? a->paths.item[0] : a->output);
    char *path = prefix ? format_string("%s-tokenizer.json", prefix) : NULL;
    int status = path ? byte_tokenizer_open(&t, path, e) : err_memory(e, "--bytes");
    if (!status && !a->decode) status = check_place(t, path, e);
    if (!status) status = a->decode ? decode(a, t, e) : encode(a, t, e);
    if (!status && !a->decode) status = byte_tokenizer_write(path, e);
    free(prefix);
    tokenizer_close(t);
    free(path);
    return status;
}

static int run(void *args, struct err *e)
{
    struct arguments *a = args;
    struct tokenizer *t;
    cli_use_threads(a->common.threads);
    if (a->bytes) return run_bytes(a, e);
    if (open_tokenizer(&t, a->tokenizer, e)) return -1;
    int status = a->decode ? decode(a, t, e) : encode(a, t, e);
    tokenizer_close(t);
    return status;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids (P.bin, P.idx), and back",
    .text = "Turns text into token ids, the same as Hugging Face's, and writes them as Megatron's "
            "P.bin and P.idx, which Pythia's own tools read, with P.json beside them (sources, "
            "hashes, counts).",
    .more = "IN is plain text or JSON lines, either of them compressed with zstd or not; '-' is "
            "stdin. Invalid UTF-8 becomes U+FFFD and is counted.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run,
};
