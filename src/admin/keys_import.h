/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that users of another service have already: each row is judged, all of them become keys or none does. On the store thread.
 */
#pragma once

#include "admin/admin.h"
#include "base/buf.h"

#include <jansson.h>

#define IMPORT_ROWS_TOLD_MAX 50 /* bad rows that an answer names */

struct import {
    struct key **keys; /* owned */
    size_t count;
};

/*
 * Reads {"keys":[…]}. 200, or the status of a refusal with *err; where rows are to blame `ret_rows` gets a JSON array of them.
 * `present`: the ring whose keys are there already.
 */
unsigned import_read(json_t *root, const struct keyring *present, uint64_t wall_ms,
                     struct import *ret_import, struct buf *ret_rows, struct err *err) must_check;
void import_release(struct import *import);
