/* SPDX-License-Identifier: Apache-2.0 */
#include "config/document.h"

#include "config_testing.h"

static void reads_nodes_with_their_lines(void **state)
{
    (void)state;
    struct document document;
    struct err err = {0};
    assert_int_equal(
        document_load(&document, SPAN("# x\na: 1\nb:\n  - 'q'\n  -\n  - ~\n"), "f", &err), 0);
    const yaml_node_t *root = document_root(&document);
    assert_int_equal(root->type, YAML_MAPPING_NODE);
    assert_int_equal(document_line(root), 2);
    const yaml_node_pair_t *pairs = root->data.mapping.pairs.start;
    assert_span(document_text(document_node(&document, pairs[0].key)), "a");
    assert_true(document_is_plain(document_node(&document, pairs[0].value)));
    const yaml_node_t *list = document_node(&document, pairs[1].value);
    assert_true(span_is_null(document_text(list)));
    assert_false(document_is_null(list));
    const yaml_node_item_t *items = list->data.sequence.items.start;
    assert_int_equal(document_line(document_node(&document, items[0])), 4);
    assert_false(document_is_plain(document_node(&document, items[0])));
    assert_true(document_is_null(document_node(&document, items[1])));
    assert_true(document_is_null(document_node(&document, items[2])));
    assert_null(document_node(&document, 0));
    assert_null(document_node(&document, 1000));
    document_release(&document);
    document_release(&document);
}

static void nothing_is_a_document_too(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct document document;
        struct err err = {0};
        int rc = document_load(&document, span_str(texts[i]), "f", &err);
        if (rc < 0)
            fail_msg("%zu: %s", i, err.text);
        assert_null(document_root(&document));
        document_release(&document);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } examples[] = {
        {"a: &x 1\n", "f:1: anchors"},
        {"a: &x [1]\n", "f:1: anchors"},
        {"\na: &x {b: 1}\n", "f:2: anchors"},
        {"a: &x [1]\nb: *x\n", "f:1: anchors"},
        {"b: *x\n", "f:1: aliases"},
        {"b: *\n", "text that begins with '*' goes in quotes"},
        {"a: !!str 1\n", "f:1: tags"},
        {"a: !x [1]\n", "f:1: tags"},
        {"--- !!map\na: 1\n", "f:1: tags"},
        {"a: 1\n---\nb: 2\n", "f:2: a second document"},
        {"a: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\n", "f:1: this is nested too deep"},
        {"a: [1, 2\n", "f:2: did not find expected ',' or ']'"},
        {"a: 1\n b: 2\n", "f:2: mapping values are not allowed in this context"},
        {"a:\n\t- 1\n", "f:2: found character that cannot start any token"},
        {"a: \"x\n", "f:2: found unexpected end of stream"},
        {"a: x\x01\n", "f: not a text file in UTF-8: control characters are not allowed"},
        {"a: \xff\n", "f: not a text file in UTF-8"},
        {"%YAML 3.0\n---\na: 1\n", "f:1: found incompatible YAML document"},
    };
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct document document;
        struct err err = {0};
        int rc = document_load(&document, span_str(examples[i].text), "f", &err);
        if (rc != -EINVAL || !strstr(err.text, examples[i].expected))
            fail_msg("expected '%s', got %d '%s' for:\n%s", examples[i].expected, rc, err.text,
                     examples[i].text);
        document_release(&document);
    }
}

static void depth_has_a_border(void **state)
{
    (void)state;
    for (int more = 0; more <= 1; more++) {
        char text[64] = "";
        size_t depth = DOCUMENT_DEPTH_MAX + (size_t)more;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct document document;
        assert_int_equal(document_load(&document, span_str(text), "f", NULL), more ? -EINVAL : 0);
        document_release(&document);
    }
}

static void a_zero_byte_is_no_end(void **state)
{
    (void)state;
    struct document document;
    assert_int_equal(document_load(&document, span_of("a: 1\n\0b: 2\n", 11), "f", NULL), -EINVAL);
    document_release(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nodes_with_their_lines),
        cmocka_unit_test(nothing_is_a_document_too),
        cmocka_unit_test(refuses),
        cmocka_unit_test(depth_has_a_border),
        cmocka_unit_test(a_zero_byte_is_no_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
