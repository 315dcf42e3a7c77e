/* debian_text.c - see debian_text.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/debian_text.h"

#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/text/html_text.h"

static const struct {
    const char *name, *pages;
} packages[] = {
    {"anarchism", "/usr/share/doc/anarchism/html/*.html"},
    {"debian-handbook", "/usr/share/doc/debian-handbook/html/en-US/*.html"},
    {"debian-reference-en", "/usr/share/debian-reference/*.en.html"},
};
enum { PACKAGES = sizeof packages / sizeof *packages };

/* Valid UTF-8, as JSON wants it: U+FFFD for what is not. */
static int repaired(const struct bytes *text, struct bytes *out)
{
    const uint8_t *p = text->data;
    for (size_t left = text->count, skip = 1; left && skip;) {
        const size_t n = utf8_valid(p, left, &skip);
        if (bytes_append(out, p, n) || (skip && bytes_append(out, "\xEF\xBF\xBD", 3))) return -1;
        p += n + skip;
        left -= n + skip;
    }
    return 0;
}

static int write_page(struct out *out, const char *path, struct debian_text *d, struct err *e)
{
    struct map page;
    struct bytes text = {0}, valid = {0};
    if (map_open(&page, path, e)) return -1;
    int status =
        html_text(page.data, page.size, &text) || repaired(&text, &valid) ? err_memory(e, path) : 0;
    map_close(&page);
    if (!status && valid.count) {
        json_t *line = json_object();
        json_object_set_new(line, "text", json_stringn((const char *)valid.data, valid.count));
        char *json = json_dumps(line, JSON_COMPACT);
        status = json ? out_printf(out, e, "%s\n", json) : err_memory(e, path);
        free(json);
        json_decref(line);
        d->pages++;
        d->bytes += valid.count;
    }
    bytes_free(&text);
    bytes_free(&valid);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ROOT is a name, not a pattern. */
static char *pattern_of(const char *root, const char *pages)
{
    char *pattern = malloc(2 * strlen(root) + strlen(pages) + 1), *to = pattern;
    if (!pattern) return NULL;
    for (; *root; *to++ = *root++)
        if (strchr("*?[\\", *root)) *to++ = '\\';
    strcpy(to, pages);
    return pattern;
}

/* The pages of the first package that has any. */
static int find_pages(glob_t *pages, const char *root, const char **package, struct err *e)
{
    for (size_t i = 0; i < PACKAGES; i++) {
        char *pattern = pattern_of(root, packages[i].pages);
        if (!pattern) return err_memory(e, packages[i].name);
        const int status = glob(pattern, GLOB_NOSORT, NULL, pages);
        free(pattern);
        if (!status) {
            qsort(pages->gl_pathv, pages->gl_pathc, sizeof *pages->gl_pathv, by_name);
            *package = packages[i].name;
            return 0;
        }
        globfree(pages);
    }
    return err_kind(e, ERR_MISSING,
                    "%s/usr/share/doc: no text to train on: install one of the packages anarchism "
                    "(best), debian-handbook or debian-reference-en, or give a text of your own",
                    root);
}

int debian_text_write(const char *path, const char *root, struct debian_text *d, struct err *e)
{
    glob_t pages;
    struct out out = {.slot = -1};
    *d = (struct debian_text){.pages = 0};
    if (find_pages(&pages, root, &d->package, e)) return -1;
    int status = out_open(&out, path, e);
    for (size_t i = 0; i < pages.gl_pathc && !status; i++)
        status = write_page(&out, pages.gl_pathv[i], d, e);
    if (!status)
        status = out_commit(&out, e);
    else
        out_abort(&out);
    globfree(&pages);
    return status;
}
