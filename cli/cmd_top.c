/* SPDX-License-Identifier: Apache-2.0 */
/* seawall top: what goes on now, once a second. On a terminal the page is drawn anew; else each second is a line. */
#include "client.h"
#include "gates.h"
#include "member.h"
#include "rates.h"
#include "table.h"
#include "words.h"

#include <unistd.h>

#define EVERY_US 1000000

const struct command_option options_top[] = {
    {"--once", NULL, "one second, then the end"},
    {NULL, NULL, NULL},
};

static void format_ms(double ms, char ret_text[32])
{
    if (ms < 0)
        snprintf(ret_text, 32, "-");
    else if (ms < 1000)
        snprintf(ret_text, 32, "%.0f ms", ms);
    else
        snprintf(ret_text, 32, "%.1f s", ms / 1000);
}

static void print_backends(const json_t *pools)
{
    static const char *const titles[] = {"POOL",   "BACKEND", "STATE",         "#NOW",
                                         "#CALLS", "#FAILED", "#FIRST BYTE MS"};
    struct table table;
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t p = 0; p < json_array_size(pools); p++) {
        const json_t *pool = json_array_get(pools, p);
        const json_t *backends = json_object_get(pool, "backends");
        for (size_t b = 0; b < json_array_size(backends); b++) {
            const json_t *backend = json_array_get(backends, b);
            table_cell(&table, "%s", member_text(pool, "name", "?"));
            table_cell(&table, "%s", member_text(backend, "url", "?"));
            table_cell(&table, "%s", member_text(backend, "state", "?"));
            table_number(&table, member_number(backend, "in_flight"));
            table_number(&table, member_number(backend, "requests"));
            table_number(&table, member_number(backend, "failures"));
            table_number(&table, member_number(backend, "first_byte_ms"));
        }
    }
    table_print(&table);
    table_release(&table);
}

static void print_page(const json_t *top, const struct rates *rates)
{
    char age[32], first[32];
    words_age(member_number(top, "uptime_s"), age);
    format_ms(rates->first_token_ms, first);
    printf("up for %s\n\n", age);
    printf("requests   %10.1f /s   %llu under way, %llu streaming, %llu connections\n",
           rates->requests_s, (unsigned long long)rates->requests_open,
           (unsigned long long)rates->streams, (unsigned long long)rates->connections);
    printf("errors     %10.1f /s\n", rates->errors_s);
    printf("tokens out %10.1f /s\n", rates->completion_tokens_s);
    printf("tokens in  %10.1f /s\n", rates->prompt_tokens_s);
    printf("first token, median: %s\n\n", first);
    gates_print(json_object_get(top, "pools"));
    puts("");
    print_backends(json_object_get(top, "pools"));
}

static void print_line(const struct rates *rates)
{
    char first[32];
    format_ms(rates->first_token_ms, first);
    printf("%.1f requests/s, %.1f errors/s, %.1f tokens/s out, %.1f in, %llu streams, first token "
           "%s\n",
           rates->requests_s, rates->errors_s, rates->completion_tokens_s, rates->prompt_tokens_s,
           (unsigned long long)rates->streams, first);
}

static enum exit_status print_json(const json_t *top, const struct rates *rates)
{
    json_t *first = rates->first_token_ms < 0 ? json_null() : json_real(rates->first_token_ms);
    json_t *json = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o, s:O}", "interval_s", rates->interval_s,
        "requests_s", rates->requests_s, "errors_s", rates->errors_s, "prompt_tokens_s",
        rates->prompt_tokens_s, "completion_tokens_s", rates->completion_tokens_s, "connections",
        (json_int_t)rates->connections, "requests_open", (json_int_t)rates->requests_open,
        "streams", (json_int_t)rates->streams, "first_token_ms", first, "pools",
        json_object_get(top, "pools"));
    enum exit_status status = json ? client_print(json) : command_fail("out of memory");
    json_decref(json);
    return status;
}

static enum exit_status show(const struct invocation *call, const json_t *top,
                             const struct rates *rates, bool once)
{
    bool terminal = isatty(STDOUT_FILENO) != 0;
    if (call->json)
        return print_json(top, rates);
    if (terminal && !once)
        fputs("\033[H\033[J", stdout);
    if (terminal || once)
        print_page(top, rates);
    else
        print_line(rates);
    return fflush(stdout) == 0 ? EXIT_OK : command_fail("cannot write: %s", strerror(errno));
}

enum exit_status cmd_top(const struct invocation *call)
{
    bool once = call->json || command_value(call, "--once");
    json_t *before = NULL, *after = NULL;
    enum exit_status status = client_get(call, "GET", "/top", SPAN(""), &before);
    bool over = status != EXIT_OK;
    while (!over) {
        struct rates rates;
        usleep(EVERY_US);
        status = client_get(call, "GET", "/top", SPAN(""), &after);
        if (status != EXIT_OK)
            break;
        if (rates_between(before, after, &rates)) {
            status = show(call, after, &rates, once);
            over = once || status != EXIT_OK;
        }
        json_decref(before);
        before = TAKE(after);
    }
    json_decref(before);
    return status;
}
