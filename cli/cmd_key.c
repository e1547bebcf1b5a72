/* SPDX-License-Identifier: Apache-2.0 */
/* seawall key …: a key's text goes to standard output once, words about it to standard error. */
#include "base/clock.h"
#include "base/json_out.h"
#include "base/span.h"
#include "client.h"
#include "import_file.h"
#include "limit_words.h"
#include "once_file.h"
#include "table.h"
#include "words.h"

#include <fcntl.h>
#include <unistd.h>

#define BODY_BYTES_MAX 65536
#define LIMITS_TEXT_MAX 640

const struct command_option options_key_create[] = {
    {"--models", "A,B", "only these models (default: all)"},
    {"--expires", "DATE", "2027-01-01, 2027-01-01T12:00:00Z, or from now: 90d"},
    {"--once-file", "FILE", "keep the key in FILE; if FILE is there, print what it holds"},
    {"--account", "NAME",
     "the account it belongs to, whose limits hold for all of its keys together"},
    LIMIT_OPTIONS{NULL, NULL, NULL},
};

const struct command_option options_key_limit[] = {
    {"--account", "NAME", "the account it belongs to from now on; none: to none"},
    LIMIT_OPTIONS{NULL, NULL, NULL},
};

const struct command_option options_key_rotate[] = {
    {"--overlap", "TIME", "how long the old key still works: 1h, 7d (default: not at all)"},
    {NULL, NULL, NULL},
};

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static const char *text_or(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = text_of(object, name);
    return text ? text : otherwise;
}

/* ── create and rotate: a new text ── */

static void write_models(struct json_out *out, const char *models)
{
    struct span rest = span_str(models), name;
    json_out_key(out, SPAN("models"));
    json_out_open(out, '[');
    while (span_split(&rest, ',', &name))
        if (span_trim(name).len > 0)
            json_out_string(out, span_trim(name));
    json_out_close(out, ']');
}

/* True when an account was named; "none" is null. */
static bool write_account(const struct invocation *call, struct json_out *out)
{
    const char *account = command_value(call, "--account");
    if (!account)
        return false;
    json_out_key(out, SPAN("account"));
    if (strcmp(account, "none") == 0)
        json_out_null(out);
    else
        json_out_string(out, span_str(account));
    return true;
}

/* 0, or -EINVAL after saying why. */
static int write_create(const struct invocation *call, struct buf *body)
{
    const char *models = command_value(call, "--models"),
               *expires = command_value(call, "--expires");
    char time[32];
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    json_out_key(&out, SPAN("name"));
    json_out_string(&out, span_str(call->arguments[0]));
    if (models)
        write_models(&out, models);
    if (expires && words_expiry(expires, clock_wall_ms(), time) < 0) {
        (void)command_fail(
            "--expires expects a date such as 2027-01-01, or a time from now such as 90d");
        return -EINVAL;
    }
    if (expires) {
        json_out_key(&out, SPAN("expires"));
        json_out_string(&out, span_str(time));
    }
    (void)write_account(call, &out);
    int given = limit_words_write(call, &out);
    json_out_close(&out, '}');
    return MIN(given, 0);
}

static enum exit_status print_made(const struct invocation *call, const json_t *json)
{
    if (call->json)
        return client_print(json);
    fprintf(stderr, "Key %s ('%s'). This is its text; it is not shown again:\n",
            text_or(json, "id", "?"), text_or(json, "name", "?"));
    puts(text_or(json, "key", ""));
    return EXIT_OK;
}

static enum exit_status create(const struct invocation *call, json_t **ret_json)
{
    struct buf body;
    buf_init(&body, BODY_BYTES_MAX);
    enum exit_status status = EXIT_USAGE;
    if (write_create(call, &body) == 0)
        status = client_get(call, "POST", "/keys", buf_span(&body), ret_json);
    buf_release(&body);
    return status;
}

static enum exit_status create_once(const struct invocation *call, const char *path)
{
    struct once_file file = {.fd = -1};
    struct err err = {""};
    json_t *json = NULL;
    if (once_file_open(path, &file, &err) < 0)
        return command_fail("%s", err.text);
    enum exit_status status = create(call, &json);
    if (status == EXIT_OK && once_file_write(&file, text_or(json, "key", ""), &err) < 0) {
        (void)command_fail("%s; disable %s and make another key", err.text,
                           text_or(json, "id", "it"));
        status = EXIT_FAILED;
    } else if (status == EXIT_OK) {
        status = print_made(call, json);
    }
    once_file_drop(&file);
    json_decref(json);
    return status;
}

static enum exit_status print_kept(const struct invocation *call, const char *path, const char *key)
{
    if (!call->json) {
        fprintf(stderr, "'%s' holds a key already:\n", path);
        puts(key);
        return EXIT_OK;
    }
    json_t *json = json_pack("{s:s, s:s, s:b}", "key", key, "file", path, "kept", 1);
    enum exit_status status = json ? client_print(json) : command_fail("'%s' holds no key", path);
    json_decref(json);
    return status;
}

enum exit_status cmd_key_create(const struct invocation *call)
{
    const char *path = command_value(call, "--once-file");
    char kept[ONCE_FILE_BYTES_MAX];
    struct err err = {""};
    json_t *json = NULL;
    if (path) {
        int found = once_file_read(path, kept, &err);
        if (found < 0)
            return command_fail("%s", err.text);
        return found ? print_kept(call, path, kept) : create_once(call, path);
    }
    enum exit_status status = create(call, &json);
    if (status == EXIT_OK)
        status = print_made(call, json);
    json_decref(json);
    return status;
}

enum exit_status cmd_key_rotate(const struct invocation *call)
{
    const char *overlap = command_value(call, "--overlap");
    uint64_t seconds = 0;
    char body[64];
    json_t *json = NULL;
    if (overlap && words_seconds(overlap, &seconds) < 0) {
        (void)command_fail("--overlap expects a time such as 30m, 1h or 7d");
        return EXIT_USAGE;
    }
    snprintf(body, sizeof(body), "{\"overlap_s\":%llu}", (unsigned long long)seconds);
    enum exit_status status = client_get_about(call, "POST", "/keys/", "/rotate", span_str(body), &json);
    if (status == EXIT_OK)
        status = print_made(call, json);
    json_decref(json);
    return status;
}

/* ── disable and enable ── */

static enum exit_status set_disabled(const struct invocation *call, const char *verb)
{
    json_t *json = NULL;
    enum exit_status status = client_get_about(call, "POST", "/keys/", verb, SPAN(""), &json);
    if (status == EXIT_OK && call->json)
        status = client_print(json);
    else if (status == EXIT_OK)
        printf("Key %s ('%s') is %s now.\n", text_or(json, "id", "?"), text_or(json, "name", "?"),
               text_or(json, "state", "?"));
    json_decref(json);
    return status;
}

enum exit_status cmd_key_disable(const struct invocation *call)
{
    return set_disabled(call, "/disable");
}

enum exit_status cmd_key_enable(const struct invocation *call)
{
    return set_disabled(call, "/enable");
}

/* ── limits ── */

static int write_limits(const struct invocation *call, struct buf *body)
{
    struct json_out out = json_out_start(body);
    json_out_open(&out, '{');
    bool account = write_account(call, &out);
    int given = limit_words_write(call, &out);
    json_out_close(&out, '}');
    if (given == 0 && !account)
        (void)command_fail("give a limit, such as --tokens-per-day 100000, or --account");
    return given > 0 || (given == 0 && account) ? 0 : -EINVAL;
}

enum exit_status cmd_key_limit(const struct invocation *call)
{
    struct buf body;
    json_t *json = NULL;
    char limits[LIMITS_TEXT_MAX];
    enum exit_status status = EXIT_USAGE;
    buf_init(&body, BODY_BYTES_MAX);
    if (write_limits(call, &body) == 0)
        status = client_get_about(call, "POST", "/keys/", "/limits", buf_span(&body), &json);
    if (status == EXIT_OK && call->json) {
        status = client_print(json);
    } else if (status == EXIT_OK) {
        limit_words_join(json_object_get(json, "limits"), limits, sizeof(limits));
        printf("Key %s ('%s'), account %s: %s\n", text_or(json, "id", "?"),
               text_or(json, "name", "?"), text_or(json, "account", "none"), limits);
    }
    buf_release(&body);
    json_decref(json);
    return status;
}

/* ── list and show ── */

static void join_models(const json_t *models, char *ret_text, size_t size)
{
    size_t at = 0;
    snprintf(ret_text, size, "%s", json_array_size(models) > 0 ? "" : "all");
    for (size_t i = 0; i < json_array_size(models) && at < size; i++) {
        const char *name = json_string_value(json_array_get(models, i));
        int len = snprintf(ret_text + at, size - at, "%s%s", i > 0 ? "," : "", name ? name : "?");
        at += len > 0 ? (size_t)len : 0;
    }
}

static void print_keys(const json_t *keys)
{
    static const char *const titles[] = {"ID",        "NAME", "STATE",   "MODELS",  "EXPIRES",
                                         "LAST USED", "MADE", "ENDS IN", "ACCOUNT", "LIMITS"};
    struct table table;
    char models[512], expires[32], used[32], made[32], limits[LIMITS_TEXT_MAX];
    table_init(&table, titles, COUNT_OF(titles));
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        const char *hint = text_or(key, "hint", "");
        join_models(json_object_get(key, "models"), models, sizeof(models));
        words_time(text_of(key, "expires"), expires);
        words_time(text_of(key, "last_used"), used);
        words_time(text_of(key, "created"), made);
        table_cell(&table, "%s", text_or(key, "id", "?"));
        table_cell(&table, "%s", text_or(key, "name", "?"));
        table_cell(&table, "%s", text_or(key, "state", "?"));
        table_cell(&table, "%s", models);
        table_cell(&table, "%s", expires);
        table_cell(&table, "%s", used);
        table_cell(&table, "%s%s", made,
                   json_is_true(json_object_get(key, "imported")) ? " (imported)" : "");
        table_cell(&table, "%s%s", hint[0] ? "…" : "-", hint);
        limit_words_join(json_object_get(key, "limits"), limits, sizeof(limits));
        table_cell(&table, "%s", text_or(key, "account", "-"));
        table_cell(&table, "%s", limits);
    }
    table_print(&table);
    table_release(&table);
}

/* Page by page into one list. */
static enum exit_status fetch_keys(const struct invocation *call, json_t *ret_keys)
{
    char target[64] = "/keys";
    for (;;) {
        json_t *page = NULL;
        enum exit_status status = client_get(call, "GET", target, SPAN(""), &page);
        if (status != EXIT_OK)
            return status;
        const json_t *next = json_object_get(page, "next");
        bool more = json_is_integer(next);
        if (more)
            snprintf(target, sizeof(target), "/keys?offset=%lld",
                     (long long)json_integer_value(next));
        int result = json_array_extend(ret_keys, json_object_get(page, "keys"));
        json_decref(page);
        if (result < 0)
            return command_fail("out of memory");
        if (!more)
            return EXIT_OK;
    }
}

enum exit_status cmd_key_list(const struct invocation *call)
{
    json_t *keys = json_array();
    json_t *document = json_pack("{s:O}", "keys", keys);
    enum exit_status status = document ? fetch_keys(call, keys) : command_fail("out of memory");
    if (status == EXIT_OK && call->json)
        status = client_print(document);
    else if (status == EXIT_OK && json_array_size(keys) == 0)
        puts("There are no keys. Make one: seawall key create NAME");
    else if (status == EXIT_OK)
        print_keys(keys);
    json_decref(document);
    json_decref(keys);
    return status;
}

enum exit_status cmd_key_show(const struct invocation *call)
{
    json_t *key = NULL;
    enum exit_status status = client_get_about(call, "GET", "/keys/", "", SPAN(""), &key);
    if (status == EXIT_OK && call->json) {
        status = client_print(key);
    } else if (status == EXIT_OK) {
        json_t *keys = json_pack("[O]", key);
        print_keys(keys);
        limit_words_print_use(json_object_get(key, "use"));
        json_decref(keys);
    }
    json_decref(key);
    return status;
}

/* ── import ── */

/* "-" is standard input. */
static int read_whole(const char *path, struct buf *text, struct err *err)
{
    int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? err_errno(err, -errno, "cannot read '%s'", path) : 0;
    while (result == 0) {
        if (buf_reserve(text, BODY_BYTES_MAX) < 0) {
            result = err_set(err, -EFBIG, "'%s' is larger than %u MiB: import it in parts", path,
                             IMPORT_FILE_BYTES_MAX >> 20);
            break;
        }
        ssize_t n = read(fd, text->ptr + text->len, BODY_BYTES_MAX);
        if (n < 0)
            result = err_errno(err, -errno, "cannot read '%s'", path);
        if (n <= 0)
            break;
        text->len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return result;
}

/* The rows that the service refuses, by their lines in the file. */
static void tell_rows(const char *path, const struct import_file *file, const json_t *answer)
{
    const json_t *rows = json_object_get(json_object_get(answer, "error"), "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        json_int_t index = json_integer_value(json_object_get(row, "row"));
        if (index >= 0 && (size_t)index < file->count)
            (void)command_fail("%s:%u: %s", path, file->lines[index],
                               text_or(row, "message", "refused"));
    }
}

static enum exit_status send_import(const struct invocation *call, const struct import_file *file)
{
    struct err err = {""};
    json_t *json = NULL;
    enum exit_status status =
        client_ask(call, "POST", "/keys/import", buf_span(&file->body), &json, &err);
    if (status != EXIT_OK) {
        tell_rows(call->arguments[0], file, json);
        (void)command_fail("%s", err.text);
    } else if (call->json) {
        status = client_print(json);
    } else {
        printf("%zu %s imported.\n", file->count, file->count == 1 ? "key" : "keys");
    }
    json_decref(json);
    return status;
}

enum exit_status cmd_key_import(const struct invocation *call)
{
    struct buf text;
    struct import_file file;
    struct err err = {""};
    enum exit_status status = EXIT_FAILED;
    buf_init(&text, IMPORT_FILE_BYTES_MAX);
    if (read_whole(call->arguments[0], &text, &err) < 0) {
        (void)command_fail("%s", err.text);
    } else {
        if (import_file_read(buf_span(&text), &file, &err) < 0)
            (void)command_fail("%s:%s", call->arguments[0], err.text);
        else
            status = send_import(call, &file);
        import_file_release(&file);
    }
    if (text.ptr)
        explicit_bzero(text.ptr, text.cap);
    buf_release(&text);
    return status;
}
