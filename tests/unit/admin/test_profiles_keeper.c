/* SPDX-License-Identifier: Apache-2.0 */
#include "profiles_testing.h"

#include "admin/profiles_file.h"
#include "identity/profile_record.h"

#include <sqlite3.h>

static struct fixture fixture;
static char path[128];
static uint64_t now_ms;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    snprintf(path, sizeof(path), "%s/profiles.snapshot", fixture.folder);
    now_ms = 1000000;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

/* A whole turn, with all its jobs, when it is due so soon. */
static void turn_after(uint32_t ms)
{
    now_ms += ms;
    profiles_keeper_tick(fixture.keeper, now_ms);
    for (int i = 0; i < 3; i++)
        settle(&fixture);
}

static void turn(void)
{
    turn_after(KEEPER_WRITE_MS);
}

static void wipe(const char *ending)
{
    char name[160];
    snprintf(name, sizeof(name), "%s%s", fixture.database, ending);
    (void)unlink(name);
}

/* As a restart: another process with the same folder. */
static void restart(void)
{
    helper_free(fixture.helper);
    profiles_keeper_free(fixture.keeper);
    profiles_free(fixture.profiles);
    store_free(fixture.store);
    int error;
    struct err err = {""};
    fixture.helper = helper_new(fixture.loop, "store", 64);
    fixture.store = store_new(fixture.database, &error, &err);
    assert_non_null(fixture.store);
    fixture_profiles(&fixture);
}

static void restart_without_database(void)
{
    wipe("");
    wipe("-wal");
    wipe("-shm");
    restart();
}

static int count_row(void *arg, const struct store_profile *row)
{
    (void)row;
    ++*(size_t *)arg;
    return 0;
}

static size_t rows_in_database(void)
{
    size_t count = 0;
    assert_int_equal(store_profiles_read(fixture.store, count_row, &count, NULL), 0);
    return count;
}

static void a_restart_keeps_budgets(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    put_trusted(fixture.profiles, 2, 1800);
    (void)profiles_reserve(fixture.profiles, 1, 100, 0, clock_wall_ms());
    turn();
    assert_int_equal(rows_in_database(), 2);
    restart();
    assert_near(rate_now(fixture.profiles, 1), 2);
    assert_near(rate_now(fixture.profiles, 2), 1);
}

static void a_lost_database_loses_nothing(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    turn();
    restart_without_database();
    assert_near(rate_now(fixture.profiles, 1), 2);
    turn();
    assert_int_equal(rows_in_database(), 1); /* it got them back */
}

static void a_lost_file_loses_nothing(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    turn();
    assert_int_equal(unlink(path), 0);
    restart();
    assert_near(rate_now(fixture.profiles, 1), 2);
    turn();
    restart_without_database();
    assert_near(rate_now(fixture.profiles, 1), 2);
}

static void the_end_writes_what_is_left(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 900; id++)
        put_trusted(fixture.profiles, id, 3600);
    uint64_t count = profiles_count(fixture.profiles);
    profiles_keeper_stop(fixture.keeper);
    profiles_keeper_stop(fixture.keeper);
    turn(); /* does nothing */
    restart();
    assert_int_equal(profiles_count(fixture.profiles), count);
    restart_without_database();
    assert_int_equal(profiles_count(fixture.profiles), count);
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    struct stat before, after;
    put_trusted(fixture.profiles, 1, 3600);
    put_trusted(fixture.profiles, 2, 3600);
    turn();
    restart();
    assert_int_equal(stat(path, &before), 0);
    turn();
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    (void)profiles_reserve(fixture.profiles, 2, 1, 0, clock_wall_ms());
    turn();
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size - before.st_size, PROFILE_RECORD_BYTES);
}

static void a_locked_database_gets_all_when_it_answers(void **state)
{
    (void)state;
    sqlite3 *other;
    put_trusted(fixture.profiles, 1, 3600);
    turn();
    assert_int_equal(sqlite3_open(fixture.database, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    put_trusted(fixture.profiles, 2, 3600);
    turn();
    assert_non_null(strstr(profiles_keeper_trouble(fixture.keeper), "profiles of callers: cannot"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    turn_after(KEEPER_RETRY_MS - 1);
    assert_string_not_equal(profiles_keeper_trouble(fixture.keeper), "");
    turn_after(1); /* sooner than the next turn would be: who looks at the status waits for it */
    assert_string_equal(profiles_keeper_trouble(fixture.keeper), "");
    assert_int_equal(rows_in_database(), 2);
}

static void a_database_made_anew_gets_all(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    turn();
    wipe("");
    wipe("-wal");
    wipe("-shm");
    assert_true(store_was_lost(fixture.store));
    profiles_keeper_database_lost(fixture.keeper);
    turn();
    assert_int_equal(rows_in_database(), 1);
}

static void a_database_that_could_not_be_read_is_read_later(void **state)
{
    (void)state;
    char aside[160];
    snprintf(aside, sizeof(aside), "%s.aside", fixture.database);
    put_trusted(fixture.profiles, 1, 3600);
    put_trusted(fixture.profiles, 3, 3600);
    turn();
    profiles_keeper_stop(fixture.keeper);
    settle(&fixture);
    assert_int_equal(unlink(path), 0);
    store_free(fixture.store); /* the log goes into the file */
    assert_int_equal(rename(fixture.database, aside), 0);
    assert_int_equal(mkdir(fixture.database, 0700), 0); /* in its way */
    int error;
    struct err err = {""};
    fixture.store = store_new(fixture.database, &error, &err);
    restart();
    assert_true(rate_now(fixture.profiles, 1) == 0);
    struct profile_use use = {.prompt_tokens = 50};
    profiles_settle(fixture.profiles, 1, &use, clock_wall_ms());
    assert_int_equal(rmdir(fixture.database), 0);
    assert_int_equal(rename(aside, fixture.database), 0);
    turn();
    assert_near(rate_now(fixture.profiles, 1), 2);
    assert_near(rate_now(fixture.profiles, 3), 2);
    struct profile profile;
    assert_true(profiles_get(fixture.profiles, 1, clock_wall_ms(), &profile));
    assert_near((double)profile.days[0].wt, 50);
}

static void who_is_forgotten_stays_so(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    put_trusted(fixture.profiles, 2, 3600);
    turn();
    assert_int_equal(profiles_keeper_forget(fixture.keeper, 1, clock_wall_ms(), NULL), 1);
    assert_int_equal(profiles_keeper_forget(fixture.keeper, 1, clock_wall_ms(), NULL), 0);
    assert_int_equal(rows_in_database(), 1);
    restart();
    assert_true(rate_now(fixture.profiles, 1) == 0);
    assert_near(rate_now(fixture.profiles, 2), 2);
    restart_without_database();
    assert_true(rate_now(fixture.profiles, 1) == 0);
    assert_near(rate_now(fixture.profiles, 2), 2);
}

static void the_later_record_counts(void **state)
{
    (void)state;
    struct profile profile = trusted_profile(1, 3600);
    assert_int_equal(profiles_put(fixture.profiles, &profile, clock_wall_ms()), 0);
    turn();
    profile.refilled_ms += 1000; /* the database did not hear of this */
    profile_grant(&profile, 77, profile.refilled_ms);
    assert_int_equal(profiles_file_append(path, &profile, 1, 10, NULL), 0);
    restart();
    assert_near(rate_now(fixture.profiles, 1), 77);
}

static void damaged_rows_are_passed_over(void **state)
{
    (void)state;
    put_trusted(fixture.profiles, 1, 3600);
    turn();
    struct store_profile bad = {.id = 9, .record = "xx", .record_bytes = 2};
    assert_int_equal(store_profiles_put(fixture.store, &bad, 1, NULL), 0);
    restart();
    assert_int_equal(profiles_count(fixture.profiles), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_restart_keeps_budgets, start, stop),
        cmocka_unit_test_setup_teardown(a_lost_database_loses_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_lost_file_loses_nothing, start, stop),
        cmocka_unit_test_setup_teardown(the_end_writes_what_is_left, start, stop),
        cmocka_unit_test_setup_teardown(only_what_changed_is_written, start, stop),
        cmocka_unit_test_setup_teardown(a_locked_database_gets_all_when_it_answers, start, stop),
        cmocka_unit_test_setup_teardown(a_database_made_anew_gets_all, start, stop),
        cmocka_unit_test_setup_teardown(a_database_that_could_not_be_read_is_read_later, start,
                                        stop),
        cmocka_unit_test_setup_teardown(who_is_forgotten_stays_so, start, stop),
        cmocka_unit_test_setup_teardown(the_later_record_counts, start, stop),
        cmocka_unit_test_setup_teardown(damaged_rows_are_passed_over, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
