/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `simllm calibrate URL`: measures an engine that runs and writes a preset that behaves like it.
 *
 * The order: ask the engine what it says of itself (facts.h), measure (measure.h), fit (fit.h), put the preset
 * together, with a note for each number that was not measured. Takes the engine for itself: whatever else it serves
 * meanwhile is measured along. A preset's answer lengths, its `waiting_max` and its `name` are not things to measure;
 * they are options or defaults, and noted so.
 */
#pragma once

#include "facts.h"
#include "measure.h"

struct calibrate_options {
    const char *url;
    const char *api_key_file; /* its first line; NULL: no key */
    const char *model;        /* NULL: the first that the engine lists */
    const char *output;       /* NULL: standard output */
    const char *name, *title;
    uint32_t seconds, batch_max;
    uint32_t context_tokens, kv_tokens, running_max,
        step_tokens; /* 0: as the engine says or shows */
    uint32_t kind;   /* enum preset_scheduler + 1; 0: as it looks */
};

/* `argv` behind the command's name. 0, or -EINVAL with *err; 1: --help was asked for. */
int calibrate_options_read(int argc, char *const *argv, struct calibrate_options *ret_options,
                           struct err *err) must_check;
void calibrate_print_help(void);

/* A preset of what was asked, told and measured; `today` is a date. Pure. 0, or -EINVAL: the numbers do not agree. */
int calibrate_preset(const struct calibrate_options *options, const struct facts *facts,
                     const struct measure *measure, const struct fit *fit, const char *today,
                     struct preset *ret_preset, struct err *err) must_check;

/* All of it. 0, -EINVAL, -EIO, -ENOMEM or the errno of a file. */
int calibrate_run(const struct calibrate_options *options, struct err *err) must_check;
