/* slurm.h - the script that runs the shards of a scan as an array of Slurm jobs.
 *
 * One file: `sh FILE` submits the array and the job after it, `sbatch FILE` the array alone, `sh FILE
 * finish` in a job (or anywhere) verifies and gathers. It is POSIX sh; whatever the words hold
 * (spaces, quotes, line ends), they reach the program as they are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_SLURM_H
#define TRIPOD_SLURM_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct slurm_job {
    const char *program;     /* tripod's path */
    const char *folder;      /* where relative paths begin */
    const char *const *scan; /* words after `tripod scan` but --shard and --threads */
    size_t scan_n;
    const char *out;    /* where they put the losses */
    const char *matrix; /* gather's M.npy; NULL: none */
    const char *corpus; /* tokenised */
    size_t
        verified; /* documents of each file of losses that the last job computes again; 0: none */
    size_t shards, cpus;
    uint64_t seconds; /* time limit of a task */
    /* Words of #SBATCH lines (slurm_word); NULL: none. */
    const char *name, *partition, *account, *memory;
    const char *const *lines; /* further #SBATCH lines, as they are, maybe several in one */
    size_t lines_n;
};

/* The text of the script, which the caller frees; NULL with the error set: out of memory. */
char *slurm_script(const struct slurm_job *job, struct err *e);

/* Whether TEXT can stand in a #SBATCH line as it is: letters, digits and ._-+,:%@/=[] only. WHAT
 * names it in the error. */
int slurm_word(const char *text, const char *what, struct err *e);

/* A line of further options: no control character but line ends. */
int slurm_line(const char *text, const char *what, struct err *e);

/* Slurm's time: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S, at least a minute. */
int slurm_time(const char *text, const char *what, uint64_t *seconds, struct err *e);

#endif
