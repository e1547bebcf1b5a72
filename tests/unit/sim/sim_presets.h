/* SPDX-License-Identifier: Apache-2.0 */
/* Small presets for tests: a step costs 1000 µs, a prompt token 10, each decoding sequence 100. */
#pragma once

#include "preset.h"

static inline struct preset small_preset(uint32_t kind)
{
    struct preset preset = {
        .name = "small",
        .title = "small",
        .source = {1, {"a test"}},
        .model = {"small-model", 256, 4.0, PRESET_LATIN},
        .scheduler = {kind, 4, 8, 64},
        .kv = {1024, 16, true},
        .time = {1000, 10, {{1, 100}, {4, 400}}, 2, 0, 0, 0},
        .answer = {20, 60, 0, 0, 1},
        .habits = {PRESET_STOPS_ALL, true, PRESET_REASONING_CONTENT},
    };
    return preset;
}
