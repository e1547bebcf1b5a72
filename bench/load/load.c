/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers that ask, read the whole answer and ask again, each on one connection that stays.
 *
 *     load --port N [--connections N] [--body BYTES] [--stream] [--key TEXT | --forge] [--expect STATUS]
 *          [--seconds S | --answers N] [--warm S] [--rate N] [--watch PID]... [--hold]
 *     load --port N --connections N --idle
 *
 * --seconds  counts for so long, and until there is an answer; after --warm seconds that do not count
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
#include "request.h"

#include "base/list.h"

#include <getopt.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLERS_MAX 19000
#define BODY_BYTES_MAX 8388608
#define WATCHED_MAX 32
#define DELAY_NS_MAX (60 * NS_PER_S)
#define SETTLE_NS 100000000 /* from the last connect to the first request: the other side accepts */

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
    uint64_t port, connections, body, expect, answers, rate, watch;
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
static struct span request;
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
        histogram_quantile(&counted.answer_delays, 0.5) / 1000,
        histogram_quantile(&counted.answer_delays, 0.99) / 1000,
        histogram_quantile(&counted.event_delays, 0.5) / 1000,
        histogram_quantile(&counted.event_delays, 0.99) / 1000);
    for (size_t i = 0; i < options.watched_count; i++)
        printf("%s%llu", i ? "," : "",
               (unsigned long long)(process_cpu_ns(options.watched[i]) - counted.cpu_ns[i]));
    puts("]}");
    (void)fflush(stdout);
}

/* Asking. */

static void caller_send(struct caller *caller)
{
    ssize_t sent =
        send(caller->fd, request.ptr + request.len - caller->unsent, caller->unsent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        die("cannot send: %s", strerror(errno));
    caller->unsent -= sent > 0 ? (size_t)sent : 0;
}

static void caller_ask(struct caller *caller, uint64_t due_ns)
{
    if (options.forge)
        request_forge();
    caller->asked_ns = due_ns;
    caller->unsent = request.len;
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

/* A proxy that frames anew may cut a stamp in two: then the digits are no time, and there is no delay to count. */
static void take_event(struct caller *caller)
{
    uint64_t now = now_ns();
    counted.events++;
    if (caller->stamp <= now && now - caller->stamp < DELAY_NS_MAX)
        histogram_add(&counted.event_delays, now - caller->stamp);
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

/* Is there more to wait for? */
static bool goes_on(uint64_t end_ns, bool held)
{
    if (end_ns)
        return now_ns() < end_ns || counted.answers == 0;
    if (held)
        return true;
    return options.hold ? !is_ready() : callers_done < options.connections;
}

/* Until `end_ns` is past and an answer has come, or (0) until all is there, or with `held` until standard input ends. */
static void run(uint64_t end_ns, bool held)
{
    static struct epoll_event events[EVENTS_MAX];
    static uint64_t due_ns;
    if (due_ns == 0)
        due_ns = now_ns();
    while (goes_on(end_ns, held)) {
        uint64_t wake_ns = run_rate(&due_ns);
        if (end_ns && counted.answers > 0 && (wake_ns == 0 || end_ns < wake_ns))
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

/* Numbers with their largest value, seconds, texts and flags, by name. */
static const struct option_row {
    const char *name;
    uint64_t *number;
    uint64_t max;
    uint64_t *seconds;
    const char **text;
    bool *flag;
} rows[] = {
    {"port", .number = &options.port, .max = 65535},
    {"connections", .number = &options.connections, .max = CALLERS_MAX},
    {"body", .number = &options.body, .max = BODY_BYTES_MAX},
    {"expect", .number = &options.expect, .max = 599},
    {"answers", .number = &options.answers, .max = UINT32_MAX},
    {"rate", .number = &options.rate, .max = 1000000},
    {"watch", .number = &options.watch, .max = INT32_MAX},
    {"seconds", .seconds = &options.seconds_ns},
    {"warm", .seconds = &options.warm_ns},
    {"key", .text = &options.key},
    {"stream", .flag = &options.stream},
    {"forge", .flag = &options.forge},
    {"hold", .flag = &options.hold},
    {"idle", .flag = &options.idle},
};

static void take_option(const struct option_row *row)
{
    if (row->number)
        *row->number = number_option(row->name, optarg, row->max);
    else if (row->seconds)
        *row->seconds = seconds_option(row->name, optarg);
    else if (row->text)
        *row->text = optarg;
    else
        *row->flag = true;
    if (row->number != &options.watch)
        return;
    if (options.watched_count == WATCHED_MAX)
        die("--watch is for at most %d processes", WATCHED_MAX);
    options.watched[options.watched_count++] = (unsigned)options.watch;
}

static void read_options(int argc, char **argv)
{
    struct option known[COUNT_OF(rows) + 1] = {{NULL, 0, NULL, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        known[i] =
            (struct option){rows[i].name, rows[i].flag ? no_argument : required_argument, NULL, 0};
    for (int option, at; (option = getopt_long(argc, argv, "", known, &at)) >= 0;) {
        if (option != 0)
            exit(2);
        take_option(&rows[at]);
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
    request = request_new(&(struct request_terms){.port = (unsigned)options.port,
                                                  .body_bytes = options.body,
                                                  .stream = options.stream,
                                                  .key = options.key,
                                                  .forge = options.forge});
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
