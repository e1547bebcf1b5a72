/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/limits_json.h"

static struct buf text;

static int begin(void **state)
{
    (void)state;
    buf_init(&text, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&text);
    return 0;
}

static int read_into(const char *json, struct limits *limits, struct err *err)
{
    json_t *object = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(object);
    int result = limits_read_json(object, limits, err);
    json_decref(object);
    return result;
}

static const char *written(const struct limits *limits)
{
    buf_clear(&text);
    struct json_out out = json_out_start(&text);
    limits_write_json(&out, limits);
    return buf_cstr(&text);
}

static void what_is_named_changes(void **state)
{
    (void)state;
    struct limits limits = limits_unset();
    struct err err = {""};
    assert_string_equal(written(&limits), "{}");
    assert_int_equal(read_into("{\"tokens_per_day\":1000,\"spend_per_day\":\"5\",\"concurrent_"
                               "calls\":\"none\",\"output_tokens\":\"7\"}",
                               &limits, &err),
                     0);
    assert_string_equal(written(&limits), "{\"tokens_per_day\":1000,\"concurrent_calls\":\"none\","
                                          "\"spend_per_day\":\"5.00\",\"output_tokens\":7}");
    assert_int_equal(
        read_into("{\"tokens_per_day\":null,\"spend_per_day\":\"default\",\"concurrent_calls\":3}",
                  &limits, &err),
        0);
    assert_string_equal(written(&limits), "{\"concurrent_calls\":3,\"output_tokens\":7}");
}

static void what_is_no_limit_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"[]",
                                          "3",
                                          "{\"tokens\":1}",
                                          "{\"tokens_per_day\":0}",
                                          "{\"tokens_per_day\":-1}",
                                          "{\"tokens_per_day\":1.5}",
                                          "{\"tokens_per_day\":true}",
                                          "{\"tokens_per_day\":{}}",
                                          "{\"tokens_per_day\":\"\"}",
                                          "{\"tokens_per_day\":9000000000000}",
                                          "{\"spend_per_day\":\"-5\"}"};
    struct limits limits = limits_unset();
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct err err = {""};
        assert_int_equal(read_into(refused[i], &limits, &err), -EINVAL);
        assert_true(err.text[0] != '\0');
    }
}

static void how_they_stand_is_told_with_where_they_come_from(void **state)
{
    (void)state;
    const struct budget_time time = {1000000, UINT64_C(1795521600000)};
    struct budgets *budgets = budgets_new();
    struct limits own = limits_unset(), fallback = {{0}};
    own.of[LIMIT_SPEND_DAY] = 2000000;
    fallback.of[LIMIT_TOKENS_DAY] = 100;
    fallback.of[LIMIT_OUTPUT] = 9;
    struct limits limits = limits_over(&own, &fallback);
    assert_int_equal(budgets_learn(budgets, 7, 40, UINT64_C(1500000000000), 0, time), 0);
    buf_clear(&text);
    struct json_out out = json_out_start(&text);
    json_out_open(&out, '[');
    limits_write_use(&out, budgets, 7, &limits, &own, SPAN("key"), time);
    json_out_close(&out, ']');
    assert_string_equal(buf_cstr(&text),
                        "[{\"limit\":\"tokens_per_day\",\"value\":100,\"from\":\"configuration\","
                        "\"used\":40,\"reset_s\":43200},"
                        "{\"limit\":\"spend_per_day\",\"value\":\"2.00\",\"from\":\"key\",\"used\":"
                        "\"1.50\",\"reset_s\":43200},"
                        "{\"limit\":\"output_tokens\",\"value\":9,\"from\":\"configuration\"}]");
    budgets_free(budgets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_changes),
        cmocka_unit_test(what_is_no_limit_is_refused),
        cmocka_unit_test(how_they_stand_is_told_with_where_they_come_from),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
