/* parity_record.h - a finished run's files, written, read and compared.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_PARITY_RECORD_H
#define TRIPOD_PARITY_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "src/train/parity_log.h"
#include "src/train/parity_settings.h"

json_t *parity_run_json(const struct parity_run *r);

/* Stands for all settings. Errors: out of memory. */
int parity_settings_hash(const struct parity_run *r, uint64_t *hash, struct err *e);

/* Whether PATH begins as the record of a parity run does. One that is cut off does, too: reading it says
 * that it is damaged. */
bool parity_record_is(const char *path);

/* Whether the record PATH is of these settings: 0, or an error that says it is not. */
int parity_record_same(const char *path, const struct parity_run *r, struct err *e);

/* The record PATH and the arrays beside it, the record last. What is not finite is null there. */
int parity_record_write(const char *path, const struct parity_run *r, const struct parity_log *l,
                        const struct parity_net *p, const struct parity_task *t, struct err *e);

/* A finished run from its record PATH, with its matrix. Errors name the file and the member. The caller
 * frees the log. */
int parity_run_read(struct parity_run *r, struct parity_log *l, const char *path, struct err *e);

/* Fills the weights of P, which parity_net_make made of the run's task T and width, with those it ended
 * with: from the record PATH and the array beside it. Errors name the file. */
int parity_run_weights(struct parity_net *p, const struct parity_task *t, const char *path,
                       struct err *e);

#endif
