/* SPDX-License-Identifier: Apache-2.0 */
/* The program that writes the page, run here under another name: what it writes is what was committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define main reference_main
int reference_main(int argc, char **argv);
#include "admin/reference_main.c"
#undef main

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/seawall-docs-XXXXXX";

static int run(const char *root)
{
    char program[] = "admin-reference";
    char where[64];
    snprintf(where, sizeof(where), "%s", root);
    char *argv[] = {program, where, NULL};
    return reference_main(2, argv);
}

static void read_file(const char *root, struct buf *ret_text)
{
    char path[4096], bytes[4096];
    size_t n;
    snprintf(path, sizeof(path), "%s/docs/metrics-service.md", root);
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("'%s' is missing: ninja docs", path);
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(ret_text, span_of(bytes, n));
    fclose(file);
}

static void the_committed_page_is_what_the_table_says(void **state)
{
    char docs[64], page[96];
    struct buf written, committed;
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    (void)state;
    assert_non_null(root);
    snprintf(docs, sizeof(docs), "%s/docs", folder);
    snprintf(page, sizeof(page), "%s/metrics-service.md", docs);
    assert_int_equal(mkdir(docs, 0700), 0);
    assert_int_equal(run(folder), EXIT_SUCCESS);
    buf_init(&written, PAGE_BYTES_MAX);
    buf_init(&committed, PAGE_BYTES_MAX);
    read_file(folder, &written);
    read_file(root, &committed);
    assert_true(written.len > 0);
    if (!span_eq(buf_span(&written), buf_span(&committed)))
        fail_msg("docs/metrics-service.md is not what the table says: ninja docs");
    buf_release(&written);
    buf_release(&committed);
    assert_int_equal(unlink(page), 0);
    assert_int_equal(rmdir(docs), 0);
}

static void a_folder_that_is_not_there_fails(void **state)
{
    (void)state;
    assert_int_equal(run("/nowhere/at/all"), EXIT_FAILURE);
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
        cmocka_unit_test(the_committed_page_is_what_the_table_says),
        cmocka_unit_test(a_folder_that_is_not_there_fails),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
