/* SPDX-License-Identifier: Apache-2.0 */
#include "llhttp_beside.h"

#include "base/buf.h"

#include <llhttp.h>

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    buf_append(parser->data, span_of(at, len));
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

void check_beside_llhttp(struct span bytes, size_t consumed, struct span body)
{
    static const llhttp_settings_t callbacks = {.on_body = on_body,
                                                .on_message_complete = on_complete};
    struct buf theirs;
    buf_init(&theirs, bytes.len + 1);
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &callbacks);
    parser.data = &theirs;
    llhttp_errno_t result = llhttp_execute(&parser, bytes.ptr, bytes.len);
    check(result == HPE_PAUSED);
    check(parser.error_pos == bytes.ptr + consumed);
    check(span_eq(buf_span(&theirs), body));
    buf_release(&theirs);
}
