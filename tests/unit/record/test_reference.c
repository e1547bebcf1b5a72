/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/reason.h"
#include "record/reference.h"

static void reasons_have_a_row_each(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, REFERENCE_BYTES_MAX);
    reference_write_reasons(&buf);
    assert_int_equal(buf_status(&buf), 0);
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        char start[64];
        const struct reason_info *info = reason_info((enum reason)reason);
        snprintf(start, sizeof(start), "\n| `%s` | %u |", info->name, info->status);
        assert_non_null(strstr(buf_cstr(&buf), start));
    }
    assert_non_null(strstr(buf_cstr(&buf),
                           "| `BAD_KEY` | 401 | `invalid_request_error` | `invalid_api_key` | "));
    assert_non_null(strstr(buf_cstr(&buf), "| `OK` | 200 | | |  |\n"));
    buf_release(&buf);
}

static void pages_fit_and_say_where_they_come_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFERENCE_PAGES; i++) {
        struct buf buf;
        buf_init(&buf, REFERENCE_BYTES_MAX);
        reference_pages[i].write(&buf);
        assert_int_equal(buf_status(&buf), 0);
        assert_true(span_starts(buf_span(&buf), SPAN("# ")));
        assert_true(span_ends(buf_span(&buf), SPAN("\n")));
        assert_non_null(strstr(buf_cstr(&buf), "Written by `ninja docs`"));
        buf_release(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_have_a_row_each),
        cmocka_unit_test(pages_fit_and_say_where_they_come_from),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
