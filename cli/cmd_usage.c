/* SPDX-License-Identifier: Apache-2.0 */
/* seawall usage: what the ledger says. */
#include "client.h"
#include "table.h"
#include "words.h"

#define TARGET_BYTES_MAX 4096

const struct command_option options_usage[] = {
    {"--from", "DATE", "from this day or hour on (UTC)"},
    {"--to", "DATE", "up to this day or hour, without it"},
    {"--key", "ID", "of this key only"},
    {"--model", "NAME", "of this model only"},
    {"--by", "LIST", "rows for each: key, model, day, hour (default key,model)"},
    {NULL, NULL, NULL},
};

static void write_target(const struct invocation *call, struct buf *target)
{
    bool first = true;
    buf_append(target, SPAN("/usage"));
    for (const struct command_option *option = options_usage; option->name; option++) {
        const char *value = command_value(call, option->name);
        if (!value && strcmp(option->name, "--by") == 0)
            value = "key,model";
        if (!value)
            continue;
        buf_printf(target, "%c%s=", first ? '?' : '&', option->name + 2);
        words_escape(target, value);
        first = false;
    }
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text && text[0] ? text : "-";
}

/* What the rows are grouped by comes first, as far as they have it. */
static size_t group_columns(const json_t *row, const char *titles[], const char *members[])
{
    static const struct {
        const char *member, *title;
    } groups[] = {
        {"day", "DAY"}, {"hour", "HOUR"}, {"key", "KEY"}, {"key_name", "NAME"}, {"model", "MODEL"}};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (json_object_get(row, groups[i].member)) {
            titles[count] = groups[i].title;
            members[count++] = groups[i].member;
        }
    return count;
}

static void print_rows(const json_t *rows)
{
    static const char *const numbers[] = {
        "requests", "failed", "cut", "prompt_tokens", "completion_tokens", "total_tokens"};
    static const char *const number_titles[] = {"#REQUESTS", "#FAILED",     "#CUT",
                                                "#PROMPT",   "#COMPLETION", "#TOTAL"};
    const char *titles[TABLE_COLUMNS_MAX], *members[TABLE_COLUMNS_MAX];
    struct table table;
    size_t groups = group_columns(json_array_get(rows, 0), titles, members);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        titles[groups + i] = number_titles[i];
    table_init(&table, titles, groups + COUNT_OF(numbers));
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        for (size_t i = 0; i < groups; i++)
            table_cell(&table, "%s", text_of(row, members[i]));
        for (size_t i = 0; i < COUNT_OF(numbers); i++)
            table_number(&table, (uint64_t)json_integer_value(json_object_get(row, numbers[i])));
    }
    table_print(&table);
    table_release(&table);
}

static void print_usage(const json_t *json)
{
    const json_t *rows = json_object_get(json, "rows");
    json_int_t unflushed = json_integer_value(json_object_get(json, "unflushed_rows"));
    if (json_array_size(rows) == 0)
        puts("Nothing was used in that time.");
    else
        print_rows(rows);
    if (unflushed > 0)
        printf("%lld rows of the last moments are not in it yet.\n", (long long)unflushed);
    if (json_is_true(json_object_get(json, "truncated")))
        puts("There is more: ask for a shorter time.");
}

enum exit_status cmd_usage(const struct invocation *call)
{
    struct buf target;
    json_t *json = NULL;
    buf_init(&target, TARGET_BYTES_MAX);
    write_target(call, &target);
    enum exit_status status = EXIT_USAGE;
    if (buf_status(&target) < 0)
        (void)command_fail("the options are too long");
    else
        status = client_get(call, "GET", buf_cstr(&target), SPAN(""), &json);
    if (status == EXIT_OK && call->json)
        status = client_print(json);
    else if (status == EXIT_OK)
        print_usage(json);
    json_decref(json);
    buf_release(&target);
    return status;
}
