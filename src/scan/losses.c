/* losses.c - see losses.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/losses.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/npy.h"

void moments_document(struct moments *m, const float *loss, size_t n)
{
    double sum = 0;
    if (n == 0) return;
    for (size_t i = 0; i < n; i++) sum += (double)loss[i];
    m->documents += 1;
    m->predictions += (double)n;
    m->sum += sum;
    m->squares += sum * sum;
    m->cross += sum * (double)n;
    m->lengths += (double)n * (double)n;
}

void moments_add(struct moments *m, const struct moments *other)
{
    m->documents += other->documents;
    m->predictions += other->predictions;
    m->sum += other->sum;
    m->squares += other->squares;
    m->cross += other->cross;
    m->lengths += other->lengths;
}

double moments_mean(const struct moments *m)
{
    return m->sum / m->predictions;
}

double moments_error(const struct moments *m)
{
    double mean = moments_mean(m), d = m->documents;
    if (d < 2) return NAN;
    double residual = m->squares - 2 * mean * m->cross + mean * mean * m->lengths;
    return sqrt(fmax(residual, 0) * d / (d - 1)) / m->predictions;
}

json_t *moments_json(const struct moments *m)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "documents", m->documents, "predictions",
                     m->predictions, "sum", m->sum, "squares", m->squares, "cross", m->cross,
                     "lengths", m->lengths);
}

int moments_from_json(struct moments *m, const json_t *object, const char *path, struct err *e)
{
    json_error_t why;
    if (json_unpack_ex((json_t *)(uintptr_t)object, &why, 0, "{s:F, s:F, s:F, s:F, s:F, s:F}",
                       "documents", &m->documents, "predictions", &m->predictions, "sum", &m->sum,
                       "squares", &m->squares, "cross", &m->cross, "lengths", &m->lengths))
        return err_kind(e, ERR_DAMAGED, "%s: moments: %s", path, why.text);
    if (!(m->predictions >= 1) || !isfinite(m->sum))
        return err_kind(e, ERR_DAMAGED, "%s: moments: expected at least one finite loss", path);
    return 0;
}

int loss_file_open(struct loss_file *f, const char *path, uint64_t key, uint64_t count,
                   struct err *e)
{
    *f = (struct loss_file){.fd = -1, .count = count};
    f->path = strdup(path);
    f->part = format_string("%s.part-%016" PRIx64, path, key);
    if (!f->path || !f->part) {
        loss_file_close(f, true);
        return err_memory(e, path);
    }
    f->bytes = NPY_HEADER + count * sizeof(float);
    f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat st;
    if (f->fd < 0 || fstat(f->fd, &st)) {
        err_errno(e, "%s: cannot write", path);
        loss_file_close(f, true);
        return -1;
    }
    f->resumed = (size_t)st.st_size == f->bytes;
    char header[NPY_HEADER];
    npy_header(header, "<f4", count, 0);
    int code = 0;
    if (!f->resumed) {
        /* Space is taken now: a disk that is too small says so before the work, not in the middle
         * of it. */
        if (ftruncate(f->fd, 0)) code = errno;
        if (!code) code = posix_fallocate(f->fd, 0, (off_t)f->bytes);
        if (!code && pwrite(f->fd, header, sizeof header, 0) != (ssize_t)sizeof header)
            code = errno;
    }
    if (!code) {
        f->map = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
        if (f->map == MAP_FAILED) {
            f->map = NULL;
            code = errno;
        }
    }
    if (code) {
        errno = code;
        err_errno(e, "%s: cannot write %" PRIu64 " losses", path, count);
        loss_file_close(f, false);
        return -1;
    }
    f->values = (float *)((char *)f->map + NPY_HEADER);
    return 0;
}

int loss_file_commit(struct loss_file *f, struct err *e)
{
    int status = 0;
    if (msync(f->map, f->bytes, MS_SYNC) || fsync(f->fd))
        status = err_errno(e, "%s: cannot write", f->path);
    else if (rename(f->part, f->path))
        status = err_errno(e, "%s: cannot rename the finished file into place", f->path);
    loss_file_close(f, true);
    return status;
}

void loss_file_close(struct loss_file *f, bool keep)
{
    if (f->map) munmap(f->map, f->bytes);
    if (f->fd >= 0) {
        close(f->fd);
        if (!keep) unlink(f->part);
    }
    free(f->path);
    free(f->part);
    *f = (struct loss_file){.fd = -1};
}
