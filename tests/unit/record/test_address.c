/* SPDX-License-Identifier: Apache-2.0 */
#include "record_testing.h"

#include "record/address.h"

#include <arpa/inet.h>

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&address, &v4, sizeof(v4));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&address, &v6, sizeof(v6));
    }
    return address;
}

static uint64_t hash_of(const struct address_salt *salt, const char *text, uint16_t port)
{
    struct sockaddr_storage address = address_of(text, port);
    return address_hash(salt, &address);
}

static const struct address_salt salt = {.day = 1, .key = {{1, 2, 3}}};
static const struct address_salt other_salt = {.day = 2, .key = {{3, 2, 1}}};

static void address_counts_and_port_does_not(void **state)
{
    (void)state;
    uint64_t hash = hash_of(&salt, "192.0.2.1", 1000);
    assert_true(hash != 0);
    assert_true(hash == hash_of(&salt, "192.0.2.1", 2000));
    assert_true(hash != hash_of(&salt, "192.0.2.2", 1000));
    assert_true(hash == hash_of(&salt, "::ffff:192.0.2.1", 1000));
    assert_true(hash != hash_of(&other_salt, "192.0.2.1", 1000));
    uint64_t v6 = hash_of(&salt, "2001:db8::1", 1000);
    assert_true(v6 != 0 && v6 != hash);
    assert_true(v6 == hash_of(&salt, "2001:db8::1", 2000));
    assert_true(v6 != hash_of(&salt, "2001:db8::2", 1000));
}

static void no_address_has_no_hash(void **state)
{
    (void)state;
    struct sockaddr_storage unix_socket = {.ss_family = AF_UNIX}, nothing = {0};
    assert_int_equal(address_hash(&salt, NULL), 0);
    assert_int_equal(address_hash(&salt, &unix_socket), 0);
    assert_int_equal(address_hash(&salt, &nothing), 0);
}

static void salt_is_kept_for_its_day(void **state)
{
    (void)state;
    struct address_salt first, again, next;
    struct test_path path = in_folder("address.salt");
    mode_t before = umask(0);
    assert_int_equal(address_salt_load(path.text, 20000, &first), 0);
    umask(before);
    assert_int_equal(file_mode("address.salt"), 0600);
    assert_false(file_exists("address.salt.new"));
    assert_int_equal(first.day, 20000);
    assert_int_equal(address_salt_load(path.text, 20000, &again), 0);
    assert_memory_equal(&again.key, &first.key, sizeof(first.key));
    assert_int_equal(address_salt_load(path.text, 20001, &next), 0);
    assert_int_equal(next.day, 20001);
    assert_true(memcmp(&next.key, &first.key, sizeof(first.key)) != 0);
    /* The old one is gone. */
    assert_int_equal(address_salt_load(path.text, 20000, &again), 0);
    assert_true(memcmp(&again.key, &first.key, sizeof(first.key)) != 0);
}

static void file_of_another_form_is_replaced(void **state)
{
    (void)state;
    static const struct span good = {"20000 000102030405060708090a0b0c0d0e0f\n", 39};
    static const char *const others[] = {
        "",
        "\n",
        "20000\n",
        "20000 \n",
        "20001 000102030405060708090a0b0c0d0e0f\n",
        "20000 000102030405060708090a0b0c0d0e0f",
        "20000 000102030405060708090a0b0c0d0e0\n",
        "20000 000102030405060708090a0b0c0d0e0f0\n",
        "20000 000102030405060708090a0b0c0d0e0x\n",
        "x 000102030405060708090a0b0c0d0e0f\n",
        "20000 000102030405060708090a0b0c0d0e0f\n\n",
        "20000 000102030405060708090a0b0c0d0e0f                                  \n"};
    struct test_path path = in_folder("address.salt");
    struct address_salt loaded;
    write_file_text("address.salt", good);
    assert_int_equal(address_salt_load(path.text, 20000, &loaded), 0);
    for (size_t i = 0; i < MAC_KEY_BYTES; i++)
        assert_int_equal(loaded.key.bytes[i], i);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        write_file_text("address.salt", span_str(others[i]));
        assert_int_equal(address_salt_load(path.text, 20000, &loaded), 0);
        assert_true(loaded.key.bytes[0] != 0 || loaded.key.bytes[1] != 1 ||
                    loaded.key.bytes[2] != 2);
        struct address_salt again;
        assert_int_equal(address_salt_load(path.text, 20000, &again), 0);
        assert_memory_equal(&again, &loaded, sizeof(loaded));
    }
}

static void salt_that_cannot_be_written_is_good_all_the_same(void **state)
{
    (void)state;
    struct address_salt first = {0}, second = {0};
    assert_int_equal(address_salt_load(in_folder("none/address.salt").text, 5, &first), -ENOENT);
    assert_int_equal(address_salt_load(in_folder("none/address.salt").text, 5, &second), -ENOENT);
    assert_int_equal(first.day, 5);
    assert_true(memcmp(&first.key, &second.key, sizeof(first.key)) != 0);
    char long_path[5000];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(address_salt_load(long_path, 5, &first), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_counts_and_port_does_not),
        cmocka_unit_test(no_address_has_no_hash),
        folder_test(salt_is_kept_for_its_day),
        folder_test(file_of_another_form_is_replaced),
        folder_test(salt_that_cannot_be_written_is_good_all_the_same),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
