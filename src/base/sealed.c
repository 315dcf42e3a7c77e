/* sealed.c - see sealed.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/sealed.h"

#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "src/base/file.h"

int sealed_write(const char *path, const struct sealed_part *part, size_t n, struct err *e)
{
    struct out out;
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) return err_memory(e, path);
    XXH3_64bits_reset(hash);
    int status = out_open(&out, path, e);
    for (size_t i = 0; i < n && !status; i++) {
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

int sealed_check(const char *name, const void *data, size_t size, struct err *e)
{
    uint64_t sum;
    memcpy(&sum, (const char *)data + size - sizeof sum, sizeof sum);
    return XXH3_64bits(data, size - sizeof sum) == sum
               ? 0
               : err_kind(e, ERR_DAMAGED, "%s: the checksum does not match: damaged", name);
}

void sealed_take(const struct sealed_part *part, size_t n, const void *from)
{
    const char *at = from;
    for (size_t i = 0; i < n; i++) {
        if (part[i].bytes) memcpy(part[i].data, at, part[i].bytes);
        at += part[i].bytes;
    }
}
