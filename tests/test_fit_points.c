/* Unit tests of the input of fits: columns, derived quantities, filters, dropped rows, remarks.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fit/laws.h"
#include "fit/points.h"
#include "fit/points_examine.h"

static int read_text(struct points *p, const char *text, const struct points_options *o,
                     struct err *e)
{
    struct csv c;
    if (csv_read_memory(&c, "t.csv", text, strlen(text), e)) return -1;
    int status = points_read(p, &c, o, e);
    csv_close(&c);
    return status;
}

enum { ND = 1u << POINTS_N | 1u << POINTS_D };

static void columns(void **state)
{
    (void)state;
    struct points p;
    struct err e;
    struct points_options o = {.need = ND};
    assert_int_equal(
        read_text(&p, "x,Model Size,Training FLOP,loss\n1,1e6,6e15,3.5\n2,2M,6e16,3\n", &o, &e), 0);
    assert_int_equal(p.n, 2);
    assert_true(p.D[0] == 6e15 / 6e6 && p.N[1] == 2e6);
    assert_string_equal(p.flop_rule, "6ND");
    points_close(&p);
    assert_int_equal(read_text(&p, "D,C,PPL\n1e9,6e15,20\n", &o, &e), 0);
    assert_true(p.N[0] == 1e6 && p.loss[0] == log(20));
    assert_string_equal(p.loss_conversion, "ln(perplexity)");
    points_close(&p);
    /* Where the tokens seen and the tokens scanned stand side by side, D is what was seen. */
    assert_int_equal(read_text(&p, "model,N,D,step,tokens,mean_loss\na,1e6,1e9,5,77,3\n", &o, &e),
                     0);
    assert_true(p.D[0] == 1e9);
    assert_string_equal(p.run_names[0], "a");
    points_close(&p);
    assert_int_equal(read_text(&p, "N,loss\n1e6,3\n", &o, &e), -1);
    assert_string_equal(e.text,
                        "t.csv: line 1: expected a column for D, found 'N', 'loss'; name it "
                        "with an option");
    o.column[POINTS_LOSS] = "nll";
    assert_int_equal(read_text(&p, "N,D,loss\n1e6,1,3\n", &o, &e), -1);
    assert_string_equal(e.text,
                        "t.csv: line 1: expected a column 'nll' for loss, found 'N', 'D', 'loss'");
    o.column[POINTS_LOSS] = NULL;
    assert_int_equal(read_text(&p, "N,D,loss\n1e6,1,x3\n", &o, &e), -1);
    assert_string_equal(e.text, "t.csv: line 2, column 3 (loss): expected a number, found 'x3'");
}

/* Headers as other people write them: what they stand for, and the unit of the loss. */
static void others(void **state)
{
    (void)state;
    static const struct {
        const char *text, *note;
        double N, D, loss;
    } tables[] = {
        {"model_size,train_tokens,final_loss\n1e6,2e9,3\n",
         "columns: N is 'model_size', D is 'train_tokens', loss is 'final_loss'", 1e6, 2e9, 3},
        {"params_active_precise,flops,val/loss\n1e6,12e15,3\n",
         "columns: N is 'params_active_precise', C is 'flops', loss is 'val/loss'", 1e6, 2e9, 3},
        {"Parameters,Training dataset size (datapoints),eval/paloma/c4_en/bpb\n1e6,2e9,1\n",
         "columns: N is 'Parameters', D is 'Training dataset size (datapoints)', loss is "
         "'eval/paloma/c4_en/bpb'",
         1e6, 2e9, 0.69314718055994530942},
        {"n_params,throughput/total_tokens,eval/c4_en-validation/CrossEntropyLoss\n1e6,2e9,3\n",
         "columns: N is 'n_params', D is 'throughput/total_tokens', loss is "
         "'eval/c4_en-validation/CrossEntropyLoss'",
         1e6, 2e9, 3},
        {"N,D,loss\n1e6,2e9,3\n", NULL, 1e6, 2e9, 3},
    };
    struct points p;
    struct err e;
    struct points_options o = {.need = ND};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (read_text(&p, tables[i].text, &o, &e)) fail_msg("%s", e.text);
        assert_true(p.N[0] == tables[i].N && p.D[0] == tables[i].D && p.loss[0] == tables[i].loss);
        assert_int_equal(p.n_notes, tables[i].note != NULL);
        if (tables[i].note) assert_string_equal(p.notes[0], tables[i].note);
        points_close(&p);
    }
    /* Doubtful units: asked about, or said. */
    assert_int_equal(read_text(&p, "N,D,loss\n1e6,2e9,31\n1e6,4e9,20\n", &o, &e), -1);
    assert_string_equal(e.text, "t.csv: column 'loss': 20 to 31 can hardly be nats per token: "
                                "--loss-unit nats, bits or perplexity says what they are");
    assert_int_equal(read_text(&p, "N,D,ppl\n1e6,2e9,0.8\n1e6,4e9,0.7\n", &o, &e), -1);
    o.unit = UNIT_NATS;
    assert_int_equal(read_text(&p, "N,D,loss\n1e6,2e9,31\n1e6,4e9,20\n", &o, &e), 0);
    assert_true(p.loss[0] == 31);
    points_close(&p);
    o.unit = UNIT_AUTO;
    assert_int_equal(read_text(&p, "N,D,loss\n1e6,2e9,1.1\n", &o, &e), 0);
    assert_int_equal(p.n_notes, 1);
    assert_non_null(strstr(p.notes[0], "--loss-unit bits"));
    points_close(&p);
}

static void dropped(void **state)
{
    (void)state;
    struct points p;
    struct err e;
    const char *where[] = {"C<1e21", "kind!=bad"};
    struct points_options o = {.need = ND, .where = where, .n_where = 2, .drop_highest = 1};
    assert_int_equal(read_text(&p,
                               "N,D,loss,C,kind\n"
                               "1e6,1e9,9,6e15,a\n"
                               "1e6,0,3,6e15,a\n"
                               "1e6,1e9,nan,6e15,a\n"
                               "1e6,1e9,,6e15,a\n"
                               "-1,1e9,3,6e15,a\n"
                               "1e6,1e9,3,6e22,a\n"
                               "1e6,1e9,3,6e15,bad\n"
                               "1e6,1e9,3.5,6e15,a\n",
                               &o, &e),
                     0);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.line[0], 9);
    assert_int_equal(p.n_dropped, 7);
    assert_string_equal(p.dropped[0].reason, "D is 0: expected more than 0");
    assert_int_equal(p.dropped[0].line, 3);
    assert_string_equal(p.dropped[1].reason, "loss is 'nan' (column 3, loss)");
    assert_string_equal(p.dropped[6].reason, "loss 9 is one of the 1 highest");
    points_close(&p);
    assert_int_equal(read_text(&p, "N,D,loss,C,kind\n1,1,0,1,a\n", &o, &e), -1);
    assert_string_equal(e.text,
                        "t.csv: no row is left of 1; line 2: loss is 0: expected more than 0");
}

static void remarks(void **state)
{
    (void)state;
    struct points p;
    struct err e;
    struct points_options o = {.need = ND};
    assert_int_equal(
        read_text(&p, "N,D,loss\n1e6,1e9,3\n1e6,1e9,3\n2e6,1e9,3\n2e6,1e9,4\n", &o, &e), 0);
    assert_int_equal(points_examine(&p, &e), 0);
    assert_int_equal(p.n_notes, 4);
    assert_string_equal(p.notes[0], "N spans less than a decade: 1e+06 to 2e+06");
    assert_string_equal(p.notes[1], "all rows have the same D, 1e+09");
    assert_string_equal(p.notes[2], "1 duplicate rows, first on lines 2 and 3");
    points_close(&p);
}

/* Every law's derivatives against central differences, internal and natural, at an ordinary
 * place. */
static void derivatives(void **state)
{
    (void)state;
    for (size_t l = 0; l < n_laws; l++) {
        const struct law *law = &laws[l];
        if (law->variables & LAW_SCHEDULE) continue; /* tests/test_fit_laws.c */
        double params[LAW_PARAMS], t[LAW_PARAMS], centre[3] = {18, 22, 21};
        double x[3] = {0.7, 1.1, -0.4}, g[LAW_PARAMS], h[LAW_HESSIAN];
        for (int i = 0; i < law->n; i++) {
            t[i] = 0.3 + 0.11 * i;
            if (law->param[i].map == MAP_PLAIN) t[i] = 0.3 + 0.03 * i;
        }
        law_internal(law, t, x, centre, g, h);
        for (int i = 0; i < law->n; i++) {
            double g1[LAW_PARAMS], g2[LAW_PARAMS], unused[LAW_HESSIAN], step = 1e-5, old = t[i];
            t[i] = old + step;
            double up = law_internal(law, t, x, centre, g1, unused);
            t[i] = old - step;
            double down = law_internal(law, t, x, centre, g2, unused);
            t[i] = old;
            assert_true(fabs((up - down) / (2 * step) - g[i]) < 1e-8 * (1 + fabs(g[i])));
            for (int k = 0; k <= i; k++)
                assert_true(fabs((g1[k] - g2[k]) / (2 * step) - h[i * (i + 1) / 2 + k]) <
                            1e-8 * (1 + fabs(h[i * (i + 1) / 2 + k])));
        }
        /* There and back; the Jacobian; the natural gradient. */
        double back[LAW_PARAMS], jac[LAW_PARAMS * LAW_PARAMS], natural[LAW_PARAMS];
        law_to_natural(law, centre, t, params);
        law_to_internal(law, centre, params, back);
        for (int i = 0; i < law->n; i++) assert_true(fabs(back[i] - t[i]) < 1e-12);
        law_jacobian(law, centre, t, jac);
        struct law_at at = {exp(x[0] + centre[0]), exp(x[1] + centre[1]), exp(x[2] + centre[2])};
        double L = law_gradient(law, params, &at, natural);
        assert_true(fabs(L - law_internal(law, t, x, centre, NULL, NULL)) < 1e-11 * L);
        for (int i = 0; i < law->n; i++) {
            double sum = 0;
            for (int k = 0; k < law->n; k++) sum += natural[k] * jac[k * law->n + i];
            assert_true(fabs(sum - g[i]) < 1e-9 * (1 + fabs(g[i])));
        }
    }
}

static void table(void **state)
{
    (void)state;
    struct err e;
    assert_ptr_equal(law_find("Hoffmann", &e), law_find("chinchilla", &e));
    assert_null(law_find("nonsense", &e));
    const struct law *c = law_find("chinchilla", &e);
    assert_int_equal(law_param_index(c, "beta"), 4);
    double p[5] = {1.69, 406.4, 410.7, 0.34, 0.28}, a, b, G;
    struct law_at at = {316.23e6, 10.12e9, 0};
    assert_true(fabs(law_value(c, p, &at) - 2.862303) < 1e-4);
    assert_true(law_optimum(c, p, &a, &b, &G));
    assert_true(fabs(a - 0.45161) < 5e-6 && fabs(G - 1.34471) < 5e-6);
    p[0] = 0;
    assert_true(fabs(law_value(c, p, &at) - 1.172303) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns), cmocka_unit_test(others), cmocka_unit_test(dropped),
        cmocka_unit_test(remarks), cmocka_unit_test(table),  cmocka_unit_test(derivatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
