/* Fuzz target: any bytes as the .json beside losses, and as a protocol. What is accepted can be
 * planned, and is written back as a record that is accepted too.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/scan/plan.h"
#include "src/scan/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/tripod-fuzz-XXXXXX", path[64];

static void clean(void)
{
    unlink(path);
    rmdir(folder);
}

static void protocol(const char *text)
{
    struct protocol p;
    struct err e = {0};
    size_t documents;
    if (protocol_parse(&p, &documents, text, "fuzz", &e)) {
        if (!e.text[0] || strchr(e.text, '\n')) abort();
        return;
    }
    if (!p.max_tokens && !p.window) abort();
    if (p.rows.end ? p.rows.begin >= p.rows.end || documents : p.rows.begin) abort();
    if (p.window ? !p.stride || p.stride > p.window : p.stride) abort();
    char *again = protocol_text(&p, documents);
    if (!again || strcmp(again, text)) abort();
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record r;
    struct err e = {0};
    if (!path[0]) {
        if (!mkdtemp(folder)) abort();
        snprintf(path, sizeof path, "%s/r.json", folder);
        atexit(clean);
    }
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    protocol(text);
    free(text);
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
    bool is = record_is(path);
    if (record_read(&r, path, &e)) {
        if (!e.text[0] || strchr(e.text, '\n') || r.model || r.losses) abort();
        return 0;
    }
    if (!is || r.shard >= r.shards) abort();
    protocol(r.protocol);
    char *name = record_file_name(&r);
    if (!name || strchr(name, '/')) abort();
    free(name);
    if (json_save(path, record_json(&r, NULL), &e)) abort();
    struct record again;
    if (record_read(&again, path, &e) || strcmp(again.key, r.key) || again.step != r.step) abort();
    record_free(&again);
    record_free(&r);
    return 0;
}
