/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger says, grouped as asked. Read and written on the store thread. */
#include "admin/admin_internal.h"
#include "admin/routes.h"
#include "base/alloc.h"
#include "base/json_out.h"
#include "base/text.h"

#define USAGE_ROWS_MAX 100000U
#define USAGE_BYTES_MAX (64U << 20)
#define PARAMETER_BYTES_MAX 512

struct usage_work {
    struct work work;
    struct store *store;
    struct keyring *ring; /* for the keys' names */
    struct store_usage_query query;
    struct buf model; /* the query's */
    uint64_t unflushed_rows;
    struct buf answer;
    struct json_out out;
    uint64_t rows;
    bool truncated;
    int result;
    struct err err;
};

static void usage_free(struct usage_work *usage)
{
    keyring_unref(usage->ring);
    buf_release(&usage->model);
    buf_release(&usage->answer);
    mem_free(usage);
}

/* ── the question ── */

static int read_time(struct span query, struct span name, struct buf *text, uint64_t *ret_ms,
                     struct err *err)
{
    int result = query_get(query, name, text);
    if (result > 0)
        result = text_parse_time(buf_span(text), ret_ms);
    return result < 0 ? err_set(err, -EINVAL,
                                "'%.*s' must be a date such as 2026-11-24 or 2026-11-24T10:00:00Z",
                                (int)name.len, name.ptr)
                      : 0;
}

static int read_key(struct span query, struct buf *text, uint64_t *ret_id, struct err *err)
{
    int result = query_get(query, SPAN("key"), text);
    if (result > 0)
        result = key_parse_id(buf_span(text), ret_id);
    return result < 0 ? err_set(err, -EINVAL, "'key' must be a key's id") : 0;
}

static int read_by(struct span query, struct buf *text, struct store_usage_query *usage,
                   struct err *err)
{
    int result = query_get(query, SPAN("by"), text);
    struct span rest = result > 0 ? buf_span(text) : SPAN_NULL, word;
    while (result >= 0 && span_split(&rest, ',', &word)) {
        bool *flag = span_eq(word, SPAN("key"))     ? &usage->by_key
                     : span_eq(word, SPAN("model")) ? &usage->by_model
                     : span_eq(word, SPAN("day"))   ? &usage->by_day
                     : span_eq(word, SPAN("hour"))  ? &usage->by_hour
                                                    : NULL;
        if (flag)
            *flag = true;
        else
            result = -EINVAL;
    }
    return result < 0 ? err_set(err, -EINVAL, "'by' must be a list of: key, model, day, hour") : 0;
}

static int read_question(struct span query, struct usage_work *usage, struct err *err)
{
    static const char *const names[] = {"from", "to", "key", "model", "by"};
    struct buf text;
    buf_init(&text, PARAMETER_BYTES_MAX);
    usage->query.to_ms = INT64_MAX; /* the database's numbers end there */
    int result = query_check(query, names, COUNT_OF(names), err);
    if (result == 0)
        result = read_time(query, SPAN("from"), &text, &usage->query.from_ms, err);
    if (result == 0)
        result = read_time(query, SPAN("to"), &text, &usage->query.to_ms, err);
    if (result == 0)
        result = read_key(query, &text, &usage->query.key_id, err);
    if (result == 0)
        result = read_by(query, &text, &usage->query, err);
    buf_release(&text);
    if (result < 0)
        return result;
    result = query_get(query, SPAN("model"), &usage->model);
    if (result < 0)
        return err_set(err, -EINVAL, "'model' is not a model's name");
    usage->query.model = result > 0 ? buf_cstr(&usage->model) : NULL;
    return 0;
}

/* ── on the store thread ── */

static void put_number(struct json_out *out, struct span name, uint64_t value)
{
    json_out_key(out, name);
    json_out_u64(out, value);
}

static void put_key(struct usage_work *usage, uint64_t id)
{
    struct json_out *out = &usage->out;
    char text[16];
    const struct key *key = keyring_by_id(usage->ring, id);
    json_out_key(out, SPAN("key"));
    if (id == 0) {
        json_out_null(out);
    } else {
        key_format_id(id, text);
        json_out_string(out, span_str(text));
    }
    json_out_key(out, SPAN("key_name"));
    if (key)
        json_out_string(out, span_str(key->name));
    else
        json_out_null(out);
}

static int each_row(void *arg, const struct store_usage *row)
{
    struct usage_work *usage = arg;
    struct json_out *out = &usage->out;
    char text[TEXT_TIME_BYTES];
    if (usage->rows == USAGE_ROWS_MAX) {
        usage->truncated = true;
        return 0;
    }
    usage->rows++;
    json_out_open(out, '{');
    if (usage->query.by_key)
        put_key(usage, row->key_id);
    if (usage->query.by_model) {
        json_out_key(out, SPAN("model"));
        json_out_string(out, span_str(row->model));
    }
    if (usage->query.by_day || usage->query.by_hour) {
        text_time(row->hour_ms, text);
        json_out_key(out, usage->query.by_hour ? SPAN("hour") : SPAN("day"));
        json_out_string(out, span_of(text, usage->query.by_hour ? 16 : 10)); /* 2026-11-24T10:00 */
    }
    put_number(out, SPAN("requests"), row->requests);
    put_number(out, SPAN("failed"), row->failed);
    put_number(out, SPAN("cut"), row->cut);
    put_number(out, SPAN("prompt_tokens"), row->prompt_tokens);
    put_number(out, SPAN("completion_tokens"), row->completion_tokens);
    put_number(out, SPAN("total_tokens"), row->prompt_tokens + row->completion_tokens);
    put_number(out, SPAN("disputed_tokens"), row->disputed_tokens);
    json_out_close(out, '}');
    return buf_status(&usage->answer);
}

static void on_helper(struct work *work)
{
    struct usage_work *usage = container_of(work, struct usage_work, work);
    usage->out = json_out_start(&usage->answer);
    json_out_open(&usage->out, '{');
    json_out_key(&usage->out, SPAN("rows"));
    json_out_open(&usage->out, '[');
    usage->result = store_usage_read(usage->store, &usage->query, each_row, usage, &usage->err);
    json_out_close(&usage->out, ']');
    put_number(&usage->out, SPAN("unflushed_rows"), usage->unflushed_rows);
    json_out_key(&usage->out, SPAN("truncated"));
    json_out_bool(&usage->out, usage->truncated);
    json_out_close(&usage->out, '}');
}

/* ── on the control thread ── */

static void on_done(struct work *work)
{
    struct usage_work *usage = container_of(work, struct usage_work, work);
    if (buf_status(&usage->answer) < 0)
        caller_answer_error(work->caller, 503, "the answer is too large: ask for less at a time");
    else if (usage->result < 0)
        caller_answer_error(work->caller, 503, "%s", usage->err.text);
    else
        caller_answer_json(work->caller, 200, buf_span(&usage->answer));
    usage_free(usage);
}

void route_usage(const struct ask *ask)
{
    struct err err = {""};
    struct usage_work *usage = mem_zalloc(sizeof(*usage));
    if (!usage) {
        caller_answer_error(ask->caller, 503, "out of memory");
        return;
    }
    usage->work.on_helper = on_helper;
    usage->work.on_done = on_done;
    usage->store = ask->admin->store;
    usage->ring = keyring_ref(ask->admin->ring);
    usage->unflushed_rows = record_hub_unflushed(ask->admin->record_hub);
    buf_init(&usage->model, PARAMETER_BYTES_MAX);
    buf_init(&usage->answer, USAGE_BYTES_MAX);
    int result = read_question(ask->query, usage, &err);
    if (result == 0)
        result = work_start(&usage->work, ask->admin, ask->caller);
    if (result == 0)
        return;
    usage_free(usage);
    if (result == -ENOSPC)
        caller_answer_error(ask->caller, 503, "the database has too much to do");
    else
        caller_answer_error(ask->caller, 400, "%s", err.text);
}
