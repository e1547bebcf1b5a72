/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind the access log. Lines come in blocks, are appended whole, and are dropped and counted when the disk does not take them: the log is never a
 * reason to hold up or to refuse a request.
 *
 * access_log_write() and access_log_free() belong to one thread (the log's helper); access_log_reopen() and access_log_is_on() may be called by
 * any one at the same time.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct access_log;

/*
 * `name`: "-" is standard output, "off" is nowhere, else a file, in `folder` unless it begins with a slash. Made with 0640, appended to. NULL and *err when it cannot be
 * opened; but a disk that is full or fails now (or too many open files) is tried again with each write.
 */
struct access_log *access_log_new(const char *folder, struct span name, struct err *err) must_check;
/* Writes what is left of a line that was cut off by a full disk, if that goes. */
void access_log_free(struct access_log *log);

#define ACCESS_LOG_PATH_BYTES 4096
/* The path of such a file. 0, or -EINVAL: the name is empty or too long. */
int access_log_path(const char *folder, struct span name, char ret_path[ACCESS_LOG_PATH_BYTES]) must_check;

/* Opens `name` in place of what was; the next write goes there. 0, or -errno with *err and nothing has changed. */
int access_log_reopen(struct access_log *log, struct span name, struct err *err) must_check;
bool access_log_is_on(const struct access_log *log);

/* Appends `count` whole lines. How many were dropped; and why, in *ret_error (0: none were). */
uint32_t access_log_write(struct access_log *log, struct span lines, uint32_t count, int *ret_error);
