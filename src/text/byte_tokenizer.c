/* byte_tokenizer.c - see byte_tokenizer.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/text/byte_tokenizer.h"

#include "src/base/file.h"
#include "src/text/tokenizer_private.h"

static const char head[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":256,"
    "\"content\":\"" BYTE_TOKENIZER_END
    "\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"
    "\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
    "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
    "\"trim_offsets\":true,\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"dropout\":null,"
    "\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
    "\"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{";
static const char tail[] = "},\"merges\":[]}}\n";

/* The file, appended to *json. */
static int make(struct bytes *json, struct err *e)
{
    int32_t byte_of[512];
    uint16_t symbol[256];
    byte_alphabet(byte_of);
    for (int c = 0; c < 512; c++)
        if (byte_of[c] >= 0) symbol[byte_of[c]] = (uint16_t)c;
    int status = bytes_append(json, head, sizeof head - 1);
    for (int b = 0; b < 256 && !status; b++) {
        char entry[24];
        const bool escaped = b == '"' || b == '\\';
        uint8_t utf8[5] = {0};
        utf8_write(symbol[b], utf8);
        const int n = snprintf(entry, sizeof entry, "%s\"%s%s\":%d", b ? "," : "",
                               escaped ? "\\" : "", (char *)utf8, b);
        status = bytes_append(json, entry, (size_t)n);
    }
    if (!status) status = bytes_append(json, tail, sizeof tail - 1);
    return status ? err_memory(e, "vocabulary of bytes") : 0;
}

int byte_tokenizer_open(struct tokenizer **t, const char *path, struct err *e)
{
    struct bytes json = {0};
    int status = make(&json, e);
    if (!status) status = tokenizer_parse(t, (const char *)json.data, json.count, path, e);
    bytes_free(&json);
    return status;
}

int byte_tokenizer_write(const char *path, struct err *e)
{
    struct bytes json = {0};
    struct out out = {.slot = -1};
    int status = make(&json, e);
    if (!status) status = out_open(&out, path, e);
    if (!status) status = out_write(&out, json.data, json.count, e);
    if (!status)
        status = out_commit(&out, e);
    else
        out_abort(&out);
    bytes_free(&json);
    return status;
}
