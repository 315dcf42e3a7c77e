/* text.c - see text.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

enum { INPUT = 1 << 18, DEPTH = 512 };

/* --- bytes --- */

static bool ends_with(const char *s, size_t n, const char *suffix)
{
    size_t m = strlen(suffix);
    return n >= m && !memcmp(s + n - m, suffix, m);
}

/* The length of PATH without .zst or .zstd. */
static size_t plain_length(const char *path)
{
    size_t n = strlen(path);
    if (ends_with(path, n, ".zst")) return n - 4;
    if (ends_with(path, n, ".zstd")) return n - 5;
    return n;
}

bool path_is_jsonl(const char *path)
{
    size_t n = plain_length(path);
    return ends_with(path, n, ".jsonl") || ends_with(path, n, ".ndjson") ||
           ends_with(path, n, ".json");
}

/* Fills the input buffer when it is used up. */
static int refill(struct source *s, struct err *e)
{
    if (s->input_at < s->input_count || s->input_ended) return 0;
    ssize_t n;
    do {
        n = read(s->fd, s->input, INPUT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return err_errno(e, "%s: cannot read", s->path);
    s->input_at = 0;
    s->input_count = (size_t)n;
    s->input_ended = n == 0;
    s->bytes += (uint64_t)n;
    XXH3_64bits_update(s->hash, s->input, (size_t)n);
    return 0;
}

int source_open(struct source *s, const char *path, struct err *e)
{
    *s = (struct source){.path = path, .fd = -1};
    struct stat st;
    bool standard = !strcmp(path, "-");
    s->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    s->input = malloc(INPUT);
    s->hash = XXH3_createState();
    int status = -1;
    if (s->fd < 0) {
        err_errno(e, "%s: cannot open", path);
        goto out;
    }
    if (!s->input || !s->hash) {
        err_memory(e, path);
        goto out;
    }
    if (!fstat(s->fd, &st) && S_ISDIR(st.st_mode)) {
        err_set(e, "%s: expected a file, found a directory", path);
        goto out;
    }
    XXH3_64bits_reset(s->hash);
    /* Pipes may give a byte at a time: the first bytes are gathered before they are looked at. */
    while (s->input_count < 4) {
        ssize_t n = read(s->fd, s->input + s->input_count, INPUT - s->input_count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            err_errno(e, "%s: cannot read", path);
            goto out;
        }
        if (n == 0) break;
        s->input_count += (size_t)n;
    }
    s->bytes = s->input_count;
    XXH3_64bits_update(s->hash, s->input, s->input_count);
    uint32_t start = 0;
    if (s->input_count >= 4) memcpy(&start, s->input, 4);
    s->zstd = start == ZSTD_MAGICNUMBER || (start & 0xFFFFFFF0u) == ZSTD_MAGIC_SKIPPABLE_START;
    if ((start & 0xFFFF) == 0x8B1F) {
        err_set(e, "%s: compressed with gzip: expected plain text or zstd", path);
        goto out;
    }
    if (!s->zstd && plain_length(path) != strlen(path)) {
        err_set(e, "%s: expected zstd data, found %s", path,
                s->input_count ? "something else" : "an empty file");
        goto out;
    }
    if (s->zstd) {
        s->decoder = ZSTD_createDCtx();
        if (!s->decoder ||
            ZSTD_isError(ZSTD_DCtx_setParameter(s->decoder, ZSTD_d_windowLogMax, 31))) {
            err_memory(e, path);
            goto out;
        }
    }
    status = 0;
out:
    if (status) source_close(s);
    return status;
}

int source_read(struct source *s, uint8_t *out, size_t capacity, size_t *count, struct err *e)
{
    *count = 0;
    while (!s->finished && *count == 0 && capacity) {
        if (refill(s, e)) return -1;
        if (!s->zstd) {
            size_t n = s->input_count - s->input_at;
            if (n > capacity) n = capacity;
            memcpy(out, s->input + s->input_at, n);
            s->input_at += n;
            *count = n;
            s->finished = s->input_ended;
            continue;
        }
        ZSTD_inBuffer in = {s->input, s->input_count, s->input_at};
        ZSTD_outBuffer to = {out, capacity, 0};
        if (s->input_ended && !s->in_frame) {
            s->finished = true;
            break;
        }
        size_t code = ZSTD_decompressStream(s->decoder, &to, &in);
        if (ZSTD_isError(code)) return err_set(e, "%s: zstd: %s", s->path, ZSTD_getErrorName(code));
        s->input_at = in.pos;
        s->in_frame = code != 0;
        *count = to.pos;
        if (s->input_ended && code && !to.pos)
            return err_set(e, "%s: zstd data cut short after %llu bytes", s->path,
                           (unsigned long long)s->bytes);
    }
    return 0;
}

uint64_t source_hash(const struct source *s)
{
    return XXH3_64bits_digest(s->hash);
}

void source_close(struct source *s)
{
    if (s->fd >= 0) close(s->fd);
    ZSTD_freeDCtx(s->decoder);
    XXH3_freeState(s->hash);
    free(s->input);
    *s = (struct source){.fd = -1};
}

/* ---- JSON ---- */

struct scan {
    const uint8_t *start, *p, *end;
    struct err *e;
};

static int scan_fail(struct scan *s, const char *expected)
{
    return err_set(s->e, "column %zu: not JSON: expected %s%s", (size_t)(s->p - s->start) + 1,
                   expected, s->p == s->end ? ", found the end" : "");
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static int hex4(struct scan *s, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        uint8_t c = s->p < s->end ? *s->p : 0;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)c - '0'
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16;
        if (digit > 15) return scan_fail(s, "four hexadecimal digits");
        *value = *value << 4 | digit;
    }
    return 0;
}

/* A string from its opening quote; its text is appended to OUT unless that is NULL. */
static int scan_string(struct scan *s, struct bytes *out, uint64_t *invalid)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end || *s->p != '"') return scan_fail(s, "a string");
    s->p++;
    for (;;) {
        const uint8_t *run = s->p;
        while (s->p < s->end && *s->p != '"' && *s->p != '\\' && *s->p >= 0x20) s->p++;
        if (out && bytes_append(out, run, (size_t)(s->p - run))) return err_memory(s->e, NULL);
        if (s->p == s->end) return scan_fail(s, "the end of a string");
        uint8_t c = *s->p;
        if (c < 0x20) return scan_fail(s, "no control character in a string");
        s->p++;
        if (c == '"') return 0;
        const char *name = s->p < s->end && *s->p ? strchr(names, *s->p) : NULL;
        uint8_t buffer[4];
        size_t n = 1;
        if (name) {
            buffer[0] = (uint8_t)values[name - names];
            s->p++;
        } else if (s->p < s->end && *s->p == 'u') {
            uint32_t point, low;
            s->p++;
            if (hex4(s, &point)) return -1;
            if (point >= 0xD800 && point < 0xDC00 && s->end - s->p >= 2 && s->p[0] == '\\' &&
                s->p[1] == 'u') {
                const uint8_t *here = s->p;
                s->p += 2;
                if (hex4(s, &low)) return -1;
                if (low >= 0xDC00 && low < 0xE000)
                    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                else
                    s->p = here; /* an escape of its own */
            }
            if (point >= 0xD800 && point < 0xE000) {
                point = 0xFFFD;
                if (invalid) ++*invalid;
            }
            n = utf8_write(point, buffer);
        } else {
            return scan_fail(s, "an escape");
        }
        if (out && bytes_append(out, buffer, n)) return err_memory(s->e, NULL);
    }
}

static bool take(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n)) return false;
    s->p += n;
    return true;
}

static size_t digits(struct scan *s)
{
    const uint8_t *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return (size_t)(s->p - from);
}

/* A number, true, false, null; and NaN and the infinities, which Python writes. */
static int scan_scalar(struct scan *s)
{
    if (take(s, "true") || take(s, "false") || take(s, "null") || take(s, "NaN") ||
        take(s, "Infinity") || take(s, "-Infinity"))
        return 0;
    if (s->p < s->end && *s->p == '-') s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!digits(s))
        return scan_fail(s, "a value");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s)) return scan_fail(s, "a digit");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!digits(s)) return scan_fail(s, "a digit");
    }
    return 0;
}

/* Any value, without recursion: nesting[] remembers which bracket each level waits for. */
static int scan_value(struct scan *s)
{
    char nesting[DEPTH];
    size_t depth = 0;
    bool value = true; /* a value comes next; else what follows one */
    for (;;) {
        skip_space(s);
        if (value && s->p < s->end && (*s->p == '{' || *s->p == '[')) {
            if (depth == DEPTH) return scan_fail(s, "less than 512 levels");
            char close = *s->p == '{' ? '}' : ']';
            s->p++;
            skip_space(s);
            if (s->p < s->end && *s->p == (uint8_t)close) {
                s->p++;
                value = false;
            } else {
                nesting[depth++] = close;
            }
        } else if (value) {
            if (s->p < s->end && *s->p == '"' ? scan_string(s, NULL, NULL) : scan_scalar(s))
                return -1;
            value = false;
        } else if (!depth) {
            return 0;
        } else if (s->p < s->end && *s->p == ',') {
            s->p++;
            value = true;
        } else if (s->p < s->end && *s->p == (uint8_t)nesting[depth - 1]) {
            s->p++;
            depth--;
            continue;
        } else {
            return scan_fail(s, nesting[depth - 1] == '}' ? "',' or '}'" : "',' or ']'");
        }
        if (value && depth && nesting[depth - 1] == '}') {
            skip_space(s);
            if (scan_string(s, NULL, NULL)) return -1;
            skip_space(s);
            if (s->p == s->end || *s->p != ':') return scan_fail(s, "':'");
            s->p++;
        }
        if (!value && !depth) return 0;
    }
}

static const char *kind_of(uint8_t c)
{
    switch (c) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a truth value";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

int json_line_field(const uint8_t *line, size_t bytes, const char *field, struct bytes *out,
                    uint64_t *invalid, struct err *e)
{
    struct scan s = {line, line, line + bytes, e};
    struct bytes key = {0};
    size_t wanted = strlen(field), start = out->count;
    uint64_t lone = 0;
    const char *other = NULL; /* what the field is if not a string */
    bool found = false;
    int status = -1;
    skip_space(&s);
    if (s.p == s.end || *s.p != '{') {
        scan_fail(&s, "an object in '{}'");
        goto done;
    }
    s.p++;
    skip_space(&s);
    if (s.p < s.end && *s.p == '}') {
        s.p++;
    } else {
        for (;;) {
            skip_space(&s);
            key.count = 0;
            if (scan_string(&s, &key, NULL)) goto done;
            skip_space(&s);
            if (s.p == s.end || *s.p != ':') {
                scan_fail(&s, "':'");
                goto done;
            }
            s.p++;
            skip_space(&s);
            if (key.count == wanted && (!wanted || !memcmp(key.data, field, wanted))) {
                found = true;
                out->count = start;
                lone = 0;
                other = s.p < s.end && *s.p != '"' ? kind_of(*s.p) : NULL;
                if (other ? scan_value(&s) : scan_string(&s, out, &lone)) goto done;
            } else if (scan_value(&s)) {
                goto done;
            }
            skip_space(&s);
            if (s.p < s.end && *s.p == ',') {
                s.p++;
                continue;
            }
            if (s.p == s.end || *s.p != '}') {
                scan_fail(&s, "',' or '}'");
                goto done;
            }
            s.p++;
            break;
        }
    }
    skip_space(&s);
    if (s.p != s.end) {
        scan_fail(&s, "nothing after the object");
        goto done;
    }
    if (!found)
        err_set(e, "no field '%.60s'", field);
    else if (other)
        err_set(e, "field '%.60s': expected a string, found %s", field, other);
    else
        status = 0;
    *invalid += lone;
done:
    bytes_free(&key);
    return status;
}

/* --- words --- */

uint64_t count_words(const uint8_t *p, size_t bytes)
{
    uint64_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes;) {
        uint8_t b = p[i];
        size_t n = 1;
        bool space = b == ' ' || (b >= 9 && b <= 13);
        if (b >= 0xC2 && b <= 0xE3) {
            /* White space above ASCII: U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F,
             * U+205F, U+3000. */
            uint8_t c = i + 1 < bytes ? p[i + 1] : 0, d = i + 2 < bytes ? p[i + 2] : 0;
            if (b == 0xC2 && (c == 0x85 || c == 0xA0)) {
                space = true;
                n = 2;
            } else if ((b == 0xE1 && c == 0x9A && d == 0x80) ||
                       (b == 0xE2 && c == 0x80 &&
                        ((d >= 0x80 && d <= 0x8A) || d == 0xA8 || d == 0xA9 || d == 0xAF)) ||
                       (b == 0xE2 && c == 0x81 && d == 0x9F) ||
                       (b == 0xE3 && c == 0x80 && d == 0x80)) {
                space = true;
                n = 3;
            }
        }
        words += !space && !inside;
        inside = !space;
        i += n;
    }
    return words;
}
