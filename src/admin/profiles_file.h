/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profiles.snapshot: what the database holds of profiles, as a file beside it (0600), for the day the database is lost or locked.
 *
 *     "seawall profiles 1\n", then records of PROFILE_RECORD_BYTES (identity/profile_record.h), appended as profiles change: the last one of an
 *     identity counts; one in which nothing is known says that it was forgotten
 *
 * What a crash cut off at the end is passed over and written over. When the file is twice as large as what counts it is written anew.
 * Blocks: store thread, or before the workers start.
 */
#pragma once

#include "base/err.h"
#include "identity/profiles.h"

/* Appends and brings it to the disk; makes no file. 0, -ENOENT when there is none or none of this form: write it whole; -EFBIG when it was appended and is
 * larger than for `identities` it should be: write it anew; -errno with *err. */
int profiles_file_append(const char *path, const struct profile *profiles, size_t count, uint64_t identities, struct err *err) must_check;
/* Writes all of them in place of what was. 0 or -errno with *err. */
int profiles_file_write(const char *path, struct profiles *profiles, struct err *err) must_check;

/* Calls `each` for every record, in order; a negative result ends the reading and is returned. 1; 0 when there is no such file; -EBADMSG when it is
 * another file, or when records in it are damaged (the others were told), -errno. A last record that is cut off is no damage. */
int profiles_file_read(const char *path, int (*each)(void *arg, const struct profile *profile), void *arg, struct err *err) must_check;
