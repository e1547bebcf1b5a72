/* SPDX-License-Identifier: Apache-2.0 */
#include "config/handover.h"

#include "config_testing.h"

static struct handover_start example(void)
{
    struct handover_start start = {.data_folder = SPAN("/var/lib/seawall"),
                                   .state_folder = SPAN("/var/lib/seawall/state"),
                                   .workers = 2,
                                   .addresses = 3,
                                   .metrics = true,
                                   .uid = 65534,
                                   .gid = UINT32_MAX,
                                   .restarts = 7,
                                   .bundle = SPAN("{\"text\":\"é \\\"q\\\"\\n\"}\nsk-raw")};
    for (size_t i = 0; i < MAC_KEY_BYTES; i++)
        start.key_mac.bytes[i] = (uint8_t)(i * 37);
    return start;
}

static void what_is_handed_over_arrives(void **state)
{
    (void)state;
    struct handover_start sent = example();
    struct handover_start got;
    void *memory = NULL;
    struct err err = {0};
    struct buf payload;
    buf_init(&payload, 65536);
    assert_int_equal(handover_start_write(&sent, &payload), 0);
    if (handover_start_read(buf_span(&payload), &got, &memory, &err) < 0)
        fail_msg("%s", err.text);
    buf_release(&payload);
    assert_true(span_eq(got.data_folder, sent.data_folder));
    assert_true(span_eq(got.state_folder, sent.state_folder));
    assert_true(span_eq(got.bundle, sent.bundle));
    assert_int_equal(got.workers, 2);
    assert_int_equal(got.addresses, 3);
    assert_true(got.metrics);
    assert_int_equal(got.uid, 65534);
    assert_int_equal(got.gid, UINT32_MAX);
    assert_int_equal(got.restarts, 7);
    assert_memory_equal(got.key_mac.bytes, sent.key_mac.bytes, MAC_KEY_BYTES);
    mem_free(memory);
}

static void a_bundle_survives_the_handover(void **state)
{
    (void)state;
    const struct config_facts facts = {.embedded_url = "http://127.0.0.1:1"};
    struct handover_start start = example();
    struct buf bundle, payload;
    struct err err = {0};
    void *memory = NULL;
    testing_bundle(
        &bundle,
        "# é\npools: [{name: a, backends: [{url: 'https://h', api_key_file: k, ca_file: c}]}]\n",
        &facts);
    start.bundle = buf_span(&bundle);
    buf_init(&payload, 65536);
    assert_int_equal(handover_start_write(&start, &payload), 0);
    assert_int_equal(handover_start_read(buf_span(&payload), &start, &memory, &err), 0);
    struct config *config = config_parse(start.bundle, &err);
    if (!config)
        fail_msg("%s", err.text);
    assert_span(config->pools[0].backends[0].api_key, TESTING_KEY);
    assert_span(config->pools[0].backends[0].ca_pem, TESTING_PEM);
    config_unref(config);
    mem_free(memory);
    buf_release(&payload);
    config_bundle_release(&bundle);
}

static void what_is_incomplete_is_refused(void **state)
{
    (void)state;
    struct handover_start start = example();
    struct buf payload;
    buf_init(&payload, 65536);
    assert_int_equal(handover_start_write(&start, &payload), 0);
    for (size_t len = 0; len < payload.len; len++) {
        struct err err = {0};
        void *memory = NULL;
        assert_true(handover_start_read(span_take(buf_span(&payload), len), &start, &memory, &err) <
                    0);
        assert_true(err.text[0] != '\0');
        assert_null(memory);
    }
    buf_release(&payload);

    static const char *const members[] = {"data_folder", "state_folder", "workers",
                                          "addresses",   "uid",          "gid",
                                          "key_mac",     "restarts",     "bundle"};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        void *memory = NULL;
        start = example();
        buf_init(&payload, 65536);
        assert_int_equal(handover_start_write(&start, &payload), 0);
        /* The member under another name is a member that is missing. */
        char quoted[32];
        (void)snprintf(quoted, sizeof(quoted), "\"%s\":", members[i]);
        ptrdiff_t at = span_find(buf_span(&payload), span_str(quoted));
        assert_true(at >= 0);
        payload.ptr[at + 1] = '#';
        if (handover_start_read(buf_span(&payload), &start, &memory, NULL) >= 0)
            fail_msg("accepted without '%s'", members[i]);
        buf_release(&payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_over_arrives),
        cmocka_unit_test(a_bundle_survives_the_handover),
        cmocka_unit_test(what_is_incomplete_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
