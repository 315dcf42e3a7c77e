/* progress.c - see progress.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/progress.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
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
} line;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void progress_begin(const char *label, const char *unit, uint64_t total)
{
    snprintf(line.label, sizeof line.label, "%s", label);
    line.unit = unit;
    line.total = total;
    atomic_store(&line.done, 0);
    line.start_ns = now_ns();
    atomic_store(&line.next_ns, line.start_ns + 200000000u);
    line.active = isatty(STDERR_FILENO);
}

void progress_add(uint64_t amount)
{
    uint64_t done = atomic_fetch_add(&line.done, amount) + amount;
    if (!line.active) return;
    uint64_t now = now_ns(), next = atomic_load(&line.next_ns);
    if (now < next || !atomic_compare_exchange_strong(&line.next_ns, &next, now + 200000000u))
        return;
    double seconds = (double)(now - line.start_ns) * 1e-9, rate = (double)done / seconds;
    char a[24], b[24], c[24];
    if (line.total) {
        double eta = (double)(line.total - (done < line.total ? done : line.total)) / rate;
        fprintf(stderr, "\r\033[K%s: %s of %s %s, %s/s, %.0f:%02.0f left", line.label,
                format_count((double)done, a, sizeof a),
                format_count((double)line.total, b, sizeof b), line.unit,
                format_count(rate, c, sizeof c), (double)((long)eta / 60),
                (double)((long)eta % 60));
    } else {
        fprintf(stderr, "\r\033[K%s: %s %s, %s/s", line.label,
                format_count((double)done, a, sizeof a), line.unit,
                format_count(rate, c, sizeof c));
    }
    fflush(stderr);
}

void progress_end(void)
{
    if (line.active) fputs("\r\033[K", stderr);
    line.active = 0;
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
