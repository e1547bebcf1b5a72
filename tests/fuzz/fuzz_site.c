/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser says with a GET: path, Accept-Encoding, If-None-Match, Accept-Language, a line each. A coding is one that is there; an entity tag is known when it
 * stands in the list, and only then; a page is whole, in UTF-8, and the same for everybody who wants its language.
 */
#include "fuzz.h"

#include "base/text.h"
#include "site/page.h"

#define PAGE_BYTES_MAX 65536

static const struct span tag = SPAN("\"0123456789abcdef-br\"");

static void choose_coding(struct span accept_encoding)
{
    for (unsigned offered = 0; offered < 1u << SITE_CODINGS; offered++) {
        enum site_coding coding = accept_coding(accept_encoding, offered);
        check(coding == SITE_IDENTITY || (offered & 1u << coding));
        check(coding == SITE_IDENTITY || accept_encoding.len > 0);
    }
    check(accept_quality(accept_encoding) <= 1000);
}

static size_t entries(struct span list)
{
    size_t count = 1;
    for (size_t i = 0; i < list.len; i++)
        count += list.ptr[i] == ',';
    return count;
}

static void know_tag(struct span if_none_match)
{
    struct buf longer;
    if (accept_has(if_none_match, tag))
        check(span_find(if_none_match, tag) >= 0 || span_eq(span_trim(if_none_match), SPAN("*")));
    buf_init(&longer, if_none_match.len + tag.len + 8);
    buf_append(&longer, if_none_match);
    buf_append(&longer, SPAN(" , W/"));
    buf_append(&longer, tag);
    check(accept_has(buf_span(&longer), tag) == (entries(buf_span(&longer)) <= ACCEPT_ENTRIES_MAX) ||
          accept_has(if_none_match, tag));
    buf_release(&longer);
}

static void find_page(const struct site_ask *ask)
{
    static const struct span models[] = {SPAN("a<b>&\"c")};
    static const bool up[] = {true};
    struct site_facts facts = {
        .host = SPAN("localhost"), .models = models, .models_up = up, .models_count = 1};
    struct site_page page = {0};
    struct buf body;
    buf_init(&body, PAGE_BYTES_MAX);
    if (site_constant(ask, &page)) {
        check(!span_is_null(page.bytes) && page.content_type.len > 0);
    } else if (site_page(ask, &facts, &body, &page)) {
        struct buf again;
        enum page_language language = page_language(ask->accept_language);
        struct site_ask plain = {.path = ask->path,
                                 .accept_language = language == PAGE_CHINESE ? SPAN("zh") : SPAN_NULL};
        check(buf_status(&body) == 0 && text_is_utf8(buf_span(&body)));
        check(span_is_null(page.bytes) && page.content_type.len > 0);
        check(span_find(buf_span(&body), models[0]) < 0); /* escaped */
        buf_init(&again, PAGE_BYTES_MAX);
        check(site_page(&plain, &facts, &again, &page));
        check(span_eq(buf_span(&body), buf_span(&again)));
        buf_release(&again);
    }
    buf_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct site_ask ask = {.chat = true};
    if (!span_split(&rest, '\n', &ask.path))
        return 0;
    (void)span_split(&rest, '\n', &ask.accept_encoding);
    (void)span_split(&rest, '\n', &ask.if_none_match);
    ask.accept_language = rest;
    choose_coding(ask.accept_encoding);
    know_tag(ask.if_none_match);
    find_page(&ask);
    return 0;
}
