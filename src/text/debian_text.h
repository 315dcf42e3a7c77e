/* debian_text.h - a corpus that any Debian machine can install: the pages of a package's documentation.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_DEBIAN_TEXT_H
#define TRIPOD_DEBIAN_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct debian_text {
    const char *package; /* which one was there */
    size_t pages;
    uint64_t bytes; /* of text */
};

/* Writes the running text of the first package that is there, of anarchism (11 MB of English prose),
 * debian-handbook and debian-reference-en, to OUT as JSON lines, a page a line, in the order of the
 * pages' names. ROOT is "" or a folder into which packages were unpacked (dpkg -x). Errors: none of
 * them is there (the message says what to install), a page cannot be read, OUT cannot be written. */
int debian_text_write(const char *out, const char *root, struct debian_text *d, struct err *e);

#endif
