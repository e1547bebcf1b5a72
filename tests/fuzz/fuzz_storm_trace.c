/* SPDX-License-Identifier: Apache-2.0 */
/* A trace's file. A refusal says why; what is accepted is in order and has a rate. */
#include "fuzz.h"

#include "storm/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace trace;
    struct err err = {""};
    if (trace_read(span_of(data, size), "f", &trace, &err) < 0) {
        check(span_starts(span_str(err.text), SPAN("f:")));
    } else {
        check(trace.count >= 2 && trace.span_s > 0 && trace.output_mean >= 1);
        for (size_t i = 1; i < trace.count; i++)
            check(trace.rows[i].arrival_s >= trace.rows[i - 1].arrival_s);
    }
    trace_release(&trace);
    return 0;
}
