/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: the process that must not die. It opens listeners and keeps them, starts the gateway and the embedded model and starts them again,
 * hands over configuration and secrets, and parses nothing that comes from the wire.
 *
 *   SIGTERM, SIGINT   drain: the gateway finishes what runs, up to the deadline; then all ends. A second one ends at once
 *   SIGHUP            reload, whole or not at all
 *   SIGUSR2           the binary at the path it was started by takes over in this very process, listeners kept: it starts a new gateway, and the
 *                     old one drains when the new one serves
 *
 * One thread, one loop.
 */
#pragma once

/* argv[0] is "supervisor". The process's exit status. */
int supervisor_main(const char *binary, int argc, char **argv);
