/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the supervisor and its gateway over a socket pair: a type and a payload, whole or not at all.
 * Frame: length of the payload (4 bytes, little-endian), type (4 bytes), payload. Belongs to the loop's thread.
 */
#pragma once

#include "base/span.h"
#include "loop/loop.h"

#define CHANNEL_PAYLOAD_MAX (48U << 20) /* a bundle, escaped */

struct channel;

/* Takes over the descriptor. `on_message` gets each message; the payload lives during the call and is followed by a zero byte. `on_closed` comes
 * once, when the other side is gone or sent garbage; the owner frees the channel. NULL when out of memory. */
struct channel *channel_new(struct loop *loop, int fd,
                            void (*on_message)(void *owner, uint32_t type, struct span payload),
                            void (*on_closed)(void *owner), void *owner) must_check;
/* Queued when the socket is full, up to two payloads. 0 or -errno. */
int channel_send(struct channel *channel, uint32_t type, struct span payload) must_check;
/* Its descriptor, no longer close-on-exec: the other side sees it open until the process that inherits it closes it. -errno. */
int channel_keep_over_exec(struct channel *channel) must_check;
void channel_free(struct channel *channel);
