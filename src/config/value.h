/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units, from and to the text of a configuration file. No unit is guessed: a duration
 * says its own, a size without one is bytes. No fractions, no signs, no spaces. Any thread.
 */
#pragma once

#include "base/buf.h"

/* "8MiB", "64KiB", "1GiB", "4096": 0, -EINVAL, or -ERANGE when it does not fit. */
int value_size(struct span text, uint64_t *ret_bytes) must_check;
/* The same with "/s" behind it; "0" may stand alone. */
int value_rate(struct span text, uint64_t *ret_bytes_per_second) must_check;
/* "500ms", "10s", "2m", "1h", "0". */
int value_duration(struct span text, uint64_t *ret_ms) must_check;
/* "10%" */
int value_percent(struct span text, uint64_t *ret_percent) must_check;
/* "true" or "false" */
int value_bool(struct span text, bool *ret_value) must_check;

/* With the largest unit that leaves no fraction. */
void value_write_size(struct buf *buf, uint64_t bytes);
void value_write_duration(struct buf *buf, uint64_t ms);

/* Text from a file as an error may show it: terminated, printable, cut with "…" when long. */
#define VALUE_QUOTE_BYTES 72
void value_quote(struct span text, char ret_text[VALUE_QUOTE_BYTES]);
