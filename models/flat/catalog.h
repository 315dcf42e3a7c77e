/* catalog.h - the models a user's words (words.h) stand for, and what is known of each without
 * importing or reading weights: name, step, shape, sizes, whether it has to be imported first,
 * why it cannot be used.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_CATALOG_H
#define TRIPOD_CATALOG_H

#include "models/flat/flat.h"

enum catalog_state {
    CATALOG_READY,     /* a flat file, or a folder that has one */
    CATALOG_TO_IMPORT, /* a Hugging Face folder to make one of */
    CATALOG_MISSING,   /* not there */
    CATALOG_UNUSABLE,  /* damaged, or no model */
};

struct catalog_entry {
    char *model; /* for model_open */
    enum catalog_state state;
    struct err why; /* of the last two states */
    /* Its file's head: no map, no tensors, no provenance. Of a model that is missing name and
     * step as far as its name tells. */
    struct flat_model is;
    uint64_t weights;      /* flat_weights_hash; 0: not known before the import */
    uint64_t bytes;        /* the flat file's, now or to be */
    uint64_t import_bytes; /* of weights to be read for it; 0: none */
    char *folder;          /* the Hugging Face folder, for its tokenizer; NULL: not known */
    char *import;          /* the file to make of it (model_make); NULL: none */
    size_t given;          /* its place among all the words stand for */
    uint64_t key;          /* of the same file, name and step: of the same key */
};

enum catalog_order {
    CATALOG_BY_SIZE, /* parameters without embeddings, then step */
    CATALOG_BY_STEP,
    CATALOG_AS_GIVEN, /* also where the order asked for does not tell */
};

struct catalog {
    struct catalog_entry *entries;
    size_t n;
    size_t twice; /* left out: given before */
};

/* One entry for each model that WORDS [n] stand for, as given. A pattern that matches nothing is
 * an entry that is missing. The caller closes the catalogue, after an error too. Errors: out of
 * memory, a tree too large to look through. */
int catalog_open(struct catalog *c, const char *const *words, size_t n, struct err *e);
void catalog_sort(struct catalog *c, enum catalog_order order);
void catalog_close(struct catalog *c);

/* Looks again, after an import. */
int catalog_look(struct catalog_entry *entry, struct err *e);

/* Whether there is something to scan. */
bool catalog_usable(const struct catalog_entry *entry);

#endif
