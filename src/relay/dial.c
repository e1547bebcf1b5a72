/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One address at a time: engines have one or two. A host whose IPv6 leads nowhere costs its share
 * of the deadline once, then the address that worked is remembered as the first.
 */
#include "relay/dial.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct dial {
    struct loop *loop;
    const struct url *url;
    struct dial_memory *memory;
    const struct dial_events *events;
    void *owner;
    uint32_t within_ms;
    struct resolve *resolve; /* one of these two is under way */
    struct sock_connect *connect;
    struct deadline deadline; /* of this address */
    size_t tried;             /* addresses that failed */
};

static int next_address(struct dial *dial);

static void dial_free(struct dial *dial)
{
    deadline_clear(&dial->deadline);
    mem_free(dial);
}

static void failed(struct dial *dial, int error, const char *step)
{
    struct err what;
    (void)err_errno(&what, error, "cannot %s '%s'", step, dial->url->authority);
    const struct dial_events *events = dial->events;
    void *owner = dial->owner;
    dial_free(dial);
    events->on_failed(owner, error, &what);
}

/* The address at hand is out: on to the next, or the end. */
static void address_failed(struct dial *dial, int error)
{
    dial->connect = NULL;
    if (++dial->tried < dial->memory->count) {
        int result = next_address(dial);
        if (result == 0)
            return;
        error = result;
    }
    dial->memory->until_ms = 0;
    failed(dial, error, "connect to");
}

static void on_connect_failed(void *owner, int error)
{
    address_failed(owner, error);
}

static void on_address_timeout(struct deadline *deadline)
{
    struct dial *dial = container_of(deadline, struct dial, deadline);
    sock_connect_cancel(dial->connect);
    address_failed(dial, -ETIMEDOUT);
}

static void on_connected(void *owner, struct sock *sock)
{
    struct dial *dial = owner;
    struct dial_memory *memory = dial->memory;
    const struct dial_events *events = dial->events;
    void *caller = dial->owner;
    memory->first = (memory->first + dial->tried) % memory->count;
    dial_free(dial);
    events->on_connected(caller, sock);
}

static const struct sock_connect_events connect_events = {on_connected, on_connect_failed};

static socklen_t address_len(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static int next_address(struct dial *dial)
{
    struct dial_memory *memory = dial->memory;
    const struct sockaddr_storage *address =
        &memory->addresses[(memory->first + dial->tried) % memory->count];
    dial->connect = sock_connect_new(dial->loop, (const struct sockaddr *)address,
                                     address_len(address), &connect_events, dial);
    if (!dial->connect)
        return -ENOMEM;
    deadline_set(dial->loop, &dial->deadline,
                 loop_now_ms(dial->loop) + dial->within_ms / memory->count);
    return 0;
}

static void on_resolved(void *owner, int error, const struct sockaddr_storage *addresses,
                        size_t count)
{
    struct dial *dial = owner;
    dial->resolve = NULL;
    if (error < 0 || count == 0) {
        failed(dial, error < 0 ? error : -ENOENT, "resolve");
        return;
    }
    struct dial_memory *memory = dial->memory;
    memory->count = MIN(count, (size_t)RESOLVE_ADDRESSES_MAX);
    memory->first = 0;
    memory->until_ms = loop_now_ms(dial->loop) + DIAL_REMEMBER_MS;
    memcpy(memory->addresses, addresses, memory->count * sizeof(addresses[0]));
    int result = next_address(dial);
    if (result < 0)
        failed(dial, result, "connect to");
}

/* A numeric host never goes out of date. */
static void remember_numeric(const struct url *url, struct dial_memory *memory)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(url->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(url->port)};
    memory->addresses[0] = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, url->host, &v4.sin_addr) == 1)
        memcpy(&memory->addresses[0], &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, url->host, &v6.sin6_addr) == 1)
        memcpy(&memory->addresses[0], &v6, sizeof(v6));
    memory->count = 1;
    memory->first = 0;
    memory->until_ms = UINT64_MAX;
}

struct dial *dial_new(struct loop *loop, const struct url *url, struct dial_memory *memory,
                      uint32_t within_ms, const struct dial_events *events, void *owner)
{
    struct dial *dial = mem_zalloc(sizeof(*dial));
    if (!dial)
        return NULL;
    dial->loop = loop;
    dial->url = url;
    dial->memory = memory;
    dial->within_ms = within_ms;
    dial->events = events;
    dial->owner = owner;
    deadline_init(&dial->deadline, on_address_timeout);

    if (url->host_is_address)
        remember_numeric(url, memory);
    int result = 0;
    if (loop_now_ms(loop) < memory->until_ms) {
        result = next_address(dial);
    } else {
        dial->resolve = resolve_new(loop, url->host, url->port_text, on_resolved, dial);
        result = dial->resolve ? 0 : -ENOMEM;
    }
    if (result < 0) {
        dial_free(dial);
        return NULL;
    }
    return dial;
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    if (dial->resolve)
        resolve_cancel(dial->resolve);
    if (dial->connect)
        sock_connect_cancel(dial->connect);
    dial_free(dial);
}
