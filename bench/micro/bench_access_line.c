/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of the access log costs: the fastest of 15 windows, in nanoseconds for each line, with its bytes. */
#include "base/clock.h"
#include "record/access_line.h"

#define LINES 20000
#define WINDOWS 15

static void measure(const char *name, struct record *record)
{
    static char line[ACCESS_LINE_BYTES_MAX];
    struct access_writer writer = {.peer = 0x123456789abcdef0};
    double best_ns = 1e9;
    size_t bytes = 0;
    for (int window = 0; window < WINDOWS; window++) {
        uint64_t began_us = clock_mono_us();
        for (unsigned i = 0; i < LINES; i++) {
            record->wall_ms += i % 10 == 0; /* 10,000 requests a second */
            record->bytes_out += i;
            bytes = access_line_write(&writer, record, line);
        }
        best_ns = MIN(best_ns, (double)(clock_mono_us() - began_us) * 1000 / LINES);
    }
    printf("%-10s %4.0f ns %5zu bytes\n", name, best_ns, bytes);
}

int main(void)
{
    struct record refused = {.request_id = SPAN("req_00abcdefghi01234567890"),
                             .method = SPAN("POST"),
                             .path = SPAN("/v1/chat/completions"),
                             .endpoint = SPAN("chat"),
                             .user_agent = SPAN("OpenAI/Python 1.99.1"),
                             .reason = REASON_BAD_KEY,
                             .status = 401,
                             .bytes_in = 300,
                             .began_us = 1000000,
                             .head_us = 1000020,
                             .ended_us = 1000040,
                             .wall_ms = 1795476901042};
    struct record served = refused;
    served.client_request_id = SPAN("1f0c9f3e-8c55-4a3e-9a3f-2f3ad1c9a611");
    served.model = SPAN("smollm2-135m-instruct");
    served.backend = SPAN("http://127.0.0.1:41231");
    served.key_id = 0x0123456789abcdef;
    served.reason = REASON_OK;
    served.status = 200;
    served.stream = served.streamed_upstream = served.reused_upstream = true;
    served.tries = 1;
    served.bytes_out = 12345;
    served.prompt_tokens = 120;
    served.completion_tokens = 400;
    served.body_us = 1000030;
    served.queued_us = 1000050;
    served.picked_us = 1000060;
    served.connected_us = 1000061;
    served.first_byte_us = 1200000;
    served.first_token_us = 1200100;
    served.last_token_us = 4000000;
    served.ended_us = 4000100;
    struct record strange = served;
    strange.user_agent = SPAN("\"quoted\" \xe6\xa8\xa1\xe5\x9e\x8b \x01\x02 \\ and more of it");
    measure("refused", &refused);
    measure("served", &served);
    measure("strange", &strange);
    return 0;
}
