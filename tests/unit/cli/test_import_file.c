/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "import_file.h"

static void assert_read(const char *text, const char *want, const uint32_t *lines, size_t count)
{
    struct import_file file;
    struct err err = {""};
    assert_int_equal(import_file_read(span_str(text), &file, &err), 0);
    assert_string_equal(buf_cstr(&file.body), want);
    assert_int_equal(file.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(file.lines[i], lines[i]);
    import_file_release(&file);
}

static void assert_error(const char *text, const char *want)
{
    struct import_file file;
    struct err err = {""};
    assert_int_equal(import_file_read(span_str(text), &file, &err), -EINVAL);
    assert_string_equal(err.text, want);
    import_file_release(&file);
}

static void test_csv(void **state)
{
    (void)state;
    const uint32_t one[] = {2}, two[] = {2, 3}, spread[] = {3, 6};
    assert_read("key,name\nsk-1,ann\n", "{\"keys\":[{\"key\":\"sk-1\",\"name\":\"ann\"}]}", one, 1);
    assert_read("key,name\nsk-1,ann", "{\"keys\":[{\"key\":\"sk-1\",\"name\":\"ann\"}]}", one, 1);
    assert_read(
        "\xef\xbb\xbfKey, NAME\r\nsk-1, ann \r\nsk-2,bob\r\n",
        "{\"keys\":[{\"key\":\"sk-1\",\"name\":\"ann\"},{\"key\":\"sk-2\",\"name\":\"bob\"}]}", two,
        2);
    assert_read("name,expires,models,sha256\nann,,a;b,00\n",
                "{\"keys\":[{\"name\":\"ann\",\"models\":[\"a\",\"b\"],\"sha256\":\"00\"}]}", one,
                1);
    assert_read("name,models\nann,\" a , b,,\"\n",
                "{\"keys\":[{\"name\":\"ann\",\"models\":[\"a\",\"b\"]}]}", one, 1);
    assert_read("name,key\n\n\"a \"\"q\"\"\n,x\",sk-1\n\r\nbob,sk-2\n\n",
                "{\"keys\":[{\"name\":\"a "
                "\\\"q\\\"\\n,x\",\"key\":\"sk-1\"},{\"name\":\"bob\",\"key\":\"sk-2\"}]}",
                spread, 2);
}

static void test_csv_that_is_refused(void **state)
{
    (void)state;
    assert_error("", "1: unknown column '': key, sha256, name, expires, models are known");
    assert_error("sk-1,ann\n",
                 "1: unknown column 'sk-1': key, sha256, name, expires, models are known");
    assert_error("key,name,key\n", "1: column 'key' comes twice");
    assert_error("key,name\n", "1: no key is in it");
    assert_error("key,name\nsk-1\n", "2: 1 cells, the header has 2");
    assert_error("key,name\nsk-1,ann\nsk-2,bob,x\n", "3: more cells than the header has");
    assert_error("key,name\nsk-1,\"ann\nsk-2,bob\n", "2: a quote is not closed");
    assert_error("key,name\nsk-1,\"ann\"x\n", "2: text behind a closing quote");
    assert_error("key,name\nsk-1,\xff\n", "2: not UTF-8");
    assert_error("key,key,key,key,key,key,key,key,key,key,key,key,key,key,key,key,key\n",
                 "1: column 'key' comes twice");
}

static void test_json_lines(void **state)
{
    (void)state;
    const uint32_t lines[] = {1, 4};
    assert_read("{\"key\":\"sk-1\",\"name\":\"ann\"}\n\n  \r\n{ \"sha256\" : \"00\", "
                "\"name\":\"bob\", \"expires\":null}\r\n",
                "{\"keys\":[{\"key\":\"sk-1\",\"name\":\"ann\"},{\"sha256\":\"00\",\"name\":"
                "\"bob\",\"expires\":null}]}",
                lines, 2);
}

static void test_json_lines_that_are_refused(void **state)
{
    (void)state;
    struct import_file file;
    struct err err = {""};
    assert_int_equal(import_file_read(SPAN("{\"key\":\"a\"}\n{\"key\":\n"), &file, &err), -EINVAL);
    assert_true(strncmp(err.text, "2: not JSON: ", 13) == 0);
    import_file_release(&file);
    assert_error("{\"key\":\"a\"}\n[]\n", "2: not a JSON object");
    assert_error("{\"key\":\"a\",\"key\":\"b\"}\n",
                 "1: not JSON: duplicate object key near '\"key\"'");
}

static void test_short_memory_is_told(void **state)
{
    (void)state;
    int64_t before = mem_live_count();
    int result;
    uint64_t n = 0;
    do {
        struct import_file file;
        struct err err = {""};
        mem_fail_once(n++);
        result = import_file_read(SPAN("key,name\nsk-1,ann\n"), &file, &err);
        mem_fail_never();
        import_file_release(&file);
        assert_int_equal(mem_live_count(), before);
    } while (result < 0);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_that_is_refused),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_json_lines_that_are_refused),
        cmocka_unit_test(test_short_memory_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
