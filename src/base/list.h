/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive doubly linked list. The link is a member of the element; an element that is in no list has a link to
 * itself, so list_remove() may be called twice. Owns nothing.
 */
#pragma once

#include "base/macros.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_push_back(struct list *list, struct list *link)
{
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

static inline void list_push_front(struct list *list, struct list *link)
{
    list_push_back(list->next, link);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first element's link, or NULL. */
static inline struct list *list_first(const struct list *list)
{
    return list_empty(list) ? NULL : list->next;
}

#define list_entry(link, type, member) container_of(link, type, member)

/* The body may remove `at`, nothing else. */
#define list_each(at, head)                                                                        \
    for (struct list *at = (head)->next, *next_##at = at->next; at != (head);                      \
         at = next_##at, next_##at = at->next)
