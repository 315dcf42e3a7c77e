/* parity_state.c - see parity_state.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/parity_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/sealed.h"

struct header {
    char magic[8];
    uint64_t settings, steps, logs, tasks, floats;
    double seconds;
};
static const char magic[8] = "parity2\n";

/* The header, and what lies between it and the checksum. */
enum { PARTS = 7 };
static void parts_of(struct sealed_part part[PARTS], struct header *h, const struct parity_net *p,
                     const struct parity_log *l, size_t tasks)
{
    const size_t weights = p->floats * sizeof *p->w, logs = l->n * sizeof *l->mean;
    part[0] = (struct sealed_part){h, sizeof *h};
    part[1] = (struct sealed_part){p->w, weights};
    part[2] = (struct sealed_part){p->m, weights};
    part[3] = (struct sealed_part){p->v, weights};
    part[4] = (struct sealed_part){l->mean, logs};
    part[5] = (struct sealed_part){l->train, logs};
    part[6] = (struct sealed_part){l->subtask, l->n * tasks * sizeof *l->subtask};
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
    struct sealed_part part[PARTS];
    memcpy(h.magic, magic, sizeof magic);
    parts_of(part, &h, p, l, tasks);
    return sealed_write(path, part, PARTS, e);
}

int parity_state_parse(struct parity_net *p, struct parity_log *l, size_t tasks, uint64_t settings,
                       const char *name, const void *data, size_t size, struct err *e)
{
    struct header h;
    *l = (struct parity_log){.n = 0};
    if (size < sizeof h + sizeof(uint64_t) || memcmp(data, magic, sizeof magic))
        return err_kind(e, ERR_DAMAGED, "%s: byte 0: expected a run's state, found something else",
                        name);
    memcpy(&h, data, sizeof h);
    if (h.settings != settings)
        return err_set(e, "%s: of a run with other settings: remove it, or give another folder",
                       name);
    const uint64_t fixed = sizeof h + sizeof(uint64_t) + 3 * p->floats * sizeof *p->w;
    const uint64_t one = 2 * sizeof *l->mean + tasks * sizeof *l->subtask;
    if (h.tasks != tasks || h.floats != p->floats || size < fixed ||
        h.logs != (size - fixed) / one || (size - fixed) % one)
        return err_kind(e, ERR_DAMAGED,
                        "%s: byte 24: expected the sizes of this run, found %" PRIu64
                        " logs of %" PRIu64 " tasks, %" PRIu64 " weights in %zu bytes",
                        name, h.logs, h.tasks, h.floats, size);
    if (sealed_check(name, data, size, e)) return -1;
    for (uint64_t i = 0; i < h.logs; i++) {
        if (!parity_log_grow(l, tasks)) continue;
        parity_log_free(l);
        return err_memory(e, name);
    }
    struct sealed_part part[PARTS];
    parts_of(part, &h, p, l, tasks);
    sealed_take(part, PARTS, data);
    p->steps = h.steps;
    l->seconds = h.seconds;
    return 0;
}
