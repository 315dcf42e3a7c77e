/* loss_log.c - see loss_log.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/scan/loss_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/base/lock.h"

enum { RECORDS_AT_A_TIME = 512 };

struct header {
    char magic[8];
    uint64_t key, count;
    uint64_t check; /* of the three above */
    uint64_t pid;   /* who has it */
    char host[88];
};
_Static_assert(sizeof(struct header) == LOSS_LOG_HEADER, "a header without gaps");

static const char magic[8] = "tripodL\1";

static void name_holder(const struct loss_log *l, struct err *e)
{
    struct header h = {.pid = 0};
    if (read_at(l->fd, &h, sizeof h, 0) || !h.pid)
        err_set(e, "another process");
    else
        err_set(e, "process %" PRIu64 " on %.*s", h.pid, (int)sizeof h.host, h.host);
}

/* --- header --- */

static struct header header_of(const struct loss_log *l)
{
    struct header h = {.key = l->key, .count = l->count, .pid = (uint64_t)getpid()};
    memcpy(h.magic, magic, sizeof magic);
    h.check = XXH3_64bits(&h, offsetof(struct header, check));
    gethostname(h.host, sizeof h.host - 1);
    return h;
}

/* A log of other losses, or with a damaged header, is an empty one. *made: there was none. */
static int open_header(struct loss_log *l, bool *made, struct err *e)
{
    const size_t who = offsetof(struct header, pid);
    struct header there, h = header_of(l);
    struct stat st;
    int status = fstat(l->fd, &st);
    bool good = !status && st.st_size >= LOSS_LOG_HEADER &&
                !read_at(l->fd, &there, sizeof there, 0) && !memcmp(&there, &h, who);
    *made = !status && st.st_size == 0;
    if (!status && !good) status = ftruncate(l->fd, 0);
    if (!status)
        status = good ? write_at(l->fd, (const char *)&h + who, sizeof h - who, who)
                      : write_at(l->fd, &h, sizeof h, 0);
    l->end = good ? (uint64_t)st.st_size : LOSS_LOG_HEADER;
    return status ? err_errno(e, "%s: cannot write", l->path) : 0;
}

int loss_log_open(struct loss_log *l, const char *path, uint64_t key, uint64_t count, struct err *e)
{
    *l = (struct loss_log){.fd = -1, .key = key, .count = count, .path = strdup(path)};
    if (!l->path) return err_memory(e, path);
    bool made = false;
    int status = lock_open(&l->fd, path, &l->unlocked, e);
    if (status > 0) name_holder(l, e);
    if (!status) status = open_header(l, &made, e);
    if (status) loss_log_close(l, made);
    return status;
}

void loss_log_close(struct loss_log *l, bool remove)
{
    if (l->fd >= 0) {
        if (remove) unlink(l->path);
        close(l->fd);
    }
    free(l->path);
    *l = (struct loss_log){.fd = -1};
}

/* --- records --- */

static uint64_t check_of(const struct loss_log *l, const struct loss_record *r)
{
    return XXH3_64bits_withSeed(r, offsetof(struct loss_record, check), l->key);
}

static bool is_good(const struct loss_log *l, const struct loss_record *r)
{
    return r->check == check_of(l, r) && r->count && r->count <= l->count &&
           r->first <= l->count - r->count;
}

static int by_first(const void *pa, const void *pb)
{
    const struct loss_record *a = pa, *b = pb;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return (a->count > b->count) - (a->count < b->count);
}

/* Sorts records and leaves out what overlaps; how many are left. */
static size_t sort(struct loss_record *r, size_t n)
{
    size_t kept = 0;
    qsort(r, n, sizeof *r, by_first);
    for (size_t i = 0; i < n; i++) {
        if (kept && r[i].first < r[kept - 1].first + r[kept - 1].count) continue;
        r[kept++] = r[i];
    }
    return kept;
}

int loss_log_read(const struct loss_log *l, struct loss_record **records, size_t *n, bool *all,
                  struct err *e)
{
    const size_t size = sizeof **records;
    uint64_t whole = (l->end - LOSS_LOG_HEADER) / size, read = 0, room = 0;
    bool good = true;
    *records = NULL;
    while (good && read < whole) {
        size_t part = whole - read < RECORDS_AT_A_TIME ? (size_t)(whole - read) : RECORDS_AT_A_TIME;
        if (read + part > room) {
            room = 2 * room + RECORDS_AT_A_TIME;
            struct loss_record *more = realloc(*records, room * size);
            if (!more) return err_memory(e, l->path);
            *records = more;
        }
        if (read_at(l->fd, *records + read, part * size, LOSS_LOG_HEADER + read * size))
            return err_errno(e, "%s: cannot read", l->path);
        /* Records apart from one another are at most as many as losses. */
        for (; part && good; part -= good) {
            good = read < l->count && is_good(l, *records + read);
            read += good;
        }
    }
    *n = read ? sort(*records, (size_t)read) : 0;
    *all = LOSS_LOG_HEADER + *n * size == l->end;
    return 0;
}

int loss_log_append(struct loss_log *l, struct loss_record record, struct err *e)
{
    record.check = check_of(l, &record);
    if (write_at(l->fd, &record, sizeof record, l->end))
        return err_errno(e, "%s: cannot write", l->path);
    l->end += sizeof record;
    return 0;
}

int loss_log_rewrite(struct loss_log *l, const struct loss_record *records, size_t n, struct err *e)
{
    /* In one write, and cut afterwards: what may remain of the old ones behind is checked again. */
    uint64_t end = LOSS_LOG_HEADER + n * sizeof *records;
    if ((n && write_at(l->fd, records, n * sizeof *records, LOSS_LOG_HEADER)) ||
        ftruncate(l->fd, (off_t)end))
        return err_errno(e, "%s: cannot write", l->path);
    l->end = end;
    return 0;
}
