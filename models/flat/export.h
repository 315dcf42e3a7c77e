/* export.h - a flat model becomes a Hugging Face folder: the other way of import.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TRIPOD_EXPORT_H
#define TRIPOD_EXPORT_H

#include "models/flat/flat.h"

struct export_options {
    int dtype;   /* enum simd_dtype of all tensors, narrowed to nearest even; -1: as they are */
    int64_t end; /* id of end-of-text, for config.json; -1: not known */
};
struct export_result {
    size_t tensors;
    uint64_t bytes; /* of model.safetensors */
};

/* Writes FOLDER/model.safetensors, then FOLDER/config.json; makes FOLDER. Names, shapes and the rows of
 * query_key_value are the family's own (FORMAT.md says what the flat file does to them), so that
 * without a DTYPE model_import gives the same tensors back, bit for bit. Streams, a MB at a time.
 * Progress is reported as bytes, read once for the checksums and once to write. RESULT may be NULL.
 * Errors: packed weights, a checksum that is wrong, FOLDER has a model already, a number that is not
 * finite in DTYPE, cannot write; then no model is in FOLDER. */
int model_export(const struct flat_model *m, const char *folder, const struct export_options *o,
                 struct export_result *result, struct err *e);

#endif
