/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rates.h"

static json_t *top(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void assert_near(double value, double want)
{
    assert_true(value > want - 0.001 && value < want + 0.001);
}

static void test_differences_become_rates(void **state)
{
    (void)state;
    json_t *before =
        top("{\"now_ms\":1000,\"uptime_s\":1,\"requests_total\":10,\"errors_total\":1,\"prompt_"
            "tokens\":100,"
            "\"completion_tokens\":0,\"bounds_ms\":[10,100],\"first_token_ms\":[1,1,1]}");
    json_t *after = top(
        "{\"now_ms\":3000,\"uptime_s\":3,\"requests_total\":30,\"errors_total\":2,\"prompt_"
        "tokens\":300,"
        "\"completion_tokens\":50,\"connections_open\":7,\"requests_open\":6,\"streams_open\":5,"
        "\"bounds_ms\":[10,100],\"first_token_ms\":[1,5,1]}");
    struct rates rates;
    assert_true(rates_between(before, after, &rates));
    assert_near(rates.interval_s, 2);
    assert_near(rates.requests_s, 10);
    assert_near(rates.errors_s, 0.5);
    assert_near(rates.prompt_tokens_s, 100);
    assert_near(rates.completion_tokens_s, 25);
    assert_int_equal(rates.connections, 7);
    assert_int_equal(rates.requests_open, 6);
    assert_int_equal(rates.streams, 5);
    assert_near(rates.first_token_ms, 55); /* the middle of 10 … 100 */
    json_decref(after);
    after = top("{\"now_ms\":3000,\"uptime_s\":3,\"requests_total\":10,\"bounds_ms\":[10,100],"
                "\"first_token_ms\":[1,1,1]}");
    json_object_set_new(after, "errors_total", json_integer(1));
    json_object_set_new(after, "prompt_tokens", json_integer(100));
    json_object_set_new(after, "completion_tokens", json_integer(0));
    assert_true(rates_between(before, after, &rates));
    assert_true(rates.first_token_ms < 0);
    json_decref(after);
    json_decref(before);
}

static void test_another_life_has_no_rates(void **state)
{
    (void)state;
    static const char *const afters[] = {
        "{\"now_ms\":1000,\"uptime_s\":10,\"requests_total\":10}", /* no time between */
        "{\"now_ms\":2000,\"uptime_s\":11,\"requests_total\":9}",  /* fewer than before */
        "{\"now_ms\":2000,\"uptime_s\":0,\"requests_total\":10}",  /* younger than before */
    };
    json_t *before = top("{\"now_ms\":1000,\"uptime_s\":10,\"requests_total\":10}");
    for (size_t i = 0; i < COUNT_OF(afters); i++) {
        struct rates rates;
        json_t *after = top(afters[i]);
        assert_false(rates_between(before, after, &rates));
        json_decref(after);
    }
    json_decref(before);
}

static void test_medians(void **state)
{
    (void)state;
    const double bounds[] = {10, 20, 40};
    const uint64_t none[] = {0, 0, 0, 0}, first[] = {4, 0, 0, 0}, second[] = {1, 2, 1, 0},
                   last[] = {0, 0, 1, 5};
    assert_near(rates_median(none, bounds, 3), -1);
    assert_near(rates_median(first, bounds, 3), 5);
    assert_near(rates_median(second, bounds, 3), 15);
    assert_near(rates_median(last, bounds, 3), 40); /* at least */
}

static void test_a_histogram_of_another_size_is_passed_over(void **state)
{
    (void)state;
    struct rates rates;
    json_t *before = top("{\"now_ms\":1000,\"bounds_ms\":[10],\"first_token_ms\":[1,1]}");
    json_t *after = top("{\"now_ms\":2000,\"bounds_ms\":[10,20],\"first_token_ms\":[1,5,1]}");
    assert_true(rates_between(before, after, &rates));
    assert_true(rates.first_token_ms < 0);
    json_decref(after);
    json_decref(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences_become_rates),
        cmocka_unit_test(test_another_life_has_no_rates),
        cmocka_unit_test(test_medians),
        cmocka_unit_test(test_a_histogram_of_another_size_is_passed_over),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
