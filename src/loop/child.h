/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes of the supervisor: start with given descriptors, hear of their end, send signals.
 * Belongs to the loop's thread; SIGCHLD is libuv's.
 */
#pragma once

#include "loop/loop.h"

#define CHILD_FDS_MAX 128

struct child;

struct child_spec {
    const char *path;        /* the executable */
    const char *const *argv; /* NULL-terminated, argv[0] included */
    const char *const *env;  /* NULL-terminated "NAME=value"; NULL: PATH, HOME, LANG, TZ, GLIBC_TUNABLES and the sanitizers' options alone */
    const int *fds;          /* become 0, 1, 2, 3 … in the child; -1 gives /dev/null; 0, 1 and 2 are made blocking */
    size_t fds_count;
    uint32_t uid, gid;       /* 0: unchanged */
};

/* `on_exit` runs once: exit status, or the signal that ended it (then status is 0). NULL and *err when it could not start. */
struct child *child_start(struct loop *loop, const struct child_spec *spec,
                          void (*on_exit)(void *owner, int64_t status, int signum), void *owner,
                          struct err *err) must_check;
int child_pid(const struct child *child);
/* Ignored when it is gone already. */
void child_signal(struct child *child, int signum);
/* Forgets it: no callback comes any more; the process goes on, and its end is still waited for. Accepts NULL. */
void child_free(struct child *child);
