/* SPDX-License-Identifier: Apache-2.0 */
/* seawall link: signs a browser in to the chat once. The key's text is read from a file, so that no list of processes has it. */
#include "base/json_out.h"
#include "client.h"
#include "once_file.h"
#include "words.h"

#define URL_BYTES_MAX 512

const struct command_option options_link[] = {
    {"--base", "URL", "where the chat is reached (default: this machine, by its first address)"},
    {NULL, NULL, NULL},
};

/* What this machine calls the service: the first of its addresses that is no UNIX socket. */
static enum exit_status find_base(const struct invocation *call, char ret_url[URL_BYTES_MAX])
{
    json_t *status = NULL;
    const char *found = NULL;
    enum exit_status result = client_get(call, "GET", "/status", SPAN(""), &status);
    if (result != EXIT_OK)
        return result;
    const json_t *listen = json_object_get(status, "listen");
    for (size_t i = 0; i < json_array_size(listen) && !found; i++) {
        const char *address = json_string_value(json_array_get(listen, i));
        if (address && !span_starts(span_str(address), SPAN("unix:")))
            found = address;
    }
    if (found)
        words_url(found, ret_url, URL_BYTES_MAX);
    else
        result = command_fail(
            "the service listens on UNIX sockets only: say where it is reached with --base");
    json_decref(status);
    return result;
}

/* Without a slash at its end: the link's path has one. */
static enum exit_status take_base(const char *given, char ret_url[URL_BYTES_MAX])
{
    struct span base = span_str(given);
    while (span_ends(base, SPAN("/")))
        base = span_take(base, base.len - 1);
    if ((!span_starts(base, SPAN("http://")) && !span_starts(base, SPAN("https://"))) ||
        base.len >= URL_BYTES_MAX) {
        (void)command_fail(
            "--base expects where the chat is reached, such as https://chat.example.org, not '%s'",
            given);
        return EXIT_USAGE;
    }
    snprintf(ret_url, URL_BYTES_MAX, "%.*s", (int)base.len, base.ptr);
    return EXIT_OK;
}

static enum exit_status ask_for_link(const struct invocation *call, const char *key,
                                     json_t **ret_json)
{
    struct buf body;
    buf_init(&body, 8 * ONCE_FILE_BYTES_MAX);
    struct json_out out = json_out_start(&body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("key"));
    json_out_string(&out, span_str(key));
    json_out_close(&out, '}');
    enum exit_status status = buf_status(&body) < 0
                                  ? command_fail("out of memory")
                                  : client_get(call, "POST", "/links", buf_span(&body), ret_json);
    buf_release(&body);
    return status;
}

static enum exit_status print_link(const struct invocation *call, const char *base, json_t *json)
{
    char link[2 * URL_BYTES_MAX];
    const char *path = json_string_value(json_object_get(json, "path"));
    json_int_t seconds = json_integer_value(json_object_get(json, "expires_in_s"));
    snprintf(link, sizeof(link), "%s%s", base, path ? path : "");
    if (!call->json) {
        fprintf(stderr, "Works once, for %lld minutes, until the service restarts:\n",
                (long long)seconds / 60);
        puts(link);
        return EXIT_OK;
    }
    return json_object_set_new(json, "link", json_string(link)) < 0 ? command_fail("out of memory")
                                                                    : client_print(json);
}

enum exit_status cmd_link(const struct invocation *call)
{
    char key[ONCE_FILE_BYTES_MAX], base[URL_BYTES_MAX];
    struct err err = {""};
    json_t *json = NULL;
    int found = once_file_read(call->arguments[0], key, &err);
    if (found <= 0)
        return command_fail(
            "%s", found < 0 ? err.text : "there is no such file: give one that holds a key's text");
    const char *given = command_value(call, "--base");
    enum exit_status status = given ? take_base(given, base) : find_base(call, base);
    if (status == EXIT_OK)
        status = ask_for_link(call, key, &json);
    if (status == EXIT_OK)
        status = print_link(call, base, json);
    explicit_bzero(key, sizeof(key));
    json_decref(json);
    return status;
}
