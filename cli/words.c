/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include "base/text.h"

#include <math.h>

#define DAY_S 86400U
#define SECONDS_MAX (3660ULL * DAY_S)

int words_seconds(const char *text, uint64_t *ret_seconds)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_S}};
    struct span number = span_str(text);
    uint64_t factor = 1, value;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (number.len > 0 && number.ptr[number.len - 1] == units[i].unit) {
            factor = units[i].seconds;
            number.len--;
            break;
        }
    if (text_to_u64(number, &value) < 0 || value > SECONDS_MAX / factor)
        return -EINVAL;
    *ret_seconds = value * factor;
    return 0;
}

int words_expiry(const char *text, uint64_t now_ms, char ret_text[32])
{
    uint64_t seconds, ms;
    if (text_parse_time(span_str(text), &ms) == 0) {
        text_time(ms, ret_text);
        return 0;
    }
    if (words_seconds(text, &seconds) < 0 || seconds == 0)
        return -EINVAL;
    text_time(now_ms + seconds * 1000, ret_text);
    return 0;
}

void words_age(uint64_t seconds, char ret_text[32])
{
    unsigned long long s = seconds;
    if (s >= DAY_S)
        snprintf(ret_text, 32, "%llu d %llu h", s / DAY_S, s % DAY_S / 3600);
    else if (s >= 3600)
        snprintf(ret_text, 32, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(ret_text, 32, "%llu min", s / 60);
    else
        snprintf(ret_text, 32, "%llu s", s);
}

void words_amount(double amount, char ret_text[32])
{
    double size = fabs(amount);
    if (size < 100 && size >= 0.001) {
        snprintf(ret_text, 32, "%.3g", amount);
        return;
    }
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%.0f", fmin(size, 1e15)), at = 0;
    bool minus = amount < 0 && size >= 0.5;
    if (minus)
        ret_text[at++] = '-';
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            ret_text[at++] = ',';
        ret_text[at++] = digits[i];
    }
    ret_text[at] = '\0';
}

void words_time(const char *time, char ret_text[32])
{
    if (!time || strlen(time) < 16)
        snprintf(ret_text, 32, "-");
    else
        snprintf(ret_text, 32, "%.10s %.5s", time, time + 11);
}

void words_url(const char *listen, char *ret_text, size_t size)
{
    struct span text = span_str(listen);
    if (span_starts(text, SPAN("unix:"))) {
        snprintf(ret_text, size, "%s", listen);
        return;
    }
    size_t host_len = text.len;
    while (host_len > 0 && text.ptr[host_len - 1] != ':')
        host_len--;
    struct span host = span_take(text, host_len > 0 ? host_len - 1 : 0);
    if (host.len == 0 || span_eq(host, SPAN("0.0.0.0")) || span_eq(host, SPAN("*")) ||
        span_eq(host, SPAN("[::]")))
        host = SPAN("127.0.0.1");
    snprintf(ret_text, size, "http://%.*s:%s", (int)host.len, host.ptr, listen + host_len);
}

void words_number(uint64_t value, char ret_text[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *ret_text++ = ',';
        *ret_text++ = digits[i];
    }
    *ret_text = '\0';
}

static bool is_control(struct span text, size_t len)
{
    unsigned char first = (unsigned char)text.ptr[0];
    bool c1 = len == 2 && first == 0xc2 && (unsigned char)text.ptr[1] < 0xa0;
    return first < 0x20 || first == 0x7f || c1;
}

void words_append_clean(struct buf *buf, struct span text)
{
    size_t len;
    for (; text.len > 0; text = span_skip(text, len)) {
        len = text_utf8_len(text);
        bool bad = len == 0 || is_control(text, len);
        len = len ? len : 1;
        buf_append(buf, bad ? SPAN("?") : span_take(text, len));
    }
}

void words_escape(struct buf *buf, const char *text)
{
    for (; *text; text++) {
        char c = *text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~' || c == ',' || c == ':';
        if (plain)
            buf_append_byte(buf, c);
        else
            buf_printf(buf, "%%%02X", (unsigned char)c);
    }
}
