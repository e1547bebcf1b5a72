/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `seawalld supervisor`, and the folders and secrets that it works with. Strings are terminated and live as long as argv.
 */
#pragma once

#include "base/err.h"
#include "base/mac.h"
#include "base/span.h"

#include <limits.h>

struct options {
    char data_folder[PATH_MAX];  /* absolute, exists */
    char state_folder[PATH_MAX]; /* data_folder/state */
    const char *config;          /* NULL: none */
    const char *port;
    const char *upstream;
    const char *embedded_model; /* GGUF; NULL: no embedded model */
    const char *embedded_python;
    const char *embedded_program;
    bool check_only; /* read everything, start nothing */
    bool help, version;
};

/* 0, or -EINVAL with *err. */
int options_read(int argc, char **argv, struct options *ret_options, struct err *err) must_check;

/* Makes the folders that are missing; state belongs to uid/gid when they are not 0. */
int options_make_folders(const struct options *options, uint32_t uid, uint32_t gid,
                         struct err *err) must_check;

/* Only one supervisor for each data folder: a lock that lasts as long as the process (and over an exec). */
int options_lock(const struct options *options, int *ret_fd, struct err *err) must_check;

/* The key of the keys' MAC: read, or made at the first start (0600). */
int options_key_mac(const struct options *options, struct mac_key *ret_key,
                    struct err *err) must_check;

/* Who the gateway is to be when we are root: `name`, or "seawall", or "nobody". 0 and 0 when we are not root. */
int options_user(struct span name, uint32_t *ret_uid, uint32_t *ret_gid,
                 struct err *err) must_check;

/* A model's public name from its file: "SmolLM2-135M-Instruct" of ".../SmolLM2-135M-Instruct.Q4_1.gguf". */
void options_model_name(const char *path, char *ret_name, size_t size);
