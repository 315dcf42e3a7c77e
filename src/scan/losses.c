/* losses.c - see losses.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/losses.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/base/npy.h"

/* --- what is there --- */

/* The first range that ends at or after AT. */
static size_t range_at(const struct loss_file *f, uint64_t at)
{
    size_t lo = 0, hi = f->ranges_n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (f->ranges[middle].end < at)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* Adds first .. end, which takes in every range that it touches. */
static int add_range(struct loss_file *f, uint64_t first, uint64_t end, struct err *e)
{
    if (f->ranges_n == f->ranges_room) {
        size_t room = 2 * f->ranges_room + 16;
        struct loss_range *more = realloc(f->ranges, room * sizeof *more);
        if (!more) return err_memory(e, f->path);
        f->ranges = more;
        f->ranges_room = room;
    }
    size_t at = range_at(f, first), after = at;
    for (; after < f->ranges_n && f->ranges[after].first <= end; after++) {
        const struct loss_range *r = &f->ranges[after];
        f->kept -= r->end - r->first;
        if (r->first < first) first = r->first;
        if (r->end > end) end = r->end;
    }
    memmove(f->ranges + at + 1, f->ranges + after, (f->ranges_n - after) * sizeof *f->ranges);
    f->ranges[at] = (struct loss_range){first, end};
    f->ranges_n += 1 + at - after;
    f->kept += end - first;
    return 0;
}

bool loss_file_has(struct loss_file *f, uint64_t first, uint64_t count)
{
    pthread_mutex_lock(&f->lock);
    size_t at = range_at(f, first + count);
    bool has = !count || (at < f->ranges_n && f->ranges[at].first <= first);
    pthread_mutex_unlock(&f->lock);
    return has;
}

/* --- opening --- */

/* The part, all of its space taken: a disk that is too small says so before the work, not in the
 * middle of it. */
static int open_data(struct loss_file *f, struct err *e)
{
    char header[NPY_HEADER];
    const uint64_t bytes = NPY_HEADER + f->count * sizeof(float);
    struct stat st;
    if (f->count > (uint64_t)INT64_MAX / sizeof(float) - NPY_HEADER)
        return err_set(e, "%s: too many losses", f->path);
    f->data = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->data < 0 || fstat(f->data, &st)) return err_errno(e, "%s: cannot write", f->path);
    npy_header(header, "<f4", f->count, 0);
    int code = (uint64_t)st.st_size > bytes && ftruncate(f->data, (off_t)bytes) ? errno : 0;
    if (!code) code = posix_fallocate(f->data, 0, (off_t)bytes);
    if (!code && write_at(f->data, header, sizeof header, 0)) code = errno;
    errno = code;
    return code ? err_errno(e, "%s: cannot write %" PRIu64 " losses", f->path, f->count) : 0;
}

/* Whether the losses of a record are those it was written for. */
static int agrees(const struct loss_file *f, const struct loss_record *r, XXH3_state_t *state,
                  bool *yes, struct err *e)
{
    enum { BLOCK = 16384 };
    float block[BLOCK];
    XXH3_64bits_reset(state);
    for (uint64_t at = 0, n; at < r->count; at += n) {
        n = r->count - at < BLOCK ? r->count - at : BLOCK;
        if (loss_file_read(f, r->first + at, block, n, e)) return -1;
        XXH3_64bits_update(state, block, (size_t)n * sizeof *block);
    }
    *yes = XXH3_64bits_digest(state) == r->values;
    return 0;
}

/* Believes what the log says and the losses confirm; the log then says no more than that. */
static int resume(struct loss_file *f, struct err *e)
{
    struct loss_record *records = NULL;
    XXH3_state_t *state = XXH3_createState();
    size_t n = 0, kept = 0;
    bool all = true, yes = false;
    int status = state ? 0 : err_memory(e, f->path);
    if (!status) status = loss_log_read(&f->log, &records, &n, &all, e);
    for (size_t i = 0; i < n && !status; i++) {
        status = agrees(f, &records[i], state, &yes, e);
        if (status || !yes) continue;
        status = add_range(f, records[i].first, records[i].first + records[i].count, e);
        records[kept++] = records[i];
    }
    if (!status && (!all || kept < n)) status = loss_log_rewrite(&f->log, records, kept, e);
    f->resumed = f->kept > 0;
    free(records);
    XXH3_freeState(state);
    return status;
}

static char *part_name(const char *path, uint64_t key)
{
    return format_string("%s.part-%016" PRIx64, path, key);
}

bool loss_file_started(const char *path, uint64_t key)
{
    char *part = part_name(path, key);
    bool there = part && file_exists(part);
    free(part);
    return there;
}

int loss_file_open(struct loss_file *f, const char *path, uint64_t key, uint64_t count,
                   struct err *e)
{
    *f = (struct loss_file){.data = -1, .log.fd = -1, .count = count, .synced = omp_get_wtime()};
    f->path = strdup(path);
    f->part = part_name(path, key);
    char *log = f->part ? format_string("%s.log", f->part) : NULL;
    pthread_mutex_init(&f->lock, NULL);
    int status = f->path && log ? 0 : err_memory(e, path);
    if (!status) status = loss_log_open(&f->log, log, key, count, e);
    free(log);
    struct stat st;
    bool there = !status && (!stat(f->part, &st) ? st.st_size > 0 : errno != ENOENT);
    if (!status) status = open_data(f, e);
    if (!status) status = resume(f, e);
    if (status) loss_file_close(f, there);
    return status;
}

int loss_file_memory(struct loss_file *f, uint64_t count, struct err *e)
{
    *f = (struct loss_file){.data = -1, .log.fd = -1, .count = count};
    pthread_mutex_init(&f->lock, NULL);
    f->path = strdup("losses in memory");
    f->memory = f->path && count <= SIZE_MAX / sizeof(float) ? calloc(count, sizeof(float)) : NULL;
    if (f->memory) return 0;
    loss_file_close(f, false);
    return err_kind(e, ERR_MEMORY, "out of memory for %" PRIu64 " losses", count);
}

/* --- filling --- */

static uint64_t byte_of(uint64_t loss)
{
    return NPY_HEADER + loss * sizeof(float);
}

int loss_file_read(const struct loss_file *f, uint64_t first, float *values, uint64_t count,
                   struct err *e)
{
    size_t bytes = (size_t)count * sizeof *values;
    if (f->memory)
        memcpy(values, f->memory + first, bytes);
    else if (read_at(f->data, values, bytes, byte_of(first)))
        return err_errno(e, "%s: cannot read", f->part);
    return 0;
}

/* What is in the log must be on the disk before the log is, or a power cut makes its records worth
 * nothing; wrong they never are, thanks to their checksums. */
static int sync_all(struct loss_file *f, struct err *e)
{
    if (f->memory) return 0;
    if (fdatasync(f->data) || fdatasync(f->log.fd))
        return err_errno(e, "%s: cannot write", f->part);
    if (!f->named && sync_directory(f->part, e)) return -1;
    f->named = true;
    return 0;
}

/* One thread syncs while the others go on. */
static int sync_sometimes(struct loss_file *f, struct err *e)
{
    if (f->syncing || omp_get_wtime() - f->synced < SYNC_SECONDS) return 0;
    f->syncing = true;
    pthread_mutex_unlock(&f->lock);
    int status = sync_all(f, e);
    pthread_mutex_lock(&f->lock);
    f->syncing = false;
    f->synced = omp_get_wtime();
    return status;
}

int loss_file_put(struct loss_file *f, uint64_t first, const float *values, uint64_t count,
                  struct err *e)
{
    size_t bytes = (size_t)count * sizeof *values;
    struct loss_record record = {.first = first, .count = count};
    if (!count) return 0;
    if (f->memory)
        memcpy(f->memory + first, values, bytes);
    else if (write_at(f->data, values, bytes, byte_of(first)))
        return err_errno(e, "%s: cannot write", f->part);
    if (!f->memory) record.values = XXH3_64bits(values, bytes);
    pthread_mutex_lock(&f->lock);
    int status = f->memory ? 0 : loss_log_append(&f->log, record, e);
    if (!status) status = add_range(f, first, first + count, e);
    if (!status && !f->memory) status = sync_sometimes(f, e);
    pthread_mutex_unlock(&f->lock);
    return status;
}

/* --- closing --- */

int loss_file_commit(struct loss_file *f, struct err *e)
{
    int status = 0;
    if (fsync(f->data))
        status = err_errno(e, "%s: cannot write", f->path);
    else if (rename(f->part, f->path))
        status = err_errno(e, "%s: cannot rename the finished file into place", f->path);
    else
        status = sync_directory(f->path, e);
    if (!status) loss_log_close(&f->log, true);
    loss_file_close(f, true);
    return status;
}

void loss_file_sweep(const char *path, uint64_t key, uint64_t count)
{
    struct err e;
    struct loss_log log = {.fd = -1};
    char *part = part_name(path, key), *name = part ? format_string("%s.log", part) : NULL;
    if (name && !access(name, F_OK) && access(part, F_OK) &&
        !loss_log_open(&log, name, key, count, &e))
        loss_log_close(&log, access(part, F_OK) != 0);
    free(part);
    free(name);
}

void loss_file_close(struct loss_file *f, bool keep)
{
    struct err e;
    if (!f->path && !f->part) return;
    /* What cannot be synced is kept all the same, as far as the system keeps it. */
    if (f->log.fd >= 0 && f->data >= 0 && keep) sync_all(f, &e);
    if (f->data >= 0) {
        if (!keep) unlink(f->part); /* while the log is locked */
        close(f->data);
    }
    loss_log_close(&f->log, !keep);
    pthread_mutex_destroy(&f->lock);
    free(f->memory);
    free(f->ranges);
    free(f->path);
    free(f->part);
    *f = (struct loss_file){.data = -1, .log.fd = -1};
}
