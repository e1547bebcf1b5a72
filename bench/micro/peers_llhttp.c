/* SPDX-License-Identifier: Apache-2.0 */
/* By itself: llhttp's names for methods are ours too. */
#include "peers_llhttp.h"

#include <llhttp.h>

static int on_span(llhttp_t *parser, const char *at, size_t len)
{
    (void)parser;
    (void)at;
    (void)len;
    return 0;
}

void peer_llhttp_request(struct span message)
{
    static const llhttp_settings_t callbacks = {.on_url = on_span,
                                                .on_header_field = on_span,
                                                .on_header_value = on_span,
                                                .on_body = on_span};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &callbacks);
    check(llhttp_execute(&parser, message.ptr, message.len) == HPE_OK);
}
