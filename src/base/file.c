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

int map_open(struct map *m, const char *path, struct err *e)
{
    *m = (struct map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(e, "%s: cannot open", path);
    struct stat st;
    int status = -1;
    if (fstat(fd, &st)) {
        err_errno(e, "%s: cannot stat", path);
    } else if (S_ISDIR(st.st_mode)) {
        err_set(e, "%s: expected a file, found a directory", path);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(e, "%s: expected a regular file", path);
    } else if (st.st_size == 0) {
        status = 0;
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            err_errno(e, "%s: cannot map", path);
        } else {
            m->data = data;
            m->size = (size_t)st.st_size;
            status = 0;
        }
    }
    close(fd);
    return status;
}

void map_close(struct map *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct map){0};
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

static void on_signal(int number)
{
    for (int i = 0; i < PART_SLOTS; i++) {
        if (part_used[i]) unlink(part_names[i]);
    }
    signal(number, SIG_DFL);
    raise(number);
}

void out_install_signals(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
}

int out_open(struct out *o, const char *path, struct err *e)
{
    *o = (struct out){.slot = -1};
    o->path = strdup(path);
    o->part = format_string("%s.part-%ld", path, (long)getpid());
    if (!o->path || !o->part) {
        out_abort(o);
        return err_memory(e, path);
    }
    if (directory_exists(path)) {
        out_abort(o);
        return err_set(e, "%s: cannot write: it is a directory", path);
    }
    o->slot = part_register(o->part);
    o->file = fopen(o->part, "wbe");
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
    int bad = fflush(o->file) || ferror(o->file);
    int code = errno;
    if (fclose(o->file) && !bad) {
        bad = 1;
        code = errno;
    }
    o->file = NULL;
    errno = code;
    if (bad) err_errno(e, "%s: cannot write", o->path);
    if (!bad && rename(o->part, o->path)) {
        bad = 1;
        err_errno(e, "%s: cannot rename the finished file into place", o->path);
    }
    if (!bad) {
        if (o->slot >= 0) part_used[o->slot] = 0;
        o->slot = -1;
        free(o->part);
        o->part = NULL;
    }
    out_abort(o);
    return bad ? -1 : 0;
}

void out_abort(struct out *o)
{
    if (o->file) fclose(o->file);
    if (o->part) unlink(o->part);
    if (o->part && o->slot >= 0) part_used[o->slot] = 0;
    free(o->part);
    free(o->path);
    *o = (struct out){.slot = -1};
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
