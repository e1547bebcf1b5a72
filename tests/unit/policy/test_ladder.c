/* SPDX-License-Identifier: Apache-2.0 */
/* When rungs stand and fall, whom they touch, and that they never give more than was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"
#include "policy/ladder.h"

#define TICK_MS 100

static struct ladder ladder;
static uint64_t now;

static int begin(void **state)
{
    (void)state;
    ladder = (struct ladder){0};
    now = 1000000;
    return 0;
}

static uint32_t look(double waiting_s, bool siege, bool crowds)
{
    ladder_look(&ladder, &(struct ladder_pressure){waiting_s, siege}, crowds, now += TICK_MS);
    return ladder.rungs;
}

/* The same for so long. */
static uint32_t look_for(uint64_t ms, double waiting_s, bool siege, bool crowds)
{
    for (uint64_t passed = 0; passed < ms; passed += TICK_MS)
        (void)look(waiting_s, siege, crowds);
    return ladder.rungs;
}

/* ---- how many rungs stand ---------------------------------------------------------------------------- */

static void rungs_begin_at_their_marks(void **state)
{
    (void)state;
    static const struct {
        double waiting_s;
        uint32_t rungs;
    } marks[] = {{0, 0},    {9.9, 0}, {10, 1},   {19.9, 1}, {20, 2},
                 {39.9, 2}, {40, 3},  {79.9, 3}, {80, 4},   {1e9, 4}};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        ladder = (struct ladder){0};
        assert_int_equal(look(marks[i].waiting_s, false, true), marks[i].rungs);
    }
}

static void the_first_rung_goes_with_the_siege(void **state)
{
    (void)state;
    assert_int_equal(look(3, true, false), 1); /* begun earlier than anybody looked here */
    assert_int_equal(look_for(10 * LADDER_CALM_MS, 0, true, false), 1);
    assert_int_equal(look(1000, false, false), 0);
    assert_int_equal(look(1000, true, false), 4);
}

static void without_a_siege_nothing_stands_unless_crowds_count(void **state)
{
    (void)state;
    assert_int_equal(look_for(1000, 1000, false, false), 0);
    assert_int_equal(look(1000, false, true), 4);
    assert_int_equal(look(1000, false, false), 0); /* the operator took it back */
}

static void a_rung_goes_on_at_a_fifth_of_its_mark_and_ends_after_a_calm(void **state)
{
    (void)state;
    assert_int_equal(look(80, false, true), 4);
    assert_int_equal(look_for(3 * LADDER_CALM_MS, 16, false, true), 4);
    assert_int_equal(look_for(LADDER_CALM_MS - TICK_MS, 15.9, false, true), 4);
    assert_int_equal(look(15.9, false, true), 3);
    assert_int_equal(look_for(3 * LADDER_CALM_MS, 15.9, false, true), 3);
    assert_int_equal(look_for(LADDER_CALM_MS, 0, false, true), 0);
}

/* Pressure that swings about a mark, as it does when answers are shortened and the queue shrinks for it. */
static void a_rung_does_not_flap(void **state)
{
    (void)state;
    uint32_t changes = 0, before = 0;
    for (int i = 0; i < 6000; i++) {
        uint32_t rungs = look(i / 50 % 2 ? 21 : 5, true, false);
        changes += rungs != before;
        before = rungs;
    }
    assert_int_equal(before, 2);
    assert_int_equal(changes, 2); /* the first rung, the second: and no more */
}

/* A rung that has fallen has to reach its whole mark again, however lately it stood. */
static void a_fallen_rung_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(look(80, true, false), 4);
    assert_int_equal(look(10, false, false), 0);
    assert_int_equal(look(39, true, false), 2);
}

/* ---- whom they touch ---------------------------------------------------------------------------------- */

static const struct ladder_settings settings = {
    .modes = {LADDER_ON, LADDER_DRY_RUN, LADDER_ON, LADDER_ON},
    .rungs_max = {[LADDER_PAID] = 2, [LADDER_UNKNOWN] = LADDER_RUNGS},
    .output_tokens = 256,
    .context_tokens = 4096};

static struct ladder_facts large(enum ladder_class class, uint32_t rungs)
{
    return (struct ladder_facts){.class = class,
                                 .rungs = rungs,
                                 .prompt_tokens = 100000,
                                 .can_think_less = true,
                                 .has_smaller = true};
}

static void plans(const struct ladder_facts *facts, enum ladder_mode output,
                  enum ladder_mode reasoning, enum ladder_mode context, enum ladder_mode model)
{
    struct ladder_plan plan;
    ladder_plan(&settings, facts, &plan);
    assert_int_equal(plan.modes[LADDER_OUTPUT], output);
    assert_int_equal(plan.modes[LADDER_REASONING], reasoning);
    assert_int_equal(plan.modes[LADDER_CONTEXT], context);
    assert_int_equal(plan.modes[LADDER_MODEL], model);
}

static void a_class_goes_down_as_far_as_it_may(void **state)
{
    (void)state;
    struct ladder_facts facts = large(LADDER_IN_PROFILE, LADDER_RUNGS);
    plans(&facts, LADDER_OFF, LADDER_OFF, LADDER_OFF, LADDER_OFF);
    facts = large(LADDER_PAID, LADDER_RUNGS);
    plans(&facts, LADDER_ON, LADDER_DRY_RUN, LADDER_OFF, LADDER_OFF);
    facts = large(LADDER_UNKNOWN, LADDER_RUNGS);
    plans(&facts, LADDER_ON, LADDER_DRY_RUN, LADDER_ON, LADDER_ON);
    facts = large(LADDER_UNKNOWN, 3);
    plans(&facts, LADDER_ON, LADDER_DRY_RUN, LADDER_ON, LADDER_OFF);
    facts = large(LADDER_UNKNOWN, 0); /* output: its turn will tell */
    plans(&facts, LADDER_ON, LADDER_OFF, LADDER_OFF, LADDER_OFF);
}

static void what_is_small_already_is_let_alone(void **state)
{
    (void)state;
    struct ladder_facts facts = {.class = LADDER_UNKNOWN,
                                 .rungs = LADDER_RUNGS,
                                 .output_tokens = 256,
                                 .prompt_tokens = 4096};
    plans(&facts, LADDER_OFF, LADDER_OFF, LADDER_OFF, LADDER_OFF);
    facts.output_tokens = 257;
    facts.prompt_tokens = 4097;
    plans(&facts, LADDER_ON, LADDER_OFF, LADDER_ON, LADDER_OFF);
}

static uint32_t below(struct chance *chance, uint32_t bound)
{
    return (uint32_t)(chance_u64(chance) % bound);
}

/* Whatever the settings and facts: only rungs that stand, are let and have something to leave away; more rungs never take anything back. */
static void plans_hold_for_all_facts(void **state)
{
    (void)state;
    struct chance chance = chance_of(5);
    for (int i = 0; i < 20000; i++) {
        struct ladder_settings any = {.output_tokens = 1 + below(&chance, 1000),
                                      .context_tokens = 1 + below(&chance, 1000)};
        for (int rung = 0; rung < LADDER_RUNGS; rung++)
            any.modes[rung] = (enum ladder_mode)below(&chance, 3);
        for (int class = 0; class < LADDER_CLASSES; class ++)
            any.rungs_max[class] = below(&chance, LADDER_RUNGS + 1);
        struct ladder_facts facts = {.class = (enum ladder_class)below(&chance, LADDER_CLASSES),
                                     .output_tokens = below(&chance, 2000),
                                     .prompt_tokens = below(&chance, 2000),
                                     .can_think_less = below(&chance, 2),
                                     .has_smaller = below(&chance, 2)};
        struct ladder_plan before = {0}, plan;
        for (facts.rungs = 0; facts.rungs <= LADDER_RUNGS; facts.rungs++) {
            ladder_plan(&any, &facts, &plan);
            for (int rung = 0; rung < LADDER_RUNGS; rung++) {
                assert_true(plan.modes[rung] == LADDER_OFF || plan.modes[rung] == any.modes[rung]);
                assert_true(plan.modes[rung] == LADDER_OFF ||
                            (uint32_t)rung < any.rungs_max[facts.class]);
                assert_true(plan.modes[rung] == LADDER_OFF || rung == LADDER_OUTPUT ||
                            (uint32_t)rung < facts.rungs);
                assert_true(before.modes[rung] == LADDER_OFF ||
                            plan.modes[rung] == before.modes[rung]);
            }
            assert_true(plan.modes[LADDER_OUTPUT] == LADDER_OFF || facts.output_tokens == 0 ||
                        facts.output_tokens > any.output_tokens);
            assert_true(plan.modes[LADDER_CONTEXT] == LADDER_OFF ||
                        facts.prompt_tokens > any.context_tokens);
            assert_true(plan.modes[LADDER_REASONING] == LADDER_OFF || facts.can_think_less);
            assert_true(plan.modes[LADDER_MODEL] == LADDER_OFF || facts.has_smaller);
            before = plan;
        }
    }
}

/* ---- words -------------------------------------------------------------------------------------------- */

static void writes(const struct ladder_steps *steps, const char *expected)
{
    char room[LADDER_TEXT_MAX];
    struct buf buf = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    ladder_write(steps, &buf);
    assert_int_equal(buf_status(&buf), 0);
    assert_true(span_eq(buf_span(&buf), span_str(expected)));
}

static void steps_are_written_as_a_dictionary(void **state)
{
    (void)state;
    struct ladder_steps steps = {
        .output_tokens = 256, .messages = 12, .reasoning = SPAN("low"), .model = SPAN("small")};
    writes(&steps, "");
    steps.rungs = 1u << LADDER_OUTPUT;
    writes(&steps, "output=256");
    steps.rungs = (1u << LADDER_RUNGS) - 1;
    writes(&steps, "output=256, reasoning=low, context=-12, model=\"small\"");
    steps.rungs = 1u << LADDER_MODEL | 1u << LADDER_CONTEXT;
    steps.model = SPAN("a\"b\\c/d:e");
    writes(&steps, "context=-12, model=\"a\\\"b\\\\c/d:e\"");
    steps.model = SPAN("mod\xc3\xa8le");
    writes(&steps, "context=-12, model");
}

static void the_longest_name_finds_room(void **state)
{
    (void)state;
    char name[255], room[LADDER_TEXT_MAX];
    memset(name, '"', sizeof(name));
    struct buf buf = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    struct ladder_steps steps = {.rungs = (1u << LADDER_RUNGS) - 1,
                                 .output_tokens = UINT64_MAX,
                                 .messages = UINT32_MAX,
                                 .reasoning = SPAN("low"),
                                 .model = span_of(name, sizeof(name))};
    ladder_write(&steps, &buf);
    assert_int_equal(buf_status(&buf), 0);
    assert_true(span_ends(buf_span(&buf), SPAN("\\\"\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rungs_begin_at_their_marks, begin),
        cmocka_unit_test_setup(the_first_rung_goes_with_the_siege, begin),
        cmocka_unit_test_setup(without_a_siege_nothing_stands_unless_crowds_count, begin),
        cmocka_unit_test_setup(a_rung_goes_on_at_a_fifth_of_its_mark_and_ends_after_a_calm, begin),
        cmocka_unit_test_setup(a_rung_does_not_flap, begin),
        cmocka_unit_test_setup(a_fallen_rung_begins_anew, begin),
        cmocka_unit_test(a_class_goes_down_as_far_as_it_may),
        cmocka_unit_test(what_is_small_already_is_let_alone),
        cmocka_unit_test(plans_hold_for_all_facts),
        cmocka_unit_test(steps_are_written_as_a_dictionary),
        cmocka_unit_test(the_longest_name_finds_room),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
