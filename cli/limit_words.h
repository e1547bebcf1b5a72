/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on the command line and for people: what cmd_key.c and cmd_account.c share. */
#pragma once

#include "base/json_out.h"
#include "base/limits.h"
#include "command.h"

#include <jansson.h>

/* An option for each limit, to stand in a command's table. */
#define LIMIT_VALUE_NUMBER "N"
#define LIMIT_VALUE_MONEY "AMOUNT"
#define LIMIT_OPTION(name, word, option, kind, max, example, unit, help)                           \
    {option, LIMIT_VALUE_##kind, help},
#define LIMIT_OPTIONS LIMITS_TABLE(LIMIT_OPTION)
#define LIMIT_OPTIONS_COUNT LIMITS_COUNT

/* "limits":{…} of those that were given, into an object that is open; nothing when none was. How many, or -EINVAL after saying why. */
int limit_words_write(const struct invocation *call, struct json_out *out) must_check;
/* "tokens_per_day=1000, spend_per_day=5.00" of {"tokens_per_day":1000,…}; "-" of none. */
void limit_words_join(const json_t *limits, char *ret_text, size_t size);
/* A table of how limits stand, as the service tells it; nothing when there are none. */
void limit_words_print_use(const json_t *use);
