/* ids.h - a growable array of token ids.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_IDS_H
#define TRIPOD_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define NO_ID UINT32_MAX

/* Zero-initialise; ids_free releases. */
struct ids {
    uint32_t *id;
    size_t count, capacity;
};

int ids_reserve(struct ids *ids, size_t more, struct err *e); /* room for MORE beyond count */
void ids_free(struct ids *ids);

#endif
