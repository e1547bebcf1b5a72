/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine says of itself: the models' list, llama.cpp's /props, vLLM's /metrics. Whatever it does not say stays
 * 0 and must be told by a person. Pure readers of text, and one function that asks. Any thread.
 */
#pragma once

#include "preset.h"
#include "probe.h"

struct facts {
    char model[PRESET_TEXT_BYTES];
    uint32_t context_tokens;
    uint32_t slots;
    uint32_t kv_tokens;
    uint32_t block_tokens;
    bool is_llama; /* slots, each with its own context */
    bool is_vllm;
};

/* Each leaves what its text does not say as it is. 0, or -EINVAL: no JSON, or no model in it. */
int facts_read_models(struct span json, struct facts *facts) must_check;
/* Of a text that is not llama.cpp's, nothing. */
void facts_read_props(struct span json, struct facts *facts);
void facts_read_metrics(struct span text, struct facts *facts);

/* 0, -EIO or -EINVAL: nobody answers, or without a list of models. */
int facts_ask(struct probe *probe, struct facts *ret_facts, struct err *err) must_check;
