/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/models.h"

static void the_first_model_is_taken(void **state)
{
    (void)state;
    char name[MODELS_NAME_BYTES];
    assert_int_equal(models_read(SPAN("{\"data\":[{\"id\":\"a/b\"},{\"id\":\"c\"}]}"), name), 0);
    assert_string_equal(name, "a/b");
}

static void what_names_none_is_refused(void **state)
{
    (void)state;
    char name[MODELS_NAME_BYTES];
    const char *wrong[] = {"",
                           "[]",
                           "{\"data\":[]}",
                           "{\"data\":[{\"id\":7}]}",
                           "{\"data\":[{\"id\":\"\"}]}",
                           "{\"data\":[{\"id\":\"a\\\"b\"}]}",
                           "{\"data\":[{\"id\":\"a\\nb\"}]}"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(models_read(span_str(wrong[i]), name), -EINVAL);
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    struct target target;
    struct err err;
    char name[MODELS_NAME_BYTES];
    assert_int_equal(target_read("http://127.0.0.1:1", &target, &err), 0);
    assert_int_equal(models_first(&target, SPAN_NULL, SPAN_NULL, name, &err), -ECONNREFUSED);
    assert_string_equal(err.text,
                        "cannot ask http://127.0.0.1:1 for its models: Connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_model_is_taken),
        cmocka_unit_test(what_names_none_is_refused),
        cmocka_unit_test(nobody_there_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
