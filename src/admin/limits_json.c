/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/limits_json.h"

#include "base/text.h"

#define VALUE_BYTES 32

static void write_value(struct json_out *out, enum limit limit, uint64_t value)
{
    char memory[VALUE_BYTES];
    struct buf text = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    if (value != LIMIT_NONE && !limit_info(limit)->money) {
        json_out_u64(out, value);
        return;
    }
    limit_write(&text, limit, value);
    json_out_string(out, buf_span(&text));
}

void limits_write_json(struct json_out *out, const struct limits *limits)
{
    json_out_open(out, '{');
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        if (limits->of[i] == LIMIT_UNSET)
            continue;
        json_out_key(out, limit_info((enum limit)i)->word);
        write_value(out, (enum limit)i, limits->of[i]);
    }
    json_out_close(out, '}');
}

static int read_value(enum limit limit, const json_t *value, uint64_t *ret_value, struct err *err)
{
    char digits[VALUE_BYTES];
    if (json_is_null(value))
        return limit_parse(limit, SPAN("default"), ret_value, err);
    if (json_is_string(value))
        return limit_parse(limit, span_of(json_string_value(value), json_string_length(value)),
                           ret_value, err);
    int len = json_is_integer(value)
                  ? snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value))
                  : 0;
    return limit_parse(limit, span_of(digits, (size_t)len), ret_value,
                       err); /* "" is refused in words */
}

int limits_read_json(const json_t *object, struct limits *limits, struct err *err)
{
    void *at;
    if (!json_is_object(object))
        return err_set(err, -EINVAL, "'limits' must be an object");
    for (at = json_object_iter((json_t *)object); at;
         at = json_object_iter_next((json_t *)object, at)) {
        enum limit limit;
        const char *name = json_object_iter_key(at);
        if (!limit_find(span_str(name), &limit))
            return err_set(err, -EINVAL, "there is no limit '%.100s'", name);
        int result = read_value(limit, json_object_iter_value(at), &limits->of[limit], err);
        if (result < 0)
            return result;
    }
    return 0;
}

static bool is_of_one_call(enum limit limit)
{
    return limit == LIMIT_CONTEXT || limit == LIMIT_OUTPUT;
}

static void write_number(struct json_out *out, struct span name, uint64_t value)
{
    json_out_key(out, name);
    json_out_u64(out, value);
}

void limits_write_use(struct json_out *out, struct budgets *budgets, uint64_t id,
                      const struct limits *limits, const struct limits *set, struct span own,
                      struct budget_time time)
{
    struct budget_standing standings[LIMITS_COUNT];
    char memory[VALUE_BYTES];
    budgets_look(budgets, id, limits, time, standings);
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        enum limit limit = (enum limit)i;
        if (limits->of[i] == LIMIT_NONE)
            continue;
        json_out_open(out, '{');
        json_out_key(out, SPAN("limit"));
        json_out_string(out, limit_info(limit)->word);
        json_out_key(out, SPAN("value"));
        write_value(out, limit, limits->of[i]);
        json_out_key(out, SPAN("from"));
        json_out_string(out, set && set->of[i] != LIMIT_UNSET ? own : SPAN("configuration"));
        if (limit_info(limit)->money) {
            struct buf text = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
            text_write_money(&text, standings[i].used);
            json_out_key(out, SPAN("used"));
            json_out_string(out, buf_span(&text));
        } else if (!is_of_one_call(limit)) {
            write_number(out, SPAN("used"), standings[i].used);
        }
        if (!is_of_one_call(limit) && limit != LIMIT_CALLS)
            write_number(out, SPAN("reset_s"), (standings[i].reset_ms + 999) / 1000);
        json_out_close(out, '}');
    }
}
