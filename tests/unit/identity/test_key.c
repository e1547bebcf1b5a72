/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "identity/key.h"

#include <stdatomic.h>

static const struct mac_key mac = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct mac_key other_mac = {{16, 15}};
static const unsigned char digest[SHA256_BYTES] = {7, 7, 7};

static void copy_of_a_key_is_deep(void **state)
{
    (void)state;
    char name[] = "team a", hint[] = "wxyz", first[] = "llama", second[] = "qwen/qwen3";
    const char *models[] = {first, second};
    char account[] = "team";
    struct limits limits = limits_unset();
    limits.of[LIMIT_CALLS] = 3;
    struct key *key = key_new(&(struct key_spec){.id = 42,
                                                 .digest = digest,
                                                 .name = span_str(name),
                                                 .hint = span_str(hint),
                                                 .imported = true,
                                                 .created_ms = 1000,
                                                 .expires_ms = 2000,
                                                 .models = models,
                                                 .models_count = 2,
                                                 .account = span_str(account),
                                                 .limits = &limits});
    assert_non_null(key);
    account[0] = '?';
    limits.of[LIMIT_CALLS] = 0;
    name[0] = hint[0] = first[0] = second[0] = '?';
    models[0] = NULL;
    assert_int_equal(key->id, 42);
    assert_memory_equal(key->digest, digest, SHA256_BYTES);
    assert_string_equal(key->name, "team a");
    assert_string_equal(key->hint, "wxyz");
    assert_true(key->imported);
    assert_false(key->disabled);
    assert_int_equal(key->created_ms, 1000);
    assert_int_equal(key->expires_ms, 2000);
    assert_int_equal(key->models_count, 2);
    assert_string_equal(key->models[0], "llama");
    assert_string_equal(key->models[1], "qwen/qwen3");
    assert_string_equal(key->account, "team");
    assert_true(key->account_id == account_id(SPAN("team")));
    assert_int_equal(key->limits->of[LIMIT_CALLS], 3);
    struct key_spec spec = key_spec_of(key);
    struct key *again = key_new(&spec);
    assert_string_equal(again->account, "team");
    assert_string_equal(again->models[0], "llama");
    assert_int_equal(again->limits->of[LIMIT_CALLS], 3);
    key_unref(again);
    assert_int_equal(atomic_load(&key->last_used_ms), 0);
    assert_int_equal(atomic_load(&key->proven), 0);
    key_unref(key);
}

static void values_past_their_maximum_give_no_key(void **state)
{
    (void)state;
    char long_name[KEY_NAME_BYTES_MAX + 1];
    memset(long_name, 'n', sizeof(long_name));
    const char *models[KEY_MODELS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(models); i++)
        models[i] = "m";
    struct span name = span_of(long_name, KEY_NAME_BYTES_MAX);
    struct key *key = key_new(&(struct key_spec){.id = 1,
                                                 .digest = digest,
                                                 .name = name,
                                                 .hint = SPAN("1234"),
                                                 .models = models,
                                                 .models_count = KEY_MODELS_MAX});
    assert_non_null(key);
    assert_int_equal(strlen(key->name), KEY_NAME_BYTES_MAX);
    key_unref(key);
    struct span longer = span_of(long_name, sizeof(long_name));
    assert_null(key_new(&(struct key_spec){.id = 1, .digest = digest, .name = longer}));
    assert_null(key_new(
        &(struct key_spec){.id = 1, .digest = digest, .name = name, .hint = SPAN("12345")}));
    assert_null(key_new(&(struct key_spec){.id = 1,
                                           .digest = digest,
                                           .name = name,
                                           .models = models,
                                           .models_count = KEY_MODELS_MAX + 1}));
    mem_fail_after(0);
    key = key_new(&(struct key_spec){.id = 1, .digest = digest, .name = name});
    mem_fail_never();
    assert_null(key);
}

static void last_reference_frees(void **state)
{
    (void)state;
    int64_t live = mem_live_count();
    struct key *key = key_new(&(struct key_spec){.id = 1, .digest = digest});
    assert_non_null(key);
    assert_ptr_equal(key_ref(key), key);
    key_unref(key);
    assert_int_equal(mem_live_count(), live + 1);
    key_unref(key);
    assert_int_equal(mem_live_count(), live);
    key_unref(NULL);
}

static void models_limit_a_key_and_none_means_all(void **state)
{
    (void)state;
    const char *models[] = {"llama", "qwen"};
    struct key *some =
        key_new(&(struct key_spec){.id = 1, .digest = digest, .models = models, .models_count = 2});
    struct key *all = key_new(&(struct key_spec){.id = 1, .digest = digest});
    assert_true(some && all);
    assert_true(key_allows_model(some, SPAN("llama")));
    assert_true(key_allows_model(some, SPAN("qwen")));
    assert_false(key_allows_model(some, SPAN("llam")));
    assert_false(key_allows_model(some, SPAN("llama2")));
    assert_false(key_allows_model(some, SPAN("Qwen")));
    assert_false(key_allows_model(some, SPAN_NULL));
    assert_true(key_allows_model(all, SPAN("anything")));
    key_unref(some);
    key_unref(all);
}

static void generated_text_has_the_form_and_its_id(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char text[KEY_TEXT_BYTES + 1], id_text[16];
        uint64_t id, read;
        key_generate(&mac, text, &id);
        assert_int_equal(strlen(text), KEY_TEXT_BYTES);
        assert_memory_equal(text, "sk-sw-", 6);
        assert_int_equal(text[17], '-');
        assert_int_not_equal(id, 0);
        key_format_id(id, id_text);
        assert_memory_equal(text + 6, id_text + 4, 11);
        assert_true(key_check_text(&mac, span_str(text), &read));
        assert_true(read == id);
        assert_false(key_check_text(&other_mac, span_str(text), &read));
    }
}

/* A key typed wrong in any one place is refused, by its form or by its MAC. */
static void one_wrong_character_is_never_let_through(void **state)
{
    (void)state;
    char text[KEY_TEXT_BYTES + 1];
    uint64_t id;
    key_generate(&mac, text, &id);
    for (size_t at = 0; at < KEY_TEXT_BYTES; at++) {
        char right = text[at];
        for (int c = 0; c < 256; c++) {
            if ((char)c == right)
                continue;
            text[at] = (char)c;
            uint64_t read = 99;
            assert_false(key_check_text(&mac, span_of(text, KEY_TEXT_BYTES), &read));
            assert_int_equal(read, 99);
        }
        text[at] = right;
    }
    assert_true(key_check_text(&mac, span_of(text, KEY_TEXT_BYTES), &id));
}

static void other_lengths_are_refused(void **state)
{
    (void)state;
    char text[KEY_TEXT_BYTES + 2];
    uint64_t id;
    key_generate(&mac, text, &id);
    text[KEY_TEXT_BYTES] = '0';
    for (size_t len = 0; len <= KEY_TEXT_BYTES + 1; len++)
        assert_int_equal(key_check_text(&mac, span_of(text, len), &id), len == KEY_TEXT_BYTES);
    assert_false(key_check_text(&mac, SPAN_NULL, &id));
}

/* 11 characters of base 62 can say more than 64 bits: they are never let through. */
static void fields_above_64_bits_are_refused(void **state)
{
    (void)state;
    char text[KEY_TEXT_BYTES + 1];
    uint64_t id;
    key_generate(&mac, text, &id);
    memset(text + KEY_TEXT_BYTES - 11, 'z', 11);
    assert_false(key_check_text(&mac, span_str(text), &id));
    /* Even with a right MAC over it. */
    memset(text + 6, 'z', 11);
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t value = mac_64(&mac, span_of(text, KEY_TEXT_BYTES - 11));
    for (size_t i = KEY_TEXT_BYTES; i-- > KEY_TEXT_BYTES - 11; value /= 62)
        text[i] = digits[value % 62];
    assert_false(key_check_text(&mac, span_str(text), &id));
}

static void ids_have_a_text_for_people(void **state)
{
    (void)state;
    char text[16];
    uint64_t id;
    key_format_id(1, text);
    assert_string_equal(text, "key_00000000001");
    assert_int_equal(key_parse_id(span_str(text), &id), 0);
    assert_int_equal(id, 1);
    key_format_id(UINT64_MAX, text);
    assert_int_equal(key_parse_id(span_str(text), &id), 0);
    assert_true(id == UINT64_MAX);
    static const char *const wrong[] = {"",
                                        "key_",
                                        "key_0000000001",
                                        "key_000000000001",
                                        "kex_00000000001",
                                        "00000000001",
                                        "key_0000000000!",
                                        "key_zzzzzzzzzzz",
                                        "key_00000000000"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(key_parse_id(span_str(wrong[i]), &id), -EINVAL);
    assert_true(id == UINT64_MAX);
}

static void seeded_keys_differ_in_id_and_secret(void **state)
{
    (void)state;
    char first[KEY_TEXT_BYTES + 1], second[KEY_TEXT_BYTES + 1];
    uint64_t first_id, second_id;
    random_seed(1);
    key_generate(&mac, first, &first_id);
    key_generate(&mac, second, &second_id);
    random_unseed();
    assert_true(first_id != second_id);
    assert_true(memcmp(first + 18, second + 18, 11) != 0);
    assert_true(memcmp(first + 29, second + 29, 11) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_of_a_key_is_deep),
        cmocka_unit_test(values_past_their_maximum_give_no_key),
        cmocka_unit_test(last_reference_frees),
        cmocka_unit_test(models_limit_a_key_and_none_means_all),
        cmocka_unit_test(generated_text_has_the_form_and_its_id),
        cmocka_unit_test(one_wrong_character_is_never_let_through),
        cmocka_unit_test(other_lengths_are_refused),
        cmocka_unit_test(fields_above_64_bits_are_refused),
        cmocka_unit_test(ids_have_a_text_for_people),
        cmocka_unit_test(seeded_keys_differ_in_id_and_secret),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
