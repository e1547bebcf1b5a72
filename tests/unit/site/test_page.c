/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "site/page.h"

static void the_language_is_the_one_asked_for_most(void **state)
{
    static const struct {
        const char *header;
        enum page_language language;
    } cases[] = {
        {"", PAGE_ENGLISH},
        {"de, fr;q=0.5", PAGE_ENGLISH},
        {"zh-CN,zh;q=0.9,en;q=0.8", PAGE_CHINESE},
        {"en-US,en;q=0.9,zh;q=0.8", PAGE_ENGLISH},
        {"en;q=0.3, zh;q=0.31", PAGE_CHINESE},
        {"de, zh;q=0.001", PAGE_CHINESE},
        {"zh;q=0, en;q=0.1", PAGE_ENGLISH},
        {"zh;q=oops", PAGE_ENGLISH},
        {"ZH-tw", PAGE_CHINESE},
        {",,;;q=,zh", PAGE_CHINESE},
    };
    (void)state;
    assert_int_equal(page_language(SPAN_NULL), PAGE_ENGLISH);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(page_language(span_str(cases[i].header)), cases[i].language);
}

static const char *write_page(const struct site_facts *facts, enum page_language language, struct buf *body)
{
    buf_clear(body);
    page_write(facts, language, body);
    assert_int_equal(buf_status(body), 0);
    return buf_cstr(body);
}

static void it_shows_models_and_a_ready_line(void **state)
{
    struct span models[] = {SPAN("alpha"), SPAN("beta")};
    bool up[] = {false, true};
    struct site_facts facts = {.host = SPAN("door.example:8080"), .models = models, .models_up = up, .models_count = 2};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    const char *page = write_page(&facts, PAGE_ENGLISH, &body);
    assert_non_null(strstr(page, "<span class=\"model\">alpha</span><span class=\"down\">down</span>"));
    assert_non_null(strstr(page, "<span class=\"model\">beta</span><span class=\"up\">up</span>"));
    assert_non_null(strstr(page, "http://door.example:8080/v1/chat/completions"));
    assert_non_null(strstr(page, "\"model\":\"beta\""));
    assert_non_null(strstr(page, "<code>./seawall --data DIR key create NAME</code>")); /* as ./run leaves the tool */
    assert_non_null(strstr(write_page(&facts, PAGE_CHINESE, &body), "<html lang=\"zh\">"));
    facts.secure = true;
    assert_non_null(strstr(write_page(&facts, PAGE_ENGLISH, &body), "https://door.example:8080/"));
    facts.models_count = 0;
    assert_non_null(strstr(write_page(&facts, PAGE_ENGLISH, &body), "has answered yet"));
    buf_release(&body);
}

/* A telephone shows the whole line: nothing is cut off at its edge. */
static void the_ready_line_wraps_where_the_page_is_narrow(void **state)
{
    (void)state;
    assert_non_null(strstr(page_style, "white-space: pre-wrap;\n  overflow-wrap: anywhere;"));
    assert_null(strstr(page_style, "overflow-x"));
}

static void names_cannot_become_markup(void **state)
{
    struct span models[] = {SPAN("<script>alert('x')</script>&\"")};
    bool up[] = {true};
    struct site_facts facts = {.host = SPAN("a\"><b"), .models = models, .models_up = up, .models_count = 1};
    struct buf body;
    (void)state;
    buf_init(&body, 65536);
    const char *page = write_page(&facts, PAGE_ENGLISH, &body);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "\"><b"));
    assert_non_null(strstr(page, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_language_is_the_one_asked_for_most),
        cmocka_unit_test(it_shows_models_and_a_ready_line),
        cmocka_unit_test(the_ready_line_wraps_where_the_page_is_narrow),
        cmocka_unit_test(names_cannot_become_markup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
