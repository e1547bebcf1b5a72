/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening listeners. The supervisor does it once and keeps the descriptors for its whole life; gateways inherit them, so
 * a gateway that dies leaves its newcomers in the kernel's backlog instead of refusing them.
 *
 * With several workers each address has one socket for each of them (SO_REUSEPORT): the kernel spreads connections.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#include <sys/socket.h>

#define NET_BACKLOG 4096

/* "127.0.0.1:8080", "[::1]:8080", ":8080" or "8080" (all addresses, IPv6 with IPv4), "unix:/path": 0 or -EINVAL. */
int net_parse_address(struct span text, struct sockaddr_storage *ret_address, socklen_t *ret_len, struct err *err) must_check;

/* Text of an address as above, terminated; `size` ≥ 128. Without port when `with_port` is false. */
void net_format_address(const struct sockaddr_storage *address, bool with_port, char *ret_text, size_t size);

/* A listening, non-blocking, close-on-exec socket; TCP_DEFER_ACCEPT is not used (it hides half-open clients).
 * A UNIX socket's stale file is replaced, a live one refused; mode 0600. The descriptor or -errno with *err. */
int net_listen(const struct sockaddr_storage *address, socklen_t address_len, bool reuse_port, struct err *err) must_check;
