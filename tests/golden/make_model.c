// make_model: writes a Hugging Face GPT-NeoX or GPT-Neo folder (config.json, model.safetensors, or N
// shards and their index) of any shape with random weights, or a Megatron corpus of random token ids.
// Stand-alone, libc, libm and OpenMP only. 12B takes about a minute on two cores.
//
//   make_model DIR [--shape 70m] [--hidden D] [--layers L] [--heads H] [--vocab V] [--ffn F]
//              [--rotary-pct P] [--base B] [--eps E] [--positions T] [--parallel 0|1] [--act NAME]
//              [--dtype f16|bf16|f32] [--seed N] [--scale S] [--copy C] [--updates U] [--update-size R]
//              [--shards N] [--neo 0|1] [--window W]
//   make_model --corpus PREFIX --limit V --seed N LENGTH...
//
// Every weight is a function of (seed, tensor, element) alone: a hash of the three, four uniforms
// of 16 bits summed to something near a normal deviate, one multiplication, one rounding. Nothing
// but IEEE arithmetic and sqrt is used, so a folder has the same bytes on every machine (built
// without contraction to FMA) and references can be kept as options rather than as weights.
//
// With --updates U a weight has moved on from there by U random steps of R of its tensor's deviation,
// each a function of (seed, update, tensor, element): the checkpoints of one run.
//
// The scales keep every activation near unit size, let attention be neither flat nor one-hot, and
// spread the losses: logits have a standard deviation near S, and the head has a part C of the
// input embedding, so that a token that repeats the one before it is predicted well. GPT-Neo's head is
// its embedding, and its attention does not divide by sqrt(head size): the scales make up for both.
// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum dtype { F16, BF16, F32 };

struct shape {
    const char *name;
    uint64_t layers, hidden, heads, vocab;
};

static const struct shape pythia[] = {
    {"14m", 6, 128, 4, 50304},
    {"31m", 6, 256, 8, 50304},
    {"70m", 6, 512, 8, 50304},
    {"160m", 12, 768, 12, 50304},
    {"410m", 24, 1024, 16, 50304},
    {"1b", 16, 2048, 8, 50304},
    {"1.4b", 24, 2048, 16, 50304},
    {"2.8b", 32, 2560, 32, 50304},
    {"6.9b", 32, 4096, 32, 50432},
    {"12b", 36, 5120, 40, 50688},
    {"tinystories-33m", 4, 768, 16, 50257},
};

struct options {
    uint64_t layers, hidden, heads, vocab, ffn, positions, seed, shards, updates, window;
    double rotary_pct, eps, scale, copy, update_size;
    const char *base; // printed as given
    const char *act;
    int parallel, neo;
    enum dtype dtype;
};

// A tensor of config `rows` x `cols` (cols 0: a vector): mean + std * deviate, plus `copy` times
// the deviate of the input embedding for the head.
struct tensor {
    char name[96];
    uint64_t rows, cols, number;
    double mean, std, copy;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "make_model: %s: %s\n", what, why);
    exit(1);
}

static uint64_t splitmix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

// Sum of four 16-bit uniforms, centred; standard deviation sqrt(4 (2^32 - 1) / 12) = 37837.2.
static double deviate(uint64_t key, uint64_t i)
{
    uint64_t u = splitmix64(key + i);
    int sum =
        (int)(u & 0xffff) + (int)(u >> 16 & 0xffff) + (int)(u >> 32 & 0xffff) + (int)(u >> 48);
    return (double)(sum - 131070) * (1.0 / 37837.2);
}

// Round to nearest even; weights are far from overflow, so only zero and subnormals are special.
static uint16_t to_f16(float f)
{
    uint32_t b;
    memcpy(&b, &f, 4);
    uint32_t sign = b >> 16 & 0x8000, mag = b & 0x7fffffff;
    if (mag < 0x38800000) { // below 2^-14: a multiple of 2^-24
        float a = fabsf(f) * 16777216.0f;
        return (uint16_t)(sign | (uint32_t)nearbyintf(a));
    }
    mag += 0xfff + (mag >> 13 & 1);
    return (uint16_t)(sign | (mag - 0x38000000) >> 13);
}

static uint16_t to_bf16(float f)
{
    uint32_t b;
    memcpy(&b, &f, 4);
    return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f) die(path, strerror(errno));
    return f;
}

static void finish(FILE *f, const char *path)
{
    if (ferror(f) || fclose(f)) die(path, "write failed");
}

static uint64_t elements(const struct tensor *t)
{
    return t->rows * (t->cols ? t->cols : 1);
}

// At offset `offset` of the file; chunks come from all threads.
static void write_tensor(int fd, uint64_t offset, const struct tensor *t, const struct options *o)
{
    enum { CHUNK = 1 << 16 };
    uint64_t key = splitmix64(splitmix64(o->seed) ^ t->number);
    uint64_t input = splitmix64(splitmix64(o->seed) ^ 0); // the input embedding is tensor 0
    uint64_t n = elements(t);
    size_t size = o->dtype == F32 ? 4 : 2;
    int bad = 0;
#pragma omp parallel for schedule(static, 16) reduction(| : bad)
    for (uint64_t at = 0; at < n; at += CHUNK) {
        union {
            uint16_t h[CHUNK];
            float f[CHUNK];
        } buf;
        size_t m = n - at < CHUNK ? (size_t)(n - at) : CHUNK;
        for (size_t i = 0; i < m; i++) {
            double z = deviate(key, at + i) * t->std;
            if (t->copy != 0) z += deviate(input, at + i) * t->copy;
            for (uint64_t u = 1; u <= o->updates; u++)
                z += deviate(splitmix64(key ^ u << 32), at + i) * t->std * o->update_size;
            float x = (float)(t->mean + z);
            if (o->dtype == F32)
                buf.f[i] = x;
            else
                buf.h[i] = o->dtype == F16 ? to_f16(x) : to_bf16(x);
        }
        bad |= pwrite(fd, &buf, m * size, (off_t)(offset + at * size)) != (ssize_t)(m * size);
    }
    if (bad) die(t->name, "write failed");
}

static void add(struct tensor **list, size_t *n, const char *name, uint64_t number, uint64_t rows,
                uint64_t cols, double mean, double std)
{
    *list = realloc(*list, (*n + 1) * sizeof **list);
    if (!*list) die("memory", "exhausted");
    struct tensor *t = &(*list)[(*n)++];
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->number = number;
    t->rows = rows;
    t->cols = cols;
    t->mean = mean;
    t->std = std;
}

// One of a layer's tensors.
struct part {
    const char *name;
    uint64_t rows, cols;
    double mean, std;
};

static void add_layer(struct tensor **list, size_t *n, const char *layers, uint64_t l,
                      const struct part *part, size_t parts)
{
    for (size_t k = 0; k < parts; k++) {
        char name[96];
        snprintf(name, sizeof name, "%s.%llu.%s", layers, (unsigned long long)l, part[k].name);
        add(list, n, name, 16 * (l + 1) + k, part[k].rows, part[k].cols, part[k].mean, part[k].std);
    }
}

// GPT-Neo's tensors, in the order in which they are written.
static struct tensor *neo_tensors(const struct options *o, size_t *n)
{
    struct tensor *list = NULL;
    uint64_t d = o->hidden;
    double unit = 1 / sqrt((double)d), wide = 1 / sqrt((double)o->ffn);
    double sharp = 1.4 * unit / sqrt(sqrt((double)d / (double)o->heads));
    *n = 0;
    add(&list, n, "transformer.wte.weight", 0, o->vocab, d, 0, o->scale * unit);
    add(&list, n, "transformer.wpe.weight", 4, o->positions, d, 0, o->scale * unit);
    for (uint64_t l = 0; l < o->layers; l++) {
        const struct part part[] = {
            {"ln_1.weight", d, 0, 1, 0.2},
            {"ln_1.bias", d, 0, 0, 0.1},
            {"attn.attention.k_proj.weight", d, d, 0, sharp},
            {"attn.attention.v_proj.weight", d, d, 0, 1.4 * unit},
            {"attn.attention.q_proj.weight", d, d, 0, sharp},
            {"attn.attention.out_proj.weight", d, d, 0, unit},
            {"attn.attention.out_proj.bias", d, 0, 0, 0.1},
            {"ln_2.weight", d, 0, 1, 0.2},
            {"ln_2.bias", d, 0, 0, 0.1},
            {"mlp.c_fc.weight", o->ffn, d, 0, 1.2 * unit},
            {"mlp.c_fc.bias", o->ffn, 0, 0, 0.2},
            {"mlp.c_proj.weight", d, o->ffn, 0, wide},
            {"mlp.c_proj.bias", d, 0, 0, 0.1},
        };
        add_layer(&list, n, "transformer.h", l, part, sizeof part / sizeof part[0]);
    }
    add(&list, n, "transformer.ln_f.weight", 1, d, 0, 1, 0.2);
    add(&list, n, "transformer.ln_f.bias", 2, d, 0, 0, 0.1);
    return list;
}

// The tensors in the order in which they are written.
static struct tensor *tensors(const struct options *o, size_t *n)
{
    if (o->neo) return neo_tensors(o, n);
    struct tensor *list = NULL;
    uint64_t d = o->hidden;
    double unit = 1 / sqrt((double)d), wide = 1 / sqrt((double)o->ffn);
    *n = 0;
    add(&list, n, "gpt_neox.embed_in.weight", 0, o->vocab, d, 0, 1);
    for (uint64_t l = 0; l < o->layers; l++) {
        const struct part part[] = {
            {"input_layernorm.weight", d, 0, 1, 0.2},
            {"input_layernorm.bias", d, 0, 0, 0.1},
            {"post_attention_layernorm.weight", d, 0, 1, 0.2},
            {"post_attention_layernorm.bias", d, 0, 0, 0.1},
            {"attention.query_key_value.weight", 3 * d, d, 0, 1.4 * unit},
            {"attention.query_key_value.bias", 3 * d, 0, 0, 0.3},
            {"attention.dense.weight", d, d, 0, unit},
            {"attention.dense.bias", d, 0, 0, 0.1},
            {"mlp.dense_h_to_4h.weight", o->ffn, d, 0, 1.2 * unit},
            {"mlp.dense_h_to_4h.bias", o->ffn, 0, 0, 0.2},
            {"mlp.dense_4h_to_h.weight", d, o->ffn, 0, wide},
            {"mlp.dense_4h_to_h.bias", d, 0, 0, 0.1},
        };
        add_layer(&list, n, "gpt_neox.layers", l, part, sizeof part / sizeof part[0]);
    }
    add(&list, n, "gpt_neox.final_layer_norm.weight", 1, d, 0, 1, 0.2);
    add(&list, n, "gpt_neox.final_layer_norm.bias", 2, d, 0, 0, 0.1);
    add(&list, n, "embed_out.weight", 3, o->vocab, d, 0, o->scale * unit);
    list[*n - 1].copy = o->scale * o->copy * unit * unit;
    return list;
}

// Every second layer is local.
static void write_neo_config(FILE *f, const struct options *o, const char *type)
{
    const unsigned long long L = o->layers;
    fprintf(f,
            "{\n  \"activation_function\": \"%s\",\n"
            "  \"architectures\": [\"GPTNeoForCausalLM\"],\n  \"attention_dropout\": 0,\n"
            "  \"attention_layers\": [",
            o->act);
    for (uint64_t l = 0; l < o->layers; l++)
        fprintf(f, "%s\"%s\"", l ? ", " : "", l % 2 ? "local" : "global");
    fprintf(f, "],\n  \"attention_types\": [[[\"global\", \"local\"], %llu]%s],\n", L / 2,
            L % 2 ? ", [[\"global\"], 1]" : "");
    fprintf(f,
            "  \"bos_token_id\": 0,\n  \"embed_dropout\": 0,\n  \"eos_token_id\": 0,\n"
            "  \"hidden_size\": %llu,\n  \"initializer_range\": 0.02,\n",
            (unsigned long long)o->hidden);
    if (o->ffn == 4 * o->hidden)
        fprintf(f, "  \"intermediate_size\": null,\n");
    else
        fprintf(f, "  \"intermediate_size\": %llu,\n", (unsigned long long)o->ffn);
    fprintf(f,
            "  \"layer_norm_epsilon\": %g,\n  \"max_position_embeddings\": %llu,\n"
            "  \"model_type\": \"gpt_neo\",\n  \"num_heads\": %llu,\n  \"num_layers\": %llu,\n"
            "  \"resid_dropout\": 0,\n  \"torch_dtype\": \"%s\",\n"
            "  \"transformers_version\": \"4.24.0\",\n  \"use_cache\": true,\n"
            "  \"vocab_size\": %llu,\n  \"window_size\": %llu\n}\n",
            o->eps, (unsigned long long)o->positions, (unsigned long long)o->heads, L, type,
            (unsigned long long)o->vocab, (unsigned long long)o->window);
}

static void write_config(const char *dir, const struct options *o)
{
    static const char *const type[] = {"float16", "bfloat16", "float32"};
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", dir);
    FILE *f = create(path);
    if (o->neo) {
        write_neo_config(f, o, type[o->dtype]);
        finish(f, path);
        return;
    }
    fprintf(f,
            "{\n  \"architectures\": [\"GPTNeoXForCausalLM\"],\n"
            "  \"bos_token_id\": 0,\n  \"eos_token_id\": 0,\n  \"hidden_act\": \"%s\",\n"
            "  \"hidden_size\": %llu,\n  \"initializer_range\": 0.02,\n"
            "  \"intermediate_size\": %llu,\n  \"layer_norm_eps\": %g,\n"
            "  \"max_position_embeddings\": %llu,\n  \"model_type\": \"gpt_neox\",\n"
            "  \"num_attention_heads\": %llu,\n  \"num_hidden_layers\": %llu,\n"
            "  \"rotary_emb_base\": %s,\n  \"rotary_pct\": %g,\n"
            "  \"tie_word_embeddings\": false,\n  \"torch_dtype\": \"%s\",\n"
            "  \"transformers_version\": \"4.24.0\",\n  \"use_cache\": true,\n"
            "  \"use_parallel_residual\": %s,\n  \"vocab_size\": %llu\n}\n",
            o->act, (unsigned long long)o->hidden, (unsigned long long)o->ffn, o->eps,
            (unsigned long long)o->positions, (unsigned long long)o->heads,
            (unsigned long long)o->layers, o->base, o->rotary_pct, type[o->dtype],
            o->parallel ? "true" : "false", (unsigned long long)o->vocab);
    finish(f, path);
}

// One file of n tensors; returns the bytes of its data.
static uint64_t write_file(const char *path, const struct tensor *list, size_t n,
                           const struct options *o)
{
    static const char *const type[] = {"F16", "BF16", "F32"};
    size_t size = o->dtype == F32 ? 4 : 2;
    size_t room = 256 + n * 256, used;
    char *head = malloc(room);
    if (!head) die("memory", "exhausted");
    uint64_t at = 0;
    used = (size_t)snprintf(head, room, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        const struct tensor *t = &list[i];
        uint64_t bytes = elements(t) * size;
        used +=
            (size_t)snprintf(head + used, room - used, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu",
                             t->name, type[o->dtype], (unsigned long long)t->rows);
        if (t->cols)
            used +=
                (size_t)snprintf(head + used, room - used, ",%llu", (unsigned long long)t->cols);
        used += (size_t)snprintf(head + used, room - used, "],\"data_offsets\":[%llu,%llu]}",
                                 (unsigned long long)at, (unsigned long long)(at + bytes));
        at += bytes;
    }
    head[used++] = '}';
    while (used % 8) head[used++] = ' ';
    FILE *f = create(path);
    uint64_t length = used;
    fwrite(&length, 8, 1, f);
    fwrite(head, 1, used, f);
    if (fflush(f)) die(path, "write failed");
    uint64_t offset = 8 + length;
    for (size_t i = 0; i < n; i++) {
        write_tensor(fileno(f), offset, &list[i], o);
        offset += elements(&list[i]) * size;
    }
    finish(f, path);
    free(head);
    return at;
}

// Where the shard ends that begins with tensor `begin`: when it has its part of all elements.
static size_t shard_end(const struct tensor *list, size_t n, size_t begin, uint64_t part)
{
    uint64_t seen = 0;
    while (begin < n && seen < part) seen += elements(&list[begin++]);
    return begin;
}

// The tensors in their order, in at most o->shards files.
static void write_safetensors(const char *dir, const struct options *o)
{
    size_t n, files = 0;
    struct tensor *list = tensors(o, &n);
    char path[4096], name[64] = "model.safetensors";
    uint64_t all = 0, bytes = 0;
    FILE *index = NULL;
    for (size_t i = 0; i < n; i++) all += elements(&list[i]);
    uint64_t part = all / o->shards + 1;
    for (size_t i = 0; i < n; i = shard_end(list, n, i, part)) files++;
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    if (o->shards > 1) {
        index = create(path);
        fprintf(index, "{\"weight_map\": {");
    }
    for (size_t begin = 0, end, file = 1; begin < n; begin = end, file++) {
        end = shard_end(list, n, begin, part);
        if (index) snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", file, files);
        char to[4096];
        snprintf(to, sizeof to, "%s/%s", dir, name);
        bytes += write_file(to, list + begin, end - begin, o);
        for (size_t i = begin; i < end && index; i++)
            fprintf(index, "%s\n  \"%s\": \"%s\"", i ? "," : "", list[i].name, name);
    }
    if (index) {
        fprintf(index, "},\n \"metadata\": {\"total_size\": %llu}}\n", (unsigned long long)bytes);
        finish(index, path);
    }
    free(list);
}

// Document d holds hashes below `limit`; every fourth token repeats the one before it.
static void write_corpus(const char *prefix, uint64_t limit, uint64_t seed, int n, char **length)
{
    if (limit < 1 || limit > 65536) die("--limit", "expected 1..65536");
    char bin[4096], idx[4096];
    snprintf(bin, sizeof bin, "%s.bin", prefix);
    snprintf(idx, sizeof idx, "%s.idx", prefix);
    FILE *f = create(bin), *g = create(idx);
    uint64_t base = splitmix64(seed), version = 1, sequences = (uint64_t)n,
             documents = sequences + 1;
    uint8_t code = 8; // uint16
    fwrite("MMIDIDX\0", 1, 9, g);
    fwrite(&version, 8, 1, g);
    fwrite(&code, 1, 1, g);
    fwrite(&sequences, 8, 1, g);
    fwrite(&documents, 8, 1, g);
    for (int d = 0; d < n; d++) {
        int32_t T = (int32_t)strtol(length[d], NULL, 10);
        uint16_t id = 0;
        fwrite(&T, 4, 1, g);
        for (int32_t t = 0; t < T; t++) {
            uint64_t u = splitmix64(base + ((uint64_t)d << 32) + (uint64_t)t) >> 32;
            if (t % 4 != 3) id = (uint16_t)(u * limit >> 32);
            fwrite(&id, 2, 1, f);
        }
    }
    int64_t at = 0;
    for (int d = 0; d < n; d++) {
        fwrite(&at, 8, 1, g);
        at += 2 * strtol(length[d], NULL, 10);
    }
    for (int64_t d = 0; d <= n; d++) fwrite(&d, 8, 1, g);
    finish(f, bin);
    finish(g, idx);
}

static uint64_t count(const char *option, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || end == text || *end || v > 1u << 30) die(option, "expected a number");
    return v;
}

static void read_options(struct options *o, int argc, char **argv)
{
    for (int i = 2; i < argc; i += 2) {
        const char *k = argv[i], *v = argv[i + 1];
        if (i + 1 == argc) die(k, "expected a value");
        if (!strcmp(k, "--shape")) {
            size_t s = 0, n = sizeof pythia / sizeof pythia[0];
            while (s < n && strcmp(pythia[s].name, v)) s++;
            if (s == n) die(v, "unknown shape");
            o->layers = pythia[s].layers;
            o->hidden = pythia[s].hidden;
            o->heads = pythia[s].heads;
            o->vocab = pythia[s].vocab;
        } else if (!strcmp(k, "--hidden"))
            o->hidden = count(k, v);
        else if (!strcmp(k, "--layers"))
            o->layers = count(k, v);
        else if (!strcmp(k, "--heads"))
            o->heads = count(k, v);
        else if (!strcmp(k, "--vocab"))
            o->vocab = count(k, v);
        else if (!strcmp(k, "--ffn"))
            o->ffn = count(k, v);
        else if (!strcmp(k, "--positions"))
            o->positions = count(k, v);
        else if (!strcmp(k, "--shards"))
            o->shards = count(k, v);
        else if (!strcmp(k, "--seed"))
            o->seed = count(k, v);
        else if (!strcmp(k, "--parallel"))
            o->parallel = count(k, v) != 0;
        else if (!strcmp(k, "--neo"))
            o->neo = count(k, v) != 0;
        else if (!strcmp(k, "--window"))
            o->window = count(k, v);
        else if (!strcmp(k, "--rotary-pct"))
            o->rotary_pct = strtod(v, NULL);
        else if (!strcmp(k, "--base"))
            o->base = v;
        else if (!strcmp(k, "--eps"))
            o->eps = strtod(v, NULL);
        else if (!strcmp(k, "--scale"))
            o->scale = strtod(v, NULL);
        else if (!strcmp(k, "--copy"))
            o->copy = strtod(v, NULL);
        else if (!strcmp(k, "--updates"))
            o->updates = count(k, v);
        else if (!strcmp(k, "--update-size"))
            o->update_size = strtod(v, NULL);
        else if (!strcmp(k, "--act"))
            o->act = v;
        else if (!strcmp(k, "--dtype") && !strcmp(v, "f16"))
            o->dtype = F16;
        else if (!strcmp(k, "--dtype") && !strcmp(v, "bf16"))
            o->dtype = BF16;
        else if (!strcmp(k, "--dtype") && !strcmp(v, "f32"))
            o->dtype = F32;
        else
            die(k, "unknown option or value");
    }
    if (!o->ffn) o->ffn = 4 * o->hidden;
    if (!o->act) o->act = o->neo ? "gelu_new" : "gelu";
    if (!o->shards) die("--shards", "expected 1 or more");
    if (!o->layers || !o->hidden || !o->heads || !o->vocab || o->hidden % o->heads)
        die("shape", "give layers, hidden, heads (a divisor of hidden) and vocab");
}

int main(int argc, char **argv)
{
    if (argc > 6 && !strcmp(argv[1], "--corpus") && !strcmp(argv[3], "--limit") &&
        !strcmp(argv[5], "--seed")) {
        write_corpus(argv[2], count("--limit", argv[4]), count("--seed", argv[6]), argc - 7,
                     argv + 7);
        return 0;
    }
    if (argc < 4 || argv[1][0] == '-') {
        fprintf(stderr, "usage: make_model DIR [--shape 70m] [--hidden D] ... | "
                        "make_model --corpus PREFIX --limit V --seed N LENGTH...\n");
        return 2;
    }
    struct options o = {.vocab = 50304,
                        .positions = 2048,
                        .shards = 1,
                        .rotary_pct = 0.25,
                        .eps = 1e-5,
                        .scale = 3,
                        .copy = 12,
                        .update_size = 0.01,
                        .base = "10000",
                        .window = 256,
                        .parallel = 1};
    read_options(&o, argc, argv);
    if (mkdir(argv[1], 0777) && errno != EEXIST) die(argv[1], strerror(errno));
    write_config(argv[1], &o);
    write_safetensors(argv[1], &o);
    return 0;
}
