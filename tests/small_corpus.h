/* small_corpus.h - a corpus of documents of given lengths, in the test's folder (scratch.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_SMALL_CORPUS_H
#define TRIPOD_TESTS_SMALL_CORPUS_H

#include "src/base/file.h"
#include "src/text/corpus.h"
#include "tests/scratch.h"

/* Their tokens are 0, 1, 2 ... */
static void make_corpus(struct corpus *c, const size_t *lengths, size_t n)
{
    struct err e = {0};
    struct corpus_writer w = {0};
    char *prefix = format_string("%s/c", scratch);
    assert_int_equal(corpus_writer_open(&w, prefix, 60000, &e), 0);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t t = 0; t < lengths[i]; t++)
            assert_int_equal(corpus_writer_add(&w, &t, 1, &e), 0);
        assert_int_equal(corpus_writer_end(&w, &e), 0);
    }
    assert_int_equal(corpus_writer_commit(&w, &e), 0);
    assert_int_equal(corpus_open(c, prefix, &e), 0);
    free(prefix);
}

#endif
