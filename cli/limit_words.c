/* SPDX-License-Identifier: Apache-2.0 */
#include "limit_words.h"

#include "base/err.h"
#include "table.h"
#include "words.h"

int limit_words_write(const struct invocation *call, struct json_out *out)
{
    int given = 0;
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        const struct limit_info *info = limit_info((enum limit)i);
        const char *text = command_value(call, info->option);
        struct err err = {""};
        uint64_t value;
        if (!text)
            continue;
        if (limit_parse((enum limit)i, span_str(text), &value, &err) < 0) {
            (void)command_fail("%s: %s", info->option, err.text);
            return -EINVAL;
        }
        if (given++ == 0) {
            json_out_key(out, SPAN("limits"));
            json_out_open(out, '{');
        }
        json_out_key(out, info->word);
        json_out_string(out, span_str(text));
    }
    if (given > 0)
        json_out_close(out, '}');
    return given;
}

/* A number or a text, as it came. */
static void value_text(const json_t *value, char ret_text[32])
{
    if (json_is_integer(value))
        words_number((uint64_t)json_integer_value(value), ret_text);
    else
        snprintf(ret_text, 32, "%s", json_is_string(value) ? json_string_value(value) : "-");
}

void limit_words_join(const json_t *limits, char *ret_text, size_t size)
{
    size_t at = 0;
    snprintf(ret_text, size, "-");
    for (size_t i = 0; i < LIMITS_COUNT && at < size; i++) {
        const struct limit_info *info = limit_info((enum limit)i);
        const json_t *value = json_object_get(limits, info->word.ptr);
        char text[32];
        if (!value)
            continue;
        value_text(value, text);
        int len =
            snprintf(ret_text + at, size - at, "%s%s=%s", at > 0 ? ", " : "", info->word.ptr, text);
        at += len > 0 ? (size_t)len : 0;
    }
}

void limit_words_print_use(const json_t *use)
{
    static const char *const titles[] = {"LIMIT", "#VALUE", "#USED", "FULL AGAIN IN", "FROM"};
    struct table table;
    if (json_array_size(use) == 0)
        return;
    puts("");
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(use); i++) {
        const json_t *row = json_array_get(use, i), *reset = json_object_get(row, "reset_s");
        const char *limit = json_string_value(json_object_get(row, "limit"));
        const char *from = json_string_value(json_object_get(row, "from"));
        char value[32], used[32], again[32] = "-";
        value_text(json_object_get(row, "value"), value);
        value_text(json_object_get(row, "used"), used);
        if (json_integer_value(reset) > 0)
            words_age((uint64_t)json_integer_value(reset), again);
        table_cell(&table, "%s", limit ? limit : "?");
        table_cell(&table, "%s", value);
        table_cell(&table, "%s", used);
        table_cell(&table, "%s", again);
        table_cell(&table, "%s", from ? from : "?");
    }
    table_print(&table);
    table_release(&table);
}
