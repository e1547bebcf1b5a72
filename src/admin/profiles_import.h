/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callers used before this service stood in front: days of usage become profiles, as if they had been lived here. On the store thread.
 *
 *     {"dry_run":false,"identities":[{"who":"key_…","days":[[20785,12,55.1,[[8,9000,4000],…]],…]},…]}
 *
 * A day: days since 1970 (ascending, not in the future), requests, sum of ln(1 + completion tokens) over them, and the hours in which anything was used
 * (0: from 00:00 UTC; ascending) with their prompt and completion tokens. Who is not known is told; the others are learned.
 */
#pragma once

#include "base/json_out.h"
#include "identity/keyring.h"
#include "identity/profiles.h"

#include <jansson.h>

#define PROFILES_IMPORT_MAX 1000000U /* identities in one request */
#define PROFILES_IMPORT_DAYS_MAX 1000U

struct profiles_import {
    struct profiles *profiles;
    const struct keyring *ring;
    const struct mac_key *mac;
    uint64_t wall_ms;
};

/* 200 and the members "results" (in the order of "identities": the profile, or {"refused":"why"}), "dry_run", into an object that is open; or the status of
 * a refusal with *err, then nothing was learned. */
unsigned profiles_import(const struct profiles_import *import, json_t *root, struct json_out *out, struct err *err) must_check;
