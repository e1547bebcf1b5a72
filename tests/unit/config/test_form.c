/* SPDX-License-Identifier: Apache-2.0 */
#include "config/form.h"

#include "config_testing.h"

static void urls_that_are_right(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written, *host;
        bool tls;
    } examples[] = {
        {"http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1", false},
        {"https://api.deepseek.com", "https://api.deepseek.com", "api.deepseek.com", true},
        {"https://api.deepseek.com/", "https://api.deepseek.com", "api.deepseek.com", true},
        {"https://api.deepseek.com/v1", "https://api.deepseek.com", "api.deepseek.com", true},
        {"https://api.deepseek.com/v1/", "https://api.deepseek.com", "api.deepseek.com", true},
        {"https://h/openai/v1", "https://h/openai", "h", true},
        {"https://h/openai/v12", "https://h/openai/v12", "h", true},
        {"https://h/api/", "https://h/api", "h", true},
        {"HTTP://GPU-1.Lan:65535", "http://gpu-1.lan:65535", "GPU-1.Lan", false},
        {"http://[::1]:1", "http://[::1]:1", "::1", false},
        {"http://[FE80::1]", "http://[fe80::1]", "FE80::1", false},
        {"http://vllm_1:8000", "http://vllm_1:8000", "vllm_1", false},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct form_url url;
        const char *wrong = form_url(span_str(examples[i].text), &url);
        if (wrong)
            fail_msg("'%s': %s", examples[i].text, wrong);
        assert_int_equal(url.tls, examples[i].tls);
        assert_span(url.host, examples[i].host);
        struct buf buf;
        buf_init(&buf, 256);
        form_url_write(&buf, &url);
        assert_string_equal(buf_cstr(&buf), examples[i].written);
        buf_release(&buf);
    }
}

static void urls_that_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } examples[] = {
        {"", "http://"},
        {"127.0.0.1:8000", "http://"},
        {"ftp://h", "http://"},
        {"unix:/x", "http://"},
        {"//h", "http://"},
        {"http:/h", "http://"},
        {"httpss://h", "http://"},
        {"http://", "host"},
        {"http://:80", "host"},
        {"http://ho st", "host"},
        {"http://ho\nst", "host"},
        {"http://::1:80", "host"},
        {"http://[::1", "']'"},
        {"http://[]", "IPv6"},
        {"http://[1.2.3.4]", "IPv6"},
        {"http://[::1]x", "port"},
        {"http://h:", "port"},
        {"http://h:0", "port"},
        {"http://h:65536", "port"},
        {"http://h:100000", "port"},
        {"http://h:80a", "port"},
        {"http://h:-1", "port"},
        {"http://h:80:80", "port"},
        {"http://user:pw@h", "user or password"},
        {"http://h/a@b", "user or password"},
        {"http://h?x=1", "query"},
        {"http://h/?x", "query"},
        {"http://h/#x", "query"},
        {"http://h/a b", "path"},
        {"http://h/\x7f", "path"},
        {"http://h/é", "path"},
        {"http://h//a", "path"},
        {"http://h/../a", "path"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct form_url url = {.host = SPAN("untouched")};
        const char *wrong = form_url(span_str(examples[i].text), &url);
        if (!wrong || !strstr(wrong, examples[i].why))
            fail_msg("'%s': %s", examples[i].text, wrong ? wrong : "accepted");
        assert_span(url.host, "untouched");
    }
}

static void hosts_of_ones_own(void **state)
{
    (void)state;
    static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "::1",
                                           "localhost", "LOCALHOST", "a.localhost"};
    static const char *const near[] = {"10.0.0.1",    "172.16.0.1", "172.31.255.255", "192.168.1.1",
                                       "169.254.0.1", "100.64.0.1", "fd00::1",        "fe80::1",
                                       "vllm-1",      "gpu.local",  "x.internal",     "x.home.arpa",
                                       "gpu.LAN"};
    static const char *const far[] = {
        "8.8.8.8",      "172.15.255.255", "172.32.0.1",   "192.169.0.1", "100.63.0.1",
        "100.128.0.1",  "11.0.0.1",       "2001:db8::1",  "ff02::1",     "api.deepseek.com",
        "notlocal.com", "x.notlan",       "localhost.com"};
    for (size_t i = 0; i < COUNT_OF(loopback); i++) {
        assert_true(form_host_is_loopback(span_str(loopback[i])));
        assert_true(form_host_is_private(span_str(loopback[i])));
    }
    for (size_t i = 0; i < COUNT_OF(near); i++) {
        assert_false(form_host_is_loopback(span_str(near[i])));
        if (!form_host_is_private(span_str(near[i])))
            fail_msg("'%s' is private", near[i]);
    }
    for (size_t i = 0; i < COUNT_OF(far); i++)
        if (form_host_is_private(span_str(far[i])))
            fail_msg("'%s' is not private", far[i]);
}

static void addresses_to_listen_on(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
    } good[] = {
        {":8080", ""},
        {"8080", ""},
        {":0", ""},
        {"127.0.0.1:8080", "127.0.0.1"},
        {"[::1]:65535", "[::1]"},
        {"[::]:80", "[::]"},
        {"unix:/run/x.sock", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct span host;
        if (!form_listen(span_str(good[i].text), &host))
            fail_msg("'%s' is an address", good[i].text);
        assert_int_equal(span_is_null(host), good[i].host == NULL);
        assert_span(host, good[i].host);
    }
    static const char *const bad[] = {
        "",
        ":",
        "x",
        "host:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "::1:80",
        "[::1]",
        "[x]:80",
        "[]:80",
        "1.2.3:80",
        ":80 ",
        " :80",
        "unix:",
        "unix:/",
        "unix:relative",
        ":000080",
        "unix:/"
        "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct span host;
        if (form_listen(span_str(bad[i]), &host))
            fail_msg("'%s' is no address", bad[i]);
    }
}

static void origins(void **state)
{
    (void)state;
    static const char *const good[] = {"*",
                                       "https://chat.example.org",
                                       "http://localhost:3000",
                                       "https://[::1]:8443",
                                       "https://h:80",
                                       "tauri://localhost",
                                       "chrome-extension://abcdef"};
    static const char *const bad[] = {"",
                                      "chat.example.org",
                                      "https://",
                                      "https://h/",
                                      "https://h/path",
                                      "https://H",
                                      "HTTPS://h",
                                      "https://h:443",
                                      "http://h:80",
                                      "https://h:0",
                                      "https://*.example.org",
                                      "null",
                                      "://h",
                                      "https://u@h",
                                      "https://h h",
                                      "1a://h",
                                      "https://h?x"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        if (!form_origin(span_str(good[i])))
            fail_msg("'%s' is an origin", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (form_origin(span_str(bad[i])))
            fail_msg("'%s' is no origin", bad[i]);
}

static void names_at_their_borders(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    static const struct {
        bool (*form)(struct span);
        size_t max;
        const char *good[4], *bad[6];
    } examples[] = {
        {form_name, 64, {"gpu", "a.b_c-1", "1"}, {"", "a b", "a/b", "é", "a\n"}},
        {form_model,
         255,
         {"deepseek-ai/DeepSeek-V3", "gpt-4:latest", "模型"},
         {"", "a b", "a\n", "\x7f", "\xff"}},
        {form_text, 64, {"Example AI", "聊天 <b>", "a"}, {"", "a\nb", "\t", "\x7f", "\xff"}},
        {form_field, 64, {"top_k", "chat_template_kwargs", "x.y"}, {"", "a b", "\"", "é"}},
        {form_user, 32, {"seawall", "_x", "www-data"}, {"", "Root", "1a", "a b", "-a"}},
        {form_log,
         255,
         {"access.log", "logs/a.log", "-", "off"},
         {"", "/etc/x", "../x", "a/../b", "a//b", "a/"}},
        {form_env, 255, {"KEY", "_k1", "a"}, {"", "1A", "A-B", "A=B", "A B"}},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        for (size_t j = 0; j < COUNT_OF(examples[i].good) && examples[i].good[j]; j++)
            if (!examples[i].form(span_str(examples[i].good[j])))
                fail_msg("%zu: '%s' is right", i, examples[i].good[j]);
        for (size_t j = 0; j < COUNT_OF(examples[i].bad) && examples[i].bad[j]; j++)
            if (examples[i].form(span_str(examples[i].bad[j])))
                fail_msg("%zu: '%s' is wrong", i, examples[i].bad[j]);
        assert_true(examples[i].form(span_of(longest, examples[i].max)));
        assert_false(examples[i].form(span_of(longest, examples[i].max + 1)));
        assert_false(examples[i].form(span_of("a\0b", 3)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_that_are_right),
        cmocka_unit_test(urls_that_are_not),
        cmocka_unit_test(hosts_of_ones_own),
        cmocka_unit_test(addresses_to_listen_on),
        cmocka_unit_test(origins),
        cmocka_unit_test(names_at_their_borders),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
