/* train_input.c - see train_input.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/num.h"
#include "src/base/provenance.h"
#include "src/scan/model_tokenizer.h"
#include "src/text/byte_tokenizer.h"
#include "src/text/kept.h"
#include "src/text/known.h"

static const char end_of_text[] = "<|endoftext|>";

/* Whether the words are one tokenised corpus; all that can be wrong with them before work begins. */
static int check_paths(const struct train_request *q, bool *tokenised, struct err *e)
{
    *tokenised = q->n == 1 && corpus_exists(q->paths[0]);
    if (*tokenised) corpus_warn_of_text(q->paths[0]);
    for (size_t i = 0; i < q->n && !*tokenised; i++) {
        if (corpus_exists(q->paths[i]))
            return err_set(e,
                           "%s: is a tokenised corpus: give one of these, or any number of texts",
                           q->paths[i]);
        if (strcmp(q->paths[i], "-") && access(q->paths[i], R_OK))
            return err_errno(e, "%s: cannot open", q->paths[i]);
    }
    return 0;
}

/* IN's tokenizer at PATH. One that is there and another is not replaced: checkpoints may need it. */
static int keep_tokenizer(const struct train_input *in, const char *path, struct err *e)
{
    const char *from = tokenizer_path(in->tokenizer);
    uint64_t there;
    if (file_exists(path)) {
        if (tokenizer_file_hash(&there, path, e)) return -1;
        if (there == tokenizer_hash(in->tokenizer)) return 0;
        return err_set(e, "%s: is another tokenizer than %s: give another folder", path, from);
    }
    if (!strcmp(from, path)) return byte_tokenizer_write(path, e);
    return file_copy(from, path, e);
}

/* PATH, or tokenizer.json in it. */
static int open_tokenizer(struct train_input *in, const char *path, struct err *e)
{
    char *file = directory_exists(path) ? format_string("%s/tokenizer.json", path) : strdup(path);
    int status = file ? tokenizer_open(&in->tokenizer, file, e) : err_memory(e, path);
    free(file);
    return status;
}

static int open_text(struct train_input *in, const struct train_request *q, const char *tokenizer,
                     struct err *e)
{
    char *base = format_string("%s/corpus", q->folder);
    json_t *provenance = provenance_json();
    const struct tokenize_options options = {.field = q->field, .provenance = provenance};
    int status = !base          ? err_memory(e, q->folder)
                 : q->tokenizer ? open_tokenizer(in, q->tokenizer, e)
                                : byte_tokenizer_open(&in->tokenizer, tokenizer, e);
    if (!status) status = keep_tokenizer(in, tokenizer, e);
    const struct kept kept = {
        .base = base, .paths = q->paths, .n = q->n, .t = in->tokenizer, .o = &options};
    struct tokenize_stats stats;
    if (!status) status = kept_open(&in->corpus, &stats, &kept, e);
    if (!status) in->hash = stats.corpus_hash;
    if (!status) free(stats.files);
    json_decref(provenance);
    free(base);
    return status;
}

static int open_corpus(struct train_input *in, const struct train_request *q, const char *tokenizer,
                       struct err *e)
{
    char *gone = NULL;
    const char *prefix = q->paths[0];
    if (corpus_open(&in->corpus, prefix, e) ||
        corpus_tokenizer_open(&in->tokenizer, &gone, prefix, q->tokenizer, NULL, e))
        return -1;
    int status = 0;
    if (!in->tokenizer && !(q->vocab && q->separator))
        status = err_set(e,
                         "%s: its tokenizer%s%s%s is not known: give it with -t, or --vocab and "
                         "--separator",
                         prefix, gone ? ", " : "", gone ? gone : "", gone ? "," : "");
    free(gone);
    if (status || (in->tokenizer && keep_tokenizer(in, tokenizer, e))) return -1;
    return known_hash(&in->corpus, in->corpus.documents, q->folder, &in->hash, e);
}

/* Whether the corpus was made with end-of-text after each document. */
static bool has_ends(const char *prefix)
{
    struct origin r;
    struct err ignored;
    char *path = format_string("%s.json", prefix);
    bool found = false;
    if (path && !origin_read(&r, path, &ignored)) {
        found = r.append && !strcmp(r.append, end_of_text);
        origin_free(&r);
    }
    free(path);
    return found;
}

static int find_separator(struct train_input *in, const struct train_request *q, struct err *e)
{
    uint64_t id;
    in->separator = -1;
    if (!q->separator) {
        if (!has_ends(in->corpus.prefix))
            in->separator = tokenizer_added(in->tokenizer, end_of_text);
    } else if (strcmp(q->separator, "none") != 0) {
        if (parse_count(q->separator, "--separator", 0, in->vocab - 1, &id, e)) return -1;
        in->separator = (int64_t)id;
    }
    return 0;
}

int train_input_open(struct train_input *in, const struct train_request *q, struct err *e)
{
    bool tokenised;
    *in = (struct train_input){.vocab = q->vocab};
    if (check_paths(q, &tokenised, e)) return -1;
    char *tokenizer = format_string("%s/tokenizer.json", q->folder);
    int status = tokenizer ? make_directories(q->folder, e) : err_memory(e, q->folder);
    if (!status)
        status = tokenised ? open_corpus(in, q, tokenizer, e) : open_text(in, q, tokenizer, e);
    free(tokenizer);
    if (status) return -1;
    const size_t least = in->tokenizer ? tokenizer_size(in->tokenizer) : 1;
    if (!in->vocab) in->vocab = least;
    if (in->vocab < least)
        return err_set(e, "--vocab: expected at least the tokenizer's %zu, found %zu", least,
                       in->vocab);
    in->corpus.limit = (uint32_t)in->vocab;
    return find_separator(in, q, e);
}

void train_input_close(struct train_input *in)
{
    corpus_close(&in->corpus);
    tokenizer_close(in->tokenizer);
    *in = (struct train_input){.vocab = 0};
}
