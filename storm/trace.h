/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace files: what a real service was asked, request by request, for replay.
 *
 *     arrival_s,client_id,input_tokens,output_tokens      {"arrival_s":0.0,"input_tokens":6758,"output_tokens":500,"session":3}
 *     0.002,23,196,625
 *
 * CSV with a header whose columns stand in any order (others are passed over), or one JSON object a line. arrival_s,
 * input_tokens and output_tokens are needed; client_id or session says who it was. Rows are in order of arrival.
 *
 * A trace is read once and then only looked at. One thread reads; any may look.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define TRACE_FILE_BYTES_MAX (256U << 20)
#define TRACE_ROWS_MAX 4000000
#define TRACE_TOKENS_MAX 1000000 /* a larger number in the file is refused */
#define TRACE_NOBODY UINT32_MAX  /* the file does not say who */

struct trace_row {
    double arrival_s;
    uint32_t client, input_tokens, output_tokens;
};

struct trace {
    struct trace_row *rows;
    size_t count;
    double span_s; /* from the first row to one mean gap behind the last */
    double output_mean;
};

/* `name` stands in front of errors, with the line. 0, -EINVAL, -ENOSPC or -ENOMEM. Release it in any case. */
int trace_read(struct span text, const char *name, struct trace *ret_trace,
               struct err *err) must_check;
int trace_load(const char *path, struct trace *ret_trace, struct err *err) must_check;
void trace_release(struct trace *trace);
