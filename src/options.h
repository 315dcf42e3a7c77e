/* options.h - what a command takes, written once: rows bound to the fields of its arguments, from
 * which parsing, --help, the man page and shell completion come.
 *
 * A command declares a struct of arguments, an instance with the defaults, and a table of rows:
 *
 *   #define ARGS struct args
 *   static const struct option_row options[] = {
 *       OPTION_PLAIN(file, "FILE"),
 *       OPTION_HEADING("Fit:"),
 *       OPTION_INT("grid", 0, "G", grid, 2, 30, "Starts: G x G exponents"),
 *       ...
 *       OPTION_END,
 *   };
 *
 * Help prints defaults from the instance, so it cannot lie. A default outside the row's range (0
 * where 1 is the least) stands for "not given" and is not printed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_OPTIONS_H
#define TRIPOD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

/* Fields that grow; items and values are freed by the command's caller (main). */
struct texts {
    const char **item;
    size_t n;
};
struct reals {
    double *value;
    size_t n;
};

enum option_type {
    OPTION_TYPE_END,
    OPTION_TYPE_HEADING,
    OPTION_TYPE_GROUP,  /* another table, of a struct inside this one's */
    OPTION_TYPE_PLAIN,  /* const char *: an argument that is no option, in order */
    OPTION_TYPE_PLAINS, /* struct texts: the rest of them */
    OPTION_TYPE_FLAG,   /* bool */
    OPTION_TYPE_TEXT,   /* const char * */
    OPTION_TYPE_TEXTS,  /* struct texts: may be repeated */
    OPTION_TYPE_SIZE,   /* size_t, uint64_t: a whole number in [lo, hi] */
    OPTION_TYPE_INT,    /* int: the same */
    OPTION_TYPE_BYTES,  /* uint64_t: bytes in [lo, hi], "8G" */
    OPTION_TYPE_REAL,   /* double in [lo, hi] */
    OPTION_TYPE_REALS,  /* struct reals: positive, between commas, may be repeated */
    OPTION_TYPE_CHOICE, /* int or enum: index into `choices`; -1: not given */
    OPTION_TYPE_CALL,   /* whatever `parse` makes of it */
};

struct option_row {
    enum option_type type;
    const char *name;     /* long name, NULL: none */
    int letter;           /* short one, 0: none */
    const char *argument; /* its name in the help: "N"; NULL: takes none; "[FILE]": may have one */
    const char *text;     /* help, without the default */
    size_t offset;        /* of the field */
    double lo, hi;
    const char *const *choices; /* NULL-terminated */
    /* ARGS: the struct the field stands in; VALUE may be NULL where the argument may be left out.
     * Returns 0, or -1 with *e: misuse. */
    int (*parse)(void *args, const char *value, struct err *e);
    const struct option_row *group;
};

/* The offset of a field, which must have the type that the row writes. */
#define OPTION_FIELD(type, field)                                                                  \
    (offsetof(ARGS, field) + 0 * sizeof((type *)0 == &((ARGS *)0)->field))

#define OPTION_END                                                                                 \
    {                                                                                              \
        .type = OPTION_TYPE_END                                                                    \
    }
#define OPTION_HEADING(help)                                                                       \
    {                                                                                              \
        .type = OPTION_TYPE_HEADING, .text = help                                                  \
    }
#define OPTION_GROUP(table, field)                                                                 \
    {                                                                                              \
        .type = OPTION_TYPE_GROUP, .group = table, .offset = offsetof(ARGS, field)                 \
    }
#define OPTION_PLAIN(field, arg)                                                                   \
    {                                                                                              \
        .type = OPTION_TYPE_PLAIN, .argument = arg, .offset = OPTION_FIELD(const char *, field)    \
    }
#define OPTION_PLAINS(field, arg)                                                                  \
    {                                                                                              \
        .type = OPTION_TYPE_PLAINS, .argument = arg, .offset = OPTION_FIELD(struct texts, field)   \
    }
#define OPTION_FLAG(long_name, short_name, field, help)                                            \
    {                                                                                              \
        .type = OPTION_TYPE_FLAG, .name = long_name, .letter = short_name, .text = help,           \
        .offset = OPTION_FIELD(bool, field)                                                        \
    }
#define OPTION_ROW_(kind, c_type, long_name, short_name, arg, field, help, ...)                    \
    {                                                                                              \
        .type = kind, .name = long_name, .letter = short_name, .argument = arg, .text = help,      \
        .offset = OPTION_FIELD(c_type, field), __VA_ARGS__                                         \
    }
#define OPTION_TEXT(name, letter, arg, field, help)                                                \
    OPTION_ROW_(OPTION_TYPE_TEXT, const char *, name, letter, arg, field, help, .lo = 0)
#define OPTION_TEXTS(name, letter, arg, field, help)                                               \
    OPTION_ROW_(OPTION_TYPE_TEXTS, struct texts, name, letter, arg, field, help, .lo = 0)
#define OPTION_SIZE(name, letter, arg, field, least, most, help)                                   \
    OPTION_ROW_(OPTION_TYPE_SIZE, size_t, name, letter, arg, field, help, .lo = least, .hi = most)
#define OPTION_BYTES(name, letter, arg, field, least, most, help)                                  \
    OPTION_ROW_(OPTION_TYPE_BYTES, uint64_t, name, letter, arg, field, help, .lo = least,          \
                .hi = most)
#define OPTION_INT(name, letter, arg, field, least, most, help)                                    \
    OPTION_ROW_(OPTION_TYPE_INT, int, name, letter, arg, field, help, .lo = least, .hi = most)
#define OPTION_REAL(name, letter, arg, field, least, most, help)                                   \
    OPTION_ROW_(OPTION_TYPE_REAL, double, name, letter, arg, field, help, .lo = least, .hi = most)
#define OPTION_REALS(name, letter, arg, field, help)                                               \
    OPTION_ROW_(OPTION_TYPE_REALS, struct reals, name, letter, arg, field, help, .lo = 0)
/* The field is an int or an enum. */
#define OPTION_CHOICE(long_name, short_name, field, words, help)                                   \
    {                                                                                              \
        .type = OPTION_TYPE_CHOICE, .name = long_name, .letter = short_name, .text = help,         \
        .offset = offsetof(ARGS, field) +                                                          \
                  0 * sizeof(char[sizeof((ARGS *)0)->field == sizeof(int) ? 1 : -1]),              \
        .choices = words                                                                           \
    }
#define OPTION_CALL(long_name, short_name, arg, function, help)                                    \
    {                                                                                              \
        .type = OPTION_TYPE_CALL, .name = long_name, .letter = short_name, .argument = arg,        \
        .text = help, .parse = function                                                            \
    }

struct command {
    const char *name;                 /* as typed: "scan", "fit isoflop" */
    const char *summary;              /* one line, lower case, for the list of commands */
    const char *text;                 /* what it does: the help's first paragraph */
    const char *more;                 /* columns, examples: the help's last part; or NULL */
    const struct option_row *options; /* see options.h */
    const void *defaults;             /* the struct of arguments as it is before the line is read */
    size_t size;                      /* of it */
    /* What the rows of options cannot say (two that exclude each other ...): 0, or -1 with *e for
     * misuse. May be NULL. May also complete the arguments. */
    int (*check)(void *args, struct err *e);
    /* Told of every option of the line, in order, before its row takes it; VALUE as in parse. 0, or -1
     * with *e for misuse. May be NULL. */
    int (*seen)(void *args, const struct option_row *row, const char *value, struct err *e);
    int (*run)(void *args, struct err *e); /* 0, or -1 with *e */
    /* Chosen by the first plain word of the line; NULL-terminated, or NULL. */
    const struct command *const *children;
};

/* Parses argv[1 .. argc - 1] into ARGS, a copy of the command's defaults. 0, or -1: out of memory.
 * --help and --usage print and exit 0, misuse prints a line or two on stderr and exits 2. */
int options_parse(const struct command *command, int argc, char **argv, void *args, struct err *e);
/* Frees what parsing allocated in ARGS. */
void options_free(const struct option_row *table, void *args);

/* The help of --help and `tripod help COMMAND`, on stdout. */
void options_help(const struct command *command);

/* The index in argv of the first argument that is no option and no option's value, by the command's
 * own table and its sub-commands'; 0: there is none. */
int options_first_plain(const struct command *command, int argc, char **argv);

/* Calls visit for every row that is an option, in order, groups included. ARGS: the defaults, as the
 * row's struct sees them (NULL where unknown). */
typedef void options_visitor(const struct option_row *row, const void *args, void *context);
void options_visit(const struct option_row *table, const void *args, options_visitor *visit,
                   void *context);

/* The row's argument for people ("erf|tanh" where it is a choice), and its default in words ("" when
 * there is none to print). At least 256 bytes. */
const char *option_argument(const struct option_row *row, char *buffer, size_t size);
const char *option_default(const struct option_row *row, const void *args, char *buffer,
                           size_t size);

#endif
