/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/target.h"

static struct target target;

static void refused(const char *url, const char *message)
{
    struct err err = {""};
    assert_int_equal(target_read(url, &target, &err), -EINVAL);
    assert_string_equal(err.text, message);
}

static void this_machine_is_a_target(void **state)
{
    (void)state;
    const char *good[] = {"http://127.0.0.1:8080", "http://localhost:8080/",
                          "http://127.9.8.7",      "http://LOCALHOST:1",
                          "http://[::1]:8080/v1",  "http://127.0.0.1:80/a/b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(target_read(good[i], &target, NULL), 0);
    assert_string_equal(target.prefix, "/a/b");
    assert_string_equal(target.host, "127.0.0.1:80");
    assert_true(target_has_sources(&target));
    assert_int_equal(target_read("http://[::1]:8080/v1", &target, NULL), 0);
    assert_string_equal(target.host, "[::1]:8080");
    assert_string_equal(target.prefix, "");
    assert_false(target_has_sources(&target));
}

static void nobody_else_is(void **state)
{
    (void)state;
    const char *others[] = {"10.0.0.1",           "192.168.1.1",    "example.com",   "0.0.0.0",
                            "128.0.0.1",          "127.0.0.1.evil", "localhost.com", "[::2]",
                            "[::ffff:127.0.0.1]", "127.1",          "2130706433"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char url[64], message[256], bare[64];
        size_t skip = others[i][0] == '[';
        (void)snprintf(bare, sizeof(bare), "%.*s", (int)(strlen(others[i]) - 2 * skip),
                       others[i] + skip);
        (void)snprintf(url, sizeof(url), "http://%s:8080", others[i]);
        (void)snprintf(message, sizeof(message),
                       "--url: '%s' is not this machine; a storm goes to 127.0.0.0/8, [::1] or "
                       "localhost only",
                       bare);
        refused(url, message);
    }
}

static void what_is_no_plain_url_is_refused(void **state)
{
    (void)state;
    char long_url[TARGET_TEXT_BYTES + 1];
    memset(long_url, 'a', sizeof(long_url) - 1);
    long_url[sizeof(long_url) - 1] = '\0';
    refused("https://127.0.0.1", "--url: a storm speaks plain http");
    refused("127.0.0.1:80", "--url: it does not begin with http:// or https://");
    refused("http://127.0.0.1:0", "--url: its port is not between 1 and 65535");
    refused(long_url, "--url: it is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_is_a_target),
        cmocka_unit_test(nobody_else_is),
        cmocka_unit_test(what_is_no_plain_url_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
