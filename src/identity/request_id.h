/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of one request: "req_" and 22 characters of base62. The first 11 grow with time, the last are drawn. What a client
 * sends as x-request-id is logged beside it (cut and cleaned), never used.
 */
#pragma once

#include "base/span.h"

#define REQUEST_ID_BYTES 26

void request_id_new(uint64_t wall_us, char ret_text[REQUEST_ID_BYTES + 1]);
/* When it was made; -EINVAL: no name of ours. */
int request_id_time(struct span id, uint64_t *ret_wall_us) must_check;
/* Printable ASCII without quotes and backslashes, at most 64 bytes; null when nothing is left. Writes into `room`. */
struct span request_id_of_client(struct span header, char room[65]);
