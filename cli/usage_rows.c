/* SPDX-License-Identifier: Apache-2.0 */
#include "usage_rows.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/mac.h"
#include "base/text.h"

#include <jansson.h>

#define COLUMNS_MAX 256
#define TEXT_BYTES 1024 /* of a string with escapes; longer ones are none of ours */
#define NOT_THERE SIZE_MAX

enum field { FIELD_WHO, FIELD_TIME, FIELD_IN, FIELD_OUT, FIELD_COUNT };

/* In order of preference within a field. Without the letters that do not count. */
static const struct known {
    enum field field;
    struct span name;
} known[] = {
    {FIELD_WHO, {"key", sizeof("key") - 1}},
    {FIELD_WHO, {"apikey", sizeof("apikey") - 1}},
    {FIELD_WHO, {"keyid", sizeof("keyid") - 1}},
    {FIELD_WHO, {"apikeyid", sizeof("apikeyid") - 1}},
    {FIELD_WHO, {"sha256", sizeof("sha256") - 1}},
    {FIELD_WHO, {"keysha256", sizeof("keysha256") - 1}},
    {FIELD_WHO, {"hashedkey", sizeof("hashedkey") - 1}},
    {FIELD_WHO, {"keyhash", sizeof("keyhash") - 1}},
    {FIELD_WHO, {"token", sizeof("token") - 1}},
    {FIELD_WHO, {"keyname", sizeof("keyname") - 1}},
    {FIELD_WHO, {"keyalias", sizeof("keyalias") - 1}},
    {FIELD_WHO, {"user", sizeof("user") - 1}},
    {FIELD_WHO, {"userid", sizeof("userid") - 1}},
    {FIELD_WHO, {"username", sizeof("username") - 1}},
    {FIELD_WHO, {"name", sizeof("name") - 1}},
    {FIELD_WHO, {"enduser", sizeof("enduser") - 1}},
    {FIELD_WHO, {"address", sizeof("address") - 1}},
    {FIELD_WHO, {"remoteaddr", sizeof("remoteaddr") - 1}},
    {FIELD_WHO, {"clientip", sizeof("clientip") - 1}},
    {FIELD_WHO, {"ip", sizeof("ip") - 1}},
    {FIELD_TIME, {"time", sizeof("time") - 1}},
    {FIELD_TIME, {"timestamp", sizeof("timestamp") - 1}},
    {FIELD_TIME, {"starttime", sizeof("starttime") - 1}},
    {FIELD_TIME, {"createdat", sizeof("createdat") - 1}},
    {FIELD_TIME, {"datetime", sizeof("datetime") - 1}},
    {FIELD_TIME, {"date", sizeof("date") - 1}},
    {FIELD_TIME, {"endtime", sizeof("endtime") - 1}},
    {FIELD_IN, {"tokensin", sizeof("tokensin") - 1}},
    {FIELD_IN, {"prompttokens", sizeof("prompttokens") - 1}},
    {FIELD_IN, {"inputtokens", sizeof("inputtokens") - 1}},
    {FIELD_OUT, {"tokensout", sizeof("tokensout") - 1}},
    {FIELD_OUT, {"completiontokens", sizeof("completiontokens") - 1}},
    {FIELD_OUT, {"outputtokens", sizeof("outputtokens") - 1}},
};

static const char *const field_words[FIELD_COUNT] = {
    "who it was: key, sha256, user, address", "when: time, timestamp, startTime",
    "the prompt: tokens_in, prompt_tokens, input_tokens",
    "the answer: tokens_out, completion_tokens, output_tokens"};

struct usage_rows {
    enum usage_format format;
    const struct usage_events *events;
    void *owner;
    struct buf record; /* the row so far */
    uint64_t line;     /* of what comes next */
    uint64_t began;    /* line in which the row began */
    bool started, quoted;
    char first;                         /* of the row, behind spaces; 0: none yet */
    size_t columns;                     /* of the header; 0: not read yet */
    size_t columns_of[COUNT_OF(known)]; /* which column has the name; NOT_THERE */
    size_t bom;                         /* bytes of a byte order mark that were passed over */
};

/* What a row says, as texts; null where it says nothing. */
struct texts {
    struct span of[FIELD_COUNT];
};

/* ── names ── */

#define NAME_BYTES_MAX 20 /* longer ones are not known */

/* The letters that count, in lower case. */
static size_t plain_name(struct span given, char ret_name[NAME_BYTES_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < given.len; i++) {
        char c = given.ptr[i];
        if (c == '_' || c == '-' || c == '.' || c == ' ')
            continue;
        if (len == NAME_BYTES_MAX)
            return 0;
        ret_name[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return len;
}

static size_t find_name(struct span given)
{
    char name[NAME_BYTES_MAX];
    size_t len = plain_name(given, name);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (len == known[i].name.len && memcmp(name, known[i].name.ptr, len) == 0)
            return i;
    return NOT_THERE;
}

/* ── times and numbers ── */

static bool take_digits(struct span *text, size_t count, unsigned max, unsigned *ret_value)
{
    uint64_t value;
    if (text->len < count || text_to_u64(span_take(*text, count), &value) < 0 || value > max)
        return false;
    *text = span_skip(*text, count);
    *ret_value = (unsigned)value;
    return true;
}

static bool take_byte(struct span *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

/* ".123456": only milliseconds count. */
static bool take_fraction(struct span *text, unsigned *ret_ms)
{
    unsigned ms = 0, digits = 0;
    if (!take_byte(text, '.'))
        return true;
    for (; text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9'; digits++) {
        if (digits < 3)
            ms = ms * 10 + (unsigned)(text->ptr[0] - '0');
        *text = span_skip(*text, 1);
    }
    for (unsigned i = digits; i < 3; i++)
        ms *= 10;
    *ret_ms = ms;
    return digits > 0;
}

/* "Z", "UTC", "+01:00", "-0530", "+01", or nothing. */
static bool take_zone(struct span *text, int64_t *ret_minutes)
{
    unsigned hours = 0, minutes = 0;
    while (take_byte(text, ' '))
        ;
    if (text->len == 0 || span_eq_nocase(*text, SPAN("Z")) || span_eq_nocase(*text, SPAN("UTC"))) {
        *text = SPAN("");
        return true;
    }
    bool west = take_byte(text, '-');
    if ((!west && !take_byte(text, '+')) || !take_digits(text, 2, 23, &hours))
        return false;
    (void)take_byte(text, ':');
    if (text->len > 0 && !take_digits(text, 2, 59, &minutes))
        return false;
    *ret_minutes = (west ? -1 : 1) * (int64_t)(60 * hours + minutes);
    return true;
}

static int read_iso(struct span text, uint64_t *ret_wall_ms)
{
    uint64_t day_ms;
    unsigned hours = 0, minutes = 0, seconds = 0, ms = 0;
    int64_t zone = 0;
    if (text.len < 10 || text_parse_time(span_take(text, 10), &day_ms) < 0)
        return -EINVAL;
    text = span_skip(text, 10);
    if (text.len > 0) {
        if ((!take_byte(&text, 'T') && !take_byte(&text, ' ')) ||
            !take_digits(&text, 2, 23, &hours) || !take_byte(&text, ':') ||
            !take_digits(&text, 2, 59, &minutes))
            return -EINVAL;
        if (take_byte(&text, ':') && !take_digits(&text, 2, 60, &seconds))
            return -EINVAL;
        if (!take_fraction(&text, &ms) || !take_zone(&text, &zone) || text.len > 0)
            return -EINVAL;
    }
    int64_t wall_ms = (int64_t)day_ms + ((int64_t)(60 * hours + minutes) - zone) * 60000 +
                      (int64_t)seconds * 1000 + ms;
    if (wall_ms < 0)
        return -EINVAL;
    *ret_wall_ms = (uint64_t)wall_ms;
    return 0;
}

/* Seconds have 10 digits until the year 2286, milliseconds 13, microseconds 16. */
static int read_epoch(struct span text, uint64_t *ret_wall_ms)
{
    size_t digits = 0;
    uint64_t value;
    unsigned ms = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (text_to_u64(span_take(text, digits), &value) < 0)
        return -EINVAL;
    text = span_skip(text, digits);
    if (!take_fraction(&text, &ms) || text.len > 0 || value >= UINT64_C(100000000000000000))
        return -EINVAL;
    if (value < UINT64_C(100000000000))
        *ret_wall_ms = value * 1000 + ms;
    else
        *ret_wall_ms = value < UINT64_C(100000000000000) ? value : value / 1000;
    return 0;
}

int usage_time_read(struct span text, uint64_t *ret_wall_ms)
{
    return read_iso(text, ret_wall_ms) == 0 ? 0 : read_epoch(text, ret_wall_ms);
}

/* "123", "123.0"; nothing is none. */
static int read_tokens(struct span text, uint64_t *ret_tokens)
{
    ptrdiff_t dot = span_find_byte(text, '.');
    struct span rest = dot < 0 ? SPAN("") : span_skip(text, (size_t)dot + 1);
    if (text.len == 0) {
        *ret_tokens = 0;
        return 0;
    }
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] != '0')
            return -EINVAL;
    return text_to_u64(dot < 0 ? text : span_take(text, (size_t)dot), ret_tokens);
}

/* ── a row ── */

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len <= USAGE_WHO_BYTES_MAX && text_is_utf8(text);
}

static int bad_row(const struct usage_rows *rows, const char *why)
{
    rows->events->bad(rows->owner, rows->began, why);
    return 0;
}

static int judge(const struct usage_rows *rows, const struct texts *texts)
{
    char digits[2 * SHA256_BYTES + 1];
    unsigned char digest[SHA256_BYTES];
    struct usage_row row = {.who = span_trim(texts->of[FIELD_WHO])};
    if (row.who.len == 0)
        return bad_row(rows, "it does not say who it was");
    if (!is_plain(row.who))
        return bad_row(rows, "who it was is no text of at most 512 bytes");
    if (texts->of[FIELD_TIME].len == 0)
        return bad_row(rows, "it has no time");
    if (usage_time_read(span_trim(texts->of[FIELD_TIME]), &row.wall_ms) < 0)
        return bad_row(rows, "its time is neither ISO 8601 nor a number of seconds since 1970");
    if (read_tokens(span_trim(texts->of[FIELD_IN]), &row.prompt_tokens) < 0 ||
        read_tokens(span_trim(texts->of[FIELD_OUT]), &row.completion_tokens) < 0)
        return bad_row(rows, "its tokens are no whole numbers");
    if (span_starts(row.who, SPAN("sk-"))) {
        sha256(row.who, digest);
        text_hex(digest, sizeof(digest), digits);
        row.who = span_str(digits);
    }
    return MIN(rows->events->row(rows->owner, rows->began, &row), 0);
}

/* ── JSON lines ── */

/* Behind the string that begins at `at`, its closing quote included; 0: it does not end. */
static size_t end_of_string(struct span text, size_t at)
{
    for (at++; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == '"')
            return at + 1;
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Behind the value that begins at `at`. What is inside of objects and arrays is only skipped. 0: it does not end. */
static size_t end_of_value(struct span text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = end_of_string(text, at);
            if (at == 0 || depth == 0)
                return at;
            continue;
        }
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        if (depth == 0 && (closes || c == ',' || is_blank(c)))
            return at;
        depth = depth + opens - closes;
        at++;
        if (closes && depth == 0)
            return at;
    }
    return 0;
}

static void skip_blanks(struct span text, size_t *at)
{
    while (*at < text.len && is_blank(text.ptr[*at]))
        (*at)++;
}

static bool take(struct span text, size_t *at, char byte)
{
    skip_blanks(text, at);
    if (*at == text.len || text.ptr[*at] != byte)
        return false;
    (*at)++;
    skip_blanks(text, at);
    return true;
}

/* The next member's name, without its quotes, and its value as it is written. */
static bool take_member(struct span text, size_t *at, struct span *ret_name, struct span *ret_value)
{
    size_t from = *at,
           end = from < text.len && text.ptr[from] == '"' ? end_of_string(text, from) : 0;
    if (end == 0)
        return false;
    *ret_name = span_of(text.ptr + from + 1, end - from - 2);
    *at = end;
    if (!take(text, at, ':'))
        return false;
    from = *at;
    end = end_of_value(text, from);
    if (end <= from)
        return false;
    *ret_value = span_of(text.ptr + from, end - from);
    *at = end;
    return true;
}

/* A string without its quotes, a number as it is; null of what says nothing. `room` keeps a string with escapes. */
static struct span text_of(struct span value, char room[TEXT_BYTES])
{
    char first = value.ptr[0];
    if (first == '-' || (first >= '0' && first <= '9'))
        return value;
    if (first != '"')
        return SPAN_NULL;
    struct span inside = span_of(value.ptr + 1, value.len - 2);
    if (span_find_byte(inside, '\\') < 0)
        return inside;
    json_t *json = json_loadb(value.ptr, value.len, JSON_DECODE_ANY, NULL);
    size_t len = json_string_length(json);
    bool fits = json_is_string(json) && len <= TEXT_BYTES;
    if (fits)
        memcpy(room, json_string_value(json), len);
    json_decref(json);
    return fits ? span_of(room, len) : SPAN_NULL;
}

/* The members at the top; log rows carry large objects that say nothing here, so no tree is built. */
static int read_json(const struct usage_rows *rows, struct span line)
{
    char rooms[FIELD_COUNT][TEXT_BYTES];
    size_t rank[FIELD_COUNT] = {NOT_THERE, NOT_THERE, NOT_THERE, NOT_THERE}, at = 0;
    struct texts texts = {{SPAN_NULL}};
    struct span name, value;
    bool more = take(line, &at, '{'), whole = more && take(line, &at, '}');
    while (more && !whole && take_member(line, &at, &name, &value)) {
        size_t place = find_name(name);
        if (place != NOT_THERE && place < rank[known[place].field]) {
            enum field field = known[place].field;
            char room[TEXT_BYTES];
            struct span text = text_of(value, room);
            if (span_trim(text).len > 0) {
                rank[field] = place;
                texts.of[field] = text.ptr == room
                                      ? span_of(memcpy(rooms[field], room, text.len), text.len)
                                      : text;
            }
        }
        more = take(line, &at, ',');
        whole = !more && take(line, &at, '}');
    }
    if (!whole || at != line.len)
        return bad_row(rows, "it is no JSON object");
    return judge(rows, &texts);
}

/* ── CSV ── */

/* Takes a cell off the front and undoes its quotes in place. False: text behind a closing quote. */
static bool take_cell(char **at, char *end, struct span *ret_cell, bool *ret_last)
{
    char *from = *at, *to = *at, *start = *at;
    if (from < end && *from == '"') {
        for (from++; from < end && (*from != '"' || (from + 1 < end && from[1] == '"')); from++) {
            from += *from == '"';
            *to++ = *from;
        }
        from += from < end;
    } else {
        while (from < end && *from != ',')
            from++;
        to = from;
    }
    *ret_cell = span_of(start, (size_t)(to - start));
    *ret_last = from == end;
    *at = from + !*ret_last;
    return *ret_last || *from == ',';
}

/* 0 and the row's cells, or -EINVAL with why. */
static int split(struct buf *record, size_t len, struct span cells[COLUMNS_MAX], size_t *ret_count,
                 const char **ret_why)
{
    char *at = record->ptr, *end = record->ptr + len;
    size_t count = 0;
    bool last = false;
    while (!last) {
        *ret_why = "it has more than 256 columns";
        if (count == COLUMNS_MAX)
            return -EINVAL;
        *ret_why = "there is text behind a closing quote";
        if (!take_cell(&at, end, &cells[count++], &last))
            return -EINVAL;
    }
    *ret_count = count;
    return 0;
}

static int read_header(struct usage_rows *rows, const struct span *cells, size_t count,
                       struct err *err)
{
    bool there[FIELD_COUNT] = {false};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        rows->columns_of[i] = NOT_THERE;
    for (size_t i = 0; i < count; i++) {
        size_t at = find_name(span_trim(cells[i]));
        if (at == NOT_THERE)
            continue;
        if (rows->columns_of[at] != NOT_THERE)
            return err_set(err, -EINVAL, "%llu: column '%.*s' comes twice",
                           (unsigned long long)rows->began, (int)MIN(cells[i].len, (size_t)60),
                           cells[i].ptr);
        rows->columns_of[at] = i;
        there[known[at].field] = true;
    }
    for (size_t f = 0; f < FIELD_COUNT; f++)
        if (!there[f])
            return err_set(err, -EINVAL, "%llu: no column says %s", (unsigned long long)rows->began,
                           field_words[f]);
    rows->columns = count;
    return 0;
}

static int read_cells(struct usage_rows *rows, const struct span *cells, size_t count)
{
    struct texts texts = {{SPAN_NULL}};
    if (count != rows->columns)
        return bad_row(rows, count < rows->columns ? "it has fewer cells than the header"
                                                   : "it has more cells than the header");
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct span *text = &texts.of[known[i].field];
        if (rows->columns_of[i] != NOT_THERE && span_trim(*text).len == 0)
            *text = cells[rows->columns_of[i]];
    }
    return judge(rows, &texts);
}

static int read_csv(struct usage_rows *rows, size_t len, struct err *err)
{
    struct span cells[COLUMNS_MAX];
    size_t count = 0;
    const char *why;
    if (split(&rows->record, len, cells, &count, &why) < 0)
        return rows->columns > 0
                   ? bad_row(rows, why)
                   : err_set(err, -EINVAL, "%llu: %s", (unsigned long long)rows->began, why);
    return rows->columns > 0 ? read_cells(rows, cells, count)
                             : read_header(rows, cells, count, err);
}

/* ── rows in bytes ── */

static int choose_format(struct usage_rows *rows, struct span first, struct err *err)
{
    struct span text = span_trim(first);
    if (rows->format == USAGE_AUTO)
        rows->format = text.ptr[0] == '{' || text.ptr[0] == '[' ? USAGE_JSONL : USAGE_CSV;
    rows->started = true;
    if (rows->format == USAGE_JSONL && text.ptr[0] == '[')
        return err_set(err, -EINVAL,
                       "%llu: a JSON array: make it one object a line, as jq -c '.[]' does",
                       (unsigned long long)rows->began);
    return 0;
}

static int end_record(struct usage_rows *rows, struct err *err)
{
    int status = buf_status(&rows->record), result = 0;
    struct span text = buf_span(&rows->record);
    if (status == -ENOMEM)
        return err_set(err, status, "%llu: out of memory", (unsigned long long)rows->began);
    if (status < 0 && rows->format == USAGE_CSV && rows->columns == 0)
        return err_set(err, -EINVAL, "%llu: the header is longer than 1 MiB",
                       (unsigned long long)rows->began);
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    if (status < 0)
        result = bad_row(rows, "it is longer than 1 MiB");
    else if (span_trim(text).len > 0) {
        if (!rows->started)
            result = choose_format(rows, text, err);
        if (result == 0)
            result =
                rows->format == USAGE_CSV ? read_csv(rows, text.len, err) : read_json(rows, text);
    }
    buf_clear(&rows->record);
    rows->quoted = false;
    rows->first = '\0';
    rows->began = rows->line;
    return result;
}

/* What a first row begins with tells its form, and whether quotes may span lines. */
static bool counts_quotes(const struct usage_rows *rows)
{
    if (rows->format != USAGE_AUTO)
        return rows->format == USAGE_CSV;
    return rows->first != '{' && rows->first != '[';
}

/* How many bytes belong to the row at hand, its newline included. */
static size_t row_bytes(struct usage_rows *rows, struct span bytes, bool *ret_ended)
{
    *ret_ended = false;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (rows->first == '\0' && c != ' ' && c != '\t')
            rows->first = c;
        if (c == '"')
            rows->quoted ^= counts_quotes(rows);
        if (c != '\n')
            continue;
        rows->line++;
        *ret_ended = !rows->quoted;
        if (*ret_ended)
            return i + 1;
    }
    return bytes.len;
}

static struct span skip_bom(struct usage_rows *rows, struct span bytes)
{
    static const char mark[] = "\xef\xbb\xbf";
    while (rows->bom < 3 && bytes.len > 0 && bytes.ptr[0] == mark[rows->bom]) {
        bytes = span_skip(bytes, 1);
        rows->bom++;
    }
    if (bytes.len > 0)
        rows->bom = 3;
    return bytes;
}

int usage_rows_feed(struct usage_rows *rows, struct span bytes, struct err *err)
{
    int result = 0;
    bytes = skip_bom(rows, bytes);
    while (result == 0 && bytes.len > 0) {
        bool ended;
        size_t len = row_bytes(rows, bytes, &ended);
        buf_append(&rows->record, span_take(bytes, len));
        bytes = span_skip(bytes, len);
        if (ended)
            result = end_record(rows, err);
    }
    return result;
}

int usage_rows_end(struct usage_rows *rows, struct err *err)
{
    int result = 0;
    if (rows->quoted && buf_status(&rows->record) == 0)
        result = rows->columns > 0 ? bad_row(rows, "a quote is not closed")
                                   : err_set(err, -EINVAL, "%llu: a quote is not closed",
                                             (unsigned long long)rows->began);
    else if (rows->record.len > 0 || buf_status(&rows->record) < 0)
        result = end_record(rows, err);
    if (result == 0 && !rows->started)
        result = err_set(err, -EINVAL, "1: nothing is in it");
    return result;
}

struct usage_rows *usage_rows_new(enum usage_format format, const struct usage_events *events,
                                  void *owner)
{
    struct usage_rows *rows = mem_zalloc(sizeof(*rows));
    if (!rows)
        return NULL;
    rows->format = format;
    rows->events = events;
    rows->owner = owner;
    rows->line = rows->began = 1;
    buf_init(&rows->record, USAGE_ROW_BYTES_MAX);
    return rows;
}

void usage_rows_free(struct usage_rows *rows)
{
    if (!rows)
        return;
    if (rows->record.ptr)
        explicit_bzero(rows->record.ptr, rows->record.cap); /* keys may be in it */
    buf_release(&rows->record);
    mem_free(rows);
}
