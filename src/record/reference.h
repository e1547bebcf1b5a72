/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of docs/ that tables of the code yield: reasons, metrics, fields of the access log. */
#pragma once

#include "base/buf.h"

#define REFERENCE_PAGES 3
#define REFERENCE_BYTES_MAX 262144

struct reference_page {
    const char *path; /* from the root of the source tree */
    void (*write)(struct buf *buf);
};

extern const struct reference_page reference_pages[REFERENCE_PAGES];

/* docs/reasons.md */
void reference_write_reasons(struct buf *buf);
