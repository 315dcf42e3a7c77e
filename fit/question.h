/* question.h - what is asked of a law about spending compute, the answer, and its band over the
 * law's draws.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_FIT_QUESTION_H
#define TRIPOD_FIT_QUESTION_H

#include "fit/allocate.h"
#include "fit/ols.h"
#include "fit/saved.h"

struct question {
    enum {
        Q_BUDGET, /* C: the optimal N and D */
        Q_LOSS,   /* loss: the cheapest budget */
        Q_SIZE,   /* N: the budget for which it is optimal */
        Q_TOKENS, /* N and loss: the tokens it takes */
        Q_PRICE,  /* N and D: what this choice wastes */
    } kind;
    double C, N, D, loss;
    bool grid; /* Q_BUDGET: of sizes 10^g[0] up to but below 10^g[1], g[2] per decade */
    double g[3];
};

/* The numbers of an answer, in the order of a table's columns; those from ANSWER_BEST_N on are
 * Q_PRICE's. */
enum answer_value {
    ANSWER_C,
    ANSWER_N,
    ANSWER_D,
    ANSWER_RATIO,
    ANSWER_LOSS,
    ANSWER_BEST_N,
    ANSWER_BEST_D,
    ANSWER_BEST_LOSS,
    ANSWER_EQUAL_C,
    ANSWER_WASTED,
    ANSWER_VALUES
};
extern const char *const answer_names[ANSWER_VALUES];

struct answer {
    double value[ANSWER_VALUES];
    double around;      /* as struct allocation's; NaN where it means nothing */
    const char *method; /* "closed form", "numeric", "grid", "law" */
    /* Over the draws; NaN without any. `answered` of `asked` draws have an answer. */
    double lo[ANSWER_VALUES], hi[ANSWER_VALUES];
    size_t answered, asked;
};

/* The answer at a law's parameters, without a band. Errors: as allocate.h's. */
int question_answer(const struct allocate *p, const struct question *q, struct answer *r,
                    struct err *e);
/* With the band of LEVEL over the draws of s (none: as above). */
int question_ask(const struct allocate *p, const struct saved *s, const struct question *q,
                 double level, struct answer *r, struct err *e);
/* Was the value given in the question? It has no band, then. */
bool question_given(const struct question *q, int k);
/* How many values an answer to this question has. */
int question_values(const struct question *q);

/* Of the budgets, the one whose optimum is nearest to a size: into q->C. */
int question_closest(const struct allocate *p, struct question *q, const double *budgets, size_t n,
                     double size, struct err *e);

/* No law: log10 D linear in log10 N through published optima ("approach1", "approach2") or the
 * columns N and D of a CSV file. */
int question_line(struct ols_line *l, const char *name, double level, struct err *e);

#endif
