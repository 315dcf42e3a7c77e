/* train_state.c - see train_state.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/train/train_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/file.h"

struct header {
    char magic[8];
    uint64_t settings, steps, tests, floats;
    double seconds;
};
static const char magic[8] = "train 1\n";

/* What lies between header and checksum. */
struct part {
    void *data;
    size_t bytes;
};
enum { PARTS = 6 };
static void parts_of(struct part part[PARTS], const struct trainer *t, const struct train_log *l)
{
    const size_t weights = t->floats * sizeof *t->w, log = l->steps * sizeof *l->loss;
    part[0] = (struct part){t->w, weights};
    part[1] = (struct part){t->m, weights};
    part[2] = (struct part){t->v, weights};
    part[3] = (struct part){l->loss, log};
    part[4] = (struct part){l->norm, log};
    part[5] = (struct part){l->test, l->tests * sizeof *l->test};
}

int train_state_write(const char *path, uint64_t settings, const struct trainer *t,
                      const struct train_log *l, struct err *e)
{
    struct header h = {.settings = settings,
                       .steps = t->steps,
                       .tests = l->tests,
                       .floats = t->floats,
                       .seconds = l->seconds};
    struct part part[PARTS];
    struct out out;
    memcpy(h.magic, magic, sizeof magic);
    parts_of(part, t, l);
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
    uint64_t sum;
    *l = (struct train_log){.steps = 0};
    if (size < sizeof h + sizeof sum || memcmp(data, magic, sizeof magic))
        return err_kind(e, ERR_DAMAGED, "%s: byte 0: expected a run's state, found something else",
                        name);
    memcpy(&h, data, sizeof h);
    if (h.settings != settings)
        return err_set(
            e,
            "%s: of a run with other settings or other text: give another folder, or empty "
            "this one",
            name);
    const uint64_t fixed = sizeof h + sizeof sum + 3 * t->floats * sizeof *t->w;
    if (h.floats != t->floats || h.steps > steps || h.tests > h.steps + 1 || size < fixed ||
        size - fixed != 2 * h.steps * sizeof *l->loss + h.tests * sizeof *l->test)
        return err_kind(e, ERR_DAMAGED,
                        "%s: byte 16: expected the sizes of this run, found %" PRIu64
                        " steps, %" PRIu64 " validations, %" PRIu64 " weights in %zu bytes",
                        name, h.steps, h.tests, h.floats, size);
    memcpy(&sum, (const char *)data + size - sizeof sum, sizeof sum);
    if (XXH3_64bits(data, size - sizeof sum) != sum)
        return err_kind(e, ERR_DAMAGED, "%s: the checksum does not match: damaged", name);
    if (make_room(l, &h)) {
        train_log_free(l);
        return err_memory(e, name);
    }
    struct part part[PARTS];
    const char *from = (const char *)data + sizeof h;
    parts_of(part, t, l);
    for (int i = 0; i < PARTS; i++) {
        if (part[i].bytes) memcpy(part[i].data, from, part[i].bytes);
        from += part[i].bytes;
    }
    t->steps = h.steps;
    l->seconds = h.seconds;
    return 0;
}
