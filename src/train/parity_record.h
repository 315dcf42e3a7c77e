/* parity_record.h - a finished run's files, written, read and compared.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_RECORD_H
#define TRIPOD_PARITY_RECORD_H

#include <jansson.h>

#include "src/train/parity_log.h"
#include "src/train/parity_settings.h"

json_t *parity_run_json(const struct parity_run *r);

/* Stands for all settings. Errors: out of memory. */
int parity_settings_hash(const struct parity_run *r, uint64_t *hash, struct err *e);

/* Whether the record PATH is of these settings: 0, or an error that says it is not. */
int parity_record_same(const char *path, const struct parity_run *r, struct err *e);

/* The record PATH and the arrays beside it, the record last. */
int parity_record_write(const char *path, const struct parity_run *r, const struct parity_log *l,
                        const struct parity_net *p, const struct parity_task *t, double seconds,
                        struct err *e);

/* A finished run from its record PATH, with its matrix. Errors name the file and the member. The caller
 * frees the log. */
int parity_run_read(struct parity_run *r, struct parity_log *l, const char *path, struct err *e);

/* The network it ended with, its task, from the files beside the record PATH. Room for no samples: tests
 * need parity_net_make's ROOM. The caller frees both. */
int parity_run_weights(struct parity_net *p, const struct parity_task *t, const char *path,
                       struct err *e);

#endif
