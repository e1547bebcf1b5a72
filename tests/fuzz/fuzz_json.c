/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reading of JSON against jansson's: what one accepts the other accepts, with the same tree. The differences there may be:
 *   - we refuse depth above the parser's and objects above JSON_KEYS_MAX;
 *   - jansson refuses integers above int64 and U+0000 in keys, and takes a zero byte behind a number for a space.
 * And of what was accepted, json_members() hands out raw values that read again as json_walk() reads them.
 */
#include "jansson_beside.h"

#include "fuzz.h"

#include "dialect/json_dom.h"

#define DEPTH_MAX 32
#define BYTES_MAX (1 << 20)

static struct json_parser *first, *second;

static bool same_tree(json_t *theirs, struct json_value ours);

static bool same_number(json_t *theirs, struct json_value ours)
{
    int64_t integer;
    double number, their_number = json_real_value(theirs);
    if (json_typeof(theirs) == JANSSON_INTEGER)
        return json_i64(ours, &integer) && integer == json_integer_value(theirs);
    return json_kind(ours) == JSON_DOUBLE && json_number(ours, &number) &&
           memcmp(&number, &their_number, sizeof(number)) == 0;
}

static bool same_members(json_t *theirs, struct json_value ours)
{
    struct json_walk walk = json_walk(ours);
    struct json_value item;
    struct span key;
    if (json_kind(ours) != JSON_OBJECT || json_object_size(theirs) != json_count(ours))
        return false;
    while (json_walk_next(&walk, &key, &item)) {
        json_t *member = json_object_getn(theirs, key.ptr, key.len);
        if (!member || !same_tree(member, item))
            return false;
    }
    return true;
}

static bool same_elements(json_t *theirs, struct json_value ours)
{
    struct json_walk walk = json_walk(ours);
    struct json_value item;
    if (json_kind(ours) != JSON_ARRAY || json_array_size(theirs) != json_count(ours))
        return false;
    for (size_t i = 0; json_walk_next(&walk, NULL, &item); i++) {
        if (!same_tree(json_array_get(theirs, i), item))
            return false;
    }
    return true;
}

static bool same_tree(json_t *theirs, struct json_value ours)
{
    switch (json_typeof(theirs)) {
    case JANSSON_OBJECT:
        return same_members(theirs, ours);
    case JANSSON_ARRAY:
        return same_elements(theirs, ours);
    case JANSSON_STRING:
        return json_kind(ours) == JSON_STRING &&
               span_eq(json_string(ours),
                       span_of(json_string_value(theirs), json_string_length(theirs)));
    case JANSSON_INTEGER:
    case JANSSON_REAL:
        return same_number(theirs, ours);
    case JANSSON_TRUE:
    case JANSSON_FALSE:
        return json_kind(ours) == JSON_BOOL &&
               json_bool(ours) == (json_typeof(theirs) == JANSSON_TRUE);
    case JANSSON_NULL:
        return json_kind(ours) == JSON_NULL;
    }
    return false;
}

/* Does jansson refuse it for a reason that is only its own? */
static bool only_ours(struct json_value value)
{
    struct json_walk walk = json_walk(value);
    struct json_value item;
    struct span key = SPAN_NULL;
    if (json_kind(value) == JSON_UINT)
        return true;
    while (json_walk_next(&walk, &key, &item)) {
        if ((key.len > 0 && memchr(key.ptr, '\0', key.len)) || only_ours(item))
            return true;
    }
    return false;
}

/* The same value by two parsers. */
static void check_equal(struct json_value a, struct json_value b)
{
    struct json_walk walk_a = json_walk(a), walk_b = json_walk(b);
    struct json_value item_a, item_b;
    struct span key_a = SPAN_NULL, key_b = SPAN_NULL;
    double number_a = 0, number_b = 0;
    check(json_kind(a) == json_kind(b) && json_count(a) == json_count(b));
    check(span_eq(json_string(a), json_string(b)) && json_bool(a) == json_bool(b));
    check(json_number(a, &number_a) == json_number(b, &number_b));
    check(memcmp(&number_a, &number_b, sizeof(number_a)) == 0);
    while (json_walk_next(&walk_a, &key_a, &item_a)) {
        check(json_walk_next(&walk_b, &key_b, &item_b) && span_eq(key_a, key_b));
        check_equal(item_a, item_b);
    }
}

static void check_raw(struct span raw, struct json_value value)
{
    struct json_value again;
    char *copy = fuzz_copy(raw, JSON_PADDING);
    check(json_parse(second, span_of(copy, raw.len), &again, NULL) == 0);
    check_equal(value, again);
    mem_free(copy);
}

static void check_members(struct span text, struct json_value root)
{
    struct json_members members = json_members(text);
    struct json_walk walk = json_walk(root);
    struct json_value item;
    struct span key, raw_key, raw;
    while (json_walk_next(&walk, &key, &item)) {
        if (json_kind(root) == JSON_OBJECT)
            check(json_members_next(&members, &raw_key, &raw));
        else
            check(json_elements_next(&members, &raw));
        check_raw(raw, item);
    }
    if (json_kind(root) == JSON_OBJECT || json_kind(root) == JSON_ARRAY)
        check(!json_members_next(&members, &raw_key, &raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > BYTES_MAX)
        return 0;
    if (!first) {
        first = json_parser_new(BYTES_MAX, DEPTH_MAX);
        second = json_parser_new(BYTES_MAX, DEPTH_MAX);
        check(first && second);
    }
    char *text = fuzz_copy(span_of(data, size), JSON_PADDING);
    memset(text + size, '"', JSON_PADDING); /* what lies behind the text must not matter */
    struct json_value root;
    struct err err;
    int r = json_parse(first, span_of(text, size), &root, &err);
    json_error_t error;
    json_t *theirs =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (r == 0) {
        check(theirs ? same_tree(theirs, root) : only_ours(root));
        check_members(span_of(text, size), root);
    } else {
        check(err.text[0] != '\0');
        check(!theirs || r == -ELOOP || r == -ENOSPC || memchr(text, '\0', size));
    }
    json_decref(theirs);
    mem_free(text);
    return 0;
}
