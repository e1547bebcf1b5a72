/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine says of itself: the first byte tells a page of metrics from llama.cpp's properties, the rest is read. Whatever it is, the numbers are within their
 * bounds; what counts of a page does not change when it is read twice, and lines of nobody's change nothing.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "relay/facts.h"

#define BYTES_MAX 65536
#define DEPTH_MAX 32

static void check_facts(const struct engine_facts *facts)
{
    check(facts->slots <= FACTS_NUMBER_MAX && (double)facts->kv_tokens <= FACTS_NUMBER_MAX);
    check(facts->running <= FACTS_NUMBER_MAX && facts->waiting <= FACTS_NUMBER_MAX);
    check(facts->kv_used >= 0 && facts->kv_used <= 1);
    check(facts->at_ms == 0);
}

static bool same(const struct engine_facts *a, const struct engine_facts *b)
{
    return a->slots == b->slots && a->kv_tokens == b->kv_tokens && a->running == b->running &&
           a->waiting == b->waiting && !(a->kv_used < b->kv_used) && !(a->kv_used > b->kv_used);
}

static void read_metrics(struct span page)
{
    struct engine_facts facts, again;
    struct buf longer;
    bool read = facts_read_metrics(page, &facts);
    check_facts(&facts);
    buf_init(&longer, page.len + 100);
    buf_append(&longer, SPAN("# TYPE\nother{a=\"}\\\"\"} 7\n"));
    buf_append(&longer, page);
    check(facts_read_metrics(buf_span(&longer), &again) == read && same(&facts, &again));
    buf_release(&longer);
}

static void read_props(struct span body)
{
    static struct json_parser *parser;
    struct engine_facts facts;
    if (!parser)
        parser = json_parser_new(BYTES_MAX, DEPTH_MAX);
    check(parser != NULL);
    char *copy = fuzz_copy(body, JSON_PADDING);
    bool read = facts_read_props(parser, span_of(copy, body.len), &facts);
    check_facts(&facts);
    check(read == (facts.slots > 0));
    mem_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > BYTES_MAX)
        return 0;
    struct span bytes = span_of(data + 1, size - 1);
    if (data[0] == 'p')
        read_props(bytes);
    else
        read_metrics(bytes);
    return 0;
}
