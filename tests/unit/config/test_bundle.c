/* SPDX-License-Identifier: Apache-2.0 */
#include "config/bundle.h"

#include "config_testing.h"

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    const struct config_facts facts = {
        .port = "1", .upstream_url = "u", .embedded_url = "e", .embedded_model = "\"m\"\n"};
    struct secrets secrets = {0};
    assert_int_equal(secrets_add(&secrets, SECRET_FACT, "f", SPAN("first"), NULL), 0);
    assert_int_equal(secrets_add(&secrets, SECRET_KEY_FILE, "f", SPAN("second"), NULL), 0);
    struct buf buf;
    buf_init(&buf, 4096);
    assert_int_equal(
        bundle_write(&buf, "x.yaml", SPAN("a: \"é\"\n\t"), SPAN("w\n"), &facts, &secrets), 0);
    secrets_release(&secrets);

    struct bundle bundle;
    struct err err = {0};
    if (bundle_open(&bundle, buf_span(&buf), &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(bundle.path, "x.yaml");
    assert_span(bundle.text, "a: \"é\"\n\t");
    assert_span(bundle.warnings, "w\n");
    assert_span(bundle.port, "1");
    assert_span(bundle.upstream_url, "u");
    assert_span(bundle.embedded_url, "e");
    assert_span(bundle.embedded_model, "\"m\"\n");
    assert_int_equal(bundle.secrets_count, 2);
    assert_span(bundle_find(&bundle, SECRET_FACT, SPAN("f"))->bytes, "first");
    assert_span(bundle_find(&bundle, SECRET_KEY_FILE, SPAN("f"))->bytes, "second");
    assert_null(bundle_find(&bundle, SECRET_KEY_ENV, SPAN("f")));
    assert_null(bundle_find(&bundle, SECRET_KEY_FILE, SPAN("")));
    bundle_release(&bundle);
    bundle_release(&bundle);
    bundle_release(NULL);
    config_bundle_release(&buf);
}

static void facts_may_be_absent(void **state)
{
    (void)state;
    struct secrets none = {0};
    struct buf buf;
    struct bundle bundle;
    buf_init(&buf, 4096);
    assert_int_equal(bundle_write(&buf, "", SPAN(""), SPAN(""), NULL, &none), 0);
    assert_int_equal(bundle_open(&bundle, buf_span(&buf), NULL), 0);
    assert_true(span_is_null(bundle.port));
    assert_true(span_is_null(bundle.upstream_url));
    assert_true(span_is_null(bundle.embedded_url));
    assert_true(span_is_null(bundle.embedded_model));
    bundle_release(&bundle);
    buf_release(&buf);
}

static void a_buffer_that_is_too_small_says_so(void **state)
{
    (void)state;
    struct secrets secrets = {0};
    struct buf buf;
    assert_int_equal(secrets_add(&secrets, SECRET_FACT, "f", SPAN("0123456789"), NULL), 0);
    buf_init(&buf, 4096);
    assert_int_equal(bundle_write(&buf, "x", SPAN(""), SPAN(""), NULL, &secrets), 0);
    size_t len = buf.len;
    buf_release(&buf);
    for (size_t max = 1; max <= len; max++) {
        buf_init(&buf, max);
        assert_int_equal(bundle_write(&buf, "x", SPAN(""), SPAN(""), NULL, &secrets),
                         max < len ? -ENOSPC : 0);
        /* Whole secrets or none of them. */
        assert_true(max == len || span_find(buf_span(&buf), SPAN("0123")) < 0);
        buf_release(&buf);
    }
    secrets_release(&secrets);
}

static void what_is_no_bundle_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *expected;
    } examples[] = {
        {"", "no configuration bundle"},
        {"\n", "no configuration bundle"},
        {"{}", "no configuration bundle"},
        {"[]\n", "no configuration bundle"},
        {"{\"a\":1,\"a\":2}\n", "no configuration bundle"},
        {"{\"text\":\"\n", "no configuration bundle"},
        {"{}\nx", "the bundle is too long"},
        {"{\"secrets\":[{\"kind\":\"fact\",\"name\":\"f\",\"bytes\":3}]}\nab",
         "the bundle is cut off"},
        {"{\"secrets\":[{\"kind\":\"fact\",\"name\":\"f\",\"bytes\":3}]}\nabcd",
         "the bundle is too long"},
        {"{\"secrets\":[{\"kind\":\"fact\",\"name\":\"f\",\"bytes\":-1}]}\n",
         "the bundle is cut off"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct bundle bundle;
        struct err err = {0};
        int rc = bundle_open(&bundle, span_str(examples[i].bytes), &err);
        if (rc != -EINVAL || !strstr(err.text, examples[i].expected))
            fail_msg("%zu: expected '%s', got %d '%s'", i, examples[i].expected, rc, err.text);
    }
}

/* Members of another shape read as absent: the two sides may be of different versions while a
 * new binary takes over. */
static void members_of_another_shape_are_absent(void **state)
{
    (void)state;
    struct bundle bundle;
    assert_int_equal(
        bundle_open(&bundle, SPAN("{\"path\":1,\"text\":[],\"facts\":\"x\",\"secrets\":[1,{}]}\n"),
                    NULL),
        0);
    assert_null(bundle.path);
    assert_true(span_is_null(bundle.text));
    assert_true(span_is_null(bundle.port));
    assert_null(bundle_find(&bundle, SECRET_FACT, SPAN("x")));
    bundle_release(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(facts_may_be_absent),
        cmocka_unit_test(a_buffer_that_is_too_small_says_so),
        cmocka_unit_test(what_is_no_bundle_is_refused),
        cmocka_unit_test(members_of_another_shape_are_absent),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
