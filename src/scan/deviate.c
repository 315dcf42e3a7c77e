/* deviate.c - see deviate.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/deviate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/npy.h"

/* The losses of R, which are there, less EXACT. */
static int find_deviation(struct record *r, const struct plan *plan, const struct loss_file *exact,
                          struct err *e)
{
    struct npy narrow;
    if (npy_open(&narrow, r->losses, e)) return -1;
    size_t longest = 0;
    for (size_t d = plan->begin; d < plan->end; d++)
        if (plan_predictions(plan, d) > longest) longest = plan_predictions(plan, d);
    float *document = malloc((longest + 1) * sizeof *document);
    struct deviation_sums *sums = deviation_new();
    int status = document && sums ? 0 : err_memory(e, r->losses);
    if (!status && (strcmp(narrow.descr, "<f4") || narrow.rows != plan->predictions))
        status = err_kind(e, ERR_DAMAGED, "%s: expected %" PRIu64 " losses of <f4", r->losses,
                          plan->predictions);
    uint64_t at = 0;
    for (size_t d = plan->begin, n; d < plan->end && !status; d++, at += n) {
        n = plan_predictions(plan, d);
        status = loss_file_read(exact, at, document, n, e);
        if (!status) deviation_document(sums, (const float *)narrow.data + at, document, n);
    }
    free(document);
    npy_close(&narrow);
    if (sums && !status)
        r->deviation = deviation_end(sums);
    else
        free(sums);
    return status;
}

/* Puts r->deviation into its .json. */
static int add_deviation(const struct record *r, struct err *e)
{
    char *path = record_path(r);
    json_error_t why;
    json_t *o = path ? json_load_file(path, 0, &why) : NULL;
    int status = 0;
    if (!path)
        status = err_memory(e, r->losses);
    else if (!o)
        status = err_kind(e, ERR_DAMAGED, "%s: line %d: %s", path, why.line, why.text);
    if (!status) {
        json_object_set_new(o, "deviation", deviation_json(&r->deviation));
        status = json_save(path, o, e);
    }
    free(path);
    return status;
}

int deviate(struct record *r, const struct plan *plan, const struct loss_file *exact, struct err *e)
{
    return find_deviation(r, plan, exact, e) || add_deviation(r, e) ? -1 : 0;
}
