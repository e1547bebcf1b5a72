/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one API key, or an account of several, may use: each limit said once. The table yields the configuration's settings, the tool's options, the members of
 * the admin API, the text in the database, and the words of refusals. Pure; any thread.
 *
 * LIMIT(NAME, word, option, kind, max, example, unit, help): `kind` is NUMBER or MONEY (millionths of the operator's currency; no name of it is needed). 1 is the
 * smallest value. `unit` follows the number in a sentence: "this key's limit of 600 requests per minute".
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

C_LINKAGE_BEGIN

/* clang-format off */
#define LIMITS_TABLE(LIMIT) \
    LIMIT(REQUESTS_MINUTE, requests_per_minute, "--requests-per-minute", NUMBER, 1000000000, "600", \
          "requests per minute", "Requests in a minute. The balance grows evenly, up to one minute's worth.") \
    LIMIT(TOKENS_MINUTE, tokens_per_minute, "--tokens-per-minute", NUMBER, 1000000000000, "100000", \
          "tokens per minute", "Tokens of prompts and answers in a minute. The balance grows evenly, up to one minute's worth.") \
    LIMIT(TOKENS_DAY, tokens_per_day, "--tokens-per-day", NUMBER, 1000000000000, "2000000", \
          "tokens per day", "… in a day (UTC).") \
    LIMIT(CALLS, concurrent_calls, "--concurrent-calls", NUMBER, 1000000, "8", \
          "calls at a time", "Calls under way or waiting at one time.") \
    LIMIT(SPEND_DAY, spend_per_day, "--spend-per-day", MONEY, 1000000000000, "5.00", \
          "of spend per day", "Money in a day (UTC), by the prices of the models.") \
    LIMIT(SPEND_MONTH, spend_per_month, "--spend-per-month", MONEY, 1000000000000, "50.00", \
          "of spend per month", "… in a calendar month (UTC).") \
    LIMIT(CONTEXT, context_tokens, "--context-tokens", NUMBER, 1000000000, "32768", \
          "tokens of prompt", "The longest prompt of one call, by the door's estimate.") \
    LIMIT(OUTPUT, output_tokens, "--output-tokens", NUMBER, 1000000000, "4096", \
          "tokens of answer", "The largest answer that a call may ask for; one that names none gets this.")
/* clang-format on */

enum limit {
#define LIMIT(name, ...) LIMIT_##name,
    LIMITS_TABLE(LIMIT)
#undef LIMIT
        LIMITS_COUNT
};

#define LIMIT_NONE UINT64_C(0)    /* as much as there is */
#define LIMIT_UNSET UINT64_MAX    /* as the configuration says */
#define LIMITS_TEXT_BYTES_MAX 512 /* of limits_write() */

struct limits {
    uint64_t of[LIMITS_COUNT]; /* tokens, requests, calls; money in millionths */
};

struct limit_info {
    struct span word;   /* "tokens_per_minute" */
    const char *option; /* "--tokens-per-minute" */
    const char *unit;
    const char *help;
    uint64_t max;
    bool money;
};
const struct limit_info *limit_info(enum limit limit);
/* The limit of that word; false when there is none. */
bool limit_find(struct span word, enum limit *ret_limit) must_check;

/* "none", "default", or a number of 1 or more: 0, or -EINVAL with *err. */
int limit_parse(enum limit limit, struct span text, uint64_t *ret_value,
                struct err *err) must_check;
/* The same back: "100000", "50.00", "none", "default". */
void limit_write(struct buf *buf, enum limit limit, uint64_t value);

struct limits limits_unset(void);
bool limits_are_unset(const struct limits *limits);
/* Those of `own`, and where they are unset those of `fallback`; NULL: nothing is set. What nobody sets is none. */
struct limits limits_over(const struct limits *own, const struct limits *fallback);
/* Is there anything to hold a call against? */
bool limits_any(const struct limits *limits);

/* "tokens_per_minute=1000 spend_per_day=5.00": those that are set; "" when none is. */
void limits_write(struct buf *buf, const struct limits *limits);
/* 0, or -EINVAL: an unknown word or value. */
int limits_read(struct span text, struct limits *ret_limits) must_check;

C_LINKAGE_END
