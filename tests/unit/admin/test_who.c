/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_testing.h"

#include "admin/who.h"
#include "base/text.h"
#include "identity/identity.h"

static const struct mac_key mac = {{4, 4}};

static struct key *key_of(uint64_t id, const char *name, const char *text, bool disabled)
{
    unsigned char digest[SHA256_BYTES];
    sha256(span_str(text), digest);
    struct key *key = key_new(&(struct key_spec){
        .id = id, .digest = digest, .name = span_str(name), .disabled = disabled});
    assert_non_null(key);
    return key;
}

static struct keyring *ring_of_five(void)
{
    struct key *keys[] = {
        key_of(11, "alice", "sk-alice-0000000", false),
        key_of(12, "bob", "sk-bob-000000000", false), key_of(13, "twin", "sk-twin-00000000", false),
        key_of(14, "twin", "sk-twin-11111111", false), key_of(15, "bob", "sk-old-bob-00000", true)};
    struct keyring *ring = keyring_new(&mac, keys, COUNT_OF(keys), NULL, false);
    assert_non_null(ring);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        key_unref(keys[i]);
    return ring;
}

static struct who ask_one(const struct keyring *ring, const char *text)
{
    struct who who = {.text = span_str(text), .id = 999};
    assert_int_equal(who_find(&who, 1, ring, &mac, 1000), 0);
    return who;
}

static void assert_key(const struct keyring *ring, const char *text, uint64_t id)
{
    struct who who = ask_one(ring, text);
    assert_int_equal(who.result, WHO_FOUND);
    assert_int_equal(who.id, id);
    assert_int_equal(who.key->id, id);
}

static void keys_are_found_by_all_that_names_them(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_five();
    unsigned char digest[SHA256_BYTES];
    char id[16], hex[2 * SHA256_BYTES + 1];
    key_format_id(11, id);
    sha256(SPAN("sk-alice-0000000"), digest);
    text_hex(digest, sizeof(digest), hex);
    assert_key(ring, id, 11);
    assert_key(ring, "alice", 11);
    assert_key(ring, "sk-alice-0000000", 11);
    assert_key(ring, hex, 11);
    assert_key(ring, "bob", 12); /* the other one is disabled */
    assert_key(ring, "sk-old-bob-00000", 15);
    keyring_unref(ring);
}

static void what_is_not_known_is_told(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_five();
    static const struct {
        const char *text, *words;
        enum who_result result;
    } cases[] = {{"carol", "there is no key 'carol'", WHO_NONE},
                 {"", "there is no key ''", WHO_NONE},
                 {"key_0000000000z", "there is no key 'key_0000000000z'", WHO_NONE},
                 {"sk-secret-0000000", "there is no key with this text", WHO_NONE},
                 {"addr_zzzzzzzzzzz", "there is no key", WHO_NONE}, /* more than 64 bits */
                 {"1.2.3.4.5", "there is no key", WHO_NONE},
                 {"twin", "more than one key has the name 'twin'", WHO_AMBIGUOUS}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {""};
        struct who who = ask_one(ring, cases[i].text);
        assert_int_equal(who.result, cases[i].result);
        who_tell(&who, &err);
        assert_non_null(strstr(err.text, cases[i].words));
        assert_null(strstr(err.text, "secret"));
    }
    keyring_unref(ring);
}

static void addresses_are_found_by_either_form(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_five();
    char text[20];
    struct who who = ask_one(ring, "192.0.2.7"), mapped = ask_one(ring, "::ffff:192.0.2.7");
    assert_int_equal(who.result, WHO_FOUND);
    assert_null(who.key);
    assert_int_equal(who.id, mapped.id);
    who_format(ring, who.id, text);
    assert_memory_equal(text, "addr_", 5);
    assert_int_equal(ask_one(ring, text).id, who.id);
    assert_int_equal(ask_one(ring, "2001:db8::1").id, ask_one(ring, "2001:db8::2").id);
    who_format(ring, 11, text);
    assert_memory_equal(text, "key_", 4);
    keyring_unref(ring);
}

static void many_are_found_at_once(void **state)
{
    (void)state;
    struct keyring *ring = ring_of_five();
    struct who whos[] = {{.text = SPAN("alice")}, {.text = SPAN("nobody")},
                         {.text = SPAN("alice")}, {.text = SPAN("sk-bob-000000000")},
                         {.text = SPAN("bob")},   {.text = SPAN("10.0.0.1")}};
    assert_int_equal(who_find(whos, COUNT_OF(whos), ring, &mac, 1000), 0);
    assert_int_equal(whos[0].id, 11);
    assert_int_equal(whos[1].result, WHO_NONE);
    assert_int_equal(whos[2].id, 11);
    assert_int_equal(whos[3].id, 12);
    assert_int_equal(whos[4].id, 12);
    assert_int_equal(whos[5].result, WHO_FOUND);
    assert_int_equal(who_find(NULL, 0, ring, &mac, 1000), 0);
    keyring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_all_that_names_them),
        cmocka_unit_test(what_is_not_known_is_told),
        cmocka_unit_test(addresses_are_found_by_either_form),
        cmocka_unit_test(many_are_found_at_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
