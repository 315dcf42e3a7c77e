/* parity_grid.h - many runs of sparse parity: which ones, one a thread, and all that a folder has.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_GRID_H
#define TRIPOD_PARITY_GRID_H

#include "src/train/parity_record.h"
#include "src/train/parity_run.h"

struct parity_grid {
    struct parity_run *runs;
    size_t n;
};
void parity_grid_free(struct parity_grid *g);

/* Values between which a grid is drawn; all combinations. */
struct parity_axes {
    const double *width, *data, *zipf;  /* data: samples, 0 for new ones for ever */
    size_t widths, datas, zipfs, seeds; /* seeds: base's seed and the seeds - 1 after it */
};

/* Adds every combination to BASE's other settings. A run that is there already (of this name) is not
 * added again. Errors: out of memory, settings out of range. */
int parity_grid_add(struct parity_grid *g, const struct parity_run *base,
                    const struct parity_axes *a, struct err *e);

/* The published grids (Michaud et al. 2023, Figures 2, 8 and 10) and scaled ones: see parity_preset.c.
 * SEED is the first of them, SEEDS 0: as many as published. */
enum parity_preset { PARITY_FIGURE2, PARITY_FIGURE8, PARITY_FIGURE10, PARITY_PRESETS };
extern const char *const parity_preset_names[PARITY_PRESETS + 1];
int parity_grid_preset(struct parity_grid *g, enum parity_preset which, bool scaled, uint64_t seed,
                       size_t seeds, struct err *e);
/* What its runs have in common, as a user's own grid begins with. */
struct parity_run parity_preset_base(bool scaled);

/* int(2^x) of N values of x evenly from log2 LO to log2 HI, as the published grids were made: where 2^log2
 * LO rounds down, the first is one less. */
void parity_log_spaced(double *v, size_t n, double lo, double hi);

/* Longest first, equal ones by name. Part SHARD of SHARDS is every SHARDS-th of
 * these from SHARD on. */
void parity_grid_order(struct parity_grid *g, size_t shard, size_t shards);

struct parity_tally {
    size_t ran, there; /* finished now; before */
    double flop;       /* of the steps that this call took */
};

/* Runs all, one a thread (OpenMP's). The first error stops the others where their states can be kept. */
int parity_grid_run(const struct parity_grid *g, const struct parity_how *how,
                    struct parity_tally *tally, struct err *e);

/* --- a folder of finished runs --- */

struct parity_found {
    char *name;
    struct parity_run run;
    struct parity_log log;
};
struct parity_folder {
    struct parity_found *found; /* sorted by name, numbers in them as numbers */
    size_t n;
};
/* Reads every record of a parity run in FOLDER; other JSON files are passed over. Errors: a damaged one,
 * none at all. The caller frees. */
int parity_folder_read(struct parity_folder *f, const char *folder, struct err *e);
void parity_folder_free(struct parity_folder *f);

/* FOLDER/points.csv: run,N,D,step,loss,zipf,seed, a row a log, loss in nats, D empty where samples are
 * new for ever. */
int parity_points_write(const struct parity_folder *f, const char *folder, struct err *e);

#endif
