/* Fuzz target: any bytes as gradients.json. What is accepted is written back as a record that is
 * accepted too, and says the same.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/quanta/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/tripod-fuzz-XXXXXX", path[64];

static void clean(void)
{
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gradients_record r, again;
    struct err e = {0};
    if (!path[0]) {
        if (!mkdtemp(folder)) abort();
        snprintf(path, sizeof path, "%s/gradients.json", folder);
        atexit(clean);
    }
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
    bool is = gradients_record_is(path);
    if (gradients_record_read(&r, path, &e)) {
        if (!e.text[0] || strchr(e.text, '\n') || r.model || r.rows) abort();
        return 0;
    }
    if (!is || r.first >= r.end || r.end > r.rows || r.shard >= r.shards || !r.k || r.k % 2)
        abort();
    if (json_save(path, gradients_record_json(&r, NULL), &e)) abort();
    if (gradients_record_read(&again, path, &e)) abort();
    if (gradients_key(&again, true) != gradients_key(&r, true) || again.complete != r.complete ||
        again.step != r.step)
        abort();
    gradients_record_free(&again);
    gradients_record_free(&r);
    return 0;
}
