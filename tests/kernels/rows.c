/* rows.c - checks of the embedding and of the layer norm.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"

#include <math.h>
#include <string.h>

/* --- embedding: exact --- */

static void run_embed(size_t n, size_t d, enum simd_dtype dtype, bool at_end)
{
    enum { WORDS = 50 };
    size_t size = simd_dtype_bytes(dtype), row0 = random_below(3), rows = row0 + n + 1;
    void *words = guarded(WORDS * d * size, at_end);
    uint32_t *ids = guarded(n * sizeof *ids, at_end);
    float *value = guarded(WORDS * d * sizeof *value, true);
    for (size_t i = 0; i < WORDS * d; i++) {
        uint16_t h = (uint16_t)random_bits();
        if (dtype == SIMD_F32) {
            value[i] = random_special(true);
            memcpy((float *)words + i, &value[i], sizeof *value);
        } else {
            memcpy((uint16_t *)words + i, &h, sizeof h);
            /* the conversions have checks of their own */
            (dtype == SIMD_F16 ? table[0]->f16_to_f32 : table[0]->bf16_to_f32)(&value[i], &h, 1);
        }
    }
    for (size_t i = 0; i < n; i++) ids[i] = (uint32_t)random_below(WORDS);
    describe("%zu rows of %zu, dtype %d", n, d, (int)dtype);
    for (int t = 0; t < tables; t++) {
        struct strips x = guarded_strips(rows, d, at_end);
        CALL(t, 0, (double)(n * d * (size + 4)), table[t]->embed(x, row0, ids, n, words, dtype, d));
        for (size_t i = 0; i < rows; i++)
            for (size_t c = 0; c < d; c++) {
                bool inside = i >= row0 && i < row0 + n;
                float want = inside ? value[ids[i - row0] * d + c] : NAN;
                if (!same(*strip_at(x, i, c), want))
                    fail(t, "row %zu column %zu: expected %a, found %a", i, c, (double)want,
                         (double)*strip_at(x, i, c));
            }
    }
    release();
}

void check_embed(void)
{
    if (bench) {
        for (int dtype = 0; dtype < 3; dtype++) run_embed(1024, 512, (enum simd_dtype)dtype, true);
        return;
    }
    for (size_t d = 1; d <= 3 * SIMD_LANES + 1; d++)
        for (int dtype = 0; dtype < 3; dtype++)
            run_embed(random_below(5), d, (enum simd_dtype)dtype, d % 2);
    for (int i = 0; i < 30; i++)
        run_embed(random_below(9), 200 + random_below(500), (enum simd_dtype)(i % 3), i % 2);
}

/* --- layer norm --- */

enum { NORM_INPUTS = 7 };

static float norm_input(int kind, size_t c, size_t d)
{
    float x = random_between(-3, 3);
    if (kind == 1) x = 5.0f;                    /* no variance */
    if (kind == 2) x = 1000.0f + x;             /* far from zero */
    if (kind == 4) x *= 0x1p-140f;              /* denormals */
    if (kind == 5) x *= 1e15f;                  /* squares near 1e30 */
    if (kind == 6) x = c == d / 2 ? 300.0f : x; /* one outlier, as in trained models */
    return x;
}

/* A row's mean and deviation in double, and how far float32 may be from them: a shift of every
 * centred value, which adds its square to the variance, and the scale's relative error. Sums: a
 * chain per lane and accumulator, then two and four levels of trees. */
struct row_moments {
    double mean, size, sigma, mean_error, scale_error, chain;
};

static struct row_moments row_moments(struct strips in, size_t i, size_t d, float eps)
{
    struct row_moments m = {.chain = (double)(d / 64 + 1) + 6};
    double variance = 0;
    for (size_t c = 0; c < d; c++) {
        m.mean += (double)*strip_at(in, i, c);
        m.size += fabs((double)*strip_at(in, i, c));
    }
    m.mean /= (double)d;
    m.size /= (double)d;
    for (size_t c = 0; c < d; c++) variance += pow((double)*strip_at(in, i, c) - m.mean, 2);
    m.sigma = sqrt(variance / (double)d + (double)eps);
    m.mean_error = (m.chain + 1) * UNIT * m.size + 0x1p-149;
    m.scale_error = pow(m.mean_error / m.sigma, 2) / 2 + (m.chain + 4) * UNIT / 2 + UNIT;
    return m;
}

static void run_layer_norm(size_t rows, size_t d, int kind, bool at_end, bool in_place)
{
    struct strips in = guarded_strips(rows, d, at_end), first = {NULL, rows};
    float *weight = guarded(d * sizeof *weight, at_end), *bias = guarded(d * sizeof *bias, at_end);
    float eps = 1e-5f;
    for (size_t c = 0; c < d; c++) {
        weight[c] = kind == 3 ? random_special(false) : random_between(-2, 2);
        bias[c] = random_between(-1, 1);
        if (kind == 3) weight[c] = fminf(fmaxf(weight[c], -1e3f), 1e3f);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < d; c++) *strip_at(in, i, c) = norm_input(kind, c, d);
    describe("%zu rows of %zu, input %d%s", rows, d, kind, in_place ? ", in place" : "");
    for (int t = 0; t < tables; t++) {
        struct strips out = guarded_strips(rows, d, at_end), from = in_place ? out : in;
        if (in_place) memcpy(out.data, in.data, strips_size(rows, d) * sizeof(float));
        CALL(t, 8.0 * (double)(rows * d), 8.0 * (double)(rows * d),
             table[t]->layer_norm(out, from, rows, d, weight, bias, eps));
        if (t == 0) first = out;
        if (bench) continue;
        expect_same_strips(t, out, first, 0, rows, d);
        for (size_t i = 0; i < rows; i++) {
            const struct row_moments m = row_moments(in, i, d, eps);
            for (size_t c = 0; c < d; c++) {
                double w = (double)weight[c], z = ((double)*strip_at(in, i, c) - m.mean) / m.sigma;
                double want = z * w + (double)bias[c];
                double bound =
                    fabs(w) * (m.mean_error / m.sigma + fabs(z) * (m.scale_error + 2 * UNIT));
                bound = 1.1 * bound + 0.5 * ulp(want) + 0x1p-148;
                expect_close(t, (double)*strip_at(out, i, c), want, bound,
                             fabs(w) * (fabs((double)*strip_at(in, i, c)) + m.size) / m.sigma +
                                 fabs((double)bias[c]));
            }
        }
    }
    release();
}

void check_layer_norm(void)
{
    if (bench) {
        run_layer_norm(256, 512, 0, true, false);
        run_layer_norm(256, 2048, 0, true, false);
        return;
    }
    for (size_t d = 1; d <= 3 * SIMD_LANES + 1; d++)
        for (int kind = 0; kind < NORM_INPUTS; kind++)
            run_layer_norm(1 + random_below(3), d, kind, d % 2, kind % 2);
    static const size_t wide[] = {63, 64, 65, 255, 256, 257, 272, 500, 512, 513, 1024, 2048, 2561};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        for (int kind = 0; kind < NORM_INPUTS; kind++)
            run_layer_norm(2, wide[i], kind, kind % 2, i % 2);
}

/* --- its gradient --- */

struct norm_case {
    struct strips dx, dy, x;
    size_t rows, d;
    float *weight, *dweight, *dbias, eps;
};

/* sum of dy . layer_norm(x + by e_c) of a row. */
static double norm_loss(const struct norm_case *k, size_t i, size_t at, double by)
{
    double mean = 0, variance = 0, loss = 0;
    for (size_t c = 0; c < k->d; c++) mean += (double)*strip_at(k->x, i, c) + (c == at) * by;
    mean /= (double)k->d;
    for (size_t c = 0; c < k->d; c++)
        variance += pow((double)*strip_at(k->x, i, c) + (c == at) * by - mean, 2);
    for (size_t c = 0; c < k->d; c++)
        loss += (double)*strip_at(k->dy, i, c) * (double)k->weight[c] *
                ((double)*strip_at(k->x, i, c) + (c == at) * by - mean);
    return loss / sqrt(variance / (double)k->d + (double)k->eps);
}

/* Against the formulas, and these against differences of the loss. add: what dx was before.
 * Errors: z's as layer norm has it; of the two means, their sums' and what goes into them. */
static void compare_norm(int t, const struct norm_case *k, struct strips add, bool differences)
{
    const size_t d = k->d;
    const double blocks = (double)(k->rows / 64 + 2);
    double sums[4][2600] = {{0}}; /* dweight, its error; dbias, its error */
    for (size_t i = 0; i < k->rows; i++) {
        const struct row_moments m = row_moments(k->x, i, d, k->eps);
        const double shift = m.mean_error / m.sigma, relative = m.scale_error + 2 * UNIT;
        double g = 0, g_size = 0, gz = 0, gz_size = 0, gz_error = 0;
        for (size_t c = 0; c < d; c++) {
            const double y = (double)*strip_at(k->dy, i, c), a = y * (double)k->weight[c];
            const double z = ((double)*strip_at(k->x, i, c) - m.mean) / m.sigma;
            const double z_error = 1.1 * (shift + fabs(z) * relative) + 0x1p-148;
            g += a / (double)d;
            g_size += fabs(a) / (double)d;
            gz += a * z / (double)d;
            gz_size += fabs(a * z) / (double)d;
            gz_error += fabs(a) * z_error / (double)d;
            sums[0][c] += y * z;
            sums[1][c] += fabs(y) * z_error + (64 + blocks) * UNIT * fabs(y) * (fabs(z) + z_error);
            sums[2][c] += y;
            sums[3][c] += (64 + blocks) * UNIT * fabs(y);
        }
        const double g_error = (m.chain + 3) * UNIT * g_size + 0x1p-148;
        gz_error += (m.chain + 4) * UNIT * (gz_size + gz_error) + 0x1p-148;
        for (size_t c = 0; c < d; c++) {
            const double a = (double)*strip_at(k->dy, i, c) * (double)k->weight[c];
            const double z = ((double)*strip_at(k->x, i, c) - m.mean) / m.sigma;
            const double z_error = 1.1 * (shift + fabs(z) * relative) + 0x1p-148;
            const double size = fabs(a) + fabs(g) + fabs(z * gz), part = a - g - z * gz;
            double error = g_error + z_error * (fabs(gz) + gz_error) + fabs(z) * gz_error;
            error += 3 * UNIT * (size + error) + 0x1p-148;
            error += (fabs(part) + error) * relative;
            const double before = (double)*strip_at(add, i, c), want = before + part / m.sigma;
            expect_close(t, (double)*strip_at(k->dx, i, c), want,
                         1.1 * error / m.sigma + 0.5 * ulp(want) + 0x1p-148,
                         fabs(before) + size / m.sigma);
            if (!differences || random_below(8)) continue;
            const double h = 1e-5;
            const double got = (norm_loss(k, i, c, h) - norm_loss(k, i, c, -h)) / (2 * h);
            if (fabs(got - part / m.sigma) > 1e-6 * (1 + size / m.sigma))
                fail(t, "row %zu column %zu: by differences %.9g, by the formula %.9g", i, c, got,
                     part / m.sigma);
        }
    }
    for (size_t c = 0; c < d; c++) {
        if (k->dweight)
            expect_close(t, (double)k->dweight[c], sums[0][c], 1.1 * sums[1][c] + 0x1p-140, 0);
        if (k->dbias)
            expect_close(t, (double)k->dbias[c], sums[2][c], 1.1 * sums[3][c] + 0x1p-140, 0);
    }
}

static void run_layer_norm_back(size_t rows, size_t d, int kind, bool at_end)
{
    struct norm_case k = {.rows = rows, .d = d, .eps = 1e-5f};
    struct strips add = guarded_strips(rows, d, at_end), first = {NULL, rows};
    float *sums[2] = {NULL, NULL};
    k.x = guarded_strips(rows, d, at_end);
    k.dy = guarded_strips(rows, d, at_end);
    k.weight = guarded(d * sizeof *k.weight, at_end);
    for (size_t c = 0; c < d; c++) k.weight[c] = random_between(-2, 2);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < d; c++) {
            *strip_at(k.x, i, c) = norm_input(kind, c, d);
            *strip_at(k.dy, i, c) = random_between(-1, 1) * (kind == 3 ? 1e-12f : 1.0f);
            *strip_at(add, i, c) = random_below(5) ? random_between(-1, 1) : 0.0f;
        }
    const double work = (double)(rows * d);
    for (int t = 0; t < tables; t++) {
        k.dx = guarded_strips(rows, d, at_end);
        memcpy(k.dx.data, add.data, strips_size(rows, d) * sizeof(float));
        k.dweight = guarded(d * sizeof(float), at_end);
        k.dbias = guarded(d * sizeof(float), at_end);
        describe("%zu rows of %zu, input %d", rows, d, kind);
        CALL(t, 18 * work, 16 * work,
             table[t]->layer_norm_back(k.dx, k.dy, k.x, rows, d, k.weight, k.eps, k.dweight,
                                       k.dbias));
        if (bench) continue;
        if (t == 0) {
            first = k.dx;
            sums[0] = k.dweight;
            sums[1] = k.dbias;
            compare_norm(t, &k, add, kind == 0);
        }
        expect_same_strips(t, k.dx, first, 0, rows, d);
        expect_same(t, k.dweight, sums[0], d, table[0]->name);
        expect_same(t, k.dbias, sums[1], d, table[0]->name);
        /* the vectors are optional; rows after the first ones do not matter to these */
        const size_t less = random_below(rows + 1);
        struct strips dx = guarded_strips(rows, d, at_end);
        memcpy(dx.data, add.data, strips_size(rows, d) * sizeof(float));
        CALL(t, 0, 0,
             table[t]->layer_norm_back(dx, k.dy, k.x, less, d, k.weight, k.eps, NULL, NULL));
        expect_same_strips(t, dx, first, 0, less, d);
        expect_same_strips(t, (struct strips){dx.data, rows}, add, less, rows - less, d);
    }
    release();
}

void check_layer_norm_back(void)
{
    if (bench) {
        run_layer_norm_back(64, 512, 0, true);
        run_layer_norm_back(410, 512, 0, true);
        run_layer_norm_back(256, 2048, 0, true);
        return;
    }
    for (size_t d = 1; d <= 3 * SIMD_LANES + 1; d++)
        for (int kind = 0; kind < NORM_INPUTS; kind++)
            run_layer_norm_back(random_below(5), d, kind, d % 2);
    static const size_t wide[] = {63, 64, 65, 255, 256, 257, 272, 500, 512, 513, 1024, 2561};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        for (int kind = 0; kind < NORM_INPUTS; kind++) run_layer_norm_back(3, wide[i], kind, i % 2);
    static const size_t tall[] = {63, 64, 65, 128, 129, 300};
    for (size_t i = 0; i < sizeof tall / sizeof tall[0]; i++)
        run_layer_norm_back(tall[i], 30 + random_below(80), (int)i, i % 2);
}
