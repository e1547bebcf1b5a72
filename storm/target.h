/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a storm may go: this machine, and nowhere else. It is a test tool, not a weapon.
 *
 * Any thread.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#include <sys/socket.h>

#define TARGET_TEXT_BYTES 512

struct target {
    struct sockaddr_storage address;
    socklen_t address_len;
    char host[TARGET_TEXT_BYTES];   /* of the Host header, with the port */
    char prefix[TARGET_TEXT_BYTES]; /* of paths, in front of "/v1" */
};

/* "http://HOST[:PORT][/prefix]" where HOST is localhost, [::1] or an address of 127.0.0.0/8. 0, or -EINVAL with *err; never
 * looks up a name. */
int target_read(const char *url, struct target *ret_target, struct err *err) must_check;

/* May the other side be asked from several addresses (bind to 127.0.0.0/8)? Not over IPv6, which has one loopback address. */
bool target_has_sources(const struct target *target);
