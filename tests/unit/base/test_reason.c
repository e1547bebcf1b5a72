/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/reason.h"
#include "base/text.h"

static void names_fit_their_numbers(void **state)
{
    (void)state;
    assert_string_equal(reason_info(REASON_OK)->name, "OK");
    assert_string_equal(reason_info(REASON_BAD_JSON)->name, "BAD_JSON");
    assert_string_equal(reason_info(REASON_CUT)->name, "CUT");
    assert_int_equal(reason_info(REASON_BAD_KEY)->status, 401);
    assert_string_equal(reason_info(REASON_BAD_KEY)->code, "invalid_api_key");
    assert_int_equal(reason_info(REASON_OVERLOADED)->status, 503);
}

static void out_of_range_is_internal(void **state)
{
    (void)state;
    assert_ptr_equal(reason_info(REASON_COUNT), reason_info(REASON_INTERNAL));
    assert_ptr_equal(reason_info((enum reason)1000000), reason_info(REASON_INTERNAL));
}

static void every_error_can_be_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason_info *info = reason_info((enum reason)i);
        assert_true(info->status == 200 || (info->status >= 400 && info->status < 600));
        if (info->status == 200 || info->status == 499)
            continue;
        assert_true(strlen(info->type) > 0);
        assert_true(strlen(info->code) > 0);
        assert_true(strlen(info->text) > 0);
        assert_true(text_is_utf8(span_str(info->text)));
    }
}

static void codes_are_unique(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        for (unsigned j = 0; j < i; j++) {
            const char *one = reason_info((enum reason)i)->code;
            const char *other = reason_info((enum reason)j)->code;
            assert_true(one[0] == '\0' || strcmp(one, other) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_fit_their_numbers),
        cmocka_unit_test(out_of_range_is_internal),
        cmocka_unit_test(every_error_can_be_told),
        cmocka_unit_test(codes_are_unique),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
