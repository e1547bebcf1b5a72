/* SPDX-License-Identifier: Apache-2.0 */
/* A backend's own arithmetic; what the gate makes of it is tested there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admit/gate_backend.h"

static struct gate_backend backend_of(uint32_t calls_max)
{
    struct gate_backend backend = {0};
    gate_backend_init(&backend);
    backend.calls_max = calls_max;
    return backend;
}

static struct turn turn_of(enum fair_class class, uint64_t prompt_tokens, uint64_t output_expected)
{
    return (struct turn){
        .place.class = class, .prompt_tokens = prompt_tokens, .output_expected = output_expected};
}

static void the_operators_number_is_never_passed(void **state)
{
    (void)state;
    struct gate_backend backend = backend_of(0);
    assert_int_equal(gate_backend_cap(&backend), LIMITER_MAX);
    assert_int_equal(gate_backend_limit(&backend), LIMITER_START);
    backend.calls_max = 3;
    assert_int_equal(gate_backend_cap(&backend), 3);
    assert_int_equal(gate_backend_limit(&backend), 3);
}

static void what_is_taken_is_given_back(void **state)
{
    (void)state;
    struct gate_backend backend = backend_of(1);
    struct turn turn = turn_of(FAIR_UNKNOWN, 100, 50);
    assert_true(gate_backend_has_room(&backend, &turn, true, 1));
    gate_backend_take(&backend, &turn);
    assert_int_equal(backend.kv_reserved, 150);
    assert_false(gate_backend_has_room(&backend, &turn, true, 1));
    assert_false(gate_backend_take_more(&backend, &turn));
    turn.output_tokens = 60;
    assert_true(gate_backend_take_more(&backend, &turn));
    assert_int_equal(backend.kv_reserved, 160);
    gate_backend_give_back(&backend, &turn, 1);
    assert_int_equal(backend.kv_reserved + backend.under_way + backend.leaving.count, 0);
    assert_int_equal(backend.under_way_most, 1);
}

static void what_was_hung_up_takes_its_place_for_who_has_to_mind(void **state)
{
    (void)state;
    struct gate_backend backend = backend_of(1);
    struct turn low = turn_of(FAIR_UNKNOWN, 100, 50), high = turn_of(FAIR_IN_PROFILE, 100, 50);
    backend.stop_ms = GATE_STOP_SOON_MS;
    gate_backend_take(&backend, &low);
    low.stopped = true;
    gate_backend_give_back(&backend, &low, 1000);
    assert_false(gate_backend_has_room(&backend, &low, true, 1));
    assert_true(gate_backend_has_room(&backend, &high, true, 1));
    assert_false(gate_backend_stops_late(&backend));
    backend.stop_ms++;
    assert_false(gate_backend_has_room(&backend, &high, true, 1));
    assert_true(gate_backend_stops_late(&backend));
    backend.stop_ms = GATE_STOPS_NOT;
    assert_false(gate_backend_stops_late(&backend));
    leaving_forget(&backend.leaving, 1000 + GATE_STOP_SOON_MS);
    assert_true(gate_backend_has_room(&backend, &low, true, 1));
}

/* Beside in-profile calls; an engine that reads a thousand tokens in 100 ms gets so many in 200. */
static void prompts_of_lower_classes_are_begun_as_fast_as_they_are_read(void **state)
{
    (void)state;
    struct gate_backend backend = backend_of(0);
    struct turn low = turn_of(FAIR_UNKNOWN, 1000, 50), high = turn_of(FAIR_IN_PROFILE, 1000, 50), huge = turn_of(FAIR_UNKNOWN, 1000000, 50);
    for (uint64_t i = 0; i < 40; i++)
        limiter_first_token(&backend.limiter, 500 + 100 * (i % 10), 20000 + 100 * (500 + 100 * (i % 10)), 1);
    low.started_ms = high.started_ms = huge.started_ms = 5000;
    for (int i = 0; i < 4; i++)
        gate_backend_take(&backend, &low);
    assert_true(gate_backend_has_room(&backend, &low, true, 5000)); /* nobody minds */
    gate_backend_take(&backend, &high);
    assert_false(gate_backend_has_room(&backend, &low, true, 5000));
    assert_true(gate_backend_has_room(&backend, &high, false, 5000));
    assert_false(gate_backend_has_room(&backend, &low, true, 5740)); /* five of them, the one in-profile too */
    assert_true(gate_backend_has_room(&backend, &low, true, 5760));
    high.entry.stretched = true;
    assert_false(gate_backend_has_room(&backend, &high, false, 5740));
    assert_true(gate_backend_has_room(&backend, &high, false, 5760));
    assert_true(gate_backend_fits(&backend, &high));
    gate_backend_give_back(&backend, &high, 5000);
    assert_true(gate_backend_has_room(&backend, &low, true, 5000));

    gate_backend_take(&backend, &high);
    gate_backend_take(&backend, &huge);
    assert_true(gate_backend_has_room(&backend, &low, true, 6200 + (uint64_t)(GATE_READ_MS_MAX / GATE_READ_SHARE)));
}

static void the_cache_is_shared_with_what_was_hung_up(void **state)
{
    (void)state;
    struct gate_backend backend = backend_of(0);
    struct turn turn = turn_of(FAIR_UNKNOWN, 400, 100);
    limiter_know(&backend.limiter, &(struct limiter_facts){.kv_tokens = 1000});
    backend.stop_ms = 100;
    gate_backend_take(&backend, &turn);
    turn.stopped = true;
    gate_backend_give_back(&backend, &turn, 1000);
    assert_false(gate_backend_has_room(&backend, &turn, true, 1)); /* 500 of 900 are taken */
    leaving_forget(&backend.leaving, 1100);
    assert_true(gate_backend_has_room(&backend, &turn, true, 1));
}

static void the_less_loaded_is_better(void **state)
{
    (void)state;
    struct gate_backend one = backend_of(4), two = backend_of(4);
    assert_false(gate_backend_is_better(&one, &two));
    two.under_way = 1;
    assert_true(gate_backend_is_better(&one, &two));
    two.weight = 3;
    assert_false(gate_backend_is_better(&one, &two));
    two.under_way = 4; /* at its limit */
    assert_true(gate_backend_is_better(&one, &two));
}

static void who_has_read_the_prompt_is_better_while_it_is_not_much_more_loaded(void **state)
{
    (void)state;
    static struct gate_backend backends[2];
    struct turn turn = turn_of(FAIR_UNKNOWN, 100, 50);
    struct prefix prefix = {.count = 3, .blocks = {11, 12, 13}},
                  other = {.count = 1, .blocks = {14}};
    backends[0] = backend_of(8);
    backends[1] = backend_of(8);
    turn.prefix = &prefix;
    gate_backend_take(&backends[1], &turn);
    assert_int_equal(backends[1].blocks, 3);
    assert_int_equal(backends[1].known_blocks, 0);
    backends[1].under_way = 2; /* a quarter of its limit more */
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[1]);
    backends[1].under_way = 3;
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[0]);
    backends[0].under_way = 2;
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[1]);
    backends[1].available = false;
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[0]);
    backends[1].available = true;
    backends[0].under_way = 7;
    backends[1].under_way = 8;
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[0]);
    backends[1].under_way = 1;
    turn.prefix = &other;
    assert_ptr_equal(gate_backend_lean(backends, 2, &backends[0], &turn, false, 1), &backends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_operators_number_is_never_passed),
        cmocka_unit_test(what_is_taken_is_given_back),
        cmocka_unit_test(what_was_hung_up_takes_its_place_for_who_has_to_mind),
        cmocka_unit_test(prompts_of_lower_classes_are_begun_as_fast_as_they_are_read),
        cmocka_unit_test(the_cache_is_shared_with_what_was_hung_up),
        cmocka_unit_test(the_less_loaded_is_better),
        cmocka_unit_test(who_has_read_the_prompt_is_better_while_it_is_not_much_more_loaded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
