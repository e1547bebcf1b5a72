/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "identity_testing.h"

#include <pthread.h>
#include <stdatomic.h>

#define NOW_MS 1000000

static const struct mac_key mac = {{3, 1, 4, 1, 5, 9, 2, 6}};
static const struct mac_key other_mac = {{2, 7, 1, 8}};

/* What the ring says to a text; `ret_key` and `ret_id` keep what nobody sets. */
static enum reason ask(const struct keyring *ring, const char *text, struct key **ret_key,
                       uint64_t *ret_id)
{
    char room[KEY_IMPORTED_TEXT_MAX + 64];
    *ret_key = NULL;
    *ret_id = 0;
    return keyring_check(ring, test_bearer(room, text), NOW_MS, ret_key, ret_id);
}

static enum reason answer(const struct keyring *ring, const char *text)
{
    struct key *key;
    uint64_t id;
    enum reason reason = ask(ring, text, &key, &id);
    assert_int_equal(reason == REASON_OK, key != NULL);
    assert_int_equal(reason == REASON_OK, id != 0);
    return reason;
}

static struct keyring *ring_of(struct test_key *made, size_t count, bool trust_unlisted)
{
    struct key *keys[64];
    for (size_t i = 0; i < count; i++)
        keys[i] = made[i].key;
    struct keyring *ring = keyring_new(&mac, keys, count, NULL, trust_unlisted);
    assert_non_null(ring);
    for (size_t i = 0; i < count; i++)
        key_unref(made[i].key); /* the ring has its own reference */
    return ring;
}

static void bearer_is_found_without_case(void **state)
{
    (void)state;
    static const struct {
        const char *field, *text;
    } good[] = {{"Bearer abc", "abc"},   {"bearer abc", "abc"},     {"BEARER abc", "abc"},
                {"Bearer  abc ", "abc"}, {"Bearer \tabc\t", "abc"}, {"Bearer a b", "a b"}};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(span_eq(keyring_bearer(span_str(good[i].field)), span_str(good[i].text)));
    static const char *const none[] = {"",          "Bearer",      "Bearer ",
                                       "Bearer   ", "Bearerabc",   "Basic a",
                                       "sk-sw-x",   "Bearer\tabc", " Bearer abc"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_true(span_is_null(keyring_bearer(span_str(none[i]))));
    assert_true(span_is_null(keyring_bearer(SPAN_NULL)));
}

static void each_key_gets_its_answer(void **state)
{
    (void)state;
    struct test_key made[6];
    test_key_make(&made[0], &mac, false, 0);
    test_key_make(&made[1], &mac, true, 0);
    test_key_make(&made[2], &mac, false, NOW_MS);
    test_key_make(&made[3], &mac, false, NOW_MS + 1);
    test_key_make(&made[4], &mac, true, 1); /* disabled and expired: the stronger word */
    test_key_import(&made[5], 77, "sk-litellm-0123456789");
    struct keyring *ring = ring_of(made, 6, false);
    for (int again = 0; again < 2; again++) { /* once by digest, once proven */
        struct key *key;
        uint64_t id;
        assert_int_equal(ask(ring, made[0].text, &key, &id), REASON_OK);
        assert_ptr_equal(key, made[0].key);
        assert_true(id == made[0].id);
        assert_int_equal(answer(ring, made[1].text), REASON_KEY_DISABLED);
        assert_int_equal(answer(ring, made[2].text), REASON_KEY_EXPIRED);
        assert_int_equal(answer(ring, made[3].text), REASON_OK);
        assert_int_equal(answer(ring, made[4].text), REASON_KEY_DISABLED);
        assert_int_equal(ask(ring, made[5].text, &key, &id), REASON_OK);
        assert_ptr_equal(key, made[5].key);
        assert_true(id == 77);
    }
    struct key *nobody = NULL;
    uint64_t no_id = 0;
    assert_int_equal(keyring_check(ring, SPAN_NULL, NOW_MS, &nobody, &no_id), REASON_NO_KEY);
    assert_int_equal(keyring_check(ring, SPAN("Basic abc"), NOW_MS, &nobody, &no_id),
                     REASON_NO_KEY);
    assert_int_equal(answer(ring, "x"), REASON_BAD_KEY);
    keyring_unref(ring);
}

/* The right MAC, the right id, another secret: as if the MAC's key had leaked. The digest still refuses, before and after
 * the true text was proven. */
static void right_mac_without_the_secret_is_refused(void **state)
{
    (void)state;
    struct test_key made[2], forged;
    test_key_make(&made[0], &mac, false, 0);
    test_key_make(&made[1], &mac, false, 0);
    struct key *other = test_key_of(made[0].id, made[1].text, false, false, 0);
    struct keyring *ring = keyring_new(&mac, &other, 1, NULL, false);
    assert_non_null(ring);
    assert_int_equal(answer(ring, made[0].text), REASON_BAD_KEY);
    assert_int_equal(atomic_load(&other->proven), 0);
    atomic_store(&other->proven, 12345);
    assert_int_equal(answer(ring, made[0].text), REASON_BAD_KEY);
    assert_int_equal(atomic_load(&other->proven), 12345);
    keyring_unref(ring);
    key_unref(other);

    test_key_make(&forged, &other_mac, false, 0);
    ring = ring_of(made, 2, true);
    assert_int_equal(answer(ring, forged.text), REASON_BAD_KEY);
    keyring_unref(ring);
    key_unref(forged.key);
}

static void proof_outlives_the_ring(void **state)
{
    (void)state;
    struct test_key made;
    test_key_make(&made, &mac, false, 0);
    struct keyring *first = keyring_new(&mac, &made.key, 1, NULL, false);
    assert_non_null(first);
    assert_int_equal(answer(first, made.text), REASON_OK);
    uint64_t proven = atomic_load(&made.key->proven);
    assert_true(proven != 0);
    struct keyring *second = keyring_new(&mac, &made.key, 1, NULL, false);
    assert_non_null(second);
    keyring_unref(first);
    /* With the digest spoiled only the proof can let it in. */
    memset(made.key->digest, 0, SHA256_BYTES);
    assert_int_equal(answer(second, made.text), REASON_OK);
    assert_true(atomic_load(&made.key->proven) == proven);
    keyring_unref(second);
    key_unref(made.key);
}

static void unlisted_keys_are_trusted_only_when_told(void **state)
{
    (void)state;
    struct test_key unlisted, listed;
    test_key_make(&unlisted, &mac, false, 0);
    test_key_make(&listed, &mac, true, 0);
    for (int trust = 0; trust < 2; trust++) {
        struct keyring *ring = keyring_new(&mac, &listed.key, 1, NULL, trust);
        assert_non_null(ring);
        struct key *key;
        uint64_t id;
        assert_int_equal(ask(ring, unlisted.text, &key, &id), trust ? REASON_OK : REASON_BAD_KEY);
        assert_null(key);
        assert_true(id == (trust ? unlisted.id : 0));
        assert_int_equal(answer(ring, listed.text), REASON_KEY_DISABLED);
        assert_int_equal(answer(ring, "sk-of-somebody-else"), REASON_BAD_KEY);
        keyring_unref(ring);
    }
    key_unref(unlisted.key);
    key_unref(listed.key);
}

static void imported_texts_have_bounds(void **state)
{
    (void)state;
    char text[KEY_IMPORTED_TEXT_MAX + 2];
    memset(text, 'k', sizeof(text));
    static const size_t lens[] = {KEY_IMPORTED_TEXT_MIN - 1, KEY_IMPORTED_TEXT_MIN,
                                  KEY_IMPORTED_TEXT_MAX, KEY_IMPORTED_TEXT_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        char room[KEY_IMPORTED_TEXT_MAX + 64];
        text[lens[i]] = '\0';
        struct key *key = test_key_of(5, text, true, false, 0);
        struct keyring *ring = keyring_new(&mac, &key, 1, NULL, false);
        assert_non_null(ring);
        struct key *found = NULL;
        uint64_t id = 0;
        bool inside = lens[i] >= KEY_IMPORTED_TEXT_MIN && lens[i] <= KEY_IMPORTED_TEXT_MAX;
        assert_int_equal(keyring_check(ring, test_bearer(room, text), NOW_MS, &found, &id),
                         inside ? REASON_OK : REASON_BAD_KEY);
        text[lens[i]] = 'k';
        keyring_unref(ring);
        key_unref(key);
    }
}

/* A list of keys carried to a new database beside the old MAC key: they have our form, and are known by digest. */
static void imported_key_of_our_form_is_found(void **state)
{
    (void)state;
    struct test_key made, imported;
    test_key_make(&made, &mac, false, 0);
    key_unref(made.key);
    test_key_import(&imported, 4711, made.text);
    struct keyring *ring = ring_of(&imported, 1, false);
    struct key *key;
    uint64_t id;
    assert_int_equal(ask(ring, made.text, &key, &id), REASON_OK);
    assert_true(id == 4711);
    keyring_unref(ring);
    /* … also when it was imported under the id that it says. */
    test_key_import(&imported, made.id, made.text);
    ring = ring_of(&imported, 1, false);
    assert_int_equal(ask(ring, made.text, &key, &id), REASON_OK);
    assert_true(id == made.id);
    keyring_unref(ring);
}

/* A move between two services, or a MAC key that was lost: our form, a MAC that is wrong here. */
static void imported_key_of_another_seawall_is_found(void **state)
{
    (void)state;
    struct test_key theirs, imported, forged;
    test_key_make(&theirs, &other_mac, false, 0);
    key_unref(theirs.key);
    test_key_make(&forged, &other_mac, false, 0);
    key_unref(forged.key);
    test_key_import(&imported, 4711, theirs.text);
    struct keyring *ring = ring_of(&imported, 1, true);
    struct key *key;
    uint64_t id;
    assert_int_equal(ask(ring, theirs.text, &key, &id), REASON_OK);
    assert_ptr_equal(key, imported.key);
    assert_true(id == 4711);
    /* One that nobody imported stays refused, also where unlisted keys are trusted. */
    assert_int_equal(answer(ring, forged.text), REASON_BAD_KEY);
    keyring_unref(ring);
}

static void last_use_is_renewed_once_a_second(void **state)
{
    (void)state;
    struct test_key made[2];
    test_key_make(&made[0], &mac, false, 0);
    test_key_make(&made[1], &mac, true, 0);
    struct keyring *ring = ring_of(made, 2, false);
    static const struct {
        uint64_t wall_ms, last_ms;
    } steps[] = {{5000, 5000}, {5999, 5000}, {6000, 6000},
                 {6500, 6000}, {3000, 3000}, {3999, 3000}};
    char room[KEY_IMPORTED_TEXT_MAX + 64];
    struct span field = test_bearer(room, made[0].text);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct key *key;
        uint64_t id;
        assert_int_equal(keyring_check(ring, field, steps[i].wall_ms, &key, &id), REASON_OK);
        assert_int_equal(atomic_load(&key->last_used_ms), steps[i].last_ms);
    }
    assert_int_equal(answer(ring, made[1].text), REASON_KEY_DISABLED);
    assert_int_equal(atomic_load(&made[1].key->last_used_ms), 0);
    keyring_unref(ring);
}

static void ring_lists_its_keys_in_order(void **state)
{
    (void)state;
    struct test_key made[10];
    for (size_t i = 0; i < 10; i++)
        test_key_make(&made[i], &mac, false, 0);
    struct keyring *ring = ring_of(made, 10, false);
    assert_int_equal(keyring_count(ring), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_ptr_equal(keyring_at(ring, i), made[i].key);
        assert_ptr_equal(keyring_by_id(ring, made[i].id), made[i].key);
    }
    assert_null(keyring_by_id(ring, 0));
    keyring_unref(ring);

    struct keyring *empty = keyring_new(&mac, NULL, 0, NULL, false);
    assert_non_null(empty);
    assert_int_equal(keyring_count(empty), 0);
    assert_int_equal(answer(empty, "sk-of-somebody-else"), REASON_BAD_KEY);
    assert_ptr_equal(keyring_ref(empty), empty);
    keyring_unref(empty);
    keyring_unref(empty);
    keyring_unref(NULL);
}

static void twins_are_kept_and_the_first_answers(void **state)
{
    (void)state;
    struct test_key made[2];
    test_key_import(&made[0], 8, "sk-litellm-0123456789");
    test_key_import(&made[1], 8, "sk-litellm-0123456789");
    struct keyring *ring = ring_of(made, 2, false);
    assert_int_equal(keyring_count(ring), 2);
    assert_ptr_equal(keyring_by_id(ring, 8), made[0].key);
    struct key *key;
    uint64_t id;
    assert_int_equal(ask(ring, made[0].text, &key, &id), REASON_OK);
    assert_ptr_equal(key, made[0].key);
    keyring_unref(ring);
}

static void too_many_keys_make_no_ring(void **state)
{
    (void)state;
    assert_null(keyring_new(&mac, NULL, (size_t)KEYRING_KEYS_MAX + 1, NULL, false));
}

/* Four workers prove, renew and hold one key at once; for the thread sanitizer. */
struct race {
    struct keyring *ring;
    const char *text;
};

static void *race_worker(void *arg)
{
    const struct race *race = arg;
    char room[KEY_IMPORTED_TEXT_MAX + 64];
    struct span field = test_bearer(room, race->text);
    uintptr_t refused = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        struct key *key;
        uint64_t id;
        if (keyring_check(race->ring, field, NOW_MS + i * 100, &key, &id) == REASON_OK)
            key_unref(key_ref(key));
        else
            refused++;
    }
    return (void *)refused;
}

static void workers_share_a_ring_without_a_lock(void **state)
{
    (void)state;
    struct test_key made;
    test_key_make(&made, &mac, false, 0);
    struct race race = {.ring = ring_of(&made, 1, false), .text = made.text};
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_worker, &race), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *refused = &race;
        assert_int_equal(pthread_join(threads[i], &refused), 0);
        assert_null(refused);
    }
    keyring_unref(race.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bearer_is_found_without_case),
        cmocka_unit_test(each_key_gets_its_answer),
        cmocka_unit_test(right_mac_without_the_secret_is_refused),
        cmocka_unit_test(proof_outlives_the_ring),
        cmocka_unit_test(unlisted_keys_are_trusted_only_when_told),
        cmocka_unit_test(imported_texts_have_bounds),
        cmocka_unit_test(imported_key_of_our_form_is_found),
        cmocka_unit_test(imported_key_of_another_seawall_is_found),
        cmocka_unit_test(last_use_is_renewed_once_a_second),
        cmocka_unit_test(ring_lists_its_keys_in_order),
        cmocka_unit_test(twins_are_kept_and_the_first_answers),
        cmocka_unit_test(too_many_keys_make_no_ring),
        cmocka_unit_test(workers_share_a_ring_without_a_lock),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
