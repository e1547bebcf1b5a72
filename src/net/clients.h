/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections may be open: in all and for each network (/24 of IPv4, /64 of IPv6), for one worker.
 * Numbers only, no sockets: the corridor asks before it keeps a newcomer and tells when one goes.
 * Belongs to one worker thread.
 */
#pragma once

#include "base/macros.h"

#include <sys/socket.h>

struct clients;

struct clients_limits {
    uint32_t connections_max;             /* of this worker */
    uint32_t connections_per_network_max; /* of this worker; 0: no limit */
};

enum clients_verdict { CLIENTS_WELCOME, CLIENTS_FULL, CLIENTS_NETWORK_FULL };

struct clients *clients_new(const struct clients_limits *limits) must_check;
void clients_free(struct clients *clients);
void clients_set_limits(struct clients *clients, const struct clients_limits *limits);
/* CLIENTS_WELCOME counts the connection; each needs one clients_leave() with the same address. */
enum clients_verdict clients_enter(struct clients *clients, const struct sockaddr_storage *address);
void clients_leave(struct clients *clients, const struct sockaddr_storage *address);
uint32_t clients_count(const struct clients *clients);
