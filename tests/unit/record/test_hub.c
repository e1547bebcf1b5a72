/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_testing.h"

#include <arpa/inet.h>
#include <pthread.h>

/* ── several workers ── */

enum { WORKERS = 4, ROUNDS = 40, REQUESTS_EACH_ROUND = 50 };

struct worker {
    pthread_t thread;
    struct record_hub *hub;
    struct loop *loop;
    struct recorder *recorder;
    struct tick *tick;
    uint32_t index;
    int rounds;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int workers_over;

static void worker_round(void *arg)
{
    struct worker *worker = arg;
    struct sockaddr_storage peer = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(0xc0000200 + worker->index)};
    memcpy(&peer, &v4, sizeof(v4));
    for (int i = 0; i < REQUESTS_EACH_ROUND; i++) {
        struct record record = served_record(worker->index + 1);
        record.peer = &peer;
        recorder_call_begins(worker->recorder);
        recorder_request(worker->recorder, &record);
    }
    if (++worker->rounds == ROUNDS)
        loop_stop(worker->loop);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    worker->loop = loop_new();
    check(worker->loop);
    worker->recorder = recorder_new(worker->hub, worker->loop, worker->index);
    worker->tick = tick_new(worker->loop, 20, worker_round, worker);
    check(worker->recorder && worker->tick);
    loop_run(worker->loop);
    recorder_free(worker->recorder);
    loop_free(worker->loop);
    pthread_mutex_lock(&lock);
    workers_over++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* As the admin's pages ask, while the workers write. */
static bool all_workers_are_over(void *arg)
{
    struct service *service = arg;
    struct metrics_counters sum;
    record_hub_counters(service->hub, &sum);
    assert_in_range(sum.ended[REASON_OK], 0, WORKERS * ROUNDS * REQUESTS_EACH_ROUND);
    (void)record_hub_unflushed(service->hub);
    assert_int_equal(record_hub_reopen(service->hub, SPAN("access.log"), NULL), 0);
    pthread_mutex_lock(&lock);
    bool over = workers_over == WORKERS;
    pthread_mutex_unlock(&lock);
    return over;
}

static void workers_write_at_once_and_nothing_is_lost(void **state)
{
    (void)state;
    struct service service;
    struct worker workers[WORKERS];
    service_begin(&service, WORKERS, "access.log");
    workers_over = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.hub = service.hub, .index = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
    }
    run_until(service.loop, all_workers_are_over, &service);
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    struct metrics_counters sum;
    record_hub_counters(service.hub, &sum);
    assert_int_equal(sum.ended[REASON_OK], WORKERS * ROUNDS * REQUESTS_EACH_ROUND);
    service_end(&service);
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(usage_in_file(i + 1).requests, ROUNDS * REQUESTS_EACH_ROUND);
    assert_int_equal(lines_in_log("access.log"), WORKERS * ROUNDS * REQUESTS_EACH_ROUND);
    service_begin(&service, 1, "off");
    assert_string_equal(service.lost.text, "");
    service_end(&service);
}

/* ── the hub alone ── */

static void record_some(struct recorder *recorder, int count)
{
    for (int i = 0; i < count; i++) {
        struct record record = served_record(1);
        recorder_call_begins(recorder);
        recorder_request(recorder, &record);
    }
}

static void wrong_log_name_is_refused(void **state)
{
    (void)state;
    int error;
    struct loop *loop = loop_new();
    struct helper *helper = helper_new(loop, "store", 4);
    struct store *store = store_new(in_folder("seawall.db").text, &error, NULL);
    struct record_hub_spec spec = {.loop = loop,
                                   .store_helper = helper,
                                   .store = store,
                                   .folder = test_folder,
                                   .access_log = SPAN("none/access.log"),
                                   .workers = 1};
    struct err lost = {"left over"}, err = {""};
    assert_null(record_hub_new(&spec, &lost, &err));
    assert_string_equal(lost.text, "");
    assert_non_null(strstr(err.text, "cannot open the access log '"));
    helper_free(helper);
    store_free(store);
    loop_free(loop);
    record_hub_free(NULL);
}

static void memory_that_is_short_makes_no_hub(void **state)
{
    (void)state;
    int error;
    struct loop *loop = loop_new();
    struct helper *helper = helper_new(loop, "store", 4);
    struct store *store = store_new(in_folder("seawall.db").text, &error, NULL);
    struct record_hub_spec spec = {.loop = loop,
                                   .store_helper = helper,
                                   .store = store,
                                   .folder = test_folder,
                                   .access_log = SPAN("off"),
                                   .workers = 2};
    struct record_hub *hub = NULL;
    uint64_t successes = 0;
    for (; !hub && successes < 100; successes++) {
        struct err lost, err = {""};
        mem_fail_after(successes);
        hub = record_hub_new(&spec, &lost, &err);
        mem_fail_never();
        assert_true(hub || strstr(err.text, "out of memory"));
    }
    assert_in_range(successes, 5, 50);
    record_hub_free(hub);
    helper_free(helper);
    store_free(store);
    loop_free(loop);
}

static bool is_in_trouble(void *arg)
{
    const struct service *service = arg;
    return record_hub_trouble(service->hub)[0] != '\0';
}

static bool is_well(void *arg)
{
    return !is_in_trouble(arg);
}

static void assert_metric(struct service *service, const char *line, bool is_there)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    record_hub_metrics(service->hub, &buf);
    assert_int_equal(buf_status(&buf), 0);
    if ((strstr(buf_cstr(&buf), line) != NULL) != is_there)
        fail_msg("%s is %son the page", line, is_there ? "not " : "");
    buf_release(&buf);
}

static void full_disk_is_trouble_until_it_is_not(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "/dev/full");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    record_some(recorder, 3);
    run_until(service.loop, is_in_trouble, &service);
    assert_non_null(strstr(record_hub_trouble(service.hub), "the access log cannot be written"));
    assert_metric(&service, "\nseawall_access_log_dropped_total 3\n", true);
    assert_metric(&service, "\nseawall_record_trouble 1\n", true);
    assert_int_equal(record_hub_reopen(service.hub, SPAN("access.log"), NULL), 0);
    record_some(recorder, 2);
    run_until(service.loop, is_well, &service);
    assert_metric(&service, "\nseawall_record_trouble 0\n", true);
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(lines_in_log("access.log"), 2);
}

static void database_that_fails_is_trouble_until_it_answers(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "off");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    /* A folder in the place of the file: it vanished, and cannot be made. */
    assert_int_equal(unlink(in_folder("seawall.db").text), 0);
    assert_int_equal(mkdir(in_folder("seawall.db").text, 0700), 0);
    record_some(recorder, 3);
    run_until(service.loop, is_in_trouble, &service);
    assert_non_null(strstr(record_hub_trouble(service.hub), "seawall.db"));
    assert_int_equal(record_hub_unflushed(service.hub), 1);
    assert_metric(&service, "\nseawall_ledger_rows_waiting 1\n", true);
    record_some(recorder, 4);
    assert_int_equal(rmdir(in_folder("seawall.db").text), 0);
    run_until(service.loop, is_well, &service);
    recorder_free(recorder);
    service_end(&service);
    assert_int_equal(usage_in_file(1).requests, 7);
}

static void workers_that_drop_are_trouble(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "access.log");
    METRIC_ADD(hub_worker(service.hub, 0), lines_dropped, 5);
    METRIC_ADD(hub_worker(service.hub, 0), rows_dropped, 6);
    run_until(service.loop, is_in_trouble, &service);
    assert_metric(&service, "\nseawall_access_log_dropped_total 5\n", true);
    assert_metric(&service, "\nseawall_ledger_rows_dropped_total 6\n", true);
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    record_some(recorder, 1);
    run_until(service.loop, is_well, &service);
    recorder_free(recorder);
    service_end(&service);
}

static bool salt_is_of_today(void *arg)
{
    const struct service *service = arg;
    return hub_salt(service->hub)->day == loop_wall_ms(service->loop) / ADDRESS_DAY_MS;
}

/* Yesterday's salt, as at midnight. */
static void make_yesterday(struct service *service)
{
    struct address_salt *salt = (struct address_salt *)(uintptr_t)hub_salt(service->hub);
    salt->day--;
}

static void salt_changes_with_the_day(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "off");
    assert_true(salt_is_of_today(&service));
    struct address_salt first = *hub_salt(service.hub);
    assert_true(file_exists("address.salt"));
    make_yesterday(&service);
    run_until(service.loop, salt_is_of_today, &service);
    /* The other gateway of a takeover had drawn it already. */
    assert_memory_equal(&hub_salt(service.hub)->key, &first.key, sizeof(first.key));
    assert_int_equal(unlink(in_folder("address.salt").text), 0);
    make_yesterday(&service);
    run_until(service.loop, salt_is_of_today, &service);
    assert_true(memcmp(&hub_salt(service.hub)->key, &first.key, sizeof(first.key)) != 0);
    struct address_salt second = *hub_salt(service.hub);
    service_end(&service);
    service_begin(&service, 1, "off"); /* a restart in the middle of the day */
    assert_memory_equal(&hub_salt(service.hub)->key, &second.key, sizeof(second.key));
    service_end(&service);
}

static void addresses_are_hashed_in_the_log(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "access.log");
    struct recorder *recorder = recorder_new(service.hub, service.loop, 0);
    assert_non_null(recorder);
    struct sockaddr_storage peer = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    memcpy(&peer, &v4, sizeof(v4));
    struct record record = served_record(1);
    record.peer = &peer;
    recorder_request(recorder, &record);
    char expected[64];
    snprintf(expected, sizeof(expected), "\"peer\":\"%016llx\"",
             (unsigned long long)address_hash(hub_salt(service.hub), &peer));
    recorder_free(recorder);
    service_end(&service);
    struct buf text;
    buf_init(&text, 1 << 20);
    read_file_text("access.log", &text);
    assert_non_null(strstr(buf_cstr(&text), expected));
    assert_null(strstr(buf_cstr(&text), "192.0.2"));
    buf_release(&text);
}

/* What a worker could not hand over any more. */
static void what_workers_leave_is_taken_at_the_end(void **state)
{
    (void)state;
    struct service service;
    service_begin(&service, 1, "access.log");
    struct hub_worker *worker = hub_worker(service.hub, 0);
    struct store_usage row = {.key_id = 5, .hour_ms = 3600000, .requests = 3};
    worker->rows_left = ledger_new(10);
    assert_int_equal(ledger_add(worker->rows_left, SPAN("m"), &row), 0);
    worker->block_left = mem_zalloc(sizeof(*worker->block_left));
    assert_non_null(worker->block_left);
    memcpy(worker->block_left->bytes, "left\n", 5);
    worker->block_left->len = 5;
    worker->block_left->lines = 1;
    service_end(&service);
    assert_file_text("access.log", "left\n");
    assert_int_equal(usage_in_file(5).requests, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(workers_write_at_once_and_nothing_is_lost),
        folder_test(wrong_log_name_is_refused),
        folder_test(memory_that_is_short_makes_no_hub),
        folder_test(full_disk_is_trouble_until_it_is_not),
        folder_test(database_that_fails_is_trouble_until_it_answers),
        folder_test(workers_that_drop_are_trouble),
        folder_test(salt_changes_with_the_day),
        folder_test(addresses_are_hashed_in_the_log),
        folder_test(what_workers_leave_is_taken_at_the_end),
    };
    log_setup("test", LOG_ERROR + 1); /* troubles are wanted here, and looked at by the tests */
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
