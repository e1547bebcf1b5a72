/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of the access log: a record as one JSON object, with a line feed behind. Made by hand because each request pays for it.
 * Whatever the spans hold, a line is valid JSON, valid UTF-8, one line, and at most ACCESS_LINE_BYTES_MAX long.
 */
#pragma once

#include "base/text.h"
#include "record/record.h"

#define ACCESS_LINE_BYTES_MAX 12288

/* Belongs to one thread. Start with zeros. */
struct access_writer {
    uint64_t peer;   /* the hash of the record's address; 0: none */
    uint64_t second; /* since 1970; `date` is this second's text */
    char date[TEXT_TIME_BYTES];
};

/* Writes at `at`, where ACCESS_LINE_BYTES_MAX bytes are free. Returns the length. */
size_t access_line_write(struct access_writer *writer, const struct record *record, char *at);

/* docs/access-log.md */
void access_write_reference(struct buf *buf);
