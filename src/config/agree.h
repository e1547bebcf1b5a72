/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one row of the table cannot say: settings that must agree with each other, what the command
 * line adds to the file, and the words that stand for "decide for me". Inside this room only.
 */
#pragma once

#include "config/parse.h"

/* Checks what the file says as a whole, adds the bundle's facts, and resolves all defaults that
 * depend on something. 0, -EINVAL or -ENOMEM with *err. */
int agree(struct parse *parse, struct config *config) must_check;

/* Appends a line for each thing that is allowed but hardly wanted. */
void agree_write_warnings(struct buf *buf, const struct config *config);
