/* coefficients.h - made by coefficients.py, which says how; lowest order first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_ISA_COEFFICIENTS_H
#define TRIPOD_SIMD_ISA_COEFFICIENTS_H

/* (exp(r) - 1 - r) / r^2 on [-0.34692, 0.34692]: weighted error 2^-28.2 */
static const float EXP_C[5] = {
    0x1.fffffc0000000p-2f, 0x1.5554920000000p-3f,  0x1.5558b60000000p-5f,
    0x1.1239a20000000p-7f, 0x1.6a47020000000p-10f,
};
/* (2^f - 1) / f on [-0.5, 0.5]: weighted error 2^-28.3 */
static const float EXP2_C[6] = {
    0x1.62e4300000000p-1f, 0x1.ebfbdc0000000p-3f,  0x1.c6af7c0000000p-5f,
    0x1.3b2de00000000p-7f, 0x1.5f082e0000000p-10f, 0x1.416b500000000p-13f,
};
/* (log(1 + f) - f + f^2 / 2) / f^3 on [-0.292893, 0.414214]: weighted error 2^-30.3 */
static const float LOG_C[9] = {
    0x1.5555480000000p-2f,  -0x1.0000060000000p-2f, 0x1.99a4780000000p-3f,
    -0x1.555c4e0000000p-3f, 0x1.233b780000000p-3f,  -0x1.fc26b40000000p-4f,
    0x1.e6c0520000000p-4f,  -0x1.de0fb40000000p-4f, 0x1.14841e0000000p-4f,
};
/* (erf(x) / x - 1), in z = x^2, on [0, 1]: weighted error 2^-29.4 */
static const float ERF_SMALL_C[7] = {
    0x1.06eba80000000p-3f, -0x1.81273e0000000p-2f,  0x1.ce2ce60000000p-4f,  -0x1.b7f71a0000000p-6f,
    0x1.53f2240000000p-8f, -0x1.a3515e0000000p-11f, 0x1.4771fe0000000p-14f,
};
/* -log2(erfc(x)) on [0.9, 4]: weighted error 2^-34.0 */
static const float ERF_LARGE_C[9] = {
    -0x1.c7ad880000000p-13f, 0x1.a11d500000000p+0f,  0x1.d40fc80000000p-1f,
    0x1.3eaeae0000000p-3f,   -0x1.24cce20000000p-5f, 0x1.79a4ee0000000p-8f,
    -0x1.1e95a20000000p-11f, 0x1.11f8a60000000p-16f, 0x1.1d57ce0000000p-20f,
};
/* (tanh(x) - x) / x^3, in z = x^2, on [0, 0.36]: weighted error 2^-28.5 */
static const float TANH_C[5] = {
    -0x1.55553e0000000p-2f, 0x1.1109be0000000p-3f,  -0x1.b89a880000000p-5f,
    0x1.54c09e0000000p-6f,  -0x1.826f980000000p-8f,
};
/* -log2 of the normal distribution's upper tail on [0, 14.5]: weighted error 2^-27.4 */
static const float GELU_C[13] = {
    0x1.0000000000000p+0f,   0x1.26aece0000000p+0f,   0x1.d63c860000000p-2f,
    0x1.adba020000000p-5f,   -0x1.c866080000000p-8f,  0x1.3c06200000000p-18f,
    0x1.2b629e0000000p-12f,  -0x1.5996a80000000p-14f, 0x1.c0e2dc0000000p-17f,
    -0x1.7185340000000p-20f, 0x1.7b34520000000p-24f,  -0x1.b906fc0000000p-29f,
    0x1.ba4cf60000000p-35f,
};

#endif
