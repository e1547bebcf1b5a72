/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "admit/ticket.h"
#include "base/random.h"

#define NOW UINT64_C(1795476901042)
#define IDENTITY 77

static const struct mac_key key = {{9, 8, 7}};
static struct ticket_plan plan;
static char text[TICKET_TEXT_BYTES + 1];

static int begin(void **state)
{
    (void)state;
    random_seed(51);
    ticket_plan_init(&plan, &key);
    return 0;
}

static int end(void **state)
{
    (void)state;
    random_unseed();
    return 0;
}

/* One for class 1 and IDENTITY, in `text`. */
static struct ticket issue(uint64_t price, double rate, uint64_t wall_ms)
{
    struct ticket ticket;
    assert_true(ticket_issue(&plan, 1, price, rate, wall_ms, &ticket));
    ticket_write(&plan, &ticket, 1, IDENTITY, text);
    return ticket;
}

static enum ticket_verdict look(uint64_t wall_ms, uint32_t *ret_wait_ms)
{
    return ticket_check(&plan, span_str(text), 1, IDENTITY, wall_ms, ret_wait_ms);
}

static void due_from_its_time_on_and_once(void **state)
{
    (void)state;
    uint32_t wait = 12345;
    struct ticket first = issue(100, 50, NOW);
    assert_int_equal(first.wait_ms, TICKET_SOONEST_MS);
    assert_int_equal(first.due_ms, NOW + TICKET_SOONEST_MS);
    struct ticket second = issue(1, 50, NOW);
    assert_int_equal(second.due_ms, first.due_ms + 2000);

    assert_int_equal(look(second.due_ms - TICKET_EARLY_MS - 1, &wait), TICKET_EARLY);
    assert_int_equal(wait, TICKET_EARLY_MS + 1);
    assert_int_equal(look(NOW, &wait), TICKET_EARLY);
    assert_int_equal(wait, 3000);
    assert_int_equal(look(second.due_ms + TICKET_LATE_MS + 1, &wait), TICKET_LATE);
    assert_int_equal(look(second.due_ms - TICKET_EARLY_MS, &wait), TICKET_DUE);
    assert_int_equal(look(second.due_ms, &wait), TICKET_USED);
    assert_int_equal(look(NOW, &wait), TICKET_USED);
    assert_int_equal(wait, 3000);
    struct ticket third = issue(1, 50, second.due_ms);
    assert_int_equal(look(third.due_ms + TICKET_LATE_MS, &wait), TICKET_DUE);
}

static void worth_nothing_to_others(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket = issue(100, 50, NOW);
    struct span span = span_str(text);
    assert_int_equal(ticket_check(&plan, span, 1, IDENTITY + 1, ticket.due_ms, &wait),
                     TICKET_FORGED);
    assert_int_equal(ticket_check(&plan, span, 0, IDENTITY, ticket.due_ms, &wait), TICKET_FORGED);
    assert_int_equal(ticket_check(&plan, span, 2, IDENTITY, ticket.due_ms, &wait), TICKET_FORGED);
    static struct ticket_plan other;
    ticket_plan_init(&other, &(struct mac_key){{1}});
    assert_int_equal(ticket_check(&other, span, 1, IDENTITY, ticket.due_ms, &wait), TICKET_FORGED);
    assert_int_equal(look(ticket.due_ms, &wait), TICKET_DUE);
}

static void one_changed_character_is_a_forgery(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket = issue(100, 50, NOW);
    for (size_t at = 0; at < TICKET_TEXT_BYTES; at++)
        for (int byte = 0; byte < 256; byte++) {
            char kept = text[at];
            text[at] = (char)byte;
            if (text[at] != kept)
                assert_int_equal(ticket_check(&plan, span_of(text, TICKET_TEXT_BYTES), 1, IDENTITY,
                                              ticket.due_ms, &wait),
                                 TICKET_FORGED);
            text[at] = kept;
        }
    for (size_t len = 0; len < TICKET_TEXT_BYTES; len++)
        assert_int_equal(ticket_check(&plan, span_of(text, len), 1, IDENTITY, ticket.due_ms, &wait),
                         TICKET_FORGED);
    assert_int_equal(ticket_check(&plan, SPAN_NULL, 1, IDENTITY, NOW, &wait), TICKET_FORGED);
    assert_int_equal(look(ticket.due_ms, &wait), TICKET_DUE);
}

static void nothing_is_promised_too_far_ahead(void **state)
{
    (void)state;
    struct ticket ticket = {.serial = 99};
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(ticket_rest_ms(&plan, 1, NOW), 59000 - 1000 * i);
        issue(1000, 1000, NOW);
    }
    assert_int_equal(ticket_rest_ms(&plan, 1, NOW), 0);
    assert_false(ticket_issue(&plan, 1, 1000, 1000, NOW, &ticket));
    assert_int_equal(ticket.serial, 99);
    assert_true(ticket_issue(&plan, 0, 1000, 1000, NOW, &ticket)); /* another class's rate */
    assert_true(ticket_issue(&plan, 1, 1000, 1000, NOW + 1000, &ticket));
    assert_int_equal(ticket.wait_ms, TICKET_AHEAD_MS_MAX);
}

static void work_without_an_end_gets_none_and_blocks_nobody(void **state)
{
    (void)state;
    const double rates[] = {0, -1, NAN, -INFINITY, 1e-300};
    struct ticket ticket;
    for (size_t i = 0; i < COUNT_OF(rates); i++)
        assert_false(ticket_issue(&plan, 1, 1000, rates[i], NOW, &ticket));
    assert_false(ticket_issue(&plan, 1, UINT64_MAX, 1000, NOW, &ticket));
    assert_false(ticket_issue(&plan, 1, 61000, 1000, NOW, &ticket));
    assert_int_equal(ticket_work_ms(61000, 1000), UINT32_MAX);
    assert_true(ticket_issue(&plan, 1, 60000, 1000, NOW, &ticket));
    assert_int_equal(ticket.work_ms, 60000);
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
    assert_true(ticket_issue(&plan, 2, 0, INFINITY, NOW, &ticket));
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
}

/* Whoever comes when told finds that all who come before have been served at that rate. */
static void no_more_is_promised_than_the_rate(void **state)
{
    (void)state;
    const double rate = 20000;
    double free_at[TICKET_CLASSES] = {0};
    uint64_t now = NOW, given = 0;
    for (unsigned i = 0; i < 200000; i++) {
        unsigned class = random_below(TICKET_CLASSES);
        uint64_t price = random_below(random_below(10) ? 500 : 100000);
        struct ticket ticket;
        now += random_below(20);
        if (!ticket_issue(&plan, class, price, rate, now, &ticket))
            continue;
        given++;
        assert_true((double)ticket.due_ms >= free_at[class]);
        assert_in_range(ticket.wait_ms, TICKET_SOONEST_MS, TICKET_AHEAD_MS_MAX);
        assert_int_equal(ticket.due_ms, now + ticket.wait_ms);
        free_at[class] = (double)ticket.due_ms + (double)price * 1000 / rate;
    }
    assert_true(given > 1000);
}

static void a_clock_that_is_set_back_promises_anew(void **state)
{
    (void)state;
    uint32_t wait;
    for (unsigned i = 0; i < 50; i++)
        issue(1000, 1000, NOW);
    struct ticket ticket = issue(1000, 1000, NOW - 86400000);
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
    assert_int_equal(look(ticket.due_ms, &wait), TICKET_DUE);
    /* One from before. */
    ticket = issue(1000, 1000, NOW);
    assert_int_equal(look(NOW - 86400000, &wait), TICKET_DUE);
    assert_int_equal(look(NOW - 86400000, &wait), TICKET_USED);
}

static void a_clock_that_is_set_forward_makes_them_late(void **state)
{
    (void)state;
    uint32_t wait;
    issue(1000, 1000, NOW);
    assert_int_equal(look(NOW + 86400000, &wait), TICKET_LATE);
    struct ticket ticket = issue(1000, 1000, NOW + 86400000);
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
    assert_int_equal(look(ticket.due_ms, &wait), TICKET_DUE);
}

static void the_window_of_serials_wraps(void **state)
{
    (void)state;
    uint32_t wait;
    char old[TICKET_TEXT_BYTES + 1], used[TICKET_TEXT_BYTES + 1];
    struct ticket first = issue(1, 1e9, NOW), ticket;
    memcpy(old, text, sizeof(old));
    struct ticket second = issue(1, 1e9, NOW);
    memcpy(used, text, sizeof(used));
    assert_int_equal(look(second.due_ms, &wait), TICKET_DUE);
    uint64_t now = NOW;
    while (plan.serial < TICKETS_OUT_MAX)
        assert_true(ticket_issue(&plan, 1, 1, 1e9, now += TICKET_SPACING_MS_MIN, &ticket));
    assert_int_equal(ticket_check(&plan, span_str(used), 1, IDENTITY, second.due_ms, &wait),
                     TICKET_USED);
    /* The next takes the first one's bit; the first can no longer be told from a used one. */
    struct ticket newest = issue(1, 1e9, now + 2000000);
    assert_int_equal(newest.serial % TICKETS_OUT_MAX, first.serial);
    assert_int_equal(look(newest.due_ms, &wait), TICKET_DUE);
    assert_int_equal(ticket_check(&plan, span_str(old), 1, IDENTITY, first.due_ms, &wait),
                     TICKET_LATE);
    issue(1, 1e9, now + 2000000);
    assert_int_equal(ticket_check(&plan, span_str(used), 1, IDENTITY, second.due_ms, &wait),
                     TICKET_LATE);
    assert_int_equal(look(newest.due_ms + TICKET_SPACING_MS_MIN, &wait), TICKET_DUE);
}

static void tickets_of_an_older_plan_are_late(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket = issue(100, 50, NOW);
    ticket_plan_init(&plan, &key);
    assert_int_equal(look(ticket.due_ms, &wait), TICKET_LATE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(due_from_its_time_on_and_once),
        TEST(worth_nothing_to_others),
        TEST(one_changed_character_is_a_forgery),
        TEST(nothing_is_promised_too_far_ahead),
        TEST(work_without_an_end_gets_none_and_blocks_nobody),
        TEST(no_more_is_promised_than_the_rate),
        TEST(a_clock_that_is_set_back_promises_anew),
        TEST(a_clock_that_is_set_forward_makes_them_late),
        TEST(the_window_of_serials_wraps),
        TEST(tickets_of_an_older_plan_are_late),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
