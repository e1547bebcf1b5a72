/* SPDX-License-Identifier: Apache-2.0 */
#include "record_testing.h"

#include "base/log.h"
#include "record/ledger_writer.h"

#include <signal.h>
#include <sys/wait.h>

#define BOOTED_S 1795000000

/* One life of a service, down to what the writer needs. */
struct life {
    struct loop *loop;
    struct helper *helper;
    struct store *store;
    struct ledger_writer *writer;
    struct err lost;
};

/* `name`: the database's path in the folder. */
static void begin(struct life *life, const char *name, uint64_t booted_s)
{
    int error;
    life->loop = loop_new();
    life->helper = helper_new(life->loop, "store", 16);
    life->store = store_new(in_folder(name).text, &error, NULL);
    assert_true(life->loop && life->helper && life->store);
    life->writer = ledger_writer_new(life->helper, life->store, test_folder, booted_s, &life->lost);
    assert_non_null(life->writer);
}

static void end(struct life *life)
{
    ledger_writer_free(life->writer);
    helper_free(life->helper);
    store_free(life->store);
    loop_free(life->loop);
}

/* As a recorder does it: the tally, then the row. */
static void charge(struct life *life, uint64_t key_id, uint64_t requests, bool to_writer)
{
    struct tally_slot *slot = tally_slot(ledger_writer_tally(life->writer), 0);
    struct store_usage row = {.key_id = key_id,
                              .hour_ms = 3600000,
                              .requests = requests,
                              .prompt_tokens = requests * 10,
                              .completion_tokens = requests * 100};
    TALLY_ADD(slot, requests, row.requests);
    TALLY_ADD(slot, prompt_tokens, row.prompt_tokens);
    TALLY_ADD(slot, completion_tokens, row.completion_tokens);
    if (!to_writer)
        return;
    struct ledger *rows = ledger_new(10);
    assert_int_equal(ledger_add(rows, SPAN("m"), &row), 0);
    ledger_writer_add(life->writer, rows);
}

static bool nothing_waits(void *arg)
{
    const struct life *life = arg;
    return ledger_writer_waiting(life->writer) == 0;
}

static bool is_in_trouble(void *arg)
{
    const struct life *life = arg;
    return ledger_writer_trouble(life->writer)[0] != '\0';
}

static int add_requests(void *arg, const struct store_usage *row)
{
    *(uint64_t *)arg += row->requests;
    return 0;
}

/* Requests of all keys in the database. */
static uint64_t requests_in(struct store *store)
{
    struct store_usage_query query = {.to_ms = UINT64_MAX};
    uint64_t sum = 0;
    assert_int_equal(store_usage_read(store, &query, add_requests, &sum, NULL), 0);
    return sum;
}

static uint64_t requests_in_file(const char *name)
{
    int error;
    struct store *store = store_new(in_folder(name).text, &error, NULL);
    uint64_t sum = requests_in(store);
    store_free(store);
    return sum;
}

/* Runs `fn` in a process of its own, which it must not survive. */
static void in_a_life_that_is_killed(void (*fn)(struct life *life))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct life life;
        begin(&life, "seawall.db", BOOTED_S);
        fn(&life);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void rows_reach_the_database_at_once(void **state)
{
    (void)state;
    struct life life;
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    charge(&life, 1, 3, true);
    charge(&life, 1, 4, true); /* while the first is under way */
    charge(&life, 2, 5, true);
    assert_int_equal(ledger_writer_waiting(life.writer),
                     3); /* the last two and the one under way */
    run_until(life.loop, nothing_waits, &life);
    assert_int_equal(requests_in(life.store), 12);
    assert_string_equal(ledger_writer_trouble(life.writer), "");
    end(&life);
}

static void clean_end_loses_nothing(void **state)
{
    (void)state;
    struct life life;
    for (int i = 1; i <= 3; i++) {
        begin(&life, "seawall.db", BOOTED_S);
        assert_string_equal(life.lost.text, "");
        charge(&life, 1, 1, true);
        charge(&life, 2, 1,
               true); /* one is under way, one waits, and the loop does not turn any more */
        end(&life);
        assert_int_equal(requests_in_file("seawall.db"), 2 * i);
    }
}

static void write_some_and_die(struct life *life)
{
    charge(life, 1, 5, true);
    run_until(life->loop, nothing_waits, life);
    charge(life, 1, 2, false);
    TALLY_ADD(tally_slot(ledger_writer_tally(life->writer), 0), calls_begun, 9);
    TALLY_ADD(tally_slot(ledger_writer_tally(life->writer), 0), calls_ended, 6);
}

static void crash_is_told_once_to_the_token(void **state)
{
    (void)state;
    struct life life;
    in_a_life_that_is_killed(write_some_and_die);
    begin(&life, "seawall.db", BOOTED_S + 1); /* clocks are set right now and then */
    assert_string_equal(life.lost.text,
                        "the last life ended without notice: 3 calls were under way; "
                        "2 finished requests with 220 tokens had not reached the ledger");
    assert_int_equal(requests_in(life.store), 5);
    charge(&life, 1, 1, true);
    end(&life);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    end(&life);
}

static void charge_and_die(struct life *life)
{
    charge(life, 1, 1, false);
}

/* Killed before anything reached the new database. */
static void first_second_of_a_new_service_counts(void **state)
{
    (void)state;
    struct life life;
    in_a_life_that_is_killed(charge_and_die);
    begin(&life, "seawall.db", BOOTED_S);
    assert_non_null(strstr(life.lost.text, "1 finished request with 110 tokens"));
    end(&life);
}

static void power_loss_is_told_as_at_least(void **state)
{
    (void)state;
    struct life life;
    in_a_life_that_is_killed(write_some_and_die);
    begin(&life, "seawall.db", BOOTED_S + 3600);
    assert_non_null(strstr(life.lost.text, "at least 2 finished requests"));
    end(&life);
}

/* The database was deleted while the service was down: that is no crash, and is not told as one. */
static void new_database_is_no_loss(void **state)
{
    (void)state;
    struct life life;
    begin(&life, "seawall.db", BOOTED_S);
    charge(&life, 1, 5, true);
    end(&life);
    assert_int_equal(unlink(in_folder("seawall.db").text), 0);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    charge(&life, 1, 1, true);
    end(&life);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    end(&life);
}

static bool wait_for_retry(void *arg)
{
    struct life *life = arg;
    ledger_writer_retry(life->writer);
    return nothing_waits(life) && !is_in_trouble(life);
}

static void make_database_reachable(void)
{
    assert_int_equal(mkdir(in_folder("later").text, 0700), 0);
}

static void remove_database(void)
{
    assert_int_equal(unlink(in_folder("later/seawall.db").text), 0);
    assert_int_equal(rmdir(in_folder("later").text), 0);
}

static void rows_wait_for_the_database(void **state)
{
    (void)state;
    struct life life;
    begin(&life, "later/seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    assert_non_null(strstr(ledger_writer_trouble(life.writer), "cannot make '"));
    for (uint64_t i = 0; i < 100; i++)
        charge(&life, i % 10, 1, true);
    assert_int_equal(ledger_writer_waiting(life.writer), 10); /* merged */
    ledger_writer_retry(life.writer);
    charge(&life, 10, 1, true);
    charge(&life, 9, 1, true);
    run_until(life.loop, is_in_trouble, &life);
    make_database_reachable();
    run_until(life.loop, wait_for_retry, &life);
    assert_int_equal(requests_in(life.store), 102);
    assert_int_equal(ledger_writer_dropped(life.writer), 0);
    end(&life);
    begin(&life, "later/seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    end(&life);
    remove_database();
}

static void last_try_is_made_at_the_end(void **state)
{
    (void)state;
    struct life life;
    begin(&life, "later/seawall.db", BOOTED_S);
    charge(&life, 1, 7, true);
    ledger_writer_retry(life.writer);
    run_until(life.loop, is_in_trouble, &life);
    ledger_writer_retry(life.writer); /* fails, and the end finds it so */
    charge(&life, 2, 1, true);
    make_database_reachable();
    end(&life);
    assert_int_equal(requests_in_file("later/seawall.db"), 8);
    remove_database();
}

/* The crash of a life whose database is not there at the next start is told when it answers. */
static void loss_is_found_when_the_database_answers(void **state)
{
    (void)state;
    struct life life;
    in_a_life_that_is_killed(write_some_and_die);
    assert_int_equal(mkdir(in_folder("seawall.db.folder").text, 0700), 0);
    assert_int_equal(rename(in_folder("seawall.db").text, in_folder("kept").text), 0);
    assert_int_equal(rename(in_folder("seawall.db-wal").text, in_folder("kept-wal").text), 0);
    assert_int_equal(rename(in_folder("seawall.db.folder").text, in_folder("seawall.db").text), 0);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    charge(&life, 1, 1, true);
    assert_int_equal(rmdir(in_folder("seawall.db").text), 0);
    assert_int_equal(rename(in_folder("kept").text, in_folder("seawall.db").text), 0);
    assert_int_equal(rename(in_folder("kept-wal").text, in_folder("seawall.db-wal").text), 0);
    run_until(life.loop, wait_for_retry, &life);
    assert_int_equal(requests_in(life.store), 6);
    struct store_mark mark;
    assert_int_equal(store_ledger_mark(life.store, 0, &mark, NULL), 1);
    assert_int_equal(mark.requests, 8); /* five before, two lost, one now */
    end(&life);
}

/* A takeover: two lives at once, each with a tally of its own, one database. */
static void lives_that_overlap_do_not_mix(void **state)
{
    (void)state;
    struct life old, new, third;
    begin(&old, "seawall.db", BOOTED_S);
    charge(&old, 1, 1, true);
    begin(&new, "seawall.db", BOOTED_S);
    assert_string_equal(new.lost.text, "");
    assert_true(file_exists("ledger.tally.1"));
    charge(&new, 1, 2, true);
    charge(&old, 1, 4, true);
    end(&old);
    charge(&new, 1, 8, true);
    begin(&third, "seawall.db", BOOTED_S); /* takes the first tally again */
    assert_string_equal(third.lost.text, "");
    assert_false(file_exists("ledger.tally.2"));
    charge(&third, 1, 16, true);
    end(&new);
    end(&third);
    assert_int_equal(requests_in_file("seawall.db"), 31);
    begin(&old, "seawall.db", BOOTED_S);
    assert_string_equal(old.lost.text, "");
    end(&old);
}

static void write_second_and_die(struct life *life)
{
    struct life second;
    begin(&second, "seawall.db", BOOTED_S);
    charge(&second, 1, 3, false);
    charge(life, 1, 2, false);
}

static void losses_of_overlapping_lives_are_told_together(void **state)
{
    (void)state;
    struct life life;
    in_a_life_that_is_killed(write_second_and_die);
    begin(&life, "seawall.db", BOOTED_S);
    assert_non_null(strstr(life.lost.text, "5 finished requests with 550 tokens"));
    struct tally *free_again = NULL;
    assert_int_equal(tally_open(in_folder("ledger.tally").text, 1, false, &free_again, NULL), 0);
    tally_close(free_again);
    end(&life);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    end(&life);
}

/* No tally file can be had: the service goes on, and says so. */
static void life_without_a_tally_file_goes_on(void **state)
{
    (void)state;
    struct life life;
    assert_int_equal(mkdir(in_folder("ledger.tally").text, 0700), 0);
    begin(&life, "seawall.db", BOOTED_S);
    assert_non_null(strstr(ledger_writer_trouble(life.writer), "ledger.tally"));
    charge(&life, 1, 3, true);
    run_until(life.loop, nothing_waits, &life);
    assert_int_equal(requests_in(life.store), 3);
    end(&life);
    assert_int_equal(rmdir(in_folder("ledger.tally").text), 0);
    begin(&life, "seawall.db", BOOTED_S);
    assert_string_equal(life.lost.text, "");
    end(&life);
}

static void more_rows_than_may_wait_are_counted(void **state)
{
    (void)state;
    struct life life;
    begin(&life, "later/seawall.db", BOOTED_S);
    for (uint64_t parcel = 0; parcel < 70; parcel++) {
        struct ledger *rows = ledger_new(1000);
        for (uint64_t i = 0; i < 1000; i++) {
            struct store_usage row = {.key_id = parcel * 1000 + i + 1, .requests = 1};
            assert_int_equal(ledger_add(rows, SPAN("m"), &row), 0);
        }
        ledger_writer_add(life.writer, rows);
    }
    assert_int_equal(ledger_writer_waiting(life.writer), LEDGER_WAITING_ROWS_MAX);
    assert_int_equal(ledger_writer_dropped(life.writer), 70000 - LEDGER_WAITING_ROWS_MAX);
    make_database_reachable();
    run_until(life.loop, wait_for_retry, &life);
    assert_int_equal(requests_in(life.store), LEDGER_WAITING_ROWS_MAX);
    end(&life);
    remove_database();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(rows_reach_the_database_at_once),
        folder_test(clean_end_loses_nothing),
        folder_test(crash_is_told_once_to_the_token),
        folder_test(first_second_of_a_new_service_counts),
        folder_test(power_loss_is_told_as_at_least),
        folder_test(new_database_is_no_loss),
        folder_test(rows_wait_for_the_database),
        folder_test(last_try_is_made_at_the_end),
        folder_test(loss_is_found_when_the_database_answers),
        folder_test(lives_that_overlap_do_not_mix),
        folder_test(losses_of_overlapping_lives_are_told_together),
        folder_test(life_without_a_tally_file_goes_on),
        folder_test(more_rows_than_may_wait_are_counted),
    };
    log_setup("test", LOG_ERROR + 1); /* troubles are wanted here, and looked at by the tests */
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
