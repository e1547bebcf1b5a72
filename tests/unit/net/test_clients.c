/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "net/clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_storage v4(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET};
    struct sockaddr_in *address = (void *)&storage;
    address->sin_port = htons(1234);
    assert_int_equal(inet_pton(AF_INET, text, &address->sin_addr), 1);
    return storage;
}

static struct sockaddr_storage v6(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET6};
    struct sockaddr_in6 *address = (void *)&storage;
    address->sin6_port = htons(4321);
    assert_int_equal(inet_pton(AF_INET6, text, &address->sin6_addr), 1);
    return storage;
}

static struct clients *clients_of(uint32_t all_max, uint32_t network_max)
{
    struct clients_limits limits = {all_max, network_max};
    struct clients *clients = clients_new(&limits);
    assert_non_null(clients);
    return clients;
}

static enum clients_verdict enter(struct clients *clients, struct sockaddr_storage address)
{
    return clients_enter(clients, &address);
}

static void leave(struct clients *clients, struct sockaddr_storage address)
{
    clients_leave(clients, &address);
}

static void counts_all(void **state)
{
    (void)state;
    struct clients *clients = clients_of(2, 0);
    assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v6("2001:db8::1")), CLIENTS_WELCOME);
    assert_int_equal(clients_count(clients), 2);
    assert_int_equal(enter(clients, v4("198.51.100.1")), CLIENTS_FULL);
    assert_int_equal(clients_count(clients), 2);
    leave(clients, v4("192.0.2.1"));
    assert_int_equal(enter(clients, v4("198.51.100.1")), CLIENTS_WELCOME);
    clients_free(clients);
}

static void one_v4_network_is_24_bits(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 2);
    assert_int_equal(enter(clients, v4("192.0.2.0")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v4("192.0.2.255")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v4("192.0.2.7")), CLIENTS_NETWORK_FULL);
    assert_int_equal(enter(clients, v4("192.0.3.0")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v4("192.0.1.255")), CLIENTS_WELCOME);
    assert_int_equal(clients_count(clients), 4);
    leave(clients, v4("192.0.2.9")); /* any address of the network stands for it */
    assert_int_equal(enter(clients, v4("192.0.2.7")), CLIENTS_WELCOME);
    clients_free(clients);
}

static void one_v6_network_is_64_bits(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 1);
    assert_int_equal(enter(clients, v6("2001:db8:1:2::1")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v6("2001:db8:1:2:ffff:ffff:ffff:ffff")), CLIENTS_NETWORK_FULL);
    assert_int_equal(enter(clients, v6("2001:db8:1:3::1")), CLIENTS_WELCOME);
    clients_free(clients);
}

static void a_mapped_address_is_its_v4_address(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 1);
    assert_int_equal(enter(clients, v6("::ffff:192.0.2.1")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v4("192.0.2.2")), CLIENTS_NETWORK_FULL);
    assert_int_equal(enter(clients, v6("::ffff:198.51.100.1")), CLIENTS_WELCOME);
    leave(clients, v4("192.0.2.3"));
    assert_int_equal(enter(clients, v4("192.0.2.2")), CLIENTS_WELCOME);
    clients_free(clients);
}

/* 1.2.3.0/24 and the /64 that starts with the same bytes are two networks. */
static void families_do_not_mix(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 1);
    assert_int_equal(enter(clients, v4("1.2.3.4")), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, v6("102:300::")), CLIENTS_WELCOME);
    clients_free(clients);
}

static void unix_clients_have_no_network(void **state)
{
    (void)state;
    struct clients *clients = clients_of(3, 1);
    struct sockaddr_storage nowhere = {.ss_family = AF_UNSPEC};
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter(clients, nowhere), CLIENTS_WELCOME);
    assert_int_equal(enter(clients, nowhere), CLIENTS_FULL);
    for (int i = 0; i < 3; i++)
        leave(clients, nowhere);
    assert_int_equal(clients_count(clients), 0);
    clients_free(clients);
}

static void limits_change_while_clients_are_there(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_WELCOME);
    clients_set_limits(clients, &(struct clients_limits){100, 3});
    assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_NETWORK_FULL);
    for (int i = 0; i < 3; i++)
        leave(clients, v4("192.0.2.1"));
    assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_WELCOME);
    clients_set_limits(clients, &(struct clients_limits){1, 3});
    assert_int_equal(enter(clients, v4("198.51.100.1")), CLIENTS_FULL);
    clients_free(clients);
}

/* A network that has left leaves nothing: with a failing allocator the table must not need to grow for new ones. */
static void left_networks_take_no_room(void **state)
{
    (void)state;
    struct clients *clients = clients_of(100, 1);
    assert_int_equal(enter(clients, v4("10.0.0.1")), CLIENTS_WELCOME);
    leave(clients, v4("10.0.0.1"));
    mem_fail_after(0);
    for (int i = 0; i < 200; i++) {
        char text[20];
        (void)snprintf(text, sizeof(text), "10.1.%d.1", i);
        assert_int_equal(enter(clients, v4(text)), CLIENTS_WELCOME);
        leave(clients, v4(text));
    }
    mem_fail_never();
    assert_int_equal(clients_count(clients), 0);
    clients_free(clients);
}

static void without_memory_newcomers_are_refused(void **state)
{
    (void)state;
    for (uint64_t successes = 0; successes < 2; successes++) {
        mem_fail_after(successes);
        assert_null(clients_new(&(struct clients_limits){1, 1}));
        mem_fail_never();
    }
    struct clients *clients = clients_of(100, 10);
    mem_fail_after(0);
    assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_FULL);
    mem_fail_never();
    assert_int_equal(clients_count(clients), 0);
    assert_int_equal(enter(clients, v4("192.0.2.1")), CLIENTS_WELCOME);
    clients_free(clients);
    clients_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_all),
        cmocka_unit_test(one_v4_network_is_24_bits),
        cmocka_unit_test(one_v6_network_is_64_bits),
        cmocka_unit_test(a_mapped_address_is_its_v4_address),
        cmocka_unit_test(families_do_not_mix),
        cmocka_unit_test(unix_clients_have_no_network),
        cmocka_unit_test(limits_change_while_clients_are_there),
        cmocka_unit_test(left_networks_take_no_room),
        cmocka_unit_test(without_memory_newcomers_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
