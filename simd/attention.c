/* attention.c - the size of the attention kernel's scratch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/attention_scratch.h"

size_t attention_scratch_bytes(size_t n, size_t head_size)
{
    return attention_layout(NULL, n, head_size).floats * sizeof(float);
}
