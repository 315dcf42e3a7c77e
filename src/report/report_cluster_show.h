/* report_cluster_show.h - how samples look in their clusters: each with the text it stands in.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_REPORT_CLUSTER_SHOW_H
#define TRIPOD_REPORT_CLUSTER_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "src/base/sheet.h"
#include "src/report/page.h"
#include "src/scan/token_context.h"

/* A sample that is shown; those of one cluster stand together. */
struct cluster_sample {
    size_t rank, size; /* of its cluster: 1 is the largest; samples in it */
    size_t sample;     /* from 0 */
    double loss;       /* nats */
    double similarity; /* to the sample it was looked for from; NaN: none was */
    struct token_context context;
};

/* As a table: brackets around the token. */
void report_cluster_show(struct sheet *s, const struct cluster_sample *c, size_t n);
json_t *report_cluster_sample_json(const struct cluster_sample *c);
/* For people: a heading a cluster, a line a sample, at most WIDTH columns wide, the token in reverse
 * video at the same place in all. */
int report_cluster_show_terminal(FILE *f, const struct cluster_sample *c, size_t n, size_t width,
                                 struct err *e);
/* In a page. */
void page_clusters(struct page *h, const struct cluster_sample *c, size_t n);
/* A page that needs nothing else. */
int report_cluster_show_html(const char *path, const char *title, const struct cluster_sample *c,
                             size_t n, struct err *e);

#endif
