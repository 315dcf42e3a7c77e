/* manual.c - see manual.h. Pages are in the man macros of roff; backslashes, leading dots and hyphens
 * are escaped so that both groff and mandoc take them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/manual.h"

#include <ctype.h>
#include <string.h>

#include "src/base/provenance.h"

/* TEXT with what roff would take for its own escaped; a new line before a word that would end beyond
 * MOST columns. */
static void escape(const char *text, size_t most, FILE *f)
{
    bool start = true;
    size_t column = 0;
    for (const char *s = text; *s; s++, column++) {
        if (*s == ' ' && column + strcspn(s + 1, " \n") >= most) {
            fputc('\n', f);
            start = true;
            column = 0;
            continue;
        }
        if (start && (*s == '.' || *s == '\'')) fputs("\\&", f);
        start = *s == '\n';
        if (*s == '\\')
            fputs("\\e", f);
        else if (*s == '-')
            fputs("\\-", f);
        else if (*s == '~')
            fputs("\\(ti", f);
        else if (*s == '^')
            fputs("\\(ha", f);
        else if (*s == '`')
            fputs("\\(ga", f);
        else
            fputc(*s, f);
    }
}

static void roff(const char *text, FILE *f)
{
    escape(text, 64, f);
}

static void upper(const char *text, FILE *f)
{
    for (; *text; text++) fputc(toupper((unsigned char)*text), f);
}

/* NAME "": the page of the program itself. */
static void head(const char *name, const char *summary, FILE *f)
{
    fputs(".TH TRIPOD", f);
    if (*name) fputc('-', f);
    upper(name, f);
    fprintf(f, " 1 \"%s\" \"tripod %s\" \"tripod\"\n.SH NAME\ntripod%s%s \\- ", TRIPOD_DATE,
            TRIPOD_VERSION, *name ? "\\-" : "", name);
    escape(summary, 50, f);
    fputc('\n', f);
}

/* One option: its forms in bold, the argument in italics, help and default. */
static void option_entry(const struct option_row *o, const void *args, void *context)
{
    FILE *f = context;
    char words[256];
    if (o->type == OPTION_TYPE_HEADING) {
        size_t n = strlen(o->text);
        fprintf(f, ".SS \"%.*s\"\n", (int)(n && o->text[n - 1] == ':' ? n - 1 : n), o->text);
        return;
    }
    if (!o->name && !o->letter) return;
    const char *argument = option_argument(o, words, sizeof words);
    bool optional = argument && argument[0] == '[';
    fputs(".TP\n", f);
    if (o->letter) fprintf(f, "\\fB\\-%c\\fR", o->letter);
    if (o->letter && o->name) fputs(", ", f);
    if (o->name) {
        fputs("\\fB\\-\\-", f);
        roff(o->name, f);
        fputs("\\fR", f);
    }
    if (argument) {
        fputs(optional ? "[=" : o->name ? "=" : " ", f);
        fputs("\\fI", f);
        char plain[256];
        snprintf(plain, sizeof plain, "%.*s", (int)strlen(argument) - 2 * optional,
                 argument + optional);
        roff(plain, f);
        fputs(optional ? "\\fR]" : "\\fR", f);
    }
    fputc('\n', f);
    roff(o->text, f);
    option_default(o, args, words, sizeof words);
    if (*words) {
        fputs(" (default: ", f);
        roff(words, f);
        fputc(')', f);
    }
    fputs(".\n", f);
}

static void plain_entry(const struct option_row *o, const void *args, void *context)
{
    (void)args;
    if (o->type != OPTION_TYPE_PLAIN && o->type != OPTION_TYPE_PLAINS) return;
    fputs(" \\fI", context);
    roff(o->argument, context);
    fputs("\\fR", context);
}

static void synopsis(const struct command *c, FILE *f)
{
    fputs("\\fBtripod ", f);
    roff(c->name, f);
    fputs("\\fR [\\fIOPTION\\fR...]", f);
    options_visit(c->options, NULL, plain_entry, f);
    fputc('\n', f);
}

/* Text whose indented lines are examples: those stand as they are. */
static void paragraphs(const char *text, FILE *f)
{
    bool example = false;
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, "\n");
        char row[1024];
        snprintf(row, sizeof row - 1, "%.*s", (int)n, s);
        bool indented = row[0] == ' ';
        if (indented != example) fputs(indented ? ".PP\n.nf\n" : ".fi\n", f);
        example = indented;
        if (!indented && n == 0 && s[1] != ' ' && s[1])
            fputs(".PP\n", f);
        else if (n)
            escape(strcat(row, "\n"), indented ? SIZE_MAX : 64, f);
        s += n + (s[n] == '\n');
    }
    if (example) fputs(".fi\n", f);
}

static void count_entry(const struct option_row *o, const void *args, void *context)
{
    (void)args;
    *(size_t *)context += o->name || o->letter;
}

/* TITLE: a section of its own, or NULL. */
static void options_section(const struct command *c, const char *title, FILE *f)
{
    size_t n = 0;
    options_visit(c->options, NULL, count_entry, &n);
    if (n && title) fprintf(f, ".SH %s\n", title);
    options_visit(c->options, c->defaults, option_entry, f);
}

static const char footer[] =
    ".SH EXIT STATUS\n0: done; 1: failed, one line on standard error says why;\n2: misuse; 128 + n: ended "
    "by signal n.\n.SH SEE ALSO\n";

static void see_also(const char *const *pages, FILE *f)
{
    for (size_t i = 0; pages[i]; i++)
        fprintf(f, ".BR %s (1)%s\n", pages[i], pages[i + 1] ? "," : "");
}

void manual_page(const struct command *c, FILE *f)
{
    head(c->name, c->summary, f);
    fputs(".SH SYNOPSIS\n", f);
    synopsis(c, f);
    for (const struct command *const *s = c->children; s && *s; s++) {
        fputs(".br\n", f);
        synopsis(*s, f);
    }
    fputs(".SH DESCRIPTION\n", f);
    paragraphs(c->text, f);
    options_section(c, "OPTIONS", f);
    for (const struct command *const *s = c->children; s && *s; s++) {
        fputs(".SH \"TRIPOD ", f);
        upper((*s)->name, f);
        fputs("\"\n", f);
        paragraphs((*s)->text, f);
        options_section(*s, NULL, f);
        if ((*s)->more) {
            fputs(".PP\n", f);
            paragraphs((*s)->more, f);
        }
    }
    if (c->more) {
        fputs(".SH NOTES\n", f);
        paragraphs(c->more, f);
    }
    fputs(footer, f);
    static const char *const pages[] = {"tripod", NULL};
    see_also(pages, f);
}

void manual_main(const struct command *const *commands, FILE *f)
{
    head("", "losses of Pythia models on CPUs and the scaling laws behind them", f);
    fputs(
        ".SH SYNOPSIS\n\\fBtripod\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIFILE\\fR...]\n"
        ".br\n\\fBtripod help\\fR [\\fICOMMAND\\fR]\n.SH DESCRIPTION\n"
        "Scans text with the Pythia language models on CPUs\nand fits the scaling laws behind the "
        "losses.\nNumbers may end in K, M, B or T (10^3, 10^6, 10^9, 10^12).\n"
        "A result is a table on a terminal,\ntab\\-separated values in full precision in a "
        "pipe,\nand one JSON object with \\fB\\-\\-json\\fR.\n.SH COMMANDS\n",
        f);
    for (; *commands; commands++) {
        fputs(".TP\n.BR tripod\\-", f);
        roff((*commands)->name, f);
        fputs(" (1)\n", f);
        roff((*commands)->summary, f);
        fputs(".\n", f);
    }
    fputs(footer, f);
    static const char *const pages[] = {"tripod-scan", "tripod-fit", NULL};
    see_also(pages, f);
}

/* --- bash --- */

static void option_words(const struct option_row *o, const void *args, void *context)
{
    (void)args;
    if (o->name) fprintf(context, " --%s", o->name);
    if (o->letter) fprintf(context, " -%c", o->letter);
}

static void words_case(const struct command *c, FILE *f)
{
    fprintf(f, "    '%s') words='", c->name);
    for (const struct command *const *s = c->children; s && *s; s++)
        fprintf(f, "%s%s", s == c->children ? "" : " ", strrchr((*s)->name, ' ') + 1);
    options_visit(c->options, NULL, option_words, f);
    fputs(" --help' ;;\n", f);
    for (const struct command *const *s = c->children; s && *s; s++) words_case(*s, f);
}

struct choice_context {
    const char *command;
    FILE *f;
};

/* A case for an option whose words are known; others complete files. */
static void choice_case(const struct option_row *o, const void *args, void *context)
{
    (void)args;
    const struct choice_context *c = context;
    if (o->type != OPTION_TYPE_CHOICE || !o->name) return;
    fprintf(c->f, "    '%s --%s') words='", c->command, o->name);
    for (size_t i = 0; o->choices[i]; i++) fprintf(c->f, "%s%s", i ? " " : "", o->choices[i]);
    fputs("' ;;\n", c->f);
}

static void choice_cases(const struct command *c, FILE *f)
{
    struct choice_context context = {c->name, f};
    options_visit(c->options, NULL, choice_case, &context);
    for (const struct command *const *s = c->children; s && *s; s++) choice_cases(*s, f);
}

void manual_completion(const struct command *const *commands, FILE *f)
{
    fputs("# bash completion for tripod; made by `tripod help --completion`\n"
          "_tripod() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} words= i\n"
          "    [ \"$before\" = = ] && before=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    [ \"$word\" = = ] && word=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W 'help",
          f);
    for (const struct command *const *c = commands; *c; c++) fprintf(f, " %s", (*c)->name);
    fputs("' -- \"$word\")); return\n    fi\n"
          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        case \"$command ${COMP_WORDS[i]}\" in\n        ",
          f);
    bool first = true;
    for (const struct command *const *c = commands; *c; c++) {
        for (const struct command *const *s = (*c)->children; s && *s; s++) {
            fprintf(f, "%s'%s'", first ? "" : "|", (*s)->name);
            first = false;
        }
    }
    fputs(") command=\"$command ${COMP_WORDS[i]}\"; break ;;\n        esac\n    done\n"
          "    case \"$command $before\" in\n",
          f);
    for (const struct command *const *c = commands; *c; c++) choice_cases(*c, f);
    fputs("    esac\n    if [ -n \"$words\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); return\n    fi\n"
          "    case \"$command\" in\n",
          f);
    for (const struct command *const *c = commands; *c; c++) words_case(*c, f);
    fputs("    esac\n"
          "    if [ \"${word:0:1}\" = - ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    else COMPREPLY=($(compgen -W \"${words%% -*}\" -- \"$word\") $(compgen -f -- "
          "\"$word\")); fi\n"
          "}\ncomplete -o filenames -F _tripod tripod\n",
          f);
}
