/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/wire.h"

#include "base/alloc.h"
#include "http/sse.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_BYTES 65536
#define EVENTS_MAX 512 /* that one turn handles */
#define REQUEST_BYTES_MAX (20U << 20)
#define KEPT_BYTES 4096 /* memory that a wire keeps for its next request */
#define UNREAD_BYTES                                                                               \
    4096 /* receive buffer of one who never reads: the other side's writes stop soon */

enum wire_state { GONE, BUSY, IDLE };

struct wire {
    enum wire_state state;
    int fd;
    bool attacker, reads;
    bool streams, failed_status; /* of the answer under way */
    bool whole;                  /* it is here */
    struct wires *wires;
    struct identity *identity;
    void *owner;
    struct list of_identity; /* in identity->idle */
    struct list of_idle;     /* in wires->idle of its side; while gone, in wires->gone */
    uint32_t number,
        life; /* of wires->all; which of its lives: an event may be of the one before */
    struct http_response *response;
    struct sse_splitter splitter;
    struct buf answer; /* that is not streamed */
    struct buf unsent;
    size_t sent, allowed; /* of `unsent` */
};

struct wires {
    const struct target *target;
    struct wires_limits limits;
    const struct wire_events *events;
    int poller;
    uint32_t open, attackers_open, open_peak;
    struct list idle[2]; /* of legitimate users and of attackers; the longest idle first */
    struct list gone;    /* structs to use again */
    struct wire **all;
    uint32_t made;
    int events_count; /* that the last wait brought; < 0: none */
    struct epoll_event happened[EVENTS_MAX];
};

static const struct http_response_events response_events;
static const struct sse_events stream_events;

int wires_new(const struct target *target, const struct wires_limits *limits,
              const struct wire_events *events, struct wires **ret_wires, struct err *err)
{
    struct wires *wires = mem_zalloc(sizeof(*wires));
    if (!wires)
        return err_set(err, -ENOMEM, "out of memory");
    *wires = (struct wires){.target = target, .limits = *limits, .events = events};
    list_init(&wires->idle[0]);
    list_init(&wires->idle[1]);
    list_init(&wires->gone);
    wires->all = mem_array(limits->open_max, sizeof(*wires->all));
    wires->poller = epoll_create1(EPOLL_CLOEXEC);
    int r = wires->poller < 0 ? err_errno(err, -errno, "cannot open an epoll")
            : wires->all      ? 0
                              : err_set(err, -ENOMEM, "out of memory");
    if (r < 0) {
        wires_free(wires);
        return r;
    }
    *ret_wires = wires;
    return 0;
}

void wires_free(struct wires *wires)
{
    if (!wires)
        return;
    for (uint32_t i = 0; i < wires->made; i++)
        if (wires->all[i]->state != GONE)
            wire_close(wires->all[i]);
    for (uint32_t i = 0; i < wires->made; i++) {
        struct wire *wire = wires->all[i];
        http_response_free(wire->response);
        sse_splitter_release(&wire->splitter);
        buf_release(&wire->answer);
        buf_release(&wire->unsent);
        mem_free(wire);
    }
    if (wires->poller >= 0)
        (void)close(wires->poller);
    mem_free(wires->all);
    mem_free(wires);
}

/* ── opening and closing ── */

static struct wire *wire_new(struct wires *wires)
{
    struct list *first = list_first(&wires->gone);
    if (first) {
        list_remove(first);
        return list_entry(first, struct wire, of_idle);
    }
    check(wires->made < wires->limits.open_max);
    struct wire *wire = mem_zalloc(sizeof(*wire));
    if (!wire)
        return NULL;
    wire->response = http_response_new(WIRE_HEAD_BYTES_MAX, &response_events, wire);
    if (!wire->response) {
        mem_free(wire);
        return NULL;
    }
    wire->wires = wires;
    wire->fd = -1;
    list_init(&wire->of_identity);
    list_init(&wire->of_idle);
    sse_splitter_init(&wire->splitter, WIRE_EVENT_BYTES_MAX, &stream_events, wire);
    buf_init(&wire->answer, WIRE_ANSWER_BYTES_MAX);
    buf_init(&wire->unsent, REQUEST_BYTES_MAX);
    wire->number = wires->made;
    wires->all[wires->made++] = wire;
    return wire;
}

/* Forgets the message; large memory goes. */
static void wire_forget(struct wire *wire)
{
    http_response_reset(wire->response, false);
    sse_splitter_release(&wire->splitter);
    sse_splitter_init(&wire->splitter, WIRE_EVENT_BYTES_MAX, &stream_events, wire);
    buf_shrink(&wire->answer, KEPT_BYTES);
    buf_shrink(&wire->unsent, KEPT_BYTES);
    wire->sent = wire->allowed = 0;
    wire->streams = wire->failed_status = wire->whole = false;
}

void wire_close(struct wire *wire)
{
    struct wires *wires = wire->wires;
    check(wire->state != GONE);
    wire_forget(wire);
    list_remove(&wire->of_identity);
    list_remove(&wire->of_idle);
    list_push_back(&wires->gone, &wire->of_idle);
    wire->state = GONE;
    wire->life++;
    wire->owner = NULL;
    (void)close(wire->fd);
    wire->fd = -1;
    wire->identity->open--;
    wires->open--;
    wires->attackers_open -= wire->attacker;
}

/* From the identity's own address, where the other side has such. */
static int connect_from(const struct wires *wires, const struct wire_terms *terms, int *ret_fd)
{
    const int on = 1, unread = UNREAD_BYTES;
    const struct target *target = wires->target;
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(terms->identity->address)};
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno == ENFILE ? -EMFILE : -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    /* The port is chosen at connect(), where the same one may serve several sources. */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (!terms->reads)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &unread, sizeof(unread));
    int r = target_has_sources(target) ? bind(fd, (struct sockaddr *)&source, sizeof(source)) : 0;
    if (r == 0)
        r = connect(fd, (const struct sockaddr *)&target->address, target->address_len);
    if (r < 0 && errno != EINPROGRESS) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static int watch(const struct wires *wires, const struct wire *wire, int fd, bool reads)
{
    struct epoll_event event = {.events = EPOLLOUT | EPOLLET | EPOLLRDHUP | (reads ? EPOLLIN : 0),
                                .data.u64 = (uint64_t)wire->life << 32 | wire->number};
    return epoll_ctl(wires->poller, EPOLL_CTL_ADD, fd, &event);
}

static int wire_open(struct wires *wires, const struct wire_terms *terms, struct wire **ret_wire)
{
    int fd;
    int r = connect_from(wires, terms, &fd);
    if (r < 0)
        return r;
    struct wire *wire = wire_new(wires);
    if (!wire || watch(wires, wire, fd, terms->reads) < 0) {
        if (wire)
            list_push_back(&wires->gone, &wire->of_idle);
        (void)close(fd);
        return -ENOMEM;
    }
    wire->fd = fd;
    wire->attacker = terms->attacker;
    wire->reads = terms->reads;
    wire->identity = terms->identity;
    wire->identity->open++;
    wires->open++;
    wires->attackers_open += terms->attacker;
    wires->open_peak = MAX(wires->open_peak, wires->open);
    *ret_wire = wire;
    return 0;
}

/* Closes the longest idle one when there is no room; attackers close attackers' only. False: there is none to close. */
static bool make_room(struct wires *wires, bool attacker)
{
    bool attackers_full = wires->attackers_open >= wires->limits.attackers_open_max;
    if (wires->open < wires->limits.open_max && !(attacker && attackers_full))
        return true;
    struct list *oldest = list_first(&wires->idle[true]);
    if (!oldest && !attacker)
        oldest = list_first(&wires->idle[false]);
    if (oldest)
        wire_close(list_entry(oldest, struct wire, of_idle));
    return oldest != NULL;
}

static void set_busy(struct wire *wire, void *owner)
{
    list_remove(&wire->of_identity);
    list_remove(&wire->of_idle);
    wire->state = BUSY;
    wire->owner = owner;
}

int wires_get(struct wires *wires, const struct wire_terms *terms, struct wire **ret_wire)
{
    struct list *first = list_first(&terms->identity->idle);
    struct wire *wire = first ? list_entry(first, struct wire, of_identity) : NULL;
    int r = 0;
    if (!wire || wire->reads != terms->reads) {
        if (terms->identity->open >= terms->connections_max)
            return -EBUSY;
        if (!make_room(wires, terms->attacker))
            return -EMFILE;
        r = wire_open(wires, terms, &wire);
    }
    if (r < 0)
        return r;
    set_busy(wire, terms->owner);
    *ret_wire = wire;
    return 0;
}

/* ── writing ── */

/* What may go of it: bytes sent, 0 when the socket is full, or -errno. */
static ssize_t send_some(const struct wire *wire, struct span bytes)
{
    ssize_t sent = bytes.len > 0 ? send(wire->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) : 0;
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -errno;
}

/* False when the connection is broken. */
static bool flush_unsent(struct wire *wire)
{
    struct span rest = span_skip(buf_span(&wire->unsent), wire->sent);
    ssize_t sent = send_some(wire, span_take(rest, wire->allowed));
    if (sent < 0)
        return false;
    wire->sent += (size_t)sent;
    wire->allowed -= wire->allowed == SIZE_MAX ? 0 : (size_t)sent;
    return true;
}

bool wire_send(struct wire *wire, struct span request, size_t slow_from)
{
    ssize_t sent = send_some(wire, span_take(request, slow_from));
    if (sent >= 0 && (size_t)sent < request.len)
        buf_append(&wire->unsent, span_skip(request, (size_t)sent));
    if (sent < 0 || buf_status(&wire->unsent) < 0) {
        wire_close(wire);
        return false;
    }
    wire->allowed = slow_from == SIZE_MAX ? SIZE_MAX : slow_from - (size_t)sent;
    return true;
}

bool wire_allow(struct wire *wire, size_t bytes)
{
    wire->allowed += MIN(bytes, SIZE_MAX - wire->allowed);
    /* A break shows itself to the poller too, which ends the wire. */
    return flush_unsent(wire) && wire->sent < wire->unsent.len;
}

/* ── reading ── */

static int on_head(void *owner, const struct http_response *response)
{
    struct wire *wire = owner;
    unsigned status = http_response_status(response);
    struct span type = http_response_header(response, SPAN("content-type"));
    wire->failed_status = status < 200 || status > 299;
    wire->streams = !wire->failed_status && span_starts(type, SPAN("text/event-stream"));
    wire->wires->events->on_head(wire->owner, response);
    return 0;
}

static int on_body(void *owner, char *bytes, size_t len)
{
    struct wire *wire = owner;
    if (wire->streams)
        return sse_splitter_feed(&wire->splitter, span_of(bytes, len));
    if (!wire->failed_status)
        buf_append(&wire->answer, span_of(bytes, len));
    return buf_status(&wire->answer);
}

static int on_done(void *owner)
{
    struct wire *wire = owner;
    wire->whole = true;
    if (wire->streams || wire->failed_status)
        return 0;
    struct event_facts facts = event_read_whole(buf_span(&wire->answer));
    return wire->wires->events->on_event(wire->owner, facts) ? 0 : -ECANCELED;
}

static int on_stream_event(void *owner, struct span data, struct span event)
{
    struct wire *wire = owner;
    (void)event;
    return wire->wires->events->on_event(wire->owner, event_read(data)) ? 0 : -ECANCELED;
}

static int on_comment(void *owner, struct span text)
{
    (void)owner;
    (void)text;
    return 0;
}

static const struct http_response_events response_events = {on_head, on_body, on_done};
static const struct sse_events stream_events = {on_stream_event, on_comment};

static void wire_rest(struct wire *wire)
{
    wire_forget(wire);
    wire->state = IDLE;
    wire->owner = NULL;
    list_push_front(&wire->identity->idle, &wire->of_identity);
    list_push_back(&wire->wires->idle[wire->attacker], &wire->of_idle);
}

/* The message is over: on to idle or gone, then the owner hears of it, and may take this very wire again. */
static void wire_end(struct wire *wire, int result)
{
    const struct wire_events *events = wire->wires->events;
    void *owner = wire->owner;
    bool kept =
        result == 0 && http_response_keep_alive(wire->response) && wire->sent == wire->unsent.len;
    if (kept)
        wire_rest(wire);
    else
        wire_close(wire);
    events->on_end(owner, result);
}

/* One read. Returns whether there is more to read: with `to_end` the other side has closed, and the end is to be seen. */
static bool wire_read(struct wire *wire, bool to_end)
{
    static char bytes[READ_BYTES];
    ssize_t len = recv(wire->fd, bytes, sizeof(bytes), 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (wire->state == IDLE) { /* closed by the other side, or spoken to without having asked */
        wire_close(wire);
        return false;
    }
    int r = len < 0 ? -errno : 0;
    if (len > 0)
        r = http_response_feed(wire->response, bytes, (size_t)len);
    else if (r == 0)
        r = http_response_end(wire->response);
    if (r == 0 && len == 0 && !wire->whole)
        r = -ECONNRESET;
    if (r < 0 || wire->whole) {
        wire_end(wire, r);
        return to_end && wire->state == IDLE;
    }
    return to_end || (size_t)len == sizeof(bytes);
}

static void wire_handle(struct wire *wire, uint32_t events)
{
    const uint32_t broken = EPOLLERR | EPOLLHUP, ended = EPOLLRDHUP | broken;
    bool sends = wire->state == BUSY && wire->sent < wire->unsent.len;
    if (sends && events & EPOLLOUT && !flush_unsent(wire))
        events |= broken;
    if (wire->state == BUSY && !wire->reads) {
        if (events & broken)
            wire_end(wire, -ECONNRESET);
        return;
    }
    while (wire->state != GONE && events & (EPOLLIN | ended) &&
           wire_read(wire, (events & ended) != 0))
        ;
}

void wires_wait(struct wires *wires, uint64_t wait_us)
{
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000),
                            .tv_nsec = (long)(wait_us % 1000000) * 1000};
    wires->events_count = epoll_pwait2(wires->poller, wires->happened, EVENTS_MAX, &wait, NULL);
}

void wires_handle(struct wires *wires)
{
    for (int i = 0; i < wires->events_count; i++) {
        uint64_t whose = wires->happened[i].data.u64;
        struct wire *wire = wires->all[whose & UINT32_MAX];
        if (wire->state != GONE && wire->life == whose >> 32)
            wire_handle(wire, wires->happened[i].events);
    }
}

uint32_t wires_open(const struct wires *wires)
{
    return wires->open;
}

uint32_t wires_open_peak(const struct wires *wires)
{
    return wires->open_peak;
}
