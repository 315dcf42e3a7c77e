/* Fuzz target: an HTML page. Its text has no tags of its own making, no runs of white space, and is
 * valid UTF-8 where the page is. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "src/text/html_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {0};
    size_t skip;
    /* A copy that ends where memory does. */
    uint8_t *page = malloc(size ? size : 1);
    check(page != NULL);
    if (size) memcpy(page, data, size);
    check(html_text(page, size, &text) == 0);
    check(text.count <= size + 1);
    for (size_t i = 0; i + 1 < text.count; i++)
        check(!(text.data[i] == ' ' && text.data[i + 1] <= ' ') &&
              !(text.data[i] == '\n' && text.data[i + 1] <= ' '));
    utf8_valid(page, size, &skip);
    if (!skip && text.count) {
        utf8_valid(text.data, text.count, &skip);
        check(!skip);
    }
    bytes_free(&text);
    free(page);
    return 0;
}
