/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "client.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service of one connection: for each request it hears one of these, then it closes. */
static const char *const *answers;
static char heard[4096];
static char folder[64], path[96];
static int listener;
static pthread_t thread;

static size_t hear_request(int fd, size_t at)
{
    size_t body = 0, begin = at;
    const char *end;
    while (!(end = strstr(heard + begin, "\r\n\r\n")) || strlen(end + 4) < body) {
        ssize_t n = recv(fd, heard + at, sizeof(heard) - 1 - at, 0);
        if (n <= 0)
            return 0;
        at += (size_t)n;
        heard[at] = '\0';
        const char *length = strstr(heard + begin, "Content-Length: ");
        body = length ? strtoul(length + 16, NULL, 10) : 0;
    }
    return at;
}

static void *serve(void *arg)
{
    (void)arg;
    int fd = accept(listener, NULL, NULL);
    size_t at = 0;
    for (size_t i = 0; fd >= 0 && answers[i] && (at = hear_request(fd, at)) > 0; i++)
        (void)!send(fd, answers[i], strlen(answers[i]), MSG_NOSIGNAL);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    heard[0] = '\0';
    snprintf(folder, sizeof(folder), "/tmp/seawall-cli-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/admin.sock", folder);
    memcpy(address.sun_path, path, sizeof(path));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                   listen(listener, 1) < 0
               ? -1
               : 0;
}

static int stop(void **state)
{
    (void)state;
    close(listener);
    (void)unlink(path);
    return rmdir(folder);
}

static void answer_with(const char *const *texts)
{
    answers = texts;
    heard[0] = '\0';
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void test_one_connection_asks_many_times(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n", NULL};
    struct client *client;
    struct err err = {""};
    struct span body;
    unsigned status;
    answer_with(texts);
    assert_int_equal(client_open(folder, &client, &err), 0);
    assert_int_equal(client_call(client, "GET", "/status", SPAN(""), &status, &body, &err), 0);
    assert_int_equal(status, 200);
    assert_true(span_eq(body, SPAN("{}")));
    assert_int_equal(
        client_call(client, "POST", "/keys", SPAN("{\"name\":\"a\"}"), &status, &body, &err), 0);
    assert_int_equal(status, 404);
    assert_true(span_eq(body, SPAN("[1]")));
    client_close(client);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(strstr(heard, "GET /status HTTP/1.1\r\nHost: seawall\r\n"));
    assert_non_null(strstr(heard, "POST /keys HTTP/1.1\r\nHost: seawall\r\nContent-Type: "
                                  "application/json\r\nContent-Length: 12\r\n"));
}

static void test_answers_that_cannot_be_read(void **state)
{
    (void)state;
    static const char *const broken[] = {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
                                         "nonsense\r\n\r\n", ""};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        const char *const texts[] = {broken[i], NULL};
        struct client *client;
        struct err err = {""};
        struct span body;
        unsigned status;
        answer_with(texts);
        assert_int_equal(client_open(folder, &client, &err), 0);
        assert_true(client_call(client, "GET", "/status", SPAN(""), &status, &body, &err) < 0);
        assert_non_null(strstr(err.text, "the service does not answer"));
        client_close(client);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static enum exit_status ask_once(const char *answer, json_t **ret_json, struct err *err)
{
    const char *const texts[] = {answer, NULL};
    const struct invocation call = {.data = folder};
    answer_with(texts);
    enum exit_status status = client_ask(&call, "GET", "/x", SPAN(""), ret_json, err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return status;
}

static void test_refusals_carry_their_words(void **state)
{
    (void)state;
    struct err err = {""};
    json_t *json;
    assert_int_equal(ask_once("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}", &json, &err),
                     EXIT_OK);
    assert_int_equal(json_integer_value(json_object_get(json, "a")), 1);
    json_decref(json);
    assert_int_equal(ask_once("HTTP/1.1 404 Not Found\r\nContent-Length: "
                              "31\r\n\r\n{\"error\":{\"message\":\"no such\"}}",
                              &json, &err),
                     EXIT_FAILED);
    assert_string_equal(err.text, "no such");
    assert_non_null(json);
    json_decref(json);
    assert_int_equal(ask_once("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", &json, &err),
                     EXIT_FAILED);
    assert_string_equal(err.text, "the service refuses it");
    json_decref(json);
    assert_int_equal(ask_once("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>", &json, &err),
                     EXIT_FAILED);
    assert_string_equal(err.text, "the service's answer cannot be read (status 200)");
    assert_null(json);
}

static void test_a_service_that_is_not_there(void **state)
{
    (void)state;
    struct client *client;
    struct err err = {""};
    json_t *json;
    char longer[200];
    const struct invocation call = {.data = "/tmp/seawall-there-is-none"};
    assert_int_equal(client_ask(&call, "GET", "/x", SPAN(""), &json, &err), EXIT_UNREACHABLE);
    assert_string_equal(err.text,
                        "no service runs with the data folder '/tmp/seawall-there-is-none'");
    assert_null(json);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(client_open(longer, &client, &err), -ENAMETOOLONG);
    /* A socket file that nobody serves any more. */
    close(listener);
    assert_int_equal(client_open(folder, &client, &err), -ECONNREFUSED);
    client_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_connection_asks_many_times, start, stop),
        cmocka_unit_test_setup_teardown(test_answers_that_cannot_be_read, start, stop),
        cmocka_unit_test_setup_teardown(test_refusals_carry_their_words, start, stop),
        cmocka_unit_test_setup_teardown(test_a_service_that_is_not_there, start, stop),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
