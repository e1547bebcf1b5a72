/* SPDX-License-Identifier: Apache-2.0 */
/* What an event of an engine costs on its way back, passed on and gathered: the fastest of 15 windows, in nanoseconds. */
#include "base/clock.h"
#include "dialect/answer.h"

#define EVENTS 50000
#define WINDOWS 15
#define OUT_MAX (1 << 20)

static const struct event {
    const char *name, *data;
} events[] = {
    {"llama.cpp", "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" "
                  "welcome\"}}],\"created\":1795478538,"
                  "\"id\":\"chatcmpl-OVEWX9GHZGhN0JYUYjivoqaf1IkXMV7X\",\"model\":\"smollm2\","
                  "\"system_fingerprint\":\"b0-unknown\","
                  "\"object\":\"chat.completion.chunk\"}"},
    {"vllm", "{\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":\"chat.completion."
             "chunk\",\"created\":1795478538,"
             "\"model\":\"smollm2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
             "welcome\"},\"logprobs\":null,"
             "\"finish_reason\":null,\"token_ids\":null}]}"},
    {"thinking", "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"reasoning_"
                 "content\":\" welcome\"}}],\"created\":"
                 "1795478538,\"id\":\"chatcmpl-OVEWX9GHZGhN0JYUYjivoqaf1IkXMV7X\",\"model\":"
                 "\"smollm2\",\"object\":"
                 "\"chat.completion.chunk\"}"},
    {"logprobs", "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\",\"},"
                 "\"logprobs\":{\"content\":[{\"id\":28,"
                 "\"token\":\",\",\"bytes\":[44],\"logprob\":-0.7989294528961182,\"top_logprobs\":["
                 "{\"id\":28,\"token\":\",\",\"bytes\":"
                 "[44],\"logprob\":-0.7989294528961182}]}]}}],\"created\":1795478538,\"id\":"
                 "\"chatcmpl-AjhDTipTZHrTf4bUSb16lfOuAbAJIKLK\","
                 "\"model\":\"smollm2\",\"object\":\"chat.completion.chunk\"}"},
};

/* One window; nanoseconds for each event. */
static double window(struct json_parser *parser, struct span data, bool gather, struct buf *out)
{
    const struct answer_terms terms = {.endpoint = ENDPOINT_CHAT,
                                       .model = SPAN("smollm2-135m-instruct"),
                                       .choices = 1,
                                       .answer_bytes_max = SIZE_MAX / 2};
    struct answer *answer = answer_new(&terms);
    enum answer_state state;
    struct refusal refusal;
    check(answer);
    uint64_t began_us = clock_mono_us();
    for (unsigned i = 0; i < EVENTS; i++) {
        buf_clear(out);
        int r = gather ? answer_gather(answer, parser, data, &state, &refusal)
                       : answer_event(answer, parser, data, out, &state, &refusal);
        check(r == 0 && state == ANSWER_OPEN);
    }
    double ns = (double)(clock_mono_us() - began_us) * 1000 / EVENTS;
    answer_free(answer);
    return ns;
}

int main(void)
{
    static char text[4096];
    struct json_parser *parser = json_parser_new(sizeof(text), 64);
    struct buf out;
    buf_init(&out, OUT_MAX);
    check(parser);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        double best_ns[] = {1e9, 1e9};
        size_t len = strlen(events[i].data);
        memcpy(text, events[i].data, len);
        for (int n = 0; n < 2 * WINDOWS; n++) {
            double ns = window(parser, span_of(text, len), n % 2, &out);
            best_ns[n % 2] = MIN(best_ns[n % 2], ns);
        }
        printf("%-10s %4zu bytes   passed %4.0f ns   gathered %4.0f ns\n", events[i].name, len,
               best_ns[0], best_ns[1]);
    }
    buf_release(&out);
    json_parser_free(parser);
    return 0;
}
