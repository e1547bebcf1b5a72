/* SPDX-License-Identifier: Apache-2.0 */
/* The program that writes the pages, run here under another name: what it writes is what was committed. */
#include "record_testing.h"

#define main reference_main
int reference_main(int argc, char **argv);
#include "record/reference_main.c"
#undef main

static int run(const char *root)
{
    char program[] = "record-reference";
    char folder[160];
    snprintf(folder, sizeof(folder), "%s", root);
    char *argv[] = {program, folder, NULL};
    return reference_main(2, argv);
}

static void committed_pages_are_what_the_tables_say(void **state)
{
    (void)state;
    const char *root = getenv("SEAWALL_SOURCE_ROOT");
    assert_non_null(root);
    assert_int_equal(mkdir(in_folder("docs").text, 0700), 0);
    assert_int_equal(run(test_folder), 0);
    struct buf written, committed;
    buf_init(&written, REFERENCE_BYTES_MAX);
    buf_init(&committed, REFERENCE_BYTES_MAX);
    for (size_t i = 0; i < REFERENCE_PAGES; i++) {
        read_file_text(reference_pages[i].path, &written);
        char path[4096], bytes[4096];
        snprintf(path, sizeof(path), "%s/%s", root, reference_pages[i].path);
        buf_clear(&committed);
        FILE *file = fopen(path, "re");
        if (!file)
            fail_msg("'%s' is missing: ninja docs", path);
        size_t n;
        while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
            buf_append(&committed, span_of(bytes, n));
        fclose(file);
        if (!span_eq(buf_span(&written), buf_span(&committed)))
            fail_msg("'%s' is not what the table says: ninja docs", path);
        assert_int_equal(unlink(in_folder(reference_pages[i].path).text), 0);
    }
    buf_release(&written);
    buf_release(&committed);
    assert_int_equal(rmdir(in_folder("docs").text), 0);
}

static void folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    assert_int_equal(run(in_folder("none").text), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(committed_pages_are_what_the_tables_say),
        folder_test(folder_that_is_not_there_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
