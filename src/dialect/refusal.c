/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/refusal.h"

#include "base/json_out.h"

#include <stdarg.h>

int refuse(struct refusal *refusal, enum reason reason, const char *param, const char *format, ...)
{
    *refusal = (struct refusal){.reason = reason};
    if (param)
        snprintf(refusal->param, sizeof(refusal->param), "%s", param);
    va_list args;
    va_start(args, format);
    if (vsnprintf(refusal->message.text, sizeof(refusal->message.text), format, args) < 0)
        refusal->message.text[0] = '\0';
    va_end(args);
    return -EINVAL;
}

static void string_or_null(struct json_out *out, const char *text)
{
    if (text[0])
        json_out_string(out, span_str(text));
    else
        json_out_null(out);
}

/* All but the closing brace. */
static void write_members(struct json_out *out, const struct refusal *refusal, struct span request_id)
{
    const struct reason_info *info = reason_info(refusal->reason);
    json_out_open(out, '{');
    json_out_key(out, SPAN("error"));
    json_out_open(out, '{');
    json_out_key(out, SPAN("message"));
    json_out_string(out, span_str(refusal->message.text[0] ? refusal->message.text : info->text));
    json_out_key(out, SPAN("type"));
    json_out_string(out, span_str(info->type));
    json_out_key(out, SPAN("param"));
    string_or_null(out, refusal->param);
    json_out_key(out, SPAN("code"));
    string_or_null(out, info->code);
    json_out_close(out, '}');
    if (!span_is_null(request_id)) {
        json_out_key(out, SPAN("request_id"));
        json_out_string(out, request_id);
    }
}

void refusal_write(struct buf *buf, const struct refusal *refusal, struct span request_id)
{
    struct json_out out = json_out_start(buf);
    write_members(&out, refusal, request_id);
    json_out_close(&out, '}');
}

void refusal_write_event(struct buf *buf, const struct refusal *refusal, struct span request_id, struct span ticket)
{
    buf_append(buf, SPAN("data: "));
    struct json_out out = json_out_start(buf);
    write_members(&out, refusal, request_id);
    if (refusal->retry_after_s > 0) {
        json_out_key(&out, SPAN("seawall"));
        json_out_open(&out, '{');
        json_out_key(&out, SPAN("retry_after_ms"));
        json_out_u64(&out, (uint64_t)refusal->retry_after_s * 1000);
        if (!span_is_null(ticket)) {
            json_out_key(&out, SPAN("ticket"));
            json_out_string(&out, ticket);
        }
        json_out_close(&out, '}');
    }
    json_out_close(&out, '}');
    buf_append(buf, SPAN("\n\n"));
}
