/* SPDX-License-Identifier: Apache-2.0 */
#include "import_file.h"

#include "base/alloc.h"
#include "base/json_out.h"
#include "base/text.h"

#include <jansson.h>

#define COLUMNS_MAX 16
#define CELL_BYTES_MAX 65536

enum column { COLUMN_KEY, COLUMN_SHA256, COLUMN_NAME, COLUMN_EXPIRES, COLUMN_MODELS, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"key", "sha256", "name", "expires",
                                                       "models"};

static int note_line(struct import_file *file, uint32_t line, struct err *err)
{
    if (file->count == file->cap) {
        size_t cap = file->cap ? 2 * file->cap : 256;
        uint32_t *lines = mem_realloc(file->lines, cap * sizeof(*lines));
        if (!lines)
            return err_set(err, -ENOMEM, "out of memory");
        file->lines = lines;
        file->cap = cap;
    }
    file->lines[file->count++] = line;
    return 0;
}

/* ── JSON lines ── */

static int append_json(const char *bytes, size_t len, void *data)
{
    struct buf *buf = data;
    buf_append(buf, span_of(bytes, len));
    return buf_status(buf) < 0 ? -1 : 0;
}

static int read_json_line(struct import_file *file, struct span text, uint32_t line,
                          struct err *err)
{
    json_error_t error;
    json_t *row = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!row)
        return err_set(err, -EINVAL, "%u: not JSON: %s", line, error.text);
    int result = 0;
    if (!json_is_object(row)) {
        result = err_set(err, -EINVAL, "%u: not a JSON object", line);
    } else {
        if (file->count > 0)
            buf_append_byte(&file->body, ',');
        (void)json_dump_callback(row, append_json, &file->body, JSON_COMPACT);
        result = note_line(file, line, err);
    }
    json_decref(row);
    return result;
}

static int read_json_lines(struct import_file *file, struct span text, struct err *err)
{
    struct span line;
    int result = 0;
    for (uint32_t number = 1; result == 0 && span_split(&text, '\n', &line); number++) {
        if (span_ends(line, SPAN("\r")))
            line.len--;
        if (span_trim(line).len > 0)
            result = read_json_line(file, line, number, err);
    }
    return result;
}

/* ── CSV ── */

struct csv {
    struct span rest;
    uint32_t line;
    struct buf cell;
    bool row_ended;
};

/* A quoted cell: to the quote that is not doubled. */
static int read_quoted(struct csv *csv, struct err *err)
{
    uint32_t began = csv->line;
    csv->rest = span_skip(csv->rest, 1);
    for (;;) {
        if (csv->rest.len == 0)
            return err_set(err, -EINVAL, "%u: a quote is not closed", began);
        char c = csv->rest.ptr[0];
        csv->rest = span_skip(csv->rest, 1);
        csv->line += c == '\n';
        if (c != '"') {
            buf_append_byte(&csv->cell, c);
        } else if (csv->rest.len > 0 && csv->rest.ptr[0] == '"') {
            buf_append_byte(&csv->cell, '"');
            csv->rest = span_skip(csv->rest, 1);
        } else {
            return 0;
        }
    }
}

/* The next cell into csv->cell; row_ended tells whether it was the row's last. */
static int read_cell(struct csv *csv, struct err *err)
{
    int result = 0;
    buf_clear(&csv->cell);
    if (csv->rest.len > 0 && csv->rest.ptr[0] == '"') {
        result = read_quoted(csv, err);
    } else {
        size_t len = 0;
        while (len < csv->rest.len && csv->rest.ptr[len] != ',' && csv->rest.ptr[len] != '\n')
            len++;
        struct span text = span_take(csv->rest, len);
        csv->rest = span_skip(csv->rest, len);
        if (span_ends(text, SPAN("\r")))
            text.len--;
        buf_append(&csv->cell, span_trim(text));
    }
    if (result < 0)
        return result;
    if (buf_status(&csv->cell) < 0)
        return err_set(err, -EINVAL, "%u: a cell is too long", csv->line);
    if (span_starts(csv->rest, SPAN("\r\n")))
        csv->rest = span_skip(csv->rest, 1);
    csv->row_ended = csv->rest.len == 0 || csv->rest.ptr[0] == '\n';
    if (!csv->row_ended && csv->rest.ptr[0] != ',')
        return err_set(err, -EINVAL, "%u: text behind a closing quote", csv->line);
    csv->line += csv->rest.len > 0 && csv->row_ended;
    csv->rest = span_skip(csv->rest, 1);
    return 0;
}

static int read_header(struct csv *csv, enum column columns[COLUMNS_MAX], size_t *ret_count,
                       struct err *err)
{
    size_t count = 0;
    do {
        uint32_t line = csv->line;
        int result = read_cell(csv, err);
        if (result < 0)
            return result;
        if (count == COLUMNS_MAX)
            return err_set(err, -EINVAL, "%u: too many columns", line);
        struct span name = buf_span(&csv->cell);
        size_t c = 0;
        while (c < COLUMN_COUNT && !span_eq_nocase(name, span_str(column_names[c])))
            c++;
        if (c == COLUMN_COUNT)
            return err_set(
                err, -EINVAL,
                "%u: unknown column '%.*s': key, sha256, name, expires, models are known", line,
                (int)MIN(name.len, (size_t)60), name.ptr);
        for (size_t i = 0; i < count; i++)
            if (columns[i] == (enum column)c)
                return err_set(err, -EINVAL, "%u: column '%s' comes twice", line, column_names[c]);
        columns[count++] = (enum column)c;
    } while (!csv->row_ended);
    *ret_count = count;
    return 0;
}

static void write_models(struct json_out *out, struct span text)
{
    json_out_open(out, '[');
    while (text.len > 0) {
        size_t len = 0;
        while (len < text.len && text.ptr[len] != ';' && text.ptr[len] != ',')
            len++;
        struct span name = span_trim(span_take(text, len));
        if (name.len > 0)
            json_out_string(out, name);
        text = span_skip(text, len + 1);
    }
    json_out_close(out, ']');
}

static int read_row(struct csv *csv, const enum column *columns, size_t count, struct json_out *out,
                    struct err *err)
{
    size_t at = 0;
    uint32_t line = csv->line;
    json_out_open(out, '{');
    do {
        int result = read_cell(csv, err);
        if (result < 0)
            return result;
        if (at == count)
            return err_set(err, -EINVAL, "%u: more cells than the header has", line);
        enum column column = columns[at++];
        struct span text = buf_span(&csv->cell);
        if (text.len == 0)
            continue;
        if (!text_is_utf8(text))
            return err_set(err, -EINVAL, "%u: not UTF-8", line);
        json_out_key(out, span_str(column_names[column]));
        if (column == COLUMN_MODELS)
            write_models(out, text);
        else
            json_out_string(out, text);
    } while (!csv->row_ended);
    json_out_close(out, '}');
    return at == count
               ? 0
               : err_set(err, -EINVAL, "%u: %zu cells, the header has %zu", line, at, count);
}

static bool is_blank_line(struct csv *csv)
{
    struct span rest = csv->rest;
    if (span_starts(rest, SPAN("\r\n")))
        rest = span_skip(rest, 1);
    if (rest.len == 0 || rest.ptr[0] != '\n')
        return false;
    csv->rest = span_skip(rest, 1);
    csv->line++;
    return true;
}

static int read_csv(struct import_file *file, struct span text, struct err *err)
{
    struct csv csv = {.rest = text, .line = 1};
    enum column columns[COLUMNS_MAX];
    size_t count = 0;
    buf_init(&csv.cell, CELL_BYTES_MAX);
    int result = read_header(&csv, columns, &count, err);
    while (result == 0 && csv.rest.len > 0) {
        if (is_blank_line(&csv))
            continue;
        struct json_out out = json_out_start(&file->body);
        uint32_t line = csv.line;
        if (file->count > 0)
            buf_append_byte(&file->body, ',');
        result = read_row(&csv, columns, count, &out, err);
        if (result == 0)
            result = note_line(file, line, err);
    }
    if (csv.cell.ptr)
        explicit_bzero(csv.cell.ptr, csv.cell.cap);
    buf_release(&csv.cell);
    return result;
}

/* ── both ── */

int import_file_read(struct span text, struct import_file *ret_file, struct err *err)
{
    *ret_file = (struct import_file){.count = 0};
    buf_init(&ret_file->body, IMPORT_BODY_BYTES_MAX);
    if (span_starts(text, SPAN("\xef\xbb\xbf")))
        text = span_skip(text, 3);
    buf_append(&ret_file->body, SPAN("{\"keys\":["));
    bool json = span_trim(text).len > 0 && span_trim(text).ptr[0] == '{';
    int result = json ? read_json_lines(ret_file, text, err) : read_csv(ret_file, text, err);
    buf_append(&ret_file->body, SPAN("]}"));
    if (result < 0)
        return result;
    if (ret_file->count == 0)
        return err_set(err, -EINVAL, "1: no key is in it");
    if (buf_status(&ret_file->body) < 0)
        return err_set(err, -EINVAL, "1: too large: import it in parts");
    return 0;
}

void import_file_release(struct import_file *file)
{
    if (file->body.ptr)
        explicit_bzero(file->body.ptr, file->body.cap);
    buf_release(&file->body);
    mem_free(file->lines);
    *file = (struct import_file){.count = 0};
}
