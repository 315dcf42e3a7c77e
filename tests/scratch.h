/* scratch.h - a unit test's own folder, made before its tests and removed after them with all that is
 * in it. Include after cmocka.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_TESTS_SCRATCH_H
#define TRIPOD_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>

static char scratch[] = "/tmp/tripod-test-XXXXXX";

/* For cmocka_run_group_tests. */
static int make_scratch(void **state)
{
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    char command[sizeof scratch + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return system(command);
}

#endif
