/* words.h - from the words a user gives to the names of models: files, folders, folders of folders,
 * patterns of either, and names in the local Hugging Face cache with patterns and ranges of steps.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_WORDS_H
#define TRIPOD_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Names for model_open. */
struct words {
    char **item;
    size_t n, room;
};

/* Appends what WORD stands for; in this order:
 *
 *   a file, a model's folder     itself
 *   a folder                     the models' folders and *.tripod in it, at most three levels deep
 *   a pattern (* ? [) of paths   what each path that matches stands for, but what is no model
 *   [ORG/]NAME[@REVISION]        of the hub: NAME and ORG may be patterns of what the cache holds;
 *                                REVISION a pattern of its refs, or stepA..stepB: of the suite's
 *                                models all published steps in between, in the cache or not
 *   anything else                itself
 *
 * Folders' and patterns' models come with numbers in order (step8, step16). Nothing is appended
 * where a pattern matches nothing. A model's folder is one with a config.json or a model.tripod;
 * links are followed, circles are not, names that begin with a dot are left out. Errors: out of
 * memory, a tree of more than 100,000 folders. */
int words_expand(struct words *words, const char *word, struct err *e);
void words_free(struct words *words);

/* Whether WORD is a pattern or a range, so that it may stand for nothing. */
bool words_pattern(const char *word);

/* "step1000..step143000", or without the second "step". */
bool words_range(const char *text, int64_t *first, int64_t *last);

#endif
