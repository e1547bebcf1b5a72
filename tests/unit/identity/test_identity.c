/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "identity/identity.h"

#include <arpa/inet.h>

static const struct mac_key mac = {{3, 1, 4, 1, 5, 9, 2, 6}};
static const struct mac_key other_mac = {{2, 7, 1, 8}};

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return address;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return address;
}

static uint64_t id_of(const char *text)
{
    struct sockaddr_storage address = address_of(text, 1);
    return identity_of_address(&mac, &address);
}

static uint64_t network_of(const char *text)
{
    struct sockaddr_storage address = address_of(text, 1);
    return identity_network(&mac, &address);
}

static void an_ipv4_address_is_one_caller(void **state)
{
    (void)state;
    struct sockaddr_storage other_port = address_of("192.0.2.1", 2);
    assert_int_equal(id_of("192.0.2.1"), identity_of_address(&mac, &other_port));
    assert_int_equal(id_of("192.0.2.1"), id_of("::ffff:192.0.2.1"));
    assert_int_not_equal(id_of("192.0.2.1"), id_of("192.0.2.2"));
}

static void an_ipv6_network_of_64_bits_is_one_caller(void **state)
{
    (void)state;
    assert_int_equal(id_of("2001:db8:1:2::1"), id_of("2001:db8:1:2:ffff::9"));
    assert_int_not_equal(id_of("2001:db8:1:2::1"), id_of("2001:db8:1:3::1"));
}

static void networks_are_24_and_48_bits(void **state)
{
    (void)state;
    assert_int_equal(network_of("192.0.2.1"), network_of("192.0.2.254"));
    assert_int_equal(network_of("192.0.2.1"), network_of("::ffff:192.0.2.9"));
    assert_int_not_equal(network_of("192.0.2.1"), network_of("192.0.3.1"));
    assert_int_equal(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
    assert_int_not_equal(network_of("2001:db8:1::1"), network_of("2001:db8:2::1"));
}

static void an_address_is_not_its_network(void **state)
{
    (void)state;
    assert_int_not_equal(id_of("192.0.2.0"), network_of("192.0.2.0"));
    assert_int_not_equal(id_of("2001:db8::"), network_of("2001:db8::"));
}

static void another_installation_has_other_numbers(void **state)
{
    (void)state;
    struct sockaddr_storage address = address_of("192.0.2.1", 1);
    assert_int_not_equal(identity_of_address(&mac, &address),
                         identity_of_address(&other_mac, &address));
}

static void what_has_no_address_has_no_identity(void **state)
{
    (void)state;
    struct sockaddr_storage local = {.ss_family = AF_UNIX};
    assert_int_equal(identity_of_address(&mac, &local), 0);
    assert_int_equal(identity_network(&mac, &local), 0);
}

static void a_key_is_known_by_its_id(void **state)
{
    (void)state;
    assert_int_equal(identity_of_key(17), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_one_caller),
        cmocka_unit_test(an_ipv6_network_of_64_bits_is_one_caller),
        cmocka_unit_test(networks_are_24_and_48_bits),
        cmocka_unit_test(an_address_is_not_its_network),
        cmocka_unit_test(another_installation_has_other_numbers),
        cmocka_unit_test(what_has_no_address_has_no_identity),
        cmocka_unit_test(a_key_is_known_by_its_id),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
