/* kernel_list.h - the names of every kernel in struct kernels, in its order. The tables and the
 * checks in tests/kernels are made from it: a kernel that is not here, or has no check, does not
 * build.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_KERNEL_LIST_H
#define TRIPOD_SIMD_KERNEL_LIST_H

#define KERNEL_LIST(X)                                                                             \
    X(embed)                                                                                       \
    X(layer_norm)                                                                                  \
    X(gemm)                                                                                        \
    X(attention)                                                                                   \
    X(head)                                                                                        \
    X(exp)                                                                                         \
    X(log)                                                                                         \
    X(erf)                                                                                         \
    X(tanh)                                                                                        \
    X(gelu_erf)                                                                                    \
    X(gelu_tanh)                                                                                   \
    X(f16_to_f32)                                                                                  \
    X(bf16_to_f32)                                                                                 \
    X(f32_to_f16)                                                                                  \
    X(f32_to_bf16)

#endif
