// compare_gradients: the gradients of a model against PyTorch's (backward_reference.py).
//
//   compare_gradients MODEL REFERENCE.json BAR RATIO
//
// Exit 1 if a tensor's error, relative to the norm of its chosen coordinates, exceeds BAR, if the mean
// over tensors exceeds RATIO times that of PyTorch's float32, if a whole norm is off by BAR, or a cosine. The last line
// says what was found. All instruction sets give the same bits (test_backward.c); this is the best.
// SPDX-License-Identifier: GPL-3.0-or-later
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/flat/locate.h"
#include "models/neox/neox_backward.h"
#include "src/base/npy.h"

#define COSINE_BAR 1e-6

// One sample's gradient, by tensor, in the flat file's order of elements.
struct gradient {
    size_t tensors;
    float **values;
    size_t *sizes;
    struct neox_tensor *is;
};

struct check {
    struct neox model;
    struct neox_tape tape;
    uint32_t *ids;
    size_t n, coordinates, tensors; // tensors: tied embeddings are one
    struct gradient g;
    const float *values; // the reference's, of the target and tensor at hand on
    double bar;
    int bad;
};

static void die(const char *what, const char *why)
{
    printf("%s: %s\n", what, why);
    exit(1);
}

static uint64_t splitmix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void take(void *context, size_t tensor, size_t at, size_t n, const float *values)
{
    const struct gradient *g = context;
    if (tensor >= g->tensors || at + n > g->sizes[tensor]) die("gradient", "out of its tensor");
    for (size_t i = 0; i < n; i++) {
        float *to = &g->values[tensor][at + i];
        if (*to != 0) die(g->is[tensor].name, "a coordinate comes twice");
        *to = values[i];
    }
}

static void gradient_new(struct gradient *g, const struct neox_config *c)
{
    g->tensors = neox_tensor_count(c);
    g->values = calloc(g->tensors, sizeof *g->values);
    g->sizes = calloc(g->tensors, sizeof *g->sizes);
    g->is = calloc(g->tensors, sizeof *g->is);
    for (size_t i = 0; i < g->tensors; i++) {
        neox_tensor_at(c, i, &g->is[i]);
        g->sizes[i] = g->is[i].panels ? panels_size(g->is[i].rows, g->is[i].columns)
                                      : g->is[i].rows * g->is[i].columns;
        g->values[i] = calloc(g->sizes[i], sizeof(float));
        if (!g->values[i]) die("memory", "exhausted");
    }
}

static void gradient_free(struct gradient *g)
{
    for (size_t i = 0; i < g->tensors; i++) free(g->values[i]);
    free(g->values);
    free(g->sizes);
    free(g->is);
}

static float differentiate(struct check *c, size_t target)
{
    bool wanted[4096];
    for (size_t i = 0; i < c->g.tensors; i++) {
        wanted[i] = true;
        memset(c->g.values[i], 0, c->g.sizes[i] * sizeof(float));
    }
    const struct neox_gradients to = {take, &c->g, wanted};
    return neox_backward(&c->model, &c->tape, c->ids, target, &to);
}

static double value_at(const struct check *c, size_t tensor, size_t coordinate)
{
    const struct neox_tensor *t = &c->g.is[tensor];
    const size_t row = coordinate / t->columns, column = coordinate % t->columns;
    if (t->panels)
        coordinate = (row / SIMD_PANEL * t->columns + column) * SIMD_PANEL + row % SIMD_PANEL;
    return (double)c->g.values[tensor][coordinate];
}

// The coordinates that the reference chose; how many.
static size_t choose(const struct check *c, size_t tensor, size_t target, size_t *chosen)
{
    const struct neox_tensor *t = &c->g.is[tensor];
    const size_t size = t->rows * t->columns, first = target < 64 ? target : 64;
    size_t n = 0;
    for (size_t j = 0; j < c->coordinates; j++) {
        uint64_t h = splitmix64((uint64_t)tensor << 40 | (uint64_t)target << 20 | j);
        if (tensor == 0) h = c->ids[h % first] * t->columns + (h >> 32) % t->columns;
        if (strstr(t->name, "embed_positions")) h = h % first * t->columns + (h >> 32) % t->columns;
        size_t k = 0;
        while (k < n && chosen[k] != h % size) k++;
        chosen[k] = h % size;
        n += k == n;
    }
    return n;
}

// The relative error of a tensor over its chosen coordinates; NAN where all of them are zero.
static double tensor_error(struct check *c, size_t tensor, size_t target)
{
    size_t chosen[1000];
    const size_t n = choose(c, tensor, target, chosen);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        double want = (double)*c->values++, d = value_at(c, tensor, chosen[i]) - want;
        difference += d * d;
        norm += want * want;
    }
    return norm > 0 ? sqrt(difference / norm) : difference > 0 ? INFINITY : NAN;
}

static double norm_of(const struct check *c, size_t tensor)
{
    double sum = 0;
    for (size_t i = 0; i < c->g.sizes[tensor]; i++)
        sum += (double)c->g.values[tensor][i] * (double)c->g.values[tensor][i];
    return sqrt(sum);
}

static double number(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

// One target; adds to SUMS: ours, theirs, tensors, tensors in which ours is larger.
static void compare(struct check *c, const json_t *of, double sums[4], double *worst)
{
    const size_t target = (size_t)json_integer_value(json_object_get(of, "target"));
    const double want = json_number_value(json_object_get(of, "loss"));
    const json_t *norms = json_object_get(of, "norms"), *errors = json_object_get(of, "errors");
    const float loss = differentiate(c, target);
    if (!(fabs((double)loss - want) <= 1e-4 * (1 + want))) {
        printf("target %zu: loss %.7g, expected %.7g\n", target, (double)loss, want);
        c->bad = 1;
    }
    for (size_t i = 0; i < c->tensors; i++) {
        const double error = tensor_error(c, i, target), theirs = number(errors, i);
        const double norm = norm_of(c, i), expected = number(norms, i);
        if (!isnan(error) && !(error <= c->bar)) {
            printf("target %zu: %s: error %.2e (float32: %.2e)\n", target, c->g.is[i].name, error,
                   theirs);
            c->bad = 1;
        }
        if (!(fabs(norm - expected) <= c->bar * expected)) {
            printf("target %zu: %s: norm %.9g, expected %.9g\n", target, c->g.is[i].name, norm,
                   expected);
            c->bad = 1;
        }
        if (error > *worst) *worst = error;
        if (isnan(error) || theirs > 1e-5)
            continue; // p - 1 costs theirs the digits of small losses
        sums[0] += error;
        sums[1] += theirs;
        sums[2]++;
        sums[3] += error > theirs;
    }
}

// The gradients of many targets beside each other, but for the embedding and embed_out.
static double worst_cosine(struct check *c, const json_t *of)
{
    const json_t *targets = json_object_get(of, "targets"), *values = json_object_get(of, "values");
    const size_t samples = json_array_size(targets);
    size_t floats = 0, at = 0;
    for (size_t i = 1; i + 1 < c->g.tensors; i++) floats += c->g.sizes[i];
    float *all = malloc(samples * floats * sizeof *all);
    double worst = 0;
    if (!all) die("memory", "exhausted");
    for (size_t s = 0; s < samples; s++) {
        float *to = all + s * floats;
        differentiate(c, (size_t)json_integer_value(json_array_get(targets, s)));
        for (size_t i = 1; i + 1 < c->g.tensors; to += c->g.sizes[i++])
            memcpy(to, c->g.values[i], c->g.sizes[i] * sizeof *to);
    }
    for (size_t s = 0; s < samples; s++)
        for (size_t r = 0; r < s; r++, at++) {
            const float *a = all + s * floats, *b = all + r * floats;
            double ab = 0, aa = 0, bb = 0;
            for (size_t i = 0; i < floats; i++) {
                ab += (double)a[i] * (double)b[i];
                aa += (double)a[i] * (double)a[i];
                bb += (double)b[i] * (double)b[i];
            }
            double error = fabs(ab / sqrt(aa * bb) - number(values, at));
            if (!(error <= worst)) worst = error;
        }
    free(all);
    return worst;
}

static json_t *open_check(struct check *c, struct flat_model *flat, const char *model,
                          const char *path, struct npy *npy)
{
    struct err e;
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) die(path, error.text);
    const json_t *ids = json_object_get(root, "ids");
    c->n = json_array_size(ids);
    c->ids = malloc((c->n + 1) * sizeof *c->ids);
    for (size_t i = 0; i < c->n; i++) c->ids[i] = (uint32_t)number(ids, i);
    c->coordinates = (size_t)json_integer_value(json_object_get(root, "coordinates"));
    c->tensors = json_array_size(json_object_get(root, "tensors"));
    char values[4096];
    snprintf(values, sizeof values, "%.*s.npy", (int)(strlen(path) - strlen(".json")), path);
    if (npy_open(npy, values, &e) || model_open(flat, model, NULL, &e) ||
        neox_load(&c->model, flat, simd_best(), &products_native, c->n, &e) ||
        neox_tape_open(&c->tape, &c->model, c->n, &e))
        die("compare_gradients", e.text);
    if (strcmp(npy->descr, "<f4") || c->coordinates > 1000) die(values, "not this reference");
    c->values = npy->data;
    gradient_new(&c->g, &flat->config);
    if (c->tensors + flat->config.tied_embeddings != c->g.tensors)
        die(path, "not this model's tensors");
    return root;
}

int main(int argc, char **argv)
{
    struct check c = {.bad = 0};
    struct flat_model flat;
    struct npy npy;
    if (argc != 5) die("usage", "compare_gradients MODEL REFERENCE.json BAR RATIO");
    c.bar = strtod(argv[3], NULL);
    json_t *root = open_check(&c, &flat, argv[1], argv[2], &npy);
    const json_t *targets = json_object_get(root, "targets"),
                 *cosines = json_object_get(root, "cosines");
    double sums[4] = {0}, worst = 0, cosine = 0;
    neox_forward_kept(&c.model, &c.tape, c.ids, c.n - 1);
    for (size_t i = 0; i < json_array_size(targets); i++)
        compare(&c, json_array_get(targets, i), sums, &worst);
    if ((size_t)(c.values - (const float *)npy.data) != npy.rows)
        die(argv[2], "coordinates other than the reference's");
    if (cosines && !((cosine = worst_cosine(&c, cosines)) <= COSINE_BAR)) {
        printf("a cosine is off by %.2e\n", cosine);
        c.bad = 1;
    }
    if (!(sums[0] <= strtod(argv[4], NULL) * sums[1])) c.bad = 1;
    printf("error mean %.2e max %.2e, float32 mean %.2e, larger in %.0f of %.0f tensors",
           sums[0] / sums[2], worst, sums[1] / sums[2], sums[3], sums[2]);
    if (cosines) printf(", cosines within %.1e", cosine);
    printf("\n");
    json_decref(root);
    gradient_free(&c.g);
    neox_tape_close(&c.tape);
    neox_unload(&c.model);
    flat_close(&flat);
    npy_close(&npy);
    free(c.ids);
    return c.bad;
}
