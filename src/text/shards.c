/* shards.c - see shards.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/shards.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/progress.h"
#include "src/text/corpus.h"

enum { CHUNK = 1 << 22 };

static void sum_text(struct sha256_ctx *state, char hex[SHA256_TEXT])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(state, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* --- lists of sums --- */

/* Whether WORD is a sum; it becomes lower case. */
static bool is_sum(char *word)
{
    if (strlen(word) != SHA256_TEXT - 1) return false;
    for (char *p = word; *p; p++) {
        if (*p >= 'A' && *p <= 'F') *p += 'a' - 'A';
        if (!strchr("0123456789abcdef", *p)) return false;
    }
    return true;
}

const char *sums_find(const struct sums *s, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->item[i].name, name)) return s->item[i].hex;
    return NULL;
}

static int add_sum(struct sums *s, const char *hex, const char *name, struct err *e)
{
    const char *known = sums_find(s, name), *slash = strrchr(name, '/');
    if (known && !strcmp(known, hex)) return 0;
    if (known) return err_set(e, "expected one sum of %s, found two", slash ? slash + 1 : name);
    struct sum *item = realloc(s->item, (s->n + 1) * sizeof *item);
    if (!item) return err_memory(e, NULL);
    s->item = item;
    item[s->n].name = strdup(slash ? slash + 1 : name);
    memcpy(item[s->n].hex, hex, SHA256_TEXT);
    return item[s->n].name ? (s->n++, 0) : err_memory(e, NULL);
}

static int add_line(struct sums *s, char *line, struct err *e)
{
    char *word[2] = {NULL, NULL}, *rest;
    word[0] = strtok_r(line, " \t\r\n", &rest);
    if (!word[0] || word[0][0] == '#') return 0;
    word[1] = strtok_r(NULL, " \t\r\n", &rest);
    if (word[1] && *word[1] == '*') word[1]++; /* sha256sum's mark of binary files */
    if (word[1] && !strtok_r(NULL, " \t\r\n", &rest)) {
        if (is_sum(word[0])) return add_sum(s, word[0], word[1], e);
        if (is_sum(word[1])) return add_sum(s, word[1], word[0], e);
    }
    return err_set(e, "expected 64 hexadecimal digits and a file's name");
}

int sums_read(struct sums *s, const char *path, struct err *e)
{
    *s = (struct sums){.n = 0};
    FILE *f = fopen(path, "re");
    if (!f) return err_errno(e, "%s: cannot open", path);
    char *line = NULL;
    size_t room = 0, number = 0;
    int status = 0;
    while (!status && getline(&line, &room, f) >= 0) {
        number++;
        status = add_line(s, line, e);
        if (status) err_prefix(e, "%s: line %zu", path, number);
    }
    if (!status && ferror(f)) status = err_errno(e, "%s: cannot read", path);
    free(line);
    fclose(f);
    if (!status && !s->n) status = err_set(e, "%s: expected sums, found none", path);
    if (status) sums_free(s);
    return status;
}

void sums_free(struct sums *s)
{
    for (size_t i = 0; i < s->n; i++) free(s->item[i].name);
    free(s->item);
    *s = (struct sums){.n = 0};
}

/* --- a corpus's files --- */

/* Takes PATH (the list's own from now on) if it is there: 1, else 0; -1: out of memory. */
static int take(struct shard_files *f, char *path, struct err *e)
{
    struct stat st;
    if (!path) return err_memory(e, f->prefix);
    if (stat(path, &st) || !S_ISREG(st.st_mode)) {
        free(path);
        return 0;
    }
    struct shard_file *file = realloc(f->file, (f->n + 1) * sizeof *file);
    if (!file) {
        free(path);
        return err_memory(e, f->prefix);
    }
    f->file = file;
    f->file[f->n++] = (struct shard_file){.path = path, .bytes = (uint64_t)st.st_size};
    return 1;
}

int shard_files_open(struct shard_files *f, const char *prefix, struct err *e)
{
    struct corpus_bins bins = {.n = 0};
    *f = (struct shard_files){.prefix = corpus_prefix(prefix)};
    int status = f->prefix ? take(f, format_string("%s.idx", f->prefix), e) : err_memory(e, prefix);
    const size_t index = f->n;
    if (status >= 0) status = corpus_bins_find(&bins, f->prefix, e);
    for (size_t i = 0; i < bins.n && status >= 0; i++) status = take(f, strdup(bins.name[i]), e);
    f->whole = bins.whole;
    f->bins = f->n - index;
    if (status >= 0 && !f->bins)
        status = err_kind(e, ERR_MISSING, "%s.bin: not found, and no shards %s-00000-of-00020.bin",
                          f->prefix, f->prefix);
    corpus_bins_free(&bins);
    if (status < 0) shard_files_close(f);
    return status < 0 ? -1 : 0;
}

void shard_files_close(struct shard_files *f)
{
    for (size_t i = 0; i < f->n; i++) free(f->file[i].path);
    free(f->file);
    free(f->prefix);
    *f = (struct shard_files){.n = 0};
}

static int open_to_read(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) err_errno(e, "%s: cannot open", path);
    return fd;
}

/* Up to CHUNK bytes; -1 with *e. */
static ssize_t read_chunk(int fd, void *buffer, const char *path, struct err *e)
{
    ssize_t n;
    do n = read(fd, buffer, CHUNK);
    while (n < 0 && errno == EINTR);
    return n < 0 ? err_errno(e, "%s: cannot read", path) : n;
}

static int sum_file(struct shard_file *file, uint8_t *buffer, struct err *e)
{
    struct sha256_ctx state;
    ssize_t n;
    int fd = open_to_read(file->path, e);
    if (fd < 0) return -1;
    sha256_init(&state);
    while ((n = read_chunk(fd, buffer, file->path, e)) > 0) {
        sha256_update(&state, (size_t)n, buffer);
        progress_add((uint64_t)n);
    }
    close(fd);
    sum_text(&state, file->hex);
    return n < 0 ? -1 : 0;
}

int shard_files_sum(struct shard_files *f, struct err *e)
{
    int status = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->n; i++) bytes += f->file[i].bytes;
    progress_begin("sha256", "bytes", bytes);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < f->n; i++) {
        struct err own;
        uint8_t *buffer = malloc(CHUNK);
        int s = buffer ? sum_file(&f->file[i], buffer, &own) : err_memory(&own, f->file[i].path);
        free(buffer);
        if (s) err_first(e, &status, &own);
    }
    progress_end();
    return status;
}

/* --- joining --- */

struct joint {
    const struct shard_files *files;
    const struct sums *sums;
    int fd; /* of the part */
    char *part;
    uint8_t *buffer, *other;
    uint64_t there; /* bytes of the part not compared yet */
    struct sha256_ctx whole;
    size_t checked;
};

static int check_sum(struct joint *j, struct sha256_ctx *state, const char *path, struct err *e)
{
    const char *want = j->sums ? sums_find(j->sums, path) : NULL;
    char hex[SHA256_TEXT];
    sum_text(state, hex);
    if (!want) return 0;
    j->checked++;
    if (!strcmp(hex, want)) return 0;
    unlink(j->part);
    return err_kind(e, ERR_DAMAGED, "%s: expected the sha256 %s, found %s", path, want, hex);
}

static int write_all(struct joint *j, const uint8_t *data, size_t n, struct err *e)
{
    while (n) {
        ssize_t done = write(j->fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return err_errno(e, "%s: cannot write", j->part);
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

/* What the part has of the N bytes in the buffer, if it is the same, is not written again. */
static int keep_or_write(struct joint *j, size_t n, struct err *e)
{
    size_t same = 0, look = j->there < n ? (size_t)j->there : n;
    while (same < look) {
        ssize_t got = read(j->fd, j->other + same, look - same);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_errno(e, "%s: cannot read", j->part);
        if (got == 0) break;
        same += (size_t)got;
    }
    j->there -= look;
    if (same && memcmp(j->buffer, j->other, same)) {
        if (lseek(j->fd, -(off_t)same, SEEK_CUR) < 0)
            return err_errno(e, "%s: cannot write", j->part);
        same = 0;
        j->there = 0; /* nor what follows */
    }
    return write_all(j, j->buffer + same, n - same, e);
}

static int join_file(struct joint *j, const struct shard_file *file, struct err *e)
{
    struct sha256_ctx own;
    ssize_t n;
    int status = 0, fd = open_to_read(file->path, e);
    const bool sum = j->sums && sums_find(j->sums, file->path);
    if (fd < 0) return -1;
    sha256_init(&own);
    while (!status && (n = read_chunk(fd, j->buffer, file->path, e)) != 0) {
        if (n < 0) {
            status = -1;
            break;
        }
        if (sum) sha256_update(&own, (size_t)n, j->buffer);
        if (j->sums) sha256_update(&j->whole, (size_t)n, j->buffer);
        status = keep_or_write(j, (size_t)n, e);
        progress_add((uint64_t)n);
    }
    close(fd);
    return !status && sum ? check_sum(j, &own, file->path, e) : status;
}

static int join(struct joint *j, const char *path, struct err *e)
{
    struct stat st;
    uint64_t bytes = 0;
    int status = 0;
    if (fstat(j->fd, &st)) return err_errno(e, "%s: cannot write", j->part);
    j->there = (uint64_t)st.st_size;
    sha256_init(&j->whole);
    const size_t first = j->files->n - j->files->bins;
    for (size_t i = first; i < j->files->n; i++) bytes += j->files->file[i].bytes;
    progress_begin("merge", "bytes", bytes);
    for (size_t i = first; i < j->files->n && !status; i++)
        status = join_file(j, &j->files->file[i], e);
    progress_end();
    if (!status) status = check_sum(j, &j->whole, path, e);
    if (!status && (ftruncate(j->fd, (off_t)bytes) || fsync(j->fd)))
        status = err_errno(e, "%s: cannot write", j->part);
    if (!status && rename(j->part, path))
        status = err_errno(e, "%s: cannot rename the finished file into place", path);
    return status;
}

int shards_merge(const struct shard_files *f, const char *path, const struct sums *sums,
                 size_t *checked, struct err *e)
{
    struct joint j = {.files = f,
                      .sums = sums,
                      .fd = -1,
                      .part = format_string("%s.part", path),
                      .buffer = malloc(CHUNK),
                      .other = malloc(CHUNK)};
    int status = 0;
    if (f->whole)
        status = err_set(e, "%s.bin: is there in one piece: nothing to join", f->prefix);
    else if (!j.part || !j.buffer || !j.other)
        status = err_memory(e, path);
    else if ((j.fd = open(j.part, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
        status = err_errno(e, "%s: cannot write", path);
    if (!status) status = join(&j, path, e);
    if (j.fd >= 0) close(j.fd);
    *checked = j.checked;
    free(j.part);
    free(j.buffer);
    free(j.other);
    return status;
}
