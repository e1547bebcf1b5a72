/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/identity.h"

#include <netinet/in.h>

/* What is hashed begins with it, so that an address and a network of the same bytes differ. */
enum kind { KIND_ADDRESS_V4 = 1, KIND_ADDRESS_V6, KIND_NETWORK_V4, KIND_NETWORK_V6 };

uint64_t identity_of_key(uint64_t key_id)
{
    return key_id;
}

/* Never 0. */
static uint64_t hash(const struct mac_key *key, enum kind kind, const unsigned char *bytes,
                     size_t len)
{
    unsigned char text[1 + 8] = {(unsigned char)kind};
    memcpy(text + 1, bytes, len);
    uint64_t id = mac_64(key, span_of(text, 1 + len));
    return id ? id : 1;
}

static uint64_t identify(const struct mac_key *key, const struct sockaddr_storage *address,
                         bool network)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return hash(key, network ? KIND_NETWORK_V4 : KIND_ADDRESS_V4,
                    (const unsigned char *)&v4.sin_addr, network ? 3 : 4);
    }
    if (address->ss_family != AF_INET6)
        return 0;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    const unsigned char *bytes = v6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return hash(key, network ? KIND_NETWORK_V4 : KIND_ADDRESS_V4, bytes + 12, network ? 3 : 4);
    return hash(key, network ? KIND_NETWORK_V6 : KIND_ADDRESS_V6, bytes, network ? 6 : 8);
}

uint64_t identity_of_address(const struct mac_key *key, const struct sockaddr_storage *address)
{
    return identify(key, address, false);
}

uint64_t identity_network(const struct mac_key *key, const struct sockaddr_storage *address)
{
    return identify(key, address, true);
}
