/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/population.h"

static struct scenario scenario;
static struct population *population;
static struct span known_list[12];
static struct keys known = {.list = known_list, .count = 12};

static int begin(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO
                "  - {name: insiders, side: attacker, turned_from: known, turned_share: 0.3}\n"
                "  - {name: forgers, side: attacker, keys: forged, identities: 3}\n",
                &scenario);
    for (size_t i = 0; i < COUNT_OF(known_list); i++)
        known_list[i] = span_of(&"abcdefghijklmnop"[i], 3);
    return population_new(&scenario, &known, NULL, &population, NULL);
}

static int end(void **state)
{
    (void)state;
    population_free(population);
    return 0;
}

enum { KNOWN, BOTS, INSIDERS, FORGERS };

static void addresses_are_spread_over_networks_and_all_differ(void **state)
{
    (void)state;
    assert_int_equal(population_at(population, KNOWN, 0)->address, 0x7f100001);
    assert_int_equal(population_at(population, BOTS, 0)->address, 0x7f200001);
    assert_int_equal(population_at(population, BOTS, 2)->address, 0x7f200201);
    assert_int_equal(population_at(population, BOTS, 3)->address, 0x7f200002);
    for (uint32_t i = 1; i < 600; i++) {
        uint32_t host = population_at(population, BOTS, i)->address & 0xff;
        assert_in_range(host, 1, SCENARIO_HOSTS_MAX);
        for (uint32_t k = 0; k < i; k++)
            assert_false(population_at(population, BOTS, i)->address ==
                         population_at(population, BOTS, k)->address);
    }
}

static void insiders_are_known_ones_until_they_turn(void **state)
{
    (void)state;
    char room[POPULATION_KEY_BYTES];
    assert_ptr_equal(population_at(population, INSIDERS, 2), population_at(population, KNOWN, 2));
    assert_false(population_is_turned(population, KNOWN, 2, 9.9));
    assert_true(population_is_turned(population, KNOWN, 2, 10));
    assert_false(population_is_turned(population, KNOWN, 3, 15));
    assert_false(population_is_turned(population, INSIDERS, 2, 15));
    assert_true(span_eq(population_key(population, KNOWN, 2, 0, room), known_list[2]));
    assert_true(span_eq(population_key(population, INSIDERS, 2, 0, room), known_list[2]));
    assert_true(span_is_null(population_key(population, BOTS, 2, 0, room)));
}

static void a_forged_key_has_the_form_and_is_another_each_time(void **state)
{
    (void)state;
    char room[POPULATION_KEY_BYTES], other_room[POPULATION_KEY_BYTES];
    struct span key = population_key(population, FORGERS, 0, 1, room);
    struct span other = population_key(population, FORGERS, 0, 2, other_room);
    assert_int_equal(key.len, 51);
    assert_true(span_starts(key, SPAN("sk-sw-")) && key.ptr[17] == '-');
    assert_false(span_eq(key, other));
}

static void too_few_keys_are_told(void **state)
{
    (void)state;
    struct keys few = {.list = known_list, .count = 9};
    struct population *none = NULL;
    struct err err;
    assert_int_equal(population_new(&scenario, &few, NULL, &none, &err), -EINVAL);
    assert_string_equal(err.text, "group 'known' wants 10 keys, and the file has 9 left");
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_spread_over_networks_and_all_differ),
        cmocka_unit_test(insiders_are_known_ones_until_they_turn),
        cmocka_unit_test(a_forged_key_has_the_form_and_is_another_each_time),
        cmocka_unit_test(too_few_keys_are_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
