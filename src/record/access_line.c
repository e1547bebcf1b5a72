/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each field is its key as a literal and one call by its kind, so a line is a run of copies into memory that is known to suffice. The date is made
 * once a second, the rest of it is three digits.
 */
#include "record/access_line.h"

#include "base/json_out.h"
#include "identity/key.h"
#include "record/access_fields.h"

#define PATH_BYTES_MAX 128
#define ESCAPED_BYTES 6 /* of one byte, at worst: \u001f */

/* ── pieces ── */

static char *put(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static char *put_u64(char *at, uint64_t value)
{
    char digits[20];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return put(at, digits + first, sizeof(digits) - first);
}

/* The room is large enough, so the buffer that stands in for it never asks for memory. */
static char *put_escaped(char *at, struct span text)
{
    size_t room = text.len * ESCAPED_BYTES + 1;
    struct buf buf = {.ptr = at, .cap = room, .max = room};
    json_escape(&buf, text);
    check(buf.ptr == at);
    return at + buf.len;
}

/* ── one function for each kind of field; `key` is ,"name": and `len` its length ── */

/* Text that needs no look: we made it. */
static char *put_time(char *at, const char *key, size_t len, struct span date)
{
    at = put(at, key, len);
    *at++ = '"';
    at = put(at, date.ptr, date.len);
    *at++ = '"';
    return at;
}

static char *put_text(char *at, const char *key, size_t len, struct span text)
{
    if (span_is_null(text))
        return at;
    at = put(at, key, len);
    *at++ = '"';
    at = put_escaped(at, text);
    *at++ = '"';
    return at;
}

static char *put_steps(char *at, const char *key, size_t len, const struct ladder_steps *steps)
{
    if (!steps || steps->rungs == 0)
        return at;
    char room[LADDER_TEXT_MAX];
    struct buf buf = {.ptr = room, .cap = sizeof(room), .max = sizeof(room)};
    ladder_write(steps, &buf);
    return put_text(at, key, len, buf_span(&buf));
}

static char *put_hex(char *at, const char *key, size_t len, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    if (value == 0)
        return at;
    at = put(at, key, len);
    *at++ = '"';
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = digits[value >> shift & 15];
    *at++ = '"';
    return at;
}

static char *put_key(char *at, const char *key, size_t len, uint64_t id)
{
    if (id == 0)
        return at;
    char text[16];
    key_format_id(id, text);
    at = put(at, key, len);
    *at++ = '"';
    at = put(at, text, sizeof(text) - 1);
    *at++ = '"';
    return at;
}

static char *put_number(char *at, const char *key, size_t len, uint64_t value)
{
    return put_u64(put(at, key, len), value);
}

static char *put_signed(char *at, const char *key, size_t len, int64_t value)
{
    if (value == 0)
        return at;
    at = put(at, key, len);
    if (value < 0)
        *at++ = '-';
    return put_u64(at, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static char *put_flag(char *at, const char *key, size_t len, bool value)
{
    return value ? put(put(at, key, len), "true", 4) : at;
}

/* A clock that went back (a request's times come from one clock, but not all from one reading of it) counts as no time. */
static char *put_micros(char *at, const char *key, size_t len, uint64_t from_us, uint64_t to_us)
{
    if (from_us == 0 || to_us == 0)
        return at;
    return put_number(at, key, len, to_us > from_us ? to_us - from_us : 0);
}

/* ── the line ── */

/* Without the query: a client that sends its key there must not find it in a log. */
static struct span path_of(const struct record *record)
{
    ptrdiff_t query = span_find_byte(record->path, '?');
    struct span path = query < 0 ? record->path : span_take(record->path, (size_t)query);
    return span_take(path, PATH_BYTES_MAX);
}

/* At least 1 of a budget that grows. */
static int64_t hour_of(double rate)
{
    double hour = rate * 3600;
    return hour > 0 ? (int64_t)MAX(hour, 1.0) : 0;
}

/* The date up to its second is made once a second. */
static struct span date_of(struct access_writer *writer, uint64_t wall_ms)
{
    uint64_t second = wall_ms / 1000;
    unsigned ms = (unsigned)(wall_ms % 1000);
    if (second != writer->second || writer->date[0] == '\0') {
        text_time(wall_ms, writer->date);
        writer->second = second;
    }
    char *digits = writer->date + TEXT_TIME_BYTES - 5; /* 042Z and the zero */
    digits[0] = (char)('0' + ms / 100);
    digits[1] = (char)('0' + ms / 10 % 10);
    digits[2] = (char)('0' + ms % 10);
    return span_of(writer->date, TEXT_TIME_BYTES - 1);
}

#define SINCE(from, to) (from), (to)

size_t access_line_write(struct access_writer *writer, const struct record *record, char *at)
{
    char *const start = at;
#define FIELD(kind, name, value, meaning)                                                          \
    at = put_##kind(at, ",\"" #name "\":", sizeof(",\"" #name "\":") - 1, value);
    ACCESS_FIELDS(FIELD)
#undef FIELD
    *start = '{'; /* in the place of the first comma */
    at = put(at, "}\n", 2);
    return (size_t)(at - start);
}

/* ── the page for people ── */

static const char page_intro[] =
    "# Access log\n"
    "\n"
    "<!-- Written by `ninja docs` from src/record/access_fields.h. Change it there. -->\n"
    "\n"
    "One JSON object in a line for each request that is over, however it ended. Lines are written "
    "in blocks, at most a second\n"
    "late, and always whole. Prompts, answers, keys and addresses are in none of them. A field "
    "that says nothing is left\n"
    "out; times are in microseconds.\n"
    "\n"
    "`seawall reload` opens the file again, after it was moved away. While it cannot be written, "
    "lines are counted and\n"
    "dropped: `seawall status` and the metric `seawall_access_log_dropped_total` say so.\n"
    "\n"
    "| field | kind | what it says |\n"
    "|---|---|---|\n";

void access_write_reference(struct buf *buf)
{
    static const struct {
        const char *name, *kind, *meaning;
    } fields[] = {
#define FIELD(kind, name, value, meaning) {#name, #kind, meaning},
        ACCESS_FIELDS(FIELD)
#undef FIELD
    };
    buf_append(buf, span_str(page_intro));
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        buf_printf(buf, "| `%s` | %s | %s |\n", fields[i].name, fields[i].kind, fields[i].meaning);
}
