/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "site/links.h"

#include <pthread.h>

static struct links *links;
static struct link_key key;
static char token[LINK_TOKEN_BYTES + 1];

static int set_up(void **state)
{
    (void)state;
    links = links_new();
    key = (struct link_key){.text = "untouched"};
    return links ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    links_free(links);
    return 0;
}

static const char *add(const char *text, uint64_t now_ms)
{
    assert_int_equal(links_add(links, span_str(text), SPAN("ann"), now_ms, token), 0);
    return token;
}

static enum link_verdict open_it(const char *what, uint64_t now_ms)
{
    return links_open(links, span_str(what), now_ms, &key);
}

static void a_link_gives_its_key_once(void **state)
{
    (void)state;
    add("sk-sw-one", 1000);
    assert_int_equal(strlen(token), LINK_TOKEN_BYTES);
    assert_int_equal(open_it(token, 2000), LINK_GOOD);
    assert_string_equal(key.text, "sk-sw-one");
    assert_string_equal(key.name, "ann");
    key = (struct link_key){.text = "untouched"};
    assert_int_equal(open_it(token, 2001), LINK_USED);
    assert_string_equal(key.text, "untouched");
}

static void a_wrong_token_gives_nothing_and_spends_nothing(void **state)
{
    char wrong[LINK_TOKEN_BYTES + 2];
    (void)state;
    assert_int_equal(open_it("", 0), LINK_UNKNOWN);
    add("sk-sw-one", 0);
    snprintf(wrong, sizeof(wrong), "%sx", token);
    assert_int_equal(open_it(wrong, 0), LINK_UNKNOWN);
    wrong[LINK_TOKEN_BYTES - 1] = '\0';
    assert_int_equal(open_it(wrong, 0), LINK_UNKNOWN);
    snprintf(wrong, sizeof(wrong), "%s", token);
    wrong[0] ^= 1;
    assert_int_equal(open_it(wrong, 0), LINK_UNKNOWN);
    assert_string_equal(key.text, "untouched");
    assert_int_equal(open_it(token, 0), LINK_GOOD);
}

static void a_link_lives_for_its_time_and_no_longer(void **state)
{
    (void)state;
    add("sk-sw-one", 5000);
    links_expire(links, 5000 + LINK_LIFE_MS - 1);
    assert_int_equal(open_it(token, 5000 + LINK_LIFE_MS - 1), LINK_GOOD);
    add("sk-sw-two", 5000);
    assert_int_equal(open_it(token, 5000 + LINK_LIFE_MS), LINK_USED);
    add("sk-sw-three", 5000);
    links_expire(links, 5000 + LINK_LIFE_MS);
    assert_int_equal(open_it(token, 5000), LINK_USED);
}

static void spent_links_give_way_first_then_the_oldest(void **state)
{
    char tokens[LINKS_MAX + 2][LINK_TOKEN_BYTES + 1];
    (void)state;
    for (size_t i = 0; i < LINKS_MAX; i++)
        memcpy(tokens[i], add("k", 100 + i), sizeof(token));
    assert_int_equal(open_it(tokens[9], 200), LINK_GOOD);
    memcpy(tokens[LINKS_MAX], add("k", 201), sizeof(token)); /* in the place of 9 */
    assert_int_equal(open_it(tokens[9], 202), LINK_UNKNOWN);
    memcpy(tokens[LINKS_MAX + 1], add("k", 203), sizeof(token)); /* … of 0 */
    assert_int_equal(open_it(tokens[0], 204), LINK_UNKNOWN);
    for (size_t i = 1; i < LINKS_MAX + 2; i++)
        if (i != 9)
            assert_int_equal(open_it(tokens[i], 205), LINK_GOOD);
}

static void whoever_guesses_hinders_nobody(void **state)
{
    (void)state;
    add("sk-sw-one", 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(open_it("nothing", 10), LINK_UNKNOWN);
    assert_int_equal(open_it(token, 10), LINK_GOOD);
}

static void what_is_too_long_is_refused(void **state)
{
    static char text[LINK_KEY_BYTES_MAX + 2];
    (void)state;
    memset(text, 'k', sizeof(text) - 1);
    assert_int_equal(links_add(links, span_of(text, LINK_KEY_BYTES_MAX + 1), SPAN("n"), 0, token), -EINVAL);
    assert_int_equal(links_add(links, SPAN("k"), span_of(text, LINK_NAME_BYTES_MAX + 1), 0, token), -EINVAL);
    assert_int_equal(links_add(links, SPAN(""), SPAN("n"), 0, token), -EINVAL);
    assert_int_equal(links_add(links, span_of(text, LINK_KEY_BYTES_MAX), span_of(text, LINK_NAME_BYTES_MAX), 0, token), 0);
    assert_int_equal(open_it(token, 0), LINK_GOOD);
    assert_int_equal(strlen(key.text), LINK_KEY_BYTES_MAX);
    assert_int_equal(strlen(key.name), LINK_NAME_BYTES_MAX);
    assert_int_equal(links_add(links, SPAN("k"), SPAN_NULL, 0, token), 0);
    assert_int_equal(open_it(token, 0), LINK_GOOD);
    assert_string_equal(key.name, "");
}

#define OPENINGS 8 /* of each thread */

struct opener {
    pthread_t thread;
    unsigned good, used;
};

static void *open_often(void *arg)
{
    struct opener *opener = arg;
    struct link_key got;
    for (unsigned i = 0; i < OPENINGS; i++) {
        enum link_verdict verdict = links_open(links, span_str(token), 0, &got);
        opener->good += verdict == LINK_GOOD;
        opener->used += verdict == LINK_USED;
        links_expire(links, 1);
    }
    return NULL;
}

/* However many workers are asked at once, one gives the key. */
static void one_of_many_threads_gets_the_key(void **state)
{
    struct opener openers[4] = {0};
    unsigned good = 0, used = 0;
    (void)state;
    add("sk-sw-one", 0);
    for (size_t i = 0; i < COUNT_OF(openers); i++)
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_often, &openers[i]), 0);
    for (size_t i = 0; i < COUNT_OF(openers); i++) {
        pthread_join(openers[i].thread, NULL);
        good += openers[i].good;
        used += openers[i].used;
    }
    assert_int_equal(good, 1);
    assert_int_equal(used, COUNT_OF(openers) * OPENINGS - 1);
}

static void without_memory_there_are_none(void **state)
{
    (void)state;
    mem_fail_once(0);
    assert_null(links_new());
    mem_fail_never();
    links_free(NULL);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_link_gives_its_key_once),
        EACH(a_wrong_token_gives_nothing_and_spends_nothing),
        EACH(a_link_lives_for_its_time_and_no_longer),
        EACH(spent_links_give_way_first_then_the_oldest),
        EACH(whoever_guesses_hinders_nobody),
        EACH(what_is_too_long_is_refused),
        EACH(one_of_many_threads_gets_the_key),
        EACH(without_memory_there_are_none),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
