/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files beside the database: a whole one or none, 0600. Blocks: store thread, or before the workers start.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

/* `write` fills the new file (0 or -errno), which is brought to the disk and then put in the place of `path`. 0 or -errno with *err; then the old one is
 * still there. */
int state_file_replace(const char *path, int (*write)(void *arg, int fd), void *arg, struct err *err) must_check;
/* All of it, where the file stands. 0 or -errno. */
int state_file_append(int fd, struct span bytes) must_check;
