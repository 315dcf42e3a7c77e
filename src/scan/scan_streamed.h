/* scan_streamed.h - one model that memory does not hold over one plan: every loss, the weights read
 * from the file once for each large batch (models/neox/neox_stream.h).
 *
 * What is resident: this process as it is, two steps' weights, a workspace a thread, and of every
 * token of a large batch its activations (4 d bytes) unless they spill. A large batch has
 * --batch-tokens a thread, in parts of half of that; more where the pass before took longer to read
 * than half of what it took to compute (the disk is slow); parts are made smaller, then activations
 * spill to a file, where memory is short.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SCAN_STREAMED_H
#define TRIPOD_SCAN_STREAMED_H

#include "src/scan/scan.h"

/* Bytes a scan may take: GIVEN, or where that is 0 nine tenths of what there is, for others want to
 * grow too. UINT64_MAX: not known. */
uint64_t scan_memory(uint64_t given);

/* How a model is computed. */
struct scan_way {
    size_t rows;      /* inputs of a thread's batches */
    uint64_t weights; /* bytes of them in memory, packed and as they came, when all are resident */
    uint64_t need;    /* bytes this process takes then */
    bool streamed;    /* because that is more than it may take */
};

/* The rule of scan_within, for plans too. WEIGHTS: bytes of them that are not resident yet; MAPPED:
 * they are a file's. An archive's checkpoint is decoded into memory, and is not streamed; what products
 * pack (neox_narrow.h) is in memory too, in the place of the file's, unless the file's are PACKED. */
struct scan_way scan_way(const struct neox_config *c, const struct products *products,
                         const struct plan *plan, const struct scan_options *options,
                         uint64_t weights, bool mapped, bool packed);

/* Whether the packed weights of MODEL's products, which are still to be made (neox_narrow), can be: they have
 * to stay in memory. 0 where nothing is packed. */
int scan_room(const struct neox *model, const struct plan *plan, const struct scan_options *options,
              struct err *e);

/* As scan_model, within options->memory bytes. Losses are kept as parts of a large batch come out of
 * the head: what an interruption loses is at most one large batch. Warns of what it costs. Errors: as
 * there; so much memory is not enough (the message says how much is); the disk's. */
int scan_streamed(const struct neox *model, const struct plan *plan,
                  const struct scan_options *options, struct loss_file *file,
                  struct scan_result *result, struct err *e);

/* The one of scan_model and scan_streamed that options->memory asks for. */
int scan_within(const struct neox *model, const struct plan *plan,
                const struct scan_options *options, struct loss_file *file,
                struct scan_result *result, struct err *e);

#endif
