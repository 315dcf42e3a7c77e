/* moments.c - see moments.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/moments.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const int exact_bits[4] = {60, 48, 48, 0}; /* of the fraction */

static void add_exact(struct moments *m, int i, double value)
{
    double units = rint(ldexp(value, exact_bits[i]));
    if (fabs(units) < 0x1p120)
        m->exact[i] += (__int128)units;
    else
        m->inexact = true;
}

void moments_cluster(struct moments *m, double sum, size_t n)
{
    if (n == 0) return;
    m->documents += 1;
    m->predictions += (double)n;
    m->sum += sum;
    m->squares += sum * sum;
    m->cross += sum * (double)n;
    m->lengths += (double)n * (double)n;
    add_exact(m, 0, sum);
    add_exact(m, 1, sum * sum);
    add_exact(m, 2, sum * (double)n);
    m->exact[3] += (__int128)n * (__int128)n;
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
    for (int i = 0; i < 4; i++) /* whatever a damaged record says: no signed overflow */
        m->exact[i] =
            (__int128)((unsigned __int128)m->exact[i] + (unsigned __int128)other->exact[i]);
    m->inexact |= other->inexact;
}

void moments_settle(struct moments *m)
{
    double *const sums[4] = {&m->sum, &m->squares, &m->cross, &m->lengths};
    for (int i = 0; i < 4 && !m->inexact; i++)
        *sums[i] = ldexp((double)m->exact[i], -exact_bits[i]);
}

bool moments_equal(const struct moments *a, const struct moments *b)
{
    bool same = a->documents == b->documents && a->predictions == b->predictions &&
                a->sum == b->sum && a->squares == b->squares && a->cross == b->cross &&
                a->lengths == b->lengths;
    for (int i = 0; i < 4 && !a->inexact && !b->inexact; i++) same &= a->exact[i] == b->exact[i];
    return same;
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
    json_t *o = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "documents", m->documents,
                          "predictions", m->predictions, "sum", m->sum, "squares", m->squares,
                          "cross", m->cross, "lengths", m->lengths);
    json_t *exact = m->inexact ? NULL : json_array();
    for (int i = 0; i < 4 && exact; i++) {
        unsigned __int128 bits = (unsigned __int128)m->exact[i];
        char text[40];
        snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, (uint64_t)(bits >> 64),
                 (uint64_t)bits);
        json_array_append_new(exact, json_string(text));
    }
    if (exact) json_object_set_new(o, "exact", exact);
    return o;
}

/* Records of before have none. */
static int read_exact(struct moments *m, const json_t *exact, const char *path, struct err *e)
{
    m->inexact = !exact;
    for (size_t i = 0; i < 4 && exact; i++) {
        const char *text = json_string_value(json_array_get(exact, i));
        char end;
        uint64_t high, low;
        if (!text || strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32 ||
            sscanf(text, "%16" SCNx64 "%16" SCNx64 "%c", &high, &low, &end) != 2)
            return err_kind(e, ERR_DAMAGED,
                            "%s: moments: exact: expected four numbers of 32 hexadecimal digits",
                            path);
        m->exact[i] = (__int128)((unsigned __int128)high << 64 | low);
    }
    return 0;
}

int moments_from_json(struct moments *m, const json_t *object, const char *path, struct err *e)
{
    json_error_t why;
    *m = (struct moments){0};
    if (json_unpack_ex((json_t *)(uintptr_t)object, &why, 0, "{s:F, s:F, s:F, s:F, s:F, s:F}",
                       "documents", &m->documents, "predictions", &m->predictions, "sum", &m->sum,
                       "squares", &m->squares, "cross", &m->cross, "lengths", &m->lengths))
        return err_kind(e, ERR_DAMAGED, "%s: moments: %s", path, why.text);
    if (!(m->predictions >= 1) || !isfinite(m->sum))
        return err_kind(e, ERR_DAMAGED, "%s: moments: expected at least one finite loss", path);
    return read_exact(m, json_object_get(object, "exact"), path, e);
}
