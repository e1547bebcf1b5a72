/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway process: boots from what the supervisor hands over, runs the workers, and is the control thread beside them.
 *
 *   START ─▶ sandbox ─▶ state (store, keys, log) ─▶ workers ─▶ admin, health ─▶ READY ─▶ … reloads … ─▶ DRAIN ─▶ exit 0
 *
 * Descriptors and messages: config/handover.h. The control thread never touches a request.
 */
#pragma once

/* Runs until it is told to drain or its supervisor is gone. The process's exit status. */
int gateway_main(void);
