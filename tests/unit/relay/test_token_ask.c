/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "relay/token_ask.h"

static void the_body_says_what_is_asked(void **state)
{
    (void)state;
    struct relay_ask what;
    struct buf buf;
    struct token_ask ask = {.model = "a \"b\"", .text = SPAN("Hi"), .tokens_max = 3};
    buf_init(&buf, 4096);
    assert_int_equal(token_ask_write(&ask, &buf, &what), 0);
    assert_true(span_eq(
        span_of(what.body, what.body_len),
        SPAN("{\"model\":\"a \\\"b\\\"\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
             "\"max_tokens\":3,\"stream\":true}")));
    assert_ptr_equal(what.body, buf.ptr + RELAY_HEADROOM);
    assert_true(what.stream);
    buf_clear(&buf);
    ask.ignore_end = true;
    assert_int_equal(token_ask_write(&ask, &buf, &what), 0);
    assert_true(span_find(span_of(what.body, what.body_len), SPAN("\"ignore_eos\":true}")) > 0);
    buf_release(&buf);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct relay_ask what;
    const struct token_ask ask = {.model = "m", .text = SPAN("Hi"), .tokens_max = 1};
    for (size_t max = 1; max < RELAY_HEADROOM + 50; max += 49) {
        struct buf buf;
        buf_init(&buf, max);
        assert_true(token_ask_write(&ask, &buf, &what) < 0);
        buf_release(&buf);
    }
}

static void an_event_with_a_choice_is_told_from_others(void **state)
{
    (void)state;
    assert_true(token_event(SPAN("{\"id\":\"x\",\"choices\":[{\"delta\":{}}]}")));
    assert_true(token_event(SPAN("{\"choices\" : [ {\"text\":\"\"}]}")));
    assert_false(token_event(SPAN("{\"choices\":[],\"usage\":{}}")));
    assert_false(token_event(SPAN("[DONE]")));
    assert_false(token_event(SPAN("{\"choices\"")));
    assert_false(token_event(SPAN_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_says_what_is_asked),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(an_event_with_a_choice_is_told_from_others),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
