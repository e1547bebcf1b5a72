/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/token_ask.h"

#include "base/json_out.h"

int token_ask_write(const struct token_ask *ask, struct buf *buf, struct relay_ask *ret_ask)
{
    int result = buf_reserve(buf, RELAY_HEADROOM);
    if (result < 0)
        return result;
    buf->len = RELAY_HEADROOM;
    struct json_out out = json_out_start(buf);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("model"));
    json_out_string(&out, span_str(ask->model));
    json_out_key(&out, SPAN("messages"));
    json_out_open(&out, '[');
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("role"));
    json_out_string(&out, SPAN("user"));
    json_out_key(&out, SPAN("content"));
    json_out_string(&out, ask->text);
    json_out_close(&out, '}');
    json_out_close(&out, ']');
    json_out_key(&out, SPAN("max_tokens"));
    json_out_u64(&out, ask->tokens_max);
    json_out_key(&out, SPAN("stream"));
    json_out_bool(&out, true);
    if (ask->ignore_end) {
        json_out_key(&out, SPAN("ignore_eos"));
        json_out_bool(&out, true);
    }
    json_out_close(&out, '}');
    if (buf_status(buf) < 0)
        return buf_status(buf);
    *ret_ask = (struct relay_ask){
        .method = SPAN("POST"),
        .path = SPAN("/v1/chat/completions"),
        .body = buf->ptr + RELAY_HEADROOM,
        .body_len = buf->len - RELAY_HEADROOM,
        .stream = true,
    };
    return 0;
}

bool token_event(struct span data)
{
    ptrdiff_t at = span_find(data, SPAN("\"choices\""));
    struct span rest = at < 0 ? SPAN_NULL : span_skip(data, (size_t)at + 9);
    for (const char *mark = ":[{"; *mark; mark++) {
        rest = span_trim(rest);
        if (rest.len == 0 || rest.ptr[0] != *mark)
            return false;
        rest = span_skip(rest, 1);
    }
    return true;
}
