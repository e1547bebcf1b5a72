/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses. What needs no look-up (numbers, and "localhost" by RFC 6761, section 6.3, also where no hosts file
 * is readable) takes no thread; all answers are asynchronous. AI_ADDRCONFIG is not used: it hides loopback addresses in
 * a network namespace that has nothing else.
 */
#include "loop/internal.h"

#include "base/alloc.h"

#include <netdb.h>

struct resolve {
    uv_getaddrinfo_t request;
    struct loop *loop;
    struct loop_item item;
    struct soon soon;
    void (*done)(void *owner, int error, const struct sockaddr_storage *addresses, size_t count);
    void *owner;
    bool looking; /* libuv has the request: its callback frees us */
    bool cancelled;
    int error;
    size_t count;
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
};

static const struct addrinfo stream_hints = {
    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

static void resolve_item_close(struct loop_item *item)
{
    resolve_cancel(container_of(item, struct resolve, item));
}

static void resolve_keep(struct resolve *resolve, const struct addrinfo *list)
{
    for (; list && resolve->count < RESOLVE_ADDRESSES_MAX; list = list->ai_next)
        if (list->ai_addrlen <= sizeof(resolve->addresses[0]))
            memcpy(&resolve->addresses[resolve->count++], list->ai_addr, list->ai_addrlen);
}

static void resolve_tell(struct resolve *resolve)
{
    list_remove(&resolve->item.link);
    if (!resolve->cancelled)
        resolve->done(resolve->owner, resolve->error, resolve->addresses, resolve->count);
    mem_free(resolve);
}

static void resolve_on_soon(struct soon *soon)
{
    resolve_tell(container_of(soon, struct resolve, soon));
}

static int error_of(int uv_error)
{
    switch (uv_error) {
    case 0:
        return 0;
    case UV_EAI_AGAIN:
        return -EAGAIN;
    case UV_EAI_MEMORY:
    case UV_ENOMEM:
        return -ENOMEM;
    default:
        return -ENOENT; /* all others say in their way: no such name */
    }
}

static void resolve_on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolve *resolve = container_of(request, struct resolve, request);
    loop_enter(resolve->loop);
    resolve->error = error_of(status);
    resolve_keep(resolve, list);
    uv_freeaddrinfo(list);
    resolve_tell(resolve);
}

static bool resolve_number(struct resolve *resolve, const char *host, const char *port)
{
    struct addrinfo hints = stream_hints;
    hints.ai_flags |= AI_NUMERICHOST;
    struct addrinfo *list = NULL;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return false;
    resolve_keep(resolve, list);
    freeaddrinfo(list);
    return true;
}

/* IPv4 first: engines on the same machine mostly listen there only. */
static bool resolve_at_once(struct resolve *resolve, const char *host, const char *port)
{
    struct span name = span_str(host);
    if (span_ends(name, SPAN(".")))
        name.len--;
    if (span_eq_nocase(name, SPAN("localhost")))
        return resolve_number(resolve, "127.0.0.1", port) && resolve_number(resolve, "::1", port);
    return resolve_number(resolve, host, port);
}

struct resolve *resolve_new(struct loop *loop, const char *host, const char *port,
                            void (*done)(void *owner, int error,
                                         const struct sockaddr_storage *addresses, size_t count),
                            void *owner)
{
    struct resolve *resolve = mem_zalloc(sizeof(*resolve));
    if (!resolve)
        return NULL;
    resolve->loop = loop;
    resolve->done = done;
    resolve->owner = owner;
    soon_init(&resolve->soon, resolve_on_soon);
    loop_add(loop, &resolve->item, resolve_item_close);
    if (resolve_at_once(resolve, host, port)) {
        soon_call(loop, &resolve->soon);
        return resolve;
    }
    int r =
        uv_getaddrinfo(&loop->uv, &resolve->request, resolve_on_found, host, port, &stream_hints);
    resolve->looking = r == 0;
    if (r != 0) {
        resolve->error = error_of(r);
        soon_call(loop, &resolve->soon);
    }
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    if (!resolve)
        return;
    resolve->cancelled = true;
    if (resolve->looking) {
        /* Fails when a thread is at it: then the answer comes later, to nobody. */
        list_remove(&resolve->item.link);
        (void)uv_cancel((uv_req_t *)&resolve->request);
    } else {
        soon_cancel(&resolve->soon);
        list_remove(&resolve->item.link);
        mem_free(resolve);
    }
}
