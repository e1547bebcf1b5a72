/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in the log: a SipHash under a salt that is drawn for each day (UTC). Lines of one day and address have the same hash; from one day to the next
 * nothing can be joined, and when the day's salt is gone nobody can try addresses until one fits. The salt is in a file, so that a restart in the
 * middle of a day keeps it, and so that two gateways of one moment have the same.
 */
#pragma once

#include "base/mac.h"

#include <sys/socket.h>

#define ADDRESS_DAY_MS UINT64_C(86400000)

struct address_salt {
    uint64_t day; /* since 1970 */
    struct mac_key key;
};

/* The day's salt from the file, or a new one, written there (0600) in place of what was. *ret_salt is good in any case; < 0: it could not be written. Blocks. */
int address_salt_load(const char *path, uint64_t day, struct address_salt *ret_salt) must_check;

/* 0 for no address, or one that is not of the internet. The port does not count; ::ffff:192.0.2.1 is 192.0.2.1. */
uint64_t address_hash(const struct address_salt *salt, const struct sockaddr_storage *peer);
