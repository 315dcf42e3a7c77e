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

#include "simd/layout.h"

#include <stdbool.h>

/* SIMD_AMX is SIMD_AVX512 with other integer products (simd/amx.h). */
enum simd_isa { SIMD_SCALAR, SIMD_AVX2, SIMD_AVX512, SIMD_AMX, SIMD_ISAS };

/* Rows row .. row + n of a matrix: consecutive positions of one document. */
struct row_run {
    size_t row, n;
};

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
    float scale;                /* of the scores: 1 / sqrt(head_size) for GPT-NeoX, 1 for GPT-Neo */
    size_t window; /* a position sees itself and window - 1 before it; 0: all (GPT-Neo: 256) */
};

/* --- the kernels, each of whose signatures is written here alone --- */

/* x[row0 + i][0..d) = table[ids[i]][0..d), a row-major table of `dtype`. */
typedef void kernel_embed(struct strips x, size_t row0, const uint32_t *ids, size_t n,
                          const void *table, enum simd_dtype dtype, size_t d);

/* out[i] = (in[i] - mean) / sqrt(var + eps) * weight + bias for rows 0..rows, biased variance
 * (Ba et al. 2016). in and out may be the same. */
typedef void kernel_layer_norm(struct strips out, struct strips in, size_t rows, size_t d,
                               const float *weight, const float *bias, float eps);

/* dx[i] += the gradient of layer_norm at x[i], rows 0..rows, from that to its output, dy[i]; the
 * statistics are computed again. dweight [d] = sum_i dy[i] (x[i] - mean) / sqrt(var + eps), dbias
 * [d] = sum_i dy[i], or NULL where they are not wanted: chains over 64 rows, whose sums are added in
 * order. dx is none of the others. */
typedef void kernel_layer_norm_back(struct strips dx, struct strips dy, struct strips x,
                                    size_t rows, size_t d, const float *weight, float eps,
                                    float *dweight, float *dbias);

/* out[0..rows)[0..n) = epilogue(in[0..rows)[0..k) W^T + bias). Each element is a chain of FMAs
 * over k in increasing order within each simd_chain(k) of k; the chains' sums are added in
 * order; then bias. in and out must not overlap. scratch: simd_scratch_bytes(). */
typedef void kernel_gemm(struct strips out, struct strips in, size_t rows, struct panels w,
                         const float *bias, enum gemm_epilogue epilogue, void *scratch);

/* The gradient of gemm's input: dx[0..rows)[0..w.k) = (GEMM_STORE) or += (GEMM_ADD)
 * dy[0..rows)[0..w.n) W, from the same panels. Each element is a chain of FMAs over n in increasing
 * order within each simd_chain(w.n) of n; the chains' sums are added in order. dx and dy must not
 * overlap. scratch: simd_scratch_bytes(). */
typedef void kernel_gemm_back(struct strips dx, struct strips dy, size_t rows, struct panels w,
                              enum gemm_epilogue epilogue, void *scratch);

/* The gradient of gemm's weights, dW [n, k] = sum over rows t of dy[t][n] x[t][k], in the panel
 * layout: a tile has inputs k0 .. k0 + kn - 1 of one panel, kn x 32 floats, consecutive in the
 * layout of W from element (panel * k + k0) * 32 on. It is in the cache, and the sink's only until
 * it returns. */
typedef void gradient_sink(void *context, size_t panel, size_t k0, size_t kn, const float *tile);
struct weight_gradient {
    struct strips dy, x; /* rows 0..rows, columns 0..n and 0..k */
    size_t rows, n, k;   /* all at least 1 */
    size_t first, end;   /* panels of the n: a team shares a matrix by them */
};
/* Panels first .. end - 1 to the sink. Each element is a chain of FMAs over t in increasing order
 * within each SIMD_STRIP rows from row 0 on; the chains' sums are added in order. Columns beyond n
 * of the last panel are zeros. Tiles come by groups of panels 8 i .. 8 i + 7, in a group by k0 (0,
 * 256, 512 ...; kn is 256 but for the last), and for each k0 panel by panel. scratch:
 * simd_scratch_bytes(). */
typedef void kernel_weight_gradient(const struct weight_gradient *g, gradient_sink *sink,
                                    void *context, void *scratch);

/* The gradient of gemm's bias: out[c] = sum over rows t of dy[t][c] for c < n. Sums over t in
 * increasing order within each SIMD_STRIP rows from row 0 on, added in order. rows >= 1. */
typedef void kernel_column_sums(float *out, struct strips dy, size_t rows, size_t n);

/* Causal softmax attention of one document by its heads first .. first + count - 1: rows row0
 * .. row0 + n of qkv (positions 0 .. n-1) to the same rows of out (head_size columns a head),
 * rotary embedding applied on the way (Su et al. 2021, NeoX half-split pairs). Key blocks are cut
 * by position in the document, with a window too; what lies outside it takes no time. scratch:
 * attention_scratch_bytes(). */
typedef void kernel_attention(struct strips out, struct strips qkv, size_t row0, size_t n,
                              size_t first, size_t count, const struct attention_shape *shape,
                              void *scratch);

/* The same of a document whose positions lie in several runs of rows, one after the other, of which
 * the last run's outputs are computed: documents that begin alike share the rows of that part.
 * scratch: for the positions of all runs. */
typedef void kernel_attention_runs(struct strips out, struct strips qkv, const struct row_run *runs,
                                   size_t runs_n, size_t first, size_t count,
                                   const struct attention_shape *shape, void *scratch);

/* The same, and of those outputs log_sums[h * n + t] = log sum_j exp(score of key j), over what
 * position t of the n in all runs sees in head h, in nats: what attention_back wants. */
typedef void kernel_attention_kept(struct strips out, float *log_sums, struct strips qkv,
                                   const struct row_run *runs, size_t runs_n, size_t first,
                                   size_t count, const struct attention_shape *shape,
                                   void *scratch);

/* One position after another: row 0 of qkv is the input at POSITION, row 0 of out its output by
 * heads first .. first + count - 1, bit for bit attention's. CACHE keeps the keys and values of the
 * positions before, every one of which was given to this function: attention_cache_bytes() for up to
 * CAPACITY positions, at least position + 1. */
struct attention_cache {
    void *data; /* 64-byte aligned, zeros at first */
    size_t capacity;
};
typedef void kernel_attention_step(struct strips out, struct strips qkv, size_t position,
                                   size_t first, size_t count, const struct attention_shape *shape,
                                   struct attention_cache cache, void *scratch);

/* The gradient of one document's attention by its heads first .. first + count - 1: of the loss to
 * those heads' columns of qkv, from that to out, for positions 0 .. n - 1, which are rows row0 .. of
 * all matrices. A document's first n positions give the bits of a document of n: later rows are not
 * read. dqkv is stored, not added to; rotary is turned back. FlashAttention-2's backward pass (Dao
 * 2023): blocks of 256 keys, scores computed again, nothing of n x n. The gradients of keys and
 * values are chains of FMAs over 64 query positions, counted from the document's start, those of
 * queries over a block of keys; the chains' sums are added in order. A position that sees one key
 * alone gives queries and keys exact zeros. scratch: attention_back_scratch_bytes(). */
struct attention_back {
    struct strips dqkv; /* out: [rows][3 d] */
    struct strips dout, qkv, out;
    const float *log_sums; /* attention_kept's, head h's at h * log_rows: log_rows is its n */
    size_t log_rows;
    size_t row0, n;
    size_t from; /* dout is zero at positions before it and not read there; 0 .. n - 1 */
};
typedef void kernel_attention_back(const struct attention_back *b, size_t first, size_t count,
                                   const struct attention_shape *shape, void *scratch);

/* One row's product: columns first .. end - 1 of out [n] = epilogue(x [k] W^T + bias), bit for bit
 * gemm's, as fast as W is read: no scratch. FIRST is a multiple of 32, END one or n. Plain rows, as a
 * matrix of strips with one row is. */
typedef void kernel_gemv(float *out, const float *x, struct panels w, size_t first, size_t end,
                         const float *bias, enum gemm_epilogue epilogue);

/* loss[i] = log sum_v exp(x[i] . W[v]) - x[i] . W[targets[i]] in nats, for rows 0..rows, over
 * all w.n rows of W; targets < w.n. The logits are streamed through an online log-sum-exp
 * (Milakov & Gimelshein 2018) in fixed blocks of vocabulary and never stored. scratch:
 * simd_scratch_bytes(). */
typedef void kernel_head(float *loss, struct strips x, size_t rows, struct panels w,
                         const uint32_t *targets, void *scratch);

/* The same, and best[i] = the v of the greatest logit, the lowest of equal ones. */
typedef void kernel_head_best(float *loss, uint32_t *best, struct strips x, size_t rows,
                              struct panels w, const uint32_t *targets, void *scratch);

/* sums[i * stride + j] += a_i . b_j for vectors i < a_rows of a and j < b_rows of b, rows of `columns`
 * coordinates: chains of FMAs in increasing order within each SIMD_STRIP of them, the chains' sums
 * added in order, in double. So a_i . b_j and b_j . a_i are the same bits. scratch:
 * simd_scratch_bytes(). */
typedef void kernel_inner_products(double *sums, size_t stride, struct strips a, size_t a_rows,
                                   struct strips b, size_t b_rows, size_t columns, void *scratch);

/* 16-bit integers for float32: x = q s, one s a row of activations (its whole k) and a column of
 * weights. s = max(max |x| / 32767, sqrt(max over blocks of 256 k of the sum of x^2) / 46300, 2^-66),
 * q = x (1 / s) to the nearest even integer: |q| <= 32767, and a block of q has norm below sqrt(2^31)
 * with every rounding, so that by Cauchy-Schwarz no block of a product leaves an int32 (the last term
 * keeps squares from vanishing). Where x is not finite, or its squares' sum is not, s is NaN and q 0:
 * every output of that row or column becomes NaN.
 *
 * Sums of squares: of a row in chains of FMAs over every 16th of a block, then the lanes' tree; of a
 * column one chain of FMAs in increasing k. */

/* Rows 0..rows, columns 0..k. */
typedef void kernel_quantize(struct strips_i16 out, struct strips in, size_t rows, size_t k);

/* W of another type to SIMD_I16's panels: panels_bytes(SIMD_I16, w.n, w.k) at OUT, 64-byte aligned.
 * Panels do not know each other: threads share W by panels_rows(). */
typedef void kernel_quantize_panels(void *out, struct panels w);

/* out[0..rows)[0..n) = epilogue(x W^T + bias), w of SIMD_I16. Each element: the int32 sums over blocks
 * of 256 k (modulo 2^32, whatever the operands) become float32 and are added in order to acc; then
 * (acc * the row's scale) * the column's scale + bias. scratch: simd_scratch_bytes(). */
typedef void kernel_gemm_i16(struct strips out, struct strips_i16 in, size_t rows, struct panels w,
                             const float *bias, enum gemm_epilogue epilogue, void *scratch);

/* head and head_best of such logits. */
typedef void kernel_head_i16(float *loss, struct strips_i16 x, size_t rows, struct panels w,
                             const uint32_t *targets, void *scratch);
typedef void kernel_head_best_i16(float *loss, uint32_t *best, struct strips_i16 x, size_t rows,
                                  struct panels w, const uint32_t *targets, void *scratch);

/* One row's loss and its gradient, W read once: returns head's loss of x [w.k] (plain, as a matrix of
 * strips with one row is), bit for bit; dlogits[v] = exp(x . W[v] - log-sum-exp), v < w.n, and of the
 * target minus the sum of all others', which is expm1(-loss) without the loss's rounding; dx [w.k] =
 * dlogits W. dx is summed like gemm_back's in blocks of 256 of the vocabulary, which are added in
 * order, the target's row last. dlogits has room for a multiple of 16. scratch:
 * simd_scratch_bytes(). */
typedef float kernel_head_back(float *dx, float *dlogits, const float *x, struct panels w,
                               uint32_t target, void *scratch);

/* Elementwise, any n, any alignment, in may equal out. Narrowing is to nearest even. */
typedef void kernel_map(float *out, const float *in, size_t n);
typedef void kernel_widen(float *out, const uint16_t *in, size_t n);
typedef void kernel_narrow(uint16_t *out, const float *in, size_t n);

/* du[i] = dy[i] gelu'(u[i]), elementwise as above; du may equal dy or u. */
typedef void kernel_gelu_back(float *du, const float *dy, const float *u, size_t n);

/* v[i] += x[i], or -= where bit FIRST + i of SIGNS is set (bit b of byte j is number 8 j + b), for i <
 * n: a gradient's coordinates on their way into a sketch. Any alignment of all three; SIGNS is read
 * up to 3 bytes beyond the byte of its last bit. */
typedef void kernel_sketch_add(float *v, const float *x, const uint8_t *signs, size_t first,
                               size_t n);

/* Sum of x[i]^2: chains of FMAs over every 16th of 256 elements, the 16 lanes' tree, then in double in
 * order. */
typedef double kernel_sum_squares(const float *x, size_t n);

/* out[j * stride + i] = in[i * columns + j]: rows of a table, back to back, to columns. stride >=
 * rows; out and in must not overlap. */
typedef void kernel_columns(float *out, size_t stride, const float *in, size_t rows,
                            size_t columns);

/* Bit i % 64 of bits[i / 64]: x[i] < limit, or whether b[i] - a[i], rounded, is below low or above
 * high; 0 where there is a NaN. (n + 63) / 64 words, zeros from n on. */
typedef void kernel_below(uint64_t *bits, const float *x, size_t n, float limit);
typedef void kernel_apart(uint64_t *bits, const float *a, const float *b, size_t n, float low,
                          float high);

/* Bit i of BITS as above: row i of the columns x[j * stride + i] may have a least-squares slope, the sum
 * of weight[j] x[j], below `slope`, and slope^2 squares / (sum of squares about the mean) above r2. Set
 * wherever both are so in exact arithmetic, for any x whose squares do not overflow; not set unless
 * they nearly are. */
struct line_test {
    const float *weight;
    size_t columns;
    float squares; /* the abscissas' about their mean; weight[j] = (x_j - mean) / squares */
    float slope, r2;
};
typedef void kernel_lines(uint64_t *bits, const float *x, size_t stride, size_t n,
                          const struct line_test *test);

/* A two-layer perceptron on inputs of 0 and 1: h = W1 x + b1, z = the difference of the two logits, (W2[1]
 * - W2[0]) . relu(h) + b2[1] - b2[0]. An input x is a task's one-hot code and up to 128 bits. As x is 0
 * or 1, W1 x is one sum looked up for each group of four bits, of the 16 there are, and the gradient of
 * W1 is scattered into 16 sums a group in the same way (no multiplication in either).
 *
 * Weights lie in blocks of 16 hidden units; a block is rows of 16 floats: one a bit (4 groups of them,
 * those that no sample has are zeros), one a task, the bias, W2[0], W2[1]. */
enum { PARITY_GROUPS = 32 };
struct parity_samples {
    size_t n;             /* a multiple of 16: fill up with any */
    size_t groups, tasks; /* groups of four bits, 1 .. 32 */
    const uint8_t
        *nibbles;         /* [n][PARITY_GROUPS] 8 times group g's four bits, the first the lowest */
    const uint16_t *task; /* [n] below tasks; faster where equal ones are together */
};
static inline size_t parity_block_rows(size_t groups, size_t tasks)
{
    return 4 * groups + tasks + 3;
}

/* z[i] += one block's part of sample i's z. Bit c of positive[i] (unless NULL): h[c] > 0. Lookups are
 * added in order: the task's row, groups 0, 1, ... (whose first has the bias in it); of 16 products
 * relu(h) (W2[1] - W2[0]) the tree over lanes. */
typedef void kernel_parity_forward(float *z, uint16_t *positive, const struct parity_samples *s,
                                   const float *block);

/* g, laid out as the block, = scale times the gradient to its weights from e [n] = that to z. With G[j]
 * = sum_i e[i] x[i][j] [h_i > 0], summed over i in order: dW1[j] = (W2[1] - W2[0]) G[j], and
 * dW2[1] = sum_i e[i] relu(h_i) = sum_j W1[j] G[j] + b1 sum_i e[i] [h_i > 0], so that no h is kept. */
typedef void kernel_parity_backward(float *g, const struct parity_samples *s, const float *e,
                                    const uint16_t *positive, const float *block, float scale);

/* Two classes' cross-entropy in nats and its slope to z: with u = -z where the label is 1, else z,
 * loss[i] = log(1 + exp(u)) and e[i] = sigmoid(u), negated where the label is 1: nothing cancels at
 * either end. Label i is bit i % 16 of labels[i / 16]. n of each; e (NULL: not wanted) is zero up to the
 * next multiple of 16, to which z has room. */
typedef void kernel_parity_loss(float *loss, float *e, const float *z, const uint16_t *labels,
                                size_t n);

/* One step of AdamW (Loshchilov & Hutter 2019, algorithm 2; Kingma & Ba 2015) with a constant rate:
 * m += (1 - beta1) (g - m), v = beta2 v + (1 - beta2) g^2, w = keep w - rate m / (root sqrt(v) +
 * epsilon): epsilon stands outside the root. */
struct adamw {
    float keep;         /* 1 - learning rate * weight decay */
    float beta2;        /* of v */
    float rest1, rest2; /* 1 - beta1, 1 - beta2 */
    float rate;         /* learning rate / (1 - beta1^t), t = 1, 2, ... */
    float root;         /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
};
typedef void kernel_adamw(float *w, float *m, float *v, const float *g, size_t n,
                          const struct adamw *a);

/* Every kernel: its type and its name. The fields of struct kernels, the tables, the functions'
 * declarations and the checks in tests/kernels are made from this list: a kernel without a check
 * does not build. */
#define KERNEL_LIST(X)                                                                             \
    X(kernel_embed, embed)                                                                         \
    X(kernel_layer_norm, layer_norm)                                                               \
    X(kernel_layer_norm_back, layer_norm_back)                                                     \
    X(kernel_gemm, gemm)                                                                           \
    X(kernel_gemm_back, gemm_back)                                                                 \
    X(kernel_weight_gradient, weight_gradient)                                                     \
    X(kernel_column_sums, column_sums)                                                             \
    X(kernel_gemv, gemv)                                                                           \
    X(kernel_attention, attention)                                                                 \
    X(kernel_attention_runs, attention_runs)                                                       \
    X(kernel_attention_step, attention_step)                                                       \
    X(kernel_attention_kept, attention_kept)                                                       \
    X(kernel_attention_back, attention_back)                                                       \
    X(kernel_head, head)                                                                           \
    X(kernel_head_best, head_best)                                                                 \
    X(kernel_quantize, quantize)                                                                   \
    X(kernel_quantize_panels, quantize_panels)                                                     \
    X(kernel_gemm_i16, gemm_i16)                                                                   \
    X(kernel_head_i16, head_i16)                                                                   \
    X(kernel_head_best_i16, head_best_i16)                                                         \
    X(kernel_inner_products, inner_products)                                                       \
    X(kernel_head_back, head_back)                                                                 \
    X(kernel_map, exp)                                                                             \
    X(kernel_map, log)                                                                             \
    X(kernel_map, erf)                                                                             \
    X(kernel_map, tanh)                                                                            \
    X(kernel_map, gelu_erf)                                                                        \
    X(kernel_map, gelu_tanh)                                                                       \
    X(kernel_gelu_back, gelu_erf_back)                                                             \
    X(kernel_gelu_back, gelu_tanh_back)                                                            \
    X(kernel_widen, f16_to_f32)                                                                    \
    X(kernel_widen, bf16_to_f32)                                                                   \
    X(kernel_narrow, f32_to_f16)                                                                   \
    X(kernel_narrow, f32_to_bf16)                                                                  \
    X(kernel_sketch_add, sketch_add)                                                               \
    X(kernel_sum_squares, sum_squares)                                                             \
    X(kernel_columns, columns)                                                                     \
    X(kernel_below, below)                                                                         \
    X(kernel_apart, apart)                                                                         \
    X(kernel_lines, lines)                                                                         \
    X(kernel_parity_forward, parity_forward)                                                       \
    X(kernel_parity_backward, parity_backward)                                                     \
    X(kernel_parity_loss, parity_loss)                                                             \
    X(kernel_adamw, adamw)

struct kernels {
    const char *name; /* "scalar", "avx2", "avx512", "amx" */
    enum simd_isa isa;
#define KERNEL_FIELD(type, name) type *name;
    KERNEL_LIST(KERNEL_FIELD)
#undef KERNEL_FIELD
};

/* The table of an instruction set, or NULL where this CPU or operating system (XCR0) cannot run
 * it. */
const struct kernels *simd_kernels(enum simd_isa isa);
/* The best this machine can run; never SIMD_AMX. */
const struct kernels *simd_best(void);
/* "scalar", "avx2", "avx512", "amx" to its number, -1 for another word. */
int simd_isa_from_name(const char *name);

/* Bytes of scratch (64-byte aligned, best on huge pages) that the products, weight_gradient and
 * head need, for any shape. It follows from the L2 size this machine reports, never from one
 * machine; results do not depend on it. */
size_t simd_scratch_bytes(void);
/* Bytes attention needs for documents of up to n tokens. */
size_t attention_scratch_bytes(size_t n, size_t head_size);
/* Bytes attention_back needs for documents of up to n tokens. */
size_t attention_back_scratch_bytes(size_t n, size_t head_size);
/* Bytes of one layer's cache for attention_step. */
size_t attention_cache_bytes(size_t capacity, const struct attention_shape *shape);

/* Memory for large buffers: 2 MiB-aligned, huge pages asked for (under virtual machines 4 KiB pages
 * cost up to a third of the FMA peak), zeroed. NULL when out of memory. */
void *simd_alloc(size_t bytes);
void simd_free(void *p, size_t bytes);

#endif
