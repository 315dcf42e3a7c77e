/* report_clusters.h - how clusterings look: tables and JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_CLUSTERS_H
#define TRIPOD_REPORT_CLUSTERS_H

#include <jansson.h>

#include "src/base/sheet.h"
#include "src/quanta/cluster.h"

/* A row each number of clusters. */
void report_clusters(struct sheet *s, const struct clustering *r, const struct affinity *a,
                     const struct cluster_request *q);
/* The same with all sizes, from the largest down; NULL: out of memory. */
json_t *report_clusters_json(const struct clustering *r, const struct affinity *a,
                             const struct cluster_request *q);

#endif
