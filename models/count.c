/* count.c - parameters and FLOPs by part; see count.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/count.h"

const struct count_rule count_rules[COUNT_F_RULES] = {
    [COUNT_F_6N_BODY] = {"6N-body", "6 x parameters without embedding and head (Kaplan et al.)"},
    [COUNT_F_6N_HEAD] = {"6N-head", "6 x parameters with the output matrix, without the embedding"},
    [COUNT_F_6N_TOTAL] = {"6N-total", "6 x all parameters"},
    [COUNT_F_ATTENTION] = {"6N+attention",
                           "6N-head + 6 x sequence x width x layers (Porian et al.)"},
    [COUNT_F_APPENDIX] = {"appendix-F",
                          "3 x forward with embedding and logits (Hoffmann et al., F)"},
    [COUNT_F_LAYERS] = {"layers", "3 x forward of the layers only (Hoffmann et al., Table A4)"},
    [COUNT_F_EXACT] = {"exact", "3 x (layers + logits), causal attention counted once"},
};

int count_check(struct count_config *c, struct err *e)
{
    const struct {
        const char *name;
        uint64_t value, limit;
    } fields[] = {
        {"layers", c->layers, 100000},          {"width", c->width, 1000000},
        {"heads", c->heads, 1000000},           {"key size", c->key ? c->key : 1, 1000000},
        {"ffn", c->ffn ? c->ffn : 1, 10000000}, {"vocabulary", c->vocab, 100000000},
        {"sequence", c->sequence, 1000000000},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!fields[i].value || fields[i].value > fields[i].limit)
            return err_set(e, "%s: expected 1 to %llu, found %llu", fields[i].name,
                           (unsigned long long)fields[i].limit,
                           (unsigned long long)fields[i].value);
    }
    if (!c->key) {
        if (c->width % c->heads)
            return err_set(e, "heads: %llu do not divide the width %llu; give the key size",
                           (unsigned long long)c->heads, (unsigned long long)c->width);
        c->key = c->width / c->heads;
    }
    if (!c->ffn) c->ffn = 4 * c->width;
    if (c->heads * c->key > 10000000)
        return err_set(e, "heads x key size: expected at most 10000000, found %llu",
                       (unsigned long long)(c->heads * c->key));
    return 0;
}

void count_params(const struct count_config *c, struct count_params *p)
{
    uint64_t l = c->layers, d = c->width, f = c->ffn, V = c->vocab;
    uint64_t I = c->square_attention ? d : c->heads * c->key; /* attention's inner width */
    uint64_t bias = !c->no_attention_bias, qkv_bias = bias && !c->no_qkv_bias;
    *p = (struct count_params){0};
    p->embedding = V * d;
    p->positions = c->family == COUNT_GPT ? c->sequence * d : 0;
    p->attention = l * (3 * d * I + qkv_bias * 3 * I + I * d + bias * d);
    p->relative = c->family == COUNT_CHINCHILLA ? l * (d * I + 2 * I) : 0;
    p->mlp = l * (d * f + f + f * d + d);
    p->norms = l * 4 * d + (c->family == COUNT_ENCODER ? 0 : 2 * d);
    p->head = c->tied ? 0 : V * d + (c->family == COUNT_ENCODER ? V : 0);
}

/* The part of a sequence's S^2 pairs that the layers see on the average. */
static double seen(const struct count_config *c, double s)
{
    double w = (double)c->window, l = (double)c->layers, local = (double)c->local;
    if (!c->local || w >= s) return 1;
    return (l - local + local * ((2 * w - 1) * s - w * (w - 1)) / (s * s)) / l;
}

void count_flops(const struct count_config *c, struct count_flops *f)
{
    double l = (double)c->layers, d = (double)c->width, s = (double)c->sequence,
           h = (double)c->heads;
    double I = h * (double)c->key, V = (double)c->vocab, ffn = (double)c->ffn;
    double part = seen(c, s);
    f->embedding = 2 * s * V * d;
    f->qkv = l * 3 * 2 * s * d * I;
    f->scores = l * 2 * s * s * I * part;
    f->softmax = l * 3 * h * s * s * part;
    f->values = l * 2 * s * s * I * part;
    f->output = l * 2 * s * I * d;
    f->mlp = l * 2 * s * 2 * d * ffn;
    f->logits = 2 * s * d * V;
}

uint64_t count_n(const struct count_params *p, const struct count_config *c, enum count_n which)
{
    uint64_t body = p->attention + p->relative + p->mlp + p->norms;
    uint64_t head = c->tied ? p->embedding : p->head;
    if (which == COUNT_N_BODY) return body;
    if (which == COUNT_N_HEAD) return body + head;
    return body + p->head + p->embedding + p->positions;
}

double count_training(const struct count_config *c, enum count_f rule)
{
    struct count_params p;
    struct count_flops f;
    count_params(c, &p);
    count_flops(c, &f);
    double s = (double)c->sequence, l = (double)c->layers, d = (double)c->width;
    double linear = f.qkv + f.output + f.mlp, attention = f.scores + f.softmax + f.values;
    switch (rule) {
    case COUNT_F_6N_BODY:
        return 6 * (double)count_n(&p, c, COUNT_N_BODY);
    case COUNT_F_6N_HEAD:
        return 6 * (double)count_n(&p, c, COUNT_N_HEAD);
    case COUNT_F_6N_TOTAL:
        return 6 * (double)count_n(&p, c, COUNT_N_TOTAL);
    case COUNT_F_ATTENTION:
        return 6 * (double)count_n(&p, c, COUNT_N_HEAD) + 6 * s * d * l * seen(c, s);
    case COUNT_F_APPENDIX:
        return 3 * (f.embedding + linear + attention + f.logits) / s;
    case COUNT_F_LAYERS:
        return 3 * (linear + attention) / s;
    case COUNT_F_EXACT:
        return 3 * (linear + attention / 2 + f.logits) / s;
    case COUNT_F_RULES:
        break;
    }
    return 0;
}

double count_forward(const struct count_config *c, double context)
{
    struct count_params p;
    count_params(c, &p);
    double I = (double)c->heads * (double)c->key;
    return 2 * (double)count_n(&p, c, COUNT_N_HEAD) +
           4 * context * I * (double)c->layers * seen(c, 2 * context);
}

/* clang-format off */
const struct count_a9 count_a9[COUNT_A9] = {
    {44, 512, 2048, 64, 8, 8}, {57, 576, 2304, 64, 9, 9}, {74, 640, 2560, 64, 10, 10},
    {90, 640, 2560, 64, 10, 13}, {106, 640, 2560, 64, 10, 16}, {117, 768, 3072, 64, 12, 12},
    {140, 768, 3072, 64, 12, 15}, {163, 768, 3072, 64, 12, 18}, {175, 896, 3584, 64, 14, 14},
    {196, 896, 3584, 64, 14, 16}, {217, 896, 3584, 64, 14, 18}, {251, 1024, 4096, 64, 16, 16},
    {278, 1024, 4096, 64, 16, 18}, {306, 1024, 4096, 64, 16, 20}, {425, 1280, 5120, 128, 10, 18},
    {489, 1280, 5120, 128, 10, 21}, {509, 1408, 5632, 128, 11, 18}, {552, 1280, 5120, 128, 10, 24},
    {587, 1408, 5632, 128, 11, 21}, {632, 1536, 6144, 128, 12, 19}, {664, 1408, 5632, 128, 11, 24},
    {724, 1536, 6144, 128, 12, 22}, {816, 1536, 6144, 128, 12, 25}, {893, 1792, 7168, 128, 14, 20},
    {1018, 1792, 7168, 128, 14, 23}, {1143, 1792, 7168, 128, 14, 26}, {1266, 2048, 8192, 128, 16, 22},
    {1424, 2176, 8704, 128, 17, 22}, {1429, 2048, 8192, 128, 16, 25}, {1593, 2048, 8192, 128, 16, 28},
    {1609, 2176, 8704, 128, 17, 25}, {1731, 2304, 9216, 128, 18, 24}, {1794, 2176, 8704, 128, 17, 28},
    {2007, 2304, 9216, 128, 18, 28}, {2283, 2304, 9216, 128, 18, 32}, {2298, 2560, 10240, 128, 20, 26},
    {2639, 2560, 10240, 128, 20, 30}, {2980, 2560, 10240, 128, 20, 34}, {3530, 2688, 10752, 128, 22, 36},
    {3802, 2816, 11264, 128, 22, 36}, {4084, 2944, 11776, 128, 22, 36}, {4516, 3072, 12288, 128, 24, 36},
    {6796, 3584, 14336, 128, 28, 40}, {9293, 4096, 16384, 128, 32, 42}, {11452, 4352, 17408, 128, 32, 47},
    {12295, 4608, 18432, 128, 36, 44}, {12569, 4608, 18432, 128, 32, 47}, {13735, 4864, 19456, 128, 32, 47},
    {14940, 4992, 19968, 128, 32, 49}, {16183, 5120, 20480, 128, 40, 47},
};
/* clang-format on */
