/* SPDX-License-Identifier: Apache-2.0 */
/* Names of requests: ours, and what is left of the client's after cleaning. */
#include "identity/request_id.h"

#include "base/random.h"
#include "base/text.h"

#define CLIENT_ID_BYTES_MAX 64

_Static_assert(4 + 2 * TEXT_BASE62_U64 == REQUEST_ID_BYTES,
               "prefix, time and chance fill the name");

void request_id_new(uint64_t wall_us, char ret_text[REQUEST_ID_BYTES + 1])
{
    memcpy(ret_text, "req_", 4);
    text_base62(wall_us, ret_text + 4);
    text_base62(random_u64(), ret_text + 4 + TEXT_BASE62_U64);
    ret_text[REQUEST_ID_BYTES] = '\0';
}

int request_id_time(struct span id, uint64_t *ret_wall_us)
{
    uint64_t wall_us, chance;
    if (id.len != REQUEST_ID_BYTES || !span_starts(id, SPAN("req_")) ||
        text_unbase62(span_of(id.ptr + 4, TEXT_BASE62_U64), &wall_us) < 0 ||
        text_unbase62(span_of(id.ptr + 4 + TEXT_BASE62_U64, TEXT_BASE62_U64), &chance) < 0)
        return -EINVAL;
    *ret_wall_us = wall_us;
    return 0;
}

struct span request_id_of_client(struct span header, char room[65])
{
    struct span given = span_trim(header);
    size_t len = 0;
    for (size_t i = 0; i < given.len && len < CLIENT_ID_BYTES_MAX; i++) {
        char c = given.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            room[len++] = c;
    }
    room[len] = '\0';
    return len > 0 ? span_of(room, len) : SPAN_NULL;
}
