/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed engine that costs next to nothing: it looks at as little of a request as it can and answers like vLLM.
 *
 *     upstream --port N [--pace EVENTS] [--events N]
 *
 * GET /v1/models lists one model. A call with "stream":true gets --events events (and usage, where it asks for it), each with
 * the time of its sending in its text; any other call gets one whole answer. With --pace, so many events of each stream leave in
 * a second, the first at once; without it each stream goes as fast as its socket takes it.
 *
 * One thread, edge-triggered, no epoll_ctl after a connection's first.
 */
#include "common.h"

#include "base/list.h"

#include <getopt.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODEL "bench-model"
#define REQUEST_BYTES_MAX 16777216
#define EVENT_BYTES_MAX 512
#define FLOOD_EVENTS 8  /* in one write */
#define CATCH_UP_MAX 64 /* paced events between two looks at the sockets */

struct client {
    int fd;
    bool writable;
    char *held; /* the part of a request that has come; NULL between requests */
    size_t held_len, held_room;
    char *unsent; /* what the socket did not take */
    size_t unsent_len;
    uint32_t events_left; /* of a stream, with the last part that ends it */
    bool wants_usage;
    struct list turn; /* in `streams` while its stream is paced */
    uint64_t due_ns;
};

static struct {
    unsigned port;
    uint64_t pace, events;
    int poller;
    struct list streams; /* paced, by the time at which their next event is due */
} engine = {.events = 200};

static const char models_text[] = "{\"object\":\"list\",\"data\":[{\"id\":\"" MODEL
                                  "\",\"object\":\"model\",\"created\":1795478538,"
                                  "\"owned_by\":\"vllm\",\"max_model_len\":131072}]}";
static const char answer_text[] =
    "{\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":\"chat.completion\","
    "\"created\":1795478538,\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{"
    "\"role\":\"assistant\",\"content\":\"A seawall keeps the sea where it "
    "is.\"},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":10,"
    "\"total_tokens\":41}}";
static const char stream_head[] = "HTTP/1.1 200 OK\r\nserver: uvicorn\r\n"
                                  "content-type: text/event-stream; charset=utf-8\r\n"
                                  "transfer-encoding: chunked\r\n\r\n";
#define EVENT_BEGIN                                                                                \
    "data: "                                                                                       \
    "{\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":\"chat.completion.chunk\","  \
    "\"created\":1795478538,\"model\":\"" MODEL "\",\"choices\":["
#define CHOICE_BEGIN "{\"index\":0,\"delta\":{\"content\":\""
#define CHOICE_END "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"

/* Written once at the start. */
static char models_answer[1024], whole_answer[1024], event_chunk[EVENT_BYTES_MAX];
static size_t models_len, whole_len, event_len, stamp_at;

static size_t json_message(char *ret_message, size_t room, const char *body)
{
    return (size_t)snprintf(ret_message, room,
                            "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: %zu\r\n"
                            "content-type: application/json\r\n\r\n%s",
                            strlen(body), body);
}

static void write_messages(void)
{
    static const char event[] = EVENT_BEGIN CHOICE_BEGIN "@0000000000000000" CHOICE_END;
    models_len = json_message(models_answer, sizeof(models_answer), models_text);
    whole_len = json_message(whole_answer, sizeof(whole_answer), answer_text);
    event_len = (size_t)snprintf(event_chunk, sizeof(event_chunk), "%zx\r\n%s\r\n",
                                 sizeof(event) - 1, event);
    stamp_at = (size_t)span_find_byte(span_of(event_chunk, event_len), STAMP_MARK) + 1;
}

static void stamp(char digits[STAMP_DIGITS])
{
    uint64_t ns = now_ns();
    for (size_t i = STAMP_DIGITS; i > 0; i--, ns /= 10)
        digits[i - 1] = (char)('0' + ns % 10);
}

static void client_close(struct client *client)
{
    list_remove(&client->turn);
    (void)close(client->fd);
    free(client->held);
    free(client->unsent);
    free(client);
}

static void keep_unsent(struct client *client, const char *bytes, size_t len)
{
    char *more = realloc(client->unsent, client->unsent_len + len);
    if (!more)
        die("out of memory");
    memcpy(more + client->unsent_len, bytes, len);
    client->unsent = more;
    client->unsent_len += len;
    client->writable = false;
}

/* What the socket does not take is kept; an error shows at the next read. */
static void client_send(struct client *client, const char *bytes, size_t len)
{
    ssize_t sent = client->unsent_len ? 0 : send(client->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        client->writable = false;
        return;
    }
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken < len)
        keep_unsent(client, bytes + taken, len - taken);
}

static size_t add_chunk(char *at, size_t room, const char *text)
{
    return (size_t)snprintf(at, room, "%zx\r\n%s\r\n", strlen(text), text);
}

static void send_last(struct client *client)
{
    char last[3 * EVENT_BYTES_MAX], text[EVENT_BYTES_MAX];
    size_t len = add_chunk(last, sizeof(last),
                           EVENT_BEGIN "{\"index\":0,\"delta\":{},\"logprobs\":null,"
                                       "\"finish_reason\":\"stop\"}]}\n\n");
    if (client->wants_usage) {
        snprintf(text, sizeof(text),
                 EVENT_BEGIN "],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":%llu,"
                             "\"total_tokens\":%llu}}\n\n",
                 (unsigned long long)engine.events, (unsigned long long)engine.events + 31);
        len += add_chunk(last + len, sizeof(last) - len, text);
    }
    len += add_chunk(last + len, sizeof(last) - len, "data: [DONE]\n\n");
    len += (size_t)snprintf(last + len, sizeof(last) - len, "0\r\n\r\n");
    client_send(client, last, len);
}

/* The next `count` events, or the end. */
static void send_events(struct client *client, uint32_t count)
{
    static char batch[FLOOD_EVENTS * EVENT_BYTES_MAX];
    if (client->events_left == 1) {
        client->events_left = 0;
        list_remove(&client->turn);
        send_last(client);
        return;
    }
    count = MIN(count, client->events_left - 1);
    client->events_left -= count;
    for (uint32_t i = 0; i < count; i++) {
        stamp(event_chunk + stamp_at);
        memcpy(batch + i * event_len, event_chunk, event_len);
    }
    client_send(client, batch, count * event_len);
}

static void flood(struct client *client)
{
    while (engine.pace == 0 && client->events_left > 0 && client->writable)
        send_events(client, FLOOD_EVENTS);
}

static void pace(struct client *client)
{
    client->due_ns = now_ns() + NS_PER_S / engine.pace;
    list_push_back(&engine.streams, &client->turn); /* all have the same interval */
    send_events(client, 1);
}

static void begin_stream(struct client *client, struct span request)
{
    static char first[sizeof(stream_head) + EVENT_BYTES_MAX];
    static size_t first_len;
    if (first_len == 0) {
        memcpy(first, stream_head, sizeof(stream_head) - 1);
        first_len = sizeof(stream_head) - 1;
        first_len +=
            add_chunk(first + first_len, EVENT_BYTES_MAX,
                      EVENT_BEGIN "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
                                  "\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }
    client->events_left = (uint32_t)engine.events + 1;
    client->wants_usage = span_find(request, SPAN("\"include_usage\":true")) >= 0;
    client_send(client, first, first_len);
    if (engine.pace == 0) {
        flood(client);
        return;
    }
    pace(client);
}

/* When the next paced event is due; 0: none is. */
static uint64_t next_due_ns(void)
{
    struct list *first = list_first(&engine.streams);
    return first ? list_entry(first, struct client, turn)->due_ns : 0;
}

static void run_streams(void)
{
    uint64_t now = now_ns(), due_ns;
    for (int i = 0; i < CATCH_UP_MAX && (due_ns = next_due_ns()) > 0 && due_ns <= now; i++) {
        struct client *client = list_entry(list_first(&engine.streams), struct client, turn);
        list_remove(&client->turn);
        list_push_back(&engine.streams, &client->turn);
        client->due_ns = due_ns + NS_PER_S / engine.pace;
        send_events(client, 1);
    }
}

static void answer(struct client *client, struct span request)
{
    if (span_starts(request, SPAN("GET ")))
        client_send(client, models_answer, models_len);
    else if (span_find(request, SPAN("\"stream\":true")) >= 0)
        begin_stream(client, request);
    else
        client_send(client, whole_answer, whole_len);
}

/* Bytes of the first request; 0 when it is not whole; -1 when it is none that this engine takes. */
static ssize_t request_bytes(struct span bytes)
{
    size_t head = head_bytes(bytes);
    if (head == 0)
        return bytes.len > HEAD_BYTES_MAX ? -1 : 0;
    int64_t body = head_length(span_take(bytes, head));
    if (body > REQUEST_BYTES_MAX)
        return -1;
    size_t all = head + (size_t)MAX(body, 0);
    return bytes.len < all ? 0 : (ssize_t)all;
}

static void hold(struct client *client, const char *bytes, size_t len)
{
    size_t wanted = client->held_len + len;
    if (wanted > client->held_room) {
        size_t room = MAX(wanted, 2 * client->held_room);
        char *more = realloc(client->held, room);
        if (!more)
            die("out of memory");
        client->held = more;
        client->held_room = room;
    }
    memcpy(client->held + client->held_len, bytes, len);
    client->held_len = wanted;
}

/* False when the client must go. */
static bool take_bytes(struct client *client, const char *bytes, size_t len)
{
    if (client->held_len > 0) {
        hold(client, bytes, len);
        bytes = client->held;
        len = client->held_len;
    }
    ssize_t taken = request_bytes(span_of(bytes, len));
    if (taken < 0)
        return false;
    if (taken == 0) {
        if (client->held_len == 0)
            hold(client, bytes, len);
        return true;
    }
    answer(client, span_of(bytes, (size_t)taken));
    client->held_len = 0;
    return (size_t)taken == len; /* nobody pipelines here */
}

static void client_readable(struct client *client, bool hung_up)
{
    static char bytes[READ_BYTES];
    for (;;) {
        ssize_t len = recv(client->fd, bytes, sizeof(bytes), 0);
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0 || !take_bytes(client, bytes, (size_t)len)) {
            client_close(client);
            return;
        }
        if ((size_t)len < sizeof(bytes) && !hung_up)
            return;
    }
}

static void client_writable(struct client *client)
{
    client->writable = true;
    if (client->unsent_len > 0) {
        char *bytes = TAKE(client->unsent);
        size_t len = client->unsent_len;
        client->unsent_len = 0;
        client_send(client, bytes, len);
        free(bytes);
    }
    flood(client);
}

static void accept_all(int listener)
{
    for (int fd; (fd = accept_from(listener)) >= 0;) {
        struct client *client = room_for(sizeof(*client));
        client->fd = fd;
        client->writable = true;
        list_init(&client->turn);
        poller_add(engine.poller, fd, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, client);
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"pace", required_argument, NULL, 'r'},
                                          {"events", required_argument, NULL, 'e'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        if (option == 'p')
            engine.port = (unsigned)number_option("port", optarg, 65535);
        else if (option == 'r')
            engine.pace = number_option("pace", optarg, 100000);
        else if (option == 'e')
            engine.events = number_option("events", optarg, UINT32_MAX - 1);
        else
            exit(2);
    }
    if (engine.port == 0 || optind < argc)
        die("usage: upstream --port N [--pace EVENTS] [--events N]");
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS_MAX];
    read_options(argc, argv);
    list_init(&engine.streams);
    write_messages();
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    engine.poller = poller_new();
    int listener = listen_on(engine.port);
    poller_add(engine.poller, listener, EPOLLIN, NULL);
    for (;;) {
        size_t count = poller_wait(engine.poller, events, next_due_ns());
        for (size_t i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT && !client->writable)
                client_writable(client);
            uint32_t hung_up = events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
            if (hung_up || events[i].events & EPOLLIN)
                client_readable(client, hung_up != 0);
        }
        run_streams();
    }
}
