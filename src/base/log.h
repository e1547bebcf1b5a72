/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's log of the process: one line for each event on standard error, with time, role and level. Not the
 * access log (record/). Only main programs and the layer that decides call it, once for each event; never with secrets or
 * prompts. Any thread; a line is one write(2) of at most 1,000 bytes.
 */
#pragma once

#include "base/macros.h"

C_LINKAGE_BEGIN

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* The name shown in every line, a literal: "supervisor", "gateway". Level below which nothing is written. */
void log_setup(const char *role, enum log_level least);
void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);

C_LINKAGE_END
