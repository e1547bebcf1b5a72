/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/caller.h"

static struct fixture fixture;

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture_admin(&fixture);
    serve(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static bool ended(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) == 0;
}

static void test_a_connection_serves_one_request_after_the_other(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    for (int i = 0; i < 3; i++) {
        ask_on(fd, "GET", "/status", "", &reply);
        assert_int_equal(reply.status, 200);
        assert_non_null(strstr(reply.head, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(reply.head, "Cache-Control: no-store\r\n"));
        reply_release(&reply);
    }
    close(fd);
}

static void test_a_pipeline_is_answered_in_its_order(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}"
            "GET /nowhere HTTP/1.1\r\nHost: s\r\n\r\n"
            "GET /keys HTTP/1.1\r\nHost: s\r\n\r\n");
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_string_equal(text_at(reply.json, "name"), "ann");
    reply_release(&reply);
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 404);
    reply_release(&reply);
    hear(fd, &reply, false);
    assert_int_equal(number_at(reply.json, "total"), 1);
    reply_release(&reply);
    close(fd);
}

static void test_a_request_in_pieces_is_the_same(void **state)
{
    (void)state;
    const char *text =
        "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}";
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    for (size_t i = 0; i < strlen(text); i++) {
        char piece[2] = {text[i], '\0'};
        say(fd, piece);
    }
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    close(fd);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    ask_on(fd, "HEAD", "/status", "", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    ask_on(fd, "GET", "/status", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(reply.json);
    reply_release(&reply);
    close(fd);
}

static void test_close_is_kept(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "GET /status HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_true(ended(fd));
    reply_release(&reply);
    close(fd);
}

static void test_what_is_no_http_is_told_and_closed(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "HELO there\r\n\r\nGET /status HTTP/1.1\r\nHost: s\r\n\r\n");
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 400);
    assert_true(strlen(message_of(&reply)) > 10);
    assert_true(ended(fd));
    reply_release(&reply);
    close(fd);
}

static void test_a_body_that_is_too_large_is_413(void **state)
{
    (void)state;
    struct reply reply;
    char head[128];
    int fd = dial(&fixture, "admin.sock");
    snprintf(head, sizeof(head), "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: %u\r\n\r\n",
             ADMIN_BODY_BYTES_MAX + 1);
    say(fd, head);
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 413);
    reply_release(&reply);
    close(fd);

    fd = dial(&fixture, "metrics.sock");
    say(fd, "GET /metrics HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\n\r\n");
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 413);
    reply_release(&reply);
    close(fd);
}

static void test_a_client_that_waits_for_leave_gets_it(void **state)
{
    (void)state;
    static const char leave[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char got[sizeof(leave)] = "";
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(recv(fd, got, sizeof(leave) - 1, MSG_WAITALL), sizeof(leave) - 1);
    assert_string_equal(got, leave);
    say(fd, "{\"name\":\"ann\"}");
    hear(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    close(fd);
}

static void test_only_so_many_connections_at_a_time(void **state)
{
    (void)state;
    int fds[ADMIN_CONNECTIONS_MAX];
    struct reply reply;
    for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        fds[i] = dial(&fixture, "admin.sock");
        ask_on(fds[i], "GET", "/keys", "", &reply);
        reply_release(&reply);
    }
    int more = dial(&fixture, "admin.sock");
    assert_true(ended(more));
    close(more);
    /* The page of metrics has its own. */
    int metrics = dial(&fixture, "metrics.sock");
    ask_on(metrics, "HEAD", "/metrics", "", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    close(metrics);

    close(fds[0]);
    bool taken = false;
    while (!taken) { /* until the loop has seen that the first one went */
        fds[0] = dial(&fixture, "admin.sock");
        say(fds[0], "GET /keys HTTP/1.1\r\nHost: s\r\n\r\n");
        char byte;
        taken = recv(fds[0], &byte, 1, MSG_PEEK) == 1;
        if (!taken)
            close(fds[0]);
    }
    hear(fds[0], &reply, false);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        close(fds[i]);
}

/* A key that is being made is made, also when nobody waits for its text. */
static void test_a_caller_that_hangs_up_does_not_stop_its_work(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "admin.sock");
    say(fd, "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"name\":\"ann\"}");
    close(fd);
    do { /* the request may still be on its way */
        ask(&fixture, "GET", "/keys", "", &reply);
        if (number_at(reply.json, "total") == 1)
            break;
        reply_release(&reply);
    } while (true);
    reply_release(&reply);
}

static void test_what_is_open_goes_with_the_admin(void **state)
{
    (void)state;
    int idle = dial(&fixture, "admin.sock"), half = dial(&fixture, "admin.sock"),
        waits = dial(&fixture, "admin.sock");
    struct reply reply;
    ask_on(idle, "GET", "/keys", "", &reply);
    reply_release(&reply);
    ask_on(half, "GET", "/keys", "", &reply);
    reply_release(&reply);
    fixture.reload_waits = true;
    say(half, "POST /keys HTTP/1.1\r\nHost: s\r\nContent-Length: 14\r\n\r\n{\"na");
    say(waits, "POST /reload HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n");
    ask(&fixture, "GET", "/keys", "", &reply); /* by now the others have been read */
    reply_release(&reply);
    unserve(&fixture);
    admin_free(TAKE(fixture.admin));
    char byte;
    assert_true(recv(idle, &byte, 1, 0) <= 0);
    assert_true(recv(half, &byte, 1, 0) <= 0);
    assert_true(recv(waits, &byte, 1, 0) <= 0);
    close(idle);
    close(half);
    close(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_connection_serves_one_request_after_the_other, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_pipeline_is_answered_in_its_order, start, stop),
        cmocka_unit_test_setup_teardown(test_a_request_in_pieces_is_the_same, start, stop),
        cmocka_unit_test_setup_teardown(test_head_has_no_body, start, stop),
        cmocka_unit_test_setup_teardown(test_close_is_kept, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_no_http_is_told_and_closed, start, stop),
        cmocka_unit_test_setup_teardown(test_a_body_that_is_too_large_is_413, start, stop),
        cmocka_unit_test_setup_teardown(test_a_client_that_waits_for_leave_gets_it, start, stop),
        cmocka_unit_test_setup_teardown(test_only_so_many_connections_at_a_time, start, stop),
        cmocka_unit_test_setup_teardown(test_a_caller_that_hangs_up_does_not_stop_its_work, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_what_is_open_goes_with_the_admin, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
