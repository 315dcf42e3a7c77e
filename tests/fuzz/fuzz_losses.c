/* Fuzz target: any bytes as the log beside losses being computed. The first byte says what is set
 * right in them, so that the checks behind are reached: the header, the records' checksums, those of
 * their losses. What is believed then must be what some record states of losses that are these.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/npy.h"
#include "src/scan/losses.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNT = 200, KEY = 7, HEADER = 1, RECORDS = 2, LOSSES = 4 };

/* In memory where there is such a place: every run syncs. */
static char folder[64] = "/dev/shm/tripod-fuzz-XXXXXX", path[96], part[128], log_path[160];
static float losses[COUNT];

static void clean(void)
{
    unlink(part);
    unlink(log_path);
    rmdir(folder);
}

static void start(void)
{
    if (access("/dev/shm", W_OK)) strcpy(folder, "/tmp/tripod-fuzz-XXXXXX");
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof path, "%s/l.npy", folder);
    snprintf(part, sizeof part, "%s.part-%016d", path, KEY);
    snprintf(log_path, sizeof log_path, "%s.log", part);
    for (int i = 0; i < COUNT; i++) losses[i] = (float)i + 0.5f;
    atexit(clean);
}

static void write_file(const char *name, const void *data, size_t size, uint64_t at)
{
    int fd = open(name, O_WRONLY | O_CREAT | (at ? 0 : O_TRUNC), 0666);
    if (fd < 0 || write_at(fd, data, size, at)) abort();
    close(fd);
}

static bool fits(const struct loss_record *r)
{
    return r->first < COUNT && r->count && r->count <= COUNT - r->first;
}

/* Sets right what FLAGS says; marks which losses a good record is of. */
static void mend(uint8_t *log, size_t size, unsigned flags, bool stated[COUNT])
{
    const uint64_t start_of[3] = {UINT64_C(0x014c646f70697274), KEY, COUNT};
    uint64_t check = XXH3_64bits(start_of, sizeof start_of);
    if (flags & HEADER && size >= LOSS_LOG_HEADER) {
        memcpy(log, start_of, sizeof start_of);
        memcpy(log + sizeof start_of, &check, sizeof check);
    }
    bool good = size >= LOSS_LOG_HEADER && !memcmp(log, start_of, sizeof start_of) &&
                !memcmp(log + sizeof start_of, &check, sizeof check);
    struct loss_record r;
    for (size_t at = LOSS_LOG_HEADER; size >= sizeof r && at <= size - sizeof r; at += sizeof r) {
        memcpy(&r, log + at, sizeof r);
        uint64_t values =
            fits(&r) ? XXH3_64bits(losses + r.first, (size_t)r.count * sizeof *losses) : 0;
        if (flags & LOSSES) r.values = values;
        check = XXH3_64bits_withSeed(&r, offsetof(struct loss_record, check), KEY);
        if (flags & RECORDS) r.check = check;
        memcpy(log + at, &r, sizeof r);
        good = good && r.check == check && fits(&r); /* all before were, too */
        if (!good || r.values != values) continue;
        for (uint64_t i = 0; i < r.count; i++) stated[r.first + i] = true;
    }
}

static void open_again(struct loss_file *f)
{
    struct err e = {0};
    struct stat st;
    if (loss_file_open(f, path, KEY, COUNT, &e)) abort();
    if (stat(log_path, &st) || (uint64_t)st.st_size != f->log.end) abort();
    if ((f->log.end - LOSS_LOG_HEADER) % sizeof(struct loss_record)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    struct loss_file f;
    bool stated[COUNT] = {false};
    char header[NPY_HEADER];
    if (!path[0]) start();
    if (!size) return 0;
    uint8_t *log = malloc(size);
    if (!log) return 0;
    memcpy(log, data + 1, size - 1);
    mend(log, size - 1, data[0], stated);
    npy_header(header, "<f4", COUNT, 0);
    write_file(part, header, sizeof header, 0);
    write_file(part, losses, sizeof losses, sizeof header);
    write_file(log_path, log, size - 1, 0);
    free(log);
    open_again(&f);
    uint64_t kept = 0, before = f.kept;
    for (uint64_t i = 0; i < COUNT; i++) {
        bool has = loss_file_has(&f, i, 1);
        if (has && !stated[i]) abort();
        kept += has;
    }
    if (kept != before) abort();
    kept += !loss_file_has(&f, data[0] % COUNT, 1);
    if (loss_file_put(&f, data[0] % COUNT, losses + data[0] % COUNT, 1, &e)) abort();
    if (f.kept != kept) abort();
    loss_file_close(&f, true);
    open_again(&f);
    if (before == kept - 1 && f.kept != kept) abort();
    loss_file_close(&f, false);
    return 0;
}
