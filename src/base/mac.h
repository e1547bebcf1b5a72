/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashing: SipHash-2-4 with 64 or 128 bits of output (Aumasson and Bernstein, 2012; libsodium), and SHA-256.
 * Any thread; keeps no state.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

#define MAC_KEY_BYTES 16
#define SHA256_BYTES 32

struct mac_key {
    unsigned char bytes[MAC_KEY_BYTES];
};

uint64_t mac_64(const struct mac_key *key, struct span bytes);
void mac_128(const struct mac_key *key, struct span bytes, unsigned char ret_mac[16]);
void sha256(struct span bytes, unsigned char ret_digest[SHA256_BYTES]);

C_LINKAGE_END
