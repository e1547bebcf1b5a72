/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

static struct scenario scenario;

/* The small scenario with `find` replaced once. */
static void refused(const char *find, const char *replace, const char *message)
{
    static const char small[] = SMALL_SCENARIO;
    char text[4096];
    struct err err = {""};
    const char *at = strstr(small, find);
    assert_non_null(at);
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - small), small, replace,
                   at + strlen(find));
    memset(&scenario, 7, sizeof(scenario));
    assert_int_equal(scenario_read(span_str(text), "s", &scenario, &err), -EINVAL);
    assert_string_equal(err.text, message);
    assert_int_equal(scenario.groups_count, 0x07070707);
}

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO, &scenario);
    const struct scenario_group *known = &scenario.groups[0], *bots = &scenario.groups[1];
    assert_string_equal(scenario.title, "small");
    assert_int_equal(scenario.groups_count, 2);
    assert_true(scenario.drain_s == 20 && scenario.bytes_per_token == 4 && !scenario.any_length);
    assert_int_equal(known->networks, 1);
    assert_true(known->from_s == 0 && known->to_s == 30 && known->load == 0.5);
    assert_int_equal(known->turned_from, 0);
    assert_int_equal(bots->networks, 3);
    assert_true(bots->from_s == 10 && bots->to_s == 20 && bots->patience_s == 30);
    assert_true(bots->output.median == 180 && bots->output.max == 1000);
    assert_int_equal(bots->turned_from, 1);
}

static void turned_ones_are_the_first_of_another_group(void **state)
{
    (void)state;
    scenario_of(SMALL_SCENARIO
                "  - {name: insiders, side: attacker, turned_from: known, turned_share: 0.25}\n",
                &scenario);
    assert_int_equal(scenario.groups[2].identities, 3);
    assert_int_equal(scenario.groups[2].turned_from, 0);
    assert_int_equal(scenario.groups[2].keys, KEYS_KNOWN);
}

static void every_built_in_scenario_is_good(void **state)
{
    (void)state;
    size_t count = 0;
    for (; scenario_name_at(count); count++) {
        struct err err = {""};
        assert_int_equal(scenario_load(scenario_name_at(count), &scenario, &err), 0);
        assert_string_equal(err.text, "");
        if (count > 0)
            assert_true(strcmp(scenario_name_at(count - 1), scenario_name_at(count)) < 0);
    }
    assert_true(count >= 14);
}

static void a_wrong_value_names_its_line_and_what_was_expected(void **state)
{
    (void)state;
    refused("seconds: 30", "seconds: 0",
            "s:2: 'seconds' is '0'; expected a number from 1 to 86400");
    refused("seconds: 30", "seconds: 1e3",
            "s:2: 'seconds' is '1e3'; expected a number from 1 to 86400");
    refused("seconds: 30", "seconds: \"30\"",
            "s:2: 'seconds' is '30'; expected a number from 1 to 86400");
    refused("seconds: 30", "seconds: [30]",
            "s:2: 'seconds' is something else; expected a number from 1 to 86400");
    refused("side: attacker", "side: villain",
            "s:9: 'side' is 'villain'; expected 'legitimate' or 'attacker'");
    refused("name: bots", "name: Bots", "s:9: 'name' is 'Bots'; expected 1 to 23 of a-z 0-9 -");
    refused("identities: 10", "identities: 10.5",
            "s:8: 'identities' is '10.5'; expected a whole number from 1 to 500000");
    refused("load: 0.5", "trace: yes", "s:8: 'trace' is 'yes'; expected true or false");
}

static void what_is_missing_or_unknown_is_named(void **state)
{
    (void)state;
    refused("title: small\n", "", "s:1: 'title' is missing; expected a text of 1 to 159 bytes");
    refused("load: 0.5", "lode: 0.5", "s:8: 'lode' is no key of a group");
    refused("factor: 10", "faktor: 10", "s:6: 'faktor' is no key of a scenario");
    refused("factor: 10", "seconds: 10", "s:6: 'seconds' is here twice");
    refused("identities: 10, ", "",
            "s:8: 'identities' is missing; expected a whole number from 1 to 500000");
    refused("name: bots", "name: known", "s:9: a group 'known' is here twice");
}

static void what_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    refused("attack_to_s: 20", "attack_to_s: 9",
            "s:1: the attack ends at 9 s: not behind its begin, or behind the end");
    refused("attack_to_s: 20", "attack_to_s: 31",
            "s:1: the attack ends at 31 s: not behind its begin, or behind the end");
    refused("warm_s: 2", "warm_s: 10",
            "s:1: the attack begins at 10 s: there is no calm before it");
    refused("connections: 2", "from_s: 30",
            "s:9: 'bots' would send nothing: it begins at 30 s and ends at 20 s");
    refused("connections: 2", "networks: 2",
            "s:9: 600 identities need 3 networks or more, of 254 addresses each");
    refused("identities: 600", "turned_from: nobody, turned_share: 1",
            "s:9: 'turned_from' names no group above this one");
    refused("identities: 600", "turned_from: known",
            "s:9: 'turned_share' is missing; expected a number from 1e-06 to 1");
    refused("connections: 2", "turned_from: known, turned_share: 1",
            "s:9: with 'turned_from' there is no 'identities', 'networks' or 'keys'");
}

static void a_file_that_is_no_scenario_is_refused(void **state)
{
    (void)state;
    struct err err = {""};
    assert_int_equal(scenario_read(SPAN(""), "s", &scenario, &err), -EINVAL);
    assert_string_equal(err.text, "s: the file is empty");
    assert_int_equal(scenario_read(SPAN("- a\n"), "s", &scenario, &err), -EINVAL);
    assert_string_equal(err.text, "s:1: a scenario is a map of keys");
    assert_int_equal(scenario_read(SPAN("title: a\nseconds: 3\ngroups: 5\n"), "s", &scenario, &err),
                     -EINVAL);
    assert_string_equal(err.text, "s:3: 'groups' is a list of 1 to 12 groups");
    assert_int_equal(scenario_load("nothing-like-it", &scenario, &err), -ENOENT);
    assert_string_equal(err.text,
                        "no scenario 'nothing-like-it'; 'seawall storm --list' lists them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(turned_ones_are_the_first_of_another_group),
        cmocka_unit_test(every_built_in_scenario_is_good),
        cmocka_unit_test(a_wrong_value_names_its_line_and_what_was_expected),
        cmocka_unit_test(what_is_missing_or_unknown_is_named),
        cmocka_unit_test(what_does_not_fit_together_is_refused),
        cmocka_unit_test(a_file_that_is_no_scenario_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
