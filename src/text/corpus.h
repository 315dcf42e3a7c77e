/* corpus.h - tokenised corpora: Megatron's P.bin (token ids back to back) and P.idx (where each
 * sequence is).
 *
 * P.idx, little endian, unaligned: "MMIDIDX\0\0", u64 version 1, u8 type code, u64 sequences n, u64
 * length m of the document list, i32 sizes[n] in tokens, i64 pointers[n] in bytes, i64 first
 * sequence of documents[m]. A document here is a sequence: one text in the files `tripod tokenize`
 * writes, one row of 2049 tokens in the preshuffled data Pythia was trained on. Everything read
 * from P.idx is checked against P.bin at opening.
 *
 * Memory does not grow with the corpus, neither reading nor writing: P.idx is mapped and its pages are
 * let go every million documents, P.bin is read where it is needed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CORPUS_H
#define TRIPOD_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/file.h"
#include "src/text/corpus_files.h"

struct corpus {
    size_t documents; /* sequences, those chosen */
    uint64_t tokens;  /* of all documents */
    size_t groups;    /* length of the document list (documents + 1 in Megatron's files); unused
                         otherwise */
    uint32_t limit; /* if not 0, corpus_read refuses ids >= limit (a model's vocabulary); the caller
                       sets it */
    int type;       /* the file's code: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 8 u16 */
    size_t width;   /* bytes of a token in the file */
    char *prefix;   /* P */
    /* private */
    size_t first, sequences; /* the first chosen; all that the index has */
    struct map idx;
    int idx_fd;
    int *bin; /* one file, or one for each shard P-00000-of-00020.bin, in order */
    size_t shards;
    uint64_t *shard_start; /* byte offset of each shard in the whole, [shards + 1] */
};

/* PREFIX is P, P.bin or P.idx. The files stay open until corpus_close. Where P.bin does not exist
 * its shards P-00000-of-NNNNN.bin are used. Errors name the file: missing, not an index, unknown or
 * floating-point type, an index cut short, a sequence outside P.bin. A corpus without documents is
 * not an error here. */
int corpus_open(struct corpus *c, const char *prefix, struct err *e);
void corpus_close(struct corpus *c);

/* From here on the corpus is its sequences FIRST .. FIRST + N, which it must have: documents count from
 * 0 within them, the others are never read. Errors name a document as the files number it. */
void corpus_narrow(struct corpus *c, size_t first, size_t n);

size_t corpus_length(const struct corpus *c, size_t document); /* tokens; thread-safe */

/* Tokens [first, first + count) of a document. Errors: outside the document, a negative id, an id
 * >= limit; the file cannot be read or is shorter than it was. Thread-safe. */
int corpus_read(const struct corpus *c, size_t document, size_t first, size_t count, uint32_t *out,
                struct err *e);

/* Stands for the state of all its files: while it is the same, so are the tokens. False while one of
 * them is so young that this is not certain (source_stamp). */
bool corpus_stamp(const struct corpus *c, uint64_t *stamp);

/* Of the first `documents` the tokens and lengths, whatever the type they are stored in: XXH3-64
 * over, for each document, its ids as u32 and then its length as u64, little endian. Reads all of
 * them. */
int corpus_hash(const struct corpus *c, size_t documents, uint64_t *hash, struct err *e);

/* Writing: streaming; both files appear together at commit. Zero-initialise. */
struct corpus_writer {
    uint64_t tokens; /* of the documents ended so far */
    size_t documents;
    uint64_t longest; /* tokens of the longest document so far */
    int type;         /* as in struct corpus */
    /* private */
    struct out bin, idx;
    uint64_t current; /* tokens of the document not ended yet */
    void *hash;       /* state of corpus_writer_hash */
};

/* P.bin and P.idx; uint16 where VOCABULARY (largest id + 1) fits, else int32. Both are created at
 * once, so that an output that cannot be written fails before the work. */
int corpus_writer_open(struct corpus_writer *w, const char *prefix, size_t vocabulary,
                       struct err *e);
/* Appends tokens to the current document. */
int corpus_writer_add(struct corpus_writer *w, const uint32_t *ids, size_t count, struct err *e);
/* Ends the current document (which may be empty). */
int corpus_writer_end(struct corpus_writer *w, struct err *e);
/* What corpus_hash will give for the documents ended so far. */
uint64_t corpus_writer_hash(const struct corpus_writer *w);
/* They will be PREFIX.bin and PREFIX.idx, in the same folder, instead. */
int corpus_writer_rename(struct corpus_writer *w, const char *prefix, struct err *e);
/* Finishes both files and puts them in place; on error neither is left. */
int corpus_writer_commit(struct corpus_writer *w, struct err *e);
void corpus_writer_abort(struct corpus_writer *w); /* safe on a zeroed or finished one */

#endif
