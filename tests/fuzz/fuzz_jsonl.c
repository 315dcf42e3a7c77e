/* Fuzz target: a line of JSON. What our scanner takes from a line that jansson reads as well is the
 * same text, and it takes every line jansson does, except lines with a NUL byte: between tokens
 * jansson skips it, where JSON has no place for it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/text/json_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes out = {0};
    struct err e;
    uint64_t invalid = 0;
    const uint8_t *p = size ? data : (const uint8_t *)"";
    int status = json_line_field(p, size, "text", &out, &invalid, &e);
    const bool nul = memchr(p, 0, size);
    if (nul && !status) abort();
    json_t *root = nul ? NULL : json_loadb((const char *)p, size, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(root, "text");
    if (json_is_string(text)) {
        size_t n = json_string_length(text);
        if (status || invalid || out.count != n ||
            (n && memcmp(out.data, json_string_value(text), n))) {
            /* jansson nests deeper than we do. */
            if (!status || !strstr(e.text, "512 levels")) abort();
        }
    } else if (json_is_object(root) && !status) {
        abort();
    }
    count_words(p, size);
    json_decref(root);
    bytes_free(&out);
    return 0;
}
