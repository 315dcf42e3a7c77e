/* Fuzz target: any bytes as the P.json beside a corpus. What is accepted can be freed, and its text
 * is short enough for the warnings it goes into.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/text/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/tripod-fuzz-XXXXXX", path[64];

static void clean(void)
{
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct origin r;
    struct err e = {0};
    if (!path[0]) {
        if (!mkdtemp(folder)) abort();
        snprintf(path, sizeof path, "%s/p.json", folder);
        atexit(clean);
    }
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
    if (origin_read(&r, path, &e)) {
        if (!e.text[0] || strchr(e.text, '\n') || r.stats.files || r.field || r.append) abort();
        return 0;
    }
    if (!r.files || !r.stats.files) abort();
    for (size_t i = 0; i < r.files; i++) {
        char text[128];
        const struct text_file *s = &r.stats.files[i];
        if (strlen(s->stamp) >= SOURCE_STAMP) abort();
        if (strlen(replaced_text(&s->replaced, text, sizeof text)) >= sizeof text - 1) abort();
    }
    origin_free(&r);
    return 0;
}
