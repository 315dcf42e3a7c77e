/* suite.c - the Pythia suite; see suite.h. The table's parameter counts are checked against the
 * closed form by tests/test_suite.c. SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* size old label | L d heads ffn rotary V | lr | body total | deduped seeds v0 v0_large_batch.
 * 12b: one published yml swaps layers and heads (40/36); 36 layers of 40 heads is what was trained.
 */
/* clang-format off */
const struct suite_model suite_models[] = {
    {"14m", NULL, "1.2m", 6, 128, 4, 512, 8, 50304, 1e-3, 1189888, 14067712, 0, 1, 0, 0},
    {"31m", NULL, "4.7m", 6, 256, 8, 1024, 8, 50304, 1e-3, 4739072, 30494720, 0, 1, 0, 0},
    {"70m", "19m", "19m", 6, 512, 8, 2048, 16, 50304, 1e-3, 18915328, 70426624, 1, 1, 1, 0},
    {"160m", "125m", "85m", 12, 768, 12, 3072, 16, 50304, 6e-4, 85056000, 162322944, 1, 1, 1, 1},
    {"410m", "350m", "300m", 24, 1024, 16, 4096, 16, 50304, 3e-4, 302311424, 405334016, 1, 1, 1, 1},
    {"1b", "800m", "800m", 16, 2048, 8, 8192, 64, 50304, 3e-4, 805736448, 1011781632, 1, 0, 1, 0},
    {"1.4b", "1.3b", "1.2b", 24, 2048, 16, 8192, 32, 50304, 2e-4, 1208602624, 1414647808, 1, 0, 1, 1},
    {"2.8b", "2.7b", "2.5b", 32, 2560, 32, 10240, 20, 50304, 1.6e-4, 2517652480, 2775208960, 1, 0, 1, 0},
    {"6.9b", "6.7b", "6.4b", 32, 4096, 32, 16384, 32, 50432, 1.2e-4, 6444163072, 6857302016, 1, 0, 1, 0},
    {"12b", "13b", "11b", 36, 5120, 40, 20480, 32, 50688, 1.2e-4, 11327027200, 11846072320, 1, 0, 1, 0},
    {0},
};
/* clang-format on */

static bool skip(const char **s, const char *word)
{
    size_t n = strlen(word);
    if (strncasecmp(*s, word, n)) return false;
    *s += n;
    return true;
}

/* A size ends where no further digit, letter or point follows: "1b" must not match "1bx" or
 * "14m". */
static bool skip_size(const char **s, const char *size)
{
    const char *p = *s;
    if (!size || !skip(&p, size) || isalnum((unsigned char)*p) || *p == '.') return false;
    *s = p;
    return true;
}

static bool skip_seed(const char **s, unsigned *seed)
{
    const char *p = *s;
    if (!skip(&p, "-data-seed") && !skip(&p, "-weight-seed") && !skip(&p, "-seed")) return false;
    if (*p < '1' || *p > '9' || isdigit((unsigned char)p[1])) return false;
    *seed = (unsigned)(*p - '0');
    *s = p + 1;
    return true;
}

/* Reads a name at the start of S; *END is behind it. */
static bool read_name(const char *s, struct suite_id *id, const char **end)
{
    *id = (struct suite_id){0};
    if (!skip(&s, "pythia-")) return false;
    bool v1 = skip(&s, "v1.1-") || skip(&s, "v1-");
    for (const struct suite_model *m = suite_models; m->size && !id->model; m++) {
        if (skip_size(&s, m->size)) {
            id->model = m;
        } else if (!v1 && skip_size(&s, m->old_size)) {
            id->model = m;
            id->v0 = true;
        }
    }
    if (!id->model) return false;
    for (;;) {
        if (skip(&s, "-deduped")) {
            id->deduped = true;
        } else if (skip(&s, "-v0")) {
            id->v0 = true;
        } else if (!skip(&s, "-bf16") && !skip_seed(&s, &id->seed)) {
            break;
        }
    }
    *end = s;
    return true;
}

bool suite_find(const char *name, struct suite_id *id)
{
    const char *end;
    skip(&name, "EleutherAI/");
    return read_name(name, id, &end) && !*end;
}

const struct suite_model *suite_by_shape(unsigned layers, unsigned width, unsigned heads,
                                         unsigned vocab)
{
    for (const struct suite_model *m = suite_models; m->size; m++) {
        if (m->layers == layers && m->width == width && m->heads == heads &&
            (!vocab || vocab == m->vocab))
            return m;
    }
    return NULL;
}

char *suite_name(const struct suite_id *id, char *buffer, size_t size)
{
    char seed[16] = "";
    if (id->seed) snprintf(seed, sizeof seed, "-seed%u", id->seed);
    snprintf(buffer, size, "pythia-%s%s%s%s", id->model->size, id->deduped ? "-deduped" : "", seed,
             id->v0 ? "-v0" : "");
    return buffer;
}

/* "step3000" or "global_step3000", exactly filling S..END. */
static bool read_step(const char *s, const char *end, int64_t *step)
{
    if (!skip(&s, "global_")) skip(&s, "global-");
    if (!skip(&s, "step") || s >= end || end - s > 9) return false;
    int64_t n = 0;
    for (; s < end; s++) {
        if (!isdigit((unsigned char)*s)) return false;
        n = 10 * n + (*s - '0');
    }
    *step = n;
    return true;
}

int64_t suite_step(const char *word)
{
    int64_t step;
    return read_step(word, word + strlen(word), &step) ? step : -1;
}

/* The step a component names, on its own or behind one of - _ @ : */
static bool component_step(const char *s, const char *end, int64_t *step)
{
    if (read_step(s, end, step)) return true;
    for (const char *p = s; p < end; p++) {
        if (!strchr("-_@:", *p)) continue;
        if (read_step(p + 1, end, step)) return true;
        if (end - p == 5 && !strncmp(p, "@main", 5)) {
            *step = SUITE_FINAL_STEP;
            return true;
        }
    }
    return false;
}

static bool component_model(const char *start, const char *end, struct suite_id *id)
{
    for (const char *s = start; s < end; s++) {
        const char *stop;
        int64_t step;
        if (s > start && isalnum((unsigned char)s[-1])) continue;
        if (!read_name(s, id, &stop) || stop > end) continue;
        /* "pythia-70m-distilled" is somebody else's model; "pythia-70m-step3000" is not. */
        if (stop < end && *stop == '-' && !component_step(stop, end, &step)) continue;
        return true;
    }
    return false;
}

bool suite_parse_name(const char *path, char *name, int64_t *step)
{
    struct suite_id id;
    bool have_step = false;
    name[0] = 0;
    *step = -1;
    const char *end = path + strlen(path);
    while (end > path) {
        while (end > path && end[-1] == '/') end--;
        const char *s = end;
        while (s > path && s[-1] != '/') s--;
        if (s == end) break;
        if (!have_step) have_step = component_step(s, end, step);
        if (component_model(s, end, &id)) {
            suite_name(&id, name, SUITE_NAME_SIZE);
            return true;
        }
        end = s;
    }
    return false;
}

size_t suite_steps(const struct suite_id *id, uint32_t *steps)
{
    size_t n = 0;
    if (!id->v0) {
        steps[n++] = 0;
        for (uint32_t s = 1; s <= 512; s *= 2) steps[n++] = s;
    }
    for (uint32_t s = 1000; s <= SUITE_FINAL_STEP; s += 1000) steps[n++] = s;
    return n;
}

bool suite_has_step(const struct suite_id *id, int64_t step)
{
    uint32_t steps[SUITE_MAX_STEPS];
    size_t n = suite_steps(id, steps);
    for (size_t i = 0; i < n; i++) {
        if (steps[i] == step) return true;
    }
    return false;
}

uint64_t suite_tokens(int64_t step)
{
    return (uint64_t)step * SUITE_STEP_TOKENS;
}

uint64_t suite_v0_tokens(const struct suite_model *model, int64_t real_step)
{
    return (uint64_t)real_step * SUITE_STEP_TOKENS * (model->v0_large_batch ? 2 : 1);
}
