/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.snapshot: what the database holds of keys, as a file beside it (0600), for the day the database is lost or locked.
 * Digests, no texts. Blocks: store thread, or before the workers start.
 *
 *     {"seawall_keys":2,"count":2,"accounts":1}
 *     {"id":"key_…","sha256":"…","name":"…","hint":"…","models":[],"imported":false,"disabled":false,"created_ms":…,"expires_ms":…,
 *      "last_used_ms":…,"account":"team","limits":"tokens_per_day=1000"}                    (one line for each key; the last two where there are any)
 *     {"account":"team","limits":"spend_per_day=5.00"}                                      (one line for each account)
 *
 * Version 1 has no accounts and no limits.
 */
#pragma once

#include "admin/keys_rows.h"
#include "base/err.h"

/* Written beside `path`, brought to the disk, then put in its place. 0 or -errno with *err. */
int keys_snapshot_write(const char *path, const struct keyring *ring, struct err *err) must_check;

/* Appends its keys to `list`: 1, 0 when there is no such file, -EBADMSG when it is damaged or cut off, -errno. After a failure the list holds
 * what could be read. */
int keys_snapshot_read(const char *path, struct key_list *list, struct err *err) must_check;
