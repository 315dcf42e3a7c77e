/* laws.c - the table of laws; see laws.h, what follows from it is law_maps.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fit/laws.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fit/forms.h"
#include "fit/jet.h"

_Static_assert((int)LAW_PARAMS <= (int)JET_MAX, "jets must hold every parameter of a law");

/* clang-format off */
/*                   what it means                                     map              exponent, variable, limits */
#define P_E         {"E", "loss of an infinite model on infinite data", MAP_LOG,         0, 0, -40, 1}
#define P_A(i)      {"A", "coefficient of the term in N",               MAP_COEFFICIENT, i, 0, -40, 80}
#define P_B(i)      {"B", "coefficient of the term in D",               MAP_COEFFICIENT, i, 1, -40, 80}
#define P_ONLY_A(i) {"A", "coefficient",                                MAP_COEFFICIENT, i, 0, -40, 80}
#define P_ALPHA     {"alpha", "exponent of N",                          MAP_PLAIN,       0, 0, -3, 10}
#define P_BETA      {"beta", "exponent of D",                           MAP_PLAIN,       0, 0, -3, 10}
#define P_BROKEN    {"a", "loss in the limit",                          MAP_LOG,         0, 0, -40, 1}, \
                    {"b", "coefficient",                                MAP_COEFFICIENT, 2, 0, -40, 80}, \
                    {"c0", "first exponent",                            MAP_PLAIN,       0, 0, -10, 10}
#define P_BREAK(c, d, f) \
                    {c, "change of the exponent",                       MAP_PLAIN,       0, 0, -10, 10}, \
                    {d, "where the break is",                           MAP_PLACE,       0, 0, -1, 1}, \
                    {f, "width of the break, e-folds",                  MAP_LOG,         0, 0, -5, 12}
/* clang-format on */

const struct law laws[] = {
    {.name = "power",
     .formula = "L = A x^-alpha",
     .text = "one variable (N unless --x names another): a straight line in log-log",
     .citation = "Hestness et al. 2017, arXiv 1712.00409",
     .variables = LAW_N | LAW_ANY,
     .n = 2,
     .param = {P_ONLY_A(1), P_ALPHA},
     .constant = -1,
     .terms = 1,
     .term = {{0, 1, 0}}},
    {.name = "power-constant",
     .formula = "L = E + A x^-alpha",
     .text = "one variable with an irreducible loss",
     .citation = "Henighan et al. 2020, arXiv 2010.14701",
     .variables = LAW_N | LAW_ANY,
     .n = 3,
     .param = {P_E, P_ONLY_A(2), P_ALPHA},
     .constant = 0,
     .terms = 1,
     .term = {{1, 2, 0}}},
    {.name = "chinchilla",
     .formula = "L = E + A N^-alpha + B D^-beta",
     .text = "loss by model size and training tokens",
     .citation = "Hoffmann et al. 2022, arXiv 2203.15556, equation 10 (Approach 3)",
     .variables = LAW_N | LAW_D,
     .n = 5,
     .param = {P_E, P_A(3), P_B(4), P_ALPHA, P_BETA},
     .constant = 0,
     .terms = 2,
     .term = {{1, 3, 0}, {2, 4, 1}}},
    {.name = "tied",
     .formula = "L = E + A N^-alpha + B D^-alpha",
     .text = "Chinchilla with one exponent: D/N is the same for every budget",
     .citation = "Muennighoff et al. 2023, arXiv 2305.16264",
     .variables = LAW_N | LAW_D,
     .n = 4,
     .param = {P_E, P_A(3), P_B(3), {"alpha", "exponent of N and of D", MAP_PLAIN, 0, 0, -3, 10}},
     .constant = 0,
     .terms = 2,
     .term = {{1, 3, 0}, {2, 3, 1}}},
    {.name = "additive",
     .formula = "L = A N^-alpha + B D^-beta",
     .text = "Chinchilla without irreducible loss",
     .citation = "Hoffmann et al. 2022, arXiv 2203.15556, with E = 0",
     .variables = LAW_N | LAW_D,
     .n = 4,
     .param = {P_A(2), P_B(3), P_ALPHA, P_BETA},
     .constant = -1,
     .terms = 2,
     .term = {{0, 2, 0}, {1, 3, 1}}},
    {.name = "kaplan",
     .formula = "L = ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD",
     .text = "loss by model size and data, without irreducible loss",
     .citation = "Kaplan et al. 2020, arXiv 2001.08361, equation 1.5",
     .variables = LAW_N | LAW_D,
     .n = 4,
     .param = {{"Nc", "scale of N", MAP_SCALE, 2, 0, -80, 80},
               {"Dc", "scale of D", MAP_SCALE, 3, 1, -80, 80},
               {"alphaN", "exponent of N", MAP_PLAIN, 0, 0, 1e-3, 10},
               {"alphaD", "exponent of D", MAP_PLAIN, 0, 0, 1e-3, 10}},
     .constant = -1,
     .function = form_kaplan},
    {.name = "coupled",
     .formula = "L = E + ((A N^-alpha)^k + (B D^-beta)^k)^(1/k)",
     .text = "Chinchilla whose two terms add in a k-norm; k = 1 is Chinchilla",
     .citation = "a generalisation of Hoffmann et al. 2022 and Kaplan et al. 2020",
     .variables = LAW_N | LAW_D,
     .n = 6,
     .param =
         {P_E, P_A(3), P_B(4), P_ALPHA, P_BETA, {"k", "order of the norm", MAP_LOG, 0, 0, -5, 12}},
     .constant = 0,
     .function = form_coupled},
    {.name = "repeated",
     .formula =
         "L = E + A N'^-alpha + B D'^-beta, D' = U (1 + RD (1 - exp(-(D/U - 1)/RD))), N' alike",
     .text =
         "repeated data: needs the unique tokens U; RD, RN say how fast repeats lose their worth",
     .citation = "Muennighoff et al. 2023, arXiv 2305.16264, equations 5 and 6",
     .variables = LAW_N | LAW_D | LAW_U,
     .n = 7,
     .param = {P_E,
               P_A(3),
               P_B(4),
               P_ALPHA,
               P_BETA,
               {"RD", "repeats after which data is worn", MAP_LOG, 0, 0, -5, 12},
               {"RN", "the same for excess parameters", MAP_LOG, 0, 0, -5, 12}},
     .constant = 0,
     .function = form_repeated},
    {.name = "steps",
     .formula = "L = E + A N^-alpha + B S^-beta",
     .text = "checkpoints: loss by model size and optimiser step S",
     .citation = "Kaplan et al. 2020, arXiv 2001.08361, equation 1.6, with a constant",
     .variables = LAW_N | LAW_D | LAW_STEP,
     .n = 5,
     .param = {P_E,
               P_A(3),
               {"B", "coefficient of the term in S", MAP_COEFFICIENT, 4, 1, -40, 80},
               P_ALPHA,
               {"beta", "exponent of S", MAP_PLAIN, 0, 0, -3, 10}},
     .constant = 0,
     .terms = 2,
     .term = {{1, 3, 0}, {2, 4, 1}}},
    {.name = "broken",
     .formula = "L = a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1)",
     .text = "smoothly broken power law, one break (broken2, broken3: more)",
     .citation = "Caballero et al. 2022, arXiv 2210.14891, equation 1",
     .variables = LAW_N | LAW_ANY,
     .n = 6,
     .param = {P_BROKEN, P_BREAK("c1", "d1", "f1")},
     .constant = 0,
     .function = form_broken},
    {.name = "broken2",
     .formula = "L = a + b x^-c0 prod_i (1 + (x/di)^(1/fi))^(-ci fi), i = 1, 2",
     .text = "smoothly broken power law, two breaks",
     .citation = "Caballero et al. 2022, arXiv 2210.14891, equation 1",
     .variables = LAW_N | LAW_ANY,
     .n = 9,
     .param = {P_BROKEN, P_BREAK("c1", "d1", "f1"), P_BREAK("c2", "d2", "f2")},
     .constant = 0,
     .function = form_broken},
    {.name = "broken3",
     .formula = "L = a + b x^-c0 prod_i (1 + (x/di)^(1/fi))^(-ci fi), i = 1, 2, 3",
     .text = "smoothly broken power law, three breaks",
     .citation = "Caballero et al. 2022, arXiv 2210.14891, equation 1",
     .variables = LAW_N | LAW_ANY,
     .n = 12,
     .param = {P_BROKEN, P_BREAK("c1", "d1", "f1"), P_BREAK("c2", "d2", "f2"),
               P_BREAK("c3", "d3", "f3")},
     .constant = 0,
     .function = form_broken},
    {.name = "farseer",
     .formula = "L = exp(s N^q + S) + exp(B N^b + Q) D^-exp(A N^a + E)",
     .text = "both terms and the exponent of D change with N: needs many rows",
     .citation = "Li et al. 2025, arXiv 2506.10972",
     .variables = LAW_N | LAW_D,
     .n = 9,
     .param = {{"s", "coefficient of N in the loss of infinite data", MAP_WOVEN, 1, 0, -20, 20},
               {"q", "its exponent", MAP_PLAIN, 0, 0, -3, 3},
               {"S", "its constant", MAP_WOVEN, 0, 0, -60, 60},
               {"B", "coefficient of N in the term of D", MAP_WOVEN, 4, 0, -20, 20},
               {"b", "its exponent", MAP_PLAIN, 0, 0, -3, 3},
               {"Q", "its constant", MAP_WOVEN, 0, 0, -60, 60},
               {"A", "coefficient of N in the exponent of D", MAP_WOVEN, 7, 0, -5, 5},
               {"a", "its exponent", MAP_PLAIN, 0, 0, -3, 3},
               {"E", "its constant", MAP_WOVEN, 0, 0, -10, 3}},
     .start = {{-0.5, 0},
               {-0.3, 0.3},
               {0, 0},
               {-0.5, 0.5},
               {-0.5, 0.3},
               {-4, -0.5},
               {-0.3, 0.2},
               {-0.3, 0.3},
               {-1.8, -0.3}},
     .constant = -1,
     .function = form_farseer,
     .scale = 1u << 2 | 1u << 5,
     .weave = form_farseer_weave,
     .unweave = form_farseer_unweave},
    {.name = "bounded",
     .formula = "L = E + (L0 - E) h / (1 + h), h = a N^-alpha + b D^-beta + c N^gamma U^-delta",
     .text =
         "scarce data: D tokens seen, U of them unique; from E up to the loss L0 of no training",
     .citation = "Practical Scaling Laws, 2026, arXiv 2605.09189 (its T is D here, its D is U)",
     .variables = LAW_N | LAW_D | LAW_U,
     .n = 9,
     .param = {P_E,
               {"L0", "loss before training", MAP_LOG, 0, 0, -5, 8},
               {"a", "coefficient of N in h", MAP_COEFFICIENT, 5, 0, -40, 40},
               {"b", "coefficient of D in h", MAP_COEFFICIENT, 6, 1, -40, 40},
               {"c", "coefficient of overfitting", MAP_COEFFICIENT, 8, 2, -120, 40},
               {"alpha", "exponent of N", MAP_PLAIN, 0, 0, -3, 10},
               {"beta", "exponent of D", MAP_PLAIN, 0, 0, -3, 10},
               {"gamma", "exponent of N in overfitting", MAP_PLAIN, 0, 0, -3, 10},
               {"delta", "exponent of U", MAP_PLAIN, 0, 0, -3, 10}},
     .start = {{0, 0}, {0, 0}, {-5, 0}, {-5, 0}, {-8, -1}, {0.1, 1}, {0.1, 1}, {0, 1}, {0.1, 1.5}},
     .constant = 0,
     .function = form_bounded,
     .linear = 1u << 0 | 1u << 1,
     .place = form_bounded_place},
    {.name = "vocabulary",
     .formula = "L = E + A N^-alpha + B D^-beta + W V^-nu",
     .text = "the vocabulary too: N without it, V its parameters or its size, L per byte or minus "
             "the unigram loss plus a constant",
     .citation = "Tao et al. 2024, arXiv 2407.13623, approach 3 (there -E, and alpha = beta)",
     .variables = LAW_N | LAW_D | LAW_U | LAW_V,
     .n = 7,
     .param = {P_E,
               P_A(4),
               P_B(5),
               {"W", "coefficient of the term in V", MAP_COEFFICIENT, 6, 2, -40, 80},
               {"alpha", "exponent of N", MAP_PLAIN, 0, 0, -3, 10},
               {"beta", "exponent of D", MAP_PLAIN, 0, 0, -3, 10},
               {"nu", "exponent of V", MAP_PLAIN, 0, 0, -3, 10}},
     .start = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0.05, 1.2}, {0.05, 1.2}, {0.05, 1.5}},
     .constant = 0,
     .function = form_vocabulary,
     .linear = 15},
    {.name = "mpl",
     .formula = "L = L0 + A S^-alpha - B sum (eta' - eta) (1 - (1 + C eta^-gamma R)^-beta)",
     .text =
         "checkpoints under a learning-rate schedule (--schedule): S sums the rates eta so far, "
         "R those since each step at which the rate fell from eta' to eta",
     .citation = "Luo et al. 2025, arXiv 2503.12811, the multi-power law",
     .variables = LAW_D | LAW_U | LAW_STEP | LAW_SCHEDULE,
     .n = 7,
     .param = {{"L0", "loss of endless training", MAP_LOG, 0, 0, -40, 1},
               {"A", "coefficient of S", MAP_LOG, 0, 0, -40, 80},
               {"alpha", "exponent of S", MAP_PLAIN, 0, 0, -3, 10},
               {"B", "what falling rates are worth", MAP_LOG, 0, 0, -40, 80},
               {"C", "how soon that shows", MAP_LOG, 0, 0, -40, 40},
               {"beta", "its exponent", MAP_PLAIN, 0, 0, 1e-3, 10},
               {"gamma", "exponent of the rate in it", MAP_PLAIN, 0, 0, -3, 10}},
     .start = {{0, 0}, {0, 0}, {0.1, 1}, {0, 0}, {-3, 4}, {0.2, 1.2}, {0, 1}},
     .constant = 0,
     .function = form_mpl,
     .linear = 1u << 0 | 1u << 1 | 1u << 3,
     .place = form_mpl_place},
};
const size_t n_laws = sizeof laws / sizeof *laws;

static const struct {
    const char *alias, *name;
} aliases[] = {
    {"hoffmann", "chinchilla"},
    {"approach3", "chinchilla"},
    {"power+c", "power-constant"},
    {"power+constant", "power-constant"},
    {"muennighoff", "repeated"},
    {"bnsl", "broken"},
    {"bnsl1", "broken"},
    {"broken1", "broken"},
    {"bnsl2", "broken2"},
    {"bnsl3", "broken3"},
    {"step", "steps"},
    {"vocab", "vocabulary"},
    {"multi-power", "mpl"},
};

const struct law *law_find(const char *name, struct err *e)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (!strcasecmp(name, aliases[i].alias)) name = aliases[i].name;
    }
    for (size_t i = 0; i < n_laws; i++) {
        if (!strcasecmp(name, laws[i].name)) return &laws[i];
    }
    char list[512] = "";
    for (size_t i = 0; i < n_laws; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", laws[i].name);
    }
    err_set(e, "expected a law (%s), found '%.60s'", list, name);
    return NULL;
}

int law_param_index(const struct law *law, const char *name)
{
    for (int i = 0; i < law->n; i++) {
        if (!strcmp(name, law->param[i].name)) return i;
    }
    return -1;
}
