/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, hexadecimal, base 62, UTF-8 and dates. The calendar is computed here: the C library's takes a lock, and four
 * divisions do. Dates end with the year 9999, the last that four digits can say.
 */
#include "base/text.h"

#define DAY_MS UINT64_C(86400000)
#define MONEY_UNIT UINT64_C(1000000)
#define MONEY_DECIMALS 6
#define TIME_MS_MAX UINT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

int text_to_u64(struct span text, uint64_t *ret_value)
{
    if (text.len == 0)
        return -EINVAL;
    uint64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            fits = false;
    }
    if (!fits)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int text_to_i64(struct span text, int64_t *ret_value)
{
    bool negative = span_starts(text, SPAN("-"));
    uint64_t magnitude;
    int r = text_to_u64(negative ? span_skip(text, 1) : text, &magnitude);
    if (r < 0)
        return r;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return 0;
}

int text_to_money(struct span text, uint64_t *ret_millionths)
{
    struct span rest = text, whole, decimals = SPAN("");
    uint64_t units, parts = 0;
    if (!span_split(&rest, '.', &whole))
        return -EINVAL;
    if (!span_is_null(rest))
        decimals = rest;
    if (decimals.len > MONEY_DECIMALS || (decimals.len == 0 && !span_is_null(rest)))
        return -EINVAL;
    int result = text_to_u64(whole, &units);
    if (result == 0 && decimals.len > 0)
        result = text_to_u64(decimals, &parts);
    if (result < 0)
        return result;
    for (size_t i = decimals.len; i < MONEY_DECIMALS; i++)
        parts *= 10;
    if (__builtin_mul_overflow(units, MONEY_UNIT, &units) ||
        __builtin_add_overflow(units, parts, &units))
        return -ERANGE;
    *ret_millionths = units;
    return 0;
}

void text_write_money(struct buf *buf, uint64_t millionths)
{
    char decimals[MONEY_DECIMALS + 1];
    size_t len = MONEY_DECIMALS;
    snprintf(decimals, sizeof(decimals), "%06u", (unsigned)(millionths % MONEY_UNIT));
    while (len > 2 && decimals[len - 1] == '0')
        len--;
    buf_append_u64(buf, millionths / MONEY_UNIT);
    buf_append_byte(buf, '.');
    buf_append(buf, span_of(decimals, len));
}

void text_hex(const void *bytes, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < len; i++) {
        ret_text[2 * i] = digits[from[i] >> 4];
        ret_text[2 * i + 1] = digits[from[i] & 15];
    }
    ret_text[2 * len] = '\0';
}

/* 16 when it is none. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10) : 16;
}

int text_unhex(struct span text, void *ret_bytes, size_t len)
{
    if (text.len / 2 != len || text.len % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (hex_digit(text.ptr[i]) > 15)
            return -EINVAL;
    }
    unsigned char *to = ret_bytes;
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)(hex_digit(text.ptr[2 * i]) << 4 | hex_digit(text.ptr[2 * i + 1]));
    return 0;
}

void text_base62(uint64_t value, char ret_text[TEXT_BASE62_U64])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t i = TEXT_BASE62_U64; i-- > 0; value /= 62)
        ret_text[i] = digits[value % 62];
}

static int base62_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'z' ? c - 'a' + 36 : -1;
}

int text_unbase62(struct span text, uint64_t *ret_value)
{
    if (text.len != TEXT_BASE62_U64)
        return -EINVAL;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base62_digit(text.ptr[i]);
        if (digit < 0 || __builtin_mul_overflow(value, 62, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

/*
 * The table of RFC 3629, section 4: the first byte gives the length and, for the lead bytes E0, ED, F0 and F4, narrows
 * the second byte; that shuts out overlong forms, surrogates and what lies above U+10FFFF.
 */
size_t text_utf8_len(struct span text)
{
    if (text.len == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    unsigned char lead = bytes[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (len == 0 || text.len < len)
        return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

bool text_is_utf8(struct span text)
{
    while (text.len > 0) {
        uint64_t word;
        if (text.len >= sizeof(word)) {
            memcpy(&word, text.ptr, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                text = span_skip(text, sizeof(word));
                continue;
            }
        }
        size_t len = text_utf8_len(text);
        if (len == 0)
            return false;
        text = span_skip(text, len);
    }
    return true;
}

const char *text_tail(const char *text, char *ret_room, size_t size)
{
    size_t len = strlen(text);
    if (len < size)
        return text;
    size_t skip = len - (size - sizeof("…"));
    while (((unsigned char)text[skip] & 0xc0) == 0x80)
        skip++;
    int written = snprintf(ret_room, size, "…%s", text + skip);
    check(written >= 0);
    return ret_room;
}

struct date {
    unsigned year, month, day; /* 1-based */
};

static bool leap_year(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap_year(year));
}

/* Days from 0001-01-01 to the first day of `year`. */
static unsigned days_before_year(unsigned year)
{
    unsigned past = year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

#define DAYS_BEFORE_1970 719162

static struct date date_of_days(unsigned days)
{
    /* 365 days a year overshoots, by less than seven years in eight thousand; then step back. */
    unsigned year = 1970 + days / 365;
    while (days_before_year(year) - DAYS_BEFORE_1970 > days)
        year--;
    unsigned rest = days - (days_before_year(year) - DAYS_BEFORE_1970);
    unsigned month = 1;
    while (rest >= month_days(year, month))
        rest -= month_days(year, month++);
    return (struct date){year, month, rest + 1};
}

static unsigned days_of_date(struct date date)
{
    unsigned days = days_before_year(date.year) - DAYS_BEFORE_1970 + date.day - 1;
    for (unsigned month = 1; month < date.month; month++)
        days += month_days(date.year, month);
    return days;
}

/* Exactly `width` digits, the upper ones lost when they do not fit. Returns where the next character goes. */
static char *put_digits(char *at, unsigned value, size_t width)
{
    for (size_t i = width; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static char *put_clock(char *at, unsigned day_second)
{
    at = put_digits(at, day_second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, day_second / 60 % 60, 2);
    *at++ = ':';
    return put_digits(at, day_second % 60, 2);
}

void text_time(uint64_t wall_ms, char ret_text[TEXT_TIME_BYTES])
{
    wall_ms = MIN(wall_ms, TIME_MS_MAX);
    struct date date = date_of_days((unsigned)(wall_ms / DAY_MS));
    unsigned day_ms = (unsigned)(wall_ms % DAY_MS);

    char *at = put_digits(ret_text, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_clock(at, day_ms / 1000);
    *at++ = '.';
    at = put_digits(at, day_ms % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
}

void text_month(uint64_t wall_ms, uint64_t *ret_from_ms, uint64_t *ret_until_ms)
{
    unsigned days = (unsigned)(MIN(wall_ms, TIME_MS_MAX) / DAY_MS);
    struct date date = date_of_days(days);
    unsigned first = days - (date.day - 1);
    *ret_from_ms = first * DAY_MS;
    *ret_until_ms = (first + month_days(date.year, date.month)) * DAY_MS;
}

void text_http_date(uint64_t wall_ms, char ret_text[TEXT_HTTP_DATE_BYTES])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    wall_ms = MIN(wall_ms, TIME_MS_MAX);
    unsigned days = (unsigned)(wall_ms / DAY_MS);
    struct date date = date_of_days(days);

    char *at = put_text(ret_text, weekdays + days % 7 * 3, 3);
    at = put_text(at, ", ", 2);
    at = put_digits(at, date.day, 2);
    *at++ = ' ';
    at = put_text(at, months + (date.month - 1) * 3, 3);
    *at++ = ' ';
    at = put_digits(at, date.year, 4);
    *at++ = ' ';
    at = put_clock(at, (unsigned)(wall_ms % DAY_MS / 1000));
    at = put_text(at, " GMT", 4);
    *at = '\0';
}

/* Takes `width` digits and then `behind` (0: nothing) off the front. */
static bool take_number(struct span *text, size_t width, char behind, unsigned *ret_value)
{
    uint64_t value;
    if (text->len < width || text_to_u64(span_take(*text, width), &value) < 0)
        return false;
    *text = span_skip(*text, width);
    if (behind) {
        if (text->len == 0 || text->ptr[0] != behind)
            return false;
        *text = span_skip(*text, 1);
    }
    *ret_value = (unsigned)value;
    return true;
}

static bool take_date(struct span *text, struct date *ret_date)
{
    struct date date;
    if (!take_number(text, 4, '-', &date.year) || !take_number(text, 2, '-', &date.month) ||
        !take_number(text, 2, 0, &date.day))
        return false;
    if (date.year < 1970 || date.month < 1 || date.month > 12)
        return false;
    if (date.day < 1 || date.day > month_days(date.year, date.month))
        return false;
    *ret_date = date;
    return true;
}

/* "T10:00:00Z" or "T10:00:00.042Z". */
static bool take_clock(struct span *text, unsigned *ret_ms)
{
    unsigned hour, minute, second, ms = 0;
    if (!span_starts(*text, SPAN("T")))
        return false;
    *text = span_skip(*text, 1);
    if (!take_number(text, 2, ':', &hour) || !take_number(text, 2, ':', &minute) ||
        !take_number(text, 2, 0, &second))
        return false;
    if (span_starts(*text, SPAN("."))) {
        *text = span_skip(*text, 1);
        if (!take_number(text, 3, 0, &ms))
            return false;
    }
    if (!span_starts(*text, SPAN("Z")) || hour > 23 || minute > 59 || second > 59)
        return false;
    *text = span_skip(*text, 1);
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    return true;
}

int text_parse_time(struct span text, uint64_t *ret_wall_ms)
{
    struct date date;
    unsigned day_ms = 0;
    if (!take_date(&text, &date) || (text.len > 0 && !take_clock(&text, &day_ms)) || text.len > 0)
        return -EINVAL;
    *ret_wall_ms = days_of_date(date) * DAY_MS + day_ms;
    return 0;
}
