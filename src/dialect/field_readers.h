/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers that rows of the field table name: what is to be looked at after type and range. Each: 0, or -EINVAL with the refusal.
 */
#pragma once

#include "dialect/inference_fields.h"

field_reader read_model, read_messages, read_prompt, read_stream, read_stream_options, read_limit,
    read_choices, read_stop, read_biases, read_logprobs, read_top_logprobs, read_tools,
    read_tool_choice, read_response_format, read_effort, read_thinking, read_template_kwargs, read_suffix,
    read_store, read_modalities, read_best_of, read_token_ids;
