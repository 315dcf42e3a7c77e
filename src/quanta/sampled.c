/* sampled.c - see sampled.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/sampled.h"

#include <stdlib.h>
#include <string.h>

#include "src/quanta/sketches.h"
#include "src/scan/row_list.h"
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

/* The rows and losses of one part. */
static int read_part(struct sampled *s, struct row_list *rows, const char *folder,
                     const struct gradients_record *r, struct err *e)
{
    const size_t n = r->end - r->first;
    char *list = gradients_path(folder, "rows", "npy", r->shard, r->shards),
         *losses = gradients_path(folder, "losses", "npy", r->shard, r->shards);
    struct npy a = {.data = NULL};
    int status = list && losses ? 0 : err_memory(e, folder);
    if (!status) status = row_list_read(rows, list, s->index.plan.predictions, 0, e);
    if (!status && rows->n != r->end)
        status = err_kind(e, ERR_DAMAGED, "%s: expected %zu rows by its record, found %zu", list, n,
                          rows->n - r->first);
    if (!status) status = npy_open(&a, losses, e);
    if (!status && (strcmp(a.descr, "<f4") || a.rows != n || a.columns))
        status = err_kind(e, ERR_DAMAGED, "%s: expected float32 [%zu] by its record", losses, n);
    if (!status) memcpy(s->loss + r->first, a.data, n * sizeof *s->loss);
    if (a.data) npy_close(&a);
    free(list);
    free(losses);
    return status;
}

int sampled_open(struct sampled *s, const char *folder, const char *prefix, struct err *e)
{
    struct sketches parts;
    struct row_list rows = {0};
    *s = (struct sampled){.n = 0};
    if (sketches_open(&parts, folder, e)) return -1;
    s->n = parts.n;
    s->loss = malloc(s->n * sizeof *s->loss);
    int status =
        s->loss ? open_corpus(s, &parts.part[0].record, folder, prefix, e) : err_memory(e, folder);
    for (size_t i = 0; i < parts.parts && !status; i++)
        status = read_part(s, &rows, folder, &parts.part[i].record, e);
    sketches_close(&parts);
    s->row = rows.row;
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
