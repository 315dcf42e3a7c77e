/* cmd_tokenize.c - tripod tokenize: text to P.bin/P.idx and back.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/provenance.h"
#include "src/cli.h"
#include "src/commands.h"
#include "src/text/corpus.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/progress.h"
#include "src/text/tokenize.h"
#include "src/text/unicode.h"

enum { KEY_FORMAT = 0x2001, KEY_FIELD, KEY_APPEND, KEY_MAX_DOCUMENTS, KEY_DECODE };

struct arguments {
    struct cli_common common;
    struct tokenize_options options;
    const char *tokenizer, *output;
    bool decode;
    char **paths;
    size_t count;
};

static const struct argp_option options[] = {
    {"tokenizer", 't', "FILE", 0, "The tokenizer.json, or the folder of a model that holds it", 1},
    {"output", 'o', "P", 0, "Write P.bin, P.idx and P.json", 1},
    {"format", KEY_FORMAT, "FORMAT", 0,
     "text (one document a file), jsonl (one a line) or auto: jsonl for the names .jsonl, .ndjson, "
     ".json (default auto)",
     2},
    {"field", KEY_FIELD, "NAME", 0, "Field of a JSON line that holds the text (default text)", 2},
    {"append", KEY_APPEND, "TOKEN", 0,
     "Put an added token, such as '<|endoftext|>', after every document (default none)", 2},
    {"max-documents", KEY_MAX_DOCUMENTS, "N", 0, "Stop after N documents", 2},
    {"decode", KEY_DECODE, NULL, 0,
     "The other way: read P.bin/P.idx, print JSON lines (to -o FILE, if given)", 3},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 't':
        a->tokenizer = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case KEY_FORMAT:
        if (!strcmp(arg, "auto"))
            a->options.format = TEXT_AUTO;
        else if (!strcmp(arg, "text"))
            a->options.format = TEXT_PLAIN;
        else if (!strcmp(arg, "jsonl"))
            a->options.format = TEXT_JSONL;
        else
            cli_misuse(state, "--format: expected text, jsonl or auto, found '%s'", arg);
        return 0;
    case KEY_FIELD:
        a->options.field = arg;
        return 0;
    case KEY_APPEND:
        a->options.append = arg;
        return 0;
    case KEY_MAX_DOCUMENTS:
        a->options.max_documents = cli_count(arg, "--max-documents", 1, UINT64_MAX / 2, state);
        return 0;
    case KEY_DECODE:
        a->decode = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->paths = state->argv + state->next;
        a->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (!a->count) cli_misuse(state, "expected files to read ('-' is stdin)");
        if (!a->tokenizer) cli_misuse(state, "expected -t tokenizer.json");
        if (a->decode && a->count != 1) cli_misuse(state, "--decode reads one corpus");
        if (a->decode && a->common.json) cli_misuse(state, "--decode prints text, not --json");
        if (!a->decode && !a->output)
            cli_misuse(state, "expected -o P, the prefix of the files to write");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_common_argp, 0, NULL, 90}, {0}};

static const struct argp argp = {options,
                                 parse,
                                 "IN...",
                                 "Turns text into token ids, the same as Hugging Face's, and "
                                 "writes them as Megatron's P.bin and P.idx, which "
                                 "Pythia's own tools read, with P.json beside them (sources, "
                                 "hashes, counts).\vIN is plain text or JSON lines, "
                                 "either of them compressed with zstd or not; '-' is stdin. "
                                 "Invalid UTF-8 becomes U+FFFD and is counted.",
                                 children,
                                 NULL,
                                 NULL};

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

static int decode(const struct arguments *a, const struct tokenizer *t, struct err *e)
{
    struct corpus c;
    struct out out = {.slot = -1};
    if (corpus_open(&c, a->paths[0], e)) return -1;
    c.limit = (uint32_t)tokenizer_size(t);
    uint64_t replaced = 0;
    size_t first = 0; /* the document of the first */
    bool named = a->output && strcmp(a->output, "-");
    int status = named ? out_open(&out, a->output, e) : 0;
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
    int status = tokenize_files(a->paths, a->count, t, a->output, &a->options, &s, e);
    json_decref(provenance);
    if (status) return -1;
    for (size_t i = 0; i < a->count; i++) {
        const struct replaced *r = &s.files[i].replaced;
        char text[128];
        if (r->count) progress_warn("%s: %s", a->paths[i], replaced_text(r, text, sizeof text));
    }
    free(s.files);
    if (a->common.json)
        return cli_write_json(&a->common,
                              json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "out",
                                        json_utf8(a->output), "documents", (json_int_t)s.documents,
                                        "empty_documents", (json_int_t)s.empty_documents, "bytes",
                                        (json_int_t)s.bytes, "words", (json_int_t)s.words, "tokens",
                                        (json_int_t)s.tokens, "invalid_utf8", (json_int_t)s.invalid,
                                        "longest", (json_int_t)s.longest),
                              e);
    printf("documents\t%" PRIu64 "\nempty\t%" PRIu64 "\nbytes\t%" PRIu64 "\nwords\t%" PRIu64
           "\ntokens\t%" PRIu64 "\ninvalid_utf8\t%" PRIu64 "\n",
           s.documents, s.empty_documents, s.bytes, s.words, s.tokens, s.invalid);
    return 0;
}

static int run(int argc, char **argv, struct err *e)
{
    struct arguments a = {0};
    struct tokenizer *t;
    cli_parse(&cmd_tokenize, argc, argv, &a);
    cli_use_threads(a.common.threads);
    if (open_tokenizer(&t, a.tokenizer, e)) return -1;
    int status = a.decode ? decode(&a, t, e) : encode(&a, t, e);
    tokenizer_close(t);
    return status;
}

const struct command cmd_tokenize = {.name = "tokenize",
                                     .summary = "text to token ids (P.bin, P.idx), and back",
                                     .argp = &argp,
                                     .run_line = run};
