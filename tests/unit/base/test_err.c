/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

static void code_comes_back_with_and_without_err(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, -EINVAL, "bad '%s'", "x"), -EINVAL);
    assert_string_equal(err.text, "bad 'x'");
    assert_int_equal(err_set(NULL, -EINVAL, "bad"), -EINVAL);
    assert_int_equal(err_errno(NULL, -ENOENT, "bad"), -ENOENT);
    assert_int_equal(err_prefix(NULL, -EPERM, "bad"), -EPERM);
}

static void errno_adds_the_systems_words(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_errno(&err, -ENOENT, "cannot open '%s'", "keys.db"), -ENOENT);
    assert_string_equal(err.text, "cannot open 'keys.db': No such file or directory");
}

static void prefixes_pile_up(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, -EINVAL, "not a number");
    err_prefix(&err, -EINVAL, "'%s'", "port");
    err_prefix(&err, -EINVAL, "line %d", 3);
    assert_string_equal(err.text, "line 3: 'port': not a number");
}

static void own_text_may_be_an_argument(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, -EINVAL, "inner");
    err_set(&err, -EINVAL, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    err_prefix(&err, -EINVAL, "%s", err.text);
    assert_string_equal(err.text, "outer (inner): outer (inner)");
}

static void long_texts_are_cut_and_terminated(void **state)
{
    (void)state;
    struct err err;
    char name[1000];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    err_set(&err, -EINVAL, "%s", name);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    err_errno(&err, -EINVAL, "%s", name);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    err_prefix(&err, -EINVAL, "front");
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_memory_equal(err.text, "front: nnn", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_comes_back_with_and_without_err),
        cmocka_unit_test(errno_adds_the_systems_words),
        cmocka_unit_test(prefixes_pile_up),
        cmocka_unit_test(own_text_may_be_an_argument),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
