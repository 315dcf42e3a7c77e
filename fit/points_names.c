/* points_names.c - see points_names.h. The names are those of the tables published with Farseer,
 * Gemstones, datablations, Porian et al., Marin, the MLFoundations testbed, the OLMo ladder and
 * Epoch's databases, and the field's habits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/points_names.h"

#include <ctype.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 40 };

static const char *const known[POINTS_COLUMNS][MOST] = {
    [POINTS_N] = {"N",
                  "params",
                  "parameters",
                  "n_params",
                  "num_params",
                  "model_size",
                  "model_params",
                  "n_parameters",
                  "num_parameters",
                  "param_count",
                  "parameter_count",
                  "total_params",
                  "params_active",
                  "active_params",
                  "params_active_precise",
                  "params_active_precomputed",
                  "params_no_embed",
                  "non_embedding_params",
                  "non_vocab_parameters",
                  "params_all",
                  "size",
                  NULL},
    [POINTS_D] = {"D",
                  "tokens_seen",
                  "train_tokens",
                  "training_tokens",
                  "n_tokens",
                  "num_tokens",
                  "tokens",
                  "token_count",
                  "dataset_size",
                  "total_tokens",
                  "throughput/total_tokens",
                  "tokens_trained",
                  "trained_tokens",
                  "num_train_tokens",
                  "n_train_tokens",
                  "train_tokens_total",
                  "training_dataset_size",
                  "Training dataset size (datapoints)",
                  "Training dataset size (gradients)",
                  NULL},
    [POINTS_C] = {"C", "flops", "flop", "training_flop", "training_flops", "train_flops", "compute",
                  "training_compute", "budget", "total_flops", "train_flop", "flops_total",
                  "total_training_flops", "training_compute_flop", "compute_budget", NULL},
    [POINTS_LOSS] = {"loss",
                     "mean_loss",
                     "final_loss",
                     "val_loss",
                     "validation_loss",
                     "eval_loss",
                     "test_loss",
                     "train_loss",
                     "final_val_loss",
                     "loss_val",
                     "loss_validation",
                     "final_validation_loss",
                     "cross_entropy",
                     "cross_entropy_loss",
                     "ce_loss",
                     "nll",
                     "val_nll",
                     "c4_loss",
                     "loss_c4_val",
                     "smoothed_loss",
                     "train_loss_smoothed",
                     "eval/loss",
                     "eval/c4_en-validation/CrossEntropyLoss",
                     "eval/paloma/c4_en/loss",
                     "train/CrossEntropyLoss",
                     "perplexity",
                     "ppl",
                     "val_perplexity",
                     "eval_ppl",
                     "bits_per_token",
                     "bits_per_byte",
                     "bpb",
                     "bits_per_character",
                     "bpc",
                     "val_bpb",
                     "eval/paloma/c4_en/bpb",
                     "eval/bpb",
                     NULL},
    [POINTS_STEP] = {"step", "steps", "S", "iteration", "iter", "global_step", "train_step",
                     "training_step", "_step", NULL},
    [POINTS_UNIQUE] = {"unique_tokens", "unique", "U", "D_unique", "unique_data", "tokens_unique",
                       NULL},
    [POINTS_VOCABULARY] = {"V", "vocab_size", "vocabulary_size", "vocabulary", "vocab", "n_vocab",
                           "vocab_params", NULL},
    [POINTS_OUTCOME] = {"outcome", "accuracy", "acc", NULL},
    [POINTS_WEIGHT] = {"weight", NULL},
    [POINTS_RUN] = {"model", "run", "run_name", "name", "run_id", NULL},
    [POINTS_BY] = {NULL},
};

/* What the program's own tables say. */
static const char *const own[] = {
    "N", "D", "C", "loss", "mean_loss", "tokens", "step", "unique_tokens", "V", NULL};

static const char *const column_text[POINTS_COLUMNS] = {
    "N",          "D",       "C",      "loss", "step",  "unique tokens",
    "vocabulary", "outcome", "weight", "run",  "group",
};

const char *points_name(enum points_column column, size_t i)
{
    return i < MOST ? known[column][i] : NULL;
}

const char *points_text(enum points_column column)
{
    return column_text[column];
}

const char *points_names(enum points_column column)
{
    static _Thread_local char list[1200];
    list[0] = 0;
    for (size_t i = 0; known[column][i]; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[column][i]);
    }
    return list;
}

bool points_same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && !isalnum((unsigned char)*a)) a++;
        while (*b && !isalnum((unsigned char)*b)) b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

static bool is_own(const char *name)
{
    for (size_t i = 0; own[i]; i++) {
        if (!strcmp(name, own[i])) return true;
    }
    return false;
}

bool points_taken(char *const header[POINTS_COLUMNS], unsigned need, char *text, size_t size)
{
    bool foreign = false;
    text[0] = 0;
    for (int k = 0; k < POINTS_WEIGHT; k++) {
        const char *name = header[k];
        if (!name || !(k == POINTS_LOSS || need >> k & 1 || (k < POINTS_LOSS && need & 7)))
            continue;
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s is '%.60s'", used ? ", " : "", column_text[k],
                 name);
        foreign = foreign || !is_own(name);
    }
    return foreign;
}

/* A word of the header, words being runs of letters and digits. */
static bool has_word(const char *header, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = header; *s;) {
        size_t length = 0;
        while (isalnum((unsigned char)s[length])) length++;
        bool same = length == n;
        for (size_t i = 0; same && i < n; i++) same = tolower((unsigned char)s[i]) == word[i];
        if (same) return true;
        s += length ? length : 1;
    }
    return false;
}

enum points_unit points_unit_of(const char *header)
{
    static const struct {
        const char *word;
        enum points_unit unit;
    } words[] = {{"perplexity", UNIT_PERPLEXITY},
                 {"ppl", UNIT_PERPLEXITY},
                 {"bits", UNIT_BITS},
                 {"bpb", UNIT_BITS},
                 {"bpc", UNIT_BITS},
                 {"bpt", UNIT_BITS},
                 {"nats", UNIT_NATS}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (has_word(header, words[i].word)) return words[i].unit;
    }
    if (points_same_name(header, "bitsperbyte") || points_same_name(header, "bitspertoken"))
        return UNIT_BITS;
    return UNIT_AUTO;
}

int points_doubt_unit(double *losses, size_t n, enum points_unit unit, char *text, size_t size)
{
    /* ln of the largest vocabularies, about 260 000 tokens, and the same in bits. */
    static const double most[] = {
        [UNIT_AUTO] = 12.5, [UNIT_NATS] = 12.5, [UNIT_BITS] = 18, [UNIT_PERPLEXITY] = INFINITY};
    static const char *const names[] = {"nats per token", "nats", "bits", "a perplexity"};
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(losses[i]) && losses[i] > 0) losses[count++] = losses[i];
    }
    if (!count) return 0;
    gsl_sort(losses, 1, count);
    double low = losses[0], middle = losses[count / 2], high = losses[count - 1];
    if (middle > most[unit] || (unit == UNIT_PERPLEXITY && middle < 1)) {
        snprintf(text, size,
                 "%.4g to %.4g can hardly be %s: --loss-unit nats, bits or perplexity says what "
                 "they are",
                 low, high, names[unit]);
        return -1;
    }
    if (unit != UNIT_AUTO || high >= 1.5) return 0;
    snprintf(text, size,
             "losses of %.4g to %.4g are low for nats per token: they are taken as nats; if they "
             "are bits per byte, --loss-unit bits",
             low, high);
    return 1;
}
