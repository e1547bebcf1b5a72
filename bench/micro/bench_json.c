/* SPDX-License-Identifier: Apache-2.0 */
/* A chat request's JSON, in and out: ours beside other libraries, which check less (peers.h). */
#include "base/buf.h"
#include "bodies.h"
#include "dialect/inference.h"
#include "harness.h"
#include "peers.h"

#define DEPTH_MAX 64

static struct json_parser *parser;
static struct buf out;

static struct span text_of(const struct body *body)
{
    return span_of(body->text, body->len);
}

/* ---- ours ---- */

static void read_one(const struct body *body, struct inference *ret_inference)
{
    struct refusal refusal = {.reason = REASON_OK};
    check(inference_read(parser, ENDPOINT_CHAT, text_of(body), ret_inference, &refusal) == 0);
}

static void write_one(const struct inference *inference)
{
    buf_clear(&out);
    inference_write(
        inference,
        &(struct inference_target){.model = SPAN("other"), .stream = true, .ask_usage = true},
        &out);
    check(buf_status(&out) == 0);
}

static void repeat_dom(void *arg, uint64_t times)
{
    const struct body *body = arg;
    struct json_value root;
    while (times-- > 0)
        check(json_parse(parser, text_of(body), &root, NULL) == 0);
}

static void repeat_read(void *arg, uint64_t times)
{
    static struct inference inference;
    while (times-- > 0)
        read_one(arg, &inference);
}

static void repeat_write(void *arg, uint64_t times)
{
    static struct inference inference;
    read_one(arg, &inference);
    while (times-- > 0)
        write_one(&inference);
}

static void repeat_both(void *arg, uint64_t times)
{
    static struct inference inference;
    while (times-- > 0) {
        read_one(arg, &inference);
        write_one(&inference);
    }
}

/* ---- others ---- */

#define REPEAT(peer)                                                                               \
    static void repeat_##peer(void *arg, uint64_t times)                                           \
    {                                                                                              \
        while (times-- > 0)                                                                        \
            peer_##peer(text_of(arg));                                                             \
    }

REPEAT(simdjson_read)
REPEAT(jansson_read)
REPEAT(jansson_rewrite)
#ifdef BENCH_RAPIDJSON
REPEAT(rapidjson_read)
REPEAT(rapidjson_rewrite)
#endif
#undef REPEAT

static const struct {
    const char *name;
    void (*repeat)(void *arg, uint64_t times);
} ways[] = {
    {"json/ours-in-out", repeat_both},
    {"json/ours-in", repeat_read},
    {"json/ours-in-dom", repeat_dom},
    {"json/ours-out", repeat_write},
    {"json/simdjson-in", repeat_simdjson_read},
    {"json/jansson-in-out", repeat_jansson_rewrite},
    {"json/jansson-in", repeat_jansson_read},
#ifdef BENCH_RAPIDJSON
    {"json/rapidjson-in-out", repeat_rapidjson_rewrite},
    {"json/rapidjson-in", repeat_rapidjson_read},
#endif
};

static const struct {
    const char *name;
    size_t len; /* 0: an agent's */
} sizes[] = {{"160B", 160}, {"300B", 300}, {"8K", 8192}, {"128K", 131072}, {"agent", 0}};

int main(int argc, char **argv)
{
    static struct body bodies[COUNT_OF(sizes)];
    static char names[COUNT_OF(sizes) * COUNT_OF(ways)][48];
    struct bench benches[COUNT_OF(sizes) * COUNT_OF(ways)];
    size_t count = 0;

    parser = json_parser_new(BODY_BYTES_MAX, DEPTH_MAX);
    check(parser);
    buf_init(&out, 2 * (size_t)BODY_BYTES_MAX);
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        if (sizes[s].len > 0)
            body_make(&bodies[s], sizes[s].len);
        else
            body_make_agent(&bodies[s]);
        for (size_t w = 0; w < COUNT_OF(ways); w++) {
            snprintf(names[count], sizeof(names[count]), "%s/%s", ways[w].name, sizes[s].name);
            benches[count] = (struct bench){.name = names[count],
                                            .bytes = bodies[s].len,
                                            .repeat = ways[w].repeat,
                                            .arg = &bodies[s]};
            count++;
        }
    }
    int status = bench_main(argc, argv, benches, count);
    buf_release(&out);
    json_parser_free(parser);
    return status;
}
