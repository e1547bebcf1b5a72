/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts: durations read and shown, times, addresses, escapes.
 */
#pragma once

#include "base/buf.h"

/* "90", "90s", "30m", "1h", "7d" in seconds. 0 or -EINVAL. */
int words_seconds(const char *text, uint64_t *ret_seconds) must_check;
/* A date stays; a duration counts from now. 0 or -EINVAL. */
int words_expiry(const char *text, uint64_t now_ms, char ret_text[32]) must_check;
/* "3 d 4 h", "12 min", "8 s". */
void words_age(uint64_t seconds, char ret_text[32]);
/* "0.25", "3.4", "1,234": three digits or all whole ones. */
void words_amount(double amount, char ret_text[32]);
/* "2026-11-24 10:00" of what the service writes; "-" of NULL. */
void words_time(const char *time, char ret_text[32]);
/* "http://127.0.0.1:8080" of a listen address; a wildcard is spoken as this machine. */
void words_url(const char *listen, char *ret_text, size_t size);
/* "12345678" as "12,345,678". */
void words_number(uint64_t value, char ret_text[32]);
/* Appends text for a terminal: control characters and what is no UTF-8 as '?', so that nothing can move the cursor. */
void words_append_clean(struct buf *buf, struct span text);
/* Appends `text` as it may stand in a query. */
void words_escape(struct buf *buf, const char *text);
