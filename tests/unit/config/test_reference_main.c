/* SPDX-License-Identifier: Apache-2.0 */
/* The program that writes the pages, run here under another name. */
#include "config_testing.h"

#define main reference_main
int reference_main(int argc, char **argv);
#include "config/reference_main.c"
#undef main

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/seawall-docs-XXXXXX";

static int run(const char *root)
{
    char program[] = "config-reference";
    char where[64];
    snprintf(where, sizeof(where), "%s", root);
    char *argv[] = {program, where, NULL};
    return reference_main(2, argv);
}

static size_t bytes_of(const char *name)
{
    char path[96];
    struct stat info;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(unlink(path), 0);
    return (size_t)info.st_size;
}

static void both_pages_are_written(void **state)
{
    char docs[64], examples[64];
    struct buf page;
    (void)state;
    snprintf(docs, sizeof(docs), "%s/docs", folder);
    snprintf(examples, sizeof(examples), "%s/examples", folder);
    assert_int_equal(mkdir(docs, 0700), 0);
    assert_int_equal(mkdir(examples, 0700), 0);
    assert_int_equal(run(folder), 0);
    buf_init(&page, PAGE_BYTES_MAX);
    config_write_reference(&page);
    assert_int_equal(bytes_of("docs/configuration.md"), page.len);
    buf_clear(&page);
    config_write_full_example(&page);
    assert_int_equal(bytes_of("examples/full.yaml"), page.len);
    buf_release(&page);
    assert_int_equal(rmdir(docs), 0);
    assert_int_equal(rmdir(examples), 0);
}

static void a_folder_that_is_not_there_fails(void **state)
{
    (void)state;
    assert_int_equal(run("/nowhere/at/all"), 1);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_pages_are_written),
        cmocka_unit_test(a_folder_that_is_not_there_fails),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
