/* progress.c - see progress.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/progress.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/num.h"

static struct {
    char label[49];
    const char *unit;
    uint64_t total;
    _Atomic uint64_t done;
    _Atomic uint64_t next_ns; /* when the line may be drawn again */
    uint64_t start_ns;
    int active;
    bool quiet;
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
    atomic_store(&line.next_ns, line.start_ns + 200000000u);
    line.active = !line.quiet && isatty(STDERR_FILENO);
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

static void draw(uint64_t done, double seconds)
{
    char numbers[160], before[64] = "", a[24], b[24], c[24], all[40] = "";
    double rate = (double)done / seconds, share = share_done(done);
    format_count((double)done, a, sizeof a);
    format_count(rate, c, sizeof c);
    if (tasks.n) {
        snprintf(before, sizeof before, "%s %zu of %zu: ", tasks.what, tasks.i, tasks.n);
        double speed = (tasks.worked + share * tasks.cost) / (tasks.seconds + seconds);
        double left = ((1 - share) * tasks.cost + tasks.rest) / speed;
        if (speed > 0 && tasks.i < tasks.n)
            snprintf(all, sizeof all, ", all: %s left", clock_text(left, b, sizeof b));
    }
    if (line.total) {
        char left[40];
        clock_text((double)line.total * (1 - share) / rate, left, sizeof left);
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
    if (now < next || !atomic_compare_exchange_strong(&line.next_ns, &next, now + 200000000u))
        return;
    draw(done, (double)(now - line.start_ns) * 1e-9);
}

void progress_end(void)
{
    if (line.active) fputs("\r\033[K", stderr);
    if (line.active && tasks.n) {
        tasks.worked += share_done(atomic_load(&line.done)) * tasks.cost;
        tasks.seconds += (double)(now_ns() - line.start_ns) * 1e-9;
    }
    line.active = 0;
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
    line.active = !line.quiet && isatty(STDERR_FILENO);
    if (line.active) fprintf(stderr, "\r\033[K%.100s", e.text);
    fflush(stderr);
}

static void say(const char *kind, const char *format, va_list args)
{
    struct err e; /* makes one line of it, whatever a file's name holds */
    char text[sizeof e.text];
    vsnprintf(text, sizeof text, format, args);
    err_set(&e, "%s", text);
    fprintf(stderr, "%stripod: %s%s\n", line.active ? "\r\033[K" : "", kind, e.text);
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
