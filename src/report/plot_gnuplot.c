/* plot_gnuplot.c - runs gnuplot; see plot_inside.h. SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/report/plot_inside.h"

extern char **environ;

/* Starts it with what it says going to a pipe, and reads that into SAID. Returns posix_spawnp's
 * number, or -1 when there is no pipe. */
static int run(char *const argv[], char *said, size_t room, int *wait_status)
{
    int pipes[2];
    pid_t child;
    if (pipe2(pipes, O_CLOEXEC)) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    int code = posix_spawnp(&child, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    size_t have = 0;
    char chunk[256];
    ssize_t got;
    while (!code &&
           ((got = read(pipes[0], chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR))) {
        for (ssize_t i = 0; i < got && have + 1 < room; i++) said[have++] = chunk[i];
    }
    close(pipes[0]);
    said[have] = 0;
    if (!code)
        while (waitpid(child, wait_status, 0) < 0 && errno == EINTR) {
        }
    return code;
}

int plot_run(const char *script, const char *data, const char *image, bool *drawn, struct err *e)
{
    int status = -1, wait_status = 0;
    char said[512] = "";
    char *qdata = plot_quote(data, false, 0), *qimage = plot_quote(image, false, 0);
    char *set = qdata && qimage ? format_string("data = %s; image = %s", qdata, qimage) : NULL;
    /* A script named like an option must not be read as one. */
    char *file = format_string("%s%s", *script == '-' ? "./" : "", script);
    *drawn = false;
    if (!set || !file) {
        err_memory(e, image);
        goto done;
    }
    char *argv[] = {(char[]){"gnuplot"}, (char[]){"-e"}, set, file, NULL};
    int code = run(argv, said, sizeof said, &wait_status);
    if (code == ENOENT || (!code && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 127)) {
        status = 0;
        goto done;
    }
    if (code) {
        if (code > 0) errno = code;
        err_errno(e, "gnuplot: cannot start");
    } else if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status)) {
        char *line = strstr(said, "line "); /* gnuplot echoes the statement first */
        line = line ? line : said;
        line[strcspn(line, "\n")] = 0;
        err_set(e, "gnuplot failed: %s", *line ? line : "no message");
    } else {
        *drawn = true;
        status = 0;
    }
done:
    free(qdata);
    free(qimage);
    free(set);
    free(file);
    return status;
}
