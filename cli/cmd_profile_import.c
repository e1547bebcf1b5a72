/* SPDX-License-Identifier: Apache-2.0 */
/* seawall profile import: rows of usage are read as they come, folded into days of callers, and sent in parts; the service says what each caller is worth. */
#include "base/clock.h"
#include "base/json_out.h"
#include "client.h"
#include "profile_words.h"
#include "usage_fold.h"
#include "words.h"

#include <fcntl.h>
#include <unistd.h>

#define READ_BYTES (1U << 20)
#define PART_BYTES (8U << 20)                    /* of one request */
#define PART_BYTES_MAX (PART_BYTES + (1U << 19)) /* USAGE_PAST_DAYS_MAX days of one caller fit */
#define BAD_ROWS_TOLD_MAX 10
#define UNKNOWN_TOLD_MAX 10
#define LARGEST 20

const struct command_option options_profile_import[] = {
    {"--format", "NAME", "csv or jsonl (default: by the first row)"},
    {"--dry-run", NULL, "say what would be learned, and learn nothing"},
    {NULL, NULL, NULL},
};

struct import {
    const struct invocation *call;
    struct usage_fold *fold;
    bool dry_run;
    uint64_t rows, rows_empty, rows_bad;
    size_t next; /* the caller that is sent next */
    uint64_t learned, unknown, unknown_rows, trusted, in_profile;
    double rate; /* of the trusted, wt/s */
    json_t *bad; /* the first of them */
    json_t *refused;
    json_t *largest; /* by rate, at most LARGEST */
};

/* ── rows ── */

static void on_bad(void *owner, uint64_t line, const char *why)
{
    struct import *import = owner;
    if (import->rows_bad++ < BAD_ROWS_TOLD_MAX)
        (void)json_array_append_new(
            import->bad, json_pack("{s:I, s:s}", "line", (json_int_t)line, "message", why));
}

static int on_row(void *owner, uint64_t line, const struct usage_row *row)
{
    struct import *import = owner;
    const char *why;
    int result = usage_fold_add(import->fold, line, row, &why);
    import->rows += result == 1;
    import->rows_empty += result == 0 && !why;
    if (result == 0 && why)
        on_bad(import, line, why);
    return MIN(result, 0);
}

static const struct usage_events events = {on_row, on_bad};

static int feed_file(struct usage_rows *rows, const char *path, int fd, struct err *err)
{
    static char bytes[READ_BYTES];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, -errno, "cannot read '%s'", path);
        int result = n == 0 ? usage_rows_end(rows, err)
                            : usage_rows_feed(rows, span_of(bytes, (size_t)n), err);
        if (result < 0)
            return err->text[0] ? err_prefix(err, result, "%s", path)
                                : err_set(err, result, "out of memory");
        if (n == 0)
            return 0;
    }
}

/* "-" is standard input. */
static int read_rows(struct import *import, enum usage_format format, struct err *err)
{
    const char *path = import->call->arguments[0];
    int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "cannot read '%s'", path);
    struct usage_rows *rows = usage_rows_new(format, &events, import);
    int result = rows ? feed_file(rows, path, fd, err) : err_set(err, -ENOMEM, "out of memory");
    usage_rows_free(rows);
    close(fd);
    return result;
}

/* ── what the service says ── */

static void note_largest(struct import *import, json_t *profile)
{
    double rate = json_number_value(json_object_get(profile, "rate"));
    size_t at = json_array_size(import->largest);
    while (at > 0 && json_number_value(
                         json_object_get(json_array_get(import->largest, at - 1), "rate")) < rate)
        at--;
    if (at >= LARGEST)
        return;
    (void)json_array_insert(import->largest, at, profile);
    (void)json_array_remove(import->largest, LARGEST);
}

static void note_refused(struct import *import, size_t at, const char *message)
{
    struct usage_caller caller = usage_fold_caller(import->fold, at);
    import->unknown_rows += caller.rows;
    if (import->unknown++ < UNKNOWN_TOLD_MAX)
        (void)json_array_append_new(import->refused,
                                    json_pack("{s:s, s:I, s:I, s:s}", "who", caller.who, "line",
                                              (json_int_t)caller.line, "rows",
                                              (json_int_t)caller.rows, "message", message));
}

static void note_result(struct import *import, size_t at, json_t *result)
{
    const char *refused = json_string_value(json_object_get(result, "refused"));
    if (refused) {
        note_refused(import, at, refused);
        return;
    }
    import->learned++;
    import->in_profile += json_is_true(json_object_get(result, "in_profile"));
    if (!json_is_true(json_object_get(result, "trusted")))
        return;
    import->trusted++;
    import->rate += json_number_value(json_object_get(result, "rate"));
    note_largest(import, result);
}

/* Callers from import->next on, as many as fit. */
static void write_part(struct import *import, struct buf *body, size_t *ret_end)
{
    size_t count = usage_fold_callers(import->fold), at = import->next;
    buf_clear(body);
    buf_printf(body, "{\"dry_run\":%s,\"identities\":[", import->dry_run ? "true" : "false");
    do {
        if (at > import->next)
            buf_append_byte(body, ',');
        usage_fold_write(import->fold, at++, body);
    } while (at < count && body->len < PART_BYTES);
    buf_append(body, SPAN("]}"));
    *ret_end = at;
}

static enum exit_status send_part(struct import *import, struct buf *body)
{
    size_t end;
    json_t *answer = NULL;
    write_part(import, body, &end);
    if (buf_status(body) < 0)
        return command_fail("out of memory");
    enum exit_status status =
        client_get(import->call, "POST", "/profiles/import", buf_span(body), &answer);
    const json_t *results = json_object_get(answer, "results");
    if (status == EXIT_OK && json_array_size(results) != end - import->next)
        status = command_fail("the service's answer does not fit the question");
    for (size_t i = 0; status == EXIT_OK && i < json_array_size(results); i++)
        note_result(import, import->next + i, json_array_get(results, i));
    json_decref(answer);
    import->next = end;
    return status;
}

static enum exit_status send_all(struct import *import)
{
    struct buf body;
    enum exit_status status = EXIT_OK;
    buf_init(&body, PART_BYTES_MAX);
    while (status == EXIT_OK && import->next < usage_fold_callers(import->fold))
        status = send_part(import, &body);
    buf_release(&body);
    return status;
}

/* ── what people are told ── */

static void tell_bad(const struct import *import)
{
    const char *path = import->call->arguments[0];
    size_t told = json_array_size(import->bad);
    for (size_t i = 0; i < told; i++) {
        const json_t *row = json_array_get(import->bad, i);
        (void)command_fail("%s:%lld: %s", path,
                           (long long)json_integer_value(json_object_get(row, "line")),
                           json_string_value(json_object_get(row, "message")));
    }
    if (import->rows_bad > told)
        (void)command_fail("%s: %llu more rows that cannot be used", path,
                           (unsigned long long)(import->rows_bad - told));
}

static void tell_refused(const struct import *import)
{
    const char *path = import->call->arguments[0];
    size_t told = json_array_size(import->refused);
    for (size_t i = 0; i < told; i++) {
        const json_t *caller = json_array_get(import->refused, i);
        (void)command_fail("%s:%lld: %s", path,
                           (long long)json_integer_value(json_object_get(caller, "line")),
                           json_string_value(json_object_get(caller, "message")));
    }
    if (import->unknown > told)
        (void)command_fail("%s: %llu more callers that are not known", path,
                           (unsigned long long)(import->unknown - told));
}

static void print_words(const struct import *import)
{
    char rate[32];
    words_amount(import->rate, rate);
    tell_bad(import);
    tell_refused(import);
    if (json_array_size(import->largest) > 0) {
        profile_print_table(import->largest);
        puts("");
    }
    printf("%llu rows read, %llu cannot be used, %llu used no tokens.\n",
           (unsigned long long)(import->rows + import->rows_bad + import->rows_empty),
           (unsigned long long)import->rows_bad, (unsigned long long)import->rows_empty);
    printf("%llu callers with %llu rows are not known here.\n", (unsigned long long)import->unknown,
           (unsigned long long)import->unknown_rows);
    printf("%llu callers %s; %llu %s trusted, together %s wt/s; %llu %s in-profile now.\n",
           (unsigned long long)import->learned,
           import->dry_run ? "would be learned" : "are learned",
           (unsigned long long)import->trusted, import->dry_run ? "would be" : "are", rate,
           (unsigned long long)import->in_profile, import->dry_run ? "would be" : "are");
}

static enum exit_status print_json(const struct import *import)
{
    json_t *json = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:O, s:O, s:O}", "dry_run",
        import->dry_run, "rows", (json_int_t)import->rows, "rows_bad", (json_int_t)import->rows_bad,
        "rows_empty", (json_int_t)import->rows_empty, "callers", (json_int_t)import->learned,
        "unknown", (json_int_t)import->unknown, "unknown_rows", (json_int_t)import->unknown_rows,
        "trusted", (json_int_t)import->trusted, "in_profile", (json_int_t)import->in_profile,
        "rate", import->rate, "bad", import->bad, "unknown_callers", import->refused, "largest",
        import->largest);
    enum exit_status status = json ? client_print(json) : command_fail("out of memory");
    json_decref(json);
    return status;
}

static enum exit_status run(struct import *import, enum usage_format format)
{
    struct err err = {""};
    if (read_rows(import, format, &err) < 0)
        return command_fail("%s", err.text);
    enum exit_status status = send_all(import);
    if (status != EXIT_OK)
        return status;
    if (import->call->json)
        status = print_json(import);
    else
        print_words(import);
    return status == EXIT_OK && import->learned == 0
               ? command_fail("no row of '%s' is of a caller who is known here",
                              import->call->arguments[0])
               : status;
}

enum exit_status cmd_profile_import(const struct invocation *call)
{
    const char *name = command_value(call, "--format");
    enum usage_format format = USAGE_AUTO;
    if (name && strcmp(name, "csv") == 0) {
        format = USAGE_CSV;
    } else if (name && strcmp(name, "jsonl") == 0) {
        format = USAGE_JSONL;
    } else if (name) {
        (void)command_fail("--format expects csv or jsonl");
        return EXIT_USAGE;
    }
    struct import import = {.call = call,
                            .fold = usage_fold_new(clock_wall_ms()),
                            .dry_run = command_value(call, "--dry-run") != NULL,
                            .bad = json_array(),
                            .refused = json_array(),
                            .largest = json_array()};
    enum exit_status status = EXIT_FAILED;
    if (import.fold && import.bad && import.refused && import.largest)
        status = run(&import, format);
    else
        (void)command_fail("out of memory");
    usage_fold_free(import.fold);
    json_decref(import.bad);
    json_decref(import.refused);
    json_decref(import.largest);
    return status;
}
