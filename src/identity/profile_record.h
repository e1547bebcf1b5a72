/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile as bytes, for the database and for the file beside it: its members in their order, little-endian, floats as IEEE 754, a version in front and a
 * checksum behind. Pure; any thread.
 */
#pragma once

#include "identity/profile.h"

#define PROFILE_RECORD_BYTES 161 /* 1 + 152 + 8 */

void profile_record_write(const struct profile *profile, unsigned char ret_record[PROFILE_RECORD_BYTES]);
/* 0; -EBADMSG when it is damaged, of a later version or says what no profile can; *ret_profile untouched. */
int profile_record_read(const unsigned char record[PROFILE_RECORD_BYTES], struct profile *ret_profile) must_check;
