/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_engine.h"

#include "relay/models.h"

static const uint16_t ports[] = {1, 2};

struct read_list {
    struct model_list list;
    enum engine_kind engine;
    struct err err;
    int result;
};

static struct read_list *read_list(const char *json, const char *server)
{
    static struct read_list got;
    char padded[20000] = {0};
    size_t len = strlen(json);
    assert_true(len + JSON_PADDING < sizeof(padded));
    memcpy(padded, json, len);
    got = (struct read_list){.engine = ENGINE_UNKNOWN};
    struct json_parser *parser = json_parser_new(sizeof(padded), 16);
    assert_non_null(parser);
    got.result = models_parse(parser, span_of(padded, len), span_str(server), &got.list,
                              &got.engine, &got.err);
    json_parser_free(parser);
    return &got;
}

static void reads_what_llamacpp_says(void **state)
{
    (void)state;
    char path[512], json[8192];
    (void)snprintf(path, sizeof(path), "%s/tests/data/engines/llamacpp/models.json",
                   getenv("SEAWALL_SOURCE_ROOT"));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    json[fread(json, 1, sizeof(json) - 1, file)] = '\0';
    (void)fclose(file);

    struct read_list *got = read_list(json, "llama.cpp");
    assert_int_equal(got->result, 0);
    assert_int_equal(got->list.count, 1);
    assert_string_equal(got->list.entries[0].name, "smollm2");
    assert_int_equal(got->list.entries[0].context_tokens, 1024);
    assert_int_equal(got->engine, ENGINE_LLAMACPP);
}

static void tells_engines_apart(void **state)
{
    (void)state;
    struct read_list *got = read_list(
        "{\"data\":[{\"id\":\"a\",\"owned_by\":\"vllm\",\"max_model_len\":2048}]}", "uvicorn");
    assert_int_equal(got->engine, ENGINE_VLLM);
    assert_int_equal(got->list.entries[0].context_tokens, 2048);
    assert_int_equal(read_list("{\"data\":[{\"id\":\"a\",\"owned_by\":\"sglang\"}]}", NULL)->engine,
                     ENGINE_SGLANG);
    assert_int_equal(read_list("{\"data\":[{\"id\":\"a\",\"owned_by\":\"openai\"}]}", NULL)->engine,
                     ENGINE_OTHER);
    assert_int_equal(read_list("{\"data\":[{\"id\":\"a\"}]}", "llama.cpp")->engine,
                     ENGINE_LLAMACPP);
    assert_int_equal(read_list("{\"data\":[]}", NULL)->engine, ENGINE_OTHER);
    got = read_list("{\"data\":[{\"id\":\"a\",\"meta\":{\"n_ctx_train\":8192}}]}", NULL);
    assert_int_equal(got->list.entries[0].context_tokens, 8192);
    got = read_list("{\"data\":[{\"id\":\"a\",\"max_model_len\":-5,\"meta\":7}]}", NULL);
    assert_int_equal(got->list.entries[0].context_tokens, 0);
}

static void passes_over_names_that_are_none(void **state)
{
    char json[1024], name[POOL_MODEL_NAME_MAX + 1];
    (void)state;
    memset(name, 'n', sizeof(name));
    (void)snprintf(json, sizeof(json),
                   "{\"data\":[7,{},{\"id\":null},{\"id\":\"\"},{\"id\":\"a\\nb\"},{\"id\":\"%.*"
                   "s\"},{\"id\":\"ok\"},"
                   "{\"id\":\"ok\"},{\"id\":\"%.*s\"}]}",
                   POOL_MODEL_NAME_MAX, name, POOL_MODEL_NAME_MAX - 1, name);
    struct read_list *got = read_list(json, NULL);
    assert_int_equal(got->result, 0);
    assert_int_equal(got->list.count, 2);
    assert_string_equal(got->list.entries[0].name, "ok");
    assert_int_equal(strlen(got->list.entries[1].name), POOL_MODEL_NAME_MAX - 1);
}

static void reads_as_many_as_fit(void **state)
{
    char json[8192];
    int len = snprintf(json, sizeof(json), "{\"data\":[");
    (void)state;
    for (int i = 0; i <= POOL_MODELS_MAX; i++)
        len +=
            snprintf(json + len, sizeof(json) - (size_t)len, "%s{\"id\":\"m%d\"}", i ? "," : "", i);
    (void)snprintf(json + len, sizeof(json) - (size_t)len, "]}");
    struct read_list *got = read_list(json, NULL);
    assert_int_equal(got->result, 0);
    assert_int_equal(got->list.count, POOL_MODELS_MAX);
}

static void refuses_what_is_no_list(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "<html>",
                                      "[]",
                                      "{}",
                                      "{\"data\":{}}",
                                      "{\"data\":null}",
                                      "{\"data\":[}",
                                      "{\"data\":[],\"data\":[]}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct read_list *got = read_list(bad[i], NULL);
        assert_int_equal(got->result, -EBADMSG);
        assert_non_null(strstr(got->err.text, "the list of models"));
    }
}

static void set(struct pool *pool, size_t index, const char *names, uint64_t context_tokens)
{
    static struct model_list list;
    list.count = strlen(names);
    for (size_t i = 0; i < list.count; i++) {
        list.entries[i] = (struct model_entry){.context_tokens = context_tokens};
        list.entries[i].name[0] = names[i];
    }
    assert_int_equal(backend_set_models(pool_backend(pool, index), &list), 0);
}

/* The pool's models, as "a1 b2": names of one letter and their contexts. */
static const char *listed(struct pool *pool)
{
    static char text[1024];
    char names[POOL_MODELS_MAX][POOL_MODEL_NAME_MAX];
    uint64_t contexts[POOL_MODELS_MAX];
    size_t count = pool_models(pool, names, contexts, POOL_MODELS_MAX);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%u", i ? " " : "", names[i],
                                (unsigned)contexts[i]);
    return text;
}

static void a_pool_lists_what_its_backends_serve(void **state)
{
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 2);
    uint64_t version = pool_models_version(pool);
    assert_string_equal(listed(pool), "");
    set(pool, 0, "cab", 7);
    assert_string_equal(listed(pool), "a7 b7 c7");
    assert_true(pool_models_version(pool) != version);

    version = pool_models_version(pool);
    set(pool, 1, "bd", 5);
    assert_string_equal(listed(pool), "a7 b5 c7 d5");
    assert_true(pool_models_version(pool) != version);

    version = pool_models_version(pool);
    set(pool, 1, "bd", 5);
    set(pool, 0, "abc", 7);
    assert_int_equal(pool_models_version(pool), version);

    set(pool, 1, "b", 0); /* unknown: what the other says counts */
    assert_string_equal(listed(pool), "a7 b7 c7");
    set(pool, 0, "", 0);
    assert_string_equal(listed(pool), "b0");

    char names[1][POOL_MODEL_NAME_MAX];
    uint64_t contexts[1];
    set(pool, 0, "xyz", 1);
    assert_int_equal(pool_models(pool, names, contexts, 1), 1);
    assert_string_equal(names[0], "b");
    pool_unref(pool);
}

static void the_first_names_stay_when_there_are_too_many(void **state)
{
    static struct model_list list;
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 2);
    list.count = POOL_MODELS_MAX;
    for (size_t i = 0; i < list.count; i++)
        (void)snprintf(list.entries[i].name, sizeof(list.entries[i].name), "m%02zu", i);
    assert_int_equal(backend_set_models(pool_backend(pool, 0), &list), 0);
    set(pool, 1, "az", 1);
    char names[POOL_MODELS_MAX][POOL_MODEL_NAME_MAX];
    uint64_t contexts[POOL_MODELS_MAX];
    assert_int_equal(pool_models(pool, names, contexts, POOL_MODELS_MAX), POOL_MODELS_MAX);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[POOL_MODELS_MAX - 1], "m62");
    pool_unref(pool);
}

static void without_memory_the_former_list_stays(void **state)
{
    static struct model_list none;
    (void)state;
    struct pool *pool = pool_at(usual_pool(), ports, 1);
    set(pool, 0, "a", 1);
    for (uint64_t successes = 0; successes < 2; successes++) {
        mem_fail_after(successes);
        assert_int_equal(backend_set_models(pool_backend(pool, 0), &none), -ENOMEM);
        mem_fail_never();
    }
    assert_string_equal(listed(pool), "a1");
    pool_unref(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_llamacpp_says),
        cmocka_unit_test(tells_engines_apart),
        cmocka_unit_test(passes_over_names_that_are_none),
        cmocka_unit_test(reads_as_many_as_fit),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(a_pool_lists_what_its_backends_serve),
        cmocka_unit_test(the_first_names_stay_when_there_are_too_many),
        cmocka_unit_test(without_memory_the_former_list_stays),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
