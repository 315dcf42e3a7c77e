/* sampled.c - see sampled.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/sampled.h"

#include <inttypes.h>
#include <stdlib.h>

#include "src/quanta/sketches.h"
#include "src/text/known.h"

static int open_corpus(struct sampled *s, const struct gradients_record *r, const char *path,
                       const char *prefix, struct err *e)
{
    struct protocol p;
    size_t documents;
    if (protocol_parse(&p, &documents, r->protocol, path, e)) return -1;
    if (token_index_open(&s->index, NULL, prefix, &p, e)) return -1;
    return corpus_is(&s->index.corpus, documents, r->corpus_hash, path, path, e);
}

/* Every row is one of the corpus. */
static int check_rows(const struct sampled *s, const char *folder, struct err *e)
{
    const uint64_t rows = s->index.plan.predictions;
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i] >= rows)
            return err_kind(e, ERR_DAMAGED,
                            "%s: sample %zu: expected a row 0 to %" PRIu64 ", found %" PRId64,
                            folder, i, rows - 1, (int64_t)s->row[i]);
    return 0;
}

int sampled_open(struct sampled *s, const char *folder, const char *prefix, struct err *e)
{
    struct sketches parts;
    *s = (struct sampled){.n = 0};
    if (sketches_open(&parts, folder, e)) return -1;
    s->n = parts.n;
    s->row = malloc(s->n * sizeof *s->row);
    s->loss = malloc(s->n * sizeof *s->loss);
    int status = s->row && s->loss ? open_corpus(s, &parts.part[0].record, folder, prefix, e)
                                   : err_memory(e, folder);
    for (size_t i = 0; i < parts.parts && !status; i++)
        status = sketches_samples(folder, &parts.part[i].record, s->row, s->loss, e);
    if (!status) status = check_rows(s, folder, e);
    sketches_close(&parts);
    if (status) sampled_close(s);
    return status;
}

void sampled_close(struct sampled *s)
{
    free(s->row);
    free(s->loss);
    token_index_close(&s->index);
    *s = (struct sampled){.n = 0};
}

size_t sampled_find(const struct sampled *s, uint64_t row)
{
    size_t i = 0;
    while (i < s->n && s->row[i] != row) i++;
    return i;
}
