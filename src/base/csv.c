/* csv.c - see csv.h.
 *
 * libcsv does the grammar. It reports no positions, so the text is handed over one line at a time:
 * a row's line is the one its first field was begun on, and an error's place within its line is
 * what csv_parse says it consumed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/csv.h"

#include <csv.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "src/base/file.h"
#include "src/base/num.h"

/* State of a read in progress. */
struct reader {
    struct csv *c;
    size_t text_size, text_room;
    size_t fields, field_room; /* over all rows so far */
    size_t rows, row_room;     /* the header counted */
    size_t row_fields;         /* of the row being read */
    size_t line;               /* being handed to libcsv */
    size_t row_line;           /* on which the row being read began */
    bool failed;
    struct err *e;
};

static int grow(void **array, size_t *room, size_t need, size_t size)
{
    if (need <= *room) return 0;
    size_t now = *room ? *room : 256;
    while (now < need) {
        if (now > SIZE_MAX / 2 / size) return -1;
        now *= 2;
    }
    void *p = realloc(*array, now * size);
    if (!p) return -1;
    *array = p;
    *room = now;
    return 0;
}

static void no_memory(struct reader *r)
{
    err_memory(r->e, r->c->path);
    r->failed = true;
}

static void on_field(void *data, size_t size, void *context)
{
    struct reader *r = context;
    struct csv *c = r->c;
    if (r->failed) return;
    if (grow((void **)&c->text, &r->text_room, r->text_size + size + 1, 1) ||
        grow((void **)&c->offset, &r->field_room, r->fields + 1, sizeof *c->offset)) {
        no_memory(r);
        return;
    }
    c->offset[r->fields++] = r->text_size;
    if (size) memcpy(c->text + r->text_size, data, size);
    r->text_size += size;
    c->text[r->text_size++] = 0;
    r->row_fields++;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    struct reader *r = context;
    struct csv *c = r->c;
    if (r->failed) return;
    if (r->rows == 0) c->columns = r->row_fields;
    if (r->row_fields != c->columns) {
        err_set(r->e, "%s: line %zu: expected %zu fields as in the header, found %zu", c->path,
                r->row_line, c->columns, r->row_fields);
        r->failed = true;
        return;
    }
    if (grow((void **)&c->line, &r->row_room, r->rows + 1, sizeof *c->line)) {
        no_memory(r);
        return;
    }
    c->line[r->rows++] = r->row_line;
    r->row_fields = 0;
    r->row_line = 0;
}

static unsigned char delimiter(const char *text, size_t size)
{
    bool quoted = false, tab = false, semicolon = false;
    for (size_t i = 0; i < size && (quoted || (text[i] != '\n' && text[i] != '\r')); i++) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted) continue;
        if (text[i] == ',') return ',';
        if (text[i] == '\t') tab = true;
        if (text[i] == ';') semicolon = true;
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

/* With tabs between fields only the blank may be cut from them. */
static int is_blank(unsigned char ch)
{
    return ch == ' ';
}

static int read_lines(struct reader *r, struct csv_parser *parser, const char *text, size_t size)
{
    struct csv *c = r->c;
    size_t quote_line = 0;
    for (size_t begin = 0, end; begin < size && !r->failed; begin = end) {
        end = begin;
        while (end < size && text[end] != '\n' && text[end] != '\r') end++;
        if (end + 1 < size && text[end] == '\r' && text[end + 1] == '\n') end++;
        if (end < size) end++;
        r->line++;
        if (!r->row_line) r->row_line = r->line;
        size_t before = r->rows;
        size_t done = csv_parse(parser, text + begin, end - begin, on_field, on_row, r);
        if (r->failed) return -1;
        if (done != end - begin) {
            if (csv_error(parser) == CSV_EPARSE)
                return err_set(
                    r->e,
                    "%s: line %zu, column %zu: expected a quote only around a whole field "
                    "(doubled inside it), found otherwise at character %zu",
                    c->path, r->line, r->row_fields + 1, done + 1);
            return err_set(r->e, "%s: line %zu: %s", c->path, r->line,
                           csv_strerror(csv_error(parser)));
        }
        /* A blank line has begun no row; the last line may lack its end, and quotes go on over it.
         */
        bool ended = text[end - 1] == '\n' || text[end - 1] == '\r';
        if (r->rows == before && r->row_fields == 0 && !parser->quoted && ended) r->row_line = 0;
        if (parser->quoted && !quote_line) quote_line = r->line;
        if (!parser->quoted) quote_line = 0;
    }
    if (!r->failed && csv_fini(parser, on_field, on_row, r))
        return err_set(r->e, "%s: line %zu, column %zu: a quote is opened and never closed",
                       c->path, quote_line ? quote_line : r->line, r->row_fields + 1);
    return r->failed ? -1 : 0;
}

int csv_read_memory(struct csv *c, const char *name, const void *data, size_t size, struct err *e)
{
    *c = (struct csv){0};
    struct reader r = {.c = c, .e = e};
    struct csv_parser parser;
    const char *text = data;
    int status = -1;
    c->path = strdup(name);
    if (!c->path || csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI)) {
        free(c->path);
        *c = (struct csv){0};
        return err_memory(e, name);
    }
    c->hash = XXH3_64bits(data, size);
    if (size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) {
        text += 3;
        size -= 3;
    }
    const char *nul = size ? memchr(text, 0, size) : NULL;
    if (nul) {
        size_t line = 1;
        for (const char *t = text; t < nul; t++) line += *t == '\n';
        err_set(e, "%s: line %zu: expected text, found a zero byte (UTF-16 or a binary file?)",
                name, line);
        goto out;
    }
    unsigned char between = delimiter(text, size);
    csv_set_delim(&parser, between);
    if (between == '\t') csv_set_space_func(&parser, is_blank);
    if (read_lines(&r, &parser, text, size)) goto out;
    if (r.rows == 0) {
        err_set(e, "%s: expected a header and rows, found an empty file", name);
        goto out;
    }
    if (r.rows == 1) {
        err_set(e, "%s: line %zu: expected data rows after the header, found none", name,
                c->line[0]);
        goto out;
    }
    c->rows = r.rows - 1;
    status = 0;
out:
    csv_free(&parser);
    if (status) csv_close(c);
    return status;
}

static int read_stdin(char **data, size_t *size, struct err *e)
{
    size_t room = 0;
    *data = NULL;
    *size = 0;
    for (;;) {
        if (grow((void **)data, &room, *size + 65536, 1)) {
            free(*data);
            return err_memory(e, "stdin");
        }
        size_t got = fread(*data + *size, 1, room - *size, stdin);
        *size += got;
        if (!got) break;
    }
    if (ferror(stdin)) {
        free(*data);
        return err_errno(e, "stdin: cannot read");
    }
    return 0;
}

int csv_read(struct csv *c, const char *path, struct err *e)
{
    int status;
    *c = (struct csv){0};
    if (!strcmp(path, "-")) {
        char *data;
        size_t size;
        if (read_stdin(&data, &size, e)) return -1;
        status = csv_read_memory(c, "stdin", data, size, e);
        free(data);
    } else {
        struct map m;
        if (map_open(&m, path, e)) return -1;
        status = csv_read_memory(c, path, m.data, m.size, e);
        map_close(&m);
    }
    return status;
}

void csv_close(struct csv *c)
{
    free(c->path);
    free(c->line);
    free(c->offset);
    free(c->text);
    *c = (struct csv){0};
}

const char *csv_header(const struct csv *c, size_t column)
{
    return c->text + c->offset[column];
}

const char *csv_field(const struct csv *c, size_t row, size_t column)
{
    return c->text + c->offset[(row + 1) * c->columns + column];
}

long csv_find(const struct csv *c, const char *name)
{
    long found = CSV_NONE;
    for (size_t i = 0; i < c->columns; i++) {
        if (strcasecmp(csv_header(c, i), name)) continue;
        if (found != CSV_NONE) return CSV_TWICE;
        found = (long)i;
    }
    return found;
}

int csv_parse_number(const char *text, double *value)
{
    struct err ignored;
    char plain[64];
    if (strstr(text, "\xE2\x88\x92")) { /* U+2212, in exponents too: 5.87e-2 */
        size_t n = 0;
        for (; *text && n + 1 < sizeof plain; n++) {
            bool minus = !strncmp(text, "\xE2\x88\x92", 3);
            plain[n] = minus ? '-' : *text;
            text += minus ? 3 : 1;
        }
        if (*text) return -1;
        plain[n] = 0;
        text = plain;
    }
    return parse_real(text, "", value, &ignored);
}

int csv_number(const struct csv *c, size_t row, size_t column, double *value, struct err *e)
{
    const char *text = csv_field(c, row, column);
    if (!csv_parse_number(text, value)) return 0;
    if (!*text) return csv_err(c, row, column, e, "expected a number, found nothing");
    return csv_err(c, row, column, e, "expected a number, found '%.60s'", text);
}

int csv_err(const struct csv *c, size_t row, size_t column, struct err *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return err_prefix(e, "%s: line %zu, column %zu (%s)", c->path, c->line[row + 1], column + 1,
                      csv_header(c, column));
}

int csv_missing(const struct csv *c, struct err *e, const char *name, const char *what)
{
    char list[400] = "";
    for (size_t i = 0; i < c->columns; i++) {
        size_t used = strlen(list);
        if (used + strlen(csv_header(c, i)) + 12 > sizeof list) {
            snprintf(list + used, sizeof list - used, " ...");
            break;
        }
        snprintf(list + used, sizeof list - used, "%s'%s'", i ? ", " : "", csv_header(c, i));
    }
    if (name)
        return err_set(e, "%s: line %zu: expected a column '%s' for %s, found %s", c->path,
                       c->line[0], name, what, list);
    return err_set(e, "%s: line %zu: expected a column for %s, found %s; name it with an option",
                   c->path, c->line[0], what, list);
}

int csv_write_text(struct out *o, const char *text, struct err *e)
{
    if (!strpbrk(text, ",\"\r\n")) return out_printf(o, e, "%s", text);
    int status = out_printf(o, e, "\"");
    for (; *text && !status; text++) {
        status = out_write(o, text, 1, e);
        if (!status && *text == '"') status = out_write(o, text, 1, e);
    }
    return status ? status : out_printf(o, e, "\"");
}
