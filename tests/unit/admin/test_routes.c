/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

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

static void test_paths_that_are_not_there(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",        "/status/",       "/statu",
                                        "/keys/",   "/keys//disable", "/keys/a/b/c",
                                        "/metrics", "//status"};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_refused(&fixture, "GET", paths[i], "", 404, "there is no '");
}

static void test_methods_that_a_path_does_not_take(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"POST", "/status", "Allow: GET, HEAD\r\n"},
        {"DELETE", "/keys", "Allow: GET, HEAD, POST\r\n"},
        {"GET", "/reload", "Allow: POST\r\n"},
        {"POST", "/usage", "Allow: GET, HEAD\r\n"},
        {"GET", "/keys/x/disable", "Allow: POST\r\n"},
        {"DELETE", "/keys/x", "Allow: GET, HEAD\r\n"},
        {"PUT", "/keys/import", "Allow: POST\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply;
        ask(&fixture, cases[i].method, cases[i].path, "", &reply);
        assert_int_equal(reply.status, 405);
        assert_non_null(strstr(reply.head, cases[i].allow));
        reply_release(&reply);
    }
}

static void test_the_metrics_listener_has_nothing_else(void **state)
{
    (void)state;
    struct reply reply;
    int fd = dial(&fixture, "metrics.sock");
    ask_on(fd, "GET", "/keys", "", &reply);
    assert_int_equal(reply.status, 404);
    reply_release(&reply);
    ask_on(fd, "GET", "/metrics", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(
        strstr(reply.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(reply.body, "\nseawall_requests_total{"));
    assert_non_null(strstr(reply.body, "\nseawall_restarts_total 2\n"));
    reply_release(&reply);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths_that_are_not_there, start, stop),
        cmocka_unit_test_setup_teardown(test_methods_that_a_path_does_not_take, start, stop),
        cmocka_unit_test_setup_teardown(test_the_metrics_listener_has_nothing_else, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
