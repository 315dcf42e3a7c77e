/* sheet.c - remarks and tables in order, printed as TSV or for a terminal; see sheet.h.
 *
 * A terminal's table is laid out in three steps: text of every cell, the columns' widths, and, where
 * they do not fit, first the last column of text is wrapped, then the columns are split into blocks
 * that each begin with the first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LEAST_WRAP = 24, MOST_COLUMNS = 128 };

enum block_kind { BLOCK_REMARK, BLOCK_DETAIL, BLOCK_HEADLINE, BLOCK_LINE, BLOCK_GAP, BLOCK_TABLE };

struct block {
    enum block_kind kind;
    bool detail;
    char *text;
    struct table *table;
};

struct sheet {
    struct block *blocks;
    size_t n, room;
    bool failed;
};

struct sheet *sheet_open(void)
{
    return calloc(1, sizeof(struct sheet));
}

void sheet_free(struct sheet *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->blocks[i].text);
        table_free(s->blocks[i].table);
    }
    free(s->blocks);
    free(s);
}

static struct block *next_block(struct sheet *s, enum block_kind kind)
{
    if (!s || s->failed) return NULL;
    if (s->n == s->room) {
        size_t room = 2 * s->room + 8;
        struct block *bigger = realloc(s->blocks, room * sizeof *bigger);
        if (!bigger) {
            s->failed = true;
            return NULL;
        }
        s->blocks = bigger;
        s->room = room;
    }
    s->blocks[s->n] = (struct block){.kind = kind, .detail = kind == BLOCK_DETAIL};
    return &s->blocks[s->n++];
}

static void add_text(struct sheet *s, enum block_kind kind, const char *format, va_list args)
{
    struct block *b = next_block(s, kind);
    if (b && vasprintf(&b->text, format, args) < 0) {
        b->text = NULL;
        s->failed = true;
    }
}

#define TEXT_BLOCK(name, kind)                                                                     \
    void name(struct sheet *s, const char *format, ...)                                            \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        add_text(s, kind, format, args);                                                           \
        va_end(args);                                                                              \
    }
TEXT_BLOCK(sheet_remark, BLOCK_REMARK)
TEXT_BLOCK(sheet_detail, BLOCK_DETAIL)
TEXT_BLOCK(sheet_headline, BLOCK_HEADLINE)
TEXT_BLOCK(sheet_line, BLOCK_LINE)

void sheet_gap(struct sheet *s)
{
    next_block(s, BLOCK_GAP);
}

struct table *sheet_table(struct sheet *s, const struct column *columns, size_t n,
                          const char *missing, bool detail)
{
    struct block *b = next_block(s, BLOCK_TABLE);
    if (!b) return NULL;
    b->detail = detail;
    b->table = table_open(columns, n, missing);
    if (!b->table) s->failed = true;
    return b->table;
}

/* --- TSV --- */

static void tsv_cell(const struct table *t, const struct cell *c, const char *format, FILE *f)
{
    switch (c->kind) {
    case CELL_TEXT:
        fputs(c->text, f);
        break;
    case CELL_REAL:
        if (isnan(c->real))
            fputs(t->missing, f);
        else if (isinf(c->real))
            fputs(c->real > 0 ? "inf" : "-inf", f);
        else
            fprintf(f, format ? format : "%.6g", c->real);
        break;
    case CELL_WHOLE:
        fprintf(f, "%" PRIu64, c->whole);
        break;
    case CELL_FLAG:
        fputs(c->whole ? "yes" : "no", f);
        break;
    default:
        fputs(t->missing, f);
    }
}

static void tsv_table(const struct table *t, FILE *f)
{
    const char *between = "";
    for (size_t k = 0; k < t->n; k++) {
        if (t->columns[k].flags & TABLE_NO_TSV) continue;
        fprintf(f, "%s%s", between, t->columns[k].name);
        between = "\t";
    }
    fputc('\n', f);
    for (size_t r = 0; r < table_rows(t); r++) {
        between = "";
        for (size_t k = 0; k < t->n; k++) {
            if (t->columns[k].flags & TABLE_NO_TSV) continue;
            fputs(between, f);
            tsv_cell(t, &t->cells[r * t->n + k], t->columns[k].format, f);
            between = "\t";
        }
        fputc('\n', f);
    }
}

/* --- a terminal --- */

/* Columns a text takes; what is not UTF-8 counts a byte each. */
static size_t text_width(const char *s)
{
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Bytes of S that take WIDTH columns, cut at a space where there is one in the second half. */
static size_t fitting(const char *s, size_t width)
{
    size_t bytes = 0, columns = 0, space = 0;
    for (; s[bytes]; bytes++) {
        if (((unsigned char)s[bytes] & 0xc0) != 0x80 && columns++ == width)
            return space > width / 2 ? space : bytes;
        if (s[bytes] == ' ') space = bytes;
    }
    return bytes;
}

/* S in lines of at most ROOM columns, those after the first indented. */
static void wrapped(const char *s, size_t room, size_t indent, FILE *f)
{
    for (;;) {
        size_t bytes = fitting(s, room);
        fprintf(f, "%.*s\n", (int)bytes, s);
        s += bytes;
        while (*s == ' ') s++;
        if (!*s) return;
        fprintf(f, "%*s", (int)indent, "");
    }
}

struct layout {
    size_t column[MOST_COLUMNS], n; /* shown, in order */
    size_t width[MOST_COLUMNS];
    bool text[MOST_COLUMNS]; /* left-aligned */
};

static const char *cell_shown(const struct cell *c, char *buffer, size_t size)
{
    switch (c->kind) {
    case CELL_TEXT:
        return c->text;
    case CELL_REAL:
        return table_number(c->real, c->unit, buffer, size);
    case CELL_WHOLE:
        if (c->unit == TABLE_PLAIN || c->unit == TABLE_EXACT) {
            snprintf(buffer, size, "%" PRIu64, c->whole);
            return buffer;
        }
        return table_number((double)c->whole, c->unit, buffer, size);
    case CELL_FLAG:
        return c->whole ? "yes" : "no";
    default:
        return "-";
    }
}

static const char *heading(const struct column *c)
{
    return c->head ? c->head : c->name;
}

static void lay_out(const struct table *t, bool details, struct layout *l)
{
    l->n = 0;
    for (size_t k = 0; k < t->n && l->n < MOST_COLUMNS; k++) {
        const struct column *c = &t->columns[k];
        if (c->flags & TABLE_NO_TERMINAL) continue;
        if ((c->flags & TABLE_DETAIL) && !details) continue;
        size_t width = 0;
        bool text = false;
        for (size_t r = 0; r < table_rows(t); r++) {
            char buffer[48];
            const struct cell *cell = &t->cells[r * t->n + k];
            size_t w = text_width(cell_shown(cell, buffer, sizeof buffer));
            if (w > width) width = w;
            text = text || cell->kind == CELL_TEXT || cell->kind == CELL_FLAG;
        }
        if (width == 0 && table_rows(t)) continue; /* empty texts only: no reasons, say */
        size_t head = text_width(heading(c));
        l->column[l->n] = k;
        l->width[l->n] = head > width ? head : width;
        l->text[l->n++] = text;
    }
}

/* One line of the layout's columns first .. end - 1 (and column 0 before them), R: a row, or the
 * header when it is the number of rows. The last column, when text, is wrapped. */
static void row_line(const struct table *t, const struct layout *l, size_t first, size_t end,
                     size_t r, size_t screen, FILE *f)
{
    size_t at = 0;
    for (size_t i = first ? 0 : first; i < end; i = i == 0 && first ? first : i + 1) {
        char buffer[48];
        const struct column *c = &t->columns[l->column[i]];
        const char *s = r == table_rows(t)
                            ? heading(c)
                            : cell_shown(&t->cells[r * t->n + l->column[i]], buffer, sizeof buffer);
        size_t w = text_width(s), pad = l->width[i] > w ? l->width[i] - w : 0;
        bool last = i + 1 == end;
        if (at) fprintf(f, "%*s", GAP, "");
        at += at ? GAP : 0;
        if (!l->text[i]) {
            fprintf(f, "%*s%s%s", (int)pad, "", s, last ? "\n" : "");
        } else if (last) {
            wrapped(s, screen > at + LEAST_WRAP ? screen - at : LEAST_WRAP, at, f);
        } else {
            fprintf(f, "%s%*s", s, (int)pad, "");
        }
        at += l->width[i];
    }
}

static void terminal_table(const struct table *t, const struct sheet_style *style, FILE *f)
{
    struct layout l;
    lay_out(t, style->details, &l);
    if (!l.n) return;
    /* The last column, when text, may be narrower than its text. */
    size_t last = l.n - 1;
    for (size_t first = 0; first < l.n;) {
        size_t at = first ? l.width[0] : 0, end = first;
        while (end < l.n) {
            size_t w =
                end == last && l.text[end] && l.width[end] > LEAST_WRAP ? LEAST_WRAP : l.width[end];
            if (end > first && at + GAP + w > style->width) break;
            at += (at ? GAP : 0) + w;
            end++;
        }
        for (size_t r = table_rows(t) + 1; r-- > 0;) { /* the header first */
            size_t row = r == table_rows(t) ? r : table_rows(t) - 1 - r;
            row_line(t, &l, first, end, row, style->width, f);
        }
        first = end;
        if (first < l.n) fputc('\n', f);
    }
}

static void terminal(const struct sheet *s, const struct sheet_style *style, FILE *f)
{
    enum block_kind before = BLOCK_GAP;
    for (size_t i = 0; i < s->n; i++) {
        const struct block *b = &s->blocks[i];
        if ((b->detail && !style->details) || b->kind == BLOCK_LINE || b->kind == BLOCK_GAP)
            continue;
        /* Tables and talk stand apart. */
        bool table = b->kind == BLOCK_TABLE;
        if (before != BLOCK_GAP && (table || before == BLOCK_TABLE)) fputc('\n', f);
        if (table)
            terminal_table(b->table, style, f);
        else if (b->kind == BLOCK_HEADLINE)
            wrapped(b->text, style->width, 0, f);
        else
            wrapped(b->text, style->width > 22 ? style->width - 2 : 20, 2, f);
        before = table ? BLOCK_TABLE : BLOCK_REMARK;
    }
}

int sheet_write(const struct sheet *s, const struct sheet_style *style, FILE *f, struct err *e)
{
    if (!s || s->failed) return err_memory(e, NULL);
    for (size_t i = 0; i < s->n; i++) {
        if (s->blocks[i].table && s->blocks[i].table->failed) return err_memory(e, NULL);
    }
    if (style->terminal) {
        terminal(s, style, f);
    } else {
        for (size_t i = 0; i < s->n; i++) {
            const struct block *b = &s->blocks[i];
            if (b->kind == BLOCK_REMARK || b->kind == BLOCK_DETAIL)
                fprintf(f, "# %s\n", b->text);
            else if (b->kind == BLOCK_LINE || b->kind == BLOCK_GAP)
                fprintf(f, "%s\n", b->text ? b->text : "");
            else if (b->kind == BLOCK_TABLE)
                tsv_table(b->table, f);
        }
    }
    return ferror(f) ? err_errno(e, "stdout: cannot write") : 0;
}
