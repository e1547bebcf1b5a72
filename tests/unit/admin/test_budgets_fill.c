/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/budgets_fill.h"

#define HOUR UINT64_C(3600000)
#define DAY (24 * HOUR)
#define NOON UINT64_C(1795521600000) /* 2026-11-24T12:00:00Z */

static struct fixture fixture;
static const struct budget_time now = {1000000, NOON};

static const char yaml[] = "models:\n- {name: small, price_in: 1.00, price_out: 2.00}\n";

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    config_unref(fixture.config);
    fixture.config = NULL;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void add_usage(uint64_t key_id, const char *model, uint64_t hour_ms, uint64_t prompt,
                      uint64_t completion)
{
    const struct store_usage row = {.key_id = key_id,
                                    .model = model,
                                    .hour_ms = hour_ms,
                                    .requests = 1,
                                    .prompt_tokens = prompt,
                                    .completion_tokens = completion};
    const struct store_mark mark = {0};
    assert_int_equal(store_ledger_add(fixture.store, &row, 1, &mark, NULL), 0);
}

static struct key *key_in(uint64_t id, const char *account, const struct limits *limits)
{
    unsigned char digest[SHA256_BYTES] = {(unsigned char)id};
    struct key *key = key_new(&(struct key_spec){.id = id,
                                                 .digest = digest,
                                                 .name = SPAN("k"),
                                                 .account = span_str(account),
                                                 .limits = limits});
    assert_non_null(key);
    return key;
}

static uint64_t used(uint64_t id, enum limit limit)
{
    struct limits limits = {{0}};
    struct budget_standing standings[LIMITS_COUNT];
    limits.of[limit] = 1000000;
    budgets_look(fixture.budgets, id, &limits, now, standings);
    return standings[limit].used;
}

static void fill(struct keyring *ring)
{
    struct err err = {""};
    assert_int_equal(budgets_fill(fixture.budgets, fixture.store, ring, fixture.config, now, &err),
                     0);
    assert_string_equal(err.text, "");
}

static void the_ledger_of_this_day_and_month_counts(void **state)
{
    (void)state;
    struct limits own = limits_unset();
    own.of[LIMIT_SPEND_MONTH] = 5000000;
    own.of[LIMIT_TOKENS_DAY] = 500;
    struct key *keys[] = {key_in(1, "", &own), key_in(2, "team", NULL), key_in(3, "team", NULL)};
    struct account team = {.id = account_id(SPAN("team")), .name = "team", .limits = own};
    struct accounts *accounts = accounts_new(&team, 1);
    struct keyring *ring = keyring_new(&fixture.mac, keys, 3, accounts, false);
    assert_non_null(ring);
    fixture.config = test_config(yaml);
    add_usage(1, "small", NOON - HOUR, 10, 20);
    add_usage(1, "other", NOON - 2 * HOUR, 100, 0);       /* without a price */
    add_usage(1, "small", NOON - 5 * DAY, 1000, 1000);    /* this month */
    add_usage(1, "small", NOON - 40 * DAY, 50000, 50000); /* long ago */
    add_usage(2, "small", NOON, 1, 2);
    add_usage(3, "small", NOON, 3, 4);
    add_usage(0, "small", NOON, 5, 6);
    fill(ring);
    assert_int_equal(used(1, LIMIT_TOKENS_DAY), 130);
    assert_int_equal(used(1, LIMIT_SPEND_DAY), 50);
    assert_int_equal(used(1, LIMIT_SPEND_MONTH), 3050);
    assert_int_equal(used(team.id, LIMIT_TOKENS_DAY), 10);
    assert_int_equal(used(team.id, LIMIT_SPEND_MONTH), 16);
    assert_int_equal(used(2, LIMIT_TOKENS_DAY), 0); /* no limit of its own: nobody asks */
    fill(ring);                                     /* again: nothing is counted twice */
    assert_int_equal(used(1, LIMIT_TOKENS_DAY), 130);
    keyring_unref(ring);
    accounts_unref(accounts);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        key_unref(keys[i]);
}

static void limits_of_the_configuration_count_for_unlisted_keys_too(void **state)
{
    (void)state;
    struct keyring *ring = test_ring(&fixture, NULL, 0);
    fixture.config = test_config("key_limits: {tokens_per_day: 1000}\n");
    add_usage(77, "small", NOON, 30, 40);
    fill(ring);
    assert_int_equal(used(77, LIMIT_TOKENS_DAY), 70);
    keyring_unref(ring);
}

static void without_such_limits_nothing_is_read(void **state)
{
    (void)state;
    struct keyring *ring = test_ring(&fixture, NULL, 0);
    fixture.config = test_config("key_limits: {tokens_per_minute: 1000}\n");
    add_usage(77, "small", NOON, 30, 40);
    fill(ring);
    assert_int_equal(used(77, LIMIT_TOKENS_DAY), 0);
    keyring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_ledger_of_this_day_and_month_counts, start, stop),
        cmocka_unit_test_setup_teardown(limits_of_the_configuration_count_for_unlisted_keys_too,
                                        start, stop),
        cmocka_unit_test_setup_teardown(without_such_limits_nothing_is_read, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
