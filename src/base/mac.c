/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hashes from libsodium. These three need no sodium_init(): they choose no implementation at run time. */
#include "base/mac.h"

#include <endian.h>
#include <sodium.h>

static const unsigned char *bytes_of(struct span bytes)
{
    return (const unsigned char *)(bytes.ptr ? bytes.ptr : "");
}

uint64_t mac_64(const struct mac_key *key, struct span bytes)
{
    uint64_t mac;
    crypto_shorthash_siphash24((unsigned char *)&mac, bytes_of(bytes), bytes.len, key->bytes);
    return le64toh(mac);
}

void mac_128(const struct mac_key *key, struct span bytes, unsigned char ret_mac[16])
{
    crypto_shorthash_siphashx24(ret_mac, bytes_of(bytes), bytes.len, key->bytes);
}

void sha256(struct span bytes, unsigned char ret_digest[SHA256_BYTES])
{
    crypto_hash_sha256(ret_digest, bytes_of(bytes), bytes.len);
}
