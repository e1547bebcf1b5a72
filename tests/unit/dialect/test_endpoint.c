/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dialect/endpoint.h"

static void assert_endpoint(const char *path, enum endpoint expected, const char *model)
{
    struct span id = SPAN("?");
    assert_int_equal(endpoint_of(span_str(path), &id), expected);
    if (!model)
        assert_true(span_is_null(id));
    else if (!span_eq(id, span_str(model)))
        fail_msg("%s: '%.*s'", path, (int)id.len, id.ptr);
}

static void paths_with_and_without_the_prefix(void **state)
{
    (void)state;
    assert_endpoint("/v1/chat/completions", ENDPOINT_CHAT, NULL);
    assert_endpoint("/chat/completions", ENDPOINT_CHAT, NULL);
    assert_endpoint("/v1/chat/completions/", ENDPOINT_CHAT, NULL);
    assert_endpoint("/v1/completions", ENDPOINT_COMPLETION, NULL);
    assert_endpoint("/completions", ENDPOINT_COMPLETION, NULL);
    assert_endpoint("/v1/embeddings", ENDPOINT_EMBEDDING, NULL);
    assert_endpoint("/embeddings", ENDPOINT_EMBEDDING, NULL);
    assert_endpoint("/v1/models", ENDPOINT_MODELS, NULL);
    assert_endpoint("/models/", ENDPOINT_MODELS, NULL);
}

static void a_model_id_is_all_of_the_rest(void **state)
{
    (void)state;
    assert_endpoint("/v1/streams/0aF9", ENDPOINT_STREAM, "0aF9");
    assert_endpoint("/streams/x/y", ENDPOINT_STREAM, "x/y");
    assert_endpoint("/v1/streams/", ENDPOINT_NONE, NULL);
    assert_endpoint("/v1/models/smollm2", ENDPOINT_MODEL, "smollm2");
    assert_endpoint("/models/smollm2/", ENDPOINT_MODEL, "smollm2");
    assert_endpoint("/v1/models/org/name%20x", ENDPOINT_MODEL, "org/name%20x");
    assert_endpoint("/v1/models/v1/models", ENDPOINT_MODEL, "v1/models");
}

static void other_paths_are_none(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "/",
                                        "//",
                                        "/v1",
                                        "/v1/",
                                        "/v1/v1/models",
                                        "/v2/models",
                                        "/v1chat/completions",
                                        "/v1/chat/completions//",
                                        "/v1/chat/completionsx",
                                        "/v1/chat",
                                        "/V1/models",
                                        "/v1/models//",
                                        "/v1//models",
                                        "v1/models",
                                        "/modelsx"};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_endpoint(paths[i], ENDPOINT_NONE, NULL);
}

static void every_endpoint_has_its_words(void **state)
{
    (void)state;
    assert_true(span_eq(endpoint_engine_path(ENDPOINT_CHAT), SPAN("/v1/chat/completions")));
    assert_true(span_eq(endpoint_engine_path(ENDPOINT_COMPLETION), SPAN("/v1/completions")));
    assert_true(span_eq(endpoint_engine_path(ENDPOINT_EMBEDDING), SPAN("/v1/embeddings")));
    assert_true(span_is_null(endpoint_engine_path(ENDPOINT_MODELS)));
    assert_true(span_is_null(endpoint_engine_path(ENDPOINT_MODEL)));
    assert_true(span_eq(endpoint_methods(ENDPOINT_CHAT), SPAN("POST, OPTIONS")));
    assert_true(span_eq(endpoint_methods(ENDPOINT_MODEL), SPAN("GET, HEAD, OPTIONS")));
    assert_true(span_is_null(endpoint_engine_path(ENDPOINT_STREAM)));
    assert_true(span_eq(endpoint_methods(ENDPOINT_STREAM), SPAN("GET, DELETE, OPTIONS")));
    assert_true(span_eq(endpoint_name(ENDPOINT_EMBEDDING), SPAN("embedding")));
    assert_true(span_eq(endpoint_name((enum endpoint)77), SPAN("none")));
}

static void escapes_are_undone_or_refused(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 64);
    buf_append(&buf, SPAN("x:"));
    assert_int_equal(percent_decode(&buf, SPAN("a%2Fb%c3%A4+%25")), 0);
    assert_string_equal(buf_cstr(&buf), "x:a/b\xc3\xa4+%");
    static const char *const broken[] = {"%", "%2", "a%zz", "%00", "%ff", "%c3", "a%c3%28", "% 1"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        assert_int_equal(percent_decode(&buf, span_str(broken[i])), -EINVAL);
        assert_string_equal(buf_cstr(&buf), "x:a/b\xc3\xa4+%"); /* nothing half there */
    }
    assert_int_equal(percent_decode(&buf, span_of("a\0b", 3)), -EINVAL);
    assert_int_equal(percent_decode(&buf, SPAN_NULL), 0);
    buf_release(&buf);
    buf_init(&buf, 4);
    assert_int_equal(percent_decode(&buf, SPAN("abcdefgh")), -ENOSPC);
    buf_release(&buf);
}

static void models_are_listed(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4096);
    const struct model_listing models[] = {{SPAN("a\"b"), 1700000000, 0}, {SPAN("c"), 5, 8192}};
    models_write(&buf, models, 2);
    assert_string_equal(
        buf_cstr(&buf),
        "{\"object\":\"list\",\"data\":[{\"id\":\"a\\\"b\",\"object\":\"model\",\"created\":"
        "1700000000,"
        "\"owned_by\":\"seawall\"},{\"id\":\"c\",\"object\":\"model\",\"created\":5,"
        "\"owned_by\":\"seawall\",\"max_model_len\":8192}]}");
    buf_clear(&buf);
    models_write(&buf, NULL, 0);
    assert_string_equal(buf_cstr(&buf), "{\"object\":\"list\",\"data\":[]}");
    buf_clear(&buf);
    model_write(&buf, &models[1]);
    assert_string_equal(buf_cstr(&buf), "{\"id\":\"c\",\"object\":\"model\",\"created\":5,"
                                        "\"owned_by\":\"seawall\",\"max_model_len\":8192}");
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_with_and_without_the_prefix),
        cmocka_unit_test(a_model_id_is_all_of_the_rest),
        cmocka_unit_test(other_paths_are_none),
        cmocka_unit_test(every_endpoint_has_its_words),
        cmocka_unit_test(escapes_are_undone_or_refused),
        cmocka_unit_test(models_are_listed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
