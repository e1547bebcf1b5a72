/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small conversions between bytes and numbers, each with its refusals. Any thread.
 */
#pragma once

#include "base/buf.h"

C_LINKAGE_BEGIN

/* Decimal digits only, no sign, no space, no overflow: 0, or -EINVAL / -ERANGE. */
int text_to_u64(struct span text, uint64_t *ret_value) must_check;
/* The same with an optional '-'. */
int text_to_i64(struct span text, int64_t *ret_value) must_check;

/* An amount of money in millionths: "12", "12.5", "0.000001"; at most six decimals, no sign. 0, or -EINVAL / -ERANGE. */
int text_to_money(struct span text, uint64_t *ret_millionths) must_check;
/* "12.50": two decimals, or as many as it takes. */
#define TEXT_MONEY_BYTES 24
void text_write_money(struct buf *buf, uint64_t millionths);

/* Lower-case hexadecimal; `ret_text` has room for 2 * len + 1. */
void text_hex(const void *bytes, size_t len, char *ret_text);
/* Either case; exactly 2 * len digits: 0 or -EINVAL. */
int text_unhex(struct span text, void *ret_bytes, size_t len) must_check;

/* A 64-bit number as exactly 11 characters of 0-9A-Za-z, most significant first. */
#define TEXT_BASE62_U64 11
void text_base62(uint64_t value, char ret_text[TEXT_BASE62_U64]);
/* 0, or -EINVAL for another length, alphabet or a value above 2^64 - 1. */
int text_unbase62(struct span text, uint64_t *ret_value) must_check;

/* Whole valid UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF). */
bool text_is_utf8(struct span text);
/* Bytes of the one valid sequence at the front (1 … 4); 0 when it is empty, invalid or cut off. */
size_t text_utf8_len(struct span text);

/* Of a text for people that has `size` bytes of room (8 or more): the text itself when it fits, else "…" and its end, in `ret_room`. */
const char *text_tail(const char *text, char *ret_room, size_t size);

/* "2026-11-23T23:35:01.042Z" from milliseconds since 1970 (room for 25). */
#define TEXT_TIME_BYTES 25
void text_time(uint64_t wall_ms, char ret_text[TEXT_TIME_BYTES]);
/* "Mon, 23 Nov 2026 23:35:01 GMT", RFC 9110 section 5.6.7 (room for 30). */
#define TEXT_HTTP_DATE_BYTES 30
void text_http_date(uint64_t wall_ms, char ret_text[TEXT_HTTP_DATE_BYTES]);
/* The calendar month (UTC) that a time lies in: from when until when, in milliseconds since 1970. */
void text_month(uint64_t wall_ms, uint64_t *ret_from_ms, uint64_t *ret_until_ms);
/* ISO 8601 date or date-time in UTC ("2026-12-31", "2026-12-31T10:00:00Z", also what text_time()
 * writes), from 1970 on: 0 or -EINVAL. */
int text_parse_time(struct span text, uint64_t *ret_wall_ms) must_check;

C_LINKAGE_END
