/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that says who used how many tokens when, as other services write it: CSV with a header (RFC 4180), or one JSON object a line. Read as it
 * comes, in pieces of any size: nothing but the row at hand is kept.
 *
 *     api_key,startTime,prompt_tokens,completion_tokens        {"user":"alice","time":1769990400,"tokens_in":120,"tokens_out":80}
 *     88dc28d0…,2026-11-21 10:02:11.123,120,80
 *
 * Names of columns and members are matched without case, '_', '-', '.' and spaces, from the table in usage_rows.c; others are passed over. Of several that
 * say who it was the first that is not empty counts: a key before a user before an address. Times are ISO 8601 (UTC where no zone is said) or seconds,
 * milliseconds or microseconds since 1970. A text that begins like a key ("sk-") leaves as its SHA-256.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define USAGE_ROW_BYTES_MAX (1U << 20)
#define USAGE_WHO_BYTES_MAX 512

enum usage_format { USAGE_AUTO, USAGE_CSV, USAGE_JSONL };

/* Spans live during the call. */
struct usage_row {
    struct span who; /* 1 … USAGE_WHO_BYTES_MAX bytes of UTF-8 without control characters */
    uint64_t wall_ms;
    uint64_t prompt_tokens, completion_tokens;
};

struct usage_events {
    /* `line` is where the row begins, from 1. A negative result ends the reading and is returned. */
    int (*row)(void *owner, uint64_t line, const struct usage_row *row);
    /* A row that cannot be used. */
    void (*bad)(void *owner, uint64_t line, const char *why);
};

struct usage_rows;

/* NULL when out of memory. */
struct usage_rows *usage_rows_new(enum usage_format format, const struct usage_events *events, void *owner) must_check;
void usage_rows_free(struct usage_rows *rows);
/* 0, or < 0 with *err, which begins with the line ("1: …"): the header lacks a column, out of memory, or what an event gave. */
int usage_rows_feed(struct usage_rows *rows, struct span bytes, struct err *err) must_check;
/* The file ends here. */
int usage_rows_end(struct usage_rows *rows, struct err *err) must_check;

/* A time as above, in milliseconds since 1970. 0 or -EINVAL. */
int usage_time_read(struct span text, uint64_t *ret_wall_ms) must_check;
