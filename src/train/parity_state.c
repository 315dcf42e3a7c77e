/* parity_state.c - see parity_state.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/file.h"

struct header {
    char magic[8];
    uint64_t settings, steps, logs, tasks, floats;
    double seconds;
};
static const char magic[8] = "parity2\n";

/* What lies between header and checksum. */
struct part {
    void *data;
    size_t bytes;
};
enum { PARTS = 6 };
static void parts_of(struct part part[PARTS], const struct parity_net *p,
                     const struct parity_log *l, size_t tasks)
{
    const size_t weights = p->floats * sizeof *p->w, logs = l->n * sizeof *l->mean;
    part[0] = (struct part){p->w, weights};
    part[1] = (struct part){p->m, weights};
    part[2] = (struct part){p->v, weights};
    part[3] = (struct part){l->mean, logs};
    part[4] = (struct part){l->train, logs};
    part[5] = (struct part){l->subtask, l->n * tasks * sizeof *l->subtask};
}

int parity_state_write(const char *path, uint64_t settings, const struct parity_net *p,
                       const struct parity_log *l, size_t tasks, struct err *e)
{
    struct header h = {.settings = settings,
                       .steps = p->steps,
                       .logs = l->n,
                       .tasks = tasks,
                       .floats = p->floats,
                       .seconds = l->seconds};
    struct part part[PARTS];
    struct out out;
    memcpy(h.magic, magic, sizeof magic);
    parts_of(part, p, l, tasks);
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) return err_memory(e, path);
    XXH3_64bits_reset(hash);
    XXH3_64bits_update(hash, &h, sizeof h);
    int status = out_open(&out, path, e);
    if (!status) status = out_write(&out, &h, sizeof h, e);
    for (int i = 0; i < PARTS && !status; i++) {
        XXH3_64bits_update(hash, part[i].data, part[i].bytes);
        status = out_write(&out, part[i].data, part[i].bytes, e);
    }
    const uint64_t sum = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    if (!status) status = out_write(&out, &sum, sizeof sum, e);
    if (!status) return out_commit(&out, e);
    out_abort(&out);
    return -1;
}

int parity_state_parse(struct parity_net *p, struct parity_log *l, size_t tasks, uint64_t settings,
                       const char *name, const void *data, size_t size, struct err *e)
{
    struct header h;
    uint64_t sum;
    *l = (struct parity_log){.n = 0};
    if (size < sizeof h + sizeof sum || memcmp(data, magic, sizeof magic))
        return err_kind(e, ERR_DAMAGED, "%s: byte 0: expected a run's state, found something else",
                        name);
    memcpy(&h, data, sizeof h);
    if (h.settings != settings)
        return err_set(e, "%s: of a run with other settings: remove it, or give another folder",
                       name);
    const uint64_t fixed = sizeof h + sizeof sum + 3 * p->floats * sizeof *p->w;
    const uint64_t one = 2 * sizeof *l->mean + tasks * sizeof *l->subtask;
    if (h.tasks != tasks || h.floats != p->floats || size < fixed ||
        h.logs != (size - fixed) / one || (size - fixed) % one)
        return err_kind(e, ERR_DAMAGED,
                        "%s: byte 24: expected the sizes of this run, found %" PRIu64
                        " logs of %" PRIu64 " tasks, %" PRIu64 " weights in %zu bytes",
                        name, h.logs, h.tasks, h.floats, size);
    memcpy(&sum, (const char *)data + size - sizeof sum, sizeof sum);
    if (XXH3_64bits(data, size - sizeof sum) != sum)
        return err_kind(e, ERR_DAMAGED, "%s: the checksum does not match: damaged", name);
    for (uint64_t i = 0; i < h.logs; i++) {
        if (!parity_log_grow(l, tasks)) continue;
        parity_log_free(l);
        return err_memory(e, name);
    }
    struct part part[PARTS];
    const char *from = (const char *)data + sizeof h;
    parts_of(part, p, l, tasks);
    for (int i = 0; i < PARTS; i++) {
        if (part[i].bytes) memcpy(part[i].data, from, part[i].bytes);
        from += part[i].bytes;
    }
    p->steps = h.steps;
    l->seconds = h.seconds;
    return 0;
}
