/* SPDX-License-Identifier: Apache-2.0 */
/* No name server is asked: names that need a thread here are such that the resolver refuses them by itself. */
#include "loop_test.h"

#include "base/alloc.h"

#define UNASKABLE "two..dots"

struct fixture {
    struct loop *loop;
    int told;
    int error;
    size_t count;
    char text[RESOLVE_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    unsigned port;
};

static void on_done(void *owner, int error, const struct sockaddr_storage *addresses, size_t count)
{
    struct fixture *f = owner;
    f->told++;
    f->error = error;
    f->count = count;
    for (size_t i = 0; i < count; i++) {
        const union sock_address *address = (const void *)&addresses[i];
        bool v4 = address->any.sa_family == AF_INET;
        const void *host = v4 ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr;
        assert_non_null(inet_ntop(address->any.sa_family, host, f->text[i], sizeof(f->text[i])));
        f->port = ntohs(v4 ? address->v4.sin_port : address->v6.sin6_port);
    }
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mem_fail_never();
    loop_free(f->loop);
    return 0;
}

static void look_up(struct fixture *f, const char *host, const char *port)
{
    f->told = 0;
    assert_non_null(resolve_new(f->loop, host, port, on_done, f));
    assert_int_equal(f->told, 0);
    turn_until(f->loop, f->told > 0);
    turn_idle(f->loop);
    assert_int_equal(f->told, 1);
}

static void numbers_need_no_look_up(void **state)
{
    struct fixture *f = *state;
    look_up(f, "192.0.2.7", "8080");
    assert_int_equal(f->error, 0);
    assert_int_equal(f->count, 1);
    assert_string_equal(f->text[0], "192.0.2.7");
    assert_int_equal(f->port, 8080);
    look_up(f, "2001:db8::1", "1");
    assert_int_equal(f->count, 1);
    assert_string_equal(f->text[0], "2001:db8::1");
}

static void localhost_is_this_machine_everywhere(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"localhost", "LocalHost", "localhost."};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        look_up(f, names[i], "443");
        assert_int_equal(f->error, 0);
        assert_int_equal(f->count, 2);
        assert_string_equal(f->text[0], "127.0.0.1");
        assert_string_equal(f->text[1], "::1");
        assert_int_equal(f->port, 443);
    }
}

static void unknown_names_are_told_as_such(void **state)
{
    struct fixture *f = *state;
    look_up(f, UNASKABLE, "80");
    assert_int_equal(f->error, -ENOENT);
    assert_int_equal(f->count, 0);
    look_up(f, "", "80");
    assert_int_equal(f->error, -ENOENT);
    look_up(f, "192.0.2.7", "http?");
    assert_int_equal(f->error, -ENOENT);
}

static void names_beyond_dns_are_refused(void **state)
{
    struct fixture *f = *state;
    char name[400];
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    look_up(f, name, "80");
    assert_int_equal(f->error, -ENOENT);
}

static void cancelled_look_ups_tell_nothing(void **state)
{
    struct fixture *f = *state;
    resolve_cancel(resolve_new(f->loop, "127.0.0.1", "80", on_done, f));
    resolve_cancel(resolve_new(f->loop, UNASKABLE, "80", on_done, f));
    resolve_cancel(NULL);
    look_up(f, UNASKABLE, "80");
    assert_int_equal(f->told, 1);
}

static void loop_free_takes_look_ups_along(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        assert_non_null(resolve_new(f->loop, UNASKABLE, "80", on_done, f));
    assert_non_null(resolve_new(f->loop, "::1", "80", on_done, f));
    loop_free(f->loop);
    assert_int_equal(f->told, 0);
    f->loop = loop_new();
}

static void new_without_memory_is_null(void **state)
{
    struct fixture *f = *state;
    mem_fail_after(0);
    assert_null(resolve_new(f->loop, "::1", "80", on_done, f));
    mem_fail_never();
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(numbers_need_no_look_up),         case_of(localhost_is_this_machine_everywhere),
        case_of(unknown_names_are_told_as_such),  case_of(names_beyond_dns_are_refused),
        case_of(cancelled_look_ups_tell_nothing), case_of(loop_free_takes_look_ups_along),
        case_of(new_without_memory_is_null),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
