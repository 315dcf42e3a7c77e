/* store.c - see store.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/quanta/store.h"

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
#include "src/scan/losses.h"

/* What is kept of a sample: its numbers in each array, as they lie in the files. */
struct numbers {
    const void *at[STORE_ARRAYS];
};

static uint64_t checksum(const struct store *s, const struct numbers *x)
{
    uint64_t sum = 0;
    for (int a = 0; a < s->used; a++) sum = XXH3_64bits_withSeed(x->at[a], s->arrays[a].width, sum);
    return sum;
}

static uint64_t place(const struct store_array *a, size_t i)
{
    return NPY_HEADER + (uint64_t)i * a->width;
}

/* --- opening --- */

/* An array, all of its space taken. One that has its final name already, of a call that was stopped
 * between that and the record, is work again. */
static int open_array(struct store_array *a, size_t n, struct err *e)
{
    char header[NPY_HEADER];
    struct stat st;
    const uint64_t bytes = place(a, n);
    if (access(a->part, F_OK) && !access(a->path, F_OK) && rename(a->path, a->part))
        return err_errno(e, "%s: cannot rename", a->path);
    a->fd = open(a->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (a->fd < 0 || fstat(a->fd, &st)) return err_errno(e, "%s: cannot write", a->part);
    npy_header(header, a->descr, n, a->columns);
    int code = (uint64_t)st.st_size > bytes && ftruncate(a->fd, (off_t)bytes) ? errno : 0;
    if (!code) code = posix_fallocate(a->fd, 0, (off_t)bytes);
    if (!code && write_at(a->fd, header, sizeof header, 0)) code = errno;
    errno = code;
    return code ? err_errno(e, "%s: cannot write %zu samples", a->part, n) : 0;
}

/* Believes what the log says and the numbers confirm; the log then says no more than that. */
static int read_log(struct store *s, struct err *e)
{
    struct loss_record *records = NULL;
    float loss, *sketch = malloc(s->arrays[2].width);
    double norm;
    void *const at[STORE_ARRAYS] = {&loss, &norm, sketch};
    const struct numbers x = {{&loss, &norm, sketch}};
    size_t n = 0, kept = 0;
    bool all = true;
    int status =
        sketch ? loss_log_read(&s->log, &records, &n, &all, e) : err_memory(e, s->arrays[2].path);
    for (size_t r = 0; r < n && !status; r++) {
        const size_t i = (size_t)records[r].first;
        for (int a = 0; a < s->used && !status; a++) {
            const struct store_array *array = &s->arrays[a];
            if (read_at(array->fd, at[a], array->width, place(array, i)))
                status = err_errno(e, "%s: cannot read", array->part);
        }
        if (status || records[r].count != 1 || checksum(s, &x) != records[r].values) continue;
        s->there[i] = true;
        records[kept++] = records[r];
    }
    if (!status && (!all || kept < n)) status = loss_log_rewrite(&s->log, records, kept, e);
    s->kept = kept;
    free(records);
    free(sketch);
    return status;
}

int store_open(struct store *s, const char *folder, const struct gradients_record *r, struct err *e)
{
    static const struct {
        const char *name, *descr;
        size_t width;
    } arrays[STORE_ARRAYS] = {{"losses", "<f4", 4}, {"norms", "<f8", 8}, {"sketch", "<f4", 4}};
    const size_t n = r->end - r->first;
    *s = (struct store){.n = n, .log.fd = -1, .synced = omp_get_wtime()};
    pthread_mutex_init(&s->lock, NULL);
    s->used = r->k ? STORE_ARRAYS : STORE_ARRAYS - 1;
    s->there = calloc(n, sizeof *s->there);
    int status = s->there ? 0 : err_memory(e, folder);
    for (int a = 0; a < STORE_ARRAYS; a++) {
        struct store_array *x = &s->arrays[a];
        x->fd = -1;
        x->descr = arrays[a].descr;
        x->columns = a == 2 ? r->k : 0;
        x->width = arrays[a].width * (x->columns ? x->columns : 1);
        x->path = gradients_path(folder, arrays[a].name, "npy", r->shard, r->shards);
        x->part = x->path ? format_string("%s.partial", x->path) : NULL;
        if (!status && !x->part) status = err_memory(e, folder);
    }
    char *log = status ? NULL : format_string("%s.log", s->arrays[0].part);
    if (!status && !log) status = err_memory(e, folder);
    if (!status) status = loss_log_open(&s->log, log, gradients_key(r, false), n, e);
    free(log);
    if (status) store_close(s, false);
    return status;
}

int store_resume(struct store *s, struct err *e)
{
    for (int a = 0; a < s->used; a++)
        if (open_array(&s->arrays[a], s->n, e)) return -1;
    return read_log(s, e);
}

/* --- filling --- */

/* What is in the log should be on the disk before the log is. */
static int sync_all(struct store *s, struct err *e)
{
    for (int a = 0; a < s->used; a++)
        if (fdatasync(s->arrays[a].fd)) return err_errno(e, "%s: cannot write", s->arrays[a].part);
    if (fdatasync(s->log.fd)) return err_errno(e, "%s: cannot write", s->log.path);
    if (!s->named && sync_directory(s->log.path, e)) return -1;
    s->named = true;
    return 0;
}

/* One thread syncs while the others go on. */
static int sync_sometimes(struct store *s, struct err *e)
{
    if (s->syncing || omp_get_wtime() - s->synced < SYNC_SECONDS) return 0;
    s->syncing = true;
    pthread_mutex_unlock(&s->lock);
    int status = sync_all(s, e);
    pthread_mutex_lock(&s->lock);
    s->syncing = false;
    s->synced = omp_get_wtime();
    return status;
}

int store_put(struct store *s, size_t i, float loss, double norm, const float *sketch,
              struct err *e)
{
    const struct numbers x = {{&loss, &norm, sketch}};
    const struct loss_record record = {.first = i, .count = 1, .values = checksum(s, &x)};
    for (int a = 0; a < s->used; a++) {
        const struct store_array *array = &s->arrays[a];
        if (write_at(array->fd, x.at[a], array->width, place(array, i)))
            return err_errno(e, "%s: cannot write", array->part);
    }
    pthread_mutex_lock(&s->lock);
    int status = loss_log_append(&s->log, record, e);
    if (!status) {
        s->kept += !s->there[i];
        s->there[i] = true;
        status = sync_sometimes(s, e);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* --- closing --- */

int store_commit(struct store *s, struct err *e)
{
    for (int a = 0; a < s->used; a++) {
        const struct store_array *x = &s->arrays[a];
        if (fsync(x->fd)) return err_errno(e, "%s: cannot write", x->part);
        if (rename(x->part, x->path))
            return err_errno(e, "%s: cannot rename the finished file into place", x->path);
    }
    return sync_directory(s->arrays[0].path, e);
}

void store_close(struct store *s, bool done)
{
    struct err e;
    if (!s->there && !s->arrays[0].path) return;
    /* What cannot be synced is kept all the same, as far as the system keeps it. */
    if (!done && s->kept && s->log.fd >= 0) sync_all(s, &e);
    for (int a = 0; a < STORE_ARRAYS; a++) {
        if (s->arrays[a].fd >= 0) close(s->arrays[a].fd);
        free(s->arrays[a].path);
        free(s->arrays[a].part);
    }
    loss_log_close(&s->log, done);
    pthread_mutex_destroy(&s->lock);
    free(s->there);
    *s = (struct store){.log.fd = -1};
}
