/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/channel.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "loop/sock_internal.h"

#include <fcntl.h>
#include <unistd.h>

#define FRAME_HEAD_BYTES 8

struct channel {
    struct loop *loop;
    struct sock *sock;
    struct buf held; /* the message under way */
    void (*on_message)(void *owner, uint32_t type, struct span payload);
    void (*on_closed)(void *owner);
    void *owner;
    bool delivering; /* on_message is on the stack */
    bool freed;      /* while delivering: the owner is done with it */
};

static uint32_t read_u32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void write_u32(uint32_t value, char *ret_bytes)
{
    for (unsigned i = 0; i < 4; i++)
        ret_bytes[i] = (char)(unsigned char)(value >> (8 * i));
}

/* Payloads carry secrets. */
static void wipe_held(struct channel *channel)
{
    if (channel->held.ptr)
        explicit_bzero(channel->held.ptr, channel->held.cap);
}

static void destroy(struct channel *channel)
{
    wipe_held(channel);
    buf_release(&channel->held);
    mem_free(channel);
}

static void closed(struct channel *channel)
{
    sock_close(TAKE(channel->sock));
    channel->on_closed(channel->owner);
}

/* Hands on the first whole message of what is held: 1, 0 when none is whole, -EBADMSG. */
static int deliver_one(struct channel *channel)
{
    struct buf *held = &channel->held;
    if (held->len < FRAME_HEAD_BYTES)
        return 0;
    uint32_t len = read_u32(held->ptr);
    uint32_t type = read_u32(held->ptr + 4);
    if (len > CHANNEL_PAYLOAD_MAX)
        return -EBADMSG;
    if (held->len - FRAME_HEAD_BYTES < len)
        return 0;
    /* The zero byte behind the payload stands where the next message begins: put back afterwards. */
    if (buf_reserve(held, 1) < 0)
        return -EBADMSG;
    char *end = held->ptr + FRAME_HEAD_BYTES + len;
    char next = *end;
    *end = '\0';
    channel->on_message(channel->owner, type, span_of(held->ptr + FRAME_HEAD_BYTES, len));
    *end = next;
    size_t used = FRAME_HEAD_BYTES + len;
    memmove(held->ptr, held->ptr + used, held->len - used);
    held->len -= used;
    explicit_bzero(held->ptr + held->len, used);
    return 1;
}

static void on_read(void *owner, char *bytes, size_t len)
{
    struct channel *channel = owner;
    int result;

    buf_append(&channel->held, span_of(bytes, len));
    explicit_bzero(bytes, len);
    if (buf_status(&channel->held) < 0) {
        closed(channel);
        return;
    }
    channel->delivering = true;
    do {
        result = deliver_one(channel);
    } while (result > 0 && !channel->freed && channel->sock);
    channel->delivering = false;
    if (channel->freed)
        destroy(channel);
    else if (result < 0)
        closed(channel);
}

static void on_end(void *owner)
{
    closed(owner);
}

static void on_error(void *owner, int error)
{
    (void)error;
    closed(owner);
}

static const struct sock_events events = {on_read, on_end, on_error, NULL};

struct channel *channel_new(struct loop *loop, int fd,
                            void (*on_message)(void *owner, uint32_t type, struct span payload),
                            void (*on_closed)(void *owner), void *owner)
{
    struct channel *channel = mem_zalloc(sizeof(*channel));
    if (!channel) {
        close(fd);
        return NULL;
    }
    buf_init(&channel->held, 2 * (CHANNEL_PAYLOAD_MAX + FRAME_HEAD_BYTES));
    channel->loop = loop;
    channel->on_message = on_message;
    channel->on_closed = on_closed;
    channel->owner = owner;
    channel->sock = sock_new(loop, fd, NULL);
    if (!channel->sock || sock_start(channel->sock, &events, channel) < 0) {
        sock_close(channel->sock);
        mem_free(channel);
        return NULL;
    }
    sock_queue_max(channel->sock, 2 * (CHANNEL_PAYLOAD_MAX + FRAME_HEAD_BYTES));
    return channel;
}

int channel_send(struct channel *channel, uint32_t type, struct span payload)
{
    char head[FRAME_HEAD_BYTES];
    if (!channel->sock)
        return -EPIPE;
    if (payload.len > CHANNEL_PAYLOAD_MAX)
        return -EMSGSIZE;
    write_u32((uint32_t)payload.len, head);
    write_u32(type, head + 4);
    struct span parts[2] = {span_of(head, sizeof(head)), payload};
    ssize_t result = sock_write(channel->sock, parts, 2);
    return result < 0 ? (int)result : 0;
}

int channel_keep_over_exec(struct channel *channel)
{
    if (!channel->sock)
        return -EPIPE;
    return fcntl(channel->sock->fd, F_SETFD, 0) < 0 ? -errno : channel->sock->fd;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    sock_close(TAKE(channel->sock));
    if (channel->delivering)
        channel->freed = true;
    else
        destroy(channel);
}
