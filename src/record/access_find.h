/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's line in the access log, found again: in the file that is written, then in those that a rotation left beside it (its name and then '.' or '-'), the
 * newest first, each from its end. At most ACCESS_FIND_BYTES_MAX are looked at, in all. Compressed files are not.
 *
 * Blocks; any thread. Lines that are being written meanwhile do no harm: a line without its end is not there yet.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define ACCESS_FIND_BYTES_MAX (UINT64_C(256) << 20)
#define ACCESS_FIND_FILES_MAX 64 /* the newest */

struct access_found {
    uint64_t oldest_ms;  /* when the oldest line that could be looked at was written, since 1970; 0: there is none */
    uint32_t files;      /* that were looked at */
    uint32_t compressed; /* that were not */
    bool more;           /* older lines are there, beyond ACCESS_FIND_BYTES_MAX or ACCESS_FIND_FILES_MAX */
};

/* 1 and the line, without its end, in `line`; 0: it is not there; or -errno with *err: the log could not be read. `id` is the name of a request, as made by
 * request_id_new(). *ret_found is set in any case. */
int access_find(const char *path, struct span id, struct buf *line, struct access_found *ret_found, struct err *err) must_check;
