/* SPDX-License-Identifier: Apache-2.0 */
#include "loop_test.h"

#include "loop/channel.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct channel *channel;
static int far_end;
static uint32_t types[16];
static size_t lengths[16];
static char first_bytes[16];
static size_t messages;
static unsigned closings;
static bool free_in_message;

static void on_message(void *owner, uint32_t type, struct span payload)
{
    assert_ptr_equal(owner, &messages);
    assert_int_equal(payload.ptr[payload.len], '\0');
    types[messages] = type;
    lengths[messages] = payload.len;
    first_bytes[messages] = payload.len > 0 ? payload.ptr[0] : '-';
    messages++;
    if (free_in_message)
        channel_free(TAKE(channel));
    loop_stop(loop);
}

static void on_closed(void *owner)
{
    (void)owner;
    closings++;
    loop_stop(loop);
}

static int set_up(void **state)
{
    int pair[2];
    (void)state;
    messages = 0;
    closings = 0;
    free_in_message = false;
    loop = loop_new();
    if (!loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    far_end = pair[1];
    channel = channel_new(loop, pair[0], on_message, on_closed, &messages);
    return channel ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    channel_free(TAKE(channel));
    if (far_end >= 0)
        close(far_end);
    loop_free(TAKE(loop));
    return 0;
}

static void write_far(const char *bytes, size_t len)
{
    assert_int_equal(write(far_end, bytes, len), len);
}

/* "hi" of type 7, then an empty message of type 8. */
static const char two[] = "\2\0\0\0\7\0\0\0hi\0\0\0\0\10\0\0\0";

static void whole_messages_arrive_in_order(void **state)
{
    (void)state;
    write_far(two, sizeof(two) - 1);
    while (messages < 2)
        loop_run(loop);
    assert_int_equal(types[0], 7);
    assert_int_equal(lengths[0], 2);
    assert_int_equal(first_bytes[0], 'h');
    assert_int_equal(types[1], 8);
    assert_int_equal(lengths[1], 0);
}

static void a_message_in_single_bytes_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < 10; i++)
        write_far(two + i, 1);
    loop_run(loop);
    assert_int_equal(messages, 1);
    assert_int_equal(lengths[0], 2);
}

static void a_length_beyond_the_maximum_closes(void **state)
{
    (void)state;
    write_far("\xff\xff\xff\xff\1\0\0\0", 8);
    loop_run(loop);
    assert_int_equal(closings, 1);
    assert_int_equal(messages, 0);
}

static void the_other_side_going_is_told_once(void **state)
{
    (void)state;
    close(far_end);
    far_end = -1;
    loop_run(loop);
    assert_int_equal(closings, 1);
    assert_int_equal(channel_send(channel, 1, SPAN("x")), -EPIPE);
}

static void it_may_be_freed_by_its_own_message(void **state)
{
    (void)state;
    free_in_message = true;
    write_far(two, sizeof(two) - 1);
    loop_run(loop);
    assert_int_equal(messages, 1);
    assert_null(channel);
}

static void what_is_sent_has_the_frame(void **state)
{
    char bytes[10];
    (void)state;
    assert_int_equal(channel_send(channel, 7, SPAN("hi")), 0);
    assert_int_equal(read(far_end, bytes, sizeof(bytes)), sizeof(bytes));
    assert_memory_equal(bytes, two, sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_messages_arrive_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_in_single_bytes_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_length_beyond_the_maximum_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_other_side_going_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_may_be_freed_by_its_own_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_sent_has_the_frame, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
