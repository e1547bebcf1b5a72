/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of sim/presets/, inside the program. The build writes the C source (tools/embed.py). For preset_load.c only.
 */
#pragma once

#include "base/span.h"

struct preset_builtin {
    const char *name; /* the file's, without ".json" */
    struct span json;
};

extern const struct preset_builtin preset_builtins[]; /* in alphabetical order */
extern const size_t preset_builtin_count;
