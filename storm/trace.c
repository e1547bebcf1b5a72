/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/trace.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

#include <jansson.h>

#define COLUMNS_MAX 32
#define NUMBER_BYTES_MAX 31

enum column { ARRIVAL, INPUT, OUTPUT, CLIENT, COLUMN_KINDS, OTHER = COLUMN_KINDS };

static const char *const column_names[COLUMN_KINDS] = {"arrival_s", "input_tokens", "output_tokens",
                                                       "client_id"};

struct reading {
    struct trace *trace;
    size_t cap;
    const char *name;
    size_t line;
    struct err *err;
    enum column columns[COLUMNS_MAX];
    size_t columns_count;
};

static int refuse(const struct reading *reading, const char *what)
{
    return err_set(reading->err, -EINVAL, "%s:%zu: %s", reading->name, reading->line, what);
}

static int add_row(struct reading *reading, const struct trace_row *row)
{
    struct trace *trace = reading->trace;
    if (trace->count > 0 && row->arrival_s < trace->rows[trace->count - 1].arrival_s)
        return refuse(reading, "it arrives before the row above it");
    if (trace->count == TRACE_ROWS_MAX)
        return err_set(reading->err, -ENOSPC, "%s: it has more than %d rows", reading->name,
                       TRACE_ROWS_MAX);
    if (trace->count == reading->cap) {
        size_t cap = reading->cap ? 2 * reading->cap : 1024;
        struct trace_row *rows = mem_realloc(trace->rows, cap * sizeof(*rows));
        if (!rows)
            return err_set(reading->err, -ENOMEM, "%s: out of memory", reading->name);
        trace->rows = rows;
        reading->cap = cap;
    }
    trace->rows[trace->count++] = *row;
    return 0;
}

/* A time of 0 to 10^9 seconds, or a whole number of 0 to TRACE_TOKENS_MAX. */
static bool take(struct trace_row *row, enum column column, double value)
{
    double max = column == ARRIVAL ? 1e9 : column == CLIENT ? UINT32_MAX - 1.0 : TRACE_TOKENS_MAX;
    if (!(value >= 0 && value <= max))
        return false;
    if (column == ARRIVAL)
        row->arrival_s = value;
    else if (column == INPUT)
        row->input_tokens = (uint32_t)value;
    else if (column == OUTPUT)
        row->output_tokens = (uint32_t)value;
    else
        row->client = (uint32_t)value;
    return true;
}

/* ── CSV ── */

static int read_header(struct reading *reading, struct span line)
{
    struct span rest = line, cell;
    unsigned found[COLUMN_KINDS] = {0};
    while (span_split(&rest, ',', &cell)) {
        if (reading->columns_count == COLUMNS_MAX)
            return refuse(reading, "it has too many columns");
        enum column column = OTHER;
        for (unsigned i = 0; i < COLUMN_KINDS; i++)
            if (span_eq(span_trim(cell), span_str(column_names[i])))
                column = (enum column)i;
        if (column != OTHER && found[column]++)
            return refuse(reading, "a column is here twice");
        reading->columns[reading->columns_count++] = column;
    }
    if (!found[ARRIVAL] || !found[INPUT] || !found[OUTPUT])
        return refuse(reading, "expected columns arrival_s, input_tokens and output_tokens");
    return 0;
}

static bool read_number(struct span text, double *ret_value)
{
    char terminated[NUMBER_BYTES_MAX + 1], *end;
    text = span_trim(text);
    if (text.len == 0 || text.len > NUMBER_BYTES_MAX)
        return false;
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    *ret_value = strtod(terminated, &end);
    return *end == '\0' && end == terminated + text.len;
}

static int read_csv_row(struct reading *reading, struct span line)
{
    struct trace_row row = {.client = TRACE_NOBODY};
    struct span rest = line, cell;
    size_t at = 0;
    while (span_split(&rest, ',', &cell)) {
        double value;
        if (at == reading->columns_count)
            return refuse(reading, "it has more cells than the header");
        enum column column = reading->columns[at++];
        if (column != OTHER && (!read_number(cell, &value) || !take(&row, column, value)))
            return refuse(reading, "expected numbers, none negative, at most 1,000,000 tokens");
    }
    if (at < reading->columns_count)
        return refuse(reading, "it has fewer cells than the header");
    return add_row(reading, &row);
}

/* ── JSON lines ── */

static int read_json_row(struct reading *reading, struct span line)
{
    struct trace_row row = {.client = TRACE_NOBODY};
    json_t *json = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(json);
    for (unsigned i = 0; good && i < COLUMN_KINDS; i++) {
        const json_t *value = json_object_get(json, column_names[i]);
        if (i == CLIENT && !value)
            value = json_object_get(json, "session");
        good = value ? json_is_number(value) && take(&row, (enum column)i, json_number_value(value))
                     : i == CLIENT;
    }
    json_decref(json);
    if (!good)
        return refuse(reading, "expected an object with arrival_s, input_tokens and output_tokens");
    return add_row(reading, &row);
}

/* ── the whole ── */

static int read_lines(struct reading *reading, struct span text)
{
    struct span line;
    bool json = text.len > 0 && text.ptr[0] == '{';
    int r = 0;
    while (r == 0 && span_split(&text, '\n', &line)) {
        reading->line++;
        if (span_ends(line, SPAN("\r")))
            line.len--;
        if (line.len == 0)
            continue;
        if (json)
            r = read_json_row(reading, line);
        else if (reading->columns_count == 0)
            r = read_header(reading, line);
        else
            r = read_csv_row(reading, line);
    }
    return r;
}

static void sum_up(struct trace *trace)
{
    double sum = 0;
    for (size_t i = 0; i < trace->count; i++)
        sum += trace->rows[i].output_tokens;
    trace->output_mean = MAX(sum / (double)trace->count, 1.0);
    double between = trace->rows[trace->count - 1].arrival_s - trace->rows[0].arrival_s;
    trace->span_s = between * (double)trace->count / (double)(trace->count - 1);
}

int trace_read(struct span text, const char *name, struct trace *ret_trace, struct err *err)
{
    struct reading reading = {.trace = ret_trace, .name = name, .err = err};
    *ret_trace = (struct trace){.rows = NULL};
    int r = read_lines(&reading, text);
    if (r < 0)
        return r;
    if (ret_trace->count < 2 ||
        ret_trace->rows[ret_trace->count - 1].arrival_s <= ret_trace->rows[0].arrival_s)
        return err_set(err, -EINVAL, "%s: expected two requests or more, at different times", name);
    sum_up(ret_trace);
    return 0;
}

int trace_load(const char *path, struct trace *ret_trace, struct err *err)
{
    struct buf text;
    *ret_trace = (struct trace){.rows = NULL};
    buf_init(&text, TRACE_FILE_BYTES_MAX);
    int r = file_read(path, &text, err);
    if (r == 0)
        r = trace_read(buf_span(&text), path, ret_trace, err);
    buf_release(&text);
    return r;
}

void trace_release(struct trace *trace)
{
    if (!trace)
        return;
    mem_free(trace->rows);
    *trace = (struct trace){.rows = NULL};
}
