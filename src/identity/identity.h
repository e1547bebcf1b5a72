/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a caller is, as one number: an API key's id, else (where calls without a key are let in) its address, which for IPv6 is the /64; its network is
 * the /24 or the /48 that the address lies in. What stands for addresses is made with a key of this installation, so that no address is kept and nobody
 * outside can choose two that meet. Pure; any thread.
 */
#pragma once

#include "base/mac.h"

#include <sys/socket.h>

uint64_t identity_of_key(uint64_t key_id);
/* 0 for what is no address of the internet (a UNIX socket). ::ffff:192.0.2.1 is 192.0.2.1; ports do not count. */
uint64_t identity_of_address(const struct mac_key *key, const struct sockaddr_storage *address);
uint64_t identity_network(const struct mac_key *key, const struct sockaddr_storage *address);
