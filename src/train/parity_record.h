/* parity_record.h - a finished run's files, written and compared; parity_run.h reads them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_RECORD_H
#define TRIPOD_PARITY_RECORD_H

#include "src/train/parity_run.h"

/* Stands for all settings. Errors: out of memory. */
int parity_settings_hash(const struct parity_run *r, uint64_t *hash, struct err *e);

/* Whether the record PATH is of these settings: 0, or an error that says it is not. */
int parity_record_same(const char *path, const struct parity_run *r, struct err *e);

/* The record PATH and the arrays beside it, the record last. */
int parity_record_write(const char *path, const struct parity_run *r, const struct parity_log *l,
                        const struct parity_net *p, const struct parity_task *t, double seconds,
                        struct err *e);

#endif
