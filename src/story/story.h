/* story.h - a folder of results told as one page: warnings first, what was asked, where it comes from,
 * models, curves, the law with its intervals and verdicts in words, allocation, tokens in context.
 *
 * Nothing is computed here that a reader could not find in the records: the page retells them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_STORY_H
#define TRIPOD_STORY_H

#include "src/report/page.h"
#include "src/story/folder.h"

struct story_options {
    const char *title;              /* NULL: the folder's name */
    const char *corpus, *tokenizer; /* of the tokens in context; NULL: as the records have them */
    size_t tokens;                  /* shown in context; 0: none */
    bool figures;
    size_t most_bytes; /* figures that would take the page above it are left out, and named */
};

struct story {
    struct folder folder;
    const struct story_options *options;
    struct page page;
    bool no_gnuplot;
};

/* What the page is made of, for whoever calls: */
struct story_told {
    size_t records, figures, left_out, warnings, tokens, bytes;
};

/* Writes the page PATH about DIRECTORY, all or nothing. TOLD is set. Figures need gnuplot: without it the
 * page says so. Errors: folder_open's, cannot write. Not thread-safe. */
int story_write(const char *directory, const char *path, const struct story_options *o,
                struct story_told *told, struct err *e);

/* --- the sections, a file each; they write to the story's page and keep its first error --- */

void story_warnings(struct story *s); /* before it everything that may warn has been */
void story_asked(struct story *s);
void story_provenance(struct story *s);
void story_models(struct story *s);
/* Figures are drawn into the FOLDER given, and removed. Returns how many were left out. */
size_t story_curves(struct story *s, const char *folder);
void story_laws(struct story *s);
void story_allocation(struct story *s);
/* Returns how many tokens it showed. */
size_t story_tokens(struct story *s);

#endif
