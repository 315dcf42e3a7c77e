/* progress.h - one progress line on a terminal's stderr: what, done, rate, ETA; silent elsewhere. The same
 * for other programs, as lines of JSON on a descriptor of theirs. And warnings, which are written
 * wherever stderr goes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PROGRESS_H
#define TRIPOD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* LABEL is copied (cut to 48 bytes); UNIT is e.g. "tokens". TOTAL 0 when not known. At most 4 lines
 * a second. progress_add may be called from any thread; begin and end from one. */
void progress_begin(const char *label, const char *unit, uint64_t total);
void progress_add(uint64_t amount);
void progress_end(void); /* wipes the line */
/* The line with nothing to count: "waiting for ...". Until progress_end. */
void progress_wait(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What begins next is the I-th of N: the line then says "WHAT I of N", and how long all of them
 * will take. COST of this one and of REST after it are in one unit of the caller's (FLOP,
 * bytes), the rate that of all such tasks so far. N 0: no more. */
void progress_task(const char *what, size_t i, size_t n, double cost, double rest);

/* No progress line from now on; progress_json's lines stay. */
void progress_quiet(bool quiet);

/* From now on also one JSON object a line on FD, at most 4 a second and a last one at the end of each task:
 *   {"what": "scan", "done": 61440, "total": 122222, "unit": "tokens", "rate": 117193.6, "eta_s": 0.5}
 * with "task", "tasks" and "eta_all_s" where progress_task was told of several; null for what is not
 * known. Of a wait there is "what" alone, with "done" 0. A reader that does not keep up misses lines, one
 * that goes away ends them: the work goes on. Errors: FD is not open for writing. Before threads. */
int progress_json(int fd, struct err *e);

/* "tripod: TEXT" on stderr, likewise: what a user should know and has not asked for. */
void progress_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "tripod: warning: TEXT" on stderr, terminal or not, after wiping the progress line: for what is lost
 * or doubtful without being an error. As of errors: "FILE: place: what", one line. */
void progress_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
