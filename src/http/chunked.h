/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunked transfer coding (RFC 9112, section 7.1), read byte by byte and strictly. For
 * request.c and response.c only.
 *
 * Chunk extensions and trailer fields are checked for form, counted against a maximum and dropped.
 * Bytes in, runs of data out, in the memory that came in. Belongs to one message.
 */
#pragma once

#include "base/span.h"

#include <sys/types.h>

#define CHUNKED_LINE_BYTES_MAX                                                                     \
    256 /* one chunk's size with its extensions; HTTP_CHUNK_HEAD_MAX of request.h */
#define CHUNKED_EXTENSION_BYTES_MAX                                                                \
    16384 /* of all chunks: nobody sends them but to make a reader work for nothing */
#define CHUNKED_TRAILER_BYTES_MAX 8192

struct chunked {
    unsigned state;      /* of chunked.c; 0 at the start */
    uint32_t line_bytes; /* of the size line under way */
    uint32_t extension_bytes;
    uint32_t trailer_bytes;
    uint32_t name_len; /* of the trailer under way; `name` has its beginning */
    char name[20];
    uint64_t left;            /* of the chunk under way */
    uint64_t body_bytes_left; /* that may still be announced */
};

void chunked_init(struct chunked *chunked, uint64_t body_bytes_max);

/*
 * Reads up to the end of the next run of data, of the body or of `bytes`, whichever is first.
 * Returns how many bytes it consumed and sets *ret_data (empty when there is none); -EBADMSG when
 * malformed or with too many extensions; -EFBIG when a chunk goes beyond the body's maximum;
 * -ENOSPC when trailers go beyond theirs. Consumes nothing once chunked_done().
 */
ssize_t chunked_feed(struct chunked *chunked, const char *bytes, size_t len,
                     struct span *ret_data) must_check;

bool chunked_done(const struct chunked *chunked);
