/* SPDX-License-Identifier: Apache-2.0 */
/* Who is promised what: one promise for an identity, kept once; shares of the plan; what is remembered, for how long, and of how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/promises.h"
#include "base/alloc.h"
#include "base/random.h"

#define NOW UINT64_C(1795476901042)
#define RATE 1000.0 /* wt/s */

static const struct mac_key key = {{9, 8, 7}};
static struct promises *promises;

static int begin(void **state)
{
    (void)state;
    random_seed(52);
    promises = promises_new(&key);
    return promises ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    promises_free(promises);
    promises_free(NULL);
    random_unseed();
    return 0;
}

static struct fair_place place(uint64_t network, uint64_t identity)
{
    return (struct fair_place){FAIR_UNKNOWN, network, identity};
}

static bool make(uint64_t network, uint64_t identity, uint64_t price, uint64_t wall_ms,
                 struct ticket *ret_ticket)
{
    const struct fair_place who = place(network, identity);
    return promises_make(promises, &who, price, RATE, wall_ms, ret_ticket);
}

static enum ticket_verdict claim(uint64_t network, uint64_t identity, struct span text,
                                 uint64_t wall_ms, uint32_t *ret_wait_ms)
{
    const struct fair_place who = place(network, identity);
    return promises_claim(promises, &who, text, false, wall_ms, ret_wait_ms);
}

static void kept_once_to_who_brings_nothing(void **state)
{
    (void)state;
    uint32_t wait = 777;
    struct ticket ticket;
    assert_int_equal(claim(1, 1, SPAN_NULL, NOW, &wait), TICKET_NONE);
    assert_true(make(1, 1, 500, NOW, &ticket));
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
    assert_int_equal(claim(1, 2, SPAN_NULL, ticket.due_ms, &wait), TICKET_NONE);
    assert_int_equal(claim(2, 1, SPAN_NULL, ticket.due_ms, &wait), TICKET_NONE);
    assert_int_equal(wait, 777);
    assert_int_equal(claim(1, 1, SPAN_NULL, NOW + 400, &wait), TICKET_EARLY);
    assert_int_equal(wait, 600);
    assert_int_equal(claim(1, 1, SPAN_NULL, ticket.due_ms - TICKET_EARLY_MS, &wait), TICKET_DUE);
    assert_int_equal(claim(1, 1, SPAN_NULL, ticket.due_ms, &wait), TICKET_NONE);
    assert_int_equal(promises_out(promises), 0);
}

static void a_ticket_is_for_the_same_promise_and_no_second_one(void **state)
{
    (void)state;
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait;
    struct ticket ticket;
    const struct fair_place who = place(1, 1);
    assert_true(make(1, 1, 500, NOW, &ticket));
    promises_write(promises, &ticket, &who, text);
    assert_int_equal(claim(1, 1, span_str(text), NOW, &wait), TICKET_EARLY);
    assert_int_equal(claim(1, 1, SPAN("made up"), NOW, &wait), TICKET_EARLY);
    assert_int_equal(claim(1, 1, SPAN_NULL, ticket.due_ms, &wait), TICKET_DUE);
    assert_int_equal(claim(1, 1, span_str(text), ticket.due_ms, &wait), TICKET_USED);
    assert_int_equal(claim(1, 1, SPAN("made up"), ticket.due_ms, &wait), TICKET_FORGED);
    assert_int_equal(claim(1, 2, span_str(text), ticket.due_ms, &wait), TICKET_FORGED);
}

static void a_ticket_outlives_the_memory_of_it(void **state)
{
    (void)state;
    char text[TICKET_TEXT_BYTES + 1];
    uint32_t wait;
    struct ticket ticket;
    const struct fair_place who = place(7, 7);
    assert_true(make(7, 7, 1, NOW, &ticket));
    promises_write(promises, &ticket, &who, text);
    /* Other classes' promises fill the ring. */
    uint64_t now = NOW;
    for (uint64_t i = 0; promises_out(promises) < PROMISES_MAX; i++) {
        const struct fair_place other = {(enum fair_class)(i % 2), i, i};
        struct ticket theirs;
        now += i % 2;
        (void)promises_make(promises, &other, 1, 1e9, now, &theirs);
        assert_true(now < NOW + 2 * (uint64_t)TICKET_LATE_MS);
    }
    const struct fair_place last = {FAIR_IN_PROFILE, UINT64_C(1) << 40, 1};
    struct ticket theirs;
    assert_true(promises_make(promises, &last, 1, 1e9, now + 10, &theirs));
    assert_int_equal(promises_out(promises), PROMISES_MAX);
    assert_int_equal(claim(7, 7, SPAN_NULL, ticket.due_ms, &wait), TICKET_NONE);
    assert_int_equal(claim(7, 7, span_str(text), ticket.due_ms, &wait), TICKET_DUE);
    assert_int_equal(claim(7, 7, span_str(text), ticket.due_ms, &wait), TICKET_USED);
}

static void who_asks_again_is_told_the_same_time(void **state)
{
    (void)state;
    struct ticket first, again;
    assert_true(make(2, 2, 3000, NOW, &first));
    assert_true(make(1, 1, 500, NOW, &first));
    assert_int_equal(first.wait_ms, 4000);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(make(1, 1, 100 * i, NOW + 10 * i, &again));
        assert_int_equal(again.serial, first.serial);
        assert_int_equal(again.due_ms, first.due_ms);
        assert_int_equal(again.wait_ms, MAX(4000 - 10 * i, (unsigned)TICKET_SOONEST_MS));
    }
    assert_int_equal(promises_out(promises), 2);
    assert_true(make(3, 3, 500, NOW, &again));
    assert_int_equal(again.wait_ms, 4500); /* the plan has moved on by one only */
}

static void kept_early_where_there_is_room(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket;
    const struct fair_place who = place(1, 1);
    assert_true(make(1, 1, 500, NOW, &ticket));
    assert_int_equal(promises_claim(promises, &who, SPAN_NULL, true, NOW, &wait), TICKET_DUE);
    assert_int_equal(promises_claim(promises, &who, SPAN_NULL, true, ticket.due_ms, &wait),
                     TICKET_NONE);
}

static void nobody_came_and_it_is_forgotten(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket, other;
    assert_true(make(1, 1, 500, NOW, &ticket));
    assert_true(make(2, 2, 500, NOW, &other));
    assert_int_equal(claim(1, 1, SPAN_NULL, ticket.due_ms + TICKET_LATE_MS + 1, &wait),
                     TICKET_NONE);
    assert_int_equal(promises_out(promises), 1);
    assert_int_equal(claim(2, 2, SPAN_NULL, other.due_ms + TICKET_LATE_MS, &wait), TICKET_DUE);
    assert_true(make(1, 1, 500, other.due_ms + TICKET_LATE_MS, &other));
    assert_int_not_equal(other.serial, ticket.serial);
}

/* A network asks for all it can get: what is left for one more network is the size of a request. */
static void no_network_has_all_of_the_plan(void **state)
{
    (void)state;
    struct ticket ticket;
    uint64_t one = 0;
    for (uint64_t identity = 0; identity < 10000; identity++)
        one += make(1, identity, 100, NOW, &ticket);
    assert_in_range(one, 2, PROMISES_PER_NETWORK_MAX);
    for (uint64_t network = 100; network < 10000; network++)
        (void)make(network, network, 2000, NOW, &ticket);
    assert_false(make(20000, 20000, 2000, NOW, &ticket));
    assert_true(make(20000, 20000, 300, NOW, &ticket)); /* who asks for little finds room */
    assert_in_range(ticket.wait_ms, 0, TICKET_AHEAD_MS_MAX);
}

/* An engine so slow that one request is a large part of the plan, or all of it. */
static void an_empty_plan_takes_any_request(void **state)
{
    (void)state;
    struct ticket ticket;
    assert_false(make(1, 1, 61000, NOW, &ticket));
    assert_true(make(1, 1, 60000, NOW, &ticket));
    assert_false(make(2, 2, 1000, NOW, &ticket));
    assert_true(make(2, 2, 1000, NOW + 40000, &ticket));
}

static void a_clock_that_is_set_back_forgets(void **state)
{
    (void)state;
    uint32_t wait;
    struct ticket ticket;
    assert_true(make(1, 1, 500, NOW, &ticket));
    assert_int_equal(claim(1, 1, SPAN_NULL, NOW - 86400000, &wait), TICKET_NONE);
    assert_true(make(1, 1, 500, NOW - 86400000, &ticket));
    assert_int_equal(ticket.wait_ms, TICKET_SOONEST_MS);
    assert_int_equal(claim(1, 1, SPAN_NULL, ticket.due_ms, &wait), TICKET_DUE);
    assert_int_equal(promises_out(promises), 0);
}

/* A million sources in a hundred thousand networks, for ten minutes: no more is promised than the plan allows, memory is what it was, and one who obeys is let in. */
static void a_million_sources_leave_no_trace(void **state)
{
    (void)state;
    size_t most = 0;
    int64_t live = mem_live_count();
    uint64_t given = 0, now = NOW;
    for (uint64_t i = 0; i < 1000000; i++) {
        struct ticket ticket;
        now = NOW + i * 600000 / 1000000;
        given += make(i / 10, i, 100 + i % 2000, now, &ticket);
        most = MAX(most, promises_out(promises));
    }
    assert_true((double)given * 100 <= 660 * RATE); /* the cheapest, over ten minutes and the one ahead */
    assert_true(most <= PROMISES_MAX);
    assert_int_equal(mem_live_count(), live);
    struct ticket mine;
    uint32_t wait;
    assert_true(make(UINT64_C(1) << 50, 1, 100, now, &mine));
    assert_int_equal(claim(UINT64_C(1) << 50, 1, SPAN_NULL, mine.due_ms, &wait), TICKET_DUE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(kept_once_to_who_brings_nothing),
        TEST(a_ticket_is_for_the_same_promise_and_no_second_one),
        TEST(a_ticket_outlives_the_memory_of_it),
        TEST(who_asks_again_is_told_the_same_time),
        TEST(kept_early_where_there_is_room),
        TEST(nobody_came_and_it_is_forgotten),
        TEST(no_network_has_all_of_the_plan),
        TEST(an_empty_plan_takes_any_request),
        TEST(a_clock_that_is_set_back_forgets),
        TEST(a_million_sources_leave_no_trace),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
