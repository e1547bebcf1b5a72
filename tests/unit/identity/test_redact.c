/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "identity/key.h"
#include "identity/redact.h"

static char key_text[KEY_TEXT_BYTES + 1];
static struct arena *arena;

static int set_up(void **state)
{
    static const struct mac_key mac = {{1, 2, 3}};
    uint64_t id;
    (void)state;
    key_generate(&mac, key_text, &id);
    arena = arena_new(65536);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct span redacted(const char *text, const char *presented)
{
    return redact_keys(arena, span_str(text), REDACT_BYTES_MAX, span_str(presented));
}

static void assert_redacted(const char *text, const char *presented, const char *expected)
{
    struct span seen = redacted(text, presented);
    assert_true(span_eq(seen, span_str(expected)));
}

static void a_key_of_ours_keeps_its_id_only(void **state)
{
    (void)state;
    char text[256], expected[256];
    snprintf(text, sizeof(text), "/v1/models/%s/and%s", key_text, key_text);
    snprintf(expected, sizeof(expected), "/v1/models/%.18s***/and%.18s***", key_text, key_text);
    assert_redacted(text, NULL, expected);
    assert_redacted(text, key_text, "/v1/models/***/and***");
}

static void what_only_begins_like_one_loses_more(void **state)
{
    (void)state;
    assert_redacted("a sk-sw-0123456789secret b", NULL, "a sk-sw-*** b");
    assert_redacted("sk-sw-short-secret.", NULL, "sk-sw-***.");
    assert_redacted("sk-sw-0123456789A", NULL, "sk-sw-***");
    assert_redacted("sk-sw-0123456789A-", NULL, "sk-sw-0123456789A-");
    assert_redacted("sk-sw-", NULL, "sk-sw-");
}

static void a_key_behind_the_beginning_of_another_is_found(void **state)
{
    static const char *const before[] = {"sk-sw-", "sk-sw-sk-sw-", "sk-sw-0-", "sk-sw-0123456789A",
                                         "sk-sw-01234567", "sk-sw-0123456789A-"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        char text[128];
        snprintf(text, sizeof(text), "%s%s", before[i], key_text);
        struct span seen = redacted(text, NULL);
        assert_true(span_find(seen, span_of(key_text + 18, 8)) < 0);
    }
}

static void other_text_stays(void **state)
{
    static const char *const texts[] = {"", "/v1/chat/completions", "sk-", "sk-swim",
                                        "SK-SW-0123456789A-0123"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_redacted(texts[i], key_text, texts[i]);
    assert_true(span_is_null(redact_keys(arena, SPAN_NULL, 64, SPAN_NULL)));
}

static void the_presented_key_goes_whatever_its_form(void **state)
{
    (void)state;
    assert_redacted("/sk-proj-0123456789/x", "sk-proj-0123456789", "/***/x");
    assert_redacted("sk-proj-0123456789", "sk-proj-0123456789", "***");
    /* No key is that short, and the log would lose words for nothing. */
    assert_redacted("/v1/chat/completions", "completions", "/v1/chat/completions");
}

static void nothing_of_a_key_stays_before_the_cut(void **state)
{
    char text[256];
    (void)state;
    for (size_t before = 60; before <= REDACT_BYTES_MAX; before++) {
        memset(text, 'x', before);
        snprintf(text + before, sizeof(text) - before, "%s", key_text);
        struct span seen = redacted(text, NULL);
        assert_in_range(seen.len, 0, REDACT_BYTES_MAX);
        for (size_t end = 19; end < KEY_TEXT_BYTES; end++) /* of the secret */
            assert_true(span_find(seen, span_of(key_text + 18, end - 17)) < 0);
        snprintf(text + before, sizeof(text) - before, "%s", "0123456789abcdef");
        assert_true(span_find(redacted(text, "0123456789abcdef"), SPAN("01")) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_of_ours_keeps_its_id_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_only_begins_like_one_loses_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_behind_the_beginning_of_another_is_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_text_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_presented_key_goes_whatever_its_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_of_a_key_stays_before_the_cut, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
