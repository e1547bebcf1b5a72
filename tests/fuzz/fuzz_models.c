/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine's answer to GET /v1/models: the first line is its Server header, the rest the body. What is taken from it are names that a client may ask for, none twice;
 * written as a list again they are read as they were.
 */
#include "fuzz.h"

#include "base/json_out.h"
#include "base/text.h"
#include "relay/models.h"

#define BYTES_MAX 65536
#define DEPTH_MAX 32

static struct json_parser *parser;

static bool read_list(struct span body, struct span server, struct model_list *ret_list)
{
    struct err err = {""};
    enum engine_kind engine;
    char *copy = fuzz_copy(body, JSON_PADDING);
    int result = models_parse(parser, span_of(copy, body.len), server, ret_list, &engine, &err);
    mem_free(copy);
    check((result == 0) == (err.text[0] == '\0'));
    check(result == 0 || result == -EBADMSG);
    return result == 0;
}

static void check_list(const struct model_list *list)
{
    check(list->count <= POOL_MODELS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        struct span name = span_str(list->entries[i].name);
        check(name.len > 0 && name.len < POOL_MODEL_NAME_MAX && text_is_utf8(name));
        for (size_t k = 0; k < name.len; k++)
            check((unsigned char)name.ptr[k] >= ' ');
        for (size_t k = 0; k < i; k++)
            check(!span_eq(name, span_str(list->entries[k].name)));
    }
}

static void write_list(const struct model_list *list, struct buf *body)
{
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("data"));
    json_out_open(&out, '[');
    for (size_t i = 0; i < list->count; i++) {
        json_out_open(&out, '{');
        json_out_key(&out, SPAN("id"));
        json_out_string(&out, span_str(list->entries[i].name));
        json_out_key(&out, SPAN("max_model_len"));
        json_out_u64(&out, list->entries[i].context_tokens);
        json_out_close(&out, '}');
    }
    json_out_close(&out, ']');
    json_out_close(&out, '}');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model_list list, again;
    struct span rest = span_of(data, size), server;
    struct buf body;
    if (size > BYTES_MAX || !span_split(&rest, '\n', &server))
        return 0;
    if (!parser)
        parser = json_parser_new(BYTES_MAX * 8, DEPTH_MAX);
    check(parser != NULL);
    if (!read_list(rest, server, &list))
        return 0;
    check_list(&list);
    buf_init(&body, BYTES_MAX * 8);
    write_list(&list, &body);
    check(buf_status(&body) == 0);
    check(read_list(buf_span(&body), server, &again));
    check(again.count == list.count);
    for (size_t i = 0; i < list.count; i++)
        check(strcmp(list.entries[i].name, again.entries[i].name) == 0 &&
              list.entries[i].context_tokens == again.entries[i].context_tokens);
    buf_release(&body);
    return 0;
}
