/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers that ask, read the whole answer and ask again, each on one connection that stays.
 *
 *     load --port N [--connections N] [--body BYTES] [--stream] [--key TEXT | --forge] [--expect STATUS]
 *          [--seconds S | --answers N] [--warm S] [--rate N] [--watch PID]... [--hold]
 *     load --port N --connections N --idle
 *
 * --seconds  counts for so long, after --warm seconds that do not count
 * --answers  ends when each caller has had so many answers; counts from the first request on, connected before
 * --rate     so many requests a second, all callers together, whoever is free; delays count from the time that a request was
 *            due. Without it each caller asks as soon as it has its answer
 * --forge    each request with another key of Seawall's form that was never given out
 * --watch    the processor time of this process over what counts (up to 32 of them)
 * --hold     stays connected, and goes on reading, until standard input ends; "ready" goes out when the answers are
 *            there, or with --stream when each stream has brought an event
 * --idle     connects, says nothing, and holds
 *
 * Prints one line of JSON. Delays: of answers from the first byte out to the last byte in; of events from the stamp that the
 * upstream wrote into them. One thread. An unexpected status, a hang-up or a message that is none ends the program.
 */
#include "common.h"

#include "base/list.h"

#include <getopt.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLERS_MAX 19000
#define BODY_BYTES_MAX 8388608
#define WATCHED_MAX 32
#define SETTLE_NS 100000000 /* from the last connect to the first request: the other side accepts */
#define FORGED_BYTES 51

struct caller {
    int fd;
    uint64_t asked_ns;
    uint64_t answers;
    size_t unsent; /* bytes of the request */
    bool in_body, chunked;
    uint64_t body_left;
    unsigned stamp_digits; /* of a stamp under way, its mark counted; 0: none */
    uint64_t stamp;
    unsigned end_seen; /* bytes of `stream_end` */
    bool seen_event;
    size_t head_len;
    char head[HEAD_BYTES_MAX];
    struct list free; /* in `idle` while it has nothing to do and --rate is given */
};

static struct {
    uint64_t port, connections, body, expect, answers, rate;
    uint64_t seconds_ns, warm_ns;
    const char *key;
    bool stream, forge, hold, idle;
    unsigned watched[WATCHED_MAX];
    size_t watched_count;
} options = {.connections = 1, .body = 300, .expect = 200};

static struct {
    uint64_t began_ns, own_cpu_ns;
    uint64_t cpu_ns[WATCHED_MAX];
    uint64_t answers, events, bytes;
    struct histogram answer_delays, event_delays;
} counted;

static struct caller *callers;
static struct list idle;
static char *request;
static size_t request_len;
static char *forged_key; /* in `request` */
static uint64_t callers_done, streams_seen;
static int poller;
static const char stream_end[] =
    "0\r\n\r\n"; /* no event holds a CR: this is the last chunk and nothing else */

static uint64_t own_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static void count_from_now(void)
{
    memset(&counted, 0, sizeof(counted));
    for (size_t i = 0; i < options.watched_count; i++)
        counted.cpu_ns[i] = process_cpu_ns(options.watched[i]);
    counted.own_cpu_ns = own_cpu_ns();
    counted.began_ns = now_ns();
}

static void print_counted(void)
{
    uint64_t ended_ns = now_ns();
    uint64_t own_ns = own_cpu_ns() - counted.own_cpu_ns;
    printf(
        "{\"seconds\":%.6f,\"answers\":%llu,\"events\":%llu,\"bytes\":%llu,\"load_cpu_ns\":%llu,",
        (double)(ended_ns - counted.began_ns) / (double)NS_PER_S,
        (unsigned long long)counted.answers, (unsigned long long)counted.events,
        (unsigned long long)counted.bytes, (unsigned long long)own_ns);
    printf(
        "\"answer_p50_us\":%.2f,\"answer_p99_us\":%.2f,\"event_p50_us\":%.2f,\"event_p99_us\":%.2f,"
        "\"cpu_ns\":[",
        histogram_quantile(&counted.answer_delays, 0.5),
        histogram_quantile(&counted.answer_delays, 0.99),
        histogram_quantile(&counted.event_delays, 0.5),
        histogram_quantile(&counted.event_delays, 0.99));
    for (size_t i = 0; i < options.watched_count; i++)
        printf("%s%llu", i ? "," : "",
               (unsigned long long)(process_cpu_ns(options.watched[i]) - counted.cpu_ns[i]));
    puts("]}");
    (void)fflush(stdout);
}

/* The request. */

static void *room_for(size_t bytes)
{
    void *room = calloc(1, bytes);
    if (!room)
        die("out of memory");
    return room;
}

/* A chat of several turns whose text looks like people's, escapes and all, of exactly --body bytes. */
static void write_body(char *body)
{
    static const char text[] =
        "The tide came in before noon and the wall held, as it does.\\nThey asked: \\\"how "
        "long?\\\" and nobody could say. ";
    static const char turn[] = "\"},{\"role\":\"user\",\"content\":\"";
    static const char last[] = "\"}],\"max_tokens\":256}";
    size_t len = (size_t)snprintf(body, options.body + 1,
                                  "{\"model\":\"bench-model\",%s\"messages\":[{"
                                  "\"role\":\"user\",\"content\":\"",
                                  options.stream ? "\"stream\":true,\"stream_options\":{"
                                                   "\"include_usage\":true},"
                                                 : "");
    size_t end = options.body - (sizeof(last) - 1);
    if (options.body < len + sizeof(last))
        die("--body expects at least %zu bytes", len + sizeof(last));
    for (size_t n = 1; len + sizeof(text) + sizeof(turn) < end; n++) {
        len += (size_t)snprintf(body + len, sizeof(text), "%s", text);
        if (n % 8 == 0)
            len += (size_t)snprintf(body + len, sizeof(turn), "%s", turn);
    }
    memset(body + len, 'a', end - len);
    memcpy(body + end, last, sizeof(last) - 1);
}

static void write_request(void)
{
    static const char no_key[] = "sk-sw-00000000001-000000000000000000000000000000000";
    const char *key = options.forge ? no_key : options.key;
    size_t room = options.body + HEAD_BYTES_MAX;
    char *body = room_for(options.body + 1);
    write_body(body);
    request = room_for(room);
    int len =
        snprintf(request, room,
                 "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%llu\r\n"
                 "User-Agent: bench\r\nAccept: */*\r\n%s%s%sContent-Type: application/json\r\n"
                 "Content-Length: %llu\r\n\r\n%s",
                 (unsigned long long)options.port, key ? "Authorization: Bearer " : "",
                 key ? key : "", key ? "\r\n" : "", (unsigned long long)options.body, body);
    if (len < 0 || (size_t)len >= room)
        die("--key is too long");
    request_len = (size_t)len;
    forged_key = options.forge ? strstr(request, no_key) : NULL;
    free(body);
}

/* Another secret and another MAC: sixteen digits are enough to be different, and each group stays below 2^64. */
static void forge_key(void)
{
    static uint64_t state = 88172645463325252u;
    for (size_t i = sizeof("sk-sw-") - 1; i < FORGED_BYTES; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (forged_key[i] != '-')
            forged_key[i] = "0123456789ABCDEF"[state >> 60];
    }
}

/* Asking. */

static void caller_send(struct caller *caller)
{
    ssize_t sent =
        send(caller->fd, request + request_len - caller->unsent, caller->unsent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        die("cannot send: %s", strerror(errno));
    caller->unsent -= sent > 0 ? (size_t)sent : 0;
}

static void caller_ask(struct caller *caller, uint64_t due_ns)
{
    if (forged_key)
        forge_key();
    caller->asked_ns = due_ns;
    caller->unsent = request_len;
    caller_send(caller);
}

static void caller_done(struct caller *caller)
{
    uint64_t now = now_ns();
    counted.answers++;
    histogram_add(&counted.answer_delays, now - caller->asked_ns);
    caller->in_body = caller->seen_event = false;
    caller->head_len = 0;
    caller->end_seen = 0;
    if (++caller->answers == options.answers)
        callers_done++;
    else if (options.rate > 0)
        list_push_back(&idle, &caller->free);
    else
        caller_ask(caller, now);
}

/* Reading. */

static void take_event(struct caller *caller)
{
    uint64_t now = now_ns();
    counted.events++;
    histogram_add(&counted.event_delays, now > caller->stamp ? now - caller->stamp : 0);
    caller->stamp_digits = 0;
    if (!caller->seen_event) {
        caller->seen_event = true;
        streams_seen++;
    }
}

static void find_stamps(struct caller *caller, const char *bytes, size_t len)
{
    const char *end = bytes + len;
    while (bytes < end) {
        if (caller->stamp_digits == 0) {
            bytes = memchr(bytes, STAMP_MARK, (size_t)(end - bytes));
            if (!bytes)
                return;
            bytes++;
            caller->stamp_digits = 1;
            caller->stamp = 0;
        }
        for (; bytes < end && caller->stamp_digits <= STAMP_DIGITS; caller->stamp_digits++)
            caller->stamp = caller->stamp * 10 + (uint64_t)(*bytes++ - '0');
        if (caller->stamp_digits > STAMP_DIGITS)
            take_event(caller);
    }
}

/* Looks only at the end of what came: the last chunk is the last thing that does. */
static bool stream_has_ended(struct caller *caller, const char *bytes, size_t len)
{
    const size_t all = sizeof(stream_end) - 1;
    size_t tail = MIN(len, all);
    if (tail == all)
        caller->end_seen = memcmp(bytes + len - all, stream_end, all) == 0 ? (unsigned)all : 0;
    for (size_t i = len - tail; caller->end_seen < all && i < len; i++) {
        if (bytes[i] == stream_end[caller->end_seen])
            caller->end_seen++;
        else
            caller->end_seen = bytes[i] == stream_end[0];
    }
    return caller->end_seen == all;
}

static void take_body(struct caller *caller, const char *bytes, size_t len)
{
    if (len == 0 && caller->body_left > 0)
        return;
    if (options.stream)
        find_stamps(caller, bytes, len);
    if (caller->chunked ? stream_has_ended(caller, bytes, len) : len == caller->body_left)
        caller_done(caller);
    else if (!caller->chunked && len > caller->body_left)
        die("more came than was asked for");
    else if (!caller->chunked)
        caller->body_left -= len;
}

static void take_head(struct caller *caller, struct span head)
{
    uint64_t status;
    if (head.len < 12 || text_to_u64(span_of(head.ptr + 9, 3), &status) < 0)
        die("an answer that is none");
    if (status != options.expect)
        die("status %llu, expected %llu: %.*s", (unsigned long long)status,
            (unsigned long long)options.expect, (int)caller->head_len, caller->head);
    int64_t length = head_length(head);
    caller->chunked = length < 0;
    caller->body_left = length < 0 ? 1 : (uint64_t)length;
    caller->in_body = true;
}

static void take_bytes(struct caller *caller, const char *bytes, size_t len)
{
    counted.bytes += len;
    if (caller->in_body) {
        take_body(caller, bytes, len);
        return;
    }
    size_t taken = MIN(len, sizeof(caller->head) - caller->head_len);
    memcpy(caller->head + caller->head_len, bytes, taken);
    caller->head_len += taken;
    size_t head = head_bytes(span_of(caller->head, caller->head_len));
    if (head == 0 && caller->head_len == sizeof(caller->head))
        die("an answer with an endless head");
    if (head == 0)
        return;
    take_head(caller, span_of(caller->head, head));
    size_t skipped = head - (caller->head_len - taken);
    take_body(caller, bytes + skipped, len - skipped);
}

static void caller_read(struct caller *caller)
{
    static char bytes[READ_BYTES];
    ssize_t len;
    do {
        len = recv(caller->fd, bytes, sizeof(bytes), 0);
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0)
            die("the other side hung up: %s", len < 0 ? strerror(errno) : "end of stream");
        take_bytes(caller, bytes, (size_t)len);
    } while ((size_t)len == sizeof(bytes));
}

/* Running. */

static void connect_all(void)
{
    callers = room_for(options.connections * sizeof(*callers));
    for (uint64_t i = 0; i < options.connections; i++) {
        callers[i].fd = connect_to((unsigned)options.port);
        list_init(&callers[i].free);
        poller_add(poller, callers[i].fd, EPOLLIN | EPOLLOUT | EPOLLET, &callers[i]);
        if (options.rate > 0)
            list_push_back(&idle, &callers[i].free);
    }
}

/* Starts what is due; returns when the next request is, or 0. */
static uint64_t run_rate(uint64_t *due_ns)
{
    uint64_t now = now_ns();
    struct list *first;
    while (options.rate > 0 && (first = list_first(&idle)) && *due_ns <= now) {
        list_remove(first);
        caller_ask(list_entry(first, struct caller, free), *due_ns);
        *due_ns += NS_PER_S / options.rate;
    }
    return options.rate > 0 && !list_empty(&idle) ? *due_ns : 0;
}

static bool is_ready(void)
{
    return options.stream ? streams_seen >= options.connections
                          : callers_done == options.connections;
}

/* Until `end_ns`, or (0) until all is there, or with `held` until standard input ends. */
static void run(uint64_t end_ns, bool held)
{
    static struct epoll_event events[EVENTS_MAX];
    static uint64_t due_ns;
    if (due_ns == 0)
        due_ns = now_ns();
    while (end_ns ? now_ns() < end_ns
                  : held || (options.hold ? !is_ready() : callers_done < options.connections)) {
        uint64_t wake_ns = run_rate(&due_ns);
        if (end_ns && (wake_ns == 0 || end_ns < wake_ns))
            wake_ns = end_ns;
        size_t count = poller_wait(poller, events, wake_ns);
        for (size_t i = 0; i < count; i++) {
            struct caller *caller = events[i].data.ptr;
            if (!caller)
                return;
            if (caller->unsent > 0 && events[i].events & EPOLLOUT)
                caller_send(caller);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                caller_read(caller);
        }
    }
}

static void hold(void)
{
    puts("ready");
    (void)fflush(stdout);
    poller_add(poller, STDIN_FILENO, EPOLLIN, NULL);
    run(0, true);
}

static void ask_all(void)
{
    uint64_t now = now_ns();
    for (uint64_t i = 0; options.rate == 0 && i < options.connections; i++)
        caller_ask(&callers[i], now);
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"stream", no_argument, NULL, 's'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"forge", no_argument, NULL, 'f'},
                                          {"expect", required_argument, NULL, 'e'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"answers", required_argument, NULL, 'n'},
                                          {"warm", required_argument, NULL, 'w'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"watch", required_argument, NULL, 'a'},
                                          {"hold", no_argument, NULL, 'h'},
                                          {"idle", no_argument, NULL, 'i'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        switch (option) {
        case 'p':
            options.port = number_option("port", optarg, 65535);
            break;
        case 'c':
            options.connections = number_option("connections", optarg, CALLERS_MAX);
            break;
        case 'b':
            options.body = number_option("body", optarg, BODY_BYTES_MAX);
            break;
        case 's':
            options.stream = true;
            break;
        case 'k':
            options.key = optarg;
            break;
        case 'f':
            options.forge = true;
            break;
        case 'e':
            options.expect = number_option("expect", optarg, 599);
            break;
        case 't':
            options.seconds_ns = seconds_option("seconds", optarg);
            break;
        case 'n':
            options.answers = number_option("answers", optarg, UINT32_MAX);
            break;
        case 'w':
            options.warm_ns = seconds_option("warm", optarg);
            break;
        case 'r':
            options.rate = number_option("rate", optarg, 1000000);
            break;
        case 'a':
            if (options.watched_count == WATCHED_MAX)
                die("--watch is for at most %d processes", WATCHED_MAX);
            options.watched[options.watched_count++] =
                (unsigned)number_option("watch", optarg, INT32_MAX);
            break;
        case 'h':
            options.hold = true;
            break;
        case 'i':
            options.idle = true;
            break;
        default:
            exit(2);
        }
    }
    if (options.port == 0 || options.connections == 0 || optind < argc)
        die("usage: load --port N [OPTION]... (load.c lists them)");
    if (!options.seconds_ns && !options.answers && !options.hold && !options.idle)
        die("--seconds, --answers, --hold or --idle says how long");
}

int main(int argc, char **argv)
{
    const struct timespec settle = {.tv_nsec = SETTLE_NS};
    read_options(argc, argv);
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    list_init(&idle);
    poller = poller_new();
    write_request();
    connect_all();
    (void)nanosleep(&settle, NULL);
    if (options.idle) {
        hold();
        return 0;
    }
    count_from_now();
    ask_all();
    if (options.seconds_ns > 0) {
        run(now_ns() + options.warm_ns, false);
        count_from_now();
        run(now_ns() + options.seconds_ns, false);
    } else {
        run(0, false);
    }
    if (options.hold)
        hold();
    print_counted();
    return 0;
}
