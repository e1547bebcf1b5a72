/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON: simdjson's DOM behind a C header, with what it does not check: duplicate keys at every level (compared after their
 * escapes are undone) and the exact depth. Refused too: lone surrogates, numbers that are not finite as a double, integers
 * beyond 64 bits, a byte order mark. Accepted: U+0000 as an escape, so strings may hold zero bytes. One document at a time for each parser; reading the next makes all values
 * and strings of the one before stale. A parser belongs to one worker thread.
 *
 * Because a document that passed is valid in the whole grammar, json_members() may walk its text with a few lines and hand out
 * raw spans: what is sent on is a copy of exactly the bytes that were inspected.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

C_LINKAGE_BEGIN

#ifdef __cplusplus
/* A struct and the function that starts it share their name: usual in C, a shadow in C++. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

#define JSON_PADDING 64      /* readable bytes behind the text */
#define JSON_KEYS_MAX 4096   /* members of one object */

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_UINT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_parser;

struct json_value {
    const void *document;
    size_t index;
};

/* `depth_max` counts arrays and objects. NULL when out of memory. */
struct json_parser *json_parser_new(size_t bytes_max, uint32_t depth_max) must_check;
void json_parser_free(struct json_parser *parser);

/* `text` is followed by JSON_PADDING readable bytes. 0; -EBADMSG not JSON or not UTF-8, -EEXIST duplicate key, -ELOOP too deep, -ENOSPC too
 * large, -ENOMEM. *err says what, without quoting the content beyond a key's name. */
int json_parse(struct json_parser *parser, struct span text, struct json_value *ret_root, struct err *err) must_check;

enum json_kind json_kind(struct json_value value);
/* Of the right kind only; otherwise false / empty / 0. JSON_INT and JSON_UINT both read as i64 when they fit. */
bool json_bool(struct json_value value);
bool json_i64(struct json_value value, int64_t *ret_number);
bool json_number(struct json_value value, double *ret_number); /* any of the three number kinds */
/* Unescaped; null when not a string. Under a name of its own for the linker: jansson, which may be in the same program, has a
 * json_string() too, and each would be called for the other. */
struct span json_string(struct json_value value) __asm__("seawall_json_string");
size_t json_count(struct json_value value);                    /* elements or members */

/* Member of an object by unescaped key: true and *ret_value. */
bool json_get(struct json_value object, struct span key, struct json_value *ret_value);

/* Walks elements or members in their order. `ret_key` may be NULL for arrays.
 *     struct json_walk walk = json_walk(value);
 *     while (json_walk_next(&walk, &key, &item)) … */
struct json_walk {
    struct json_value at;
    size_t end;
    bool members;
};
struct json_walk json_walk(struct json_value value);
bool json_walk_next(struct json_walk *walk, struct span *ret_key, struct json_value *ret_value);

/* Raw members of one object's text that json_parse() has accepted (it is not called again): keys as written, without quotes and with their escapes;
 * values as written, white space around them trimmed. In the same order as json_walk() over that object. */
struct json_members {
    struct span rest;
};
struct json_members json_members(struct span object_text);
bool json_members_next(struct json_members *members, struct span *ret_raw_key, struct span *ret_raw_value);
/* The same for the elements of an array's text. */
bool json_elements_next(struct json_members *elements, struct span *ret_raw_value);

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

C_LINKAGE_END
