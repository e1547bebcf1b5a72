/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

const char *member_text(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

uint64_t member_number(const json_t *object, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number > 0 ? (uint64_t)number : 0;
}

bool member_is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}
