/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole file into a buffer. Blocks: for start-up and for tools. Any thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends all of it, up to the buffer's maximum. 0, or -errno with *err. */
int file_read(const char *path, struct buf *ret_text, struct err *err) must_check;
