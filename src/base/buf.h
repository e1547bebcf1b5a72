/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes for writing, with a hard maximum. A struct that the caller holds.
 *
 * Appending to a full buffer (or without memory) marks the buffer as failed and adds nothing more, so a run of appends
 * needs one look at the end: buf_status(). Nothing is ever half there unnoticed. Belongs to one thread.
 */
#pragma once

#include "base/span.h"

C_LINKAGE_BEGIN

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    int failed; /* 0, -ENOSPC (maximum reached) or -ENOMEM; sticky until buf_clear */
};

/* Allocates nothing. `max` > 0. */
void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);
/* Empty and good again; keeps the memory. */
void buf_clear(struct buf *buf);
/* Empty, good, and gives back memory above `keep` bytes. */
void buf_shrink(struct buf *buf, size_t keep);

/* Room for `more` bytes behind `len`: returns 0, -ENOSPC or -ENOMEM (and marks the buffer). */
int buf_reserve(struct buf *buf, size_t more);

/* For buf_append() below: what does not fit into the memory at hand. */
void buf_append_slow(struct buf *buf, struct span bytes);

/* `bytes` must not lie in this buffer. */
static inline void buf_append(struct buf *buf, struct span bytes)
{
    if (bytes.len - 1 >= buf->cap - buf->len || buf->failed) { /* len 0 wraps: the slow way */
        buf_append_slow(buf, bytes);
        return;
    }
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

static inline void buf_append_byte(struct buf *buf, char byte)
{
    buf_append(buf, (struct span){&byte, 1});
}

void buf_append_u64(struct buf *buf, uint64_t value);
void buf_append_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) printf_like(2, 3);

/* Drops `n` bytes (≤ len) from the front by moving the rest. */
void buf_consume(struct buf *buf, size_t n);

static inline int buf_status(const struct buf *buf)
{
    return buf->failed;
}

static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->ptr, buf->len};
}

/* The content, terminated by a zero byte that does not count; "" when empty or failed. */
const char *buf_cstr(struct buf *buf);

C_LINKAGE_END
