/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/endpoint.h"

#include "base/json_out.h"
#include "base/text.h"

struct endpoint_row {
    const char *path;
    const char *name;
    const char *methods;
};

#define READS "GET, HEAD, OPTIONS"
#define POSTS "POST, OPTIONS"

/* One row for each enum endpoint, in its order. A path that ends with a slash has an id behind it. */
static const struct endpoint_row rows[] = {
    [ENDPOINT_NONE] = {"", "none", READS},
    [ENDPOINT_CHAT] = {"/v1/chat/completions", "chat", POSTS},
    [ENDPOINT_COMPLETION] = {"/v1/completions", "completion", POSTS},
    [ENDPOINT_EMBEDDING] = {"/v1/embeddings", "embedding", POSTS},
    [ENDPOINT_MODELS] = {"/v1/models", "models", READS},
    [ENDPOINT_MODEL] = {"/v1/models/", "model", READS},
    [ENDPOINT_STREAM] = {"/v1/streams/", "stream", "GET, DELETE, OPTIONS"},
};

static const struct span prefix = {"/v1", 3};

static const struct endpoint_row *row_of(enum endpoint endpoint)
{
    return &rows[(size_t)endpoint < COUNT_OF(rows) ? endpoint : ENDPOINT_NONE];
}

enum endpoint endpoint_of(struct span path, struct span *ret_id)
{
    *ret_id = SPAN_NULL;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (span_starts(path, SPAN("/v1/")))
        path = span_skip(path, prefix.len);
    for (enum endpoint e = ENDPOINT_CHAT; e <= ENDPOINT_MODELS; e++) {
        if (span_eq(path, span_skip(span_str(rows[e].path), prefix.len)))
            return e;
    }
    for (enum endpoint e = ENDPOINT_MODEL; e <= ENDPOINT_STREAM; e++) {
        struct span before = span_skip(span_str(rows[e].path), prefix.len);
        if (!span_starts(path, before) || path.len == before.len)
            continue;
        *ret_id = span_skip(path, before.len);
        return e;
    }
    return ENDPOINT_NONE;
}

struct span endpoint_engine_path(enum endpoint endpoint)
{
    bool posts = endpoint == ENDPOINT_CHAT || endpoint == ENDPOINT_COMPLETION || endpoint == ENDPOINT_EMBEDDING;
    return posts ? span_str(rows[endpoint].path) : SPAN_NULL;
}

struct span endpoint_methods(enum endpoint endpoint)
{
    return span_str(row_of(endpoint)->methods);
}

struct span endpoint_name(enum endpoint endpoint)
{
    return span_str(row_of(endpoint)->name);
}

int percent_decode(struct buf *buf, struct span text)
{
    size_t start = buf->len;
    while (text.len > 0) {
        unsigned char byte = (unsigned char)text.ptr[0];
        size_t took = 1;
        if (byte == '%') {
            /* RFC 3986 section 2.1: exactly two hexadecimal digits. */
            if (text.len < 3 || text_unhex(span_of(text.ptr + 1, 2), &byte, 1) < 0)
                goto malformed;
            took = 3;
        }
        if (byte == '\0')
            goto malformed;
        buf_append_byte(buf, (char)byte);
        text = span_skip(text, took);
    }
    if (buf_status(buf) < 0)
        return buf_status(buf);
    if (text_is_utf8(span_skip(buf_span(buf), start)))
        return 0;
malformed:
    buf->len = start;
    return -EINVAL;
}

/* `max_model_len` is vLLM's name for the context, which clients of self-hosted engines look for. */
static void write_model(struct json_out *out, const struct model_listing *model)
{
    json_out_open(out, '{');
    json_out_key(out, SPAN("id"));
    json_out_string(out, model->name);
    json_out_key(out, SPAN("object"));
    json_out_string(out, SPAN("model"));
    json_out_key(out, SPAN("created"));
    json_out_u64(out, model->created_s);
    json_out_key(out, SPAN("owned_by"));
    json_out_string(out, SPAN("seawall"));
    if (model->context_tokens > 0) {
        json_out_key(out, SPAN("max_model_len"));
        json_out_u64(out, model->context_tokens);
    }
    json_out_close(out, '}');
}

void models_write(struct buf *buf, const struct model_listing *models, size_t count)
{
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("object"));
    json_out_string(&out, SPAN("list"));
    json_out_key(&out, SPAN("data"));
    json_out_open(&out, '[');
    for (size_t i = 0; i < count; i++)
        write_model(&out, &models[i]);
    json_out_close(&out, ']');
    json_out_close(&out, '}');
}

void model_write(struct buf *buf, const struct model_listing *model)
{
    struct json_out out = json_out_start(buf);
    write_model(&out, model);
}
