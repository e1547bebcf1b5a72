/* SPDX-License-Identifier: Apache-2.0 */
/* See reference.h. */
#include "record/reference.h"

#include "base/reason.h"
#include "record/access_line.h"
#include "record/metrics.h"

const struct reference_page reference_pages[REFERENCE_PAGES] = {
    {"docs/access-log.md", access_write_reference},
    {"docs/metrics.md", metrics_write_reference},
    {"docs/reasons.md", reference_write_reasons},
};

static const char page_intro[] =
    "# Reasons\n"
    "\n"
    "<!-- Written by `ninja docs` from src/base/reason.h. Change it there. -->\n"
    "\n"
    "How a request can end. The reason is in the access log and in the metric "
    "`seawall_requests_total`; a client sees the\n"
    "status and, in the error's body, the type, the code and a message, which may say more than "
    "the text here.\n"
    "\n"
    "```\n"
    "{\"error\": {\"message\": \"…\", \"type\": \"invalid_request_error\", \"param\": null, "
    "\"code\": \"invalid_api_key\"}}\n"
    "```\n"
    "\n"
    "Where a row has no type, no error body goes out: the answer was whole, or had begun.\n"
    "\n"
    "| reason | status | type | code | text |\n"
    "|---|---|---|---|---|\n";

static void write_code(struct buf *buf, const char *text)
{
    if (text[0] != '\0')
        buf_printf(buf, " `%s` |", text);
    else
        buf_append(buf, SPAN(" |"));
}

void reference_write_reasons(struct buf *buf)
{
    buf_append(buf, span_str(page_intro));
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        const struct reason_info *info = reason_info((enum reason)reason);
        buf_printf(buf, "| `%s` | %u |", info->name, info->status);
        write_code(buf, info->type);
        write_code(buf, info->code);
        buf_printf(buf, " %s |\n", info->text);
    }
}
