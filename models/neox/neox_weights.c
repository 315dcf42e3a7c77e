/* neox_weights.c - see neox_weights.h.
 *
 * What is read ahead is read with pread and thrown away: it is the page cache that is filled. Asking
 * the kernel instead (madvise, readahead) moves at most one read-ahead window a call, says nothing
 * when the disk fails, and cannot be timed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/neox/neox_weights.h"

#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4 << 20 }; /* bytes of a read */

/* Bytes of the file. */
struct stretch {
    uint64_t begin, end;
};

static struct stretch of_panels(const struct neox *m, struct panels w)
{
    uint64_t at = (uint64_t)((const uint8_t *)w.data - m->flat->map.data);
    return (struct stretch){at, at + panels_bytes(w.dtype, w.n, w.k)};
}

/* From the first to the last byte of a layer's products; what little lies between goes with it. */
static struct stretch of_layer(const struct neox *m, const struct neox_layer *l)
{
    const struct panels all[] = {l->qkv.weight, l->dense.weight, l->up.weight, l->down.weight};
    struct stretch s = of_panels(m, all[0]);
    for (size_t i = 1; i < sizeof all / sizeof *all; i++) {
        struct stretch one = of_panels(m, all[i]);
        if (one.begin < s.begin) s.begin = one.begin;
        if (one.end > s.end) s.end = one.end;
    }
    return s;
}

static struct stretch of_step(const struct neox *m, size_t step)
{
    if (step > m->config.layers) return of_panels(m, m->unembedding);
    if (step) return of_layer(m, &m->layers[step - 1]);
    uint64_t at = (uint64_t)((const uint8_t *)m->embedding - m->flat->map.data);
    return (struct stretch){at, at + (uint64_t)m->config.vocab * m->config.hidden *
                                         simd_dtype_bytes(m->embedding_dtype)};
}

size_t neox_weights_steps(const struct neox *m)
{
    return m->config.layers + 2;
}

size_t neox_weights_resident(const struct neox *m)
{
    size_t most = 0, before = 0;
    for (size_t step = 0; m->flat->map.data && step < neox_weights_steps(m); step++) {
        struct stretch s = of_step(m, step);
        size_t bytes = (size_t)(s.end - s.begin);
        if (before + bytes > most) most = before + bytes;
        before = bytes;
    }
    return most;
}

/* The bytes of the file before END. */
static void release(const struct neox *m, size_t end)
{
    map_drop(m->flat->map.data, end);
}

void neox_weights_release(const struct neox *m)
{
    release(m, m->flat->map.size);
}

static bool stopped(struct neox_weights *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static int read_stretch(struct neox_weights *w, struct stretch s, void *buffer, struct err *e)
{
    for (uint64_t at = s.begin; at < s.end && !stopped(w);) {
        size_t bytes = s.end - at < CHUNK ? (size_t)(s.end - at) : CHUNK;
        ssize_t n = pread(w->fd, buffer, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_errno(e, "%s: cannot read", w->model->flat->path);
        if (n == 0)
            return err_kind(e, ERR_DAMAGED, "%s: truncated while it was read: it ends at byte %llu",
                            w->model->flat->path, (unsigned long long)at);
        at += (uint64_t)n;
    }
    return 0;
}

/* Step after step, each when the one before the last is done. */
static void *read_ahead(void *context)
{
    struct neox_weights *w = context;
    struct err e;
    void *buffer = malloc(CHUNK);
    int status = buffer ? 0 : err_memory(&e, w->model->flat->path);
    for (size_t step = 0; step < w->steps && !status; step++) {
        pthread_mutex_lock(&w->lock);
        while (!w->stop && step > w->dropped + 1) pthread_cond_wait(&w->changed, &w->lock);
        pthread_mutex_unlock(&w->lock);
        if (stopped(w)) break;
        double start = omp_get_wtime();
        status = read_stretch(w, of_step(w->model, step), buffer, &e);
        w->reading += omp_get_wtime() - start;
        pthread_mutex_lock(&w->lock);
        if (!status) w->ready = step + 1;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
    if (status) {
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        w->failure = e;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
    free(buffer);
    return NULL;
}

int neox_weights_open(struct neox_weights *w, const struct neox *model, struct err *e)
{
    const char *path = model->flat->path;
    *w = (struct neox_weights){.model = model,
                               .steps = neox_weights_steps(model),
                               .failure = {"stopped", ERR_INTERRUPTED}};
    w->fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (w->fd < 0 || fstat(w->fd, &st)) {
        err_errno(e, "%s: cannot open", path);
        goto bad;
    }
    if ((uint64_t)st.st_size != model->flat->map.size) {
        err_kind(e, ERR_DAMAGED, "%s: changed while it was read", path);
        goto bad;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    errno = pthread_create(&w->thread, NULL, read_ahead, w);
    if (!errno) return 0;
    err_errno(e, "%s: cannot start a thread that reads ahead", path);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
bad:
    if (w->fd >= 0) close(w->fd);
    *w = (struct neox_weights){0};
    return -1;
}

void neox_weights_stop(struct neox_weights *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void neox_weights_close(struct neox_weights *w)
{
    if (!w->model) return;
    neox_weights_stop(w);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    close(w->fd);
    w->model = NULL;
}

int neox_weights_wait(struct neox_weights *w, size_t step, struct err *e)
{
    pthread_mutex_lock(&w->lock);
    while (!w->stop && w->ready <= step) pthread_cond_wait(&w->changed, &w->lock);
    bool there = w->ready > step;
    if (!there) *e = w->failure;
    pthread_mutex_unlock(&w->lock);
    return there ? 0 : -1;
}

/* From the start of the file: with what touched the steps before again. Mapped pages stay in the
 * page cache whatever is said of them, so the map lets go first. */
void neox_weights_drop(struct neox_weights *w, size_t step)
{
    size_t end = (size_t)of_step(w->model, step).end;
    release(w->model, end);
    posix_fadvise(w->fd, 0, (off_t)end, POSIX_FADV_DONTNEED);
    pthread_mutex_lock(&w->lock);
    if (w->dropped <= step) w->dropped = step + 1;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}
