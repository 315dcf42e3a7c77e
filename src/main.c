/* main.c - the command table: dispatch, usage, help and the man page come from it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli.h"
#include "src/commands.h"
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
    fputs("\n'tripod help COMMAND' shows a command's options.\n", f);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (!strcmp(commands[i]->name, name)) return commands[i];
    }
    return NULL;
}

static int help(const char *name)
{
    const struct command *command = find(name);
    if (!command) {
        fprintf(stderr, "tripod: '%s' is not a command; 'tripod help' lists them\n", name);
        return 2;
    }
    char full[64];
    snprintf(full, sizeof full, "tripod %s", command->name);
    argp_help(command->argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, full);
    return 0;
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
        if (argc > 2) return help(argv[2]);
        usage(stdout);
        return 0;
    }
    const struct command *command = find(argv[1]);
    if (!command) {
        fprintf(stderr, "tripod: '%s' is not a command; 'tripod help' lists them\n", argv[1]);
        return 2;
    }
    out_install_signals();
    struct err e = {0};
    int status = command->run(argc - 1, argv + 1, &e);
    /* A full disk may show only here. */
    if (fflush(stdout) || ferror(stdout)) {
        if (!status) err_set(&e, "stdout: cannot write");
        status = -1;
    }
    if (status) {
        fprintf(stderr, "tripod: %s\n", e.text);
        return 1;
    }
    cli_finish(command->name);
    return 0;
}
