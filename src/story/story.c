/* story.c - see story.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/story/story.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/provenance.h"

/* "40 losses of checkpoints, 1 fit ..." in one line under the title. */
static void subtitle(struct story *s)
{
    static const struct {
        enum result_kind kind;
        const char *one, *many;
    } names[] = {
        {RESULT_LOSSES, "checkpoint scanned", "checkpoints scanned"},
        {RESULT_FIT, "law fitted", "laws fitted"},
        {RESULT_FITS, "law fitted by group", "laws fitted by group"},
        {RESULT_ISOFLOP, "isoFLOP analysis", "isoFLOP analyses"},
        {RESULT_ENVELOPE, "envelope", "envelopes"},
        {RESULT_APPROACHES, "comparison of the approaches", "comparisons of the approaches"},
        {RESULT_ALLOCATION, "allocation", "allocations"},
        {RESULT_DESIGN, "plan of runs", "plans of runs"},
        {RESULT_CLUSTERS, "clustering", "clusterings"},
        {RESULT_RUNS, "sparse parity run", "sparse parity runs"},
    };
    size_t trained = 0, i = 0, n = 0;
    for (const struct result *r; (r = folder_next(&s->folder, RESULT_KINDS, &i));)
        trained += folder_format(r, "tripod-train");
    page_markup(&s->page, "<p class=soft>");
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const size_t count = folder_count(&s->folder, names[k].kind);
        if (count)
            page_markup(&s->page, "%s%zu %s", n++ ? ", " : "", count,
                        count == 1 ? names[k].one : names[k].many);
    }
    if (trained)
        page_markup(&s->page, "%s%zu model%s trained", n++ ? ", " : "", trained,
                    trained == 1 ? "" : "s");
    page_markup(&s->page, "%stold by tripod " TRIPOD_VERSION "</p>\n", n ? "; " : "");
}

static void sections(struct story *s, const char *folder, struct story_told *told)
{
    story_warnings(s);
    subtitle(s);
    story_asked(s);
    story_provenance(s);
    story_models(s);
    told->left_out = story_curves(s, folder);
    story_laws(s);
    story_allocation(s);
    told->tokens = story_tokens(s);
}

static bool has_gnuplot(void)
{
    const char *path = getenv("PATH");
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        char *name = format_string("%.*s/gnuplot", (int)n, path);
        const bool found = name && !access(name, X_OK);
        free(name);
        if (found) return true;
    }
    return false;
}

int story_write(const char *directory, const char *path, const struct story_options *o,
                struct story_told *told, struct err *e)
{
    struct story s = {.options = o, .no_gnuplot = o->figures && !has_gnuplot()};
    *told = (struct story_told){0};
    const char *tmp = getenv("TMPDIR");
    char *folder = format_string("%s/tripod-report-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    char *name = path_last(directory);
    int status = folder && name ? folder_open(&s.folder, directory, e) : err_memory(e, directory);
    if (!status && !mkdtemp(folder)) {
        status = err_errno(e, "%s: cannot make a folder for figures", folder);
    } else if (!status) {
        const char *title = o->title ? o->title : name;
        page_open(&s.page, path, title, e);
        page_element(&s.page, "h1", "%s", title);
        sections(&s, folder, told);
        told->records = s.folder.n;
        told->figures = s.page.figures;
        told->warnings = s.folder.warnings;
        status = page_close(&s.page);
        told->bytes = s.page.bytes;
        rmdir(folder);
    }
    folder_close(&s.folder);
    free(folder);
    free(name);
    return status;
}
