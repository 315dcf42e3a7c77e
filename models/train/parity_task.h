/* parity_task.h - multitask sparse parity: the tasks, how often each is, and any sample of them by its
 * number.
 *
 * Michaud et al. 2023, "The Quantization Model of Neural Scaling", section 3: task i of T is the parity
 * of k of n fair bits; its frequency is p_i = (i + offset)^-zipf / Z, i = 1..T. (The code published with
 * it calls this exponent alpha: the paper's alpha + 1.) An input is the task's one-hot code and n bits.
 *
 * Every draw is a function of (seed, stream, number): a sample is made where it is wanted and kept
 * nowhere, whatever the size of the data, and who computes what does not matter.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_TASK_H
#define TRIPOD_PARITY_TASK_H

#include <stdint.h>

#include "simd/simd.h"
#include "src/base/err.h"

enum { PARITY_BITS = 4 * PARITY_GROUPS, PARITY_TASKS = 10000 };

/* What a draw is for: an own stream of numbers each. Of an epoch's order: | epoch << 8; of the samples of
 * a similarity: | its seed << 8. */
enum parity_stream {
    PARITY_SUBSETS,
    PARITY_INIT,
    PARITY_TRAIN_TASK,
    PARITY_TRAIN_BITS,
    PARITY_TEST_BITS,
    PARITY_SUBTASK_BITS,
    PARITY_EPOCH,
    PARITY_SIMILARITY_TASK,
    PARITY_SIMILARITY_BITS,
};

struct parity_shape {
    size_t tasks, n, k; /* 1 .. PARITY_TASKS, 1 .. PARITY_BITS, 1 .. n */
    double zipf, offset;
    uint64_t seed;
};

struct parity_task {
    struct parity_shape shape;
    uint64_t (*subset)[2]; /* [tasks] the k bits, distinct subsets */
    double *share, *below; /* [tasks] p_i; [tasks] p_1 + ... + p_i, the last 1 */
    uint16_t *guide;       /* where to begin the search, by equal parts of [0, 1) */
};

/* Errors: a number out of range. */
int parity_shape_check(const struct parity_shape *s, struct err *e);

/* Draws the subsets: k of n without repetition, again where one is there already, at most 10 draws a
 * task on average. Errors: a number out of range, too few subsets, out of memory. The caller frees with
 * parity_task_free. */
int parity_task_make(struct parity_task *t, const struct parity_shape *shape, struct err *e);
void parity_task_free(struct parity_task *t); /* a zeroed one too */

/* The task of sample NUMBER of a stream: inverse CDF, the first i with U <= p_1 + ... + p_i. */
size_t parity_task_of(const struct parity_task *t, uint64_t stream, uint64_t number);

/* Its bits, bit j of n in word j / 64. */
void parity_bits_of(const struct parity_task *t, uint64_t stream, uint64_t number,
                    uint64_t bits[2]);

/* The label: the parity of the task's bits. */
static inline unsigned parity_label(const struct parity_task *t, size_t task,
                                    const uint64_t bits[2])
{
    const uint64_t *s = t->subset[task];
    return (unsigned)__builtin_parityll((bits[0] & s[0]) ^ (bits[1] & s[1]));
}

/* Samples on their way through the network. */
struct parity_batch {
    struct parity_samples s; /* n is rounded up to a multiple of 16 */
    size_t n, room;
    uint8_t *nibbles; /* what s points to */
    uint16_t *task;
    uint16_t *labels; /* bits, as kernel_parity_loss wants them */
    uint16_t *drawn;  /* [room] tasks in the order they came */
    uint32_t *place;  /* [tasks + 1] */
};

/* Room for ROOM samples; in ROOM rounded up to 16. Errors: out of memory. */
int parity_batch_make(struct parity_batch *b, const struct parity_task *t, size_t room,
                      struct err *e);
void parity_batch_free(struct parity_batch *b);

/* Samples for training, grouped by task (a counting sort): numbers FIRST .. FIRST + n - 1, or those that
 * NUMBERS [n] names. n <= room. */
void parity_batch_train(struct parity_batch *b, const struct parity_task *t, uint64_t first,
                        const uint32_t *numbers, size_t n);

/* n samples for a test, of the tasks that the caller has put into task[0 .. n - 1]; sample i has the bits
 * of number FIRST + i. */
void parity_batch_test(struct parity_batch *b, const struct parity_task *t, uint64_t stream,
                       uint64_t first, size_t n);

#endif
