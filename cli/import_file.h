/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of keys, as another service gives them away: CSV with a header, or one JSON object a line. Read into what POST /keys/import takes; what each row means is
 * judged by the service.
 *
 *     key,name,expires,models            {"key":"sk-…","name":"alice","models":["a","b"]}
 *     sk-…,alice,2027-01-01,a;b          {"sha256":"…","name":"bob","expires":null}
 *
 * Columns and members: key or sha256, name, expires, models. CSV as RFC 4180 has it: quotes, doubled quotes, line breaks inside; models
 * are separated by ';' or ','.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define IMPORT_FILE_BYTES_MAX (56U << 20)
#define IMPORT_BODY_BYTES_MAX (64U << 20) /* what the service takes */

struct import_file {
    struct buf body; /* {"keys":[…]}; wiped when released */
    uint32_t *lines; /* of each key, from 1 */
    size_t count, cap;
};

/* 0, or -EINVAL with *err, which begins with the line: "12: …"; -ENOMEM. Release it in any case. */
int import_file_read(struct span text, struct import_file *ret_file, struct err *err) must_check;
void import_file_release(struct import_file *file);
