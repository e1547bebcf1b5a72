/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/process.h"
#include "base/alloc.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void test_memory_that_is_touched_is_seen(void **state)
{
    (void)state;
    const size_t size = (size_t)16 << 20;
    uint64_t before = process_rss_bytes();
    char *block = mem_alloc(size);
    assert_non_null(block);
    memset(block, 1, size);
    assert_true(before > 0);
    assert_true(process_rss_bytes() >= before + size / 2);
    mem_free(block);
}

static void test_each_open_descriptor_counts(void **state)
{
    (void)state;
    uint64_t before = process_open_fds();
    int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int far_away = fcntl(a, F_DUPFD_CLOEXEC, 1500); /* in the second step of poll() */
    assert_true(a >= 0 && before >= 3);
    assert_int_equal(process_open_fds(), before + 1 + (far_away >= 0));
    close(a);
    if (far_away >= 0)
        close(far_away);
    assert_int_equal(process_open_fds(), before);
}

static void test_the_limit_is_the_kernels(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(process_fds_max(), limit.rlim_cur == RLIM_INFINITY ? 0 : limit.rlim_cur);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_that_is_touched_is_seen),
        cmocka_unit_test(test_each_open_descriptor_counts),
        cmocka_unit_test(test_the_limit_is_the_kernels),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
