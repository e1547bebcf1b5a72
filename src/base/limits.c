/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"

#include "base/text.h"

enum { NUMBER, MONEY };

static const struct limit_info infos[] = {
#define LIMIT(name, word_, option_, kind_, max_, example_, unit_, help_)                           \
    [LIMIT_##name] = {.word = {#word_, sizeof(#word_) - 1},                                        \
                      .option = (option_),                                                         \
                      .unit = (unit_),                                                             \
                      .help = (help_),                                                             \
                      .max = (max_),                                                               \
                      .money = (kind_) == MONEY},
    LIMITS_TABLE(LIMIT)
#undef LIMIT
};

const struct limit_info *limit_info(enum limit limit)
{
    check((size_t)limit < COUNT_OF(infos));
    return &infos[limit];
}

bool limit_find(struct span word, enum limit *ret_limit)
{
    for (size_t i = 0; i < COUNT_OF(infos); i++) {
        if (!span_eq(infos[i].word, word))
            continue;
        *ret_limit = (enum limit)i;
        return true;
    }
    return false;
}

/* ── one value ── */

static void write_number(struct buf *buf, const struct limit_info *info, uint64_t value)
{
    if (info->money)
        text_write_money(buf, value);
    else
        buf_append_u64(buf, value);
}

static int bad_value(const struct limit_info *info, struct err *err)
{
    char memory[TEXT_MONEY_BYTES];
    struct buf max = {.ptr = memory, .cap = sizeof(memory) - 1, .max = sizeof(memory) - 1};
    write_number(&max, info, info->max);
    return err_set(
        err, -EINVAL, "'%s' must be %s and at most %s, or none, or default", info->word.ptr,
        info->money ? "an amount such as 12.50, above 0" : "a number of 1 or more", buf_cstr(&max));
}

int limit_parse(enum limit limit, struct span text, uint64_t *ret_value, struct err *err)
{
    const struct limit_info *info = limit_info(limit);
    uint64_t value;
    if (span_eq(text, SPAN("none"))) {
        *ret_value = LIMIT_NONE;
        return 0;
    }
    if (span_eq(text, SPAN("default"))) {
        *ret_value = LIMIT_UNSET;
        return 0;
    }
    int result = info->money ? text_to_money(text, &value) : text_to_u64(text, &value);
    if (result < 0 || value == 0 || value > info->max)
        return bad_value(info, err);
    *ret_value = value;
    return 0;
}

void limit_write(struct buf *buf, enum limit limit, uint64_t value)
{
    if (value == LIMIT_NONE)
        buf_append(buf, SPAN("none"));
    else if (value == LIMIT_UNSET)
        buf_append(buf, SPAN("default"));
    else
        write_number(buf, limit_info(limit), value);
}

/* ── all of them ── */

struct limits limits_unset(void)
{
    struct limits limits;
    for (size_t i = 0; i < LIMITS_COUNT; i++)
        limits.of[i] = LIMIT_UNSET;
    return limits;
}

bool limits_are_unset(const struct limits *limits)
{
    for (size_t i = 0; i < LIMITS_COUNT; i++)
        if (limits->of[i] != LIMIT_UNSET)
            return false;
    return true;
}

struct limits limits_over(const struct limits *own, const struct limits *fallback)
{
    struct limits limits;
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        uint64_t value = own ? own->of[i] : LIMIT_UNSET;
        if (value == LIMIT_UNSET && fallback)
            value = fallback->of[i];
        limits.of[i] = value == LIMIT_UNSET ? LIMIT_NONE : value;
    }
    return limits;
}

bool limits_any(const struct limits *limits)
{
    for (size_t i = 0; i < LIMITS_COUNT; i++)
        if (limits->of[i] != LIMIT_NONE)
            return true;
    return false;
}

void limits_write(struct buf *buf, const struct limits *limits)
{
    bool first = true;
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        if (limits->of[i] == LIMIT_UNSET)
            continue;
        if (!first)
            buf_append_byte(buf, ' ');
        first = false;
        buf_append(buf, infos[i].word);
        buf_append_byte(buf, '=');
        limit_write(buf, (enum limit)i, limits->of[i]);
    }
}

int limits_read(struct span text, struct limits *ret_limits)
{
    struct limits limits = limits_unset();
    struct span part, word;
    enum limit limit;
    while (text.len > 0 && span_split(&text, ' ', &part)) {
        if (!span_split(&part, '=', &word) || span_is_null(part) || !limit_find(word, &limit) ||
            limit_parse(limit, part, &limits.of[limit], NULL) < 0)
            return -EINVAL;
    }
    *ret_limits = limits;
    return 0;
}
