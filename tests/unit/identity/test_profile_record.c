/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "identity/profile_record.h"
#include "profile_testing.h"

#include <math.h>
#include <string.h>

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct profile wrote = test_trusted(UINT64_C(0xfedcba9876543210), 9, 8, 1234), read;
    unsigned char record[PROFILE_RECORD_BYTES];
    (void)profile_reserve(&wrote, 100000, test_at(9, 1));
    profile_grant(&wrote, 0.25, test_at(9, 1));
    profile_record_write(&wrote, record);
    assert_int_equal(profile_record_read(record, &read), 0);
    assert_memory_equal(&read, &wrote, sizeof(read));
}

static void the_bytes_are_the_same_on_every_machine(void **state)
{
    (void)state;
    struct profile profile = {
        .id = 0x0102030405060708, .hour = 0x11121314, .hour_wt = 1, .days_earned = 1};
    unsigned char record[PROFILE_RECORD_BYTES];
    profile_record_write(&profile, record);
    static const unsigned char front[] = {2,    8,    7, 6, 5,    4,    3, 2, 1, 0x14, 0x13,
                                          0x12, 0x11, 0, 0, 0x80, 0x3f, 0, 0, 1, 0};
    assert_memory_equal(record, front, sizeof(front));
}

static void every_damaged_byte_is_seen(void **state)
{
    (void)state;
    struct profile wrote = test_trusted(5, 9, 8, 1234), read = {.id = 99};
    unsigned char record[PROFILE_RECORD_BYTES];
    profile_record_write(&wrote, record);
    for (size_t i = 0; i < sizeof(record); i++) {
        record[i] ^= 0x10;
        assert_int_equal(profile_record_read(record, &read), -EBADMSG);
        record[i] ^= 0x10;
    }
    assert_int_equal(read.id, 99);
}

static void what_no_profile_can_say_is_refused(void **state)
{
    (void)state;
    const struct profile bad[] = {{.id = 0},
                                  {.id = 1, .rate = NAN},
                                  {.id = 1, .rate = -1},
                                  {.id = 1, .day_wt = INFINITY},
                                  {.id = 1, .granted_rate = 1e30F},
                                  {.id = 1, .request_wt = NAN},
                                  {.id = 1, .output_log = -0.5F},
                                  {.id = 1, .balance = NAN},
                                  {.id = 1, .balance = 1e300},
                                  {.id = 1, .day_balance = -INFINITY},
                                  {.id = 1, .days = {{.wt = NAN}}},
                                  {.id = 1, .days = {[6] = {.hours = 25}}}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        unsigned char record[PROFILE_RECORD_BYTES];
        struct profile read;
        profile_record_write(&bad[i], record);
        assert_int_equal(profile_record_read(record, &read), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_bytes_are_the_same_on_every_machine),
        cmocka_unit_test(every_damaged_byte_is_seen),
        cmocka_unit_test(what_no_profile_can_say_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
