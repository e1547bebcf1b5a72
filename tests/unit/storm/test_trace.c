/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/trace.h"

static struct trace trace;

static void refused(const char *text, const char *message)
{
    struct err err = {""};
    assert_int_equal(trace_read(span_str(text), "t", &trace, &err), -EINVAL);
    assert_string_equal(err.text, message);
    trace_release(&trace);
}

static void csv_columns_may_stand_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(trace_read(SPAN("output_tokens,more,arrival_s,client_id,input_tokens\r\n"
                                     "10,x,0.5,3,100\r\n30,,2.5,4,200\n"),
                                "t", &trace, NULL),
                     0);
    assert_int_equal(trace.count, 2);
    assert_true(trace.rows[0].arrival_s == 0.5 && trace.rows[1].client == 4);
    assert_int_equal(trace.rows[1].input_tokens, 200);
    assert_true(trace.output_mean == 20 && trace.span_s == 4);
    trace_release(&trace);
}

static void json_lines_name_a_session(void **state)
{
    (void)state;
    assert_int_equal(
        trace_read(
            SPAN("{\"arrival_s\":0.0,\"input_tokens\":6758,\"output_tokens\":500,\"session\":7}\n"
                 "{\"arrival_s\":3,\"input_tokens\":1,\"output_tokens\":2}\n"),
            "t", &trace, NULL),
        0);
    assert_int_equal(trace.rows[0].client, 7);
    assert_int_equal(trace.rows[1].client, TRACE_NOBODY);
    trace_release(&trace);
}

static void wrong_rows_name_their_line(void **state)
{
    (void)state;
    refused("a,b\n", "t:1: expected columns arrival_s, input_tokens and output_tokens");
    refused("arrival_s,arrival_s,input_tokens,output_tokens\n", "t:1: a column is here twice");
    refused("arrival_s,input_tokens,output_tokens\n0,1\n",
            "t:2: it has fewer cells than the header");
    refused("arrival_s,input_tokens,output_tokens\n0,1,2,3\n",
            "t:2: it has more cells than the header");
    refused("arrival_s,input_tokens,output_tokens\n0,-1,2\n",
            "t:2: expected numbers, none negative, at most 1,000,000 tokens");
    refused("arrival_s,input_tokens,output_tokens\n0,1,nan\n",
            "t:2: expected numbers, none negative, at most 1,000,000 tokens");
    refused("arrival_s,input_tokens,output_tokens\n5,1,2\n4,1,2\n",
            "t:3: it arrives before the row above it");
    refused("{\"arrival_s\":0}\n",
            "t:1: expected an object with arrival_s, input_tokens and output_tokens");
    refused("{\"arrival_s\":0,\n",
            "t:1: expected an object with arrival_s, input_tokens and output_tokens");
    refused("", "t: expected two requests or more, at different times");
    refused("arrival_s,input_tokens,output_tokens\n1,1,2\n1,1,2\n",
            "t: expected two requests or more, at different times");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_columns_may_stand_in_any_order),
        cmocka_unit_test(json_lines_name_a_session),
        cmocka_unit_test(wrong_rows_name_their_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
