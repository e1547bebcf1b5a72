/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine's event costs on its way back: split off, passed on or gathered, framed; and a whole answer that was not streamed. */
#include "base/alloc.h"
#include "dialect/answer.h"
#include "harness.h"
#include "http/answer.h"
#include "http/sse.h"

#define BLOCK_BYTES_MAX 65536 /* what one read from an engine brings at most */
#define DATA_BYTES_MAX 2048
#define OUT_MAX (1U << 20)

static struct json_parser *parser;
static struct buf out;

/* ---- events as engines send them ---- */

struct event {
    const char *name;
    const char *data;
    char text[DATA_BYTES_MAX + JSON_PADDING];
    struct span span; /* of `text` */
};

static struct event events[] = {
    {.name = "llamacpp",
     .data =
         "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" welcome\"}}],"
         "\"created\":1795478538,\"id\":\"chatcmpl-OVEWX9GHZGhN0JYUYjivoqaf1IkXMV7X\",\"model\":"
         "\"smollm2\",\"system_fingerprint\":\"b0-unknown\",\"object\":\"chat.completion.chunk\"}"},
    {.name = "vllm",
     .data = "{\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":\"chat.completion."
             "chunk\","
             "\"created\":1795478538,\"model\":\"smollm2\",\"choices\":[{\"index\":0,\"delta\":"
             "{\"content\":\" "
             "welcome\"},\"logprobs\":null,\"finish_reason\":null,\"token_ids\":null}]}"},
    {.name = "thinking",
     .data =
         "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"reasoning_content\":"
         "\" "
         "welcome\"}}],\"created\":1795478538,\"id\":\"chatcmpl-OVEWX9GHZGhN0JYUYjivoqaf1IkXMV7X\","
         "\"model\":\"smollm2\",\"object\":\"chat.completion.chunk\"}"},
    {.name = "logprobs",
     .data =
         "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\",\"},"
         "\"logprobs\":"
         "{\"content\":[{\"id\":28,\"token\":\",\",\"bytes\":[44],\"logprob\":-0.7989294528961182,"
         "\"top_logprobs\":[{\"id\":28,\"token\":\",\",\"bytes\":[44],\"logprob\":"
         "-0.7989294528961182}]}]}}],\"created\":1795478538,\"id\":"
         "\"chatcmpl-AjhDTipTZHrTf4bUSb16lfOuAbAJIKLK\",\"model\":\"smollm2\",\"object\":"
         "\"chat.completion.chunk\"}"},
};

static struct answer *new_answer(void)
{
    struct answer *answer =
        answer_new(&(struct answer_terms){.endpoint = ENDPOINT_CHAT,
                                          .model = SPAN("smollm2-135m-instruct"),
                                          .choices = 1,
                                          .answer_bytes_max = SIZE_MAX / 2});
    check(answer);
    return answer;
}

/* ---- splitter ---- */

static char block[BLOCK_BYTES_MAX + JSON_PADDING];
static size_t block_len, block_events;

/* As many events as one read brings. */
static void make_block(void)
{
    struct buf buf = {.ptr = block, .cap = BLOCK_BYTES_MAX, .max = BLOCK_BYTES_MAX};
    while (buf.len + events[0].span.len + 16 <= BLOCK_BYTES_MAX) {
        sse_write_event(&buf, events[0].span);
        block_events++;
    }
    check(buf_status(&buf) == 0);
    block_len = buf.len;
}

static int count_event(void *owner, struct span data, struct span event)
{
    bench_keep(data.ptr);
    bench_keep(event.ptr);
    ++*(uint64_t *)owner;
    return 0;
}

static int pass_comment(void *owner, struct span text)
{
    (void)owner;
    (void)text;
    return 0;
}

static const struct sse_events counting = {count_event, pass_comment};

/* Feeds `times` events, in pieces of `events_each`; 0: in halves of one. */
static void feed(uint64_t times, size_t events_each)
{
    struct sse_splitter splitter;
    uint64_t seen = 0;
    size_t event_len = block_len / block_events;
    sse_splitter_init(&splitter, BLOCK_BYTES_MAX, &counting, &seen);
    while (seen < times) {
        if (events_each > 0) {
            size_t count = MIN(events_each, (size_t)(times - seen));
            check(sse_splitter_feed(&splitter, span_of(block, count * event_len)) == 0);
        } else {
            check(sse_splitter_feed(&splitter, span_of(block, event_len / 2)) == 0);
            check(sse_splitter_feed(
                      &splitter, span_of(block + event_len / 2, event_len - event_len / 2)) == 0);
        }
    }
    sse_splitter_release(&splitter);
}

static void repeat_block(void *arg, uint64_t times)
{
    (void)arg;
    feed(times, block_events);
}

static void repeat_single(void *arg, uint64_t times)
{
    (void)arg;
    feed(times, 1);
}

static void repeat_halves(void *arg, uint64_t times)
{
    (void)arg;
    feed(times, 0);
}

/* ---- answer ---- */

static void repeat_passed(void *arg, uint64_t times)
{
    const struct event *event = arg;
    struct answer *answer = new_answer();
    enum answer_state state;
    struct refusal refusal;
    while (times-- > 0) {
        buf_clear(&out);
        check(answer_event(answer, parser, event->span, &out, &state, &refusal) == 0);
    }
    answer_free(answer);
}

static void repeat_gathered(void *arg, uint64_t times)
{
    const struct event *event = arg;
    struct answer *answer = new_answer();
    enum answer_state state;
    struct refusal refusal;
    while (times-- > 0)
        check(answer_gather(answer, parser, event->span, &state, &refusal) == 0);
    answer_free(answer);
}

static int pass_on(void *owner, struct span data, struct span event)
{
    enum answer_state state;
    struct refusal refusal;
    (void)event;
    return answer_event(owner, parser, data, &out, &state, &refusal);
}

static const struct sse_events passing = {pass_on, pass_comment};

/* All that an event meets in this process, but for the sockets: one read, one write. */
static void repeat_way_back(void *arg, uint64_t times)
{
    struct answer *answer = new_answer();
    struct sse_splitter splitter;
    char chunk[20];
    (void)arg;
    sse_splitter_init(&splitter, BLOCK_BYTES_MAX, &passing, answer);
    while (times-- > 0) {
        buf_clear(&out);
        check(sse_splitter_feed(&splitter, span_of(block, block_len / block_events)) == 0);
        check(http_chunk_head(out.len, chunk) > 0);
        bench_keep(chunk);
    }
    sse_splitter_release(&splitter);
    answer_free(answer);
}

/* ---- whole ---- */

static char whole[DATA_BYTES_MAX + JSON_PADDING];
static size_t whole_len;

static void make_whole(void)
{
    struct buf buf = {.ptr = whole, .cap = DATA_BYTES_MAX, .max = DATA_BYTES_MAX};
    buf_append(&buf,
               SPAN("{\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":"
                    "\"assistant\",\"content\":\""));
    while (buf.len < 1200)
        buf_append(&buf, SPAN("Fair queues give each tenant its part.\\n"));
    buf_append(
        &buf, SPAN("\"}}],\"created\":1795478538,\"model\":\"smollm2\",\"system_fingerprint\":"
                   "\"b0-unknown\",\"object\":\"chat.completion\",\"usage\":{\"completion_tokens\":"
                   "240,\"prompt_tokens\":31,\"total_tokens\":271},\"id\":"
                   "\"chatcmpl-AjhDTipTZHrTf4bUSb16lfOuAbAJIKLK\"}"));
    check(buf_status(&buf) == 0);
    whole_len = buf.len;
}

static void repeat_whole(void *arg, uint64_t times)
{
    struct refusal refusal;
    (void)arg;
    while (times-- > 0) {
        struct answer *answer = new_answer();
        buf_clear(&out);
        check(answer_whole(answer, parser, span_of(whole, whole_len), &out, &refusal) == 0);
        answer_free(answer);
    }
}

static void repeat_new(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0)
        answer_free(new_answer());
}

int main(int argc, char **argv)
{
    static char names[2 * COUNT_OF(events)][32];
    struct bench benches[BENCH_MAX];
    size_t count = 0;

    parser = json_parser_new(BLOCK_BYTES_MAX, 64);
    check(parser);
    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        events[i].span = span_of(events[i].text, strlen(events[i].data));
        check(events[i].span.len <= DATA_BYTES_MAX);
        memcpy(events[i].text, events[i].data, events[i].span.len);
    }
    make_block();
    make_whole();
    size_t event_len = block_len / block_events;
    benches[count++] = (struct bench){"sse/block", event_len, repeat_block, NULL};
    benches[count++] = (struct bench){"sse/single", event_len, repeat_single, NULL};
    benches[count++] = (struct bench){"sse/halves", event_len, repeat_halves, NULL};
    for (size_t i = 0; i < 2 * COUNT_OF(events); i++) {
        struct event *event = &events[i / 2];
        snprintf(names[i], sizeof(names[i]), "event/%s-%s", event->name,
                 i % 2 ? "gathered" : "passed");
        benches[count++] = (struct bench){names[i], event->span.len,
                                          i % 2 ? repeat_gathered : repeat_passed, event};
    }
    benches[count++] = (struct bench){"event/whole-way-back", event_len, repeat_way_back, NULL};
    benches[count++] = (struct bench){"answer/whole", whole_len, repeat_whole, NULL};
    benches[count++] = (struct bench){"answer/new-and-free", 0, repeat_new, NULL};
    int status = bench_main(argc, argv, benches, count);
    buf_release(&out);
    json_parser_free(parser);
    return status;
}
