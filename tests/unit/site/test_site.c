/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "site/site.h"

static const struct site_facts nothing = {.host = {"h", 1}};
static struct site_page page;
static struct buf body;

static int set_up(void **state)
{
    (void)state;
    buf_init(&body, 65536);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&body);
    return 0;
}

static bool written(const char *path, const char *language, const struct site_facts *facts)
{
    struct site_ask ask = {.path = span_str(path), .accept_language = span_str(language)};
    buf_clear(&body);
    return site_page(&ask, facts, &body, &page);
}

static bool constant(const char *path, bool chat)
{
    struct site_ask ask = {.path = span_str(path), .chat = chat};
    return site_constant(&ask, &page);
}

static void pages_without_a_script_are_never_kept(void **state)
{
    static const char *const paths[] = {"/", "/start", "/waiting"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_true(written(paths[i], NULL, &nothing));
        assert_true(span_eq(page.content_type, SPAN("text/html; charset=utf-8")));
        assert_true(span_eq(page.cache_control, SPAN("no-store")));
        assert_true(span_starts(page.security_policy, SPAN("default-src 'none'")));
        assert_int_equal(span_find(page.security_policy, SPAN("script")), -1);
        assert_int_equal(span_find(page.security_policy, SPAN("unsafe")), -1);
        assert_true(span_is_null(page.bytes) && body.len > 0);
    }
}

static void their_files_are_kept_for_an_hour(void **state)
{
    static const struct {
        const char *path, *type;
    } cases[] = {
        {"/seawall.css", "text/css; charset=utf-8"},
        {"/favicon.svg", "image/svg+xml"},
        {"/robots.txt", "text/plain; charset=utf-8"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(constant(cases[i].path, false));
        assert_true(span_eq(page.content_type, span_str(cases[i].type)));
        assert_true(span_eq(page.cache_control, SPAN("public, max-age=3600")));
        assert_true(span_is_null(page.security_policy) && page.bytes.len > 0);
    }
}

static void other_paths_are_no_pages(void **state)
{
    static const char *const paths[] = {"/index.html",    "//",           "/seawall.css/", "/v1",
                                        "/../etc/passwd", "/FAVICON.svg", "/site.json/"};
    struct site_info info = {.name = SPAN("x")};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_false(constant(paths[i], true));
        assert_false(written(paths[i], NULL, &nothing));
        assert_false(site_info(span_str(paths[i]), &info, &body, &page));
    }
    assert_int_equal(body.len, 0);
}

static void without_the_chat_its_paths_are_no_pages(void **state)
{
    (void)state;
    assert_false(constant("/", false));
    assert_false(constant("/chat", false));
}

static void the_waiting_page_looks_again_and_goes_on(void **state)
{
    struct site_facts facts = {.waiting = 12, .estimate_ms = 3400};
    (void)state;
    assert_true(written("/waiting", "en", &facts));
    assert_true(span_eq(page.refresh, SPAN("5")));
    assert_non_null(strstr(buf_cstr(&body), "<span>12</span>"));
    assert_non_null(strstr(buf_cstr(&body), "<span>4</span>"));
    assert_null(strstr(buf_cstr(&body), "<script"));
    assert_true(written("/waiting", "zh-CN", &facts));
    assert_non_null(strstr(buf_cstr(&body), "<html lang=\"zh\">"));
    facts.waiting = 0;
    assert_true(written("/waiting", NULL, &facts));
    assert_true(span_eq(page.refresh, SPAN("2; url=/")));
    assert_true(written("/start", NULL, &facts));
    assert_true(span_is_null(page.refresh));
}

static void what_a_page_may_ask_is_json(void **state)
{
    struct site_info info = {.name = SPAN("a \"b\" <c>"), .key_required = true, .body_bytes_max = 4096, .resume_grace_s = 15};
    (void)state;
    buf_clear(&body);
    assert_true(site_info(SPAN("/site.json"), &info, &body, &page));
    assert_string_equal(buf_cstr(&body), "{\"name\":\"a \\\"b\\\" <c>\",\"version\":\"" SEAWALL_VERSION
                                         "\",\"key_required\":true,\"body_bytes_max\":4096,\"resume_grace_s\":15}");
    assert_true(span_eq(page.content_type, SPAN("application/json")));
    assert_true(span_eq(page.cache_control, SPAN("public, max-age=10")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_without_a_script_are_never_kept),
        cmocka_unit_test(their_files_are_kept_for_an_hour),
        cmocka_unit_test(other_paths_are_no_pages),
        cmocka_unit_test(without_the_chat_its_paths_are_no_pages),
        cmocka_unit_test(the_waiting_page_looks_again_and_goes_on),
        cmocka_unit_test(what_a_page_may_ask_is_json),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
