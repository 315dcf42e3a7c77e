/* known.h - what was found out by reading a whole corpus, so that it need not be read again: a hundred
 * shards of the Pile would each read 600 GB for its hash before they begin.
 *
 * FOLDER/.known/KEY holds a few numbers. KEY stands for the state of the corpus's files (source_stamp)
 * and for what was asked. Any of these files may be removed at any time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_KNOWN_H
#define TRIPOD_KNOWN_H

#include "src/text/corpus.h"

enum { KNOWN_KEY = 24, KNOWN_MOST = 4, KNOWN_LEAST = 1 << 20 };

/* The key of WHAT is asked of a corpus; false while its files are so young that it would not be safe,
 * and for a corpus of less than KNOWN_LEAST tokens, which is read in a few milliseconds.
 * Numbers may be put under it if it was the same before they were found out. */
bool known_key(const struct corpus *c, const char *what, char key[KNOWN_KEY]);

/* N (at most KNOWN_MOST) numbers; false where they are not known. */
bool known_get(const char *folder, const char *key, uint64_t *values, size_t n);
/* Nothing is lost if it cannot be written. */
void known_put(const char *folder, const char *key, const uint64_t *values, size_t n);

/* corpus_hash, known or found out. */
int known_hash(const struct corpus *c, size_t documents, const char *folder, uint64_t *hash,
               struct err *e);

/* Whether C is the corpus that OF, a name for the message, is made of: HASH, 16 hexadecimal digits, is
 * that of its first DOCUMENTS (0, or more than there are: of all). FOLDER: where that may be known;
 * NULL: nowhere. */
int corpus_is(const struct corpus *c, size_t documents, const char *hash, const char *of,
              const char *folder, struct err *e);

#endif
