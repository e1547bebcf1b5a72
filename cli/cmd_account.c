/* SPDX-License-Identifier: Apache-2.0 */
/* seawall account …: limits that hold for several keys together. */
#include "client.h"
#include "limit_words.h"
#include "table.h"

#define BODY_BYTES_MAX 65536
#define LIMITS_TEXT_MAX 640

const struct command_option options_account_limit[] = {
    LIMIT_OPTIONS{NULL, NULL, NULL},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "?";
}

static void print_accounts(const json_t *accounts)
{
    static const char *const titles[] = {"ACCOUNT", "LIMITS"};
    struct table table;
    char limits[LIMITS_TEXT_MAX];
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(accounts); i++) {
        const json_t *account = json_array_get(accounts, i);
        limit_words_join(json_object_get(account, "limits"), limits, sizeof(limits));
        table_cell(&table, "%s", text_of(account, "account"));
        table_cell(&table, "%s", limits);
    }
    table_print(&table);
    table_release(&table);
}

enum exit_status cmd_account_list(const struct invocation *call)
{
    json_t *json = NULL;
    enum exit_status status = client_get(call, "GET", "/accounts", SPAN(""), &json);
    const json_t *accounts = json_object_get(json, "accounts");
    if (status == EXIT_OK && call->json)
        status = client_print(json);
    else if (status == EXIT_OK && json_array_size(accounts) == 0)
        puts("There are no accounts. A key that names one makes it: seawall key create NAME "
             "--account ACCOUNT");
    else if (status == EXIT_OK)
        print_accounts(accounts);
    json_decref(json);
    return status;
}

enum exit_status cmd_account_show(const struct invocation *call)
{
    json_t *json = NULL;
    enum exit_status status = client_get_about(call, "GET", "/accounts/", "", SPAN(""), &json);
    if (status == EXIT_OK && call->json) {
        status = client_print(json);
    } else if (status == EXIT_OK) {
        json_int_t keys = json_integer_value(json_object_get(json, "keys"));
        printf("Account %s, %lld %s.\n", text_of(json, "account"), (long long)keys,
               keys == 1 ? "key" : "keys");
        limit_words_print_use(json_object_get(json, "use"));
    }
    json_decref(json);
    return status;
}

/* 0, or -EINVAL after saying why. */
static int write_limits(const struct invocation *call, struct buf *body)
{
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    int given = limit_words_write(call, &out);
    json_out_close(&out, '}');
    if (given == 0)
        (void)command_fail(
            "give a limit, such as --tokens-per-day 100000, or none to take one away");
    return given > 0 ? 0 : -EINVAL;
}

enum exit_status cmd_account_limit(const struct invocation *call)
{
    struct buf body;
    json_t *json = NULL;
    char limits[LIMITS_TEXT_MAX];
    enum exit_status status = EXIT_USAGE;
    buf_init(&body, BODY_BYTES_MAX);
    if (write_limits(call, &body) == 0)
        status = client_get_about(call, "POST", "/accounts/", "/limits", buf_span(&body), &json);
    if (status == EXIT_OK && call->json) {
        status = client_print(json);
    } else if (status == EXIT_OK) {
        limit_words_join(json_object_get(json, "limits"), limits, sizeof(limits));
        printf("Account %s: %s\n", text_of(json, "account"), limits);
    }
    buf_release(&body);
    json_decref(json);
    return status;
}
