/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's listening sockets, in the order in which a gateway inherits them: admin, metrics (or -1), then for each worker one socket of every address.
 * They live as long as the service, over restarts of the gateway and over an exec of the supervisor.
 */
#pragma once

#include "config/config.h"

#define LISTENERS_FDS_MAX 120

struct listeners {
    int fds[LISTENERS_FDS_MAX]; /* [0] admin, [1] metrics or -1, then the rest */
    size_t count;
    uint32_t workers, addresses;
};

/* Opens all, or none: -errno with *err ("cannot listen on ':8080': address already in use"). `workers` > 0. 1, with *err, when only the metrics
 * have none, because the address that they have by default is taken. */
int listeners_open(const struct config *config, uint32_t workers, const char *admin_path,
                   struct listeners *ret_listeners, struct err *err) must_check;
void listeners_close(struct listeners *listeners);
/* The kernel refuses newcomers of the service's addresses from now on, in whatever process holds these sockets: closing ours alone would leave
 * them in the backlog of the gateway's. Who was connected stays; admin and metrics go on. For the service's end only: it cannot be undone. */
void listeners_shut(const struct listeners *listeners);

/* As text in the environment, over an exec: "workers addresses fd fd fd …"; the descriptors lose close-on-exec. */
int listeners_export(const struct listeners *listeners, char *ret_text, size_t size) must_check;
/* 1 when `text` names open sockets (they get close-on-exec back), 0 when it is NULL, -EINVAL. */
int listeners_import(const char *text, struct listeners *ret_listeners) must_check;
