/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gateway process from the supervisor's side: started with its descriptors, told START, heard until it ends. No restarts here: supervisor.c decides.
 *
 * What a gateway says (READY, ASK_RELOAD …) reaches the owner as messages. Belongs to the supervisor's loop.
 */
#pragma once

#include "config/handover.h"
#include "loop/loop.h"

struct gateway_child;

struct gateway_child_events {
    void (*on_message)(void *owner, struct gateway_child *child, enum handover_type type,
                       struct span payload);
    /* Once; the owner frees it. */
    void (*on_exit)(void *owner, struct gateway_child *child, int64_t status, int signum);
};

/* `fds`: descriptors 4 and up (admin, metrics or -1, listeners). NULL with *err. */
struct gateway_child *gateway_child_new(struct loop *loop, const struct handover_start *start,
                                        const int *fds, size_t fds_count,
                                        const struct gateway_child_events *events, void *owner,
                                        struct err *err) must_check;
/* Forgets it; the process goes on until it notices that its channel is closed, then drains. */
void gateway_child_free(struct gateway_child *child);
int gateway_child_send(struct gateway_child *child, enum handover_type type,
                       struct span payload) must_check;
void gateway_child_signal(struct gateway_child *child, int signum);
int gateway_child_pid(const struct gateway_child *child);
/* The descriptor of its channel, kept open over an exec of this process; the gateway drains when it is closed. -errno. */
int gateway_child_keep_over_exec(struct gateway_child *child) must_check;
uint64_t gateway_child_age_ms(const struct gateway_child *child);
