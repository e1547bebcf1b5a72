/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"

/* llhttp alone over one whole message, with callbacks that do nothing: the least that its use can cost. */
void peer_llhttp_request(struct span message);
