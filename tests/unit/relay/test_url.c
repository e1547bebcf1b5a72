/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "relay/url.h"

static struct url parsed(const char *text)
{
    struct url url;
    struct err err = {""};
    if (url_parse(span_str(text), &url, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return url;
}

static void assert_refused(const char *text, size_t len)
{
    struct url url;
    struct err err = {""};
    if (url_parse(span_of(text, len), &url, &err) != -EINVAL)
        fail_msg("'%.*s' was taken", (int)len, text);
    assert_string_not_equal(err.text, "");
}

static void takes_host_port_and_scheme(void **state)
{
    (void)state;
    struct url url = parsed("http://Engine.Example.com");
    assert_false(url.tls);
    assert_string_equal(url.host, "engine.example.com");
    assert_string_equal(url.authority, "engine.example.com");
    assert_int_equal(url.port, 80);
    assert_string_equal(url.prefix, "");
    assert_false(url.host_is_address);

    url = parsed("HTTPS://h_1-2.local:8443/");
    assert_true(url.tls);
    assert_int_equal(url.port, 8443);
    assert_string_equal(url.port_text, "8443");
    assert_string_equal(url.authority, "h_1-2.local:8443");

    assert_int_equal(parsed("https://a").port, 443);
    assert_string_equal(parsed("https://a:443").authority, "a");
    assert_string_equal(parsed("https://a:80").authority, "a:80");
    assert_int_equal(parsed("http://a:1").port, 1);
    assert_int_equal(parsed("http://a:65535").port, 65535);
}

static void takes_addresses(void **state)
{
    (void)state;
    struct url url = parsed("http://127.0.0.1:8080");
    assert_true(url.host_is_address);
    assert_string_equal(url.authority, "127.0.0.1:8080");

    url = parsed("http://[::1]:8080/v1");
    assert_true(url.host_is_address);
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.authority, "[::1]:8080");
    assert_string_equal(parsed("https://[FE80::A]").authority, "[fe80::a]");
    assert_false(parsed("http://1.2.3.4.example").host_is_address);
}

static void a_prefix_loses_its_v1(void **state)
{
    (void)state;
    assert_string_equal(parsed("http://h/v1").prefix, "");
    assert_string_equal(parsed("http://h/v1///").prefix, "");
    assert_string_equal(parsed("http://h/api/v1/").prefix, "/api");
    assert_string_equal(parsed("http://h/api/v1beta").prefix, "/api/v1beta");
    assert_string_equal(parsed("http://h/v1/openai").prefix, "/v1/openai");
    assert_string_equal(parsed("http://h/a/b/").prefix, "/a/b");
    assert_string_equal(parsed("http://h//v1").prefix, "");
}

static void refuses_what_is_not_plain(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "h",
        "ftp://h",
        "http:/h",
        "://h",
        "http://",
        "http:///v1",
        "http://h:",
        "http://h:0",
        "http://h:65536",
        "http://h:+1",
        "http://h:8 ",
        "http://h:80:80",
        "http:// h",
        "http://h h",
        "http://-h",
        "http://.h",
        "http://u:p@h",
        "http://u@h/v1",
        "http://h?x",
        "http://h/?x=1",
        "http://h/#f",
        "http://h/a b",
        "http://h/%2e",
        "http://h/\r\nX: y",
        "http://h\r\n",
        "http://[::1",
        "http://[::1]x",
        "http://[]",
        "http://[127.0.0.1]",
        "http://[fe80::1%eth0]",
        "http://::1",
        "http://h\x80",
        "http://\xc3\xbc.example",
        "http://h/\x7f",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_refused(bad[i], strlen(bad[i]));
    assert_refused("http://h\0x", 10);
    assert_refused("http://h/a\0x", 12);
    assert_refused(NULL, 0);
}

static void lengths_have_their_border(void **state)
{
    (void)state;
    char text[1024];
    (void)snprintf(text, sizeof(text), "http://%0*d:65535/", URL_HOST_MAX, 0);
    struct url url = parsed(text);
    assert_int_equal(strlen(url.host), URL_HOST_MAX);
    assert_int_equal(strlen(url.authority), URL_HOST_MAX + 6);
    (void)snprintf(text, sizeof(text), "http://%0*d", URL_HOST_MAX + 1, 0);
    assert_refused(text, strlen(text));

    (void)snprintf(text, sizeof(text), "http://h/%0*d", URL_PREFIX_MAX - 1, 0);
    assert_int_equal(strlen(parsed(text).prefix), URL_PREFIX_MAX);
    (void)snprintf(text, sizeof(text), "http://h/%0*d", URL_PREFIX_MAX, 0);
    assert_refused(text, strlen(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_host_port_and_scheme), cmocka_unit_test(takes_addresses),
        cmocka_unit_test(a_prefix_loses_its_v1),      cmocka_unit_test(refuses_what_is_not_plain),
        cmocka_unit_test(lengths_have_their_border),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
