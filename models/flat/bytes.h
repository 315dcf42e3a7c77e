/* bytes.h - little-endian numbers in a file's bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_BYTES_H
#define TRIPOD_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}
static inline double get_double(const uint8_t *p)
{
    uint64_t bits = get64(p);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static inline void put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static inline void put_double(uint8_t *p, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put64(p, bits);
}

#endif
