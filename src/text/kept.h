/* kept.h - the corpus of a text, tokenised once and kept: the next who asks for the same text gets it
 * as it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_KEPT_H
#define TRIPOD_KEPT_H

#include "src/text/corpus.h"
#include "src/text/tokenize.h"

/* What is asked for; all is borrowed. */
struct kept {
    const char *base;   /* where it is, or will be */
    char *const *paths; /* the texts */
    size_t n;
    const struct tokenizer *t;
    const struct tokenize_options *o;
    bool fresh; /* make it whatever is there */
};

/* Opens the corpus of the texts. That is BASE, or BASE-HASH where BASE is another's, if it was made of
 * the same bytes in the same order with the same tokenizer and options; else it is made now, and
 * never in the place of another corpus. The same bytes: a text's size and stamp are those of then, or
 * its size and hash are. What is kept is hashed, and made again, with a warning, when it is not what
 * its .json says. stdin and pipes are always read.
 *
 * STATS is what making it gave, then or now: its corpus_hash is the corpus's, its files (one a path)
 * are the caller's to free. The caller closes the corpus. Errors: tokenize_files's. */
int kept_open(struct corpus *c, struct tokenize_stats *stats, const struct kept *kept,
              struct err *e);

#endif
