/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct element {
    char name;
    struct list link;
};

static void assert_names(const struct list *list, const char *expected)
{
    char names[10] = "";
    size_t len = 0;
    for (const struct list *at = list->next; at != list; at = at->next) {
        assert_ptr_equal(at->next->prev, at);
        names[len++] = list_entry(at, const struct element, link)->name;
    }
    assert_string_equal(names, expected);
}

static void pushes_at_both_ends(void **state)
{
    (void)state;
    struct list list;
    list_init(&list);
    assert_true(list_empty(&list));
    assert_null(list_first(&list));
    struct element a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_push_back(&list, &b.link);
    list_push_back(&list, &c.link);
    list_push_front(&list, &a.link);
    assert_names(&list, "abc");
    assert_ptr_equal(list_first(&list), &a.link);
}

static void removes_twice_without_harm(void **state)
{
    (void)state;
    struct list list;
    list_init(&list);
    struct element a = {.name = 'a'}, b = {.name = 'b'};
    list_push_back(&list, &a.link);
    list_push_back(&list, &b.link);
    list_remove(&a.link);
    list_remove(&a.link);
    assert_names(&list, "b");
    assert_true(list_empty(&a.link));
    list_push_back(&list, &a.link);
    assert_names(&list, "ba");
}

static void walk_allows_removing_where_it_stands(void **state)
{
    (void)state;
    struct list list;
    list_init(&list);
    struct element elements[4];
    for (size_t i = 0; i < COUNT_OF(elements); i++) {
        elements[i].name = (char)('a' + i);
        list_push_back(&list, &elements[i].link);
    }
    list_each(at, &list)
    {
        if (list_entry(at, struct element, link)->name % 2)
            list_remove(at);
    }
    assert_names(&list, "bd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_at_both_ends),
        cmocka_unit_test(removes_twice_without_harm),
        cmocka_unit_test(walk_allows_removing_where_it_stands),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
