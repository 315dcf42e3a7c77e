/* moments.c - see moments.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/moments.h"

#include <math.h>
#include <stdint.h>

void moments_cluster(struct moments *m, double sum, size_t n)
{
    if (n == 0) return;
    m->documents += 1;
    m->predictions += (double)n;
    m->sum += sum;
    m->squares += sum * sum;
    m->cross += sum * (double)n;
    m->lengths += (double)n * (double)n;
}

void moments_document(struct moments *m, const float *loss, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)loss[i];
    moments_cluster(m, sum, n);
}

void moments_add(struct moments *m, const struct moments *other)
{
    m->documents += other->documents;
    m->predictions += other->predictions;
    m->sum += other->sum;
    m->squares += other->squares;
    m->cross += other->cross;
    m->lengths += other->lengths;
}

double moments_mean(const struct moments *m)
{
    return m->sum / m->predictions;
}

double moments_error(const struct moments *m)
{
    double mean = moments_mean(m), d = m->documents;
    if (d < 2) return NAN;
    double residual = m->squares - 2 * mean * m->cross + mean * mean * m->lengths;
    return sqrt(fmax(residual, 0) * d / (d - 1)) / m->predictions;
}

json_t *moments_json(const struct moments *m)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "documents", m->documents, "predictions",
                     m->predictions, "sum", m->sum, "squares", m->squares, "cross", m->cross,
                     "lengths", m->lengths);
}

int moments_from_json(struct moments *m, const json_t *object, const char *path, struct err *e)
{
    json_error_t why;
    if (json_unpack_ex((json_t *)(uintptr_t)object, &why, 0, "{s:F, s:F, s:F, s:F, s:F, s:F}",
                       "documents", &m->documents, "predictions", &m->predictions, "sum", &m->sum,
                       "squares", &m->squares, "cross", &m->cross, "lengths", &m->lengths))
        return err_kind(e, ERR_DAMAGED, "%s: moments: %s", path, why.text);
    if (!(m->predictions >= 1) || !isfinite(m->sum))
        return err_kind(e, ERR_DAMAGED, "%s: moments: expected at least one finite loss", path);
    return 0;
}
