/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people about what failed. Optional everywhere: functions take `struct err *err` and accept NULL. The deepest
 * layer that knows writes it: lower case, no full stop, what failed first, its subject quoted.
 */
#pragma once

#include "base/macros.h"

C_LINKAGE_BEGIN

struct err {
    char text[320]; /* always terminated; cut when longer */
};

/* Returns `code` (a negative errno), so that a caller can write `return err_set(err, -EINVAL, "…")`. */
int err_set(struct err *err, int code, const char *format, ...) printf_like(3, 4);

/* The same with ": " and the system's words for -code behind it. */
int err_errno(struct err *err, int code, const char *format, ...) printf_like(3, 4);

/* Puts `format` and ": " in front of what is there; returns `code`. */
int err_prefix(struct err *err, int code, const char *format, ...) printf_like(3, 4);

C_LINKAGE_END
