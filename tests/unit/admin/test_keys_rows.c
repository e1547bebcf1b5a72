/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/keys_rows.h"

static const unsigned char digest[SHA256_BYTES] = {9, 8, 7};

static struct store_key row_of(const char *name, const char *models)
{
    return (struct store_key){.id = 5,
                              .digest = digest,
                              .name = name,
                              .hint = "wxyz",
                              .models = models,
                              .imported = true,
                              .disabled = true,
                              .created_ms = 1,
                              .expires_ms = 2,
                              .last_used_ms = 3};
}

static void test_a_row_becomes_a_key_and_a_row_again(void **state)
{
    (void)state;
    bool bad;
    struct store_key row = row_of("ann", "a\nb c\nd");
    row.account = "team";
    row.limits = "tokens_per_day=5 spend_per_day=none";
    struct key *key = key_from_row(&row, &bad);
    assert_non_null(key);
    assert_false(bad);
    assert_int_equal(key->models_count, 3);
    assert_string_equal(key->models[1], "b c");

    struct key_rows rows;
    assert_int_equal(key_rows_of_keys(&key, 1, NULL, &rows), 0);
    assert_int_equal(rows.count, 1);
    const struct store_key *back = &rows.rows[0];
    assert_int_equal(back->id, 5);
    assert_memory_equal(back->digest, digest, SHA256_BYTES);
    assert_string_equal(back->name, "ann");
    assert_string_equal(back->hint, "wxyz");
    assert_string_equal(back->models, "a\nb c\nd");
    assert_true(back->imported && back->disabled);
    assert_int_equal(back->created_ms, 1);
    assert_int_equal(back->expires_ms, 2);
    assert_int_equal(back->last_used_ms, 3);
    assert_string_equal(back->account, "team");
    assert_string_equal(back->limits, "tokens_per_day=5 spend_per_day=none");
    key_rows_release(&rows);
    key_unref(key);
}

static void test_a_row_with_limits_that_cannot_be_read_is_no_key(void **state)
{
    (void)state;
    bool bad = false;
    struct store_key row = row_of("ann", "");
    row.limits = "tokens_per_day=many";
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
    row.limits = "";
    row.account = "a b";
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
}

static void test_no_models_are_an_empty_text(void **state)
{
    (void)state;
    bool bad;
    struct store_key row = row_of("ann", "");
    struct key *key = key_from_row(&row, &bad);
    struct key_rows rows;
    assert_non_null(key);
    assert_int_equal(key->models_count, 0);
    assert_int_equal(key_rows_of_keys(&key, 1, NULL, &rows), 0);
    assert_string_equal(rows.rows[0].models, "");
    key_rows_release(&rows);
    key_unref(key);
}

static void test_a_row_that_no_key_can_hold_is_bad(void **state)
{
    (void)state;
    char name[KEY_NAME_BYTES_MAX + 2], models[2 * KEY_MODELS_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[KEY_NAME_BYTES_MAX + 1] = '\0';
    for (size_t i = 0; i <= KEY_MODELS_MAX; i++)
        memcpy(models + 2 * i, "m\n", 2);
    models[2 * KEY_MODELS_MAX + 1] = '\0'; /* one name more than there may be */

    bool bad = false;
    struct store_key row = row_of(name, "");
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
    row = row_of("ann", models);
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
    row = row_of("ann", "");
    row.id = 0;
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
    row = row_of("ann", "");
    row.hint = "vwxyz";
    assert_null(key_from_row(&row, &bad));
    assert_true(bad);
}

static void test_short_memory_is_not_a_bad_row(void **state)
{
    (void)state;
    struct store_key row = row_of("ann", "a\nb");
    for (uint64_t n = 0; n < 2; n++) {
        bool bad = true;
        mem_fail_after(n);
        assert_null(key_from_row(&row, &bad));
        mem_fail_never();
        assert_false(bad);
    }
}

static void test_a_list_grows_and_keeps_its_references(void **state)
{
    (void)state;
    struct key_list list = {.count = 0};
    struct key *key = test_key(1, "ann");
    for (int i = 0; i < 200; i++)
        assert_int_equal(key_list_add(&list, key_ref(key)), 0);
    assert_int_equal(list.count, 200);
    assert_ptr_equal(list.keys[199], key);
    assert_int_equal(atomic_load(&key->references), 201);
    key_list_release(&list);
    assert_int_equal(atomic_load(&key->references), 1);

    mem_fail_after(0);
    assert_int_equal(key_list_add(&list, key_ref(key)), -ENOMEM);
    mem_fail_never();
    assert_int_equal(atomic_load(&key->references), 1);
    key_list_release(&list);
    key_unref(key);
}

static void test_short_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *models[] = {"a"};
    struct key *key = key_new(&(struct key_spec){
        .id = 1, .digest = digest, .name = SPAN("ann"), .models = models, .models_count = 1});
    assert_non_null(key);
    int64_t before = mem_live_count();
    struct key_rows rows;
    uint64_t n = 0;
    for (;; n++) {
        mem_fail_once(n);
        int result = key_rows_of_keys(&key, 1, NULL, &rows);
        mem_fail_never();
        if (result == 0)
            break;
        assert_int_equal(result, -ENOMEM);
        assert_int_equal(mem_live_count(), before);
    }
    assert_true(n >= 2);
    key_rows_release(&rows);
    assert_int_equal(mem_live_count(), before);
    key_unref(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_becomes_a_key_and_a_row_again),
        cmocka_unit_test(test_a_row_with_limits_that_cannot_be_read_is_no_key),
        cmocka_unit_test(test_no_models_are_an_empty_text),
        cmocka_unit_test(test_a_row_that_no_key_can_hold_is_bad),
        cmocka_unit_test(test_short_memory_is_not_a_bad_row),
        cmocka_unit_test(test_a_list_grows_and_keeps_its_references),
        cmocka_unit_test(test_short_memory_leaves_nothing_behind),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
