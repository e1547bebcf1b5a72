/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of storm/scenarios/, inside the program. The build writes the C source (tools/embed.py). For scenario_load.c
 * only.
 */
#pragma once

#include "base/span.h"

struct scenario_builtin {
    const char *name; /* the file's, without ".yaml" */
    struct span yaml;
};

extern const struct scenario_builtin scenario_builtins[]; /* in alphabetical order */
extern const size_t scenario_builtin_count;
