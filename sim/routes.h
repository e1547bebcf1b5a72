/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which request is what: one table. With a key, everything but /health and /metrics asks for it.
 */
#pragma once

#include "connection.h"

/* For a connection whose request is whole. Answers at once, or starts a call that will. */
void routes_serve(struct connection *connection);
