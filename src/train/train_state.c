/* train_state.c - see train_state.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/sealed.h"

struct header {
    char magic[8];
    uint64_t settings, steps, tests, floats;
    double seconds;
};
static const char magic[8] = "train 1\n";

/* The header, and what lies between it and the checksum. */
enum { PARTS = 7 };
static void parts_of(struct sealed_part part[PARTS], struct header *h, const struct trainer *t,
                     const struct train_log *l)
{
    const size_t weights = t->floats * sizeof *t->w, log = l->steps * sizeof *l->loss;
    part[0] = (struct sealed_part){h, sizeof *h};
    part[1] = (struct sealed_part){t->w, weights};
    part[2] = (struct sealed_part){t->m, weights};
    part[3] = (struct sealed_part){t->v, weights};
    part[4] = (struct sealed_part){l->loss, log};
    part[5] = (struct sealed_part){l->norm, log};
    part[6] = (struct sealed_part){l->test, l->tests * sizeof *l->test};
}

int train_state_write(const char *path, uint64_t settings, const struct trainer *t,
                      const struct train_log *l, struct err *e)
{
    struct header h = {.settings = settings,
                       .steps = t->steps,
                       .tests = l->tests,
                       .floats = t->floats,
                       .seconds = l->seconds};
    struct sealed_part part[PARTS];
    memcpy(h.magic, magic, sizeof magic);
    parts_of(part, &h, t, l);
    return sealed_write(path, part, PARTS, e);
}

/* Room for what the header says; the caller has checked that it is there. */
static int make_room(struct train_log *l, const struct header *h)
{
    int status = 0;
    for (uint64_t i = 0; i < h->steps && !status; i++) status = train_log_step(l, 0, 0);
    for (uint64_t i = 0; i < h->tests && !status; i++)
        status = train_log_test(l, &(struct train_test){.step = 0});
    return status;
}

int train_state_parse(struct trainer *t, struct train_log *l, uint64_t settings, uint64_t steps,
                      const char *name, const void *data, size_t size, struct err *e)
{
    struct header h;
    *l = (struct train_log){.steps = 0};
    if (size < sizeof h + sizeof(uint64_t) || memcmp(data, magic, sizeof magic))
        return err_kind(e, ERR_DAMAGED, "%s: byte 0: expected a run's state, found something else",
                        name);
    memcpy(&h, data, sizeof h);
    if (h.settings != settings)
        return err_set(
            e,
            "%s: of a run with other settings or other text: give another folder, or empty "
            "this one",
            name);
    const uint64_t fixed = sizeof h + sizeof(uint64_t) + 3 * t->floats * sizeof *t->w;
    if (h.floats != t->floats || h.steps > steps || h.tests > h.steps + 1 || size < fixed ||
        size - fixed != 2 * h.steps * sizeof *l->loss + h.tests * sizeof *l->test)
        return err_kind(e, ERR_DAMAGED,
                        "%s: byte 16: expected the sizes of this run, found %" PRIu64
                        " steps, %" PRIu64 " validations, %" PRIu64 " weights in %zu bytes",
                        name, h.steps, h.tests, h.floats, size);
    if (sealed_check(name, data, size, e)) return -1;
    if (make_room(l, &h)) {
        train_log_free(l);
        return err_memory(e, name);
    }
    struct sealed_part part[PARTS];
    parts_of(part, &h, t, l);
    sealed_take(part, PARTS, data);
    t->steps = h.steps;
    l->seconds = h.seconds;
    return 0;
}
