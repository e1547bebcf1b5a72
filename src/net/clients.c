/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One map from network to number of connections. A network is in the map exactly while it has connections, so the map
 * is never larger than the number of connections, and an attacker with many addresses fills it only by keeping
 * connections open, which `connections_max` bounds.
 */
#include "net/clients.h"

#include "base/alloc.h"
#include "base/map.h"

#include <netinet/in.h>

/* Beyond any worker's limit; only the map's own bound. */
#define NETWORKS_MAX ((size_t)1 << 22)

struct clients {
    struct clients_limits limits;
    uint32_t count;
    struct map *networks; /* struct network → number of connections, held in the pointer itself */
};

/* /24 of IPv4, /64 of IPv6; all zero for UNIX sockets, which come from no network. */
struct network {
    unsigned char family; /* 4 or 6 */
    unsigned char prefix[8];
};

static void network_v4(struct network *network, const unsigned char *address)
{
    network->family = 4;
    memcpy(network->prefix, address, 3);
}

static bool network_of(const struct sockaddr_storage *address, struct network *ret_network)
{
    struct network network = {0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        network_v4(&network, (const unsigned char *)&v4->sin_addr);
    } else if (address->ss_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        /* ::ffff:192.0.2.1 is how an IPv6 listener names an IPv4 client. */
        if (IN6_IS_ADDR_V4MAPPED(v6)) {
            network_v4(&network, v6->s6_addr + 12);
        } else {
            network.family = 6;
            memcpy(network.prefix, v6->s6_addr, sizeof(network.prefix));
        }
    } else {
        return false;
    }
    *ret_network = network;
    return true;
}

struct clients *clients_new(const struct clients_limits *limits)
{
    struct clients *clients = mem_zalloc(sizeof(*clients));
    if (!clients)
        return NULL;
    clients->limits = *limits;
    clients->networks = map_new(sizeof(struct network), NETWORKS_MAX);
    if (!clients->networks) {
        mem_free(clients);
        return NULL;
    }
    return clients;
}

void clients_free(struct clients *clients)
{
    if (!clients)
        return;
    map_free(clients->networks);
    mem_free(clients);
}

void clients_set_limits(struct clients *clients, const struct clients_limits *limits)
{
    clients->limits = *limits;
}

static uint32_t network_count(const struct clients *clients, const struct network *network)
{
    return (uint32_t)(uintptr_t)map_get(clients->networks, network);
}

static int network_set_count(struct clients *clients, const struct network *network, uint32_t count)
{
    if (count > 0)
        return map_put(clients->networks, network, (void *)(uintptr_t)count, NULL);
    (void)map_remove(clients->networks, network);
    return 0;
}

/* Networks are counted without a limit too: one may be set while the connections are open. */
enum clients_verdict clients_enter(struct clients *clients, const struct sockaddr_storage *address)
{
    if (clients->count >= clients->limits.connections_max)
        return CLIENTS_FULL;
    struct network network;
    if (network_of(address, &network)) {
        uint32_t count = network_count(clients, &network);
        uint32_t count_max = clients->limits.connections_per_network_max;
        if (count_max > 0 && count >= count_max)
            return CLIENTS_NETWORK_FULL;
        if (network_set_count(clients, &network, count + 1) < 0)
            return CLIENTS_FULL;
    }
    clients->count++;
    return CLIENTS_WELCOME;
}

void clients_leave(struct clients *clients, const struct sockaddr_storage *address)
{
    check(clients->count > 0);
    clients->count--;
    struct network network;
    if (!network_of(address, &network))
        return;
    uint32_t count = network_count(clients, &network);
    check(count > 0);
    /* Replacing an entry or removing it needs no memory. */
    check(network_set_count(clients, &network, count - 1) == 0);
}

uint32_t clients_count(const struct clients *clients)
{
    return clients->count;
}
