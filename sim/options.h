/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `simllm serve`. Strings live as long as argv. No thread.
 */
#pragma once

#include "base/err.h"
#include "faults.h"
#include "preset.h"

struct options {
    struct preset preset; /* with what the command line changes of it */
    const char *host;     /* an address as of net/listen.h, without port */
    uint16_t port;        /* 0: any free one */
    double speed;         /* seconds of the engine's time in one real second */
    uint64_t seed;
    const char *api_key; /* NULL: none is asked for */
    bool control;        /* POST /sim/fault */
    uint32_t connections_max;
    size_t body_bytes_max;
    struct faults faults;
};

/* `argv` behind the command's name. 0, or -EINVAL, -ENOENT, -ENOMEM with *err; 1: --help was asked for. */
int options_read(int argc, char *const *argv, struct options *ret_options,
                 struct err *err) must_check;
void options_print_help(void);
