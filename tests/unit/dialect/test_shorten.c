/* SPDX-License-Identifier: Apache-2.0 */
/* Which turns stay behind, in which order, and what is never parted. Each message is written as one word; what is left is compared as words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/chance.h"
#include "base/macros.h"
#include "request.h"

static struct buf buf;

static int set_up(void **state)
{
    buf_init(&buf, 1 << 20);
    return set_up_parser(state);
}

static int tear_down(void **state)
{
    buf_release(&buf);
    return tear_down_parser(state);
}

/* 400 bytes of text: a hundred tokens and four around them. */
#define MESSAGE_COST 104
#define TEXT                                                                                       \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"                                                                                     \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"                                                                                     \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"                                                                                     \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"

/* s system, d developer, u user, a assistant, +x … an assistant that calls x and more, -x the tool's answer to it. */
static void append_message(const char *word, size_t len, struct buf *text)
{
    static const char *const roles[] = {
        ['s'] = "system", ['d'] = "developer", ['u'] = "user", ['a'] = "assistant"};
    if (word[0] == '+') {
        buf_append(text, SPAN("{\"role\":\"assistant\",\"content\":\"" TEXT "\",\"tool_calls\":["));
        for (size_t i = 1; i < len; i++)
            buf_printf(text,
                       "%s{\"id\":\"%c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                       "\"arguments\":\"{}\"}}",
                       i > 1 ? "," : "", word[i]);
        buf_append(text, SPAN("]}"));
    } else if (word[0] == '-') {
        buf_printf(text, "{\"role\":\"tool\",\"tool_call_id\":\"%c\",\"content\":\"" TEXT "\"}",
                   word[1]);
    } else {
        buf_printf(text, "{\"role\":\"%s\",\"content\":\"" TEXT "\"}",
                   roles[(unsigned char)word[0]]);
    }
}

static void read_words(const char *words)
{
    struct buf text;
    buf_init(&text, 1 << 18);
    buf_append(&text, SPAN("{\"model\":\"m\",\"messages\":["));
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, " ");
        if (at > words)
            buf_append_byte(&text, ',');
        append_message(at, len, &text);
        at += len + (at[len] == ' ');
    }
    buf_append(&text, SPAN("]}"));
    accepts(ENDPOINT_CHAT, buf_cstr(&text));
    buf_release(&text);
}

/* The message as its word, with the calls by their ids. */
static void append_word(struct json_value message, struct buf *text)
{
    struct json_value value, call;
    assert_true(json_get(message, SPAN("role"), &value));
    struct span role = json_string(value);
    if (json_get(message, SPAN("tool_calls"), &value)) {
        buf_append_byte(text, '+');
        for (struct json_walk walk = json_walk(value); json_walk_next(&walk, NULL, &call);) {
            struct json_value id;
            assert_true(json_get(call, SPAN("id"), &id));
            buf_append(text, json_string(id));
        }
    } else if (span_eq(role, SPAN("tool"))) {
        assert_true(json_get(message, SPAN("tool_call_id"), &value));
        buf_append_byte(text, '-');
        buf_append(text, json_string(value));
    } else {
        buf_append_byte(text, role.ptr[0]);
    }
}

/* Cuts to so many tokens, writes, and reads what was written. `cut` says what it found. */
static void cut_to(uint64_t tokens_max, struct inference_cut *cut, struct buf *ret_words)
{
    uint64_t before = inference.prompt_tokens_estimate;
    bool found = inference_find_cut(&inference, tokens_max, cut);
    if (!found)
        *cut = (struct inference_cut){0};
    struct inference_target target = {.model = SPAN("m"), .cut = found ? cut : NULL};
    buf_clear(&buf);
    inference_write(&inference, &target, &buf);
    assert_int_equal(buf_status(&buf), 0);
    accepts(ENDPOINT_CHAT, buf_cstr(&buf));
    uint64_t after =
        before - cut->tokens; /* of what is rounded up: at most one more for each message */
    assert_true(inference.prompt_tokens_estimate <= after &&
                inference.prompt_tokens_estimate + cut->messages >= after);
    buf_clear(ret_words);
    for (size_t i = 0; i < inference.fields_count; i++) {
        if (!span_eq(inference.fields[i].name, SPAN("messages")))
            continue;
        struct json_value message;
        for (struct json_walk walk = json_walk(inference.fields[i].value);
             json_walk_next(&walk, NULL, &message);) {
            if (ret_words->len)
                buf_append_byte(ret_words, ' ');
            append_word(message, ret_words);
        }
    }
}

/* `keep`: room for so many messages. */
static void leaves(const char *words, unsigned keep, const char *expected)
{
    struct inference_cut cut;
    struct buf left;
    buf_init(&left, 65536);
    read_words(words);
    cut_to(keep * MESSAGE_COST + 8, &cut, &left);
    if (!span_eq(buf_span(&left), span_str(expected)))
        fail_msg("of '%s' with room for %u: '%s', not '%s'", words, keep, buf_cstr(&left),
                 expected);
    buf_release(&left);
}

static void the_oldest_turns_behind_the_first_go_first(void **state)
{
    (void)state;
    leaves("u a u a u a u", 7, "u a u a u a u");
    leaves("u a u a u a u", 6, "u a u a u");
    leaves("u a u a u a u", 5, "u a u a u");
    leaves("u a u a u a u", 4, "u a u");
    leaves("u a u a u a u", 3, "u a u");
}

static void then_the_first_and_never_the_last(void **state)
{
    (void)state;
    leaves("u a u a u a u", 2, "u");
    leaves("u a u a u a u", 0, "u");
    leaves("u a u", 2, "u");
    leaves("u", 0, "u");
    leaves("u a a a", 1, "u a a a");
    leaves("a a a", 1, "a a a");
}

static void what_the_system_says_stays_wherever_it_stands(void **state)
{
    (void)state;
    leaves("s u a u s a d u a u", 6, "s u a s d u");
    leaves("s u a u s a d u a u", 5, "s s d u");
    leaves("s d u a u a u", 0, "s d u");
    leaves("a u a u a u", 4, "a u a u");
    leaves("u s a s u", 0, "s s u");
}

static void a_call_and_its_answer_are_never_parted(void **state)
{
    (void)state;
    leaves("u +x -x a u a u", 6, "u +x -x a u");
    leaves("u a u +x -x a u", 3, "u a u");
    leaves("u a u +xy -x -y a u a u", 5, "u a u a u");
    /* The user speaks while a tool works: no turn begins there. */
    leaves("u a u +xy -x u -y a u", 3, "u a u");
    leaves("u a u a u +x u -x a", 0, "u +x u -x a");
    leaves("u +x u -x a u", 5, "u");
    /* A call that is never answered binds all that follows. */
    leaves("u a u +x u a u a u", 3, "u +x u a u a u");
    /* Ids that come again. */
    leaves("u +x -x u +x -x u +x -x", 6, "u +x -x u +x -x");
    /* Answered twice, and another one too late. */
    leaves("u a u +xy -x -x u a u -y", 2, "u +xy -x -x u a u -y");
    leaves("u a -x u a u", 2, "u a -x u a u");
}

static void old_function_calls_are_calls(void **state)
{
    (void)state;
    struct inference_cut cut;
    accepts(ENDPOINT_CHAT,
            messages_of(
                "{\"role\":\"user\",\"content\":\"" TEXT "\"},"
                "{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
                "{\"role\":\"user\",\"content\":\"still there?\"},"
                "{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"},"
                "{\"role\":\"user\",\"content\":\"well?\"}"));
    assert_true(inference_find_cut(&inference, 1, &cut));
    assert_int_equal(cut.from, 0);
    assert_int_equal(cut.to, 4);
    assert_int_equal(cut.messages, 4);
}

static void only_chats_that_are_too_long_are_cut(void **state)
{
    (void)state;
    struct inference_cut cut;
    read_words("u a u a u");
    assert_false(inference_find_cut(&inference, inference.prompt_tokens_estimate, &cut));
    assert_true(inference_find_cut(&inference, inference.prompt_tokens_estimate - 1, &cut));
    accepts(ENDPOINT_COMPLETION, text_with(""));
    inference.prompt_tokens_estimate = 100000;
    assert_false(inference_find_cut(&inference, 1, &cut));
}

/* A clip counts as what a model makes of it, not as the bytes it is sent in. */
static void media_count_as_the_estimate_has_them(void **state)
{
    (void)state;
    struct inference_cut cut;
    accepts(ENDPOINT_CHAT,
            messages_of("{\"role\":\"user\",\"content\":\"a\"},"
                        "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
                        "{\"url\":\"data:image/png;base64," TEXT TEXT TEXT TEXT "\"}}]},"
                        "{\"role\":\"user\",\"content\":\"" TEXT TEXT "\"},"
                        "{\"role\":\"user\",\"content\":\"b\"}"));
    assert_true(inference_find_cut(&inference, 300, &cut));
    assert_int_equal(cut.from, 1);
    assert_int_equal(cut.to, 2);
    assert_int_equal(cut.tokens, 1024 + 4);
}

static void members_that_are_not_known_stay_behind_all_the_same(void **state)
{
    (void)state;
    struct inference_cut cut;
    accepts(ENDPOINT_CHAT, messages_of("{\"role\":\"user\",\"content\":\"a\",\"own\":1},{\"role\":"
                                       "\"assistant\",\"content\":\"b\"},"
                                       "{\"role\":\"user\",\"content\":\"" TEXT "\"},"
                                       "{\"role\":\"user\",\"own\":[2],\"content\":\"c\"}"));
    assert_true(inference_find_cut(&inference, 50, &cut));
    buf_clear(&buf);
    inference_write(&inference, &(struct inference_target){.model = SPAN("m"), .cut = &cut}, &buf);
    assert_string_equal(
        buf_cstr(&buf),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}]}");
}

/* How often each id is called and answered among these words: calls less answers. */
static void count_calls(struct span words, int counts[26])
{
    struct span word;
    while (span_split(&words, ' ', &word))
        for (size_t i = 1; i < word.len; i++)
            counts[word.ptr[i] - 'a'] += word.ptr[0] == '+' ? 1 : -1;
}

/* Any conversation, sane or not: what stays is in its order, ends as it ended, has all that the system said; what goes takes no call without its answer. */
static void cuts_hold_for_all_conversations(void **state)
{
    (void)state;
    struct chance chance = chance_of(3);
    struct buf words, left;
    buf_init(&words, 65536);
    buf_init(&left, 65536);
    for (int round = 0; round < 3000; round++) {
        uint32_t count = 1 + (uint32_t)(chance_u64(&chance) % 24);
        buf_clear(&words);
        for (uint32_t i = 0; i < count; i++) {
            static const char *const kinds[] = {"u",  "u",   "u",  "a",  "a",  "s", "d",
                                                "+a", "+ab", "+b", "-a", "-b", "-c"};
            buf_printf(&words, "%s%s", i ? " " : "", kinds[chance_u64(&chance) % COUNT_OF(kinds)]);
        }
        struct inference_cut cut;
        uint64_t keep = chance_u64(&chance) % (count + 1);
        read_words(buf_cstr(&words));
        cut_to(keep * MESSAGE_COST + 8, &cut, &left);
        int before[26] = {0}, after[26] = {0};
        count_calls(buf_span(&words), before);
        count_calls(buf_span(&left), after);
        if (memcmp(before, after, sizeof(before)) != 0)
            fail_msg("of '%s': '%s'", buf_cstr(&words), buf_cstr(&left));
        struct span all = buf_span(&words), some = buf_span(&left), word, wanted = SPAN_NULL;
        bool more = span_split(&some, ' ', &wanted);
        while (span_split(&all, ' ', &word)) {
            bool stays = more && span_eq(word, wanted);
            assert_true(stays || (word.ptr[0] != 's' && word.ptr[0] != 'd'));
            if (stays)
                more = span_split(&some, ' ', &wanted);
        }
        assert_false(more);
        assert_true(span_ends(buf_span(&words), wanted));
    }
    buf_release(&left);
    buf_release(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_turns_behind_the_first_go_first),
        cmocka_unit_test(then_the_first_and_never_the_last),
        cmocka_unit_test(what_the_system_says_stays_wherever_it_stands),
        cmocka_unit_test(a_call_and_its_answer_are_never_parted),
        cmocka_unit_test(old_function_calls_are_calls),
        cmocka_unit_test(only_chats_that_are_too_long_are_cut),
        cmocka_unit_test(media_count_as_the_estimate_has_them),
        cmocka_unit_test(members_that_are_not_known_stay_behind_all_the_same),
        cmocka_unit_test(cuts_hold_for_all_conversations),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
