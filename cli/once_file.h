/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that gets a new key's text once, and is left alone from then on. 0600; whole or not there.
 *
 *     once_file_read() 0 ─▶ once_file_open() ─▶ (the key is made) ─▶ once_file_write()
 *
 * The place is tried before the key is made, so that no key is made whose text could not be kept.
 */
#pragma once

#include "base/err.h"

#include <limits.h>

#define ONCE_FILE_BYTES_MAX 1024

struct once_file {
    const char *path;
    char beside[PATH_MAX]; /* where it is written before it gets its name */
    int fd;                /* -1: closed */
};

/* 1 and the first line; 0 when there is no such file; -errno with *err (also when it is empty). */
int once_file_read(const char *path, char ret_line[ONCE_FILE_BYTES_MAX],
                   struct err *err) must_check;
/* `path` must outlive it. 0 or -errno with *err. */
int once_file_open(const char *path, struct once_file *ret_file, struct err *err) must_check;
/* Writes `text` and a newline and gives the file its name. 0 or -errno with *err (-EEXIST: another was faster). Closes it. */
int once_file_write(struct once_file *file, const char *text, struct err *err) must_check;
/* Takes back what was not written. */
void once_file_drop(struct once_file *file);
