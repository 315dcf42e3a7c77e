/* file.c - maps and atomic output files; see file.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(const char *path, uint64_t *size, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(e, "%s: cannot open", path);
    struct stat st;
    if (fstat(fd, &st)) {
        err_errno(e, "%s: cannot stat", path);
    } else if (S_ISDIR(st.st_mode)) {
        err_set(e, "%s: expected a file, found a directory", path);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(e, "%s: expected a regular file", path);
    } else {
        *size = (uint64_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

int map_file(struct map *m, int fd, uint64_t size, const char *path, struct err *e)
{
    *m = (struct map){0};
    void *data = size ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (data == MAP_FAILED) return err_errno(e, "%s: cannot map", path);
    *m = (struct map){data, (size_t)size};
    return 0;
}

int map_open(struct map *m, const char *path, struct err *e)
{
    *m = (struct map){0};
    uint64_t size;
    int fd = file_open(path, &size, e);
    if (fd < 0) return -1;
    int status = map_file(m, fd, size, path, e);
    close(fd);
    return status;
}

void map_close(struct map *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct map){0};
}

void map_drop(const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)data + bytes) / page * page;
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* Parts being written, in fixed storage so that the signal handler may read it. */
enum { PART_SLOTS = 512, PART_LENGTH = 4096 };
static char part_names[PART_SLOTS][PART_LENGTH];
static volatile sig_atomic_t part_used[PART_SLOTS];

static int part_register(const char *part)
{
    for (int i = 0; i < PART_SLOTS; i++) {
        bool free_slot = false;
#pragma omp critical(part_slots)
        if (!part_used[i]) {
            free_slot = true;
            snprintf(part_names[i], PART_LENGTH, "%s", part);
            part_used[i] = 1;
        }
        if (free_slot) return i;
    }
    return -1;
}

/* The first signal of those caught; and whether they are. */
static volatile sig_atomic_t noted, catching;

static void die_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void on_signal(int number)
{
    static const char text[] =
        "\r\033[Kinterrupted: finishing the batches under way; once more stops at once\n";
    if (catching && !noted && number != SIGPIPE) {
        noted = number;
        if (catching > 1 && write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
        return;
    }
    for (int i = 0; i < PART_SLOTS; i++) {
        if (part_used[i]) unlink(part_names[i]);
    }
    die_by(number);
}

void out_install_signals(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
    /* What is caught must not break off the calls that write. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NODEFER};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN);
}

void out_catch_interrupts(bool on)
{
    catching = on ? 1 + isatty(STDERR_FILENO) : 0;
}

int out_interrupted(void)
{
    return noted;
}

void out_die_interrupted(void)
{
    if (noted) die_by(noted);
}

/* --- the disk --- */

int write_at(int fd, const void *data, size_t bytes, uint64_t at)
{
    for (const char *p = data; bytes;) {
        ssize_t n = pwrite(fd, p, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        p += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

int read_at(int fd, void *data, size_t bytes, uint64_t at)
{
    for (char *p = data; bytes;) {
        ssize_t n = pread(fd, p, bytes, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO;
        if (n <= 0) return -1;
        p += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* File systems that cannot sync a thing have nothing to sync. */
static int sync_file(int fd)
{
    return fsync(fd) && errno != EINVAL && errno != ENOTSUP && errno != ENOSYS ? -1 : 0;
}

int sync_directory(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!directory) return err_memory(e, path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* One that may be written but not read cannot be opened, and so not be synced. */
    int status = fd < 0 ? errno != EACCES : sync_file(fd);
    if (status) err_errno(e, "%s: cannot write", directory);
    if (fd >= 0) close(fd);
    free(directory);
    return status ? -1 : 0;
}

/* --- output files --- */

static void part_forget(struct out *o)
{
    if (o->slot >= 0) part_used[o->slot] = 0;
    o->slot = -1;
    free(o->part);
    o->part = NULL;
}

/* Opens a part that nobody has: machines that share a disk may have processes of one number. It is
 * known to the signal handler before it is there, for a signal may come as soon as it is. */
static FILE *open_part(struct out *o)
{
    for (int n = 1;; n++) {
        char more[16] = "";
        if (n > 1) snprintf(more, sizeof more, ".%d", n);
        o->part = format_string("%s.part-%ld%s", o->path, (long)getpid(), more);
        if (!o->part) return NULL;
        o->slot = part_register(o->part);
        FILE *file = fopen(o->part, "wbex");
        if (file) return file;
        int code = errno;
        part_forget(o);
        errno = code;
        if (code != EEXIST) return NULL;
    }
}

/* A device or a pipe must not be replaced by a file, nor the links that stand for our descriptors. */
static bool no_file(const char *path)
{
    struct stat st;
    if (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6))
        if (!lstat(path, &st) && S_ISLNK(st.st_mode)) return true;
    return !stat(path, &st) && !S_ISREG(st.st_mode);
}

int out_open(struct out *o, const char *path, struct err *e)
{
    *o = (struct out){.slot = -1, .path = strdup(path)};
    if (!o->path) return err_memory(e, path);
    if (!*path || directory_exists(path)) {
        out_abort(o);
        return *path ? err_set(e, "%s: cannot write: it is a directory", path)
                     : err_set(e, "cannot write: expected a file's name, found ''");
    }
    o->direct = no_file(path);
    if (o->direct) o->part = strdup(path);
    o->file = !o->direct ? open_part(o) : o->part ? fopen(path, "abe") : NULL;
    if (!o->file) {
        err_errno(e, "%s: cannot write", path);
        out_abort(o);
        return -1;
    }
    return 0;
}

int out_write(struct out *o, const void *data, size_t bytes, struct err *e)
{
    if (bytes && fwrite(data, 1, bytes, o->file) != bytes)
        return err_errno(e, "%s: cannot write", o->path);
    return 0;
}

int out_printf(struct out *o, struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vfprintf(o->file, format, args);
    va_end(args);
    return n < 0 ? err_errno(e, "%s: cannot write", o->path) : 0;
}

int out_commit(struct out *o, struct err *e)
{
    int bad = fflush(o->file) || ferror(o->file) || sync_file(fileno(o->file));
    int code = errno;
    if (fclose(o->file) && !bad) {
        bad = 1;
        code = errno;
    }
    o->file = NULL;
    errno = code;
    if (bad) err_errno(e, "%s: cannot write", o->path);
    if (!bad && !o->direct && rename(o->part, o->path)) {
        bad = 1;
        err_errno(e, "%s: cannot rename the finished file into place", o->path);
    }
    if (!bad && !o->direct) {
        bad = sync_directory(o->path, e);
        part_forget(o);
    }
    out_abort(o);
    return bad ? -1 : 0;
}

void out_abort(struct out *o)
{
    if (o->file) fclose(o->file);
    if (o->part && !o->direct) unlink(o->part);
    if (o->part && o->slot >= 0) part_used[o->slot] = 0;
    free(o->part);
    free(o->path);
    *o = (struct out){.slot = -1};
}

int out_check(const char *path, struct err *e)
{
    struct out out;
    if (out_open(&out, path, e)) return -1;
    out_abort(&out);
    return 0;
}

int file_copy(const char *from, const char *to, struct err *e)
{
    struct map map;
    struct out out = {.slot = -1};
    if (map_open(&map, from, e)) return -1;
    int status = out_open(&out, to, e);
    if (!status) status = out_write(&out, map.data, map.size, e);
    map_close(&map);
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

int out_rename(struct out *o, const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy) return err_memory(e, path);
    free(o->path);
    o->path = copy;
    return 0;
}

int make_directories(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy) return err_memory(e, path);
    int status = 0;
    for (char *p = copy + 1; !status; p++) {
        if (*p != '/' && *p) continue;
        char saved = *p;
        *p = 0;
        if (mkdir(copy, 0777) && errno != EEXIST)
            status = err_errno(e, "%s: cannot make the directory", copy);
        *p = saved;
        if (!saved) break;
    }
    if (!status && !directory_exists(path))
        status = err_set(e, "%s: expected a directory, found a file", path);
    free(copy);
    return status;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool directory_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_same(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

char *format_string(const char *format, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&s, format, args);
    va_end(args);
    return n < 0 ? NULL : s;
}

char *path_last(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    return strndup(path + start, end - start);
}
