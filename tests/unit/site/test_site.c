/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "site/site.h"

static const struct site_facts nothing = {.host = {"h", 1}};

static void each_path_has_its_type(void **state)
{
    static const struct {
        const char *path, *type;
        bool document;
    } cases[] = {
        {"/", "text/html; charset=utf-8", true},
        {"/waiting", "text/html; charset=utf-8", true},
        {"/seawall.css", "text/css; charset=utf-8", false},
        {"/favicon.svg", "image/svg+xml", false},
        {"/robots.txt", "text/plain; charset=utf-8", false},
    };
    struct buf body;
    struct site_page page;
    (void)state;
    buf_init(&body, 65536);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&body);
        assert_true(site_page(span_str(cases[i].path), SPAN_NULL, &nothing, &body, &page));
        assert_true(span_eq(page.content_type, span_str(cases[i].type)));
        assert_int_equal(!span_is_null(page.security_policy), cases[i].document);
        assert_int_equal(page.may_cache, !cases[i].document);
        assert_true(body.len > 0);
    }
    buf_release(&body);
}

static void other_paths_are_no_pages(void **state)
{
    static const char *const paths[] = {"/index.html",    "//",          "/seawall.css/", "/v1",
                                        "/../etc/passwd", "/FAVICON.svg"};
    struct buf body;
    struct site_page page;
    (void)state;
    buf_init(&body, 65536);
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_false(site_page(span_str(paths[i]), SPAN_NULL, &nothing, &body, &page));
    assert_int_equal(body.len, 0);
    buf_release(&body);
}

static void the_policy_allows_nothing_from_elsewhere(void **state)
{
    struct buf body;
    struct site_page page;
    (void)state;
    buf_init(&body, 65536);
    assert_true(site_page(SPAN("/"), SPAN_NULL, &nothing, &body, &page));
    assert_true(span_starts(page.security_policy, SPAN("default-src 'none'")));
    assert_int_equal(span_find(page.security_policy, SPAN("script")), -1);
    assert_int_equal(span_find(page.security_policy, SPAN("unsafe")), -1);
    buf_release(&body);
}

static void the_waiting_page_looks_again_and_goes_on(void **state)
{
    struct site_facts facts = {.waiting = 12, .estimate_ms = 3400};
    struct buf body;
    struct site_page page;
    (void)state;
    buf_init(&body, 65536);
    assert_true(site_page(SPAN("/waiting"), SPAN("en"), &facts, &body, &page));
    assert_true(span_eq(page.refresh, SPAN("5")));
    assert_non_null(strstr(buf_cstr(&body), "<span>12</span>"));
    assert_non_null(strstr(buf_cstr(&body), "<span>4</span>"));
    assert_null(strstr(buf_cstr(&body), "<script"));
    buf_clear(&body);
    assert_true(site_page(SPAN("/waiting"), SPAN("zh-CN"), &facts, &body, &page));
    assert_non_null(strstr(buf_cstr(&body), "<html lang=\"zh\">"));
    facts.waiting = 0;
    assert_true(site_page(SPAN("/waiting"), SPAN_NULL, &facts, &body, &page));
    assert_true(span_eq(page.refresh, SPAN("2; url=/")));
    assert_true(site_page(SPAN("/"), SPAN_NULL, &facts, &body, &page));
    assert_true(span_is_null(page.refresh));
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_has_its_type),
        cmocka_unit_test(other_paths_are_no_pages),
        cmocka_unit_test(the_waiting_page_looks_again_and_goes_on),
        cmocka_unit_test(the_policy_allows_nothing_from_elsewhere),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
