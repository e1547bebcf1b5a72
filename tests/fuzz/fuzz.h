/* SPDX-License-Identifier: Apache-2.0 */
/* For fuzz targets: see meson.build beside it for what one is. */
#pragma once

#include "base/alloc.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that may be written to, followed by `padding` zero bytes that may be read. Free it with
 * mem_free(). */
static inline char *fuzz_copy(struct span bytes, size_t padding)
{
    char *copy = mem_zalloc(bytes.len + padding);
    check(copy != NULL);
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}
