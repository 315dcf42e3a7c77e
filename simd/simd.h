/* simd.h - the kernels: one list, one const table per instruction set, one pointer chosen at
 * start-up.
 *
 * Kernels are written once, in simd/isa/, with the vector words of simd/isa/words.h (16 float lanes
 * whatever the register width) and compiled for scalar, AVX2+FMA+F16C and AVX-512 (F, BW, DQ, VL).
 * All three give the same bits: FMAs stand where they are written, vectors run over output columns
 * and never over the sum's index, and every sum over lanes is one fixed tree.
 *
 * Nothing here allocates, prints or starts threads; every kernel is a pure function of its
 * arguments and may run on any number of threads at once, each with scratch of its own. A
 * sequence's results never depend on what else is in the batch.
 *
 * Not promised: NaN payloads; the sign of a zero.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SIMD_H
#define TRIPOD_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum simd_isa { SIMD_SCALAR, SIMD_AVX2, SIMD_AVX512, SIMD_ISAS };

/* Element types of weights. */
enum simd_dtype { SIMD_F32, SIMD_F16, SIMD_BF16 };

enum {
    SIMD_LANES = 16,  /* one vector word */
    SIMD_PANEL = 32,  /* columns of a weight panel */
    SIMD_STRIP = 256, /* columns of an activation strip */
};

/* Steps of a product's chains of FMAs, the K block of the numbers contract; a divisor of
 * SIMD_STRIP. Their rounding is most of a loss's error and grows with the square root of the
 * length: 256 steps have 1.25 times the error of 128, 64 have 0.9 times but cost 1 to 2 % of the
 * speed. They are for small k, where other programs' chains are short as well. */
static inline size_t simd_chain(size_t k)
{
    return k > SIMD_STRIP ? 128 : 64;
}

/* Activations. A matrix of `rows` x C floats lies in ceil(C / 256) strips, each `rows` x 256,
 * row-major: the GEMM's A operand without packing, every row at the constant stride of 1 KiB.
 * Columns beyond C in the last strip are undefined; a kernel may write there and must not let them
 * reach a result. */
struct strips {
    float *data; /* 64-byte aligned */
    size_t rows; /* row capacity, the stride between strips in rows */
};
static inline float *strip_at(struct strips x, size_t row, size_t column)
{
    return x.data + ((column / SIMD_STRIP) * x.rows + row) * SIMD_STRIP + column % SIMD_STRIP;
}
/* Floats a matrix of rows x columns needs. */
static inline size_t strips_size(size_t rows, size_t columns)
{
    return (columns + SIMD_STRIP - 1) / SIMD_STRIP * SIMD_STRIP * rows;
}

/* A weight matrix W [n, k] (out features x in features, as checkpoints store it), in panels: panel
 * p holds rows 32 p .. 32 p + 31 of W as k groups of 32 consecutive elements: element (n, k) is at
 * ((n / 32) * K + k) * 32 + n % 32. Rows beyond n are zero. 64-byte aligned. This is also how the
 * flat model file stores it. */
struct panels {
    const void *data;
    enum simd_dtype dtype;
    size_t n, k;
};
/* Elements that W [n, k] occupies in panels. */
static inline size_t panels_size(size_t n, size_t k)
{
    return (n + SIMD_PANEL - 1) / SIMD_PANEL * SIMD_PANEL * k;
}

/* What happens to acc = x W^T before it is stored; bias may be NULL (zeros), else n floats. */
enum gemm_epilogue {
    GEMM_STORE,     /* out = acc + bias */
    GEMM_ADD,       /* out = out + (acc + bias): the residual stream */
    GEMM_GELU_ERF,  /* out = gelu(acc + bias), exact erf form */
    GEMM_GELU_TANH, /* out = gelu(acc + bias), tanh approximation (0.79788456, 0.044715) */
};

/* One attention layer's shape. qkv columns: query of head 0, 1, ..., then all keys, then all values
 * (3 * heads * head_size columns). The first `rotary` dimensions of each head turn, pairs (i, i +
 * rotary / 2). */
struct attention_shape {
    size_t heads, head_size, rotary;
    const float *cosine, *sine; /* [positions][rotary / 2] */
};

struct kernels {
    const char *name; /* "scalar", "avx2", "avx512" */
    enum simd_isa isa;

    /* x[row0 + i][0..d) = table[ids[i]][0..d), a row-major table of `dtype`. */
    void (*embed)(struct strips x, size_t row0, const uint32_t *ids, size_t n, const void *table,
                  enum simd_dtype dtype, size_t d);

    /* out[i] = (in[i] - mean) / sqrt(var + eps) * weight + bias for rows 0..rows, biased variance
     * (Ba et al. 2016). in and out may be the same. */
    void (*layer_norm)(struct strips out, struct strips in, size_t rows, size_t d,
                       const float *weight, const float *bias, float eps);

    /* out[0..rows)[0..n) = epilogue(in[0..rows)[0..k) W^T + bias). Each element is a chain of FMAs
     * over k in increasing order within each simd_chain(k) of k; the chains' sums are added in
     * order; then bias. in and out must not overlap. scratch: simd_scratch_bytes(). */
    void (*gemm)(struct strips out, struct strips in, size_t rows, struct panels w,
                 const float *bias, enum gemm_epilogue epilogue, void *scratch);

    /* Causal softmax attention of one document by its heads first .. first + count - 1: rows row0
     * .. row0 + n of qkv (positions 0 .. n-1) to the same rows of out (head_size columns a head),
     * scores scaled by 1 / sqrt(head_size), rotary embedding applied on the way (Su et al. 2021,
     * NeoX half-split pairs). Key blocks are cut by position in the document. scratch:
     * attention_scratch_bytes(). */
    void (*attention)(struct strips out, struct strips qkv, size_t row0, size_t n, size_t first,
                      size_t count, const struct attention_shape *shape, void *scratch);

    /* loss[i] = log sum_v exp(x[i] . W[v]) - x[i] . W[targets[i]] in nats, for rows 0..rows, over
     * all w.n rows of W; targets < w.n. The logits are streamed through an online log-sum-exp
     * (Milakov & Gimelshein 2018) in fixed blocks of vocabulary and never stored. scratch:
     * simd_scratch_bytes(). */
    void (*head)(float *loss, struct strips x, size_t rows, struct panels w,
                 const uint32_t *targets, void *scratch);

    /* Elementwise, any n, any alignment, in may equal out. */
    void (*exp)(float *out, const float *in, size_t n);
    void (*log)(float *out, const float *in, size_t n);
    void (*erf)(float *out, const float *in, size_t n);
    void (*tanh)(float *out, const float *in, size_t n);
    void (*gelu_erf)(float *out, const float *in, size_t n);
    void (*gelu_tanh)(float *out, const float *in, size_t n);
    void (*f16_to_f32)(float *out, const uint16_t *in, size_t n);
    void (*bf16_to_f32)(float *out, const uint16_t *in, size_t n);
    void (*f32_to_f16)(uint16_t *out, const float *in, size_t n);  /* nearest even */
    void (*f32_to_bf16)(uint16_t *out, const float *in, size_t n); /* nearest even */
};

/* The table of an instruction set, or NULL where this CPU or operating system (XCR0) cannot run
 * it. */
const struct kernels *simd_kernels(enum simd_isa isa);
/* The best this machine can run. */
const struct kernels *simd_best(void);
/* "scalar", "avx2", "avx512" to its number, -1 for another word. */
int simd_isa_from_name(const char *name);

/* Bytes of scratch (64-byte aligned, best on huge pages) that gemm and head need, for any shape. It
 * follows from the L2 size this machine reports, never from one machine; results do not depend on
 * it. */
size_t simd_scratch_bytes(void);
/* Bytes attention needs for documents of up to n tokens. */
size_t attention_scratch_bytes(size_t n, size_t head_size);

/* The same product by oneDNN (float32, its own order of sums: closeness, not bits, is promised).
 * Same arguments as the kernel; scratch: onednn_scratch_bytes(rows, n, k). */
void onednn_gemm(const struct kernels *kernels, struct strips out, struct strips in, size_t rows,
                 struct panels w, const float *bias, enum gemm_epilogue epilogue, void *scratch);
void onednn_head(const struct kernels *kernels, float *loss, struct strips x, size_t rows,
                 struct panels w, const uint32_t *targets, void *scratch);
size_t onednn_scratch_bytes(size_t rows, size_t n, size_t k);

/* W [n, k] row-major to panels (rows beyond n zeroed); element size 2 or 4 bytes. */
void panels_pack(void *out, const void *w, size_t n, size_t k, size_t element_bytes);

/* Memory for large buffers: 2 MiB-aligned, huge pages asked for (under virtual machines 4 KiB pages
 * cost up to a third of the FMA peak), zeroed. NULL when out of memory. */
void *simd_alloc(size_t bytes);
void simd_free(void *p, size_t bytes);

#endif
