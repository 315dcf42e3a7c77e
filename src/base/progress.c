/* progress.c - see progress.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/num.h"

enum { INTERVAL_NS = 250000000 };

static struct {
    char label[49];
    const char *unit;
    uint64_t total;
    _Atomic uint64_t done;
    _Atomic uint64_t next_ns; /* when the line may be drawn again */
    uint64_t start_ns;
    bool active;   /* something is counted that somebody sees */
    bool terminal; /* and there is a line on a terminal to be wiped */
    bool quiet;
    int json; /* descriptor + 1; 0: none */
} line;

/* Of several tasks, where there are: */
static struct {
    const char *what;
    size_t i, n;
    double cost, rest;      /* of this one, of those after it */
    double worked, seconds; /* on those before it */
} tasks;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void progress_quiet(bool quiet)
{
    line.quiet = quiet;
}

int progress_json(int fd, struct err *e)
{
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return err_errno(e, "descriptor %d", fd);
    if ((flags & O_ACCMODE) == O_RDONLY)
        return err_set(e, "descriptor %d is open for reading only", fd);
    line.json = fd + 1;
    return 0;
}

void progress_task(const char *what, size_t i, size_t n, double cost, double rest)
{
    if (i <= 1 || !n) tasks.worked = tasks.seconds = 0;
    tasks.what = what;
    tasks.i = i;
    tasks.n = n;
    tasks.cost = cost;
    tasks.rest = rest;
}

void progress_begin(const char *label, const char *unit, uint64_t total)
{
    snprintf(line.label, sizeof line.label, "%s", label);
    line.unit = unit;
    line.total = total;
    atomic_store(&line.done, 0);
    line.start_ns = now_ns();
    atomic_store(&line.next_ns, line.start_ns + INTERVAL_NS);
    line.terminal = !line.quiet && isatty(STDERR_FILENO);
    line.active = line.terminal || line.json;
}

/* The part of the task that is done. */
static double share_done(uint64_t done)
{
    return line.total ? (double)(done < line.total ? done : line.total) / (double)line.total : 0;
}

/* "0:07", "12:30", "3:05:00", "2 d 3:05:00" */
static const char *clock_text(double seconds, char *buffer, size_t size)
{
    if (!(seconds < 1e9)) seconds = 1e9;
    long s = (long)seconds, day = s / 86400, hour = s / 3600 % 24;
    if (day)
        snprintf(buffer, size, "%ld d %ld:%02ld:%02ld", day, hour, s / 60 % 60, s % 60);
    else if (hour)
        snprintf(buffer, size, "%ld:%02ld:%02ld", hour, s / 60 % 60, s % 60);
    else
        snprintf(buffer, size, "%ld:%02ld", s / 60, s % 60);
    return buffer;
}

static size_t terminal_width(void)
{
    struct winsize w;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 40 ? w.ws_col : 80;
}

/* Seconds left of this task, and of it and those after it; NaN: not known. */
static double seconds_left(double share, double seconds)
{
    return line.total && share > 0 ? seconds * (1 - share) / share : NAN;
}

static double seconds_left_of_all(double share, double seconds)
{
    const double speed = (tasks.worked + share * tasks.cost) / (tasks.seconds + seconds);
    return tasks.n && speed > 0 ? ((1 - share) * tasks.cost + tasks.rest) / speed : NAN;
}

/* TEXT and a newline on the JSON's descriptor. A line is shorter than a pipe takes at once, so that it
 * is there whole or not at all, and nobody waits. */
static void write_json_line(char *text)
{
    const int fd = line.json - 1;
    const size_t n = strlen(text);
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) < 1) return;
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    text[n] = '\n';
    if (write(fd, text, n + 1) < 0 && errno == EPIPE) {
        const struct timespec now = {0};
        sigtimedwait(&pipe, NULL, &now); /* ours: it is not to end the program */
        line.json = 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void draw_json(const char *what, uint64_t done, double seconds)
{
    const double share = share_done(done);
    json_t *o = json_pack(
        "{s:o, s:I, s:o, s:o, s:o, s:o}", "what", json_utf8(what), "done", (json_int_t)done,
        "total", line.total ? json_integer((json_int_t)line.total) : json_null(), "unit",
        json_utf8(line.unit), "rate", json_finite(seconds > 0 ? (double)done / seconds : NAN),
        "eta_s", json_finite(seconds_left(share, seconds)));
    if (o && tasks.n) {
        json_object_set_new(o, "task", json_integer((json_int_t)tasks.i));
        json_object_set_new(o, "tasks", json_integer((json_int_t)tasks.n));
        json_object_set_new(o, "eta_all_s", json_finite(seconds_left_of_all(share, seconds)));
    }
    char text[2048];
    const size_t n =
        o ? json_dumpb(o, text, sizeof text - 1, JSON_COMPACT | JSON_REAL_PRECISION(9)) : 0;
    json_decref(o);
    if (!n || n >= sizeof text - 1) return;
    text[n] = 0;
    write_json_line(text);
}

static void draw_terminal(uint64_t done, double seconds)
{
    char numbers[160], before[64] = "", a[24], b[24], c[24], all[40] = "";
    double rate = (double)done / seconds, share = share_done(done);
    format_count((double)done, a, sizeof a);
    format_count(rate, c, sizeof c);
    if (tasks.n) {
        snprintf(before, sizeof before, "%s %zu of %zu: ", tasks.what, tasks.i, tasks.n);
        double left = seconds_left_of_all(share, seconds);
        if (!isnan(left) && tasks.i < tasks.n)
            snprintf(all, sizeof all, ", all: %s left", clock_text(left, b, sizeof b));
    }
    if (line.total) {
        char left[40];
        clock_text(seconds_left(share, seconds), left, sizeof left);
        snprintf(numbers, sizeof numbers, ": %s of %s %s, %s/s, %s left%s", a,
                 format_count((double)line.total, b, sizeof b), line.unit, c, left, all);
    } else {
        snprintf(numbers, sizeof numbers, ": %s %s, %s/s%s", a, line.unit, c, all);
    }
    /* A line that wraps is not wiped by the next: the label gives way. */
    size_t width = terminal_width(), taken = strlen(before) + strlen(numbers) + 1;
    size_t label = strlen(line.label), room = taken < width ? width - taken : 0;
    while (label > room && label > 8) label--;
    fprintf(stderr, "\r\033[K%s%.*s%s", before, (int)label, line.label, numbers);
    fflush(stderr);
}

void progress_add(uint64_t amount)
{
    uint64_t done = atomic_fetch_add(&line.done, amount) + amount;
    if (!line.active) return;
    uint64_t now = now_ns(), next = atomic_load(&line.next_ns);
    if (now < next || !atomic_compare_exchange_strong(&line.next_ns, &next, now + INTERVAL_NS))
        return;
    const double seconds = (double)(now - line.start_ns) * 1e-9;
    if (line.terminal) draw_terminal(done, seconds);
    if (line.json) draw_json(line.label, done, seconds);
}

void progress_end(void)
{
    const double seconds = (double)(now_ns() - line.start_ns) * 1e-9;
    const uint64_t done = atomic_load(&line.done);
    if (line.terminal) fputs("\r\033[K", stderr);
    if (line.active && line.json) draw_json(line.label, done, seconds);
    if (line.active && tasks.n) {
        tasks.worked += share_done(done) * tasks.cost;
        tasks.seconds += seconds;
    }
    line.active = line.terminal = false;
}

void progress_wait(const char *format, ...)
{
    struct err e; /* as below */
    char text[sizeof e.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&e, "%s", text);
    line.terminal = !line.quiet && isatty(STDERR_FILENO);
    if (line.terminal) fprintf(stderr, "\r\033[K%.100s", e.text);
    fflush(stderr);
    line.total = 0;
    line.unit = NULL;
    if (line.json) draw_json(e.text, 0, 0);
}

static void say(const char *kind, const char *format, va_list args)
{
    struct err e; /* makes one line of it, whatever a file's name holds */
    char text[sizeof e.text];
    vsnprintf(text, sizeof text, format, args);
    err_set(&e, "%s", text);
    fprintf(stderr, "%stripod: %s%s\n", line.terminal ? "\r\033[K" : "", kind, e.text);
}

void progress_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void progress_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("warning: ", format, args);
    va_end(args);
}
