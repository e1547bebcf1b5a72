/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway may still do once it serves strangers: nothing but network, its state folder, and what name service and TLS read (files of /etc, certificates, libraries).
 *
 * Unprivileged user, no new privileges, no core of secrets, Landlock (where the kernel has it) for files, seccomp for system calls. Called once, before any
 * thread is started. A kernel without one of these is told in the log, not refused; a failure where the kernel has it stops the process.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct sandbox_spec {
    uint32_t uid, gid;        /* to become; 0: stay */
    const char *state_folder; /* read and write */
};

/* 0 or -errno with *err. `ret_layers` (room for 64) gets what is in force: "user, no-new-privileges, landlock 2, seccomp". */
int sandbox_enter(const struct sandbox_spec *spec, char ret_layers[64], struct err *err) must_check;
