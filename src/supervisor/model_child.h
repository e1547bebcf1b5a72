/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded model as a child: started with its settings on standard input (its key is in no argument and no environment), started again
 * with growing pauses when it ends, killed when the gateway says that no tokens come out of it.
 *
 * A program that ends with a status other than 0 says in its last line why it could not begin (libexec/embedded_model.py: a damaged file, no
 * memory). In the first life of a first start nothing will be better the next time: on_refused, and no restart. Later, or after a signal, or
 * when its port was taken, it is tried again.
 *
 * Pauses: 0.1 s, doubling to 10 s; a life of 30 s forgets them. Belongs to the supervisor's loop.
 */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

struct model_child;

struct model_spec {
    const char *python, *program, *model; /* paths; live as long as the child */
    const char *name;                     /* public; copied */
    const char
        *log_path; /* copied; what it says goes there; made new at each start of the supervisor */
    uint32_t uid, gid;
    uint32_t threads;
    uint32_t slots, context_tokens;
    bool first_start; /* nothing was served before: on_refused instead of a second life */
    void (*on_refused)(const char *reason); /* the reason: its log's last line */
};

/* Chooses a port of loopback and a key, and starts it. NULL with *err. */
struct model_child *model_child_new(struct loop *loop, const struct model_spec *spec,
                                    struct err *err) must_check;
/* Sends SIGTERM, later callbacks do not come. Its standard input closes, which ends it too. */
void model_child_free(struct model_child *model);
/* "http://127.0.0.1:PORT" and the key; the same for its whole life. */
const char *model_child_url(const struct model_child *model);
const char *model_child_key(const struct model_child *model);
/* 0 between two lives. */
int model_child_pid(const struct model_child *model);
/* It gives no tokens: kill it, the restart follows. */
void model_child_kill(struct model_child *model);
