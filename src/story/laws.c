/* laws.c - the laws with their numbers, intervals and verdicts, in words; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "src/report/law_text.h"
#include "src/story/story.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *in_words(const char *verdict)
{
    if (!strcmp(verdict, "identified")) return "identified by the data";
    if (!strcmp(verdict, "weak")) return "only weakly identified";
    if (!strcmp(verdict, "unidentified")) return "not identified: the data fit as well without";
    if (!strcmp(verdict, "pinned")) return "held at a value, not fitted";
    return verdict;
}

static void heading(struct story *s, const struct result *r, const char *what)
{
    page_element(&s->page, "h3", "%s: %s", what, folder_inside(&s->folder, r->path));
}

static const struct column known[] = {
    {.name = ""},   {.name = "value"},   {.name = "from"},
    {.name = "to"}, {.name = "verdict"}, {.name = "why"},
};

static void known_row(struct table *t, const char *name, json_t *o, enum table_unit unit)
{
    table_text(t, "%s", name);
    table_real_in(t, result_number(o, "value"), unit);
    table_real_in(t, result_number(o, "lo"), unit);
    table_real_in(t, result_number(o, "hi"), unit);
    table_text(t, "%s", in_words(result_string(o, "verdict")));
    table_text(t, "%s", result_string(o, "reason"));
}

/* The formula with the numbers in it; a law of the user's own as it was written. */
static void formula(struct story *s, const struct result *r, json_t *fit)
{
    struct err ignored;
    double params[LAW_PARAMS];
    char text[LAW_TEXT];
    const char *x = result_option(r, "x");
    const struct law *law = law_find(result_string(fit, "law"), &ignored);
    bool whole = law != NULL;
    for (int i = 0; whole && i < law->n; i++) {
        json_t *p = json_object_get(json_object_get(fit, "params"), law->param[i].name);
        params[i] = result_number(p, "value");
        whole = isfinite(params[i]);
    }
    page_element(&s->page, "p class=law", "%s",
                 whole ? law_text(law, params, x ? x : "N", text) : result_string(fit, "formula"));
}

/* What a power law of one variable means: ten times x. */
static void ten_times(struct story *s, const struct result *r)
{
    json_t *alpha = json_object_get(json_object_get(r->json, "params"), "alpha");
    const double value = result_number(alpha, "value"), lo = result_number(alpha, "lo"),
                 hi = result_number(alpha, "hi");
    const char *x = result_option(r, "x"), *name = result_string(r->json, "law");
    if (!isfinite(value) || strncmp(name, "power", 5) != 0) return;
    const bool offset = json_object_get(json_object_get(r->json, "params"), "E") != NULL;
    page_markup(&s->page, "<p>");
    page_text(&s->page, "Ten times the %s: %s falls to %.3g of what it was",
              !x || !strcmp(x, "N") ? "parameters"
              : !strcmp(x, "D")     ? "tokens"
              : !strcmp(x, "C")     ? "compute"
              : !strcmp(x, "step")  ? "steps"
                                    : x,
              offset ? "the loss above E" : "the loss", pow(10, -value));
    if (isfinite(lo) && isfinite(hi))
        page_text(&s->page, " (%.3g to %.3g)", pow(10, -hi), pow(10, -lo));
    page_markup(&s->page, ".</p>\n");
}

static void evidence(struct story *s, const struct result *r)
{
    json_t *o = r->json;
    const double level = result_number(o, "level"), used = result_number(o, "rows.used"),
                 dropped = result_number(o, "rows.dropped");
    page_markup(&s->page, "<p class=soft>");
    if (isfinite(level))
        page_text(&s->page, "Intervals: %.4g %%%s%s. ", 100 * level,
                  *result_string(o, "interval") ? ", " : "", result_string(o, "interval"));
    if (isfinite(used)) page_text(&s->page, "%.0f rows used, %.0f left out. ", used, dropped);
    if (isfinite(result_number(o, "starts.total")))
        page_text(&s->page, "%.0f of %.0f starts agree. ", result_number(o, "starts.agree"),
                  result_number(o, "starts.total"));
    if (*result_string(o, "witness.says"))
        page_text(&s->page, "A second solver (%s) %s. ", result_string(o, "witness.method"),
                  result_string(o, "witness.says"));
    size_t i;
    json_t *note, *first = json_array_get(json_object_get(o, "groups"), 0);
    json_array_foreach(json_object_get(first ? first : o, "notes"), i, note)
        page_text(&s->page, "Note: %s. ", json_is_string(note) ? json_string_value(note) : "?");
    page_markup(&s->page, "</p>\n");
}

static void verdict(struct story *s, json_t *o)
{
    const char *reason = result_string(o, "reason");
    page_element(&s->page, "p", "The law as a whole is %s%s%s.",
                 in_words(result_string(o, "verdict")), *reason ? ": " : "", reason);
}

static void law_of_one(struct story *s, const struct result *r)
{
    const char *name;
    json_t *o;
    size_t i;
    char what[200];
    snprintf(what, sizeof what, "The law %.150s", result_string(r->json, "law"));
    heading(s, r, what);
    formula(s, r, r->json);
    ten_times(s, r);
    verdict(s, r->json);
    struct table *t = table_open(known, COUNT_OF(known), "-");
    json_object_foreach(json_object_get(r->json, "params"), name, o)
        known_row(t, name, o, TABLE_PLAIN);
    json_array_foreach(json_object_get(r->json, "derived"), i, o)
    {
        const char *quantity = result_string(o, "name");
        const bool tokens = !strcmp(quantity, "N*") || !strcmp(quantity, "D*");
        const double budget = result_number(o, "budget");
        char at[120], flop[32];
        snprintf(at, sizeof at, "%.60s%s%s", quantity, budget > 0 ? " at C = " : "",
                 budget > 0 ? table_number(budget, TABLE_FLOP, flop, sizeof flop) : "");
        known_row(t, at, o, tokens ? TABLE_COUNT : TABLE_PLAIN);
    }
    page_table(&s->page, t, true);
    table_free(t);
    evidence(s, r);
}

static void laws_of_groups(struct story *s, const struct result *r)
{
    static const struct column columns[] = {
        {.name = "group"}, {.name = "parameter"}, {.name = "value"}, {.name = "from"},
        {.name = "to"},    {.name = "verdict"},   {.name = "why"},
    };
    struct table *t = table_open(columns, COUNT_OF(columns), "-");
    size_t i;
    json_t *group, *o;
    const char *name;
    char what[200];
    snprintf(what, sizeof what, "The law %.150s by group", result_string(r->json, "law"));
    heading(s, r, what);
    json_array_foreach(json_object_get(r->json, "groups"), i, group)
    {
        if (*result_string(group, "failed"))
            page_element(&s->page, "p class=warn", "%s: %s", result_string(group, "group"),
                         result_string(group, "failed"));
        json_object_foreach(json_object_get(group, "params"), name, o)
        {
            table_text(t, "%s", result_string(group, "group"));
            known_row(t, name, o, TABLE_PLAIN);
        }
    }
    page_table(&s->page, t, true);
    table_free(t);
    evidence(s, r);
}

/* isoFLOP, envelope: exponents of what is best against compute. */
static void exponents(struct story *s, const struct result *r, const char *what)
{
    static const struct {
        const char *key, *text;
    } names[] = {
        {"N_of_C", "N* ~ C^a: a"},
        {"D_of_C", "D* ~ C^b: b"},
        {"D_of_N", "D* ~ N*^c: c"},
        {"N_of_C_corrected", "a, corrected for the parabolas' bias"},
        {"D_of_C_corrected", "b, corrected"},
    };
    struct table *t = table_open(known, COUNT_OF(known), "-");
    json_t *all = json_object_get(r->json, "exponents");
    heading(s, r, what);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_t *o = json_object_get(all, names[i].key);
        if (o) known_row(t, names[i].text, o, TABLE_PLAIN);
    }
    page_table(&s->page, t, true);
    table_free(t);
    const double a = result_number(all, "N_of_C.value");
    if (isfinite(a))
        page_element(&s->page, "p",
                     "Ten times the compute is best spent on a model %.3g times as large and %.3g "
                     "times the tokens.",
                     pow(10, a), pow(10, result_number(all, "D_of_C.value")));
    evidence(s, r);
}

static void approaches(struct story *s, const struct result *r)
{
    static const struct column columns[] = {
        {.name = "approach"}, {.name = "a"},  {.name = "from"},    {.name = "to"},  {.name = "b"},
        {.name = "from"},     {.name = "to"}, {.name = "verdict"}, {.name = "why"},
    };
    struct table *t = table_open(columns, COUNT_OF(columns), "-");
    size_t i;
    json_t *o;
    heading(s, r, "Three approaches: N* ~ C^a, D* ~ C^b");
    json_array_foreach(json_object_get(r->json, "approaches"), i, o)
    {
        static const char *const members[] = {"a.value", "a.lo", "a.hi", "b.value", "b.lo", "b.hi"};
        table_text(t, "%s", result_string(o, "approach"));
        for (size_t k = 0; k < COUNT_OF(members); k++) table_real(t, result_number(o, members[k]));
        table_text(t, "%s", in_words(result_string(o, "verdict")));
        table_text(t, "%s", result_string(o, "reason"));
    }
    page_table(&s->page, t, true);
    table_free(t);
    evidence(s, r);
}

static void ranks(struct story *s, const struct result *r)
{
    heading(s, r, "Sizes of clusters");
    page_element(
        &s->page, "p",
        "Sizes fall with rank as rank^%.3g; corrected for the envelope's bias of %.3g the "
        "interval is %.3g to %.3g, of samples alone: how clusterings scatter comes on top. "
        "The published alpha of %.3g would mean %.4g.",
        result_number(r->json, "line.slope"), result_number(r->json, "line.bias"),
        result_number(r->json, "line.interval.lo"), result_number(r->json, "line.interval.hi"),
        result_number(r->json, "theory.alpha"), result_number(r->json, "theory.slope"));
}

static void clusterings(struct story *s, const struct result *r)
{
    static const struct column columns[] = {
        {.name = "clusters", .unit = TABLE_EXACT},
        {.name = "largest", .unit = TABLE_EXACT},
        {.name = "silhouette"},
        {.name = "found again by other draws"},
    };
    struct table *t = table_open(columns, COUNT_OF(columns), "-");
    size_t i;
    json_t *o;
    heading(s, r, "Clusters");
    json_array_foreach(json_object_get(r->json, "clusterings"), i, o)
    {
        table_real(t, result_number(o, "clusters"));
        table_real(t, json_number_value(json_array_get(json_object_get(o, "sizes"), 0)));
        table_real(t, result_number(o, "silhouette"));
        table_real(t, result_number(o, "stability"));
    }
    page_table(&s->page, t, true);
    table_free(t);
}

/* What would add one: of the points that stand highest in the folder. */
static void no_law(struct story *s)
{
    const struct result *points = NULL;
    bool sweep = false;
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        sweep = sweep || folder_is_sweep(r);
        if (r->kind == RESULT_POINTS && (!points || strlen(r->path) < strlen(points->path)))
            points = r;
    }
    page_section(&s->page, "The law");
    page_element(&s->page, "p",
                 "No law has been fitted here yet. With a fit's JSON in this folder the page tells "
                 "it:");
    page_element(&s->page, "pre", "tripod fit %s %s --json=%s/fit.json",
                 sweep ? "approaches" : "power", points->path, s->folder.path);
}

void story_laws(struct story *s)
{
    bool begun = false;
    for (size_t i = 0; i < s->folder.n; i++) {
        const struct result *r = &s->folder.result[i];
        const bool told = (r->kind >= RESULT_FIT && r->kind <= RESULT_APPROACHES) ||
                          r->kind == RESULT_RANKS || r->kind == RESULT_CLUSTERS;
        if (!told) continue;
        if (!begun) page_section(&s->page, "The law");
        begun = true;
        switch (r->kind) {
        case RESULT_FIT:
            law_of_one(s, r);
            break;
        case RESULT_FITS:
            laws_of_groups(s, r);
            break;
        case RESULT_ISOFLOP:
            exponents(s, r, "isoFLOP profiles");
            break;
        case RESULT_ENVELOPE:
            exponents(s, r, "Envelope of training curves");
            break;
        case RESULT_APPROACHES:
            approaches(s, r);
            break;
        case RESULT_RANKS:
            ranks(s, r);
            break;
        default:
            clusterings(s, r);
        }
    }
    if (!begun && folder_count(&s->folder, RESULT_POINTS)) no_law(s);
}
