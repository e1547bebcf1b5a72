/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/keys.h"

static int read_keys(struct span text, struct keys *keys, struct err *err)
{
    *keys = (struct keys){.list = NULL};
    buf_init(&keys->text, KEYS_FILE_BYTES_MAX);
    buf_append(&keys->text, text);
    return keys_read(keys, "k", err);
}

static void each_line_is_a_key(void **state)
{
    (void)state;
    struct keys keys;
    assert_int_equal(read_keys(SPAN("# users\nsk-a\r\n\n  sk-b \nsk-c"), &keys, NULL), 0);
    assert_int_equal(keys.count, 3);
    assert_true(span_eq(keys.list[0], SPAN("sk-a")) && span_eq(keys.list[1], SPAN("sk-b")));
    assert_true(span_eq(keys.list[2], SPAN("sk-c")));
    keys_release(&keys);
    keys_release(&keys);
    keys_release(NULL);
}

static void what_is_no_key_names_its_line(void **state)
{
    (void)state;
    char long_line[KEYS_BYTES_MAX + 2];
    struct keys keys;
    struct err err;
    memset(long_line, 'k', sizeof(long_line));
    long_line[sizeof(long_line) - 1] = '\0';
    const char *wrong[] = {"sk-a\ntwo words\n", "sk-a\n\x01\n", "sk-a\nd\xc3\xa9j\xc3\xa0\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(read_keys(span_str(wrong[i]), &keys, &err), -EINVAL);
        assert_string_equal(err.text, "k:2: expected a key of 1 to 512 visible characters");
        keys_release(&keys);
    }
    assert_int_equal(read_keys(span_str(long_line), &keys, &err), -EINVAL);
    keys_release(&keys);
    assert_int_equal(read_keys(span_str(long_line + 1), &keys, &err), 0);
    keys_release(&keys);
}

static void no_key_at_all_is_refused(void **state)
{
    (void)state;
    struct keys keys;
    struct err err;
    assert_int_equal(read_keys(SPAN("\n# none\n"), &keys, &err), -EINVAL);
    assert_string_equal(err.text, "k: there is no key in it");
    keys_release(&keys);
    assert_int_equal(keys_load("/nowhere/keys", &keys, &err), -ENOENT);
    keys_release(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_key),
        cmocka_unit_test(what_is_no_key_names_its_line),
        cmocka_unit_test(no_key_at_all_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
