/* sketches.h - a folder of gradients read back (record.h): the sketches of all its samples, whether they
 * were computed as one or in parts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_QUANTA_SKETCHES_H
#define TRIPOD_QUANTA_SKETCHES_H

#include "src/base/npy.h"
#include "src/quanta/record.h"

struct sketches {
    char *folder;
    size_t n, k; /* samples; k 0: no sketches but `exact` */
    struct sketches_part {
        struct gradients_record record;
        struct npy sketch;
        char *path; /* of the sketches, as messages name them */
    } * part;       /* in the order of samples */
    size_t parts;
    const float **row;  /* [n][k]: sketches, mapped; NULL: */
    const float *exact; /* [n, n]: cosines of whole gradients, mapped */
};

/* Opens FOLDER. Errors, a line each: nothing there, still being computed, a part missing or of
 * something else, an array of another type or shape than the record says. */
int sketches_open(struct sketches *s, const char *folder, struct err *e);
void sketches_close(struct sketches *s); /* safe on a zeroed one */

/* Reads the rows and losses (nats) of the samples R is of, its part of ROW and LOSS [r->rows]; NULL: not
 * wanted. Errors: a list is not there, or of another type or length than the record says. */
int sketches_samples(const char *folder, const struct gradients_record *r, uint64_t *row,
                     float *loss, struct err *e);

/* The lengths of the sketches of N samples, those of the list SAMPLE or, where it is NULL, the first: of
 * the first vector, the second, and the whole; squares summed in double, by OpenMP's threads.
 * Errors: a number that is not finite, a sketch of zeros: file and row are named. */
int sketches_norms(const struct sketches *s, const size_t *sample, size_t n, double (*norms)[3],
                   struct err *e);

#endif
