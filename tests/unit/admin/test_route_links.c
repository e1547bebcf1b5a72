/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "site/assets.h"

static struct fixture fixture;
static char id[16], key[KEY_TEXT_BYTES + 1];

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture);
    fixture_admin(&fixture);
    serve(&fixture);
    make_key(&fixture, "{\"name\":\"ann\"}", id, key);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static unsigned ask_link(const char *body, struct reply *reply)
{
    ask(&fixture, "POST", "/links", body, reply);
    return reply->status;
}

static unsigned status_of(const char *body)
{
    struct reply reply;
    unsigned status = ask_link(body, &reply);
    reply_release(&reply);
    return status;
}

static const char *body_with(const char *text)
{
    static char body[1024];
    snprintf(body, sizeof(body), "{\"key\":\"%s\"}", text);
    return body;
}

static void test_a_key_becomes_a_link_that_gives_it_back(void **state)
{
    struct reply reply;
    struct link_key got;
    (void)state;
    if (site_assets_count == 0)
        skip();
    assert_int_equal(ask_link(body_with(key), &reply), 200);
    assert_string_equal(text_at(reply.json, "name"), "ann");
    assert_int_equal(number_at(reply.json, "expires_in_s"), LINK_LIFE_MS / 1000);
    struct span path = span_str(text_at(reply.json, "path"));
    assert_true(span_starts(path, SPAN("/#link=")));
    struct span token = span_skip(path, 7);
    assert_int_equal(token.len, LINK_TOKEN_BYTES);
    assert_int_equal(links_open(fixture.links, token, clock_mono_us() / 1000, &got), LINK_GOOD);
    assert_string_equal(got.text, key);
    assert_string_equal(got.name, "ann");
    reply_release(&reply);
}

static void test_what_is_no_key_becomes_none(void **state)
{
    char changed[KEY_TEXT_BYTES + 1], longest[600] = "";
    (void)state;
    if (site_assets_count == 0)
        skip();
    snprintf(changed, sizeof(changed), "%s", key);
    changed[KEY_TEXT_BYTES - 1] ^= 1;
    memset(longest, 'k', sizeof(longest) - 1);
    assert_int_equal(status_of(body_with(changed)), 404);
    assert_int_equal(status_of(body_with(longest)), 404);
    assert_int_equal(status_of(body_with("")), 404);
    assert_int_equal(status_of(""), 400);
    assert_int_equal(status_of("{}"), 400);
    assert_int_equal(status_of("{\"key\":5}"), 400);
    assert_int_equal(status_of("{\"key\":\"a\\u0000b\"}"), 400);
    assert_int_equal(status_of("{\"key\":\"a\",\"name\":\"b\"}"), 400);
}

static void test_a_key_that_is_refused_at_the_door_is_refused_here(void **state)
{
    struct reply reply;
    (void)state;
    if (site_assets_count == 0)
        skip();
    char target[64];
    snprintf(target, sizeof(target), "/keys/%s/disable", id);
    ask(&fixture, "POST", target, "", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    assert_int_equal(ask_link(body_with(key), &reply), 409);
    assert_null(strstr(reply.body, "sk-sw-"));
    reply_release(&reply);
}

static void test_without_the_chat_there_are_no_links(void **state)
{
    struct config *config = fixture.config;
    (void)state;
    unserve(&fixture);
    fixture.config = test_config("service: {chat: false}\n");
    serve(&fixture);
    assert_int_equal(status_of(body_with(key)), 409);
    unserve(&fixture);
    config_unref(fixture.config);
    fixture.config = config;
    serve(&fixture);
}

int main(void)
{
#define case_of(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        case_of(test_a_key_becomes_a_link_that_gives_it_back),
        case_of(test_what_is_no_key_becomes_none),
        case_of(test_a_key_that_is_refused_at_the_door_is_refused_here),
        case_of(test_without_the_chat_there_are_no_links),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
