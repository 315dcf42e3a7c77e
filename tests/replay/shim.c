/* shim.c - LD_PRELOADed: writes down, in order and with its data, all that a program does to the files
 * of one directory, and when it syncs them, for replay.py to build that directory as a power cut may
 * leave it.
 *
 * REPLAY_DIR: the directory, absolute. REPLAY_LOG: appended to, a line an event: create, open NAME
 * FILE; write FILE OFFSET HEX; truncate, allocate FILE SIZE; sync FILE; syncdir; rename FROM TO;
 * unlink NAME. A FILE is an inode's number. REPLAY_STEP: the monotonic clock gains so many seconds
 * whenever it is read, so that what is done every ten seconds happens in a short run. REPLAY_KILL: the
 * program is killed after so many events.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int creat(const char *path, mode_t mode);

enum { MOST_FILES = 1024 };
enum { NONE, FILE_OF, DIRECTORY };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char kind[MOST_FILES]; /* of each descriptor */
static const char *directory;
static int log_fd = -1;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (!f) abort();
    return f;
}

static void put(const char *data, size_t n)
{
    while (n) {
        ssize_t done = REAL(write)(log_fd, data, n);
        if (done <= 0) abort();
        data += done;
        n -= (size_t)done;
    }
}

/* An event is complete. */
static void count(void)
{
    static long events;
    if (getenv("REPLAY_KILL") && ++events == atol(getenv("REPLAY_KILL"))) raise(SIGKILL);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof text) abort();
    put(text, (size_t)n);
    if (text[n - 1] == '\n') count();
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("REPLAY_LOG");
    directory = getenv("REPLAY_DIR");
    if (!path || !directory) abort();
    log_fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log_fd < 0) abort();
}

/* The name in the directory, NULL for a path elsewhere. */
static const char *name_of(const char *path)
{
    size_t n = directory ? strlen(directory) : 0;
    return n && !strncmp(path, directory, n) && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

static unsigned long file_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st)) abort();
    return (unsigned long)st.st_ino;
}

static int is(int fd, int what)
{
    return fd >= 0 && fd < MOST_FILES && kind[fd] == what;
}

static void opened(int fd, const char *path, int flags, int there)
{
    const char *name = name_of(path);
    if (fd < 0 || fd >= MOST_FILES) return;
    size_t n = strlen(directory);
    if (!strncmp(path, directory, n) && strspn(path + n, "/") == strlen(path + n))
        kind[fd] = DIRECTORY;
    if (!name || (flags & O_ACCMODE) == O_RDONLY) return;
    kind[fd] = FILE_OF;
    note("%s\t%s\t%lu\n", there ? "open" : "create", name, file_of(fd));
    if (there && flags & O_TRUNC) note("truncate\t%lu\t0\n", file_of(fd));
}

static void written(int fd, const void *data, size_t n, off_t at)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    char *hex = malloc(2 * n + 1);
    if (!hex) abort();
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[p[i] >> 4];
        hex[2 * i + 1] = digits[p[i] & 15];
    }
    hex[2 * n] = '\n';
    note("write\t%lu\t%ld\t", file_of(fd), (long)at);
    put(hex, 2 * n + 1);
    count();
    free(hex);
}

/* --- descriptors --- */

static int open_path(const char *path, int flags, mode_t mode)
{
    pthread_mutex_lock(&lock);
    int there = !access(path, F_OK);
    int fd = REAL(open)(path, flags, mode);
    opened(fd, path, flags, there);
    pthread_mutex_unlock(&lock);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_path(path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_path(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd)
{
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < MOST_FILES) kind[fd] = NONE;
    int status = REAL(close)(fd);
    pthread_mutex_unlock(&lock);
    return status;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    pthread_mutex_lock(&lock);
    ssize_t done = REAL(pwrite)(fd, data, n, at);
    if (done > 0 && is(fd, FILE_OF)) written(fd, data, (size_t)done, at);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t n)
{
    if (!is(fd, FILE_OF)) return REAL(write)(fd, data, n);
    pthread_mutex_lock(&lock);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, n);
    if (done > 0) written(fd, data, (size_t)done, at);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size)
{
    pthread_mutex_lock(&lock);
    int status = REAL(ftruncate)(fd, size);
    if (!status && is(fd, FILE_OF)) note("truncate\t%lu\t%ld\n", file_of(fd), (long)size);
    pthread_mutex_unlock(&lock);
    return status;
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    pthread_mutex_lock(&lock);
    int status = REAL(posix_fallocate)(fd, at, size);
    if (!status && is(fd, FILE_OF)) note("allocate\t%lu\t%ld\n", file_of(fd), (long)(at + size));
    pthread_mutex_unlock(&lock);
    return status;
}

static int synced(int fd, int (*sync)(int))
{
    pthread_mutex_lock(&lock);
    int status = sync(fd);
    if (!status && is(fd, FILE_OF)) note("sync\t%lu\n", file_of(fd));
    if (!status && is(fd, DIRECTORY)) note("syncdir\n");
    pthread_mutex_unlock(&lock);
    return status;
}

int fsync(int fd)
{
    return synced(fd, REAL(fsync));
}

int fdatasync(int fd)
{
    return synced(fd, REAL(fdatasync));
}

/* --- names --- */

int rename(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int status = REAL(rename)(from, to);
    if (!status && name_of(from) && name_of(to))
        note("rename\t%s\t%s\n", name_of(from), name_of(to));
    pthread_mutex_unlock(&lock);
    return status;
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    int status = REAL(unlink)(path);
    if (!status && name_of(path)) note("unlink\t%s\n", name_of(path));
    pthread_mutex_unlock(&lock);
    return status;
}

/* --- streams: what they wrote is read back when they are flushed --- */

FILE *fopen(const char *path, const char *mode)
{
    pthread_mutex_lock(&lock);
    int there = !access(path, F_OK);
    FILE *f = REAL(fopen)(path, mode);
    if (f && mode[0] == 'w') opened(fileno(f), path, O_WRONLY | O_TRUNC, there);
    pthread_mutex_unlock(&lock);
    return f;
}

static void read_back(FILE *f)
{
    char path[64], block[65536];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(f));
    int fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) abort();
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, block, sizeof block, at)) > 0; at += n)
        written(fileno(f), block, (size_t)n, at);
    REAL(close)(fd);
}

int fflush(FILE *f)
{
    if (!f || !is(fileno(f), FILE_OF)) return REAL(fflush)(f);
    pthread_mutex_lock(&lock);
    int status = REAL(fflush)(f);
    read_back(f);
    pthread_mutex_unlock(&lock);
    return status;
}

int fclose(FILE *f)
{
    int fd = fileno(f), ours = is(fd, FILE_OF), status = ours && __fpending(f) ? fflush(f) : 0;
    pthread_mutex_lock(&lock);
    if (ours) kind[fd] = NONE;
    int closed = REAL(fclose)(f);
    pthread_mutex_unlock(&lock);
    return status ? status : closed;
}

/* --- the clock --- */

int clock_gettime(clockid_t clock, struct timespec *t)
{
    static atomic_long gained;
    static long step = -1;
    int status = REAL(clock_gettime)(clock, t);
    if (step < 0) step = getenv("REPLAY_STEP") ? atol(getenv("REPLAY_STEP")) : 0;
    if (!status && clock == CLOCK_MONOTONIC) t->tv_sec += atomic_fetch_add(&gained, step);
    return status;
}
