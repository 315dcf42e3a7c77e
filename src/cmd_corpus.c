/* cmd_corpus.c - `tripod corpus merge|verify`: the files of a tokenised corpus as they are downloaded;
 * the work is src/text/shards.c's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/provenance.h"
#include "src/commands.h"
#include "src/text/corpus.h"
#include "src/text/shards.h"

struct args {
    struct cli_common common;
    const char *prefix, *sums, *out;
};
#define ARGS struct args

static const struct args defaults = {.common.beside = true};

static int check(void *args, struct err *e)
{
    return ((const struct args *)args)->prefix
               ? 0
               : err_set(e, "no corpus: give the prefix of its files");
}

static int check_none(void *args, struct err *e)
{
    const char *word = ((const struct args *)args)->prefix;
    return word ? err_set(e, "expected merge or verify, found '%s'", word)
                : err_set(e, "expected merge or verify");
}

static int run_none(void *args, struct err *e)
{
    return check_none(args, e);
}

/* --- verify --- */

/* The corpus's own check of its index, where it has one. */
static int check_index(const struct shard_files *f, struct err *e)
{
    struct corpus corpus;
    if (f->bins == f->n) return 0;
    if (corpus_open(&corpus, f->prefix, e)) return -1;
    corpus_close(&corpus);
    return 0;
}

static int run_verify(void *args, struct err *e)
{
    static const struct column columns[] = {{.name = "file"},
                                            {.name = "bytes", .unit = TABLE_BYTES},
                                            {.name = "sha256"},
                                            {.name = "is"}};
    const struct args *a = args;
    struct shard_files f;
    struct sums sums = {.n = 0};
    cli_use_threads(a->common.threads);
    if (shard_files_open(&f, a->prefix, e)) return -1;
    int status = a->sums ? sums_read(&sums, a->sums, e) : 0;
    if (!status) status = check_index(&f, e);
    if (!status) status = shard_files_sum(&f, e);
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, 4, "-", false);
    size_t differ = 0, known = 0;
    const char *first = NULL;
    for (size_t i = 0; i < f.n && !status; i++) {
        const char *want = sums_find(&sums, f.file[i].path);
        bool same = want && !strcmp(want, f.file[i].hex);
        known += want != NULL;
        if (want && !same && !differ++) first = f.file[i].path;
        table_text(t, "%s", f.file[i].path);
        table_whole(t, f.file[i].bytes);
        table_text(t, "%s", f.file[i].hex);
        table_text(t, "%s", same ? "as listed" : want ? "different" : "not listed");
    }
    if (!status && a->sums && !known)
        status = err_set(e, "%s: expected sums of %s's files, found none", a->sums, f.prefix);
    if (!status)
        status = cli_write(
            &a->common, s,
            json_pack("{s:o, s:o}", "files", table_json(t, false), "provenance", provenance_json()),
            e);
    if (!status && differ)
        status = err_kind(e, ERR_DAMAGED, "%s: not the sha256 that %s says%s", first, a->sums,
                          differ > 1 ? ", nor are others" : "");
    sheet_free(s);
    sums_free(&sums);
    shard_files_close(&f);
    return status;
}

/* --- merge --- */

static int run_merge(void *args, struct err *e)
{
    static const struct column columns[] = {{.name = "file"},
                                            {.name = "shards"},
                                            {.name = "bytes", .unit = TABLE_BYTES},
                                            {.name = "checked"}};
    const struct args *a = args;
    struct shard_files f;
    struct sums sums = {.n = 0};
    size_t checked = 0;
    if (shard_files_open(&f, a->prefix, e)) return -1;
    char *out = a->out ? strdup(a->out) : format_string("%s.bin", f.prefix);
    int status = out ? 0 : err_memory(e, a->prefix);
    if (!status && a->sums) status = sums_read(&sums, a->sums, e);
    if (!status) status = shards_merge(&f, out, a->sums ? &sums : NULL, &checked, e);
    struct sheet *s = sheet_open();
    struct table *t = sheet_table(s, columns, 4, "-", false);
    if (!status) {
        uint64_t bytes = 0;
        for (size_t i = f.n - f.bins; i < f.n; i++) bytes += f.file[i].bytes;
        table_text(t, "%s", out);
        table_whole(t, f.bins);
        table_whole(t, bytes);
        table_whole(t, checked);
        status = cli_write(&a->common, s,
                           json_pack("{s:o, s:o}", "merged", table_json(t, false), "provenance",
                                     provenance_json()),
                           e);
    }
    sheet_free(s);
    sums_free(&sums);
    shard_files_close(&f);
    free(out);
    return status;
}

/* --- commands --- */

#define SUMS                                                                                       \
    OPTION_TEXT("sha256", 0, "LIST", sums,                                                         \
                "Lines of a SHA-256 sum and a file's name, as sha256sum prints them")

static const struct option_row verify_options[] = {
    OPTION_PLAIN(prefix, "PREFIX"), SUMS, OPTION_GROUP(cli_common_options, common), OPTION_END};
static const struct option_row merge_options[] = {
    OPTION_PLAIN(prefix, "PREFIX"),
    OPTION_TEXT("out", 'o', "FILE", out, "Where the whole goes (default: PREFIX.bin)"), SUMS,
    OPTION_GROUP(cli_output_options, common), OPTION_END};
static const struct option_row no_options[] = {
    OPTION_PLAIN(prefix, "merge|verify"), OPTION_GROUP(cli_common_options, common), OPTION_END};

static const struct command cmd_merge = {
    .name = "corpus merge",
    .summary = "shards joined to one file",
    .text =
        "Joins PREFIX-00000-of-00020.bin ... to PREFIX.bin. (Commands read the shards in place: this "
        "is for other programs.) Where the list has sums, of shards or of the whole, they are "
        "checked on the way.",
    .more =
        "A run that was stopped goes on: what is there of the whole is compared with the shards.\n",
    .options = merge_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run_merge,
};

static const struct command cmd_verify_corpus = {
    .name = "corpus verify",
    .summary = "files checked against a list of SHA-256 sums",
    .text =
        "Checks PREFIX.idx against the size of PREFIX.bin or its shards, and prints the SHA-256 "
        "sum of each file; with a list a sum that is not the list's is an error.",
    .options = verify_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check,
    .run = run_verify,
};

static const struct command *const children[] = {&cmd_merge, &cmd_verify_corpus, NULL};

const struct command cmd_corpus = {
    .name = "corpus",
    .summary = "the files of a tokenised corpus: shards joined, sums verified",
    .text = "Works on the files of a tokenised corpus as they are downloaded.",
    .more = "Examples:\n"
            "  tripod corpus verify document --sha256 shard_hashes.txt\n"
            "  tripod corpus merge document -o whole.bin\n",
    .options = no_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .check = check_none,
    .run = run_none,
    .children = children,
};
