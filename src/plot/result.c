/* result.c - see result.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/plot/result.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/npy.h"
#include "src/train/parity_record.h"

const char *const result_names[RESULT_KINDS] = {
    [RESULT_LOSSES] = "losses of a checkpoint (tripod scan)",
    [RESULT_MATRIX] = "matrix of losses (tripod gather -o)",
    [RESULT_POINTS] = "points.csv or another table of training runs",
    [RESULT_EPOCH] = "Epoch's scaling-laws.csv, or its pairs (tripod epoch --scatter --json)",
    [RESULT_SIMILARITY] = "matrix of cosines (tripod quanta similarity)",
    [RESULT_CLUSTERS] = "labels of clusters (tripod quanta cluster)",
    [RESULT_ROWS] = "list of rows (tripod tokens find -o)",
    [RESULT_GRADIENTS] = "folder of tripod quanta gradients",
    [RESULT_RUNS] = "folder of tripod parity, or a run in it",
    [RESULT_FIT] = "JSON of tripod fit",
    [RESULT_FITS] = "JSON of tripod fit --by",
    [RESULT_ISOFLOP] = "JSON of tripod fit isoflop",
    [RESULT_ENVELOPE] = "JSON of tripod fit envelope",
    [RESULT_APPROACHES] = "JSON of tripod fit approaches",
    [RESULT_ALLOCATION] = "JSON of tripod allocate",
    [RESULT_DESIGN] = "JSON of tripod fit design",
    [RESULT_HISTOGRAM] = "JSON of tripod tokens histogram",
    [RESULT_BY] = "JSON of tripod tokens by",
    [RESULT_RANKS] = "JSON of tripod quanta envelope",
    [RESULT_THEORY] = "JSON of tripod quanta theory",
    [RESULT_TOY] = "JSON of tripod quanta toy",
    [RESULT_EXPONENTS] = "JSON of tripod parity",
    [RESULT_PEAK] = "JSON of tripod bench peak",
    [RESULT_KERNELS] = "JSON of tripod bench kernels",
    [RESULT_GEMM] = "JSON of tripod bench gemm",
    [RESULT_SCANS] = "JSON of tripod bench scan",
    [RESULT_BACKWARD] = "JSON of tripod bench gradients",
    [RESULT_PROGRAMS] = "precisions.json of bench/peers/run",
};

/* --- JSON --- */

json_t *result_member(json_t *object, const char *path)
{
    while (object) {
        const size_t n = strcspn(path, ".");
        char key[64];
        if (n >= sizeof key) return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        object = json_object_get(object, key);
        if (!path[n]) return object;
        path += n + 1;
    }
    return NULL;
}

double result_number(json_t *object, const char *path)
{
    json_t *value = result_member(object, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *result_string(json_t *object, const char *path)
{
    const char *text = json_string_value(result_member(object, path));
    return text ? text : "";
}

double *result_numbers(json_t *object, const char *path, size_t *n)
{
    json_t *array = result_member(object, path);
    *n = json_array_size(array);
    double *v = json_is_array(array) ? malloc((*n + 1) * sizeof *v) : NULL;
    if (!v) *n = 0;
    for (size_t i = 0; i < *n; i++) {
        json_t *item = json_array_get(array, i);
        v[i] = json_is_number(item) ? json_number_value(item) : NAN;
    }
    return v;
}

/* --- kinds --- */

/* What tells a JSON: a member and, unless NULL, what text it begins with. The first that is met. */
static const struct {
    const char *member, *begins;
    enum result_kind kind;
} signs[] = {
    {"format", "tripod-losses", RESULT_LOSSES},
    {"format", "tripod-matrix", RESULT_MATRIX},
    {"format", "tripod-similarity", RESULT_SIMILARITY},
    {"format", "tripod-clusters", RESULT_CLUSTERS},
    {"format", "tripod-gradients", RESULT_GRADIENTS},
    {"format", "tripod-parity", RESULT_RUNS},
    {"bench", "peak", RESULT_PEAK},
    {"bench", "kernels", RESULT_KERNELS},
    {"bench", "gemm", RESULT_GEMM},
    {"bench", "scan", RESULT_SCANS},
    {"bench", "gradients", RESULT_BACKWARD},
    {"law", "isoflop", RESULT_ISOFLOP},
    {"law", "envelope", RESULT_ENVELOPE},
    {"law", "approaches", RESULT_APPROACHES},
    {"answers", NULL, RESULT_ALLOCATION},
    {"groups", NULL, RESULT_FITS}, /* with "by": RESULT_BY, below */
    {"objective", NULL, RESULT_FIT},
    {"criterion", NULL, RESULT_DESIGN},
    {"checkpoints", NULL, RESULT_HISTOGRAM},
    {"envelope", NULL, RESULT_RANKS},
    {"sums", NULL, RESULT_THEORY},
    {"subtasks", NULL, RESULT_TOY},
    {"exponents", NULL, RESULT_EXPONENTS},
    {"pairs", NULL, RESULT_EPOCH},
    {"precisions", NULL, RESULT_PROGRAMS},
};

static int recognise_json(struct result *r, struct err *e)
{
    if (json_is_string(json_object_get(r->json, "by"))) {
        r->kind = RESULT_BY;
        return 0;
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        json_t *value = json_object_get(r->json, signs[i].member);
        const char *text = json_string_value(value);
        if (!value || (signs[i].begins &&
                       (!text || strncmp(text, signs[i].begins, strlen(signs[i].begins)) != 0)))
            continue;
        r->kind = signs[i].kind;
        return 0;
    }
    return err_set(e, "%s: JSON of a kind that is not drawn (tripod plot --list shows which are)",
                   r->path);
}

/* A record stands for the array beside it: C.json for C.npy, a folder's for the folder. */
static int follow_record(struct result *r, struct err *e)
{
    char *path = NULL;
    const size_t n = strlen(r->path);
    if (n < 6 || strcmp(r->path + n - 5, ".json") != 0) return 0;
    if (r->kind <= RESULT_MATRIX || r->kind == RESULT_SIMILARITY || r->kind == RESULT_CLUSTERS) {
        path = format_string("%.*s.npy", (int)n - 5, r->path);
    } else if (r->kind == RESULT_GRADIENTS) {
        const char *slash = strrchr(r->path, '/');
        path = slash ? strndup(r->path, (size_t)(slash - r->path)) : strdup(".");
    } else {
        return 0;
    }
    if (!path) return err_memory(e, r->path);
    free(r->path);
    r->path = path;
    return 0;
}

static int open_json(struct result *r, struct err *e)
{
    json_error_t error;
    r->json = json_load_file(r->path, JSON_REJECT_DUPLICATES, &error);
    if (!r->json) return err_set(e, "%s: line %d: not JSON: %s", r->path, error.line, error.text);
    if (!json_is_object(r->json))
        return err_set(e, "%s: expected a JSON object, found another value", r->path);
    return recognise_json(r, e) || follow_record(r, e) ? -1 : 0;
}

static char *record_of(const char *array)
{
    return format_string("%.*s.json", (int)strlen(array) - 4, array);
}

static int open_array(struct result *r, struct err *e)
{
    static const struct {
        const char *format;
        enum result_kind kind;
    } formats[] = {{"tripod-losses", RESULT_LOSSES},
                   {"tripod-matrix", RESULT_MATRIX},
                   {"tripod-similarity", RESULT_SIMILARITY},
                   {"tripod-clusters", RESULT_CLUSTERS}};
    struct npy a;
    if (npy_open(&a, r->path, e)) return -1;
    const bool whole = a.descr[1] == 'i', list = whole && !a.columns;
    const bool square = a.rows == a.columns && a.rows > 1;
    npy_close(&a);
    char *record = record_of(r->path);
    if (!record) return err_memory(e, r->path);
    r->kind = list     ? RESULT_ROWS
              : whole  ? RESULT_CLUSTERS
              : square ? RESULT_SIMILARITY
                       : RESULT_MATRIX;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (json_file_is(record, formats[i].format)) r->kind = formats[i].kind;
    free(record);
    return 0;
}

static bool has_runs(const char *folder)
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *f; d && !found && (f = readdir(d));) {
        const size_t n = strlen(f->d_name);
        if (n < 6 || strcmp(f->d_name + n - 5, ".json") != 0) continue;
        char *path = format_string("%s/%s", folder, f->d_name);
        found = path && parity_record_is(path);
        free(path);
    }
    if (d) closedir(d);
    return found;
}

static int open_folder(struct result *r, struct err *e)
{
    char *gradients = format_string("%s/gradients.json", r->path);
    char *points = format_string("%s/points.csv", r->path);
    int status = gradients && points ? 0 : err_memory(e, r->path);
    if (!status && file_exists(gradients)) {
        r->kind = RESULT_GRADIENTS;
    } else if (!status && has_runs(r->path)) {
        r->kind = RESULT_RUNS;
    } else if (!status && file_exists(points)) {
        r->kind = RESULT_POINTS;
        free(r->path);
        r->path = points;
        points = NULL;
    } else if (!status) {
        status = err_set(
            e, "%s: a folder without points.csv, gradients.json or runs of tripod parity", r->path);
    }
    free(gradients);
    free(points);
    return status;
}

int result_open(struct result *r, const char *path, struct err *e)
{
    *r = (struct result){.path = strdup(path)};
    if (!r->path) return err_memory(e, path);
    for (size_t n = strlen(r->path); n > 1 && r->path[n - 1] == '/'; n--) r->path[n - 1] = 0;
    if (directory_exists(path)) return open_folder(r, e);
    struct map m;
    if (map_open(&m, path, e)) return -1;
    size_t at = 0;
    while (at < m.size && strchr(" \t\r\n", m.data[at])) at++;
    const bool array = m.size > 6 && !memcmp(m.data, "\x93NUMPY", 6);
    const bool object = at < m.size && m.data[at] == '{';
    map_close(&m);
    if (array) return open_array(r, e);
    if (object) return open_json(r, e);
    struct csv c;
    if (csv_read(&c, path, e)) return -1;
    r->kind = csv_find(&c, "Paper") >= 0 && csv_find(&c, "Exponent 1") >= 0 ? RESULT_EPOCH
                                                                            : RESULT_POINTS;
    csv_close(&c);
    return 0;
}

void result_close(struct result *r)
{
    free(r->path);
    json_decref(r->json);
    *r = (struct result){0};
}
