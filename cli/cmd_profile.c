/* SPDX-License-Identifier: Apache-2.0 */
/* seawall profile …: what callers earned, and what an operator gives them. */
#include "base/json_out.h"
#include "base/text.h"
#include "client.h"
#include "profile_words.h"
#include "table.h"
#include "words.h"

#include <math.h>

#define BODY_BYTES_MAX 65536

const struct command_option options_profile_list[] = {
    {"--limit", "N", "that many (default 20)"},
    {NULL, NULL, NULL},
};

static const char *text_or(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

static double number_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* ── one ── */

static void print_state(const json_t *profile)
{
    char when[32];
    const char *by = text_or(profile, "by", NULL);
    printf("Trusted        %s%s\n", by ? "by " : "no", by ? by : "");
    if (is_true(profile, "in_profile")) {
        puts("In-profile     now");
    } else if (by) {
        words_age((uint64_t)ceil(number_of(profile, "in_profile_in_s")), when);
        printf("In-profile     in %s\n", when);
    } else {
        puts("In-profile     no");
    }
}

static void print_row(const char *title, const json_t *profile, const char *name, const char *unit)
{
    char amount[32];
    words_amount(number_of(profile, name), amount);
    printf("%-14s %s %s\n", title, amount, unit);
}

static void print_days(const json_t *days)
{
    static const char *const titles[] = {"DAY", "#WT", "#BUSIEST HOUR", "#HOURS", "#REQUESTS"};
    struct table table;
    char amount[32];
    if (json_array_size(days) == 0)
        return;
    puts("");
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i);
        words_amount(number_of(day, "wt"), amount);
        table_cell(&table, "%s", text_or(day, "day", "?"));
        table_cell(&table, "%s", amount);
        words_amount(number_of(day, "busiest_wt"), amount);
        table_cell(&table, "%s", amount);
        table_number(&table, (uint64_t)number_of(day, "hours"));
        table_number(&table, (uint64_t)number_of(day, "requests"));
    }
    table_print(&table);
    table_release(&table);
}

static void print_profile(const json_t *profile)
{
    char seen[32], earned[32], granted[32], rate[32];
    const char *name = text_or(profile, "name", NULL);
    words_time(text_or(profile, "seen", NULL), seen);
    words_amount(number_of(profile, "rate"), rate);
    words_amount(number_of(profile, "rate_earned"), earned);
    words_amount(number_of(profile, "rate_granted"), granted);
    printf("Caller         %s%s%s%s\n", text_or(profile, "id", "?"), name ? " ('" : "",
           name ? name : "", name ? "')" : "");
    print_state(profile);
    printf("Rate           %s wt/s (earned %s, granted %s)\n", rate, earned, granted);
    print_row("Burst", profile, "burst", "wt");
    print_row("Balance", profile, "balance", "wt");
    print_row("A day", profile, "day", "wt");
    print_row("Day balance", profile, "day_balance", "wt");
    print_row("Mean request", profile, "request_wt", "wt");
    printf("Days earned    %.0f\n", number_of(profile, "days_earned"));
    printf("Last seen      %s\n", seen);
    print_days(json_object_get(profile, "days"));
}

static enum exit_status print_one(const struct invocation *call, const json_t *profile)
{
    if (call->json)
        return client_print(profile);
    print_profile(profile);
    return EXIT_OK;
}

enum exit_status cmd_profile_show(const struct invocation *call)
{
    json_t *profile = NULL;
    enum exit_status status =
        client_get_about(call, "GET", "/profiles/show?who=", "", SPAN(""), &profile);
    if (status == EXIT_OK)
        status = print_one(call, profile);
    json_decref(profile);
    return status;
}

/* ── all ── */

void profile_print_table(const json_t *profiles)
{
    static const char *const titles[] = {"CALLER", "NAME",   "BY",    "IN-PROFILE",
                                         "#WT/S",  "#BURST", "#A DAY"};
    struct table table;
    char rate[32], burst[32], day[32];
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const json_t *profile = json_array_get(profiles, i);
        words_amount(number_of(profile, "rate"), rate);
        words_amount(number_of(profile, "burst"), burst);
        words_amount(number_of(profile, "day"), day);
        table_cell(&table, "%s", text_or(profile, "id", "?"));
        table_cell(&table, "%s", text_or(profile, "name", "-"));
        table_cell(&table, "%s", text_or(profile, "by", "-"));
        table_cell(&table, "%s", is_true(profile, "in_profile") ? "yes" : "no");
        table_cell(&table, "%s", rate);
        table_cell(&table, "%s", burst);
        table_cell(&table, "%s", day);
    }
    table_print(&table);
    table_release(&table);
}

static void print_list(const json_t *list)
{
    char rate[32];
    const json_t *profiles = json_object_get(list, "profiles");
    words_amount(number_of(list, "rate"), rate);
    if (json_array_size(profiles) > 0)
        profile_print_table(profiles);
    printf("%s%.0f callers known, %.0f trusted, %.0f in-profile; together %s wt/s.\n",
           json_array_size(profiles) > 0 ? "\n" : "", number_of(list, "identities"),
           number_of(list, "trusted"), number_of(list, "in_profile"), rate);
}

enum exit_status cmd_profile_list(const struct invocation *call)
{
    const char *limit = command_value(call, "--limit");
    char target[64] = "/profiles";
    uint64_t number;
    json_t *list = NULL;
    if (limit && text_to_u64(span_str(limit), &number) < 0) {
        (void)command_fail("--limit expects a number");
        return EXIT_USAGE;
    }
    if (limit)
        snprintf(target, sizeof(target), "/profiles?limit=%llu", (unsigned long long)number);
    enum exit_status status = client_get(call, "GET", target, SPAN(""), &list);
    if (status == EXIT_OK && call->json)
        status = client_print(list);
    else if (status == EXIT_OK)
        print_list(list);
    json_decref(list);
    return status;
}

/* ── changes ── */

static enum exit_status change(const struct invocation *call, const char *target,
                               const double *rate, json_t **ret_json)
{
    struct buf body;
    buf_init(&body, BODY_BYTES_MAX);
    struct json_out out = json_out_start(&body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("who"));
    json_out_string(&out, span_str(call->arguments[0]));
    if (rate) {
        json_out_key(&out, SPAN("rate"));
        json_out_double(&out, *rate);
    }
    json_out_close(&out, '}');
    enum exit_status status = client_get(call, "POST", target, buf_span(&body), ret_json);
    buf_release(&body);
    return status;
}

enum exit_status cmd_profile_grant(const struct invocation *call)
{
    char *end;
    json_t *profile = NULL;
    const char *text = call->arguments[1];
    double rate = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(rate) || rate < 0) {
        (void)command_fail("RATE must be a number of weighted tokens a second, 0 or more");
        return EXIT_USAGE;
    }
    enum exit_status status = change(call, "/profiles/grant", &rate, &profile);
    if (status == EXIT_OK)
        status = print_one(call, profile);
    json_decref(profile);
    return status;
}

enum exit_status cmd_profile_forget(const struct invocation *call)
{
    json_t *json = NULL;
    enum exit_status status = change(call, "/profiles/forget", NULL, &json);
    if (status == EXIT_OK && call->json)
        status = client_print(json);
    else if (status == EXIT_OK)
        printf(is_true(json, "known") ? "%s is forgotten.\n" : "Nothing was known of %s.\n",
               text_or(json, "id", "?"));
    json_decref(json);
    return status;
}
