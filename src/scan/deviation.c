/* deviation.c - see deviation.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/deviation.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/json.h"
#include "src/scan/moments.h"

struct deviation_sums {
    struct moments distance, square, difference;
    double worst;
};

struct deviation_sums *deviation_new(void)
{
    return calloc(1, sizeof(struct deviation_sums));
}

void deviation_document(struct deviation_sums *s, const float *narrow, const float *exact, size_t n)
{
    double distance = 0, square = 0, difference = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)narrow[i] - (double)exact[i];
        distance += fabs(d);
        square += d * d;
        difference += d;
        if (!(fabs(d) <= s->worst)) s->worst = fabs(d);
    }
    moments_cluster(&s->distance, distance, n);
    moments_cluster(&s->square, square, n);
    moments_cluster(&s->difference, difference, n);
}

struct deviation deviation_end(struct deviation_sums *s)
{
    const double rms = sqrt(moments_mean(&s->square));
    struct deviation d = {
        .tokens = (uint64_t)s->distance.predictions,
        .mean = moments_mean(&s->distance),
        .mean_error = moments_error(&s->distance),
        .rms = rms,
        .rms_error = rms > 0 ? moments_error(&s->square) / (2 * rms) : 0,
        .worst = s->worst,
        .bias = moments_mean(&s->difference),
        .bias_error = moments_error(&s->difference),
    };
    free(s);
    return d;
}

/* Its numbers by name. */
#define NUMBERS(X)                                                                                 \
    X("mean", mean)                                                                                \
    X("mean_se", mean_error)                                                                       \
    X("rms", rms)                                                                                  \
    X("rms_se", rms_error)                                                                         \
    X("max", worst)                                                                                \
    X("bias", bias)                                                                                \
    X("bias_se", bias_error)

json_t *deviation_json(const struct deviation *d)
{
    json_t *o = json_pack("{s:s, s:I}", "from", "float32", "tokens", (json_int_t)d->tokens);
#define PUT(name, field) json_object_set_new(o, name, json_finite(d->field));
    NUMBERS(PUT)
#undef PUT
    return o;
}

int deviation_from_json(struct deviation *d, const json_t *o, const char *path, struct err *e)
{
    *d = (struct deviation){0};
    if (!o || json_is_null(o)) return 0;
    const json_int_t tokens = json_integer_value(json_object_get(o, "tokens"));
    if (tokens < 1)
        return err_kind(e, ERR_DAMAGED, "%s: deviation: expected a number of tokens", path);
    d->tokens = (uint64_t)tokens;
#define TAKE(name, field)                                                                          \
    d->field = json_is_number(json_object_get(o, name))                                            \
                   ? json_number_value(json_object_get(o, name))                                   \
                   : (double)NAN;
    NUMBERS(TAKE)
#undef TAKE
    return 0;
}
