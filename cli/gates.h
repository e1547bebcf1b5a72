/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it stands at the pools' gates: who runs, who waits, and whether there is a siege, or a crowd, and how many rungs of the ladder stand. The same table for `status` and `top`.
 */
#pragma once

#include "base/buf.h"

#include <jansson.h>

/* `pools` of GET /status and GET /top. 0 or -ENOMEM. */
int gates_write(const json_t *pools, struct buf *text) must_check;
/* Writes it to standard output; "out of memory" instead when it is. */
void gates_print(const json_t *pools);
