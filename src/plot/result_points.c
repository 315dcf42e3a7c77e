/* result_points.c - the rows behind a result, read again; see result.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fit/expression.h"
#include "fit/fit_data.h"
#include "src/base/file.h"
#include "src/plot/result.h"

/* Argument I of the command line, "" beyond its end. */
static const char *argument(const struct result *r, size_t i)
{
    json_t *command = json_object_get(r->json, "command");
    if (!command) command = result_member(r->json, "provenance.command");
    const char *text = json_string_value(json_array_get(command, i));
    return text ? text : "";
}

const char *result_next_option(const struct result *r, const char *name, size_t *at)
{
    const size_t n = strlen(name);
    while (*argument(r, *at)) {
        const char *text = argument(r, (*at)++);
        if (strncmp(text, "--", 2) != 0 || strncmp(text + 2, name, n) != 0) continue;
        if (text[2 + n] == '=') return text + 3 + n;
        if (!text[2 + n]) return argument(r, *at);
    }
    return NULL;
}

const char *result_option(const struct result *r, const char *name)
{
    size_t at = 1;
    return result_next_option(r, name, &at);
}

struct recipe {
    struct points_options o;
    const char **where;
    size_t *lines;
};

static int add_lines(struct recipe *q, json_t *result)
{
    json_t *dropped = result_member(result, "rows.dropped_rows");
    const size_t n = json_array_size(dropped);
    size_t *more = realloc(q->lines, (q->o.n_drop_lines + n + 1) * sizeof *more);
    if (!more) return -1;
    q->lines = more;
    for (size_t i = 0; i < n; i++)
        more[q->o.n_drop_lines++] =
            (size_t)json_integer_value(json_object_get(json_array_get(dropped, i), "line"));
    q->o.drop_lines = q->lines;
    return 0;
}

enum points_column result_variable(const struct result *r)
{
    const char *x = result_option(r, "x");
    return !x || !strcasecmp(x, "N") ? POINTS_N
           : !strcasecmp(x, "D")     ? POINTS_D
           : !strcasecmp(x, "C")     ? POINTS_C
                                     : POINTS_STEP;
}

/* Bits of the columns that rows must have. */
static unsigned needed(const struct result *r, bool *last)
{
    struct err ignored;
    struct law *own = NULL;
    const struct law *law = expression_or_name(result_string(r->json, "law"), &own, &ignored);
    const enum points_column x = result_variable(r);
    *last = law && law->variables & LAW_ANY && x == POINTS_N;
    unsigned need = 0;
    if (!law && r->kind != RESULT_FIT && r->kind != RESULT_FITS)
        need = 1u << POINTS_N | 1u << POINTS_D | 1u << POINTS_C;
    for (int k = 0; law && k < 3; k++) {
        const enum points_column column = fit_data_column(law, k, x);
        if (column < POINTS_COLUMNS) need |= 1u << column;
    }
    expression_free(own);
    return need;
}

static int make_recipe(struct recipe *q, const struct result *r, bool every, struct err *e)
{
    static const char *const names[] = {[POINTS_N] = "N",
                                        [POINTS_D] = "D",
                                        [POINTS_C] = "C",
                                        [POINTS_LOSS] = "loss",
                                        [POINTS_STEP] = "step",
                                        [POINTS_UNIQUE] = "unique",
                                        [POINTS_VOCABULARY] = "vocabulary",
                                        [POINTS_OUTCOME] = "outcome",
                                        [POINTS_WEIGHT] = "weight",
                                        [POINTS_RUN] = "run",
                                        [POINTS_BY] = "by"};
    _Static_assert(sizeof names / sizeof *names == POINTS_COLUMNS, "a column without its option");
    static const char *const units[] = {"auto", "nats", "bits", "perplexity"};
    *q = (struct recipe){.where = malloc(64 * sizeof *q->where)};
    if (!q->where) return err_memory(e, r->path);
    for (int i = 0; i < POINTS_COLUMNS; i++)
        if (names[i]) q->o.column[i] = result_option(r, names[i]);
    const char *unit = result_option(r, "loss-unit");
    for (int i = 0; unit && i < 4; i++)
        if (!strcmp(unit, units[i])) q->o.unit = (enum points_unit)i;
    size_t at = 1;
    for (const char *test; q->o.n_where < 64 && (test = result_next_option(r, "where", &at));)
        q->where[q->o.n_where++] = test;
    q->o.where = q->where;
    bool last;
    q->o.need = needed(r, &last);
    q->o.last_noted = last && r->kind == RESULT_FITS && !every;
    if (every) return 0;
    int status = add_lines(q, r->json);
    json_t *groups = json_object_get(r->json, "groups"), *group;
    size_t i;
    json_array_foreach(groups, i, group) if (!status) status = add_lines(q, group);
    return status ? err_memory(e, r->path) : 0;
}

/* The file the result was made of: as given, as its record has it, or of that name beside it. */
static int find_file(char **path, const struct result *r, const char *file, struct err *e)
{
    json_t *first = json_array_get(json_object_get(r->json, "groups"), 0);
    const char *was = result_string(first ? first : r->json, "data.file");
    if (file || !*was || file_exists(was)) {
        *path = strdup(file ? file : was);
    } else {
        char *name = path_last(was);
        const char *slash = strrchr(r->path, '/');
        *path = name
                    ? format_string("%.*s%s", slash ? (int)(slash - r->path) + 1 : 0, r->path, name)
                    : NULL;
        free(name);
    }
    if (!*path) return err_memory(e, r->path);
    if (file || file_exists(*path)) return 0;
    return err_kind(e, ERR_MISSING,
                    "%s: the rows it was made of are not at '%s': give that file as well", r->path,
                    was);
}

static size_t rows_used(const struct result *r)
{
    size_t used = 0, i;
    json_t *groups = json_object_get(r->json, "groups"), *group;
    if (!groups) return (size_t)json_integer_value(result_member(r->json, "rows.used"));
    json_array_foreach(groups, i, group) used +=
        (size_t)json_integer_value(result_member(group, "rows.used"));
    return used;
}

int result_points(struct points *p, const struct result *r, const char *file, bool every,
                  struct err *e)
{
    struct recipe q = {0};
    struct csv c = {0};
    char *path = NULL;
    json_t *first = json_array_get(json_object_get(r->json, "groups"), 0);
    const char *hash = result_string(first ? first : r->json, "data.xxh3");
    int status = find_file(&path, r, file, e);
    if (!status && result_option(r, "flop"))
        status = err_set(e, "%s: made with --flop, which is not drawn", r->path);
    if (!status) status = csv_read(&c, path, e);
    if (!status && *hash && strtoull(hash, NULL, 16) != c.hash)
        status =
            err_set(e, "%s: not the file that %s was made of: its hash is %016llx, expected %s",
                    path, r->path, (unsigned long long)c.hash, hash);
    if (!status) status = make_recipe(&q, r, every, e);
    if (!status) status = points_read(p, &c, &q.o, e);
    if (!status && !every && p->n != rows_used(r)) {
        status = err_set(e, "%s: %zu rows can be read as %s was, which used %zu", path, p->n,
                         r->path, rows_used(r));
        points_close(p);
    }
    csv_close(&c);
    free(q.where);
    free(q.lines);
    free(path);
    return status;
}
