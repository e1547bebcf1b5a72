/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a proxy can do: each client's connection is paired with one of its own to the upstream, and bytes go across
 * as they come. What it costs is what the kernel takes; a proxy that does something is compared with it, not measured against it.
 *
 *     floor --port N --upstream N
 *
 * One thread, edge-triggered. A side that does not take its bytes stops the reading of the other.
 */
#include "common.h"

#include <getopt.h>
#include <sys/socket.h>
#include <unistd.h>

struct side {
    int fd;
    bool readable; /* told so, and not read to the end since */
    bool hung_up;  /* told so: there is an end to read to */
    bool ended;
    char *unsent; /* for this side; NULL mostly */
    size_t unsent_len;
    struct side *other;
    struct pair *pair;
};

struct pair {
    struct side client, upstream;
    bool closed;
    struct pair *next_closed;
};

static struct {
    unsigned port, upstream_port;
    int poller;
    struct pair *closed; /* freed once no event of this round can name them */
} proxy;

static void pair_close(struct pair *pair)
{
    if (pair->closed)
        return;
    pair->closed = true;
    (void)close(pair->client.fd);
    (void)close(pair->upstream.fd);
    pair->next_closed = proxy.closed;
    proxy.closed = pair;
}

static void free_closed(void)
{
    while (proxy.closed) {
        struct pair *pair = proxy.closed;
        proxy.closed = pair->next_closed;
        free(pair->client.unsent);
        free(pair->upstream.unsent);
        free(pair);
    }
}

/* False when the pair is closed. */
static bool side_write(struct side *side, const char *bytes, size_t len)
{
    ssize_t sent = send(side->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        pair_close(side->pair);
        return false;
    }
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken == len)
        return true;
    side->unsent = room_for(len - taken);
    memcpy(side->unsent, bytes + taken, len - taken);
    side->unsent_len = len - taken;
    return true;
}

/* From this side to the other, until there is no more or the other takes no more. */
static void side_pump(struct side *side)
{
    static char bytes[READ_BYTES];
    while (side->readable && !side->other->unsent && !side->ended) {
        ssize_t len = recv(side->fd, bytes, sizeof(bytes), 0);
        if (len < 0 && errno == EAGAIN) {
            side->readable = false;
            return;
        }
        if (len < 0) {
            pair_close(side->pair);
            return;
        }
        if (len == 0) {
            side->ended = true;
            break;
        }
        side->readable = side->hung_up || (size_t)len == sizeof(bytes);
        if (!side_write(side->other, bytes, (size_t)len))
            return;
    }
    if (side->ended && !side->other->unsent)
        pair_close(side->pair);
}

static void side_flush(struct side *side)
{
    if (!side->unsent)
        return;
    char *bytes = TAKE(side->unsent);
    if (side_write(side, bytes, side->unsent_len) && !side->unsent)
        side_pump(side->other);
    free(bytes);
}

static void side_start(struct side *side, struct pair *pair, struct side *other, int fd)
{
    side->fd = fd;
    side->pair = pair;
    side->other = other;
    poller_add(proxy.poller, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, side);
}

static void accept_all(int listener)
{
    for (int fd; (fd = accept_from(listener)) >= 0;) {
        struct pair *pair = room_for(sizeof(*pair));
        side_start(&pair->client, pair, &pair->upstream, fd);
        side_start(&pair->upstream, pair, &pair->client, connect_to(proxy.upstream_port));
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"upstream", required_argument, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        if (option == 'p')
            proxy.port = (unsigned)number_option("port", optarg, 65535);
        else if (option == 'u')
            proxy.upstream_port = (unsigned)number_option("upstream", optarg, 65535);
        else
            exit(2);
    }
    if (!proxy.port || !proxy.upstream_port || optind < argc)
        die("usage: floor --port N --upstream N");
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS_MAX];
    read_options(argc, argv);
    proxy.poller = poller_new();
    int listener = listen_on(proxy.port);
    poller_add(proxy.poller, listener, EPOLLIN, NULL);
    for (;;) {
        size_t count = poller_wait(proxy.poller, events, 0);
        for (size_t i = 0; i < count; i++) {
            struct side *side = events[i].data.ptr;
            if (!side) {
                accept_all(listener);
                continue;
            }
            if (side->pair->closed)
                continue;
            if (events[i].events & EPOLLOUT)
                side_flush(side);
            if (!side->pair->closed && events[i].events & ~(uint32_t)EPOLLOUT) {
                side->readable = true;
                side->hung_up |= (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
                side_pump(side);
            }
        }
        free_closed();
    }
}
