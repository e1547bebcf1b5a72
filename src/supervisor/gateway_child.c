/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/gateway_child.h"

#include "base/alloc.h"
#include "loop/channel.h"
#include "loop/child.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The binary that runs now, even when its file has been replaced since. */
#define OWN_BINARY "/proc/self/exe"

struct gateway_child {
    struct loop *loop;
    struct child *child;
    struct channel *channel; /* NULL when it has closed its end */
    const struct gateway_child_events *events;
    void *owner;
    uint64_t started_ms;
};

static void on_message(void *owner, uint32_t type, struct span payload)
{
    struct gateway_child *child = owner;
    child->events->on_message(child->owner, child, (enum handover_type)type, payload);
}

static void on_closed(void *owner)
{
    struct gateway_child *child = owner;
    channel_free(TAKE(child->channel)); /* its exit follows */
}

static void on_exit_of_child(void *owner, int64_t status, int signum)
{
    struct gateway_child *child = owner;
    child->events->on_exit(child->owner, child, status, signum);
}

static int send_start(struct gateway_child *child, const struct handover_start *start)
{
    struct buf payload;
    buf_init(&payload, CHANNEL_PAYLOAD_MAX);
    int result = handover_start_write(start, &payload);
    if (result == 0)
        result = channel_send(child->channel, HANDOVER_START, buf_span(&payload));
    if (payload.ptr)
        explicit_bzero(payload.ptr, payload.cap);
    buf_release(&payload);
    return result;
}

static int launch(struct gateway_child *child, const int *fds, size_t fds_count, struct err *err)
{
    static const char *const argv[] = {"seawalld", "gateway", NULL};
    int pair[2];
    int all[CHILD_FDS_MAX];

    if (fds_count + HANDOVER_ADMIN > CHILD_FDS_MAX)
        return err_set(err, -E2BIG,
                       "too many listeners for one gateway: fewer workers or addresses, please");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "cannot make the gateway's channel");
    all[0] = -1;
    all[1] = STDOUT_FILENO;
    all[2] = STDERR_FILENO;
    all[HANDOVER_CHANNEL] = pair[1];
    memcpy(&all[HANDOVER_ADMIN], fds, fds_count * sizeof(*fds));
    child->child = child_start(
        child->loop,
        &(struct child_spec){
            .path = OWN_BINARY, .argv = argv, .fds = all, .fds_count = HANDOVER_ADMIN + fds_count},
        on_exit_of_child, child, err);
    close(pair[1]);
    if (!child->child) {
        close(pair[0]);
        return -EIO;
    }
    child->channel = channel_new(child->loop, pair[0], on_message, on_closed, child);
    return child->channel ? 0 : err_set(err, -ENOMEM, "out of memory");
}

struct gateway_child *gateway_child_new(struct loop *loop, const struct handover_start *start,
                                        const int *fds, size_t fds_count,
                                        const struct gateway_child_events *events, void *owner,
                                        struct err *err)
{
    struct gateway_child *child = mem_zalloc(sizeof(*child));
    if (!child) {
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    child->loop = loop;
    child->events = events;
    child->owner = owner;
    child->started_ms = loop_now_ms(loop);
    int result = launch(child, fds, fds_count, err);
    if (result == 0) {
        result = send_start(child, start);
        if (result < 0)
            err_errno(err, result, "cannot speak to the gateway");
    }
    if (result < 0) {
        gateway_child_free(child);
        return NULL;
    }
    return child;
}

void gateway_child_free(struct gateway_child *child)
{
    if (!child)
        return;
    channel_free(child->channel);
    child_free(child->child);
    mem_free(child);
}

int gateway_child_send(struct gateway_child *child, enum handover_type type, struct span payload)
{
    return child->channel ? channel_send(child->channel, type, payload) : -EPIPE;
}

void gateway_child_signal(struct gateway_child *child, int signum)
{
    child_signal(child->child, signum);
}

int gateway_child_pid(const struct gateway_child *child)
{
    return child_pid(child->child);
}

int gateway_child_keep_over_exec(struct gateway_child *child)
{
    return child->channel ? channel_keep_over_exec(child->channel) : -EPIPE;
}

uint64_t gateway_child_age_ms(const struct gateway_child *child)
{
    return loop_now_ms(child->loop) - child->started_ms;
}
