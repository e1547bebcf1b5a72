/* SPDX-License-Identifier: Apache-2.0 */
#include "site/site.h"

#include "site/page.h"

/* One row for each file; what needs no facts is a constant. */
static const struct {
    const char *path;
    const char *content_type;
    const char *content;
} files[] = {
    {"/seawall.css", "text/css; charset=utf-8", page_style},
    {"/favicon.svg", "image/svg+xml", page_icon},
    {"/robots.txt", "text/plain; charset=utf-8", "User-agent: *\nDisallow: /v1/\n"},
};

bool site_page(struct span path, struct span accept_language, const struct site_facts *facts,
               struct buf *body, struct site_page *ret_page)
{
    if (span_eq(path, SPAN("/"))) {
        page_write(facts, page_language(accept_language), body);
        *ret_page = (struct site_page){
            .content_type = SPAN("text/html; charset=utf-8"),
            .security_policy = SPAN("default-src 'none'; style-src 'self'; img-src 'self'; "
                                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")};
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (!span_eq(path, span_str(files[i].path)))
            continue;
        buf_append(body, span_str(files[i].content));
        *ret_page =
            (struct site_page){.content_type = span_str(files[i].content_type), .may_cache = true};
        return true;
    }
    return false;
}
