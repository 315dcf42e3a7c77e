// compare_losses: our losses (float32 .npy) against a reference (float64 .npy), and the bars.
//
//   compare_losses REFERENCE.npy OURS.npy MEAN MAX
//
// Prints the mean and the maximum of the absolute difference; exit 1 if the count differs, a value
// is not finite, or either exceeds its bar. Reads only the two element types named, one dimension.
// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The values of a one-dimensional little-endian .npy of `type` ("<f8" or "<f4"); *n: how many.
static double *read_npy(const char *path, const char *type, size_t *n)
{
    unsigned char start[10];
    char head[65536];
    FILE *f = fopen(path, "rb");
    if (!f || fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY\x01", 7)) {
        printf("%s: not a .npy of version 1\n", path);
        exit(1);
    }
    size_t length = start[8] + 256u * start[9];
    if (fread(head, 1, length, f) != length) length = 0;
    head[length < sizeof head ? length : sizeof head - 1] = 0;
    const char *shape = strstr(head, "'shape': (");
    if (!shape || !strstr(head, type)) {
        printf("%s: expected one dimension of %s, found %s\n", path, type, head);
        exit(1);
    }
    *n = strtoull(shape + strlen("'shape': ("), NULL, 10);
    size_t size = !strcmp(type, "<f8") ? 8 : 4;
    double *v = malloc((*n + 1) * sizeof *v);
    char *raw = malloc((*n + 1) * size);
    if (!v || !raw || fread(raw, size, *n + 1, f) != *n) {
        printf("%s: expected %zu values\n", path, *n);
        exit(1);
    }
    for (size_t i = 0; i < *n; i++) {
        float x;
        if (size == 8) {
            memcpy(&v[i], raw + 8 * i, 8);
        } else {
            memcpy(&x, raw + 4 * i, 4);
            v[i] = x;
        }
    }
    fclose(f);
    free(raw);
    return v;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: compare_losses REFERENCE.npy OURS.npy MEAN MAX\n");
        return 2;
    }
    size_t n, m, at = 0;
    double *truth = read_npy(argv[1], "<f8", &n), *ours = read_npy(argv[2], "<f4", &m);
    double mean_bar = strtod(argv[3], NULL), max_bar = strtod(argv[4], NULL), sum = 0, max = 0;
    if (n != m || n == 0) {
        printf("expected %zu losses, found %zu\n", n, m);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        double e = isfinite(ours[i]) ? fabs(ours[i] - truth[i]) : INFINITY;
        sum += e;
        if (e > max) {
            max = e;
            at = i;
        }
    }
    printf(
        "%zu losses, error mean %.3g (bar %.3g) max %.3g (bar %.3g) at %zu: %.9g, should be %.9g\n",
        n, sum / (double)n, mean_bar, max, max_bar, at, ours[at], truth[at]);
    free(truth);
    free(ours);
    return !(sum / (double)n <= mean_bar && max <= max_bar);
}
