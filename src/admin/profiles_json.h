/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as JSON: how one is shown. Any thread. */
#pragma once

#include "base/json_out.h"
#include "identity/keyring.h"
#include "identity/profile.h"

/*
 * The members of a profile that was brought up to date, into an object that is open: id (of its key, or "addr_…"), name (null of an address), trusted, by
 * ("use", "grant" or null), in_profile, in_profile_in_s (null: not by itself), rate, burst (wt/s, wt), day (wt), rate_earned, rate_granted, balance, day_balance,
 * request_wt, days_earned, seen. `name` of the key too when the ring has it.
 */
void profile_write_members(struct json_out *out, const struct profile *profile, const struct keyring *ring);
/* The member "days", today first: day, wt, hours, requests. */
void profile_write_days(struct json_out *out, const struct profile *profile);
