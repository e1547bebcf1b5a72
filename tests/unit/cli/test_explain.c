/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "explain.h"

static struct buf text;

static int begin(void **state)
{
    (void)state;
    buf_init(&text, 16384);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&text);
    return 0;
}

static const char *explain(const char *line, const char *key_name)
{
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    buf_clear(&text);
    explain_write(json, key_name, &text);
    json_decref(json);
    assert_int_equal(buf_status(&text), 0);
    return buf_cstr(&text);
}

static void assert_says(const char *line, const char *words)
{
    const char *said = explain(line, NULL);
    if (!strstr(said, words))
        fail_msg("no '%s' in:\n%s", words, said);
}

static void assert_silent(const char *line, const char *words)
{
    const char *said = explain(line, NULL);
    if (strstr(said, words))
        fail_msg("'%s' in:\n%s", words, said);
}

static void a_served_request_is_told_whole(void **state)
{
    (void)state;
    const char *said = explain("{\"time\":\"2026-11-23T23:35:01.042Z\",\"id\":\"req_1\",\"peer\":"
                               "\"0000000000abcdef\",\"key\":\"key_00000000010\","
                               "\"class\":\"in_profile\",\"balance\":3200,\"budget_hour\":1234,"
                               "\"price\":138,\"price_prompt\":10,\"price_answer\":64,"
                               "\"ahead\":2,\"method\":\"POST\",\"path\":\"/v1/chat/"
                               "completions\",\"endpoint\":\"chat\",\"model\":\"qwen/qwen3\","
                               "\"backend\":\"http://127.0.0.1:8000\",\"agent\":\"curl/"
                               "8\",\"reason\":\"OK\",\"status\":200,\"stream\":true,\"tries\":2,"
                               "\"prompt_tokens\":10,\"completion_tokens\":1020,\"head_us\":1,"
                               "\"body_us\":300,\"asked_us\":420,\"queue_us\":12300,"
                               "\"connect_us\":100,\"first_byte_us\":22000,\"first_token_us\":"
                               "22100,\"last_token_us\":1900000,\"total_us\":1900400}",
                               "ann");
    assert_string_equal(
        said, "Request req_1, over at 2026-11-23T23:35:01.042Z\n"
              "\n"
              "caller    key key_00000000010 (ann), address 0000000000abcdef (hashed), curl/8\n"
              "asked     POST /v1/chat/completions, model qwen/qwen3, as a stream\n"
              "price     138 weighted tokens: 10 of the prompt, as estimated, and 64 of the "
              "answer, as predicted, which count double\n"
              "class     in_profile: within the budget that its caller earned (3,200 weighted "
              "tokens then, 1,234 more each hour)\n"
              "turn      2 requests waited before it; its turn came after 12.3 ms\n"
              "backend   http://127.0.0.1:8000, connected in 0.1 ms, after 2 tries\n"
              "used      10 tokens of prompt, 1,020 of answer\n"
              "ended     OK, status 200: answered as asked\n"
              "\n"
              "         0.0 ms  its first byte came\n"
              "         0.0 ms  its head was there\n"
              "         0.3 ms  its body was there\n"
              "         0.4 ms  it asked for its turn\n"
              "        12.7 ms  its turn came\n"
              "        22.0 ms  the engine began to answer\n"
              "        22.1 ms  first token\n"
              "      1900.0 ms  last token\n"
              "      1900.4 ms  over\n");
}

static void the_class_has_its_why(void **state)
{
    (void)state;
    assert_says("{\"class\":\"unknown\"}", "class     unknown: its caller had earned no budget\n");
    assert_says("{\"class\":\"unknown\",\"balance\":-1200,\"budget_hour\":60}",
                "class     unknown: its caller's budget was used up (-1,200 weighted tokens then, "
                "60 more each hour)\n");
    assert_says("{\"class\":\"in_profile\",\"balance\":10,\"budget_hour\":60,\"stretched\":true}",
                "(10 weighted tokens then, 60 more each hour), but with more calls at once than its ordinary ones\n");
    assert_says("{\"class\":\"paid\",\"ticket\":\"due\"}",
                "class     paid: it came back when it was told to\n");
    assert_says("{\"class\":\"unknown\",\"ticket\":\"used\"}",
                "had earned no budget, and its ticket had been used before\n");
    assert_says("{\"class\":\"unknown\",\"ticket\":\"late\"}", "its ticket had expired\n");
    assert_says("{\"class\":\"unknown\",\"ticket\":\"forged\"}",
                "its ticket was none that was given to it\n");
    assert_says("{\"ticket\":\"early\",\"reason\":\"TOO_EARLY\",\"status\":429}",
                "class     none: it came before its time\n");
}

static void what_the_ladder_left_away_is_told(void **state)
{
    (void)state;
    static const char line[] = "{\"class\":\"unknown\",\"rungs\":4,\"reduced\":\"output=256, model=\\\"small\\\"\","
                               "\"dry_run\":\"context=-12\",\"model\":\"small\",\"asked_model\":\"large\"}";
    assert_says(line, "reduced   output=256, model=\"small\"; rungs of the ladder that stood when it came: 4; the model asked for was large\n");
    assert_says(line, "dry run   context=-12; rungs of the ladder that stood when it came: 4\n");
    assert_says("{\"class\":\"unknown\",\"reduced\":\"output=256\"}", "reduced   output=256\n");
    assert_silent("{\"class\":\"unknown\",\"rungs\":1}", "reduced");
}

static void one_that_was_sent_away_is_told(void **state)
{
    (void)state;
    static const char line[] =
        "{\"class\":\"unknown\",\"price\":1030,\"price_prompt\":6,\"price_answer\":512,\"siege\":"
        "true,\"ahead\":1,\"reason\":\"NO_TURN\","
        "\"status\":503,\"asked_us\":300,\"queue_us\":2000000,\"total_us\":2000400}";
    assert_says(
        line,
        "turn      1 request waited before it; it was sent away after 2000.0 ms, under siege\n");
    assert_says(
        line,
        "ended     NO_TURN, status 503: no turn came in time: come back after the given time\n");
    assert_says(line, "      2000.3 ms  it was sent away\n");
    assert_says(line, "used      0 tokens of prompt, 0 of answer\n");
    assert_silent(line, "backend");
    assert_says("{\"class\":\"unknown\",\"ahead\":3,\"reason\":\"CLIENT_GONE\",\"status\":0,"
                "\"asked_us\":300}",
                "3 requests waited before it; it was over before its turn came\n");
}

static void a_refusal_before_any_turn_has_no_price(void **state)
{
    (void)state;
    static const char line[] = "{\"price\":0,\"ahead\":0,\"method\":\"GET\",\"path\":\"/"
                               "x\",\"reason\":\"NO_ROUTE\",\"status\":404,\"detail\":\"why\"}";
    assert_silent(line, "price");
    assert_silent(line, "class");
    assert_silent(line, "turn ");
    assert_says(line, "caller    no key\n");
    assert_says(line, "asked     GET /x\n");
    assert_says(line, "ended     NO_ROUTE, status 404: unknown request URL\ndetail    why\n");
}

static void text_of_strangers_moves_no_cursor(void **state)
{
    (void)state;
    assert_says("{\"agent\":\"a\\u001b[2J\\nb\",\"detail\":\"\\u009bc\"}", ", a?[2J?b\n");
    assert_says("{\"agent\":\"a\",\"detail\":\"\\u009bc\"}", "detail    ?c\n");
    assert_says(
        "{\"reason\":\"FROM_TOMORROW\",\"status\":0}",
        "FROM_TOMORROW, before an answer had begun: a reason that this tool does not know\n");
}

static void a_line_of_wrong_kinds_is_no_harm(void **state)
{
    (void)state;
    assert_says("{}", "Request ?, over at ?\n");
    assert_says("[]", "Request ?, over at ?\n");
    assert_says("{\"id\":7,\"class\":[],\"price\":\"x\",\"key\":{},\"status\":-1,\"total_us\":-5}",
                "key ?");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_served_request_is_told_whole),    CASE(the_class_has_its_why),
        CASE(what_the_ladder_left_away_is_told), CASE(one_that_was_sent_away_is_told),    CASE(a_refusal_before_any_turn_has_no_price),
        CASE(text_of_strangers_moves_no_cursor), CASE(a_line_of_wrong_kinds_is_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
