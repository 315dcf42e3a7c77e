/* html_text.h - the running text of an HTML page.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_HTML_TEXT_H
#define TRIPOD_HTML_TEXT_H

#include "src/text/unicode.h"

/* Appends the page's text to *OUT: tags, comments and what is in <head>, <script> and <style> go; each
 * block (paragraph, heading, item, line break ...) is a line, white space elsewhere one space;
 * character references are decoded where they are numbers or HTML 4's names of the marks that prose
 * has, and stay as they are otherwise. Any bytes are accepted: what is no markup is text. -1: out of
 * memory. Thread-safe. */
int html_text(const uint8_t *html, size_t bytes, struct bytes *out);

#endif
