/* warnings.c - what a reader should know before anything else; see story.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "src/story/story.h"

static bool differs(const struct result *a, const struct result *b, const char *member)
{
    return strcmp(result_string(a->json, member), result_string(b->json, member)) != 0;
}

static bool is_shard(const struct result *r)
{
    json_t *shard = json_object_get(r->json, "shard");
    return json_integer_value(json_array_get(shard, 1)) > 1;
}

/* Losses: what is copied, partial, of another precision; and what cannot be compared in one folder. */
static void warn_losses(struct folder *f)
{
    size_t i = 0, shards = 0, copies = 0, narrow = 0;
    const struct result *first = NULL, *copy = NULL, *rough = NULL;
    bool told = false;
    for (const struct result *r; (r = folder_next(f, RESULT_LOSSES, &i));) {
        const bool same = first && folder_same(first, r);
        if (!same) {
            first = r;
            told = false;
        }
        if (!told && (differs(first, r, "corpus_hash") || differs(first, r, "protocol"))) {
            folder_warn(f,
                        "%s: losses of other tokens than those of %s (%s): they cannot be compared",
                        folder_inside(f, r->path), folder_inside(f, first->path),
                        differs(first, r, "corpus_hash") ? "another text" : "another protocol");
            told = true;
        }
        shards += is_shard(r);
        if (*result_string(r->json, "same_as") && ++copies) copy = r;
        const char *precision = result_string(r->json, "precision");
        if (*precision && strcmp(precision, "float32") != 0 && ++narrow) rough = r;
    }
    if (shards)
        folder_warn(f, "%zu of the losses are of one shard each: gather them for whole means",
                    shards);
    if (copies)
        folder_warn(
            f, "%zu checkpoint%s the weights of another, so losses are copies: %s has those of %s",
            copies, copies == 1 ? " has" : "s have", result_string(copy->json, "model"),
            result_string(copy->json, "same_as"));
    if (narrow)
        folder_warn(f, "%zu of the losses were computed in %s, not in float32", narrow,
                    result_string(rough->json, "precision"));
}

static void warn_verdict(struct folder *f, const char *where, const char *what, json_t *o)
{
    const char *verdict = result_string(o, "verdict"), *reason = result_string(o, "reason");
    if (strcmp(verdict, "weak") != 0 && strcmp(verdict, "unidentified") != 0) return;
    folder_warn(f, "%s: %s is %s%s%s", where, what,
                !strcmp(verdict, "weak") ? "only weakly identified by the data"
                                         : "not identified by the data",
                *reason ? ": " : "", reason);
}

static void warn_fit(struct folder *f, const struct result *r)
{
    const char *where = folder_inside(f, r->path), *name;
    json_t *value, *params = json_object_get(r->json, "params");
    size_t i;
    json_array_foreach(json_object_get(r->json, "groups"), i, value)
        warn_verdict(f, where, result_string(value, "group"), value);
    if (json_is_object(params))
        json_object_foreach(params, name, value) warn_verdict(f, where, name, value);
    const char *says = result_string(r->json, "witness.says");
    if (!strncmp(says, "finds", 5) || !strncmp(says, "sums", 4))
        folder_warn(f, "%s: a second solver %s: do not use this fit", where, says);
}

static void warn_sweep(struct folder *f, const struct result *r)
{
    const double plateau = result_number(r->json, "on_plateau");
    const double finished = result_number(r->json, "finished"),
                 wanted = result_number(r->json, "wanted");
    if (plateau > 0)
        folder_warn(
            f,
            "%s: %.0f of %.0f runs learned no more than counting pairs of tokens does: they "
            "say nothing about size and are left out",
            folder_inside(f, r->path), plateau, finished);
    if (finished < wanted)
        folder_warn(f, "%s: %.0f of %.0f runs have finished", folder_inside(f, r->path), finished,
                    wanted);
}

static void warn_trained(struct folder *f)
{
    size_t i = 0, many = 0;
    double most = 0;
    for (const struct result *r; (r = folder_next(f, RESULT_KINDS, &i));) {
        const double epochs = result_number(r->json, "epochs");
        if (folder_is_sweep(r)) warn_sweep(f, r);
        if (!folder_format(r, "tripod-train") || !(epochs > 4)) continue;
        many++;
        most = fmax(most, epochs);
    }
    if (many)
        folder_warn(
            f,
            "%zu model%s saw the text more than four times (up to %.1f): repeated text is not new text",
            many, many == 1 ? "" : "s", most);
}

void story_warnings(struct story *s)
{
    struct folder *f = &s->folder;
    if (s->no_gnuplot) folder_warn(f, "no figures: gnuplot is not installed (Debian: gnuplot-nox)");
    warn_losses(f);
    for (size_t i = 0; i < f->n; i++) {
        const enum result_kind kind = f->result[i].kind;
        if (kind >= RESULT_FIT && kind <= RESULT_ALLOCATION) warn_fit(f, &f->result[i]);
    }
    warn_trained(f);
    for (size_t i = 0; i < f->warnings; i++)
        page_element(&s->page, "p class=warn", "%s", f->warning[i]);
}
