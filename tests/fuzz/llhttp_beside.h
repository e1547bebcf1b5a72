/* SPDX-License-Identifier: Apache-2.0 */
/* llhttp over a whole message, beside our own reading of it. A file of its own: its names for
 * methods are ours too. */
#pragma once

#include "base/span.h"

/* llhttp must take `bytes` too, see the same `body`, and end after `consumed` bytes. */
void check_beside_llhttp(struct span bytes, size_t consumed, struct span body);
