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
    enum page_language language = page_language(accept_language);
    struct site_page document = {
        .content_type = SPAN("text/html; charset=utf-8"),
        .security_policy = SPAN("default-src 'none'; style-src 'self'; img-src 'self'; "
                                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")};
    if (span_eq(path, SPAN("/"))) {
        page_write(facts, language, body);
        *ret_page = document;
        return true;
    }
    if (span_eq(path, SPAN("/waiting"))) {
        page_write_waiting(facts, language, body);
        document.refresh = facts->waiting > 0 ? SPAN("5") : SPAN("2; url=/");
        *ret_page = document;
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
