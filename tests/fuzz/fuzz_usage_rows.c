/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of usage of another service. Whole and in pieces the same comes out: the same rows, the same bad ones, the same end. What comes out keeps the header's
 * promises, and folds into JSON of a bounded form.
 */
#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"
#include "usage_fold.h"
#include "usage_rows.h"

#include <jansson.h>

#define WALL_MS UINT64_C(1800000000000)

struct heard {
    struct buf log;
    struct usage_fold *fold;
};

static int on_row(void *owner, uint64_t line, const struct usage_row *row)
{
    struct heard *heard = owner;
    const char *why;
    check(row->who.len > 0 && row->who.len <= USAGE_WHO_BYTES_MAX && text_is_utf8(row->who));
    check(!span_starts(row->who, SPAN("sk-")));
    buf_printf(&heard->log, "%llu %llu %llu %llu ", (unsigned long long)line,
               (unsigned long long)row->wall_ms, (unsigned long long)row->prompt_tokens,
               (unsigned long long)row->completion_tokens);
    buf_append(&heard->log, row->who);
    int result = usage_fold_add(heard->fold, line, row, &why);
    check(result == 0 || result == 1);
    return 0;
}

static void on_bad(void *owner, uint64_t line, const char *why)
{
    struct heard *heard = owner;
    buf_printf(&heard->log, "bad %llu %s\n", (unsigned long long)line, why);
}

static const struct usage_events events = {on_row, on_bad};

static void hear(struct span text, enum usage_format format, size_t piece, struct heard *heard)
{
    struct err err = {""};
    int result = 0;
    buf_init(&heard->log, 16U << 20);
    heard->fold = usage_fold_new(WALL_MS);
    struct usage_rows *rows = usage_rows_new(format, &events, heard);
    check(rows && heard->fold);
    while (result == 0 && text.len > 0) {
        result = usage_rows_feed(rows, span_take(text, piece), &err);
        text = span_skip(text, piece);
    }
    if (result == 0)
        result = usage_rows_end(rows, &err);
    check(result <= 0 && (result == 0) == (err.text[0] == '\0'));
    buf_printf(&heard->log, "end %d %s", result, err.text);
    usage_rows_free(rows);
}

static void fold_is_json(const struct heard *heard)
{
    struct buf buf;
    buf_init(&buf, 16U << 20);
    for (size_t i = 0; i < usage_fold_callers(heard->fold); i++) {
        buf_clear(&buf);
        usage_fold_write(heard->fold, i, &buf);
        json_t *json = json_loadb(buf.ptr, buf.len, 0, NULL);
        check(json && json_array_size(json_object_get(json, "days")) > 0);
        json_decref(json);
    }
    buf_release(&buf);
}

static void heard_release(struct heard *heard)
{
    buf_release(&heard->log);
    usage_fold_free(heard->fold);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span text = span_of(data + 2, size - 2);
    enum usage_format format = (enum usage_format)(data[0] % 3);
    struct heard whole, pieces;
    hear(text, format, text.len + 1, &whole);
    hear(text, format, 1 + data[1] % 32, &pieces);
    check(span_eq(buf_span(&whole.log), buf_span(&pieces.log)));
    fold_is_json(&whole);
    heard_release(&whole);
    heard_release(&pieces);
    return 0;
}
