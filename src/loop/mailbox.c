/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring under a mutex and a bell (uv_async). The lock is held for a few instructions, and for the bell's eventfd write
 * when the ring was empty: the longest hold is about a microsecond. Lock-free rings were not worth their proof
 * here: what passes is a handful of messages a request at most.
 */
#include "loop/mailbox.h"

#include "loop/internal.h"

#include "base/alloc.h"

#include <pthread.h>

/* Messages read in one iteration; then the sockets have their turn. */
#define MESSAGES_PER_TURN 256

struct mailbox {
    uv_async_t bell;
    struct loop *loop; /* NULL when the loop is gone, or the mailbox was freed before it */
    struct loop_item item;
    void (*fn)(void *arg, void *message);
    void *arg;

    pthread_mutex_t lock; /* guards what follows */
    bool open;            /* the bell may be rung */
    size_t first, count, size;
    void *ring[];
};

static void mailbox_on_bell(uv_async_t *bell);

/* The loop goes first: the mailbox stays until its owner frees it, and is silent. */
static void mailbox_item_close(struct loop_item *item)
{
    struct mailbox *mailbox = container_of(item, struct mailbox, item);
    list_remove(&item->link);
    pthread_mutex_lock(&mailbox->lock);
    mailbox->open = false;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox->loop = NULL;
    uv_close((uv_handle_t *)&mailbox->bell, NULL);
}

struct mailbox *mailbox_new(struct loop *loop, size_t messages_max,
                            void (*fn)(void *arg, void *message), void *arg)
{
    check(messages_max > 0 && messages_max <= SIZE_MAX / 2 / sizeof(void *));
    struct mailbox *mailbox = mem_zalloc(sizeof(*mailbox) + messages_max * sizeof(void *));
    if (!mailbox || uv_async_init(&loop->uv, &mailbox->bell, mailbox_on_bell) != 0) {
        mem_free(mailbox);
        return NULL;
    }
    check(pthread_mutex_init(&mailbox->lock, NULL) == 0);
    mailbox->loop = loop;
    mailbox->fn = fn;
    mailbox->arg = arg;
    mailbox->open = true;
    mailbox->size = messages_max;
    loop_add(loop, &mailbox->item, mailbox_item_close);
    return mailbox;
}

/* NULL when empty: nobody posts NULL. */
static void *mailbox_take(struct mailbox *mailbox)
{
    void *message = NULL;
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->count > 0) {
        message = mailbox->ring[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->size;
        mailbox->count--;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return message;
}

static void mailbox_release(struct mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
    mem_free(mailbox);
}

static void mailbox_on_closed(uv_handle_t *handle)
{
    mailbox_release(container_of(handle, struct mailbox, bell));
}

void mailbox_free(struct mailbox *mailbox, void (*drop)(void *message))
{
    if (!mailbox)
        return;
    void *message;
    while ((message = mailbox_take(mailbox)))
        if (drop)
            drop(message);
    if (!mailbox->loop) {
        mailbox_release(mailbox);
        return;
    }
    mailbox->loop = NULL;
    list_remove(&mailbox->item.link);
    uv_close((uv_handle_t *)&mailbox->bell, mailbox_on_closed);
}

int mailbox_post(struct mailbox *mailbox, void *message)
{
    check(message);
    int r = 0;
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->count == mailbox->size) {
        r = -ENOSPC;
    } else {
        mailbox->ring[(mailbox->first + mailbox->count++) % mailbox->size] = message;
        /* A fuller ring has been rung for already, and is rung for again when a turn leaves something. */
        if (mailbox->count == 1 && mailbox->open)
            check(uv_async_send(&mailbox->bell) == 0);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return r;
}

/* `fn` may free the mailbox; its memory stays until libuv has closed the bell. */
static void mailbox_on_bell(uv_async_t *bell)
{
    struct mailbox *mailbox = container_of(bell, struct mailbox, bell);
    loop_enter(mailbox->loop);
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        void *message = mailbox_take(mailbox);
        if (!message)
            return;
        mailbox->fn(mailbox->arg, message);
        if (!mailbox->loop)
            return;
    }
    check(uv_async_send(bell) == 0);
}
