/* planes.h - a block of floating-point elements as byte planes, each compressed by zstd; the coding of
 * an archive's tensors (FORMAT.md).
 *
 * The bytes of an element that hold sign and exponent are alike from weight to weight and compress;
 * those of the fraction are noise, are found to be so, and are kept as they are. With a base (the same
 * elements of another checkpoint) the difference is coded in place of the element: elements are
 * ordered integers by their value, so that a small change of a weight is a small number whatever its
 * exponent, and its high bytes are zero.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PLANES_H
#define TRIPOD_PLANES_H

#include <stddef.h>
#include <stdint.h>

enum {
    PLANES_BLOCK = 1 << 17, /* elements: a block and its planes stay in a core's cache */
    PLANES_MOST = 4,        /* planes: bytes of an element, 2 or 4 */
};

/* A thread's own: contexts and scratch. */
struct planes;
struct planes *planes_new(void); /* NULL: out of memory */
void planes_free(struct planes *p);

/* Codes N elements (1 to PLANES_BLOCK) of WIDTH bytes into OUT, which has room for n * width bytes, and
 * returns the bytes used. SIZES [width] gets each plane's, the low byte's first: as many as elements
 * where the plane is raw, fewer where it is a zstd frame. BASE: NULL or as many elements. */
size_t planes_encode(struct planes *p, uint8_t *out, uint32_t *sizes, const void *data,
                     const void *base, size_t n, size_t width);

/* The reverse; IN holds the sum of SIZES. BASE may be OUT. -1: a plane is neither raw nor a smaller zstd
 * frame of n bytes. OUT is then not to be used. */
int planes_decode(struct planes *p, void *out, const uint8_t *in, const uint32_t *sizes,
                  const void *base, size_t n, size_t width);

#endif
