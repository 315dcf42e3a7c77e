/* main.c - the command table: dispatch, usage, help and the man page come from it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli.h"
#include "src/commands.h"
#include "src/manual.h"
#include "src/base/file.h"
#include "src/base/provenance.h"

static const struct command *const commands[] = {
#define X(name) &cmd_##name,
    COMMANDS(X)
#undef X
        NULL,
};

static void usage(FILE *f)
{
    fputs("Usage: tripod COMMAND [OPTIONS] [FILES]\n\n"
          "Scans text with the Pythia language models on CPUs and fits the scaling laws behind the "
          "losses.\n\nCommands:\n",
          f);
    for (size_t i = 0; commands[i]; i++)
        fprintf(f, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\n'tripod help COMMAND' shows a command's options; 'tripod help --man COMMAND' is its manual "
        "page,\n'tripod help --completion' a completion script for bash.\n",
        f);
}

/* The command or sub-command NAME of a list; a sub-command's name is the last word of its own. */
static const struct command *find(const struct command *const *list, const char *name)
{
    for (; list && *list; list++) {
        const char *space = strrchr((*list)->name, ' ');
        if (!strcmp(space ? space + 1 : (*list)->name, name)) return *list;
    }
    return NULL;
}

static int unknown(const char *name)
{
    fprintf(stderr, "tripod: '%s' is not a command; 'tripod help' lists them\n", name);
    return 2;
}

/* help --man [COMMAND]: what `make install` installs. */
static int manual(const char *name)
{
    const struct command *command = name ? find(commands, name) : NULL;
    if (name && !command) return unknown(name);
    if (command)
        manual_page(command, stdout);
    else
        manual_main(commands, stdout);
    return 0;
}

/* help COMMAND [SUB-COMMAND] */
static int help(int argc, char **argv)
{
    if (!strcmp(argv[0], "--man")) return manual(argc > 1 ? argv[1] : NULL);
    if (!strcmp(argv[0], "--commands")) {
        for (size_t i = 0; commands[i]; i++) puts(commands[i]->name);
        return 0;
    }
    if (!strcmp(argv[0], "--completion")) {
        manual_completion(commands, stdout);
        return 0;
    }
    const struct command *command = find(commands, argv[0]);
    if (!command) return unknown(argv[0]);
    const struct command *child = argc > 1 ? find(command->children, argv[1]) : NULL;
    if (argc > 2 || (argc > 1 && !child)) {
        fprintf(stderr, "tripod: '%s' is not a command of 'tripod %s'\n", argv[argc > 2 ? 2 : 1],
                argv[0]);
        return 2;
    }
    if (child) command = child;
    options_help(command);
    return 0;
}

/* Reads the line by the command's table, or by that of the sub-command it names, and runs it. */
static int run(const struct command *command, int argc, char **argv, struct err *e)
{
    int word = command->children ? options_first_plain(command, argc, argv) : 0;
    const struct command *child = word ? find(command->children, argv[word]) : NULL;
    if (child) {
        memmove(argv + word, argv + word + 1, (size_t)(argc - word) * sizeof *argv);
        return run(child, argc - 1, argv, e);
    }
    void *args = malloc(command->size);
    if (!args) return err_memory(e, NULL);
    memcpy(args, command->defaults, command->size);
    int status = options_parse(command, argc, argv, args, e);
    if (!status) status = cli_json_apart(argc, argv, e);
    if (!status) status = command->run(args, e);
    options_free(command->options, args);
    free(args);
    return status;
}

int main(int argc, char **argv)
{
    cli_start(argc, argv);
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
        puts("tripod " TRIPOD_VERSION);
        return 0;
    }
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        if (argc > 2) return help(argc - 2, argv + 2);
        usage(stdout);
        return 0;
    }
    const struct command *command = find(commands, argv[1]);
    if (!command) return unknown(argv[1]);
    out_install_signals();
    struct err e = {0};
    int status = run(command, argc - 1, argv + 1, &e);
    /* A full disk may show only here. */
    if (fflush(stdout) || ferror(stdout)) {
        if (!status) err_set(&e, "stdout: cannot write");
        status = -1;
    }
    if (status) {
        fprintf(stderr, "tripod: %s\n", e.text);
        out_die_interrupted();
        return 1;
    }
    out_die_interrupted();
    cli_finish(command->name);
    return 0;
}
