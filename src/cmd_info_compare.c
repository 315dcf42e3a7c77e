/* cmd_info_compare.c - tripod info --compare: which weights of models are equal, and how far the rest
 * are apart.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "models/flat/compare.h"
#include "models/flat/locate.h"
#include "src/base/progress.h"
#include "src/cmd_info.h"
#include "src/report/report_weights.h"

static int open_model(struct flat_model *m, const char *model, bool verify, struct err *e)
{
    if (model_open(m, model, NULL, e)) return -1;
    if (!verify || !flat_verify(m, e)) return 0;
    flat_close(m);
    return -1;
}

/* Models stay open (mapped) until the result, which points into them, is written. */
int info_compare(const struct cli_common *common, const struct texts *models, bool verify, bool all,
                 struct err *e)
{
    const char *const *name = models->item;
    size_t n = models->n, opened = 0;
    struct flat_model *m = calloc(n, sizeof *m);
    struct flat_comparison *c = calloc(n, sizeof *c);
    int status = m && c ? 0 : err_memory(e, NULL);
    while (!status && opened < n) {
        status = open_model(&m[opened], name[opened], verify, e);
        opened += !status;
    }
    if (!status) progress_begin("compare", "bytes", (n - 1) * m[0].bytes);
    for (size_t i = 1; i < n && !status; i++) status = flat_compare(&c[i], &m[0], &m[i], e);
    progress_end();
    if (!status) {
        struct sheet *s = sheet_open();
        report_weights(s, name[0], name + 1, c + 1, n - 1, all);
        json_t *o = weights_json(name[0], name + 1, c + 1, n - 1);
        status = cli_write(common, s, json_pack("{s:o}", "compare", o), e);
        sheet_free(s);
    }
    for (size_t i = 0; i < opened; i++) {
        flat_comparison_free(&c[i]);
        flat_close(&m[i]);
    }
    free(c);
    free(m);
    return status;
}
