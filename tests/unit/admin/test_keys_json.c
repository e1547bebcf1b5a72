/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_json.h"

static json_t *parse(const char *text)
{
    struct err err = {""};
    json_t *json = keys_json_parse(span_str(text), &err);
    assert_non_null(json);
    return json;
}

/* What a wish is refused with; "" when it is not. */
static const char *wish_error(const char *text)
{
    static struct err err;
    struct key_wish wish;
    json_t *json = parse(text);
    err.text[0] = '\0';
    int result = key_wish_read(json, &wish, &err);
    assert_int_equal(result < 0, err.text[0] != '\0');
    json_decref(json);
    return err.text;
}

static void assert_shown(const struct key *key, uint64_t now_ms, const char *want)
{
    struct buf buf;
    buf_init(&buf, 4096);
    struct json_out out = json_out_start(&buf);
    json_out_open(&out, '{');
    key_write_members(&out, key, now_ms);
    json_out_close(&out, '}');
    assert_string_equal(buf_cstr(&buf), want);
    buf_release(&buf);
}

static void test_a_key_is_shown_without_its_text(void **state)
{
    (void)state;
    const char *models[] = {"a", "b\"c"};
    unsigned char digest[SHA256_BYTES] = {1};
    struct limits limits = limits_unset();
    limits.of[LIMIT_TOKENS_DAY] = 5;
    struct key *key = key_new(&(struct key_spec){.id = 61,
                                                 .digest = digest,
                                                 .name = SPAN("ann"),
                                                 .hint = SPAN("wxyz"),
                                                 .imported = true,
                                                 .created_ms = 86400000,
                                                 .expires_ms = 172800000,
                                                 .models = models,
                                                 .models_count = 2,
                                                 .account = SPAN("team"),
                                                 .limits = &limits});
    assert_non_null(key);
    assert_shown(key, 172799999,
                 "{\"id\":\"key_0000000000z\",\"name\":\"ann\",\"hint\":\"wxyz\",\"state\":"
                 "\"active\",\"models\":[\"a\","
                 "\"b\\\"c\"],\"created\":\"1970-01-02T00:00:00.000Z\",\"expires\":\"1970-01-03T00:"
                 "00:00.000Z\","
                 "\"last_used\":null,\"imported\":true,\"account\":\"team\",\"limits\":"
                 "{\"tokens_per_day\":5}}");
    atomic_store(&key->last_used_ms, 1000);
    assert_shown(key, 172800000,
                 "{\"id\":\"key_0000000000z\",\"name\":\"ann\",\"hint\":\"wxyz\",\"state\":"
                 "\"expired\",\"models\":[\"a\","
                 "\"b\\\"c\"],\"created\":\"1970-01-02T00:00:00.000Z\",\"expires\":\"1970-01-03T00:"
                 "00:00.000Z\","
                 "\"last_used\":\"1970-01-01T00:00:01.000Z\",\"imported\":true,"
                 "\"account\":\"team\",\"limits\":{\"tokens_per_day\":5}}");
    key->disabled = true;
    assert_shown(key, 0,
                 "{\"id\":\"key_0000000000z\",\"name\":\"ann\",\"hint\":\"wxyz\",\"state\":"
                 "\"disabled\",\"models\":[\"a\","
                 "\"b\\\"c\"],\"created\":\"1970-01-02T00:00:00.000Z\",\"expires\":\"1970-01-03T00:"
                 "00:00.000Z\","
                 "\"last_used\":\"1970-01-01T00:00:01.000Z\",\"imported\":true,"
                 "\"account\":\"team\",\"limits\":{\"tokens_per_day\":5}}");
    key_unref(key);
}

static void test_a_body_is_one_object(void **state)
{
    (void)state;
    const char *const bad[] = {
        "", "{", "[]", "1", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {""};
        assert_null(keys_json_parse(span_str(bad[i]), &err));
        assert_true(err.text[0] != '\0');
    }
}

static void test_a_wish_is_read(void **state)
{
    (void)state;
    struct err err = {""};
    struct key_wish wish;
    json_t *json = parse("{\"name\":\"ann\",\"models\":[\"a\",\"b\"],\"expires\":\"1970-01-02\"}");
    assert_int_equal(key_wish_read(json, &wish, &err), 0);
    assert_true(span_eq(wish.name, SPAN("ann")));
    assert_int_equal(wish.models_count, 2);
    assert_string_equal(wish.models[1], "b");
    assert_int_equal(wish.expires_ms, 86400000);
    json_decref(json);

    json = parse("{\"name\":\"ann\",\"models\":null,\"expires\":null}");
    assert_int_equal(key_wish_read(json, &wish, &err), 0);
    assert_int_equal(wish.models_count, 0);
    assert_int_equal(wish.expires_ms, 0);
    json_decref(json);
}

static void test_a_name_has_a_length_and_no_control_characters(void **state)
{
    (void)state;
    char text[256];
    snprintf(text, sizeof(text), "{\"name\":\"%0*d\"}", KEY_NAME_BYTES_MAX, 0);
    assert_string_equal(wish_error(text), "");
    snprintf(text, sizeof(text), "{\"name\":\"%0*d\"}", KEY_NAME_BYTES_MAX + 1, 0);
    assert_string_equal(wish_error(text), "'name' must have 1 to 100 printable bytes");
    assert_string_equal(wish_error("{\"name\":\"\"}"), "'name' must have 1 to 100 printable bytes");
    assert_string_equal(wish_error("{\"name\":\"a\\tb\"}"),
                        "'name' must have 1 to 100 printable bytes");
    assert_string_equal(wish_error("{\"name\":\"a\\u007fb\"}"),
                        "'name' must have 1 to 100 printable bytes");
    assert_string_equal(wish_error("{\"name\":5}"), "'name' must be a text");
    assert_string_equal(wish_error("{}"), "'name' must be a text");
    assert_string_equal(wish_error("{\"name\":\"\xc3\xa4\"}"), "");
}

static void test_models_are_a_list_of_names(void **state)
{
    (void)state;
    assert_non_null(strstr(wish_error("{\"name\":\"a\",\"models\":\"x\"}"), "must be a list"));
    assert_non_null(strstr(wish_error("{\"name\":\"a\",\"models\":[1]}"), "must hold names"));
    assert_non_null(strstr(wish_error("{\"name\":\"a\",\"models\":[\"\"]}"), "must hold names"));
    assert_non_null(
        strstr(wish_error("{\"name\":\"a\",\"models\":[\"x\\ny\"]}"), "must hold names"));

    char text[1024] = "{\"name\":\"a\",\"models\":[\"x\"";
    size_t len = strlen(text);
    for (int i = 1; i < KEY_MODELS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"x\"");
    snprintf(text + len, sizeof(text) - len, "]}");
    assert_string_equal(wish_error(text), "");
    snprintf(text + len, sizeof(text) - len, ",\"x\"]}");
    assert_non_null(strstr(wish_error(text), "at most 64"));
}

static void test_expires_is_a_date(void **state)
{
    (void)state;
    const char *const bad[] = {"\"tomorrow\"", "5", "\"2027-13-01\"", "\"\"", "\"1970-01-01\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[128];
        snprintf(text, sizeof(text), "{\"name\":\"a\",\"expires\":%s}", bad[i]);
        assert_non_null(strstr(wish_error(text), "'expires' must be a date"));
    }
}

static void test_unknown_members_are_named(void **state)
{
    (void)state;
    static const char *const known[] = {"name", "models", NULL};
    struct err err = {""};
    json_t *json = parse("{\"name\":\"a\",\"modles\":[]}");
    assert_int_equal(keys_json_only(json, known, &err), -EINVAL);
    assert_string_equal(err.text, "unknown member 'modles'");
    json_object_del(json, "modles");
    assert_int_equal(keys_json_only(json, known, &err), 0);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_shown_without_its_text),
        cmocka_unit_test(test_a_body_is_one_object),
        cmocka_unit_test(test_a_wish_is_read),
        cmocka_unit_test(test_a_name_has_a_length_and_no_control_characters),
        cmocka_unit_test(test_models_are_a_list_of_names),
        cmocka_unit_test(test_expires_is_a_date),
        cmocka_unit_test(test_unknown_members_are_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
