/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 in and out, without sockets: requests of clients, answers of engines, heads and chunks that we write. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "bodies.h"
#include "dialect/refusal.h"
#include "harness.h"
#include "http/answer.h"
#include "http/request.h"
#include "http/response.h"
#include "peers_llhttp.h"

#define MESSAGE_BYTES_MAX 16384
#define REQUEST_ID SPAN("req_00abcdefghi01234567890")
#define BEARER "Bearer sk-sw-0123456789A-0123456789abcdefghijkl0123456789A"

/* ---- requests ---- */

struct message {
    size_t len;
    char bytes[MESSAGE_BYTES_MAX + JSON_PADDING];
};

static struct message by_curl, by_openai, by_openai_8k, chunked;
static struct http_request *reader;

static const char curl_head[] = "POST /v1/chat/completions HTTP/1.1\r\n"
                                "Host: api.example.org\r\n"
                                "Authorization: " BEARER "\r\n"
                                "User-Agent: curl/7.88.1\r\n"
                                "Accept: */*\r\n"
                                "Content-Type: application/json\r\n";
static const char openai_head[] = "POST /v1/chat/completions HTTP/1.1\r\n"
                                  "Host: api.example.org\r\n"
                                  "Accept-Encoding: gzip, deflate\r\n"
                                  "Connection: keep-alive\r\n"
                                  "Accept: application/json\r\n"
                                  "Content-Type: application/json\r\n"
                                  "User-Agent: OpenAI/Python 1.99.1\r\n"
                                  "X-Stainless-Lang: python\r\n"
                                  "X-Stainless-Package-Version: 1.99.1\r\n"
                                  "X-Stainless-OS: Linux\r\n"
                                  "X-Stainless-Arch: x64\r\n"
                                  "X-Stainless-Runtime: CPython\r\n"
                                  "X-Stainless-Runtime-Version: 3.11.2\r\n"
                                  "Authorization: " BEARER "\r\n"
                                  "X-Stainless-Async: false\r\n"
                                  "x-stainless-retry-count: 0\r\n"
                                  "x-stainless-read-timeout: 600\r\n";

/* `chunk_bytes` 0: with a length. */
static void make_message(struct message *message, const char *head, size_t body_bytes,
                         size_t chunk_bytes)
{
    static struct body body;
    struct buf buf = {.ptr = message->bytes, .cap = MESSAGE_BYTES_MAX, .max = MESSAGE_BYTES_MAX};
    body_make(&body, body_bytes);
    buf_append(&buf, span_str(head));
    if (chunk_bytes == 0) {
        buf_printf(&buf, "Content-Length: %zu\r\n\r\n", body_bytes);
        buf_append(&buf, span_of(body.text, body_bytes));
    } else {
        buf_append(&buf, SPAN("Transfer-Encoding: chunked\r\n\r\n"));
        for (struct span rest = span_of(body.text, body_bytes); rest.len > 0;
             rest = span_skip(rest, chunk_bytes))
            http_chunk(&buf, span_take(rest, chunk_bytes));
        buf_append(&buf, HTTP_LAST_CHUNK);
    }
    check(buf_status(&buf) == 0);
    message->len = buf.len;
}

/* What the corridor asks of a head. */
static void look_up(void)
{
    static const struct span names[] = {{"authorization", 13},
                                        {"content-type", 12},
                                        {"user-agent", 10},
                                        {"x-request-id", 12},
                                        {"origin", 6}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        bench_keep(http_request_header(reader, names[i]).ptr);
}

static void finish_request(void)
{
    check(http_request_read_body(reader) == HTTP_REQUEST_DONE);
    bench_keep(http_request_body(reader).ptr);
    check(http_request_next(reader) == HTTP_REQUEST_HEAD);
}

static void repeat_request(void *arg, uint64_t times)
{
    struct message *message = arg;
    while (times-- > 0) {
        check(http_request_feed(reader, message->bytes, message->len) == HTTP_REQUEST_HEAD_DONE);
        look_up();
        finish_request();
        check(http_request_park(reader) == 0);
    }
}

/* Chunks are joined in place: each time needs its own copy, which is measured too. */
static void repeat_chunked(void *arg, uint64_t times)
{
    static struct message copy;
    const struct message *message = arg;
    while (times-- > 0) {
        memcpy(copy.bytes, message->bytes, message->len);
        check(http_request_feed(reader, copy.bytes, message->len) == HTTP_REQUEST_HEAD_DONE);
        look_up();
        finish_request();
        check(http_request_park(reader) == 0);
    }
}

/* It comes in two reads, cut in the middle of its body: the reader keeps it in its own memory. */
static void repeat_halves(void *arg, uint64_t times)
{
    struct message *message = arg;
    size_t first = message->len - 150;
    while (times-- > 0) {
        check(http_request_feed(reader, message->bytes, first) == HTTP_REQUEST_HEAD_DONE);
        look_up();
        check(http_request_read_body(reader) == HTTP_REQUEST_BODY);
        check(http_request_park(reader) == 0);
        check(http_request_feed(reader, message->bytes + first, message->len - first) ==
              HTTP_REQUEST_DONE);
        bench_keep(http_request_body(reader).ptr);
        check(http_request_next(reader) == HTTP_REQUEST_HEAD);
        check(http_request_park(reader) == 0);
    }
}

static void repeat_llhttp(void *arg, uint64_t times)
{
    const struct message *message = arg;
    while (times-- > 0)
        peer_llhttp_request(span_of(message->bytes, message->len));
}

/* ---- answers of engines ---- */

static int on_head(void *owner, const struct http_response *response)
{
    (void)owner;
    bench_keep(http_response_header(response, SPAN("content-type")).ptr);
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    (void)owner;
    (void)len;
    bench_keep(bytes);
    return 0;
}

static int on_done(void *owner)
{
    (void)owner;
    return 0;
}

static const struct http_response_events events = {on_head, on_body, on_done};

static struct message answer_whole, answer_chunk;
static const char stream_head[] =
    "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\n"
    "Keep-Alive: timeout=5, max=100\r\nTransfer-Encoding: chunked\r\n\r\n";

static void make_answers(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\n"
                               "Content-Type: application/json; charset=utf-8\r\n"
                               "Keep-Alive: timeout=5, max=100\r\n";
    make_message(&answer_whole, head, 600, 0);
    struct buf buf = {
        .ptr = answer_chunk.bytes, .cap = MESSAGE_BYTES_MAX, .max = MESSAGE_BYTES_MAX};
    char data[230];
    memset(data, 'x', sizeof(data));
    http_chunk(&buf, span_of(data, sizeof(data)));
    answer_chunk.len = buf.len;
}

static struct http_response *new_response(void)
{
    struct http_response *response = http_response_new(32768, &events, NULL);
    check(response);
    http_response_reset(response, false);
    return response;
}

static void repeat_answer(void *arg, uint64_t times)
{
    struct message *message = arg;
    struct http_response *response = new_response();
    while (times-- > 0) {
        check(http_response_feed(response, message->bytes, message->len) == 0);
        http_response_reset(response, false);
    }
    http_response_free(response);
}

/* The chunks of one endless stream. */
static void repeat_answer_chunk(void *arg, uint64_t times)
{
    static char head[sizeof(stream_head) + JSON_PADDING];
    struct message *message = arg;
    struct http_response *response = new_response();
    memcpy(head, stream_head, sizeof(stream_head));
    check(http_response_feed(response, head, sizeof(stream_head) - 1) == 0);
    while (times-- > 0)
        check(http_response_feed(response, message->bytes, message->len) == 0);
    http_response_free(response);
}

/* ---- what we write ---- */

static struct buf out;
static char date[TEXT_HTTP_DATE_BYTES];

static void start_head(unsigned status)
{
    buf_clear(&out);
    http_answer_start(&out, status, span_of(date, TEXT_HTTP_DATE_BYTES - 1));
    http_answer_header(&out, SPAN("x-request-id"), REQUEST_ID);
}

static void repeat_json_head(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0) {
        start_head(200);
        http_answer_header(&out, SPAN("Content-Type"), SPAN("application/json"));
        http_answer_end(&out, HTTP_BODY_LENGTH, 1234, true);
        check(buf_status(&out) == 0);
    }
}

static void repeat_stream_head(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0) {
        start_head(200);
        http_answer_header(&out, SPAN("Content-Type"), SPAN("text/event-stream; charset=utf-8"));
        http_answer_header(&out, SPAN("Cache-Control"), SPAN("no-store"));
        http_answer_header(&out, SPAN("X-Accel-Buffering"), SPAN("no"));
        http_answer_end(&out, HTTP_BODY_CHUNKED, 0, true);
        check(buf_status(&out) == 0);
    }
}

/* A wrong key's answer: what a flood of them costs. */
static void repeat_refusal(void *arg, uint64_t times)
{
    static struct buf body;
    const struct refusal refusal = {.reason = REASON_BAD_KEY};
    (void)arg;
    buf_init(&body, MESSAGE_BYTES_MAX);
    while (times-- > 0) {
        buf_clear(&body);
        refusal_write(&body, &refusal, REQUEST_ID);
        start_head(401);
        http_answer_header(&out, SPAN("Content-Type"), SPAN("application/json"));
        http_answer_header(&out, SPAN("WWW-Authenticate"), SPAN("Bearer"));
        http_answer_end(&out, HTTP_BODY_LENGTH, body.len, true);
        check(buf_status(&out) == 0 && buf_status(&body) == 0);
    }
    buf_release(&body);
}

static void repeat_ask_head(void *arg, uint64_t times)
{
    (void)arg;
    while (times-- > 0) {
        buf_clear(&out);
        http_ask_start(&out, SPAN("POST"), SPAN("/v1/chat/completions"), SPAN("127.0.0.1:41231"));
        http_ask_header(&out, SPAN("Content-Type"), SPAN("application/json"));
        http_ask_header(&out, SPAN("Accept"), SPAN("text/event-stream"));
        http_ask_header(&out, SPAN("Authorization"), SPAN(BEARER));
        http_ask_header(&out, SPAN("User-Agent"), SPAN("seawall/" SEAWALL_VERSION));
        http_ask_header(&out, SPAN("x-request-id"), REQUEST_ID);
        http_ask_end(&out, 300, true);
        check(buf_status(&out) == 0);
    }
}

static void repeat_chunk_head(void *arg, uint64_t times)
{
    char head[20];
    (void)arg;
    for (uint64_t i = 0; i < times; i++) {
        check(http_chunk_head(i % 4096 + 1, head) > 0);
        bench_keep(head);
    }
}

int main(int argc, char **argv)
{
    reader = http_request_new(&(struct http_request_limits){32768, 1U << 20});
    check(reader);
    buf_init(&out, MESSAGE_BYTES_MAX);
    text_http_date(clock_wall_ms(), date);
    make_message(&by_curl, curl_head, 300, 0);
    make_message(&by_openai, openai_head, 300, 0);
    make_message(&by_openai_8k, openai_head, 8192, 0);
    make_message(&chunked, openai_head, 8192, 4096);
    make_answers();
    const struct bench benches[] = {
        {"request/curl", by_curl.len, repeat_request, &by_curl},
        {"request/curl-llhttp-alone", by_curl.len, repeat_llhttp, &by_curl},
        {"request/openai", by_openai.len, repeat_request, &by_openai},
        {"request/openai-llhttp-alone", by_openai.len, repeat_llhttp, &by_openai},
        {"request/openai-halves", by_openai.len, repeat_halves, &by_openai},
        {"request/openai-8K", by_openai_8k.len, repeat_request, &by_openai_8k},
        {"request/openai-8K-chunked", chunked.len, repeat_chunked, &chunked},
        {"response/whole", answer_whole.len, repeat_answer, &answer_whole},
        {"response/chunk", answer_chunk.len, repeat_answer_chunk, &answer_chunk},
        {"write/json-head", 0, repeat_json_head, NULL},
        {"write/stream-head", 0, repeat_stream_head, NULL},
        {"write/refusal", 0, repeat_refusal, NULL},
        {"write/ask-head", 0, repeat_ask_head, NULL},
        {"write/chunk-head", 0, repeat_chunk_head, NULL},
    };
    int status = bench_main(argc, argv, benches, COUNT_OF(benches));
    buf_release(&out);
    http_request_free(reader);
    return status;
}
