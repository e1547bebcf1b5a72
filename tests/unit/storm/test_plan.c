/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/plan.h"

static struct plan plan;
static struct storm_options options;
static struct err err;

static int begin(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof(plan));
    options = (struct storm_options){.capacity = 15, .factor = -1, .scale = 1};
    scenario_of(SMALL_SCENARIO, &plan.scenario);
    return 0;
}

static void rates_are_multiples_of_capacity(void **state)
{
    (void)state;
    assert_int_equal(plan_settle(&options, &plan, &err), 0);
    assert_true(plan.rates[0] == 7.5 && plan.rates[1] == 150);
    options.factor = 1000;
    assert_int_equal(plan_settle(&options, &plan, &err), 0);
    assert_true(plan.rates[0] == 7.5 && plan.rates[1] == 15000);
}

static void capacity_in_tokens_goes_by_the_mean_answer(void **state)
{
    (void)state;
    plan.scenario.groups[0].output = (struct scenario_lengths){100, 0, 1000};
    options.capacity = 2000;
    options.capacity_in_tokens = true;
    assert_int_equal(plan_settle(&options, &plan, &err), 0);
    assert_true(plan.rates[0] == 10);
    options.scale = 0.5;
    assert_int_equal(plan_settle(&options, &plan, &err), 0);
    assert_true(plan.rates[0] == 20);
}

static void times_are_pressed_together(void **state)
{
    (void)state;
    options.seconds = 15;
    assert_int_equal(plan_settle(&options, &plan, &err), 0);
    assert_true(plan.scenario.seconds == 15 && plan.scenario.warm_s == 1);
    assert_true(plan.scenario.attack_from_s == 5 && plan.scenario.attack_to_s == 10);
    assert_true(plan.scenario.groups[1].from_s == 5 && plan.scenario.groups[0].to_s == 15);
}

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    plan.scenario.groups[0].trace = true;
    assert_int_equal(plan_settle(&options, &plan, &err), -EINVAL);
    assert_string_equal(err.text, "group 'known' replays a trace: --trace says which");
    plan.scenario.groups[0].trace = false;
    options.factor = 100000;
    assert_int_equal(plan_settle(&options, &plan, &err), -EINVAL);
    assert_string_equal(err.text,
                        "group 'bots' would send 1500000 requests a second; at most 1000000");
}

static void its_files_are_read_and_released(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof(plan));
    options.scenario = "calm";
    assert_int_equal(plan_load(&options, &plan, &err), 0);
    assert_true(fabs(plan.rates[0] - 7.2) < 1e-9);
    plan_release(&plan);
    options.keys_path = "/nowhere/keys";
    assert_int_equal(plan_load(&options, &plan, &err), -ENOENT);
    plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rates_are_multiples_of_capacity, begin),
        cmocka_unit_test_setup(capacity_in_tokens_goes_by_the_mean_answer, begin),
        cmocka_unit_test_setup(times_are_pressed_together, begin),
        cmocka_unit_test_setup(what_cannot_be_done_is_refused, begin),
        cmocka_unit_test_setup(its_files_are_read_and_released, begin),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
